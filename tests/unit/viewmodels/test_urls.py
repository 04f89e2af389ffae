"""Addresses: links, whether they answer, and what is said while there are none."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.objects import Gateway, HttpRoute, Ingress, Probe, ServicePort
from portal.viewmodels.model import Severity, UrlView
from portal.viewmodels.urls import ExternalAddresses, safe, url_views

from .make import KEY, NOW, node, service, state


def only(**fields: object) -> UrlView:
    found = url_views(state(**fields))
    assert len(found) == 1, found
    return found[0]


def probe(status: int, error: str = "", url: str = "http://198.19.255.7") -> Probe:
    return Probe(url, status, error, NOW)


BALANCED = (service("LoadBalancer", "198.19.255.7"),)


@pytest.mark.parametrize(
    ("found", "text", "severity"),
    [
        (None, "Not checked yet", Severity.QUIET),
        (probe(200), "Answers", Severity.GOOD),
        (probe(302), "Answers", Severity.GOOD),
        (probe(401), "Answers", Severity.GOOD),
        (probe(404), "Answers", Severity.WARN),
        (probe(503), "Not answering yet", Severity.BUSY),
        (probe(0, "Connection refused"), "Not answering yet", Severity.BUSY),
        (probe(200, url="http://elsewhere.example.org"), "Not checked yet", Severity.QUIET),
    ],
)
def test_whether_it_answers(found: Probe | None, text: str, severity: Severity) -> None:
    view = only(services=BALANCED, probe=found)
    assert view.href == "http://198.19.255.7"
    assert (view.state.text, view.state.severity) == (text, severity)


def test_waiting_for_the_load_balancer() -> None:
    view = only(services=(service("LoadBalancer"),))
    assert (view.href, view.text) == ("", "Waiting for an address from the load balancer")


def test_only_inside_the_cluster() -> None:
    view = only(services=(service("ClusterIP"),))
    assert (view.href, view.text) == ("", "Only inside the cluster: http://demo.apps.svc")
    assert "choose another exposure under Edit" in view.state.detail
    assert view.connect == "demo:80"


def test_what_is_not_for_a_browser_has_no_web_address() -> None:
    scheduler = replace(
        service("ClusterIP"), ports=(ServicePort(8786), ServicePort(8787, name="http"))
    )
    tcp, dashboard = url_views(state(services=(scheduler,)))
    assert tcp.text.endswith("tcp://demo.apps.svc:8786")
    assert (tcp.connect, dashboard.connect) == ("demo:8786", "demo:8787")
    assert dashboard.text.endswith("http://demo.apps.svc:8787")


def test_node_port() -> None:
    one, nodes = state(services=(service("NodePort"),)), (node(),)
    (found,) = url_views(one, nodes=nodes)
    assert found.href == "http://198.18.0.1:30080"
    (found,) = url_views(one, ExternalAddresses(node_address="cluster.example.org"), nodes)
    assert found.href == "http://cluster.example.org:30080"


def ingress(*addresses: str) -> Ingress:
    return Ingress(KEY, "demo", "traefik", ("demo.example.org",), (), addresses)


def test_an_ingress_says_where_its_name_has_to_point() -> None:
    view = only(
        services=(service("ClusterIP"),),
        ingresses=(ingress("198.19.255.1"),),
        probe=probe(0, "Name or service not known", "http://demo.example.org"),
    )
    assert view.href == "http://demo.example.org"
    assert "demo.example.org has to point to 198.19.255.1" in view.state.detail


def test_the_404_of_a_proxy_is_not_the_app() -> None:
    url = "http://demo.example.org"
    found = replace(probe(404, url=url), shared=True)
    view = only(ingresses=(ingress("198.19.255.1"),), probe=found)
    assert (view.state.text, view.state.severity) == ("Not answering yet", Severity.BUSY)
    assert "does not serve this host name yet" in view.state.detail


def test_an_ingress_nobody_took() -> None:
    view = only(ingresses=(ingress(),))
    assert view.state.text == "Waiting for an ingress controller"
    assert "traefik" in view.state.detail


@pytest.mark.parametrize(
    ("accepted", "text"), [(None, "Waiting for a gateway"), (True, "Not checked yet")]
)
def test_a_route(accepted: bool | None, text: str) -> None:
    at = Key("traefik", "gateway")
    view = only(
        routes=(HttpRoute(KEY, "demo", ("demo.example.org",), (at,), accepted),),
        gateways=(Gateway(at, ("198.19.255.1",), (("HTTP", 80),)),),
    )
    assert view.href == "http://demo.example.org"
    assert view.state.text == text


def test_a_refused_route_is_no_link() -> None:
    route = HttpRoute(KEY, "demo", ("demo.example.org",), (), False, "no matching listener")
    view = only(routes=(route,))
    assert (view.href, view.state.text) == ("", "Refused")


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("http://a.example.org", True),
        ("https://a.example.org:8443/x?y=1", True),
        ("http://[2001:db8::1]:80", True),
        ("javascript:alert(1)", False),
        ("JAVASCRIPT:alert(1)", False),
        ("data:text/html,x", False),
        ("//a.example.org", False),
        ("http://", False),
        ("http://user:word@a.example.org", False),
        ('http://a.example.org/"><script>', False),
        ("http://a.example.org/ x", False),
        ("http://[broken", False),
        ("", False),
    ],
)
def test_only_harmless_links(href: str, expected: bool) -> None:
    assert safe(href) is expected


def test_a_hostile_host_name_is_no_link() -> None:
    bad = Ingress(KEY, "demo", "x", ('a"><img src=x>',), (), ("198.19.255.1",))
    assert [view.href for view in url_views(state(ingresses=(bad,)))] == [""]
