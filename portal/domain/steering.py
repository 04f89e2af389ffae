"""Who decides how many pods a workload has: an autoscaler, or the number that its chart renders.

Pure. A workload is named by kind and name, as in ``Deployment/web``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import yaml
from msgspec import Struct
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from portal.domain import yamls
from portal.domain.manifests import MAX_DEPTH, MAX_NODES, Ref, Tree, at, objects

SCALABLE = frozenset({"Deployment", "StatefulSet"})


class ReplicaOwnership(Struct, frozen=True):
    """Who decides after a change.

    ``scaled`` are the workloads that an autoscaler decides about, and ``numbered`` those of
    them for which the chart renders a number all the same: Helm must not be let apply it.
    """

    scaled: frozenset[str] = frozenset()
    numbered: frozenset[str] = frozenset()


def named(kind: str, name: str) -> str:
    """What a workload is called here."""
    return f"{kind}/{name}"


def autoscalers(found: Mapping[Ref, Tree]) -> dict[str, Tree]:
    """The spec of each HorizontalPodAutoscaler, by the workload that it scales."""
    return {
        named(str(target.get("kind")), str(target.get("name"))): at(tree, "spec")
        for ref, tree in found.items()
        if ref.kind == "HorizontalPodAutoscaler"
        for target in [at(tree, "spec", "scaleTargetRef")]
    }


def steering(manifest: str, namespace: str, others: Iterable[str] = ()) -> ReplicaOwnership:
    """Who decides once ``manifest`` is applied.

    ``others`` are workloads that have an autoscaler from elsewhere, such as one made by hand.

    Raises:
        PortalError: the manifest cannot be read.
    """
    found = objects(manifest, namespace)
    scaled = frozenset({*autoscalers(found), *others})
    numbered = {
        named(ref.kind, ref.name)
        for ref, tree in found.items()
        if ref.kind in SCALABLE and "replicas" in at(tree, "spec")
    }
    return ReplicaOwnership(scaled, scaled & numbered)


def without_replicas(manifest: str, workloads: Collection[str]) -> str:
    """``manifest`` without ``spec.replicas`` of some workloads; all else is left to the letter.

    Raises:
        yaml.YAMLError: it is not YAML.
        yamls.TooMuch: it is too much to be looked at.
    """
    if not workloads:
        return manifest
    yamls.measure(manifest, nodes=MAX_NODES, depth=MAX_DEPTH)
    cuts = [
        cut
        for document in yaml.compose_all(manifest, Loader=yamls.LOADER)
        for cut in _numbers(document, workloads)
    ]
    ends, begins = [0], list[int]()
    for begin, end in sorted(cuts):
        begins.append(begin)
        ends.append(end)
    kept = zip(ends, [*begins, len(manifest)], strict=True)
    return "".join(manifest[begin:end] for begin, end in kept)


def _numbers(node: Node | None, workloads: Collection[str]) -> Iterator[tuple[int, int]]:
    """Where the numbers are: from the key to what follows its value."""
    kind = _text(node, "kind")
    if kind.endswith("List"):
        items = _field(node, "items")
        for each in items.value if isinstance(items, SequenceNode) else ():
            yield from _numbers(each, workloads)
    if named(kind, _text(_field(node, "metadata"), "name")) not in workloads:
        return
    spec = _field(node, "spec")
    fields = list(spec.value) if isinstance(spec, MappingNode) else []
    for (key, value), following in zip(fields, [*fields[1:], None], strict=False):
        if key.value == "replicas":
            end = following[0].start_mark if following else value.end_mark
            yield key.start_mark.index, end.index


def _field(node: Node | None, name: str) -> Node | None:
    if not isinstance(node, MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _text(node: Node | None, name: str) -> str:
    found = _field(node, name)
    return str(found.value) if isinstance(found, ScalarNode) else ""
