"""The settings of shells, and their time limits in words."""

from __future__ import annotations

from msgspec import Struct

from portal.live.recheck import EVERY
from portal.live.sockets import HEARTBEAT


class ShellSettings(Struct, frozen=True):
    """The administrator's settings. ``idle`` and ``longest`` are in seconds.

    ``image`` is that of debug containers, "" for none.
    """

    on: bool = False
    image: str = ""
    idle: float = 900.0
    longest: float = 4 * 3600.0
    recheck: float = EVERY
    heartbeat: float = HEARTBEAT


def minutes(seconds: float) -> str:
    """Return a time limit in words.

    >>> minutes(900), minutes(4 * 3600), minutes(20)
    ('15 minutes', '4 hours', '20 seconds')
    """
    if seconds >= 7200 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} hours"
    return f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"
