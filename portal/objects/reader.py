"""Reads the objects of releases on demand: who may, which objects, and for how long answers count.

The tree needs what the snapshot does not have: the names in a revision's manifest, read once for
each revision, and the state of objects that are not watched. Both are read while somebody looks,
once for all who do.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct

from portal.domain.errors import NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import ENV_OF, HELM_RELEASE_NAME, Key
from portal.domain.manifests import Ref, Tree, at
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.domain.scrubber import Scrubber
from portal.objects.describe import ObjectView, object_view
from portal.objects.inventory import (
    NOTHING,
    Inventory,
    belongs,
    env_secret_of,
    inventory_of,
    unwatched_refs,
)
from portal.objects.states import MISSING, ObjectState, state_of
from portal.releases.access import Access
from portal.state.model import AppState
from portal.state.store import Store
from portal.threads import in_thread

log = logging.getLogger(__name__)

FRESH = 2.0
"""Seconds for which a body is given again, to the person for whom it was read."""
MOST_BODIES = 32
"""The most bodies that are kept."""
MOST_INVENTORIES = 200
EVERY = 15.0
"""Seconds between two readings of the objects that are not watched, while somebody looks."""
AT_ONCE = 4
"""The most readings of them at the same time."""
MOST_READ = 100
"""The most objects of a release whose state is asked for."""


class ObjectSource(Protocol):
    """Reads objects of the cluster; ``portal.cluster.objects`` implements it."""

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that can be read."""
        ...

    async def read(self, ref: Ref, *, identity: Identity | None) -> Tree:
        """Return an object, of a Secret its metadata; raises ``NotFound``."""
        ...

    async def events(self, ref: Ref, *, identity: Identity | None) -> tuple[Tree, ...]:
        """Return the events about an object."""
        ...


class Revisions(Protocol):
    """Helm's records."""

    async def newest(self, key: Key) -> ReleaseRevision | None:
        """Return the newest revision of a release with its manifest, None if there is none."""
        ...


class ReleaseObjects(Struct, frozen=True):
    """Facts of a release's objects beside the snapshot; ``problem`` says what is missing."""

    inventory: Inventory = NOTHING
    states: Mapping[Ref, ObjectState] = {}
    problem: str = ""


class _Held(Struct):
    """The objects of one release, and the time of the last reading (monotonic seconds)."""

    objects: ReleaseObjects = ReleaseObjects()
    read: float = float("-inf")
    reading: bool = False


class ObjectReader:
    """Reads objects for those who may; ``changed`` is called when more of a release is known."""

    def __init__(
        self,
        store: Store,
        access: Access,
        revisions: Revisions,
        source: ObjectSource,
        scrubber: Callable[[Key], Awaitable[Scrubber]],
        changed: Callable[[frozenset[Key]], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._access = access
        self._revisions = revisions
        self._source = source
        self._scrubber = scrubber
        self._changed = changed
        self._clock = clock
        self._held: OrderedDict[Key, _Held] = OrderedDict()
        self._bodies: OrderedDict[tuple[Identity, Ref], tuple[float, Tree, tuple[Tree, ...]]] = (
            OrderedDict()
        )
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def kinds(self) -> Collection[str]:
        """The kinds that can be opened."""
        return self._source.kinds

    def on_change(self, changed: Callable[[frozenset[Key]], None]) -> None:
        """Call ``changed`` with a release of which more is known."""
        self._changed = changed

    def known(self, key: Key) -> ReleaseObjects:
        """Return what is known of a release's objects, and have it read anew if it is old.

        It is called whenever the tree is rendered, so only while somebody looks.
        """
        held = self._held.setdefault(key, _Held())
        self._held.move_to_end(key)
        if len(self._held) > MOST_INVENTORIES:
            self._held.popitem(last=False)
        state = self._store.snapshot.app(key)
        if self._due(held, state):
            held.reading = True
            task = asyncio.get_running_loop().create_task(self._refresh(key, held))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return held.objects

    def _due(self, held: _Held, state: AppState) -> bool:
        if held.reading or state.release is None:
            return False
        new = not held.objects.inventory.of(state.release)
        return self._clock() - held.read > (FRESH if new else EVERY)

    async def read(self, identity: Identity, key: Key, kind: str, name: str) -> ObjectView:
        """Return an object of a release in detail.

        Raises:
            Forbidden: ``identity`` may not read the release's objects.
            NotFound: it is none of the release, whether or not there is one of that name.
            PortalError: it cannot be read.
        """
        await self._access.check(identity, Permission.READ_MANIFEST, key)
        state = self._store.snapshot.app(key)
        inventory = await self._inventory(key, state)
        nothing = NotFound(f"There is no {kind} {name} in the release {key.name}.")
        if kind not in self.kinds or not belongs(kind, name, state, inventory):
            raise nothing
        ref = Ref(kind, name, key.namespace)
        try:
            tree, events = await self._body(ref, identity)
        except NotFound:
            raise nothing from None
        if not is_of(tree, key):
            raise nothing
        pods = {each.key.name: dict(each.labels) for each in state.pods}
        return await in_thread(
            object_view,
            tree,
            events,
            scrubber=await self._scrubber(key),
            logs=self._access.may(identity, Permission.LOGS, key),
            opens=lambda kind, name: kind in self.kinds and belongs(kind, name, state, inventory),
            pods=pods,
            read_at=datetime.now(UTC),
        )

    async def close(self) -> None:
        """End what is being read."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _body(self, ref: Ref, identity: Identity) -> tuple[Tree, tuple[Tree, ...]]:
        """Return an object and its events, from the cache if they are fresh."""
        kept = self._bodies.get((identity, ref))
        if kept is not None and self._clock() - kept[0] < FRESH:
            return kept[1], kept[2]
        tree = await self._source.read(ref, identity=identity)
        try:
            events = await self._source.events(ref, identity=identity)
        except PortalError as error:
            log.info("cannot read the events of %s: %s", ref, error)
            events = ()
        self._bodies[identity, ref] = (self._clock(), tree, events)
        self._bodies.move_to_end((identity, ref))
        while len(self._bodies) > MOST_BODIES:
            self._bodies.popitem(last=False)
        return tree, events

    async def _inventory(self, key: Key, state: AppState) -> Inventory:
        """Return the inventory of the newest revision, reading Helm's record if it is a new one."""
        held = self._held.get(key)
        known = held.objects.inventory if held is not None else NOTHING
        if state.release is not None and known.of(state.release):
            return known
        found = await self._revisions.newest(key)
        return await in_thread(inventory_of, found) if found is not None else NOTHING

    async def _refresh(self, key: Key, held: _Held) -> None:
        try:
            held.objects = await self._found(key)
        except PortalError as error:
            held.objects = ReleaseObjects(
                held.objects.inventory,
                held.objects.states,
                f"The objects of its manifest are not known: {error.message}",
            )
        except Exception:
            log.exception("cannot read the objects of %s", key)
            held.objects = ReleaseObjects(problem="The objects of its manifest cannot be read.")
        finally:
            held.read = self._clock()
            held.reading = False
        self._changed(frozenset((key,)))

    async def _found(self, key: Key) -> ReleaseObjects:
        state = self._store.snapshot.app(key)
        inventory = await self._inventory(key, state)
        refs = [ref for ref in unwatched_refs(state, inventory) if ref.kind in self._source.kinds][
            :MOST_READ
        ]
        found = await asyncio.gather(*(self._state(ref, key) for ref in refs))
        return ReleaseObjects(
            inventory, {ref: one for ref, one in zip(refs, found, strict=True) if one is not None}
        )

    async def _state(self, ref: Ref, key: Key) -> ObjectState | None:
        async with self._slots:
            try:
                tree = await self._source.read(ref, identity=None)
            except NotFound:
                return ObjectState(MISSING)
            except PortalError as error:
                log.info("cannot read %s: %s", ref, error)
                return None
        return state_of(tree) if is_of(tree, key) else ObjectState(MISSING)


def is_of(tree: Tree, key: Key) -> bool:
    """Return True unless an object's own metadata says that it is of another release.

    A Secret that only its name makes one of the release has to have its label.
    """
    meta = at(tree, "metadata")
    named = at(meta, "annotations").get(HELM_RELEASE_NAME)
    if named is not None:
        return named == key.name
    if tree.get("kind") == "Secret" and env_secret_of(key.name, str(meta.get("name", ""))):
        return at(meta, "labels").get(ENV_OF) == key.name
    return True
