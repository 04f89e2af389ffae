"""The schedules of CronJobs: when one is due next. Pure.

The syntax is that of Kubernetes: five fields, or a name such as ``@daily``. A day matches if both
the day of the month and the day of the week do; if neither field begins with ``*``, one is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_DAYS = {
    name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
}
_HORIZON = 366 * 8
"""Days that are looked at: from one 29 February to the next are at most eight years."""


@lru_cache(1024)
def next_run(schedule: str, time_zone: str, after: datetime) -> datetime | None:
    """Return the first time after ``after`` (aware) that a schedule names, in UTC.

    None if there is none, or the schedule or time zone cannot be read. ``time_zone`` is a name of
    the IANA database, "" for UTC.
    """
    try:
        zone: tzinfo = ZoneInfo(time_zone) if time_zone else UTC
        minutes, hours, days, months, weekdays = _fields(schedule)
    except (ValueError, KeyError, OSError):
        return None
    either = not (_starred(schedule, 2) or _starred(schedule, 4))
    local = after.astimezone(zone).replace(tzinfo=None)
    first = local.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for offset in range(_HORIZON):
        day = first.date() + timedelta(days=offset)
        if day.month not in months or not _matches(day, days, weekdays, either):
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                found = datetime(day.year, day.month, day.day, hour, minute)
                if found >= first:
                    return found.replace(tzinfo=zone).astimezone(UTC)
    return None


def _matches(day: date, days: frozenset[int], weekdays: frozenset[int], either: bool) -> bool:
    found = day.day in days, day.isoweekday() % 7 in weekdays
    return any(found) if either else all(found)


def _text(schedule: str) -> list[str]:
    return _NAMED.get(schedule.strip(), schedule).split()


def _starred(schedule: str, field: int) -> bool:
    return _text(schedule)[field][0] in "*?"


def _fields(schedule: str) -> tuple[frozenset[int], ...]:
    minute, hour, day, month, weekday = _text(schedule)
    return (
        _field(minute, 0, 59),
        _field(hour, 0, 23),
        _field(day, 1, 31),
        _field(month, 1, 12, _MONTHS),
        _field(weekday, 0, 6, _DAYS),
    )


_NO_NAMES: Mapping[str, int] = {}


def _field(text: str, low: int, high: int, names: Mapping[str, int] = _NO_NAMES) -> frozenset[int]:
    """Return the numbers that a field names, such as "1-5/2,10"; raises ValueError."""
    found = set[int]()
    for part in text.split(","):
        span, _, step = part.partition("/")
        every = int(step) if step else 1
        if span in {"*", "?"}:
            first, last = low, high
        else:
            begin, _, end = span.partition("-")
            first = _number(begin, names)
            last = _number(end, names) if end else high if step else first
        if every < 1 or not low <= first <= last <= high:
            raise ValueError(text)
        found.update(range(first, last + 1, every))
    return frozenset(found)


def _number(text: str, names: Mapping[str, int]) -> int:
    named = names.get(text.lower())
    return int(text) if named is None else named
