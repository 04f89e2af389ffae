"""A bounded ring of a container's newest lines, numbered, and a place in a log to resume from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from portal.logs.lines import Line

LINES = 2_000
CHARACTERS = 512 * 1024
"""The most lines and characters that are kept of one container."""

_OF_LINE = 64
_OF_RUN = 16
"""Characters that a line, and each number of its runs, count as: about the memory they take."""


def cost(line: Line) -> int:
    """Return what a line counts as, in characters."""
    return len(line.text) + _OF_LINE + _OF_RUN * len(line.runs)


class Ring:
    """The newest lines of a container. Lines are numbered from 0."""

    def __init__(self, lines: int = LINES, characters: int = CHARACTERS) -> None:
        self._lines: deque[Line] = deque()
        self._most = lines
        self._room = characters
        self._characters = 0
        self.end = 0
        """The number of the next line."""
        self.lost = 0
        """Lines that were discarded before they got here."""

    def __len__(self) -> int:
        """Return the number of lines that are kept."""
        return len(self._lines)

    @property
    def start(self) -> int:
        """The number of the oldest line that is kept."""
        return self.end - len(self._lines)

    def extend(self, lines: Iterable[Line]) -> None:
        """Append lines; the oldest ones make room."""
        for line in lines:
            self._lines.append(line)
            self._characters += cost(line)
            self.end += 1
            while len(self._lines) > 1 and (
                len(self._lines) > self._most or self._characters > self._room
            ):
                self._characters -= cost(self._lines.popleft())

    def between(self, start: int, end: int) -> list[Line]:
        """Return the lines numbered from ``start`` to before ``end``, as far as they are kept."""
        first = max(start - self.start, 0)
        return list(islice(self._lines, first, max(end - self.start, first)))


class Resume:
    """The place in a log up to which lines have been read.

    The API server begins at a full second, so lines of that second come twice, and several lines
    may have the same time. ``skip`` tells those that were read before.
    """

    def __init__(self) -> None:
        self._last = 0
        self._same = 0
        self._again = 0

    @property
    def since(self) -> int | None:
        """The second to read from, since 1970; None before the first line."""
        return self._last // 1_000_000 if self._last else None

    def reopen(self) -> None:
        """Expect the lines of the last second once more."""
        self._again = self._same

    def skip(self, at: int) -> bool:
        """Return True if the line at ``at`` (microseconds) was read before; else count it."""
        if at < self._last:
            # Clocks may be set back while a log is followed, but not in what is read again.
            return self._again > 0
        if at == self._last and self._again:
            self._again -= 1
            return True
        if at > self._last:
            self._again = 0
            self._last, self._same = at, 0
        self._same += 1
        return False
