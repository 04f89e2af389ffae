"""A topic as those of one scope see it: rendered once, its frames shared by all who watch it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

from portal.domain.permissions import Scope
from portal.live.topics import app_key

Patches: TypeAlias = Mapping[str, str]
"""Component id → its properties as JSON. A view gives the same ids every time."""

View: TypeAlias = Callable[[], Patches]
"""Renders one view as it is now. What it remembers between two renderings goes with it."""

MOST_FRAMES = 8
"""How many frames of one version are kept for sharing; most who watch have seen the same."""


def frame(topic: str, patches: Mapping[str, str]) -> str:
    """What goes over the wire: ``{"view": topic, "patches": {id: {property: value}}}``."""
    body = ",".join(f"{json.dumps(id)}:{properties}" for id, properties in patches.items())
    return f'{{"view":{json.dumps(topic)},"patches":{{{body}}}}}'


class Channel:
    """The newest rendering of a view, and since when each of its components is as it is.

    ``due`` and ``rest_until`` (seconds of the hub's clock) are the hub's: when it is rendered
    next, and before when it is not.
    """

    def __init__(self, topic: str, scope: Scope, view: View) -> None:
        self.topic = topic
        self.scope = scope
        self.key = app_key(topic)
        """The release that it is about; None for a list, which is about all."""
        self.version = 0
        """Counts the renderings that differed; 0 before the first."""
        self.due = math.inf
        self.rest_until = -math.inf
        self._view = view
        self._bodies: Patches = {}
        self._since: dict[str, int] = {}
        self._frames: dict[int, str] = {}

    def refresh(self) -> bool:
        """Render; whether anything differs from before."""
        bodies = self._view()
        differing = [id for id, body in bodies.items() if self._bodies.get(id) != body]
        self._bodies = bodies
        if not differing:
            return False
        self.version += 1
        self._since.update(dict.fromkeys(differing, self.version))
        self._frames.clear()
        return True

    def frame_after(self, version: int, topic: str) -> str:
        """What has changed since ``version``, in its newest state (0: the whole view).

        ``topic`` is how the browser spells it; one that has a spelling of its own shares nothing.
        """
        if topic != self.topic:
            return frame(topic, self._patches(version))
        text = self._frames.get(version)
        if text is None:
            text = frame(topic, self._patches(version))
            if len(self._frames) < MOST_FRAMES:
                self._frames[version] = text
        return text

    def _patches(self, version: int) -> Patches:
        return {id: self._bodies[id] for id, at in self._since.items() if at > version}
