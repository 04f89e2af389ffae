"""The objects of a rendered manifest, and the differences between two manifests.

Pure. An object is named by its API group, kind, namespace and name; its version is left out,
since ``apps/v1`` and ``apps/v1beta1`` are the same Deployment.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeAlias, cast

import yaml
from msgspec import Struct
from yaml.composer import ComposerError

from portal.domain import yaml_text
from portal.domain.errors import PortalError
from portal.domain.keys import RESOURCE_POLICY

HOOK = "helm.sh/hook"
"""Annotation that makes an object a hook; its value names the events."""

Tree: TypeAlias = Mapping[str, object]

MAX_MANIFEST = 8 * 2**20
"""Characters. Helm keeps a release, compressed, in a Secret of at most 1 MiB."""

MAX_NODES = 400_000
"""Limit on names, values and lists in a manifest, with aliases expanded."""
MAX_DEPTH = 100


class Ref(Struct, frozen=True, order=True):
    """A reference to an object."""

    kind: str
    name: str
    namespace: str
    group: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class ChangeType(StrEnum):
    """The way in which an object changes."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class ObjectChange(Struct, frozen=True):
    """One object that differs. ``before`` is empty if it is added, ``after`` if it is removed."""

    ref: Ref
    change: ChangeType
    before: Tree
    after: Tree


@contextmanager
def parsing(manifest: str, *, subject: str, use: str) -> Generator[None]:
    """Check the size of ``manifest``, and report the errors of the block that parses it.

    Errors read "``subject`` is not YAML" and "The manifest is too large to be ``use`` here".

    Raises:
        PortalError: the manifest is not YAML, or too large to be read.
    """
    if len(manifest) > MAX_MANIFEST:
        raise PortalError(f"The manifest is longer than {MAX_MANIFEST // 2**20} MiB.")
    try:
        yaml_text.measure(manifest, nodes=MAX_NODES, depth=MAX_DEPTH)
        yield
    except yaml_text.TooLarge as error:
        raise PortalError(f"The manifest is too large to be {use} here. {error}") from error
    except yaml.YAMLError as error:
        raise PortalError(f"{subject} is not YAML: {error}") from error


def objects(manifest: str, namespace: str) -> dict[Ref, Tree]:
    """Return the objects in ``manifest``, in its order; ``namespace`` is the default namespace.

    Cluster-scoped kinds get the default too. That is harmless: it is the same on both sides of
    a comparison.

    Raises:
        PortalError: the manifest is not YAML, or too large to be read.
    """
    with parsing(manifest, subject="What the chart renders", use="shown"):
        documents = list(yaml.load_all(manifest, Loader=yaml_text.LOADER))
        check_written_out(documents)
    found: dict[Ref, Tree] = {}
    for tree in _flat(documents):
        meta = at(tree, "metadata")
        group, _, _ = str(tree.get("apiVersion", "")).rpartition("/")
        ref = Ref(
            str(tree.get("kind", "")),
            str(meta.get("name", "")),
            str(meta.get("namespace") or namespace),
            group,
        )
        found[ref] = tree
    return found


def independent(manifest: str) -> str:
    """Return ``manifest`` with documents that can each be parsed on their own.

    Helm splits a ``List`` for its post-renderer, and leaves aliases whose anchor is in another
    item (helm/helm#32203). A manifest that needs no change is returned as it is.
    """
    if "*" not in manifest:
        return manifest
    try:
        yaml_text.measure(manifest, nodes=MAX_NODES, depth=MAX_DEPTH)
        for _ in yaml.compose_all(manifest, Loader=yaml_text.LOADER):
            pass
    except ComposerError:
        nodes = _SharedAnchors(manifest).documents()
        return "---\n".join(yaml.serialize(node, Dumper=yaml.SafeDumper) for node in nodes)
    except (yaml.YAMLError, yaml_text.TooLarge):
        return manifest  # the next reader reports the error
    return manifest


class _SharedAnchors(yaml.SafeLoader):
    """Loader of documents whose aliases may refer to anchors in earlier documents."""

    def documents(self) -> Iterator[yaml.nodes.Node]:
        """Yield the documents; raises ``yaml.YAMLError``."""
        self.get_event()
        while not self.check_event(yaml.StreamEndEvent):
            self.get_event()
            yield self.compose_node(None, None)  # pyright: ignore
            self.get_event()


def changes(before: Mapping[Ref, Tree], after: Mapping[Ref, Tree]) -> tuple[ObjectChange, ...]:
    """Return every object that differs, in the order of ``after``, then the removed ones."""
    found: list[ObjectChange] = []
    for ref, tree in after.items():
        old = before.get(ref)
        if old is None:
            found.append(ObjectChange(ref, ChangeType.ADDED, {}, tree))
        elif old != tree:
            found.append(ObjectChange(ref, ChangeType.CHANGED, old, tree))
    found += [
        ObjectChange(ref, ChangeType.REMOVED, tree, {})
        for ref, tree in before.items()
        if ref not in after
    ]
    return tuple(found)


def at(tree: Tree, *path: str) -> Tree:
    """Return the mapping at ``path``, an empty one if there is none."""
    for name in path:
        inner = tree.get(name)
        if not isinstance(inner, Mapping):
            return {}
        tree = cast("Tree", inner)
    return tree


def mappings(value: object) -> Iterator[Tree]:
    """Yield the mappings of a list; nothing if ``value`` is none."""
    for each in cast("list[object]", value) if isinstance(value, list) else ():
        if isinstance(each, Mapping):
            yield cast("Tree", each)


def hook_events(tree: Tree) -> frozenset[str] | None:
    """Return the events at which Helm creates an object as a hook; None if it is no hook.

    Helm ignores a hook without any event that it knows.
    """
    annotations = at(tree, "metadata", "annotations")
    if HOOK not in annotations:
        return None
    return frozenset(each.strip() for each in str(annotations[HOOK]).lower().split(","))


def has_keep_policy(tree: Tree) -> bool:
    """Return True if Helm keeps the object when its release no longer contains it."""
    return keeps(at(tree, "metadata", "annotations"))


def keeps(annotations: Mapping[str, object]) -> bool:
    """Return True if an object's annotations have Helm's policy ``keep``."""
    return str(annotations.get(RESOURCE_POLICY) or "").strip().lower() == "keep"


def check_written_out(documents: list[object]) -> None:
    """Raise ``PortalError`` if the documents exceed ``MAX_NODES`` with aliases expanded."""
    waiting, left = list(documents), MAX_NODES
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            inner = list(cast("Tree", each).values())
        elif isinstance(each, list):
            inner = cast("list[object]", each)
        else:
            continue
        left -= len(inner)
        if left < 0:
            raise PortalError("The manifest is too large to be shown here: aliases expand it.")
        waiting += inner


def _flat(documents: list[object]) -> Iterator[Tree]:
    """Yield the objects; empty documents are skipped, ``List`` kinds are split."""
    for document in documents:
        if not isinstance(document, Mapping):
            continue
        tree = cast("Tree", document)
        items = tree.get("items")
        if str(tree.get("kind", "")).endswith("List") and isinstance(items, list):
            yield from _flat(cast("list[object]", items))
        else:
            yield tree
