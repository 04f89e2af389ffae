"""Ranges of versions, as a ``Chart.yaml`` writes them for Kubernetes and for subcharts. Pure.

Read as Helm's library for Semantic Versioning reads them: a pre-release is within a range only
where the range names one itself, and numbers that are left out or ``x`` stand for all.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from portal.domain.charts import version_order

MAX_LENGTH = 512
"""Characters of a range. Helm takes no longer one."""
MAX_ALTERNATIVES = 32

_ID = r"[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*"
_NUMBER = r"[0-9|xX*]+"
_VERSION = rf"v?(?:{_NUMBER})(?:\.(?:{_NUMBER}))?(?:\.(?:{_NUMBER}))?(?:-{_ID})?(?:\+{_ID})?"
_PARTS = re.compile(
    rf"v?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?(-{_ID})?(?:\+{_ID})?", re.ASCII
)
_OPERATOR = r"=>|=<|!=|>=|<=|~>|[=><~^]|"
_COMPARISON = re.compile(rf"({_OPERATOR})\s*({_VERSION})", re.ASCII)
_COMPARISONS = re.compile(
    rf"\s*(?:{_OPERATOR})\s*{_VERSION}\s*(?:(?:\s+|,\s*)(?:{_OPERATOR})\s*{_VERSION}\s*)*",
    re.ASCII,
)
_SPAN = re.compile(rf"\s*({_VERSION})\s+-\s+({_VERSION})\s*", re.ASCII)
_OPEN = frozenset({None, "x", "X", "*"})

_Order = tuple[bool, tuple[int, ...], bool, tuple[tuple[int, int, str], ...]]


class _Bound(Struct, frozen=True):
    """The bound of a comparison. ``given`` is the number of parts that are named, of three."""

    order: _Order
    given: int

    @property
    def numbers(self) -> tuple[int, ...]:
        return self.order[1]

    @property
    def released(self) -> bool:
        return self.order[2]


def within(version: str, wanted: str) -> bool | None:
    """Return True if a version is in a range; None if either cannot be understood.

    >>> [within("1.37.2", each) for each in (">=1.25.0-0", "^1.20", "1.x", "<1.30 || >2", "~1.36")]
    [True, True, True, False, False]
    """
    ours = _order(version)
    spelt_out = _SPAN.sub(lambda found: f">= {found[1]}, <= {found[2]} ", wanted[: MAX_LENGTH + 1])
    alternatives = spelt_out.split("||")
    if not ours[0] or len(wanted) > MAX_LENGTH or len(alternatives) > MAX_ALTERNATIVES:
        return None
    read = [_comparisons(each) for each in alternatives]
    if any(each is None for each in read):
        return None
    return any(_holds(ours, each) for each in read if each is not None)


def _order(version: str) -> _Order:
    return version_order(version)[:4]


def _comparisons(text: str) -> list[tuple[str, _Bound]] | None:
    """One alternative: comparisons that have to hold together; None if it is none."""
    if not _COMPARISONS.fullmatch(text):
        return None
    found = [(each[1], _bound(each[2])) for each in _COMPARISON.finditer(text)]
    known = [(operator, bound) for operator, bound in found if bound is not None]
    return known if len(known) == len(found) else None


def _bound(text: str) -> _Bound | None:
    match = _PARTS.fullmatch(text)
    named: list[str] = []
    for part in match.groups()[:3] if match else ():
        if part in _OPEN:
            break
        named.append(part)
    if match is None or not all(each.isdecimal() for each in named):
        return None
    order = _order(".".join([*named, "0", "0", "0"][:3]) + (match[4] or ""))
    return _Bound(order, len(named)) if order[0] else None


def _holds(ours: _Order, comparisons: list[tuple[str, _Bound]]) -> bool:
    if not ours[2] and all(bound.released for _, bound in comparisons):
        return False
    return all(_OPERATORS[operator](ours, bound) for operator, bound in comparisons)


def _same(ours: _Order, bound: _Bound) -> bool:
    return ours == bound.order if bound.given == 3 else _near(ours, bound)


def _other(ours: _Order, bound: _Bound) -> bool:
    if bound.given in {0, 3}:
        return ours != bound.order
    if ours[1][: bound.given] != bound.numbers[: bound.given]:
        return True
    return bound.given == 2 and ours[2:] != bound.order[2:]


def _more(ours: _Order, bound: _Bound) -> bool:
    if bound.given in {0, 3}:
        return ours > bound.order
    return ours[1][: bound.given] > bound.numbers[: bound.given]


def _at_most(ours: _Order, bound: _Bound) -> bool:
    if bound.given == 3:
        return ours <= bound.order
    named = bound.given or 2  # of none it is 0.0
    return ours[1][:named] <= bound.numbers[:named]


def _near(ours: _Order, bound: _Bound) -> bool:
    """``~``: the same minor version, or the same major one where no minor is named."""
    if ours < bound.order:
        return False
    anything = bound.given in {0, 3} and not any(bound.numbers)
    named = min(bound.given, 2)
    return anything or ours[1][:named] == bound.numbers[:named]


def _compatible(ours: _Order, bound: _Bound) -> bool:
    """``^``: the same up to the first named number that is not 0."""
    if ours < bound.order:
        return False
    given = bound.given or 3
    first = next((n for n, each in enumerate(bound.numbers[:given]) if each), given - 1)
    return ours[1][: first + 1] == bound.numbers[: first + 1]


_OPERATORS: dict[str, Callable[[_Order, _Bound], bool]] = {
    "": _same,
    "=": _same,
    "!=": _other,
    ">": _more,
    "<": lambda ours, bound: ours < bound.order,
    ">=": lambda ours, bound: ours >= bound.order,
    "=>": lambda ours, bound: ours >= bound.order,
    "<=": _at_most,
    "=<": _at_most,
    "~": _near,
    "~>": _near,
    "^": _compatible,
}
