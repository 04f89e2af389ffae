"""Objects of the API → domain objects: Services, Ingresses and the Gateway API."""

from __future__ import annotations

from portal.cluster import shapes
from portal.cluster.decode import key, release_of
from portal.cluster.shapes import reading
from portal.domain.keys import Key
from portal.domain.objects import Gateway, HttpRoute, Ingress, Service, ServicePort


def _published(status: shapes.Balanced) -> tuple[str, ...]:
    """Addresses that a load balancer or ingress controller has written into the status."""
    found = (each.hostname or each.ip for each in status.load_balancer.ingress or ())
    return tuple(each for each in found if each)


@reading(shapes.Service)
def service(found: shapes.Service) -> tuple[Key, Service]:
    """A Service; ``cluster_ip`` is "None" for a headless one."""
    spec = found.spec
    own = key(found.metadata)
    return own, Service(
        key=own,
        release=release_of(found.metadata),
        type=spec.type,
        cluster_ip=spec.cluster_ip,
        ports=tuple(
            ServicePort(each.port, each.node_port, each.name)
            for each in spec.ports or ()
            if each.protocol == "TCP"
        ),
        addresses=_published(found.status),
    )


@reading(shapes.Ingress)
def ingress(found: shapes.Ingress) -> tuple[Key, Ingress]:
    """An Ingress of networking.k8s.io/v1."""
    spec = found.spec
    notes = found.metadata.annotations or {}
    own = key(found.metadata)
    return own, Ingress(
        key=own,
        release=release_of(found.metadata),
        class_name=spec.ingress_class_name or notes.get("kubernetes.io/ingress.class", ""),
        hosts=tuple(each.host for each in spec.rules or () if each.host),
        tls_hosts=tuple(host for each in spec.tls or () for host in each.hosts or ()),
        addresses=_published(found.status),
    )


@reading(shapes.HttpRoute)
def http_route(found: shapes.HttpRoute) -> tuple[Key, HttpRoute]:
    """An HTTPRoute: accepted when a gateway takes it and no gateway objects."""
    spec = found.spec
    own = key(found.metadata)
    said = [
        condition
        for parent in found.status.parents or ()
        for condition in parent.conditions or ()
        if condition.type in {"Accepted", "ResolvedRefs"}
    ]
    refused = [each for each in said if each.status == "False"]
    taken = any(each.type == "Accepted" and each.status == "True" for each in said)
    return own, HttpRoute(
        key=own,
        release=release_of(found.metadata),
        hosts=spec.hostnames or (),
        gateways=tuple(
            Key(each.namespace or own.namespace, each.name)
            for each in spec.parent_refs or ()
            if each.kind == "Gateway"
        ),
        accepted=False if refused else True if taken else None,
        message="; ".join(each.message or each.reason for each in refused),
    )


@reading(shapes.Gateway)
def gateway(found: shapes.Gateway) -> tuple[Key, Gateway]:
    """A Gateway: addresses from its status, protocols and ports of its listeners."""
    own = key(found.metadata)
    return own, Gateway(
        key=own,
        addresses=tuple(each.value for each in found.status.addresses or ()),
        protocols=tuple((each.protocol, each.port) for each in found.spec.listeners or ()),
    )
