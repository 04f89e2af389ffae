"""What a chart renders: the objects of a manifest, told apart, and how two manifests differ.

Pure. An object is named by its API group, kind, namespace and name; its version is left out,
since ``apps/v1`` and ``apps/v1beta1`` are the same Deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TypeAlias, cast

import yaml
from msgspec import Struct
from yaml.composer import ComposerError

from portal.domain import yamls
from portal.domain.errors import PortalError

Tree: TypeAlias = Mapping[str, object]

MAX_MANIFEST = 8 * 2**20
"""Characters. Helm keeps a release, compressed, in a Secret of at most 1 MiB."""

MAX_NODES = 400_000
"""Names, values and lists in it, those that stand for others written out."""
MAX_DEPTH = 100


class Ref(Struct, frozen=True, order=True):
    """Which object."""

    kind: str
    name: str
    namespace: str
    group: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Change(StrEnum):
    """What happens to an object."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class ObjectChange(Struct, frozen=True):
    """One object that differs. ``before`` is empty for one that is added, and so on."""

    ref: Ref
    change: Change
    before: Tree
    after: Tree


def objects(manifest: str, namespace: str) -> dict[Ref, Tree]:
    """The objects in ``manifest``, in its order; those without a namespace are in ``namespace``.

    Cluster-wide kinds get it too, which does no harm: it is the same on both sides.

    Raises:
        PortalError: it is not YAML, or too much to be looked at.
    """
    if len(manifest) > MAX_MANIFEST:
        raise PortalError(f"The manifest is longer than {MAX_MANIFEST // 2**20} MiB.")
    try:
        yamls.measure(manifest, nodes=MAX_NODES, depth=MAX_DEPTH)
        documents = list(yaml.load_all(manifest, Loader=yamls.LOADER))
        check_written_out(documents)
    except yamls.TooMuch as error:
        raise PortalError(f"The manifest is too large to be looked at here. {error}") from error
    except yaml.YAMLError as error:
        raise PortalError(f"What the chart renders is not YAML: {error}") from error
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
    """``manifest`` with documents that can be read one by one.

    Helm takes a ``List`` apart for its post-renderer, and leaves aliases of an anchor that is in
    another item (helm/helm#32203). What can be read as it is stays as it is, to the letter.
    """
    if "*" not in manifest:
        return manifest
    try:
        yamls.measure(manifest, nodes=MAX_NODES, depth=MAX_DEPTH)
        for _ in yaml.compose_all(manifest, Loader=yamls.LOADER):
            pass
    except ComposerError:
        nodes = _SharedAnchors(manifest).documents()
        return "---\n".join(yaml.serialize(node, Dumper=yaml.SafeDumper) for node in nodes)
    except (yaml.YAMLError, yamls.TooMuch):
        return manifest  # for whoever reads it next to tell
    return manifest


class _SharedAnchors(yaml.SafeLoader):
    """Reads documents in which an alias may be of an anchor in one before."""

    def documents(self) -> Iterator[yaml.nodes.Node]:
        """The documents; raises ``yaml.YAMLError``."""
        self.get_event()
        while not self.check_event(yaml.StreamEndEvent):
            self.get_event()
            yield self.compose_node(None, None)  # pyright: ignore
            self.get_event()


def changes(before: Mapping[Ref, Tree], after: Mapping[Ref, Tree]) -> tuple[ObjectChange, ...]:
    """Every object that is not the same in both, in the order of ``after``, then what goes."""
    found: list[ObjectChange] = []
    for ref, tree in after.items():
        old = before.get(ref)
        if old is None:
            found.append(ObjectChange(ref, Change.ADDED, {}, tree))
        elif old != tree:
            found.append(ObjectChange(ref, Change.CHANGED, old, tree))
    found += [
        ObjectChange(ref, Change.REMOVED, tree, {})
        for ref, tree in before.items()
        if ref not in after
    ]
    return tuple(found)


def at(tree: Tree, *path: str) -> Tree:
    """The mapping at ``path``; an empty one where there is none."""
    for name in path:
        inner = tree.get(name)
        if not isinstance(inner, Mapping):
            return {}
        tree = cast("Tree", inner)
    return tree


def kept(tree: Tree) -> bool:
    """Whether Helm leaves the object when its release no longer has it."""
    policy = at(tree, "metadata", "annotations").get("helm.sh/resource-policy")
    return str(policy or "").strip().lower() == "keep"


def check_written_out(documents: list[object]) -> None:
    """Refuse what stands for far more than is written: each part of it counts wherever it is."""
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
            raise PortalError("The manifest is too large to be looked at here: its anchors are.")
        waiting += inner


def _flat(documents: list[object]) -> Iterator[Tree]:
    """Objects one by one: empty documents left out, ``List`` taken apart."""
    for document in documents:
        if not isinstance(document, Mapping):
            continue
        tree = cast("Tree", document)
        items = tree.get("items")
        if str(tree.get("kind", "")).endswith("List") and isinstance(items, list):
            yield from _flat(cast("list[object]", items))
        else:
            yield tree
