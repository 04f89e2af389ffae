"""The store of all known state. Written only on the event loop's thread."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import immutables
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.objects import Kind, Node, PodUsage, Probe, Quota, Watched
from portal.domain.operations import Operation
from portal.domain.release import ReleaseRecord, ReleaseRevision, of_release
from portal.state.assemble import NO_HISTORY, NO_PODS, assemble, known, sample, usage_of
from portal.state.history import History, PodHistory
from portal.state.index import Objects
from portal.state.model import AppState, WatchHealth
from portal.state.recorder import recorded, resumed
from portal.state.snapshot import Snapshot
from portal.state.timeline import NO_TIMELINE, Timeline

log = logging.getLogger(__name__)

OnChange = Callable[[frozenset[Key]], None]
"""Called with the releases that changed, or whose namespace's quotas did; with an empty set if
nodes or sources changed."""

APPS_A_TURN = 25
"""Apps sampled in one iteration of the loop after a metrics poll: a few milliseconds."""
LIGHT = 0.002
"""Seconds of CPU below which publishing is not followed by a pause."""
SHARE = 3
"""The pause after a longer publishing, as a multiple of its time: when hundreds of pods of an app
are replaced at once, its state must not be assembled for each event."""
GRACE = 300
"""Seconds for which the history of a removed app or pod is kept, in case it comes back."""


def _now() -> datetime:
    return datetime.now(UTC)


class Store:
    """Collects the results of watches, polls and operations, and provides snapshots.

    Changes are collected and published together in the loop's next iteration (after a pause if
    the last publishing was expensive), or at once when ``snapshot`` is read. A change costs in
    proportion to the apps it affects: the maps are persistent, and share all unchanged parts.
    Sampling all apps after a poll is spread over several iterations of the loop.
    """

    def __init__(
        self,
        clock: Callable[[], datetime] = _now,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock = clock
        self._spent = spent
        self._syncing = False
        self._objects = Objects()
        self._details: dict[Key, ReleaseRevision] = {}
        self._own_keys: dict[Key, Key] = {}
        """The own keys of releases that Helm stores in another namespace, by stored key."""
        self._operations: dict[Key, Operation] = {}
        self._probes: dict[Key, Probe] = {}
        self._usage: Mapping[Key, PodUsage] = {}
        self._history: dict[Key, History] = {}
        self._pod_history: dict[Key, PodHistory] = {}
        self._timelines: dict[Key, Timeline] = {}
        self._sources: dict[str, WatchHealth] = {}
        self._apps = immutables.Map[Key, AppState]()
        self._quotas = immutables.Map[str, tuple[Quota, ...]]()
        self._snapshot = Snapshot(0, self._apps, MappingProxyType({}), (), self._quotas)
        # Changes that are not in the snapshot yet.
        self._touched: set[Key] = set()
        self._polled: set[Key] = set()
        self._unpolled: list[Key] = []
        self._quota_spaces: set[str] = set()
        self._nodes_changed = False
        self._sources_changed = False
        # Changes that listeners have not been told of yet.
        self._untold: set[Key] = set()
        self._tell_all = False
        self._scheduled: asyncio.Handle | None = None
        self._rest_until = 0.0
        self._listeners: list[OnChange] = []

    # Reading.

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot, with every change made so far."""
        self._publish()
        return self._snapshot

    def on_change(self, callback: OnChange) -> Callable[[], None]:
        """Call ``callback`` after changes, once an iteration of the loop; return the undo.

        It is called twice if both releases and nodes or sources changed. A mere sign of life of
        a source is no change.
        """
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def storage_namespace(self, release: Key) -> str:
        """Return the namespace of a release's records, its own if it is not known."""
        record = self.snapshot.app(release).release
        return record.secret.namespace if record else release.namespace

    # Writing: watches.

    def begin_initial_sync(self) -> None:
        """Publish no apps until ``end_initial_sync``, while the first lists are loading.

        An app assembled from part of its objects would be wrong, and be assembled again for each
        further list.
        """
        self._syncing = True

    def end_initial_sync(self) -> None:
        """Publish all that has been collected, and each change from now on."""
        self._syncing = False
        if self._touched:
            self._schedule()

    def keys(self, kind: Kind, namespace: str | None = None) -> set[Key]:
        """Return the keys of a kind's objects, in one namespace or (None) in all."""
        return self._objects.keys(kind, namespace)

    def known(self, kind: Kind, key: Key) -> Watched | None:
        """Return the last known state of an object, published or not."""
        return self._objects.get(kind, key)

    def apply(self, kind: Kind, key: Key, obj: Watched) -> None:
        """Add or replace an object.

        ``key`` names the Kubernetes object itself, for a release the Secret of the revision.
        """
        if isinstance(obj, ReleaseRecord):
            obj = of_release(obj, self._own_keys.get(obj.stored))
        if self._objects.get(kind, key) != obj:
            self._touch(self._objects.put(kind, key, obj), kind, key)

    def delete(self, kind: Kind, key: Key) -> None:
        """Remove an object."""
        old = self._objects.get(kind, key)
        if old is None:
            return
        self._touch(self._objects.remove(kind, key), kind, key)
        if isinstance(old, ReleaseRecord) and old.storage_namespace:
            left = self._objects.revisions(old.key)
            if not any(each.stored == old.stored for each in left):
                self._own_keys.pop(
                    old.stored, None
                )  # a new release may have this namespace as its own

    def set_source(
        self,
        name: str,
        *,
        synced: bool,
        available: bool = True,
        alive_at: datetime | None = None,
        error: str = "",
        unread: str = "",
        title: str = "",
        optional: bool = False,
    ) -> None:
        """Record the health of a watch, or of the polling of the metrics API."""
        new = WatchHealth(name, synced, available, alive_at, error, unread, title, optional)
        old = self._sources.get(name)
        if new == old:
            return
        self._sources[name] = new
        self._sources_changed = True
        # A mere heartbeat is no change for listeners, unless the source was stale.
        if old is None or old.stale(self._clock()) or replace(old, alive_at=alive_at) != new:
            self._tell_all = True
            self._schedule()

    # Writing: the portal's own findings.

    def put_detail(self, detail: ReleaseRevision) -> None:
        """Record a decoded body. It is kept until a newer one arrives: compare its revision.

        A body of another record than the release's, of the same or a newer revision, is dropped:
        the release has been uninstalled and installed again. A release's own namespace is known
        only from its body; all its revisions are then indexed under it.
        """
        self._file_under(detail.stored, detail.key)
        if self._details.get(detail.key) != detail:
            self._details[detail.key] = detail
            self._touch({detail.key})

    def _file_under(self, stored: Key, own: Key) -> None:
        """Index all revisions that Helm stores as ``stored`` under the release's own key."""
        filed = self._own_keys.get(stored, stored)
        if filed == own:
            return
        if own == stored:
            del self._own_keys[stored]
        else:
            self._own_keys[stored] = own
        for each in self._objects.revisions(filed):
            if each.stored == stored:
                self.apply(Kind.RELEASE, each.secret, each)

    def put_usage(self, usage: Iterable[PodUsage]) -> None:
        """Replace the usage of all pods (empty if the poll failed) and sample every app.

        With many apps the rest are sampled in the loop's next iterations.
        """
        self._publish()
        self._usage = {each.key: each for each in usage}
        self._drop_old_histories()
        self._unpolled = [key for key, state in self._apps.items() if state.workloads]
        self._sample_some()

    def restore(self, key: Key, history: History, timeline: Timeline | None) -> None:
        """Put what was kept of an app before what is known of it since the start.

        An app that is not known is left alone.
        """
        state = self.snapshot.apps.get(key)
        if state is None:
            return
        self._history[key] = self._history.get(key, NO_HISTORY).after(history)
        if timeline is not None:
            live = self._timelines.get(key, NO_TIMELINE)
            self._timelines[key] = resumed(timeline, live, state, self._clock())
        self._touch({key})

    def put_probe(self, key: Key, probe: Probe) -> None:
        """Record the result of probing an app's URL."""
        self._probes[key] = probe
        self._touch({key})

    def put_operation(self, operation: Operation) -> None:
        """Record an operation as the latest of its release."""
        if self._operations.get(operation.key) != operation:
            self._operations[operation.key] = operation
            self._touch({operation.key})

    def drop_operation(self, key: Key) -> None:
        """Remove the operation of a release."""
        if self._operations.pop(key, None) is not None:
            self._touch({key})

    # Publishing.

    def _touch(self, releases: set[Key], kind: Kind | None = None, key: Key | None = None) -> None:
        if kind is Kind.NODE:
            self._nodes_changed = True
        elif kind is Kind.QUOTA and key is not None:
            self._quota_spaces.add(key.namespace)
        elif not releases:
            return
        self._touched |= releases
        self._schedule()

    def _schedule(self) -> None:
        if self._scheduled is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # no loop, as in tests or before the start: reading publishes
            now = loop.time()
            self._scheduled = (
                loop.call_soon(self._notify)
                if now >= self._rest_until
                else loop.call_at(self._rest_until, self._notify)
            )

    def _sample_some(self) -> None:
        """Select the next few apps for sampling at the next publishing; without a loop, all."""
        if not self._unpolled:
            return
        self._schedule()
        first = APPS_A_TURN if self._scheduled is not None else len(self._unpolled)
        self._polled.update(self._unpolled[:first])
        del self._unpolled[:first]

    def _notify(self) -> None:
        self._scheduled = None
        began = self._spent()
        self._publish()
        took = self._spent() - began
        if took > LIGHT:
            self._rest_until = asyncio.get_running_loop().time() + SHARE * took
        keys, everything = frozenset(self._untold), self._tell_all
        self._untold, self._tell_all = set(), False
        if keys:
            self._call(keys)
        if everything:
            self._call(frozenset())
        self._sample_some()

    def _call(self, keys: frozenset[Key]) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(keys)
            except Exception:
                log.exception("a listener of the store failed")

    def _publish(self) -> None:
        """Swap in a new snapshot if anything changed."""
        if not (
            (self._touched and not self._syncing)
            or self._polled
            or self._nodes_changed
            or self._quota_spaces
            or self._sources_changed
        ):
            return
        nodes, sources = self._snapshot.nodes, self._snapshot.sources
        if self._nodes_changed:
            found = tuple(sorted(self._objects.all(Kind.NODE, Node), key=lambda each: each.name))
            if found != nodes:
                nodes = found
                self._tell_all = True
        if self._sources_changed:
            sources = MappingProxyType(dict(self._sources))
        self._publish_quotas()
        self._publish_apps()
        self._nodes_changed = self._sources_changed = False
        version = self._snapshot.version + 1
        self._snapshot = Snapshot(version, self._apps, sources, nodes, self._quotas)

    def _publish_quotas(self) -> None:
        changed: set[str] = set()
        for space in self._quota_spaces:
            within = self._objects.within(space, Kind.QUOTA, Quota)
            found = tuple(sorted(within, key=lambda each: each.key))
            if found != self._quotas.get(space, ()):
                changed.add(space)
                self._quotas = (
                    self._quotas.set(space, found) if found else self._quotas.delete(space)
                )
        if changed:
            self._untold |= {key for key in self._apps if key.namespace in changed}
        self._quota_spaces.clear()

    def _publish_apps(self) -> None:
        if self._syncing or not (self._touched or self._polled):
            return
        now = self._clock()
        with self._apps.mutate() as apps:
            for key in self._touched:
                state = self._build(key, now)
                if known(state):
                    apps[key] = self._noted(apps.get(key), state, now)
                else:
                    apps.pop(key, None)
            # A metrics poll changes no objects, so the state need not be assembled.
            for key in self._polled - self._touched:
                if (known_state := apps.get(key)) is not None:
                    apps[key] = self._measured(known_state, now)
            self._apps = apps.finish()
        self._untold |= self._touched | self._polled
        self._touched, self._polled = set(), set()

    def _build(self, key: Key, now: datetime) -> AppState:
        bare = assemble(self._objects, key)
        release, detail = bare.release, self._details.get(key)
        if release is None:
            self._details.pop(key, None)
            self._probes.pop(key, None)
        elif detail and detail.uid != release.uid and detail.revision >= release.revision:
            del self._details[key]
        state = replace(
            bare,
            detail=self._details.get(key),
            operation=self._operations.get(key),
            probe=self._probes.get(key),
        )
        return self._measured(state, now)

    def _noted(self, before: AppState | None, state: AppState, now: datetime) -> AppState:
        """Return ``state`` with its timeline, to which it adds what differs from ``before``."""
        timeline = self._timelines.get(state.key, NO_TIMELINE)
        timeline = self._timelines[state.key] = recorded(timeline, before, state, now)
        return replace(state, timeline=timeline)

    # Measuring.

    def _measured(self, state: AppState, now: datetime) -> AppState:
        """Return ``state`` with usage and histories, to which it adds a sample if due."""
        usage = usage_of(state.pods, self._usage)
        polled = state.key in self._polled
        if polled:
            for key, used in usage.items():
                before = self._pod_history.get(key) or PodHistory()
                self._pod_history[key] = before.added(now, used.cpu, used.memory)
        of_pods = {
            pod.key: found for pod in state.pods if (found := self._pod_history.get(pod.key))
        }
        history = self._history.get(state.key, NO_HISTORY)
        new = sample(state, usage, now)
        if new is not None and (polled or history.differs(new)):
            history = self._history[state.key] = history.added(new)
        return replace(
            state,
            usage=usage,
            history=history,
            pod_history=MappingProxyType(of_pods) if of_pods else NO_PODS,
        )

    def _drop_old_histories(self) -> None:
        """Remove the histories of apps and pods that have been gone for ``GRACE`` seconds."""
        before = self._clock().timestamp() - GRACE
        for key in [each for each in self._timelines if each not in self._apps]:
            if key not in self._history:
                del self._timelines[key]
        for key in [
            key
            for key, history in self._history.items()
            if key not in self._apps and history.last_at() < before
        ]:
            del self._history[key]
        for key in [
            key
            for key, history in self._pod_history.items()
            if history.last_at() < before and self._objects.get(Kind.POD, key) is None
        ]:
            del self._pod_history[key]
