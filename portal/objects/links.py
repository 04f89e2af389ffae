"""Links between objects: what pods use, who owns an object, what it selects or leads to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from portal.domain.manifests import Tree, at, mappings


class Relation(StrEnum):
    """The way in which an object refers to another one."""

    OWNER = "Owned by"
    TARGET = "Scales"
    USES = "Uses"
    ROUTES = "Routes to"
    SELECTS = "Selects"
    RUNS_ON = "Runs on"
    BOUND_TO = "Bound to"


class Link(Struct, frozen=True, order=True):
    """A reference from one object to another of the same namespace (nodes and volumes: none)."""

    relation: Relation
    kind: str
    name: str


def links_of(tree: Tree) -> tuple[Link, ...]:
    """Return the links that an object's own fields name, each once, in the order of relations."""
    order = list(Relation)
    found = dict.fromkeys(_links(tree))
    return tuple(sorted(found, key=lambda each: (order.index(each.relation), each.kind, each.name)))


def _links(tree: Tree) -> Iterator[Link]:
    for each in mappings(at(tree, "metadata").get("ownerReferences")):
        yield from _link(Relation.OWNER, _text(each, "kind"), _text(each, "name"))
    kind, spec = str(tree.get("kind", "")), at(tree, "spec")
    match kind:
        case "HorizontalPodAutoscaler":
            target = at(spec, "scaleTargetRef")
            yield from _link(Relation.TARGET, _text(target, "kind"), _text(target, "name"))
        case "Ingress":
            for name in _ingress_services(spec):
                yield from _link(Relation.ROUTES, "Service", name)
            for each in mappings(spec.get("tls")):
                yield from _link(Relation.USES, "Secret", _text(each, "secretName"))
        case "HTTPRoute":
            for rule in mappings(spec.get("rules")):
                for each in mappings(rule.get("backendRefs")):
                    yield from _link(
                        Relation.ROUTES, _text(each, "kind") or "Service", _text(each, "name")
                    )
        case "PersistentVolumeClaim":
            yield from _link(Relation.BOUND_TO, "PersistentVolume", _text(spec, "volumeName"))
        case "Pod":
            yield from _link(Relation.RUNS_ON, "Node", _text(spec, "nodeName"))
        case _:
            pass
    yield from used(tree)


def used(tree: Tree) -> Iterator[Link]:
    """Yield the Secrets, ConfigMaps, claims and the account that an object's pods use."""
    spec = pod_spec(tree)
    account = _text(spec, "serviceAccountName")
    if account != "default":
        yield from _link(Relation.USES, "ServiceAccount", account)
    for each in mappings(spec.get("imagePullSecrets")):
        yield from _link(Relation.USES, "Secret", _text(each, "name"))
    for volume in mappings(spec.get("volumes")):
        yield from _volume(volume)
        for source in mappings(at(volume, "projected").get("sources")):
            yield from _volume(source)
    for name in ("initContainers", "containers", "ephemeralContainers"):
        for container in mappings(spec.get(name)):
            for each in mappings(container.get("envFrom")):
                yield from _reference(each, "secretRef", "configMapRef")
            for each in mappings(container.get("env")):
                yield from _reference(at(each, "valueFrom"), "secretKeyRef", "configMapKeyRef")


def _volume(volume: Tree) -> Iterator[Link]:
    secret = at(volume, "secret")
    # A projected source calls the same field "name".
    yield from _link(Relation.USES, "Secret", _text(secret, "secretName") or _text(secret, "name"))
    yield from _link(Relation.USES, "ConfigMap", _text(at(volume, "configMap"), "name"))
    claim = _text(at(volume, "persistentVolumeClaim"), "claimName")
    yield from _link(Relation.USES, "PersistentVolumeClaim", claim)


def _reference(holder: Tree, secret: str, config_map: str) -> Iterator[Link]:
    yield from _link(Relation.USES, "Secret", _text(at(holder, secret), "name"))
    yield from _link(Relation.USES, "ConfigMap", _text(at(holder, config_map), "name"))


def pod_spec(tree: Tree) -> Tree:
    """Return the spec of a pod, or of the pods that a workload creates; {} for other objects."""
    match tree.get("kind"):
        case "Pod":
            return at(tree, "spec")
        case "CronJob":
            return at(tree, "spec", "jobTemplate", "spec", "template", "spec")
        case _:
            return at(tree, "spec", "template", "spec")


def selects(tree: Tree, labels: Mapping[str, str]) -> bool:
    """Return True if a Service or PodDisruptionBudget selects pods with ``labels``.

    Expressions (``matchExpressions``) are not evaluated: with any, the answer is False.
    """
    spec = at(tree, "spec")
    match tree.get("kind"):
        case "Service":
            wanted = at(spec, "selector")
        case "PodDisruptionBudget" if not at(spec, "selector").get("matchExpressions"):
            wanted = at(spec, "selector", "matchLabels")
        case _:
            return False
    return bool(wanted) and all(labels.get(name) == value for name, value in wanted.items())


def _ingress_services(spec: Tree) -> Iterator[str]:
    yield _text(at(spec, "defaultBackend", "service"), "name")
    for rule in mappings(spec.get("rules")):
        for path in mappings(at(rule, "http").get("paths")):
            yield _text(at(path, "backend", "service"), "name")


def _link(relation: Relation, kind: str, name: str) -> Iterator[Link]:
    if kind and name:
        yield Link(relation, kind, name)


def _text(tree: Tree, name: str) -> str:
    found = tree.get(name)
    return found if isinstance(found, str) else ""
