from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.launch import Exposure
from portal.domain.objects import Gateway, HttpRoute, Ingress, Node, Service, ServicePort
from portal.domain.urls import urls

KEY = Key("apps", "dash")
NODES = (
    Node("down", False, False, "10.0.0.1", 1, 1),
    Node("up", True, False, "10.0.0.2", 1, 1),
)


def service(kind: str, *ports: ServicePort, addresses: tuple[str, ...] = ()) -> Service:
    return Service(KEY, "dash", kind, "198.19.0.9", ports or (ServicePort(80, 30080),), addresses)


def ingress(*hosts: str, tls: tuple[str, ...] = (), at: tuple[str, ...] = ("1.2.3.4",)) -> Ingress:
    return Ingress(KEY, "dash", "traefik", hosts, tls, at)


def route(*hosts: str, accepted: bool | None = True) -> HttpRoute:
    return HttpRoute(KEY, "dash", hosts, (Key("gw", "traefik"),), accepted)


@pytest.mark.parametrize(
    ("ingresses", "routes"),
    [
        ((replace(ingress("a.example.com"), path="/sales"),), ()),
        ((), (replace(route("a.example.com"), path="/sales"),)),
    ],
)
def test_an_address_has_the_path_below_which_the_app_is_served(
    ingresses: tuple[Ingress, ...], routes: tuple[HttpRoute, ...]
) -> None:
    (found,) = urls((), ingresses, routes, (replace(GATEWAY, protocols=(("HTTP", 80),)),))
    assert found.href == "http://a.example.com/sales/"
    assert found.host_header == "a.example.com"


GATEWAY = Gateway(Key("gw", "traefik"), ("5.6.7.8",), (("HTTP", 8000), ("TCP", 1)))


@pytest.mark.parametrize(
    ("given", "href", "kind"),
    [
        (service("LoadBalancer", addresses=("a.elb",)), "http://a.elb", Exposure.LOAD_BALANCER),
        (
            service("LoadBalancer", ServicePort(8050), addresses=("1.2.3.4",)),
            "http://1.2.3.4:8050",
            Exposure.LOAD_BALANCER,
        ),
        (
            service("LoadBalancer", ServicePort(80), ServicePort(443), addresses=("a.elb",)),
            "https://a.elb",
            Exposure.LOAD_BALANCER,
        ),
        (
            service("LoadBalancer", addresses=("fd00::1",)),
            "http://[fd00::1]",
            Exposure.LOAD_BALANCER,
        ),
        (service("NodePort"), "http://10.0.0.2:30080", Exposure.NODE_PORT),
        (service("ClusterIP"), "http://dash.apps.svc", Exposure.CLUSTER_IP),
        (
            service("ClusterIP", ServicePort(9, name="admin"), ServicePort(8050, name="http")),
            "http://dash.apps.svc:8050",
            Exposure.CLUSTER_IP,
        ),
    ],
)
def test_services(given: Service, href: str, kind: Exposure) -> None:
    (found,) = urls([given], nodes=NODES)
    assert (found.href, found.kind) == (href, kind)
    assert found.tls == href.startswith("https")


def test_nothing_is_made_up() -> None:
    headless = Service(KEY, "dash", "ClusterIP", "None", (ServicePort(80),))
    assert urls([service("LoadBalancer"), headless, service("NodePort")]) == ()
    assert urls([Service(KEY, "dash", "ExternalName", "", ())]) == ()
    assert urls([service("NodePort", ServicePort(80))], nodes=NODES) == ()
    assert urls([], routes=[route("gw.test")]) == (), "its gateway is not known"
    assert urls([], routes=[route("gw.test", accepted=False)], gateways=[GATEWAY]) == ()
    assert urls([], [ingress("*.test")]) == ()


def test_a_node_address_is_for_people_and_the_portal_uses_the_nodes_own() -> None:
    (found,) = urls([service("NodePort")], nodes=NODES, node_address="127.0.0.1")
    assert found.href == "http://127.0.0.1:30080"
    assert (found.connect_host, found.connect_port) == ("10.0.0.2", 30080)
    (found,) = urls([service("NodePort")], node_address="127.0.0.1")
    assert found.connect_host == "127.0.0.1", "no node is known"


def test_the_portal_reaches_a_cluster_address_without_dns() -> None:
    (found,) = urls([service("ClusterIP")])
    assert (found.connect_host, found.host_header) == ("198.19.0.9", "dash.apps.svc")


def test_a_host_name_is_asked_for_where_its_ingress_is() -> None:
    plain, safe = urls([], [ingress("web.test", "safe.test", tls=("safe.test",))])
    assert (plain.href, plain.connect_host, plain.connect_port) == (
        "http://web.test",
        "1.2.3.4",
        80,
    )
    assert plain.host_header == "web.test"
    assert (safe.href, safe.connect_port, safe.tls) == ("https://safe.test", 443, True)
    (found,) = urls([], [ingress("web.test")], ingress_address="9.9.9.9")
    assert found.connect_host == "9.9.9.9"
    (found,) = urls([], [ingress("web.test", at=())])
    assert (found.href, found.connect_host) == ("http://web.test", ""), "never by the name itself"
    (found,) = urls([], [ingress("web.test", at=())], ingress_address="9.9.9.9")
    assert found.connect_host == "9.9.9.9"
    (found,) = urls([], [ingress()])
    assert found.href == "http://1.2.3.4", "a rule for every host"


def test_a_route_answers_at_its_gateways_listener() -> None:
    (found,) = urls([], routes=[route("gw.test")], gateways=[GATEWAY])
    assert (found.href, found.connect_host) == ("http://gw.test:8000", "5.6.7.8")
    assert found.host_header == "gw.test:8000"
    secure = Gateway(GATEWAY.key, ("5.6.7.8",), (("HTTP", 80), ("HTTPS", 443)))
    (found,) = urls([], routes=[route("gw.test", accepted=None)], gateways=[secure])
    assert found.href == "https://gw.test"
    (found,) = urls([], routes=[route("gw.test")], gateways=[replace(GATEWAY, addresses=())])
    assert (found.href, found.connect_host) == ("http://gw.test:8000", "")


def test_names_come_before_addresses_and_each_once() -> None:
    found = urls(
        [service("ClusterIP"), service("LoadBalancer", addresses=("a.elb",))],
        [ingress("web.test", "web.test")],
        [route("gw.test")],
        [GATEWAY],
    )
    assert [each.kind for each in found] == [
        Exposure.HTTP_ROUTE,
        Exposure.INGRESS,
        Exposure.LOAD_BALANCER,
        Exposure.CLUSTER_IP,
    ]
