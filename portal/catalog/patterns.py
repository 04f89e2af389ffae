"""Regular expressions of charts' schemas, matched as Helm matches them and in linear time.

Helm checks schemas with Go's ``regexp``, which has RE2's dialect: what RE2 cannot compile, such as
look-aheads and back-references, Helm refuses as well.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import re2

MAX_PATTERN = 2_000
MAX_SUBJECT = 4_096
"""Characters of a text to match: a match takes time proportional to this and the pattern."""
_MEMORY = 2**18
"""Bytes that a compiled pattern may take."""
_CACHED = 64
"""Compiled patterns in memory."""


def matches(pattern: str, text: str) -> bool | None:
    """Return True if ``pattern`` is found in ``text``; None where the check is left to Helm."""
    compiled = _compiled(pattern)
    if compiled is None or len(text) > MAX_SUBJECT:
        return None
    try:
        return compiled.search(text) is not None
    except UnicodeEncodeError:  # a lone surrogate
        return None


def cost(pattern: str, text: str) -> int:
    """The cost of a match, in steps of some 10 µs at most; 0 or a few for nearly all."""
    compiled = _compiled(pattern)
    return 0 if compiled is None else int(compiled.programsize) * len(text) // 1_000


@lru_cache(maxsize=_CACHED)
def _compiled(pattern: str) -> Any:
    """The compiled pattern; None if it is invalid or too large."""
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
