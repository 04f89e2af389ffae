"""Index of watched objects, in which a change costs in proportion to what it affects.

An object's type defines its releases and tags: see ``domain.relations``.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TypeVar

from portal.domain.keys import Key
from portal.domain.objects import Event, Job, Kind, Service, Unreadable, Workload
from portal.domain.relations import (
    ABOUT,
    ADDRESS,
    LOAD_TEST,
    OWNER,
    RECORD,
    RELEASE,
    TARGET,
    Tag,
    Watched,
)
from portal.domain.release import ReleaseRecord

T = TypeVar("T")

_KINDS = frozenset(kind.value for kind in Kind)


class Objects:
    """The objects of every kind by namespace and name, and by tag."""

    def __init__(self) -> None:
        self._by_kind: dict[Kind, dict[str, dict[Key, Watched]]] = {
            kind: defaultdict(dict) for kind in Kind
        }
        self._tagged: dict[Tag, dict[tuple[Kind, Key], Watched]] = {}

    # Writing. Each method returns the releases whose state has changed.

    def put(self, kind: Kind, key: Key, obj: Watched) -> set[Key]:
        """Add or replace an object; nothing happens if it is equal to the old one."""
        there = self._by_kind[kind][key.namespace]
        old = there.get(key)
        if old == obj:
            return set()
        touched = set[Key]()
        if old is not None:
            touched |= old.releases(self)
            self._untag(kind, key, old)
            del there[key]  # with the old key itself: the new object brings its own
        there[key] = obj
        for tag in obj.tags():
            self._tagged.setdefault(tag, {})[kind, key] = obj
        return touched | obj.releases(self)

    def remove(self, kind: Kind, key: Key) -> set[Key]:
        """Remove an object, if it is known."""
        there = self._by_kind[kind].get(key.namespace, {})
        old = there.pop(key, None)
        if old is None:
            return set()
        touched = old.releases(self)
        self._untag(kind, key, old)
        if not there:
            del self._by_kind[kind][key.namespace]
        return touched

    def _untag(self, kind: Kind, key: Key, obj: Watched) -> None:
        for tag in obj.tags():
            bucket = self._tagged.get(tag)
            if bucket is not None:
                bucket.pop((kind, key), None)
                if not bucket:
                    del self._tagged[tag]

    # Reading.

    def get(self, kind: Kind, key: Key) -> Watched | None:
        """Return an object, None if it is unknown."""
        return self._by_kind[kind].get(key.namespace, {}).get(key)

    def keys(self, kind: Kind, namespace: str | None = None) -> set[Key]:
        """Return the keys of a kind, in one namespace or (None) in all."""
        spaces = self._by_kind[kind]
        if namespace is not None:
            return set(spaces.get(namespace, ()))
        return set[Key]().union(*spaces.values())

    def all(self, kind: Kind, of: type[T]) -> list[T]:
        """Return every object of a kind."""
        spaces = self._by_kind[kind].values()
        return [obj for there in spaces for obj in there.values() if isinstance(obj, of)]

    def within(self, namespace: str, kind: Kind, of: type[T]) -> list[T]:
        """Return every object of a kind in one namespace."""
        there = self._by_kind[kind].get(namespace, {})
        return [obj for obj in there.values() if isinstance(obj, of)]

    def _bucket(self, of: type[T], *tag: str) -> list[T]:
        return [obj for obj in self._tagged.get(tag, {}).values() if isinstance(obj, of)]

    def revisions(self, release: Key) -> list[ReleaseRecord]:
        """Return a release's revisions that are not superseded."""
        return self._bucket(ReleaseRecord, RECORD, *release)

    def newest_revision(self, release: Key) -> ReleaseRecord | None:
        """Return the newest of a release's revisions that are not superseded.

        If Helm stores two releases of that name, the one stored in its own namespace counts.
        """
        return max(
            self.revisions(release),
            key=lambda each: (not each.storage_namespace, each.revision),
            default=None,
        )

    def annotated(self, release: Key, of: type[T]) -> list[T]:
        """Return the objects annotated by Helm as the release's."""
        return self._bucket(of, RELEASE, *release)

    def owned(self, kind: Kind, owner: Key, of: type[T]) -> list[T]:
        """Return the Pods, ReplicaSets or Jobs of a controller."""
        return self._bucket(of, OWNER, owner.namespace, kind.value, owner.name)

    def targeting(self, workload: Workload, of: type[T]) -> list[T]:
        """Return the HPAs, ScaledObjects or VPAs whose target is this workload."""
        return self._bucket(
            of, TARGET, workload.key.namespace, workload.kind.value, workload.key.name
        )

    def unreadable_for(self, workload: Workload) -> list[Unreadable]:
        """Return the HPAs and ScaledObjects that scale this workload and cannot be read."""
        return self._bucket(
            Unreadable, TARGET, workload.key.namespace, workload.kind.value, workload.key.name
        )

    def load_tests(self, release: Key) -> list[Job]:
        """Return the Jobs of load tests of a release."""
        return self._bucket(Job, LOAD_TEST, *release)

    def about(self, kind: str, key: Key) -> list[Event]:
        """Return the events about an object."""
        return self._bucket(Event, ABOUT, key.namespace, kind, key.name)

    def balancing(self, address: str) -> list[Service]:
        """Return the Services whose load balancer has this address."""
        return self._bucket(Service, ADDRESS, address)

    # From an object back to its releases.

    def releases_through(self, kind: str, key: Key) -> set[Key]:
        """Return the releases that an object belongs to; none if it is unknown."""
        parent = self.get(Kind(kind), key) if kind in _KINDS else None
        return parent.releases(self) if parent is not None else set()

    def tagged(self, *tag: str) -> list[Watched]:
        """Return the objects with a tag."""
        return list(self._tagged.get(tag, {}).values())
