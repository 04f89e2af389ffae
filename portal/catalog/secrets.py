"""Which values are probably secret, by their names: a form hides them, a link leaves them out."""

from __future__ import annotations

import re
from typing import cast

from portal.catalog.values import Values, as_mapping

_SECRET = re.compile(
    r"password|passwd|passphrase|secret|token|credential|(api|access|private|auth)[-_]?key", re.I
)
_NAME_OF_ONE = re.compile(
    r"^existing|(name|ref|header|file|path)s?$|(password|token)_?key$|(pull|tls)_?secrets?$", re.I
)


def is_secret(name: str) -> bool:
    """Whether a value of this name is one to hide, not the name of a Secret that holds it."""
    return _SECRET.search(name) is not None and _NAME_OF_ONE.search(name) is None


def without_secrets(values: Values) -> Values:
    """A copy without what is probably secret, also among environment variables."""
    return as_mapping(_open(values))


def _open(value: object) -> object:
    if isinstance(value, list):
        return [_open(each) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    here = cast("Values", value)
    variable = is_secret(str(here.get("name", "")))
    kept: Values = {}
    for name, each in here.items():
        hidden = is_secret(name) or (variable and name == "value")
        if as_mapping(each) or not hidden:
            kept[name] = _open(each)
    return kept
