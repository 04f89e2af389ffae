"""Watched objects: the releases that they belong to, and the tags that they are found by.

Each type tells both itself.

An object belongs to a release by Helm's annotation; a pod or replica set by its chain of
owners, which is how Kubernetes itself counts them (selectors of two workloads may overlap);
an HPA also by its scale target; an event by what it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from msgspec import Struct

from portal.domain.keys import Key

Tag = tuple[str, ...]
"""What objects are found by: the first part says in which sense the others are meant."""

RECORD = "record"
RELEASE = "release"
OWNER = "owner"
TARGET = "target"
ABOUT = "about"
GATEWAY = "gateway"
ADDRESS = "address"


class Index(Protocol):
    """All watched objects; ``state.index.Objects`` is it."""

    def releases_through(self, kind: str, key: Key) -> set[Key]:
        """The releases that another object belongs to; none where there is no such object."""
        ...

    def tagged(self, *tag: str) -> Iterable[Watched]:
        """The objects that have a tag."""
        ...


class Watched(Struct, frozen=True):
    """An object that a watch delivers. By itself it belongs to no release, as a node does."""

    def tags(self) -> Iterator[Tag]:
        """What this object is found by."""
        yield from ()

    def releases(self, index: Index) -> set[Key]:
        """The releases whose state this object is a part of, as far as its owners are known."""
        return set()


def release_tag(key: Key, release: str) -> Iterator[Tag]:
    """The tag of an object that carries Helm's annotation."""
    if release:
        yield (RELEASE, key.namespace, release)


def own_release(key: Key, release: str) -> set[Key]:
    """The release that Helm's annotation names."""
    return {Key(key.namespace, release)} if release else set()
