"""The header ``Retry-After``: how long a server asks to wait."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 60.0
"""Seconds; a server that asks for more is asked again after these all the same."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def retry_after_seconds(
    retry_after: str | None,
    now: Callable[[], datetime] = _utc_now,
    *,
    longest: float = LONGEST_WAIT,
) -> float | None:
    """Return the seconds to wait, from a number or a date, at most ``longest``; None without."""
    if not retry_after:
        return None
    try:
        wait = float(int(retry_after))
    except OverflowError:  # a number of hundreds of digits
        return longest
    except ValueError:
        try:
            until = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        wait = (until.replace(tzinfo=until.tzinfo or UTC) - now()).total_seconds()
    return min(max(wait, 0.0), longest)
