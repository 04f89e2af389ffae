"""Raw objects of the API → domain objects: Services, Ingresses and the Gateway API."""

from __future__ import annotations

from portal.cluster.decode import key, release_of
from portal.cluster.raw import Raw, items, part, text
from portal.domain.keys import Key
from portal.domain.objects import Gateway, HttpRoute, Ingress, Service, ServicePort


def _published(raw: Raw) -> tuple[str, ...]:
    """Addresses that a load balancer or ingress controller has written into the status."""
    points = items(raw, "status", "loadBalancer", "ingress")
    found = (str(each.get("hostname") or each.get("ip") or "") for each in points)
    return tuple(each for each in found if each)


def service(raw: Raw) -> tuple[Key, Service]:
    """A Service; ``cluster_ip`` is "None" for a headless one."""
    spec: Raw = raw["spec"]
    found = key(raw)
    return found, Service(
        key=found,
        release=release_of(raw),
        type=str(spec.get("type") or "ClusterIP"),
        cluster_ip=text(spec, "clusterIP"),
        ports=tuple(
            ServicePort(int(each["port"]), each.get("nodePort"), text(each, "name"))
            for each in items(spec, "ports")
            if each.get("protocol", "TCP") == "TCP"
        ),
        addresses=_published(raw),
    )


def ingress(raw: Raw) -> tuple[Key, Ingress]:
    """An Ingress of networking.k8s.io/v1."""
    spec = part(raw, "spec")
    notes = part(raw, "metadata", "annotations")
    found = key(raw)
    return found, Ingress(
        key=found,
        release=release_of(raw),
        class_name=str(
            spec.get("ingressClassName") or notes.get("kubernetes.io/ingress.class") or ""
        ),
        hosts=tuple(str(each["host"]) for each in items(spec, "rules") if each.get("host")),
        tls_hosts=tuple(str(host) for each in items(spec, "tls") for host in items(each, "hosts")),
        addresses=_published(raw),
    )


def http_route(raw: Raw) -> tuple[Key, HttpRoute]:
    """An HTTPRoute: accepted when a gateway takes it and no gateway objects."""
    spec = part(raw, "spec")
    found = key(raw)
    parents = items(spec, "parentRefs")
    said: list[Raw] = [
        condition
        for parent in items(raw, "status", "parents")
        for condition in items(parent, "conditions")
        if condition.get("type") in {"Accepted", "ResolvedRefs"}
    ]
    refused = [each for each in said if each.get("status") == "False"]
    taken = any(each["type"] == "Accepted" and each.get("status") == "True" for each in said)
    return found, HttpRoute(
        key=found,
        release=release_of(raw),
        hosts=tuple(str(each) for each in items(spec, "hostnames")),
        gateways=tuple(
            Key(str(each.get("namespace") or found.namespace), str(each["name"]))
            for each in parents
            if each.get("kind", "Gateway") == "Gateway"
        ),
        accepted=False if refused else True if taken else None,
        message="; ".join(str(each.get("message") or each.get("reason") or "") for each in refused),
    )


def gateway(raw: Raw) -> tuple[Key, Gateway]:
    """A Gateway: addresses from its status, protocols and ports of its listeners."""
    spec = part(raw, "spec")
    addresses = items(raw, "status", "addresses")
    found = key(raw)
    return found, Gateway(
        key=found,
        addresses=tuple(str(each["value"]) for each in addresses),
        protocols=tuple(
            (str(each["protocol"]), int(each["port"])) for each in items(spec, "listeners")
        ),
    )
