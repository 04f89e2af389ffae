"""Watched objects, indexed so that a change costs in proportion to what it touches.

An object belongs to a release by Helm's annotation; a pod or replica set by its chain of
owners, which is how Kubernetes itself counts them (selectors of two workloads may overlap);
an HPA also by its scale target; an event by what it is about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TypeVar

from portal.domain.keys import Key
from portal.domain.objects import (
    Event,
    Gateway,
    Hpa,
    HttpRoute,
    Ingress,
    Kind,
    Pod,
    Release,
    ReplicaSet,
    Service,
    Watched,
    Workload,
)

Tag = tuple[str, ...]
T = TypeVar("T")

_SECRETS = "secrets"
_RELEASE = "release"
_OWNER = "owner"
_TARGET = "target"
_ABOUT = "about"
_GATEWAY = "gateway"
_ADDRESS = "address"


def _tags(key: Key, obj: Watched) -> Iterator[Tag]:
    """The buckets ``obj`` is found in."""
    space = key.namespace
    match obj:
        case Release():
            yield (_SECRETS, space, obj.key.name)
        case Pod() | ReplicaSet():
            if obj.owner:
                yield (_OWNER, space, obj.owner)
        case Event():
            yield (_ABOUT, space, obj.about_kind, obj.about_name)
        case Workload() | Service() | Ingress() | Hpa() | HttpRoute():
            if obj.release:
                yield (_RELEASE, space, obj.release)
            if isinstance(obj, Hpa):
                yield (_TARGET, space, obj.target_kind, obj.target_name)
            elif isinstance(obj, HttpRoute):
                for gateway in obj.gateways:
                    yield (_GATEWAY, *gateway)
            elif isinstance(obj, Service):
                for address in obj.addresses:
                    yield (_ADDRESS, address)
        case Gateway():
            for address in obj.addresses:
                yield (_ADDRESS, address)
        case _:
            pass


class Objects:
    """The objects of every kind by namespace and name, and the buckets they share."""

    def __init__(self) -> None:
        self._by_kind: dict[Kind, dict[str, dict[Key, Watched]]] = {
            kind: defaultdict(dict) for kind in Kind
        }
        self._tagged: dict[Tag, dict[tuple[Kind, Key], Watched]] = {}

    # Writing. Each returns the releases whose state has changed.

    def put(self, kind: Kind, key: Key, obj: Watched) -> set[Key]:
        """Add or replace one object; nothing is touched when it says what it said before."""
        there = self._by_kind[kind][key.namespace]
        old = there.get(key)
        if old == obj:
            return set()
        touched = set[Key]()
        if old is not None:
            touched |= self.releases_of(key, old)
            self._untag(kind, key, old)
            del there[key]  # with the old key itself: the new object brings its own
        there[key] = obj
        for tag in _tags(key, obj):
            self._tagged.setdefault(tag, {})[kind, key] = obj
        return touched | self.releases_of(key, obj)

    def remove(self, kind: Kind, key: Key) -> set[Key]:
        """Remove one object; an unknown one is no error."""
        there = self._by_kind[kind].get(key.namespace, {})
        old = there.pop(key, None)
        if old is None:
            return set()
        touched = self.releases_of(key, old)
        self._untag(kind, key, old)
        if not there:
            del self._by_kind[kind][key.namespace]
        return touched

    def _untag(self, kind: Kind, key: Key, obj: Watched) -> None:
        for tag in _tags(key, obj):
            bucket = self._tagged.get(tag)
            if bucket is not None:
                bucket.pop((kind, key), None)
                if not bucket:
                    del self._tagged[tag]

    # Reading.

    def get(self, kind: Kind, key: Key) -> Watched | None:
        """One object, or None."""
        return self._by_kind[kind].get(key.namespace, {}).get(key)

    def keys(self, kind: Kind, namespace: str | None = None) -> set[Key]:
        """Keys of a kind, in one namespace or (None) in all."""
        spaces = self._by_kind[kind]
        if namespace is not None:
            return set(spaces.get(namespace, ()))
        return set[Key]().union(*spaces.values())

    def all(self, kind: Kind, of: type[T]) -> list[T]:
        """Every object of a kind."""
        spaces = self._by_kind[kind].values()
        return [obj for there in spaces for obj in there.values() if isinstance(obj, of)]

    def within(self, namespace: str, kind: Kind, of: type[T]) -> list[T]:
        """Every object of a kind in one namespace."""
        there = self._by_kind[kind].get(namespace, {})
        return [obj for obj in there.values() if isinstance(obj, of)]

    def _bucket(self, of: type[T], *tag: str) -> list[T]:
        return [obj for obj in self._tagged.get(tag, {}).values() if isinstance(obj, of)]

    def newest_revision(self, release: Key) -> Release | None:
        """The newest of a release's revisions that are not superseded."""
        revisions = self._bucket(Release, _SECRETS, *release)
        return max(revisions, key=lambda each: each.revision, default=None)

    def annotated(self, release: Key, of: type[T]) -> list[T]:
        """Objects that Helm marked as the release's."""
        return self._bucket(of, _RELEASE, *release)

    def owned(self, namespace: str, owner: str, of: type[T]) -> list[T]:
        """Pods or replica sets whose controller has this name."""
        return self._bucket(of, _OWNER, namespace, owner)

    def targeting(self, workload: Workload) -> list[Hpa]:
        """HPAs that scale this workload."""
        return self._bucket(
            Hpa, _TARGET, workload.key.namespace, workload.kind.value, workload.key.name
        )

    def about(self, kind: str, key: Key) -> list[Event]:
        """Events about one object."""
        return self._bucket(Event, _ABOUT, key.namespace, kind, key.name)

    def balancing(self, address: str) -> list[Service]:
        """Services whose load balancer has this address."""
        return self._bucket(Service, _ADDRESS, address)

    # From an object back to its releases.

    def releases_of(self, key: Key, obj: Watched) -> set[Key]:
        """The releases whose state ``obj`` is a part of, as far as its owners are known."""
        space = key.namespace
        match obj:
            case Release():
                return {obj.key}
            case Workload() | Ingress() | HttpRoute():
                return {Key(space, obj.release)} if obj.release else set()
            case Service():
                own = {Key(space, obj.release)} if obj.release else set[Key]()
                gateways = (
                    gateway
                    for address in obj.addresses
                    for gateway in self._bucket(Gateway, _ADDRESS, address)
                )
                return own.union(*(self.releases_of(each.key, each) for each in gateways))
            case Hpa():
                own = {Key(space, obj.release)} if obj.release else set[Key]()
                return own | self._through(obj.target_kind, Key(space, obj.target_name))
            case ReplicaSet():
                return self._through(Kind.DEPLOYMENT, Key(space, obj.owner))
            case Pod():
                owner = Key(space, obj.owner)
                return self._through(Kind.REPLICA_SET, owner) | self._through(
                    Kind.STATEFUL_SET, owner
                )
            case Event():
                return self._through(obj.about_kind, Key(space, obj.about_name))
            case Gateway():
                routes = self._bucket(HttpRoute, _GATEWAY, *key)
                return {Key(each.key.namespace, each.release) for each in routes if each.release}
            case _:
                return set()

    def _through(self, kind: str, key: Key) -> set[Key]:
        if kind not in _WATCHED_KINDS or kind == Kind.EVENT:
            return set()
        parent = self.get(Kind(kind), key)
        return self.releases_of(key, parent) if parent is not None else set()


_WATCHED_KINDS = frozenset(kind.value for kind in Kind)
