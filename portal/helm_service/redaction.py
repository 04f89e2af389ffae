"""Keeping secrets, and the values that were given, out of what Helm says when it fails."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from typing import cast

from portal.domain.quoted import texts_in, without_values
from portal.domain.secrets import SHORTEST, scrubbed_text, secret_texts

MOST = 256 * 1024
"""Characters of Helm's output that are kept: its last, where it says what went wrong."""


def secrets_in(values: bytes | None) -> tuple[str, ...]:
    """What looks like a secret in a release's values (JSON), and all that environment variables
    are set to; longest first."""
    decoded = _decoded(values)
    found = {*secret_texts(decoded), *_variables(decoded)}
    return tuple(sorted((each for each in found if len(each) >= SHORTEST), key=len, reverse=True))


def given_in(values: bytes | None, harmless: Collection[str] = ()) -> frozenset[str]:
    """Every text among a release's values (JSON) but ``harmless``, such as its own name."""
    return frozenset(texts_in(_decoded(values))) - frozenset(harmless)


def redact(text: str, secrets: Iterable[str] = (), given: Collection[str] = ()) -> str:
    """``text`` without ``secrets``, whatever looks like one, and quoted values."""
    if len(text) > MOST:
        text = text[-MOST:].partition("\n")[2]  # a line that is cut could hide half a secret
    return without_values(scrubbed_text(text, secrets), given)


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
