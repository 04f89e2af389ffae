"""The registry of operations of all portals, from the watch of their leases."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from portal.domain.keys import Key
from portal.domain.objects import Kind, Watched
from portal.domain.operations import LEASE_SECONDS, OperationLease
from portal.state.store import Store

LeaseListener = Callable[[OperationLease], None]


class OperationRegistry:
    """The newest lease of each release. Operations of other portals are put into the store.

    A lease counts as abandoned if it has no holder, or if this portal has seen no change of it for
    ``patience`` seconds by its own clock: clocks of two machines may differ.
    """

    def __init__(
        self,
        store: Store,
        holder: str,
        *,
        patience: float = LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._holder = holder
        self._patience = patience
        self._clock = clock
        self._leases: dict[Key, OperationLease] = {}
        self._seen_at: dict[Key, float] = {}
        self._objects: dict[Key, Key] = {}
        """Releases by Kubernetes object."""
        self._listener: LeaseListener = lambda lease: None

    def on_change(self, listener: LeaseListener) -> None:
        """Call ``listener`` with every new version of a lease."""
        self._listener = listener

    # Reading.

    def lease(self, key: Key) -> OperationLease | None:
        """Return the newest lease on a release, None if there is none."""
        return self._leases.get(key)

    def __iter__(self) -> Iterator[OperationLease]:
        return iter(tuple(self._leases.values()))

    def abandoned(self, lease: OperationLease) -> bool:
        """Return True if an operation has not ended and no portal works on it."""
        if lease.operation.phase.terminal:
            return False
        silence = self._clock() - self._seen_at.get(lease.operation.key, self._clock())
        return not lease.holder or silence > self._patience

    # Writing.

    def note(self, lease: OperationLease) -> None:
        """Record ``lease``, unless a newer version is known."""
        key = lease.operation.key
        old = self._leases.get(key)
        if old is not None and not _newer(lease.version, old.version):
            return
        self._leases[key] = lease
        self._seen_at[key] = self._clock()
        if lease.holder != self._holder:
            self._store.put_operation(lease.operation)
        self._listener(lease)

    def forget(self, key: Key) -> None:
        """Remove a release's lease and operation."""
        self._leases.pop(key, None)
        self._seen_at.pop(key, None)
        self._store.drop_operation(key)

    def restart_silence(self) -> None:
        """Reset the time since each lease's last change.

        Called while the watch is broken, when renewals of other portals cannot be seen.
        """
        now = self._clock()
        self._seen_at = dict.fromkeys(self._seen_at, now)

    # As the sink of the watch.

    def keys(self, kind: Kind, namespace: str | None) -> set[Key]:
        """Return the known objects, in one namespace or (None) in all."""
        return {key for key in self._objects if namespace in {None, key.namespace}}

    def known(self, kind: Kind, key: Key) -> Watched | None:
        """Return the last known lease of an object, None if there is none."""
        release = self._objects.get(key)
        return self._leases.get(release) if release else None

    def apply(self, kind: Kind, key: Key, obj: Watched) -> None:
        """Record a lease that was added or changed."""
        if isinstance(obj, OperationLease):
            self._objects[key] = obj.operation.key
            self.note(obj)

    def delete(self, kind: Kind, key: Key) -> None:
        """Remove a deleted lease and its operation, unless this portal is about to write it."""
        release = self._objects.pop(key, None)
        lease = self._leases.get(release) if release else None
        if lease is not None and (lease.holder != self._holder or lease.operation.phase.terminal):
            self.forget(lease.operation.key)


def _newer(version: str, than: str) -> bool:
    """Compare resource versions as numbers; others count as newer if they differ."""
    try:
        return int(version) > int(than)
    except ValueError:
        return version != than
