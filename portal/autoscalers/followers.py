"""All autoscalers, followed as the store changes. Runs on the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from portal.autoscalers.following import Followed, followed
from portal.autoscalers.forecast import MOST_PODS
from portal.autoscaling.engine import Decision
from portal.autoscaling.explain import Turn, turns
from portal.domain.keys import Key
from portal.state.model import AppState
from portal.state.store import Store

log = logging.getLogger(__name__)

AT_ONCE = 10
"""Apps that are followed in one iteration of the loop: a few milliseconds."""


def _now() -> datetime:
    return datetime.now(UTC)


class Followers:
    """Follows each autoscaler of each app; a poll of the metrics API is sign enough of time.

    A change of many apps is followed in several iterations of the loop. ``on_change`` callbacks of
    the store that are added later find what these few apps came to.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime] = _now) -> None:
        self._store = store
        self._clock = clock
        self._of: dict[Key, dict[Key, Followed]] = {}
        self._turns: dict[Key, tuple[Decision, tuple[Turn, ...]]] = {}
        self._waiting: dict[Key, None] = {}
        self._handle: asyncio.Handle | None = None
        store.on_change(self.changed)

    def changed(self, keys: frozenset[Key]) -> None:
        """Follow the autoscalers of the apps that have changed."""
        if len(keys) <= AT_ONCE and not self._waiting:
            self._follow(keys)
            return
        self._waiting.update(dict.fromkeys(keys))
        self._later()

    def of(self, app: Key) -> dict[Key, Followed]:
        """Return what is known of the autoscalers of an app, by their keys.

        Those of one that has not changed yet are followed from now on.
        """
        if app not in self._of:
            self._follow((app,))
        return self._of.get(app, {})

    def turns(self, found: Followed) -> tuple[Turn, ...]:
        """Return what would change the last decision of an autoscaler.

        It is looked for once for each decision, and not with very many pods: it takes some 40
        decisions.
        """
        if len(found.state.pods) > MOST_PODS:
            return ()
        known = self._turns.get(found.hpa.key)
        if known is None or known[0] is not found.decision:
            made = turns(found.state, found.decision)
            known = self._turns[found.hpa.key] = (found.decision, made)
        return known[1]

    def close(self) -> None:
        """Follow nothing any more."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle = None
        self._waiting.clear()

    def _later(self) -> None:
        if self._handle is None and self._waiting:
            self._handle = asyncio.get_running_loop().call_soon(self._some)

    def _some(self) -> None:
        self._handle = None
        taken = list(self._waiting)[:AT_ONCE]
        for each in taken:
            del self._waiting[each]
        self._follow(taken)
        self._later()

    def _follow(self, keys: Iterable[Key]) -> None:
        now, apps = self._clock(), self._store.snapshot.apps
        for key in keys:
            app = apps.get(key)
            if app is None or not app.hpas:
                for hpa in self._of.pop(key, {}):
                    self._turns.pop(hpa, None)
                continue
            try:
                self._of[key] = _all(self._of.get(key, {}), app, now)
            except Exception:  # a state that nobody has thought of must not end the following
                log.exception("cannot follow the autoscalers of %s", key)
                self._of.pop(key, None)


def _all(before: dict[Key, Followed], app: AppState, now: datetime) -> dict[Key, Followed]:
    found: dict[Key, Followed] = {}
    for hpa in app.hpas:
        one = followed(before.get(hpa.key), app, hpa, now)
        if one is not None:
            found[hpa.key] = one
    return found
