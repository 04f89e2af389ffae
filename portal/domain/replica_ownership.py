"""Ownership of ``spec.replicas``: an autoscaler sets it, or the chart's manifest does.

Pure. A workload is named by kind and name, as in ``Deployment/web``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import yaml
from msgspec import Struct
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from portal.domain import yaml_text
from portal.domain.manifests import MAX_DEPTH, MAX_NODES, Ref, Tree, at

SCALABLE = frozenset({"Deployment", "StatefulSet"})


class ReplicaOwnership(Struct, frozen=True):
    """The workloads whose replicas an autoscaler sets after a change.

    ``conflicting`` are those of the ``autoscaled`` workloads for which the manifest sets
    ``spec.replicas`` as well: Helm must not apply that field. ``scaled_to_zero`` are those that
    KEDA scales, which may be at zero and have to stay there.
    """

    autoscaled: frozenset[str] = frozenset()
    conflicting: frozenset[str] = frozenset()
    scaled_to_zero: frozenset[str] = frozenset()


def workload_name(kind: str, name: str) -> str:
    """Return the name of a workload in this module, ``Kind/name``."""
    return f"{kind}/{name}"


def autoscalers(found: Mapping[Ref, Tree]) -> dict[str, Tree]:
    """Return ``minReplicas`` and ``maxReplicas`` of each autoscaler by the workload that it scales.

    Autoscalers are HorizontalPodAutoscalers, and KEDA's ScaledObjects, which make some.
    """
    return {**hpas(found), **scaled_objects(found)}


def hpas(found: Mapping[Ref, Tree]) -> dict[str, Tree]:
    """Return the spec of each HorizontalPodAutoscaler by the workload that it scales."""
    return {
        workload_name(str(target.get("kind")), str(target.get("name"))): at(tree, "spec")
        for ref, tree in found.items()
        if ref.kind == "HorizontalPodAutoscaler"
        for target in [at(tree, "spec", "scaleTargetRef")]
    }


def scaled_objects(found: Mapping[Ref, Tree]) -> dict[str, Tree]:
    """Return the bounds of each ScaledObject, as an HPA's, by the workload that it scales."""
    return {
        workload_name(str(target.get("kind") or "Deployment"), str(target.get("name"))): {
            "minReplicas": spec.get("minReplicaCount", 0),
            "maxReplicas": spec.get("maxReplicaCount", 100),
        }
        for ref, tree in found.items()
        if (ref.kind, ref.group) == ("ScaledObject", "keda.sh")
        for spec in [at(tree, "spec")]
        for target in [at(spec, "scaleTargetRef")]
    }


def replica_ownership(
    found: Mapping[Ref, Tree], others: Iterable[str] = (), keda: Iterable[str] = ()
) -> ReplicaOwnership:
    """Return who owns the replicas once a manifest with the objects ``found`` is applied.

    ``others`` are workloads with an autoscaler outside the manifest, such as one made by hand, and
    ``keda`` those with a ScaledObject there.
    """
    by_keda = frozenset({*scaled_objects(found), *keda})
    autoscaled = by_keda.union(hpas(found), others)
    fixed = {
        workload_name(ref.kind, ref.name)
        for ref, tree in found.items()
        if ref.kind in SCALABLE and "replicas" in at(tree, "spec")
    }
    return ReplicaOwnership(autoscaled, autoscaled & fixed, by_keda)


def without_replicas(manifest: str, workloads: Collection[str]) -> str:
    """Return ``manifest`` without ``spec.replicas`` of ``workloads``; all other text is unchanged.

    Raises:
        yaml.YAMLError: the manifest is not YAML.
        yaml_text.TooLarge: it exceeds the limits on depth and number of nodes.
    """
    if not workloads:
        return manifest
    yaml_text.measure(manifest, nodes=MAX_NODES, depth=MAX_DEPTH)
    cuts = [
        cut
        for document in yaml.compose_all(manifest, Loader=yaml_text.LOADER)
        for cut in _numbers(document, workloads)
    ]
    ends, begins = [0], list[int]()
    for begin, end in sorted(cuts):
        begins.append(begin)
        ends.append(end)
    kept = zip(ends, [*begins, len(manifest)], strict=True)
    return "".join(manifest[begin:end] for begin, end in kept)


def _numbers(node: Node | None, workloads: Collection[str]) -> Iterator[tuple[int, int]]:
    """Yield the offsets of each ``replicas`` field, from its key to what follows its value."""
    kind = _text(node, "kind")
    if kind.endswith("List"):
        items = _field(node, "items")
        for each in items.value if isinstance(items, SequenceNode) else ():
            yield from _numbers(each, workloads)
    if workload_name(kind, _text(_field(node, "metadata"), "name")) not in workloads:
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
