"""The render schedule: how often views are rendered."""

from __future__ import annotations

from msgspec import Struct

from portal.live.channel import Channel


class RenderSchedule(Struct, frozen=True):
    """Intervals between renderings, all in seconds.

    After a rendering a view rests for the longest of: ``floor`` (for a list, which every change
    affects, ``list_floor``, or ``same_floor`` if it was the same as before), ``share`` times the
    duration of the rendering (for a list, times the number of lists that it shares that time with),
    and ``viewer`` times its viewers. A change of many views is spread over ``step`` for each, and
    ``spread`` at most. A list that is due waits up to ``yields`` for pages of apps that are due as
    well. ``tick`` is the longest time between renderings, ``failed`` the rest after an error.
    """

    floor: float = 0.01
    list_floor: float = 0.25
    same_floor: float = 0.1
    share: float = 4.0
    viewer: float = 0.0001
    step: float = 0.005
    spread: float = 0.8
    yields: float = 0.5
    tick: float = 2.5
    failed: float = 1.0

    def rest(
        self, channel: Channel, took: float, *, differs: bool, viewers: int, together: int
    ) -> float:
        """The seconds that ``channel`` rests after a rendering that took ``took`` seconds.

        ``differs`` is False if nothing had changed, and ``together`` the number of views that share
        the time of one.
        """
        floor = self.list_floor if differs else self.same_floor
        if channel.key is not None:
            floor = self.floor
        return max(floor, self.share * took * together, self.viewer * viewers)

    def turn(self, channel: Channel) -> float:
        """The sort key of views that are due: the smallest is rendered first."""
        return channel.due + (self.yields if channel.key is None else 0)


USUAL = RenderSchedule()
