"""Who holds which release, in all portals, as the watch of their claims tells it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from portal.domain.keys import Key
from portal.domain.objects import Kind, Watched
from portal.domain.operations import LEASE_SECONDS, Claim
from portal.state.store import Store

Heard = Callable[[Claim], None]


class Board:
    """The newest claim of each release. What other portals do goes on into the store.

    A claim counts as abandoned when nobody holds it, or when this portal has seen no change of
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
        self._claims: dict[Key, Claim] = {}
        self._seen_at: dict[Key, float] = {}
        self._objects: dict[Key, Key] = {}
        """Release by Kubernetes object."""
        self._heard: Heard = lambda claim: None

    def on_claim(self, heard: Heard) -> None:
        """Tell ``heard`` of every new version of a claim."""
        self._heard = heard

    # Reading.

    def claim(self, key: Key) -> Claim | None:
        """The newest claim on a release, if any."""
        return self._claims.get(key)

    def __iter__(self) -> Iterator[Claim]:
        return iter(tuple(self._claims.values()))

    def abandoned(self, claim: Claim) -> bool:
        """Whether nobody works on an operation that has not ended."""
        if claim.operation.phase.terminal:
            return False
        silence = self._clock() - self._seen_at.get(claim.operation.key, self._clock())
        return not claim.holder or silence > self._patience

    # Writing.

    def note(self, claim: Claim) -> None:
        """Keep ``claim``, unless a newer version of it is known."""
        key = claim.operation.key
        old = self._claims.get(key)
        if old is not None and not _newer(claim.version, old.version):
            return
        self._claims[key] = claim
        self._seen_at[key] = self._clock()
        if claim.holder != self._holder:
            self._store.put_operation(claim.operation)
        self._heard(claim)

    def forget(self, key: Key) -> None:
        """Forget a release's claim and operation."""
        self._claims.pop(key, None)
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
        """The claim that an object last was."""
        release = self._objects.get(key)
        return self._claims.get(release) if release else None

    def apply(self, kind: Kind, key: Key, obj: Watched) -> None:
        """Take in one claim."""
        if isinstance(obj, Claim):
            self._objects[key] = obj.operation.key
            self.note(obj)

    def delete(self, kind: Kind, key: Key) -> None:
        """A claim is gone: unless this portal is about to write it anew, so is its operation."""
        release = self._objects.pop(key, None)
        claim = self._claims.get(release) if release else None
        if claim is not None and (claim.holder != self._holder or claim.operation.phase.terminal):
            self.forget(claim.operation.key)


def _newer(version: str, than: str) -> bool:
    """Resource versions are numbers that grow; anything else is believed as it comes."""
    try:
        return int(version) > int(than)
    except ValueError:
        return version != than
