"""The one mutable owner of what is known. Written only on the event loop's thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from portal.domain.keys import Key
from portal.domain.objects import Kind, Node, PodUsage, Probe, ReleaseDetail, Watched
from portal.domain.operations import Operation
from portal.state.assemble import assemble, known, sample, usage_of
from portal.state.history import History, same_reading
from portal.state.index import Objects
from portal.state.model import AppState, Sample, Source
from portal.state.snapshot import Snapshot

log = logging.getLogger(__name__)

OnChange = Callable[[frozenset[Key]], None]
"""Called with the releases that changed; empty when only nodes or sources did."""


def _now() -> datetime:
    return datetime.now(UTC)


class Store:
    """Collects what watches, polls and operations say, and hands out snapshots.

    Changes are gathered and published together at the loop's next turn, or at once when
    somebody reads ``snapshot``. A change costs in proportion to the apps it touches.
    """

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        self._clock = clock
        self._objects = Objects()
        self._details: dict[Key, ReleaseDetail] = {}
        self._operations: dict[Key, Operation] = {}
        self._probes: dict[Key, Probe] = {}
        self._usage: Mapping[Key, PodUsage] = {}
        self._history: dict[Key, History] = {}
        self._sources: dict[str, Source] = {}
        self._snapshot = Snapshot(sources=MappingProxyType({}), apps=MappingProxyType({}))
        self._touched: set[Key] = set()
        self._polled: set[Key] = set()
        self._nodes_changed = False
        self._sources_changed = False
        self._untold: set[Key] = set()
        self._tell = False
        self._scheduled: asyncio.Handle | None = None
        self._listeners: list[OnChange] = []

    # Reading.

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot, with every change made so far."""
        self._publish()
        return self._snapshot

    def on_change(self, callback: OnChange) -> Callable[[], None]:
        """Call ``callback`` after changes, at most once a turn of the loop; returns the undo.

        A source that merely shows another sign of life is not a change.
        """
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    # Writing: watches.

    def apply(self, kind: Kind, key: Key, obj: Watched) -> None:
        """Add or replace one object. ``key`` names the Kubernetes object itself: for a
        release the Secret of the revision, so that its revisions stand beside each other."""
        self._touch(self._objects.put(kind, key, obj), kind)

    def delete(self, kind: Kind, key: Key) -> None:
        """Forget one object."""
        self._touch(self._objects.remove(kind, key), kind)

    def replace(self, kind: Kind, namespace: str | None, objects: Mapping[Key, Watched]) -> None:
        """Make ``objects`` all there is of a kind in one namespace or (None) everywhere."""
        for key in self._objects.keys(kind, namespace):
            if key not in objects:
                self.delete(kind, key)
        for key, obj in objects.items():
            self.apply(kind, key, obj)

    def set_source(
        self,
        name: str,
        *,
        synced: bool,
        available: bool = True,
        alive_at: datetime | None = None,
        error: str = "",
        unread: str = "",
    ) -> None:
        """Record how a source is doing."""
        new = Source(name, synced, available, alive_at, error, unread)
        old = self._sources.get(name)
        if new == old:
            return
        self._sources[name] = new
        self._sources_changed = True
        # Listeners need no call for a mere heartbeat, unless it ends a silence.
        if old is None or old.stale(self._clock()) or replace(old, alive_at=alive_at) != new:
            self._changed()

    # Writing: the portal's own findings.

    def put_detail(self, detail: ReleaseDetail) -> None:
        """Record a decoded body. It stays until a newer one comes: compare its revision."""
        if self._details.get(detail.key) != detail:
            self._details[detail.key] = detail
            self._touch({detail.key})

    def put_usage(self, usage: Iterable[PodUsage]) -> None:
        """Replace what all pods use (nothing, when the poll failed) and sample every app."""
        running = {key for key, state in self.snapshot.apps.items() if state.workloads}
        self._usage = {each.key: each for each in usage}
        if running:
            self._polled |= running
            self._changed()

    def put_probe(self, key: Key, probe: Probe) -> None:
        """Record whether an app's URL answered."""
        self._probes[key] = probe
        self._touch({key})

    def put_operation(self, operation: Operation) -> None:
        """Record an operation as the newest of its key."""
        if self._operations.get(operation.key) != operation:
            self._operations[operation.key] = operation
            self._touch({operation.key})

    def drop_operation(self, key: Key) -> None:
        """Forget the operation of a key."""
        if self._operations.pop(key, None) is not None:
            self._touch({key})

    # Publishing.

    def _touch(self, releases: set[Key], kind: Kind | None = None) -> None:
        if kind is Kind.NODE:
            self._nodes_changed = True
        elif not releases:
            return
        self._touched |= releases
        self._changed()

    def _changed(self) -> None:
        self._tell = True
        if self._scheduled is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # no loop: a test, or before the start; reading publishes
            self._scheduled = loop.call_soon(self._notify)

    def _notify(self) -> None:
        self._scheduled = None
        self._publish()
        if not self._tell:
            return
        told, self._untold, self._tell = frozenset(self._untold), set(), False
        for listener in tuple(self._listeners):
            try:
                listener(told)
            except Exception:
                log.exception("a listener of the store failed")

    def _publish(self) -> None:
        """Swap in a new snapshot if anything changed."""
        if not (self._touched or self._polled or self._nodes_changed or self._sources_changed):
            return
        apps, nodes = self._snapshot.apps, self._snapshot.nodes
        now = self._clock()
        if self._nodes_changed:
            found = tuple(sorted(self._objects.all(Kind.NODE, Node), key=lambda each: each.name))
            if found != nodes:
                nodes = found
                apps = {key: replace(state, nodes=nodes) for key, state in apps.items()}
        if self._touched or self._polled:
            changed = dict(apps)
            for key in self._touched:
                state = self._build(key, nodes, now)
                if known(state):
                    changed[key] = state
                else:
                    changed.pop(key, None)
            # A poll of the metrics says nothing new of objects: the cheaper way.
            for key in self._polled - self._touched:
                if (known_state := changed.get(key)) is not None:
                    changed[key] = self._measured(known_state, now)
            apps = changed
        if self._sources_changed:
            sources: Mapping[str, Source] = MappingProxyType(dict(self._sources))
        else:
            sources = self._snapshot.sources
        self._untold |= self._touched | self._polled
        self._touched, self._polled = set(), set()
        self._nodes_changed = self._sources_changed = False
        if not isinstance(apps, MappingProxyType):
            apps = MappingProxyType(apps)
        self._snapshot = Snapshot(self._snapshot.version + 1, apps, sources, nodes)

    def _build(self, key: Key, nodes: tuple[Node, ...], now: datetime) -> AppState:
        bare = assemble(self._objects, key)
        if bare.release is None:
            self._details.pop(key, None)
            self._probes.pop(key, None)
            if not bare.workloads:
                self._history.pop(key, None)
        state = replace(
            bare,
            nodes=nodes,
            detail=self._details.get(key),
            operation=self._operations.get(key),
            probe=self._probes.get(key),
        )
        return self._measured(state, now)

    def _measured(self, state: AppState, now: datetime) -> AppState:
        """``state`` with what its pods use, and that remembered."""
        usage = usage_of(state.pods, self._usage)
        return replace(state, usage=usage, history=self._remember(state, usage, now))

    def _remember(
        self, state: AppState, usage: Mapping[Key, PodUsage], now: datetime
    ) -> tuple[Sample, ...]:
        key = state.key
        new = sample(state, usage, now)
        history = self._history.get(key)
        if new is not None:
            if history is None:
                history = self._history[key] = History()
            last = history.last
            if last is not None and new.metrics == last.metrics:
                new = replace(new, metrics=last.metrics)  # one copy of what does not move
            if last is None or key in self._polled or not same_reading(new, last):
                history.add(new)
        return history.samples() if history else ()
