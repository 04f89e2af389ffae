"""Tells when an app gets into trouble, and when it is out of it again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from portal.domain.keys import Key
from portal.notifications.messages import Message, recovery_message, trouble_message
from portal.state.store import Store
from portal.viewmodels.headline import Headline, headline
from portal.viewmodels.model import Severity
from portal.viewmodels.withheld import without_values
from portal.viewmodels.workloads import pod_summary

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two rounds."""

LASTING = 20.0
"""Seconds that a trouble has to last: a pod that restarts once is none for a channel."""


def in_trouble(head: Headline) -> bool:
    """Return True if a headline says that somebody has to do something."""
    return bool(head.problem) and head.badge.severity.troubled


class Troubles:
    """Looks at the apps that have changed, and at those that are in trouble, every few seconds.

    ``say`` gets a message for each trouble that lasts, and for its end. What is in trouble when an
    app is seen for the first time is not news.
    """

    def __init__(
        self,
        store: Store,
        say: Callable[[Message], None],
        *,
        public_url: str = "",
        lasting: float = LASTING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._say = say
        self._public_url = public_url
        self._lasting = lasting
        self._clock = clock
        self._known: set[Key] = set()
        self._changed: set[Key] = set()
        self._since: dict[Key, float] = {}
        """The time at which the present trouble of an app was seen first."""
        self._calm: dict[Key, float] = {}
        """The time since which an app whose trouble was told is in order again."""
        self._said: set[Key] = set()
        """The apps whose trouble was told, or is not to be."""
        store.on_change(self._changed.update)

    async def run(self, every: float = EVERY) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(every)
            await self.look()

    async def look(self) -> None:
        """Look at what has changed or is in trouble, one app in each turn of the loop."""
        apps = self._store.snapshot.apps
        keys = self._changed | set(self._since) | self._said | (set(apps) - self._known)
        self._changed.clear()
        for key in sorted(keys):
            if key in apps:
                try:
                    self._look_at(key)
                except Exception:  # one odd app must not silence the others
                    log.exception("the state of %s cannot be told", key)
                await asyncio.sleep(0)
            else:
                self._forget(key)
        self._known = set(apps)

    def _look_at(self, key: Key) -> None:
        snapshot, now = self._store.snapshot, datetime.now(UTC)
        state = without_values(snapshot.app(key))
        known = pod_summary(state, snapshot.sources, now, snapshot.nodes)
        head = headline(state, known, now)
        if in_trouble(head):
            self._calm.pop(key, None)
            since = self._since.setdefault(key, self._clock())
            if key not in self._known:
                self._said.add(key)
            elif key not in self._said and self._clock() - since >= self._lasting:
                self._said.add(key)
                self._say(trouble_message(key, head.badge.text, head.problem, self._public_url))
        elif head.badge.severity is not Severity.BUSY:  # else it may not be over yet
            self._since.pop(key, None)
            self._over(key, head.badge.text)

    def _over(self, key: Key, state: str) -> None:
        """Tell that an app is in order again once that has lasted, too: it may come and go."""
        if key not in self._said:
            return
        since = self._calm.setdefault(key, self._clock())
        if self._clock() - since >= self._lasting:
            self._said.discard(key)
            self._calm.pop(key)
            self._say(recovery_message(key, state, self._public_url))

    def _forget(self, key: Key) -> None:
        self._since.pop(key, None)
        self._calm.pop(key, None)
        self._said.discard(key)
