"""All autoscalers, followed as the store changes. Runs on the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from portal.autoscalers.controller import Controller, Evidence, controller_of
from portal.autoscalers.decided import decided_of
from portal.autoscalers.following import MOST_PODS, Followed, followed
from portal.autoscalers.kept import with_kept
from portal.autoscalers.reaction import ScaleUp
from portal.autoscaling.engine import Decision
from portal.autoscaling.explain import Turn, turns
from portal.autoscaling.spec import Flags
from portal.domain.keys import Key
from portal.domain.objects import Hpa, PodUsage
from portal.state.model import AppState
from portal.state.store import Store
from portal.viewmodels.autoscaler import Decided

log = logging.getLogger(__name__)

AT_ONCE = 5
"""Apps that are followed in one iteration of the loop: a few milliseconds."""

FEW = 50
"""The decisions up to which each one may change what the controller's flags are taken to be."""

Kept = Mapping[tuple[str, str], Sequence[ScaleUp]]

LOOKS_FOR = 15.0
"""Seconds after which nobody looks any more: pages are rendered again every few seconds."""


def _now() -> datetime:
    return datetime.now(UTC)


class Followers:
    """Follows each autoscaler of each app; a poll of the metrics API is sign enough of time.

    A change of many apps is followed in several iterations of the loop. ``on_change`` callbacks of
    the store that are added later find what these few apps came to.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime] = _now,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ticks = ticks
        self._store = store
        self._clock = clock
        self._of: dict[Key, dict[Key, Followed]] = {}
        self._turns: dict[Key, tuple[Decision, tuple[Turn, ...]]] = {}
        self._decided: dict[Key, tuple[Followed, Decided]] = {}
        self._looked: dict[Key, float] = {}
        self._newer: dict[str, dict[Key, PodUsage]] = {}
        self._waiting: dict[Key, None] = {}
        self._kept: dict[Key, Kept] = {}
        """The scale-ups that a database had of apps, by name and uid of their autoscalers."""
        self._handle: asyncio.Handle | None = None
        self._evidence = Evidence()
        self.controller = Controller()
        """The controller's flags, as the decisions seen so far tell of them."""
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

    def known(self, app: Key) -> Iterable[Followed]:
        """Return what is known of the autoscalers of an app that are followed already."""
        return self._of.get(app, {}).values()

    def restore(self, app: Key, kept: Kept) -> None:
        """Put the scale-ups that were kept of an app's autoscalers before those seen since."""
        self._kept[app] = kept
        if app in self._of:
            self._of[app] = self._restored(app, {}, self._of[app])

    def _restored(
        self, app: Key, before: Mapping[Key, Followed], after: dict[Key, Followed]
    ) -> dict[Key, Followed]:
        """Return what is followed, with the scale-ups that were kept of what is new in it."""
        kept = self._kept.get(app)
        if kept is None:
            return after
        return {
            key: found
            if key in before or not (ups := kept.get((key.name, found.hpa.uid)))
            else replace(found, scale_ups=with_kept(found.scale_ups, ups))
            for key, found in after.items()
        }

    def look(self, app: Key) -> None:
        """Note that somebody looks at an autoscaler of an app now."""
        self._looked[app] = self._ticks()

    def watched(self) -> set[str]:
        """Return the namespaces in which somebody looks at an autoscaler; forget all others."""
        now = self._ticks()
        self._looked = {app: at for app, at in self._looked.items() if now - at <= LOOKS_FOR}
        found = {each.namespace for each in self._looked}
        self._newer = {name: each for name, each in self._newer.items() if name in found}
        return found

    def measured(self, namespace: str, usage: Iterable[PodUsage]) -> frozenset[Key]:
        """Follow the apps that somebody looks at with newer usage; return those it differs for."""
        before, found = self._newer.get(namespace, {}), {each.key: each for each in usage}
        if found == before:
            return frozenset()
        self._newer[namespace] = found
        keys = frozenset(each for each in self._looked if each.namespace == namespace)
        self._follow(keys)
        return keys

    def decided(self, app: AppState) -> dict[Key, Decided]:
        """Return the last decisions of the autoscalers of an app, by their keys."""
        following = self.of(app.key) if app.hpas else {}
        return {each.key: self._decision(each, following.get(each.key)) for each in app.hpas}

    def _decision(self, hpa: Hpa, found: Followed | None) -> Decided:
        """Return it; it is put in words once for each decision."""
        known = self._decided.get(hpa.key)
        if found is None or known is None or known[0] is not found:
            made = decided_of(hpa, found)
            if found is None:
                return made
            known = self._decided[hpa.key] = (found, made)
        return known[1]

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
            if app is None:
                self._kept.pop(key, None)
            if app is None or not app.hpas:
                for hpa in self._of.pop(key, {}):
                    self._turns.pop(hpa, None)
                    self._decided.pop(hpa, None)
                continue
            try:
                before = self._of.get(key, {})
                found = _all(before, self._newest(app), now, self.controller.flags)
                self._of[key] = self._restored(key, before, found)
                self._learn(before, self._of[key])
            except Exception:  # a state that nobody has thought of must not end the following
                log.exception("cannot follow the autoscalers of %s", key)
                self._of.pop(key, None)

    def _learn(self, before: Mapping[Key, Followed], after: Mapping[Key, Followed]) -> None:
        """Add what new decisions tell of the controller's flags."""
        for key, found in after.items():
            known = before.get(key)
            if found.witness is None or (known and known.witness is found.witness):
                continue
            self._evidence = self._evidence.added(found.witness)
            if self._evidence.decisions < FEW or self._evidence.decisions % 10 == 0:
                self.controller = controller_of(self._evidence)

    def _newest(self, app: AppState) -> AppState:
        """Return the app with the newest usage of its pods."""
        newer = self._newer.get(app.key.namespace)
        if not newer:
            return app
        usage = dict(app.usage)
        for pod in app.pods:
            found, known = newer.get(pod.key), usage.get(pod.key)
            if found is not None and (known is None or known.at < found.at):
                usage[pod.key] = found
        return replace(app, usage=usage)


def _all(
    before: Mapping[Key, Followed], app: AppState, now: datetime, flags: Flags
) -> dict[Key, Followed]:
    found: dict[Key, Followed] = {}
    for hpa in app.hpas:
        one = followed(before.get(hpa.key), app, hpa, now, flags)
        if one is not None:
            found[hpa.key] = one
    return found
