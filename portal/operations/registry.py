"""Who holds which release, in all portals, as the watch of their leases tells it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from portal.domain.keys import Key
from portal.domain.objects import Kind, Watched
from portal.domain.operations import LEASE_SECONDS, OperationLease
from portal.state.store import Store

Heard = Callable[[OperationLease], None]


class OperationRegistry:
    """The newest lease of each release. What other portals do goes on into the store.

    A lease counts as abandoned when nobody holds it, or when this portal has seen no change of
    it for ``patience`` seconds by its own clock: those of two machines need not agree.
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
        """Release by Kubernetes object."""
        self._heard: Heard = lambda lease: None

    def on_change(self, heard: Heard) -> None:
        """Tell ``heard`` of every new version of a lease."""
        self._heard = heard

    # Reading.

    def lease(self, key: Key) -> OperationLease | None:
        """The newest lease on a release, if any."""
        return self._leases.get(key)

    def __iter__(self) -> Iterator[OperationLease]:
        return iter(tuple(self._leases.values()))

    def abandoned(self, lease: OperationLease) -> bool:
        """Whether nobody works on an operation that has not ended."""
        if lease.operation.phase.terminal:
            return False
        silence = self._clock() - self._seen_at.get(lease.operation.key, self._clock())
        return not lease.holder or silence > self._patience

    # Writing.

    def note(self, lease: OperationLease) -> None:
        """Keep ``lease``, unless a newer version of it is known."""
        key = lease.operation.key
        old = self._leases.get(key)
        if old is not None and not _newer(lease.version, old.version):
            return
        self._leases[key] = lease
        self._seen_at[key] = self._clock()
        if lease.holder != self._holder:
            self._store.put_operation(lease.operation)
        self._heard(lease)

    def forget(self, key: Key) -> None:
        """Forget a release's lease and operation."""
        self._leases.pop(key, None)
        self._seen_at.pop(key, None)
        self._store.drop_operation(key)

    def look_away(self) -> None:
        """Count every silence anew: while the watch is broken, nobody can be heard."""
        now = self._clock()
        self._seen_at = dict.fromkeys(self._seen_at, now)

    # As the sink of the watch.

    def keys(self, kind: Kind, namespace: str | None) -> set[Key]:
        """The objects there are, in one namespace or (None) in all."""
        return {key for key in self._objects if namespace in {None, key.namespace}}

    def known(self, kind: Kind, key: Key) -> Watched | None:
        """The lease that an object last was."""
        release = self._objects.get(key)
        return self._leases.get(release) if release else None

    def apply(self, kind: Kind, key: Key, obj: Watched) -> None:
        """Take in one lease."""
        if isinstance(obj, OperationLease):
            self._objects[key] = obj.operation.key
            self.note(obj)

    def delete(self, kind: Kind, key: Key) -> None:
        """A lease is gone: unless this portal is about to write it anew, so is its operation."""
        release = self._objects.pop(key, None)
        lease = self._leases.get(release) if release else None
        if lease is not None and (lease.holder != self._holder or lease.operation.phase.terminal):
            self.forget(lease.operation.key)


def _newer(version: str, than: str) -> bool:
    """Resource versions are numbers that grow; anything else is believed as it comes."""
    try:
        return int(version) > int(than)
    except ValueError:
        return version != than
