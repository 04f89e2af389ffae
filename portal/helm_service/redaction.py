"""Keeping secrets out of messages and logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import cast

HIDDEN = "[hidden]"

_PATTERNS = (
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),  # user:password in an address
    re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # JSON web token
    re.compile(r"(?i)(?<=bearer )[\w.~+/=-]{8,}"),
)

_SHORTEST = 6
"""Characters. Shorter values are too common in ordinary text to be taken out of it."""


def secrets_in(values: bytes | None) -> tuple[str, ...]:
    """The values of environment variables in a release's values, as JSON; longest first."""
    if not values:
        return ()
    try:
        decoded: object = json.loads(values)
    except ValueError:
        return ()
    variables: object = (
        cast("dict[str, object]", decoded).get("extraEnvVars")
        if isinstance(decoded, dict)
        else None
    )
    if not isinstance(variables, list):
        return ()
    found = {
        str(cast("dict[str, object]", each).get("value", ""))
        for each in cast("list[object]", variables)
        if isinstance(each, dict)
    }
    return tuple(sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True))


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without ``secrets``, tokens, and passwords in addresses."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(HIDDEN, text)
    return text
