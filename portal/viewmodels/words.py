"""Formatting of numbers, amounts, times and lists; nothing else formats them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime

_STEPS = (15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400)


def number(value: float, digits: int = 2) -> str:
    """``value`` with at most ``digits`` decimals and no trailing zeros: 2.50 → "2.5"."""
    if not math.isfinite(value):
        return "?"
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def precise(value: float) -> str:
    """``value`` with two decimals, or two significant digits if it is small: 0.00254 → "0.0025"."""
    small = math.isfinite(value) and 0 < abs(value) < 0.1
    return number(value, 1 - math.floor(math.log10(abs(value))) if small else 2)


def hours_of(value: float, what: str) -> str:
    """A thing × time, however small: "1 core-hour", "0.0028 core-hours"."""
    text = precise(value)
    return f"{text} {what}-hour" if text == "1" else f"{text} {what}-hours"


def percent(value: float) -> str:
    """A percentage, whole: 142.6 → "143 %"."""
    return f"{number(value, 0)} %"


def cores(value: float) -> str:
    """An amount of CPU: 0.25 → "0.25 cores", 0.004 → "0.004 cores"."""
    return _cores(number(value, 3 if abs(value) < 0.1 else 2))


def precise_cores(value: float) -> str:
    """An amount of CPU beside another one, however small: 0.00254 → "0.0025 cores"."""
    return _cores(precise(value))


def _cores(text: str) -> str:
    return f"{text} core" if text == "1" else f"{text} cores"


def size(value: float) -> str:
    """An amount of memory in bytes, with two or three significant digits: "180 MiB"."""
    for unit, scale in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(value) >= scale:
            amount = value / scale
            return f"{number(amount, 1 if amount < 10 else 0)} {unit}"
    return f"{number(value, 0)} bytes"


def count(amount: int, singular: str, plural: str = "") -> str:
    """An amount of things: "1 pod", "3 pods", "1,000 pods"."""
    return f"{amount:,} {singular if amount == 1 else plural or singular + 's'}"


def joined(parts: Iterable[str]) -> str:
    """A list in a sentence: "a", "a and b", "a, b and c"."""
    listed = [part for part in parts if part]
    if len(listed) < 2:
        return "".join(listed)
    return f"{', '.join(listed[:-1])} and {listed[-1]}"


def sentence(text: str) -> str:
    """``text`` with a capital first letter and a full stop at its end."""
    text = text.strip()
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…", ":")) else f"{text}."


def shortened(text: str, length: int = 300) -> str:
    """One line of at most ``length`` characters, cut with an ellipsis."""
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def span(seconds: float) -> str:
    """A length of time in one unit: "40 s", "5 min", "2 h", "3 d"."""
    if seconds < 120:
        return f"{number(seconds, 0)} s"
    if seconds < 7200 and seconds % 3600:
        return f"{number(seconds / 60, 0)} min"
    if seconds < 172800:
        return f"{number(seconds / 3600, 0)} h"
    return f"{number(seconds / 86400, 0)} d"


def coarse(seconds: float) -> str:
    """A length of time in coarse steps, for texts that must not change every second."""
    reached = [step for step in _STEPS if seconds >= step]
    if not reached:
        return "a few seconds"
    if reached[-1] == 86400:
        return count(int(seconds // 86400), "day")
    return "1 min" if reached[-1] == 60 else span(reached[-1])


MOMENT = re.compile(r"\d{2}:\d{2} UTC on \d{1,2} [A-Z][a-z]+")
"""A time as ``moment`` writes it; pages show it in the browser's time zone."""


def moment(at: datetime) -> str:
    """A time, in UTC: "07:12 UTC on 23 November"."""
    with suppress(OverflowError):  # at the ends of the calendar
        at = at.astimezone(UTC)
    return f"{at:%H:%M} UTC on {at.day} {at:%B}"
