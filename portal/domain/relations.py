"""Watched objects: the releases that they belong to, and the tags that they are indexed by.

Each type implements both. An object belongs to a release by Helm's annotation; a pod or ReplicaSet
by its chain of owners, as in Kubernetes itself (selectors of two workloads may overlap); an HPA
also by its scale target; an event by the object that it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from msgspec import Struct

from portal.domain.keys import Key

Tag = tuple[str, ...]
"""An index key of objects: the kind of relation, then the other object's coordinates."""

RECORD = "record"
RELEASE = "release"
OWNER = "owner"
TARGET = "target"
ABOUT = "about"
GATEWAY = "gateway"
CLAIM = "claim"
ADDRESS = "address"
LOAD_TEST = "load test"


class Index(Protocol):
    """The index of all watched objects, implemented by ``state.index.Objects``."""

    def releases_through(self, kind: str, key: Key) -> set[Key]:
        """Return the releases that another object belongs to; none if it does not exist."""
        ...

    def tagged(self, *tag: str) -> Iterable[Watched]:
        """Return the objects with a tag."""
        ...


class Watched(Struct, frozen=True):
    """An object that a watch delivers. By default it belongs to no release, like a node."""

    def tags(self) -> Iterator[Tag]:
        """Yield the tags that this object is indexed by."""
        yield from ()

    def releases(self, index: Index) -> set[Key]:
        """Return the releases whose state contains this object, as far as its owners are known."""
        return set()


def release_tag(key: Key, release: str) -> Iterator[Tag]:
    """Yield the tag of an object with Helm's annotation."""
    if release:
        yield (RELEASE, key.namespace, release)


def own_release(key: Key, release: str) -> set[Key]:
    """Return the release that Helm's annotation names."""
    return {Key(key.namespace, release)} if release else set()


class Scaling(Watched, frozen=True):
    """An object that changes a workload, its scale target, by itself."""

    key: Key
    release: str
    target_kind: str
    target_name: str

    def tags(self) -> Iterator[Tag]:
        """Yield the tags of the release it is annotated with, and of its scale target."""
        yield from release_tag(self.key, self.release)
        yield (TARGET, self.key.namespace, self.target_kind, self.target_name)

    def releases(self, index: Index) -> set[Key]:
        """Return the release it is annotated with, and those of its scale target."""
        target = Key(self.key.namespace, self.target_name)
        return own_release(self.key, self.release) | index.releases_through(
            self.target_kind, target
        )
