"""Regular expressions of charts: tried only where they cannot take long.

Helm checks every pattern with Go's engine, whose time is linear. Python's may need exponential
time, so here only patterns of a plain build are tried; about others the form says nothing, and
Helm has the last word.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_PATTERN = 200
MAX_SUBJECT = 256
MAX_REPEATS = 2
"""Long repeats in one pattern that is anchored; one less otherwise. The time grows with this
power of the text's length."""

_TOKEN = re.compile(
    r"(?P<escape>\\.)|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<open>\((?:\?:)?)|(?P<close>\))"
    r"|(?P<repeat>[*+]|\{\d+,?\d*\})\??|(?P<maybe>\?\??)|(?P<plain>.)",
    re.DOTALL,
)
_STRANGE = re.compile(
    r"\(\?[^:]|\\[pPzZAkgQECG1-9]|\[\^?\["
    # Also after a "]" that is a member of its set: the first one, or an escaped one.
    r"|\[(?:[^\]]*|\^?\]?(?:\\.|[^\]\\])*)(?:--|&&|~~|\|\||\[)",
    re.DOTALL,
)


def matches(pattern: str, text: str) -> bool | None:
    """Whether ``pattern`` is found in ``text``; None where that is left to Helm."""
    if len(text) > MAX_SUBJECT or text.endswith("\n"):
        return None
    compiled = _compiled(pattern)
    return None if compiled is None else compiled.search(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    if not _plain(pattern):
        return None
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None


def _plain(pattern: str) -> bool:
    """Whether a pattern has few repeats, none of them around another or a choice."""
    if len(pattern) > MAX_PATTERN or _STRANGE.search(pattern):
        return False
    anchored = pattern.startswith("^") and "|" not in pattern
    repeats = 0
    inside = [False]  # whether the group at each level holds a repeat or a choice
    closed = False  # whether the group that was just closed does
    for token in _TOKEN.finditer(pattern):
        kind = token.lastgroup
        if kind == "open":
            inside.append(False)
        elif kind == "close":
            if len(inside) == 1:
                return False
            closed = inside.pop()
            inside[-1] = inside[-1] or closed
            continue
        elif kind == "repeat":
            if closed:
                return False
            inside[-1] = True
            repeats += _is_long(token["repeat"])
        elif token["plain"] == "|":
            inside[-1] = True  # (a|aa)+ is as bad as (a+)+
        closed = False
    return repeats < MAX_REPEATS + anchored


def _is_long(repeat: str) -> bool:
    if repeat in {"*", "+"} or repeat.endswith(",}"):
        return True
    return int(repeat.strip("{}").rpartition(",")[2]) > 10
