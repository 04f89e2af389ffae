"""A channel: one topic for one scope, rendered once, with frames shared by all its viewers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

from portal.domain.permissions import Scope
from portal.live.topics import release_key

Patches: TypeAlias = Mapping[str, str]
"""The properties of components as JSON, by id. A view returns the same ids every time."""

View: TypeAlias = Callable[[], Patches]
"""Renders the present state of one view. It may cache data between renderings."""

MOST_FRAMES = 8
"""The most frames of one version that are kept for sharing; most viewers have seen the same."""


def frame(topic: str, patches: Mapping[str, str]) -> str:
    """A frame as it is sent: ``{"view": topic, "patches": {id: {property: value}}}``."""
    body = ",".join(f"{json.dumps(id)}:{properties}" for id, properties in patches.items())
    return f'{{"view":{json.dumps(topic)},"patches":{{{body}}}}}'


class Channel:
    """The newest rendering of a view, with the version at which each component last changed.

    The hub sets ``due``, the time of the next rendering, and ``rest_until``, before which there is
    none (seconds of the hub's clock).
    """

    def __init__(self, topic: str, scope: Scope, view: View) -> None:
        self.topic = topic
        self.scope = scope
        self.key = release_key(topic)
        """The release that it shows; None for a list."""
        self.version = 0
        """The number of renderings that changed something; 0 before the first."""
        self.due = math.inf
        self.rest_until = -math.inf
        self._view = view
        self._bodies: Patches = {}
        self._since: dict[str, int] = {}
        self._frames: dict[int, str] = {}

    def refresh(self) -> bool:
        """Render. Return True if anything has changed."""
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
        """A frame with all changes since ``version``, in their newest state (0: the whole view).

        ``topic`` is the browser's spelling; frames are shared only for the canonical one.
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
