"""The kept history of an app, and the ranges of the chart."""

from __future__ import annotations

from enum import Enum
from typing import Protocol, TypeVar

from msgspec import Struct

from portal.domain.keys import Key
from portal.state.history import History
from portal.state.timeline import Timeline

QUARTER = 15 * 60
DAY = 24 * 3600


Known = TypeVar("Known")


class Reactions(Protocol[Known]):
    """The scale-ups of apps' autoscalers, which are kept with the histories of the apps."""

    def known(self, key: Key) -> Known | None:
        """Return what is to be kept of an app, equal while unchanged; None for nothing."""
        ...

    def encoded(self, known: Known) -> bytes:
        """Return it as bytes. It runs in a thread."""
        ...

    def decoded(self, body: bytes) -> Known | None:
        """Return what was kept; None if it cannot be read. It runs in a thread."""
        ...

    def restore(self, key: Key, kept: Known) -> None:
        """Put what was kept of an app before what has been seen of it."""
        ...


class Kept(Struct, frozen=True):
    """The part of an app's history that a portal has in memory, as the database has it."""

    history: History
    timeline: Timeline | None
    reactions: bytes | None = None


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
