"""The order in which tags are offered: newest first, as far as their names tell. Pure.

Registries list tags by name, and tell no times. The rule: ``latest``; then versions, the greater
number first (``3.12.1``, ``3.12``, ``3``), with a finished version before its variants
(``3.12-slim``) and those before its pre-releases (``3.12rc1``); then dates, the later first; then
all others by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

SHOWN = 200
"""Tags that are offered."""

_VERSION = re.compile(r"[vV]?(\d{1,6}(?:\.\d{1,9}){0,5})(?!\.?\d)(.*)", re.DOTALL)
_DATE = re.compile(r"(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})(?!\d)(.*)", re.DOTALL)
_BEFORE = re.compile(
    r"[-_.]?(?:(?P<other>dev|nightly|pre|preview|snapshot)|(?P<alpha>alpha|a)|(?P<beta>beta|b)"
    r"|(?P<rc>rc))[-_.]?(?P<number>\d{0,9})(?![A-Za-z\d]).*",
    re.IGNORECASE | re.DOTALL,
)
_STAGES = ("rc", "beta", "alpha", "other")
_NO_IMAGE = re.compile(r"sha256-[0-9a-f]{64}(\.(sig|att|sbom))?")
"""Signatures and the like, which are kept beside images as if they were tags."""

_LATEST, _VERSIONS, _DATES, _OTHERS = range(4)
_FINISHED, _VARIANT, _PRE_RELEASE = range(3)

_Order = tuple[int, tuple[int, ...], tuple[int, ...], str]


def newest_first(tags: Iterable[str]) -> list[str]:
    """Return the tags of images, each once, in the order in which they are offered."""
    return sorted({each for each in tags if each and not _NO_IMAGE.fullmatch(each)}, key=_order)


def _order(tag: str) -> _Order:
    if tag == "latest":
        return _LATEST, (), (), ""
    if found := _DATE.fullmatch(tag):
        year, month, day, rest = found.groups()
        if _is_date(int(year), int(month), int(day)):
            return _DATES, _descending((int(year), int(month), int(day))), (len(rest),), tag
    if found := _VERSION.fullmatch(tag):
        numbers = tuple(int(each) for each in found[1].split("."))
        return _VERSIONS, _descending(numbers), _maturity(found[2]), tag
    return _OTHERS, (), (), tag


def _descending(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers that sort the other way round; what goes on (3.12) comes before what ends (3)."""
    return (*(-each for each in numbers), 1)


def _maturity(rest: str) -> tuple[int, ...]:
    """Return the sort key of a version's suffix among versions of the same number."""
    if not rest:
        return (_FINISHED,)
    found = _BEFORE.fullmatch(rest)
    if found is None:
        return (_VARIANT,)
    stage = next(at for at, name in enumerate(_STAGES) if found[name])
    return _PRE_RELEASE, stage, -int(found["number"] or 0)


def _is_date(year: int, month: int, day: int) -> bool:
    if not 1990 <= year <= 2200:
        return False
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
