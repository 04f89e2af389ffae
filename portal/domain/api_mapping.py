"""Mapping of the APIs that a recorded manifest names to those that a cluster serves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import yaml
from msgspec import Struct

from portal.domain import yaml_text
from portal.domain.manifests import Tree, parsing

Api = tuple[str, str]
"""An ``apiVersion`` and a ``kind``."""

Successors = Mapping[Api, str]
"""The ``apiVersion`` to use instead, by API that the cluster does not serve; "" if none."""

MOVED: Mapping[Api, str] = {
    ("extensions", "DaemonSet"): "apps",
    ("extensions", "Deployment"): "apps",
    ("extensions", "ReplicaSet"): "apps",
    ("extensions", "Ingress"): "networking.k8s.io",
    ("extensions", "NetworkPolicy"): "networking.k8s.io",
    ("extensions", "PodSecurityPolicy"): "policy",
}
"""By group and kind, the group that Kubernetes has moved a kind to."""


class MappedObject(Struct, frozen=True):
    """An object of which the record changes; ``after`` is "" if it is left out."""

    kind: str
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        """The change as a sentence."""
        if self.after:
            return f"{self.kind} {self.name}: {self.before} becomes {self.after}."
        return (
            f"{self.kind} {self.name} ({self.before}) is left out: this cluster has no such kind "
            "any more, so it has no such object either."
        )


def apis_of(trees: Iterator[Tree]) -> tuple[Api, ...]:
    """Return the APIs of some objects, each once, in their order."""
    found = ((str(each.get("apiVersion", "")), str(each.get("kind", ""))) for each in trees)
    return tuple(dict.fromkeys(api for api in found if all(api)))


def mapped(manifest: str, successors: Successors) -> tuple[str, tuple[MappedObject, ...]]:
    """Return ``manifest`` with its APIs mapped, and the objects that this is about.

    All else stays to the letter, comments included, unless an item of a ``List`` is left out.

    Raises:
        PortalError: the manifest is not YAML, or too large to be read.
    """
    with parsing(manifest, subject="The recorded manifest", use="changed"):
        documents = list(yaml.compose_all(manifest, Loader=yaml_text.LOADER))
    found: list[MappedObject] = []
    edits: list[tuple[int, int, str]] = []
    for document in documents:
        if isinstance(document, yaml.MappingNode):
            edits += _edits(document, successors, found)
    for start, end, text in sorted(edits, reverse=True):
        manifest = f"{manifest[:start]}{text}{manifest[end:]}"
    return manifest, tuple(found)


def _edits(
    document: yaml.MappingNode, successors: Successors, found: list[MappedObject]
) -> list[tuple[int, int, str]]:
    """Return the edits of the text of one document, and add what they are about to ``found``."""
    listed = _items(document)
    if listed is None:
        edit = _edit(document, successors, found)
        return [] if edit is None else [edit]
    edits = [_edit(each, successors, found) for each in _mappings(listed)]
    if not any(edit is not None and not edit[2] for edit in edits):
        return [edit for edit in edits if edit is not None]
    # A left-out item takes its dash along, so the document is written anew.
    kept: list[yaml.Node] = []
    for each in _mappings(listed):
        api = _api(each)
        successor = successors.get(api)
        if successor == "":
            continue
        version = _value(each, "apiVersion")
        if successor and version is not None:
            version.value = successor
        kept.append(each)
    listed.value = kept
    text = yaml.serialize(document, Dumper=yaml.SafeDumper)
    return [(document.start_mark.index, document.end_mark.index, text)]


def _edit(
    node: yaml.MappingNode, successors: Successors, found: list[MappedObject]
) -> tuple[int, int, str] | None:
    """Return the edit of one object; None if its API stays. No text: it is left out."""
    before, kind = _api(node)
    after = successors.get((before, kind))
    if after is None:
        return None
    metadata = _value(node, "metadata")
    name = _value(metadata, "name") if isinstance(metadata, yaml.MappingNode) else None
    title = str(name.value) if isinstance(name, yaml.ScalarNode) else ""
    found.append(MappedObject(kind, title, before, after))
    changed = (_value(node, "apiVersion") if after else None) or node
    return changed.start_mark.index, changed.end_mark.index, after


def _items(document: yaml.MappingNode) -> yaml.SequenceNode | None:
    """Return the items of a ``List``; None for any other object."""
    items = _value(document, "items")
    is_list = _api(document)[1].endswith("List")
    return items if is_list and isinstance(items, yaml.SequenceNode) else None


def _mappings(items: yaml.SequenceNode) -> list[yaml.MappingNode]:
    return [
        each for each in cast("list[yaml.Node]", items.value) if isinstance(each, yaml.MappingNode)
    ]


def _api(node: yaml.MappingNode) -> Api:
    version, kind = (_value(node, name) for name in ("apiVersion", "kind"))
    return (
        str(version.value) if isinstance(version, yaml.ScalarNode) else "",
        str(kind.value) if isinstance(kind, yaml.ScalarNode) else "",
    )


def _value(node: yaml.MappingNode, name: str) -> yaml.Node | None:
    pairs = cast("list[tuple[yaml.Node, yaml.Node]]", node.value)
    return next((value for key, value in pairs if key.value == name), None)
