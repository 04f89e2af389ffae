"""Keeping secrets out of messages and logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import cast

from portal.domain.secrets import HIDDEN, SHORTEST, secret_texts

_PATTERNS = (
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),  # user:password in an address
    re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # JSON web token
    re.compile(r"(?i)(?<=bearer )[\w.~+/=-]{8,}"),
)


def secrets_in(values: bytes | None) -> tuple[str, ...]:
    """What looks like a secret in a release's values (JSON), and all that environment variables
    are set to; longest first."""
    if not values:
        return ()
    try:
        decoded: object = json.loads(values)
    except ValueError:
        return ()
    found = {*secret_texts(decoded), *_variables(decoded)}
    return tuple(sorted((each for each in found if len(each) >= SHORTEST), key=len, reverse=True))


def _variables(values: object) -> Iterator[str]:
    listed = cast("dict[str, object]", values).get("extraEnvVars") if _is_map(values) else None
    for each in cast("list[object]", listed) if isinstance(listed, list) else ():
        if _is_map(each):
            yield str(cast("dict[str, object]", each).get("value", ""))


def _is_map(value: object) -> bool:
    return isinstance(value, dict)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without ``secrets``, tokens, and passwords in addresses."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(HIDDEN, text)
    return text
