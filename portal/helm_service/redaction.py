"""Removal of secrets and of user-supplied values from Helm's error output."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import cast

from portal.domain.error_redaction import texts_in, without_values
from portal.domain.secrets import SHORTEST, scrubbed_text, secret_texts

MAX_OUTPUT = 256 * 1024
"""Characters of Helm's output that are kept: the last ones, which hold the error."""


def secrets_in(values: bytes | None) -> tuple[str, ...]:
    """The likely secrets in a release's values (JSON), with all values of environment variables.

    Longest first, so that a secret is replaced before another one that is a part of it.
    """
    decoded = _decoded(values)
    found = {*secret_texts(decoded), *_variables(decoded)}
    return tuple(sorted((each for each in found if len(each) >= SHORTEST), key=len, reverse=True))


def value_texts(values: bytes | None, harmless: Collection[str] = ()) -> frozenset[str]:
    """The texts in a release's values (JSON), without ``harmless`` ones such as its name."""
    return frozenset(texts_in(_decoded(values))) - frozenset(harmless)


def redact(text: str, secrets: Iterable[str] = (), values: Collection[str] = ()) -> str:
    """``text`` without ``secrets``, anything else that looks like one, and quoted ``values``."""
    if len(text) > MAX_OUTPUT:
        # Drop the cut line, since half of a secret would not be recognised.
        text = text[-MAX_OUTPUT:].partition("\n")[2]
    return without_values(scrubbed_text(text, secrets), values)


def _decoded(values: bytes | None) -> object:
    try:
        return json.loads(values or b"null")
    except ValueError:
        return None


def _variables(values: object) -> Iterator[str]:
    listed = cast("dict[str, object]", values).get("extraEnvVars") if _is_map(values) else None
    for each in cast("list[object]", listed) if isinstance(listed, list) else ():
        if _is_map(each):
            yield str(cast("dict[str, object]", each).get("value", ""))


def _is_map(value: object) -> bool:
    return isinstance(value, dict)
