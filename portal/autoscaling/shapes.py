"""Shapes of load: what an app might get to do, for simulations before there is a record. Pure.

Amounts are in one unit throughout, such as cores or requests a second; times are in seconds from
the beginning.
"""

from __future__ import annotations

import csv
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from io import StringIO

from msgspec import Struct

from portal.autoscaling.simulation import Load

MINUTE = 60
HOUR = 3600.0
LONGEST = 24 * HOUR
"""The longest load that is simulated: a day."""

MOST_ROWS = 20_000
"""The most rows of a file."""

MOST = 1e9
"""The largest amount of a load."""


class Shape(StrEnum):
    """The shapes that need two amounts only: the load at rest, and the one at the peak."""

    STEADY = "steady"
    DAILY = "daily"
    SPIKE = "spike"
    LAUNCH_DAY = "launch-day"


class Course(Struct, frozen=True):
    """A load over time: an amount for each ``step`` seconds."""

    step: int
    amounts: tuple[float, ...]

    @property
    def seconds(self) -> int:
        """The time that it covers."""
        return self.step * len(self.amounts)

    def loads(self, cores: float) -> tuple[Load, ...]:
        """Return it as a load to simulate, of which one of its amounts takes so many cores."""
        found = [Load(self.step * at, each * cores) for at, each in enumerate(self.amounts)]
        # The last part of a load only ends it.
        return (*found, Load(self.seconds, found[-1].cpu)) if found else ()


def course_of(shape: Shape, rest: float, peak: float) -> Course:
    """Return the course of a shape between two amounts."""
    seconds, step, height = _SHAPES[shape]
    times = range(0, int(seconds), step)
    return Course(step, tuple(rest + (peak - rest) * height(at / HOUR) for at in times))


def _daily(hour: float) -> float:
    """A day: least at midnight, most at noon."""
    return (1 - math.cos(2 * math.pi * hour / 24)) / 2


def _spike(hour: float) -> float:
    """At rest for 20 minutes, at the peak within a minute, for ten of them, and back as fast."""
    minute = 60 * hour
    return max(0.0, min(1.0, minute - 20, 31 - minute))


def _launch_day(hour: float) -> float:
    """At rest for an hour, up to the peak within ten minutes; then half as much every two hours."""
    since = hour - 1
    return max(0.0, min(6 * since, 0.5 ** max(0.0, (since - 1 / 6) / 2)))


_SHAPES: Mapping[Shape, tuple[float, int, Callable[[float], float]]] = {
    Shape.STEADY: (HOUR, MINUTE, lambda _: 1.0),
    Shape.DAILY: (LONGEST, MINUTE, _daily),
    Shape.SPIKE: (1.5 * HOUR, 15, _spike),
    Shape.LAUNCH_DAY: (12 * HOUR, MINUTE, _launch_day),
}


class UnreadableLoad(ValueError):
    """Raised for a file that holds no load; the message says where and why."""


def read_course(text: str) -> Course:
    """Return the load of a file: lines of a time and an amount, separated by , ; or a tab.

    Times are seconds, a time of day (08:30) or a date and time (ISO 8601), each later than the one
    before. Each amount holds until the next; where there are more than one a minute their mean
    counts (a quarter of a minute, of files of two hours and less). The first line may be a heading.

    Raises:
        UnreadableLoad: it is something else, too long, or covers more than a day.
    """
    rows = _rows(text.removeprefix("\ufeff"))
    times, amounts = [at for at, _ in rows], [amount for _, amount in rows]
    seconds = times[-1]
    if seconds < MINUTE:
        raise UnreadableLoad("It covers less than a minute: there is nothing to scale for.")
    if seconds > LONGEST:
        raise UnreadableLoad(
            f"It covers {seconds / HOUR:.0f} hours, and a day at most is simulated: take a part."
        )
    step = 15 if seconds <= 2 * HOUR else MINUTE
    return Course(step, tuple(_means(times, amounts, step)))


def _means(times: Sequence[float], amounts: Sequence[float], step: int) -> list[float]:
    """Return the mean of each step's amounts; without one, that which holds from before."""
    found: list[float] = []
    for begin in range(0, int(times[-1]) + 1, step):
        first = bisect_right(times, begin - 1e-9)
        within = amounts[first : bisect_right(times, begin + step - 1e-9)]
        found.append(sum(within) / len(within) if within else amounts[first - 1])
    return found


def _rows(text: str) -> list[tuple[float, float]]:
    """Return the times, from 0 on, and the amounts of a file."""
    lines = text.splitlines()
    if len(lines) > MOST_ROWS + 1:
        raise UnreadableLoad(f"It has {len(lines)} lines, and {MOST_ROWS} at most are read.")
    first = next((each for each in lines if each.strip()), "")
    mark = next((each for each in (";", "\t", ",") if each in first), ",")
    read: list[tuple[float, float]] = []
    begin = 0.0
    try:
        for number, cells in enumerate(csv.reader(StringIO(text, newline=""), delimiter=mark), 1):
            if not any(each.strip() for each in cells):
                continue
            where = f"Line {number}"
            if len(cells) < 2:
                raise UnreadableLoad(
                    f"{where} has one column: a time and a load are wanted, such as “0, 0.5”."
                )
            at, amount = _time(cells[0].strip()), _amount(cells[1].strip(), mark)
            if not read and at is None and amount is None:
                continue  # a heading
            if at is None:
                raise UnreadableLoad(
                    f"{where}: “{_cut(cells[0])}” is no time. Seconds, 08:30 or "
                    "2026-01-31T08:30 are read."
                )
            if amount is None:
                raise UnreadableLoad(f"{where}: “{_cut(cells[1])}” is no number of 0 or more.")
            begin = begin if read else at
            if read and at - begin <= read[-1][0]:
                raise UnreadableLoad(f"{where}: its time is not later than the one before it.")
            read.append((at - begin, amount))
    except csv.Error as error:
        raise UnreadableLoad("It is no table of comma-separated values.") from error
    if len(read) < 2:
        raise UnreadableLoad("It has fewer than two lines with a time and a load.")
    return read


_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")


def _number(text: str) -> float | None:
    found = float(text) if len(text) <= 40 and _NUMBER.fullmatch(text) else math.nan
    return found if math.isfinite(found) else None


def _amount(text: str, mark: str) -> float | None:
    """Return an amount; with a mark other than a comma, that may be the decimal one."""
    found = _number(text if mark == "," else text.replace(",", "."))
    return found if found is not None and 0 <= found <= MOST else None


def _time(text: str) -> float | None:
    """Return a time in seconds."""
    seconds = _number(text)
    if seconds is not None:
        return seconds
    clock = _CLOCK.fullmatch(text)
    if clock:
        hours, minutes, rest = int(clock[1]), int(clock[2]), int(clock[3] or 0)
        fits = hours <= 24 and minutes < 60 and rest < 60
        return hours * HOUR + minutes * MINUTE + rest if fits else None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 30 else f"{text[:29]}…"
