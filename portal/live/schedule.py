"""How often views are rendered."""

from __future__ import annotations

from msgspec import Struct

from portal.live.channel import Channel


class RenderSchedule(Struct, frozen=True):
    """How often views are rendered; all in seconds.

    After a rendering a view rests for the longest of: ``floor`` (``list_floor`` for a list, which
    every change is about), ``share`` times what the rendering took (for a list: and that times the
    lists that are watched), and ``viewer`` for each who watches it. A change of many views is
    spread over ``step`` for each and ``spread`` in all. A list that is due waits up to ``yields``
    for the pages of apps that are due as well.
    """

    floor: float = 0.01
    list_floor: float = 0.25
    share: float = 4.0
    viewer: float = 0.0001
    step: float = 0.005
    spread: float = 0.8
    yields: float = 0.5
    tick: float = 2.5
    failed: float = 1.0

    def rest(self, channel: Channel, took: float, *, viewers: int, together: int) -> float:
        """How long ``channel`` rests after a rendering that took so long.

        ``together`` is how many share what one view may take.
        """
        floor = self.list_floor if channel.key is None else self.floor
        return max(floor, self.share * took * together, self.viewer * viewers)

    def turn(self, channel: Channel) -> float:
        """By what those that are due take turns."""
        return channel.due + (self.yields if channel.key is None else 0)


USUAL = RenderSchedule()
