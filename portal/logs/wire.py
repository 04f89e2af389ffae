"""The messages that a browser gets, as JSON. Pure.

``{"sources": [{id, pod, container, init, state, note}], "left": n, "offered": [[pod, [container,
…]]]}`` names the containers that are read, and those that could be chosen, again after each change.
``{"lines": [[source, microseconds, level, text, [start, end, style, …]?]]}`` are lines in the order
of their times. ``{"dropped": n}`` counts those that could not be sent. Before the connection is
closed comes ``{"ended": why}`` if that is for good, or ``{"later": why}`` if it is to be tried
again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from portal.live.compression import SMALLEST, deflated
from portal.logs.lines import Line
from portal.logs.stream import LogStream

_encode = msgspec.json.Encoder().encode


class Message(Struct, frozen=True):
    """A message for all who look at the same: its text, and as raw deflate if it is long."""

    text: str
    packed: bytes | None = None
    lines: int = 0


def lines_message(lines: Sequence[tuple[int, Line]], *, first: bool = False) -> Message:
    """Return the message of lines with the ids of their sources, in the order of their times.

    ``first`` marks the lines of the past that a connection begins with. The time grows with the
    lines: call it in a thread.
    """
    rows = [
        (source, line.at, int(line.level), line.text, line.runs)
        if line.runs
        else (source, line.at, int(line.level), line.text)
        for source, line in sorted(lines, key=lambda each: each[1].at)
    ]
    text = _encode({"lines": rows, "first": True} if first else {"lines": rows}).decode()
    return Message(text, deflated(text) if len(text) >= SMALLEST else None, len(lines))


def sources_message(
    streams: Sequence[LogStream], left_out: int, offered: Sequence[tuple[str, Sequence[str]]]
) -> Message:
    """Return the message that names the containers and says how each is read.

    ``left_out`` is the number of those that are not read, and ``offered`` has the names of all.
    """
    sources = [
        {
            "id": each.id,
            "pod": each.target.pod.name,
            "container": each.target.container,
            "init": each.condition.init,
            "state": each.state.value,
            "note": each.note,
        }
        for each in streams
    ]
    return Message(_encode({"sources": sources, "left": left_out, "offered": offered}).decode())


def dropped_message(lines: int) -> Message:
    """Return the message of lines that could not be sent."""
    return Message(_encode({"dropped": lines}).decode())


def ended_message(why: str) -> Message:
    """Return the message of the end of a connection that must not be tried again."""
    return Message(_encode({"ended": why}).decode())


def later_message(why: str) -> Message:
    """Return the message of the end of a connection that is to be tried again."""
    return Message(_encode({"later": why}).decode())
