"""The kept history of an app, and the ranges of the chart."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from portal.domain.keys import Key
from portal.state.history import History
from portal.state.timeline import Timeline

QUARTER = 15 * 60
DAY = 24 * 3600


class Kept(Struct, frozen=True):
    """The part of an app's history that a portal has in memory, as the database has it."""

    history: History
    timeline: Timeline | None


class Due(Struct, frozen=True):
    """An app whose history is to be written; ``timeline`` is None if it is written already."""

    key: Key
    history: History
    timeline: Timeline | None = None


class ChartRange(Enum):
    """A range of the chart that memory does not hold."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def seconds(self) -> int:
        """The seconds that it reaches back."""
        return _RANGES[self][0]

    @property
    def step(self) -> int:
        """Seconds that a point of the chart stands for."""
        return _RANGES[self][1]


_RANGES = {
    ChartRange.DAY: (DAY, 5 * 60),
    ChartRange.WEEK: (7 * DAY, QUARTER),
    ChartRange.MONTH: (30 * DAY, 3600),
}
