"""The URLs of an app, from its Services, Ingresses and HTTPRoutes, most useful first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.launch import Exposure
from portal.domain.objects import Gateway, HttpRoute, Ingress, Node, Service, ServicePort
from portal.domain.ports import is_web, scheme

SHARED = frozenset({Exposure.INGRESS, Exposure.HTTP_ROUTE})
"""Exposures behind a proxy that serves other host names as well."""


class Url(Struct, frozen=True):
    """A URL of an app.

    ``href`` is the URL for the user. The portal itself connects to
    ``connect_host``:``connect_port``, with the host of ``href`` in the Host header: its network and
    its DNS may differ from those of the browser. ``connect_host`` is "" until an address is
    published: the portal never resolves a host name that a user has entered, which may point
    anywhere.
    """

    href: str
    kind: Exposure
    connect_host: str
    connect_port: int
    host_header: str
    tls: bool = False


def urls(
    services: Sequence[Service],
    ingresses: Sequence[Ingress] = (),
    routes: Sequence[HttpRoute] = (),
    gateways: Sequence[Gateway] = (),
    nodes: Sequence[Node] = (),
    *,
    node_address: str = "",
    ingress_address: str = "",
) -> tuple[Url, ...]:
    """Return all URLs whose addresses are known now.

    Args:
        services: the Services of the release.
        ingresses: its Ingresses.
        routes: its HTTPRoutes.
        gateways: the Gateways that those routes name.
        nodes: the nodes of the cluster, for NodePorts.
        node_address: the address at which users reach NodePorts; "" for a node's internal one.
        ingress_address: where the portal connects for hosts of Ingresses and HTTPRoutes; "" for the
            address in the object's status, if there is one.

    >>> urls([Service(Key("a", "b"), "b", "ClusterIP", "10.0.0.1", (ServicePort(80),))])[0].href
    'http://b.a.svc'
    """
    found = [
        *(url for each in routes for url in _route_urls(each, gateways, ingress_address)),
        *(url for each in ingresses for url in _ingress_urls(each, ingress_address)),
        *(url for each in services for url in _load_balancer_urls(each)),
        *(url for each in services for url in _node_port_urls(each, nodes, node_address)),
        *(url for each in services for url in _cluster_urls(each)),
    ]
    return tuple({each.href: each for each in reversed(found)}.values())[::-1]


def _url(
    kind: Exposure,
    host: str,
    port: int,
    tls: bool,
    connect: str | None = None,
    path: str = "",
) -> Url:
    bracketed = f"[{host}]" if ":" in host else host
    usual = port == (443 if tls else 80)
    authority = bracketed if usual else f"{bracketed}:{port}"
    return Url(
        href=f"{'https' if tls else 'http'}://{authority}{f'{path}/' if path else ''}",
        kind=kind,
        connect_host=host if connect is None else connect,
        connect_port=port,
        host_header=authority,
        tls=tls,
    )


def _is_tls(port: ServicePort) -> bool:
    return scheme(port) == "https"


def _web_port(service: Service) -> ServicePort | None:
    """Return the port to open: HTTPS, else one named http, else the first that may be HTTP."""
    ranked = sorted(
        filter(is_web, service.ports),
        key=lambda each: (not _is_tls(each), not each.name.startswith("http")),
    )
    return ranked[0] if ranked else None


def _load_balancer_urls(service: Service) -> Iterator[Url]:
    port = _web_port(service)
    if service.type == "LoadBalancer" and port is not None:
        for address in service.addresses:
            yield _url(Exposure.LOAD_BALANCER, address, port.port, _is_tls(port))


def _node_port_urls(service: Service, nodes: Sequence[Node], node_address: str) -> Iterator[Url]:
    port = _web_port(service)
    if service.type != "NodePort" or port is None or port.node_port is None:
        return
    able = [each for each in nodes if each.ready and each.internal_ip]
    inside = able[0].internal_ip if able else ""
    shown = node_address or inside
    if shown:
        yield _url(Exposure.NODE_PORT, shown, port.node_port, _is_tls(port), inside or shown)


def _cluster_urls(service: Service) -> Iterator[Url]:
    port = _web_port(service)
    if service.type != "ClusterIP" or port is None or service.cluster_ip in {"", "None"}:
        return
    name = f"{service.key.name}.{service.key.namespace}.svc"
    yield _url(Exposure.CLUSTER_IP, name, port.port, _is_tls(port), connect=service.cluster_ip)


def _ingress_urls(ingress: Ingress, ingress_address: str) -> Iterator[Url]:
    at = ingress_address or next(iter(ingress.addresses), "")
    for host in ingress.hosts:
        if not host.startswith("*"):
            tls = host in ingress.tls_hosts
            yield _url(Exposure.INGRESS, host, 443 if tls else 80, tls, at, ingress.path)
    if not ingress.hosts and at:
        yield _url(Exposure.INGRESS, at, 80, False, path=ingress.path)


def _route_urls(
    route: HttpRoute, gateways: Sequence[Gateway], ingress_address: str
) -> Iterator[Url]:
    if route.accepted is False:
        return
    by_key: dict[Key, Gateway] = {each.key: each for each in gateways}
    for key in route.gateways:
        gateway = by_key.get(key)
        if gateway is None:
            continue
        listeners = [each for each in gateway.protocols if each[0] in {"HTTP", "HTTPS"}]
        if not listeners:
            continue
        protocol, port = next((each for each in listeners if each[0] == "HTTPS"), listeners[0])
        tls = protocol == "HTTPS"
        at = ingress_address or next(iter(gateway.addresses), "")
        for host in route.hosts:
            if not host.startswith("*"):
                yield _url(Exposure.HTTP_ROUTE, host, port, tls, at, route.path)
        if not route.hosts and at:
            yield _url(Exposure.HTTP_ROUTE, at, port, tls, path=route.path)
