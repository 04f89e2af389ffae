"""What waits to be sent to one browser: one frame, never a queue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping


class Frame:
    """Patches of one view, by component id, already encoded; the text is put together once."""

    __slots__ = ("_text", "patches", "view")

    def __init__(self, view: str, patches: Mapping[str, str]) -> None:
        self.view = view
        self.patches = patches
        self._text: str | None = None

    @property
    def text(self) -> str:
        """What goes over the wire: ``{"view": …, "patches": {id: {property: value}}}``."""
        if self._text is None:
            patches = ",".join(f"{json.dumps(id)}:{body}" for id, body in self.patches.items())
            self._text = f'{{"view":{json.dumps(self.view)},"patches":{{{patches}}}}}'
        return self._text

    def then(self, newer: Frame) -> Frame:
        """This frame overtaken by a ``newer`` one: the latest wins, id by id."""
        if newer.view != self.view:
            return newer
        return Frame(self.view, {**self.patches, **newer.patches})


class Mailbox:
    """Holds at most one frame: a browser that does not keep up skips states, and costs no more."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._wake = asyncio.Event()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    def put(self, frame: Frame) -> None:
        """Leave a frame; one that is still here is merged with it."""
        self._frame = frame if self._frame is None else self._frame.then(frame)
        self._wake.set()

    def clear(self) -> None:
        """Forget what waits (the browser now looks at something else)."""
        self._frame = None

    def close(self) -> None:
        """Wake the reader for the last time."""
        self._closed = True
        self._wake.set()

    async def get(self) -> Frame | None:
        """The next frame; None once closed."""
        while True:
            if self._closed:
                return None
            if self._frame is not None:
                frame, self._frame = self._frame, None
                return frame
            self._wake.clear()
            await self._wake.wait()
