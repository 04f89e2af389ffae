"""A chart's regular expressions, matched as Helm matches them and in linear time.

Helm checks schemas with Go's ``regexp``, which has RE2's dialect: what RE2 cannot compile, such as
look-aheads and back-references, Helm refuses as well.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import re2

MAX_PATTERN = 2_000
MAX_SUBJECT = 4_096
"""Characters of a text that is tried. A match takes at most this times the pattern's size."""
_MEMORY = 2**18
"""Bytes that a compiled pattern may take; of these, so many are kept."""
_KEPT = 64


def matches(pattern: str, text: str) -> bool | None:
    """Whether ``pattern`` is found in ``text``; None where that is left to Helm."""
    compiled = _compiled(pattern)
    if compiled is None or len(text) > MAX_SUBJECT:
        return None
    try:
        return compiled.search(text) is not None
    except UnicodeEncodeError:  # half a character
        return None


def cost(pattern: str, text: str) -> int:
    """Steps of some 10 µs that a match may take; none or a few for nearly all there are."""
    compiled = _compiled(pattern)
    return 0 if compiled is None else int(compiled.programsize) * len(text) // 1_000


@lru_cache(maxsize=_KEPT)
def _compiled(pattern: str) -> Any:
    """The compiled pattern; None if it is no pattern, or too large."""
    if len(pattern) > MAX_PATTERN:
        return None
    try:
        return cast("Any", re2).compile(pattern, _options())
    except (re2.error, UnicodeEncodeError):
        return None


def _options() -> Any:
    options = cast("Any", re2).Options()
    options.max_mem = _MEMORY
    options.never_capture = True
    options.log_errors = False
    return options
