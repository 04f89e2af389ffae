"""The addresses of an app: links, or the reason why there are none yet."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from portal.domain.launch import Exposure
from portal.domain.objects import Node, Probe
from portal.domain.urls import Url, urls
from portal.state.model import AppState
from portal.viewmodels.connections import address, connection_id, usable
from portal.viewmodels.model import Badge, Severity, UrlView
from portal.viewmodels.words import joined, shortened


class ExternalAddresses(Struct, frozen=True):
    """Addresses for users where the cluster's own are not reachable (see domain/urls.py)."""

    node_address: str = ""
    ingress_address: str = ""


NOWHERE = ExternalAddresses()
EXPOSE = (
    "To reach it from your own machine, choose another exposure under Edit: a load balancer, a "
    "node port, an Ingress or an HTTPRoute."
)
MOST_PORTS = 4
"""The most ports of a Service that are shown."""


def url_views(
    state: AppState, outside: ExternalAddresses = NOWHERE, nodes: Sequence[Node] = ()
) -> tuple[UrlView, ...]:
    """All addresses, the most useful first; at least one if the app has a Service."""
    found = links(state, outside, nodes)
    views = [UrlView(one.href, one.href, _state(one, state)) for one in found]
    return (*views, *_waiting(state, {one.kind for one in found}), *_only_inside(state))


def links(
    state: AppState, outside: ExternalAddresses = NOWHERE, nodes: Sequence[Node] = ()
) -> tuple[Url, ...]:
    """The http and https addresses that are reachable from outside the cluster."""
    found = urls(
        state.services,
        state.ingresses,
        state.routes,
        state.gateways,
        nodes,
        node_address=outside.node_address,
        ingress_address=outside.ingress_address,
    )
    return tuple(one for one in found if one.kind is not Exposure.CLUSTER_IP and safe(one.href))


def safe(href: str) -> bool:
    """Return True if ``href`` is an absolute http or https address without a user name in it."""
    try:
        parts = urlsplit(href)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.username is None
            and not any(ord(char) <= 32 or char in "\"'<>\\`" for char in href)
        )
    except ValueError:
        return False


def _state(url: Url, state: AppState) -> Badge:
    """A badge that says whether an address answers, and if not, what is missing."""
    answer = _answer(url.href, state.probe)
    if answer.severity in {Severity.GOOD, Severity.WARN}:
        return answer
    host = urlsplit(url.href).hostname or ""
    if url.kind is Exposure.INGRESS:
        ingress = next((one for one in state.ingresses if host in one.hosts), None)
        if ingress and not ingress.addresses:
            return Badge(
                "Waiting for an ingress controller",
                Severity.BUSY,
                f"None has accepted it yet; its class is {ingress.class_name}."
                if ingress.class_name
                else "None has accepted it yet. It names no class, so the cluster needs a default.",
            )
        return _with_hint(answer, host, ingress.addresses if ingress else ())
    if url.kind is Exposure.HTTP_ROUTE:
        route = next((one for one in state.routes if host in one.hosts), None)
        if route and route.accepted is None:
            return Badge("Waiting for a gateway", Severity.BUSY, "None has accepted the route yet.")
        named = route.gateways if route else ()
        at = [at for one in state.gateways if one.key in named for at in one.addresses]
        return _with_hint(answer, host, at)
    return answer


def _with_hint(answer: Badge, host: str, addresses: Sequence[str]) -> Badge:
    if not addresses or host in addresses:
        return answer
    hint = f"The name {host} has to point to {joined(addresses)} (DNS, or /etc/hosts)."
    return Badge(answer.text, answer.severity, f"{answer.detail} {hint}".strip())


def _answer(href: str, probe: Probe | None) -> Badge:
    if probe is None or probe.url.rstrip("/") != href.rstrip("/"):
        return Badge(
            "Not checked yet", Severity.QUIET, "The portal has not probed this address yet."
        )
    if probe.answered and not probe.error:
        if probe.status in {401, 403}:
            return Badge("Answers", Severity.GOOD, "It answers and asks for a login.")
        if probe.status >= 400:
            return Badge(
                "Answers",
                Severity.WARN,
                f"It answers with HTTP {probe.status}.",
            )
        return Badge("Answers", Severity.GOOD, f"The portal got an answer (HTTP {probe.status}).")
    if probe.status == 404:
        return Badge(
            "Not answering yet",
            Severity.BUSY,
            "The ingress or gateway does not serve this host name yet, or the app has no page "
            "there (HTTP 404).",
        )
    if probe.status >= 500:
        why = f"It answers with an error (HTTP {probe.status})"
        if probe.status in {502, 503, 504}:
            why = f"No ready pod is behind this address yet (HTTP {probe.status})"
        return Badge("Not answering yet", Severity.BUSY, f"{why}.")
    return Badge("Not answering yet", Severity.BUSY, _why(href, probe.error))


def _why(href: str, error: str) -> str:
    lowered = error.lower()
    host = urlsplit(href).hostname or href
    if any(
        part in lowered
        for part in ("name or service", "name resolution", "no such host", "getaddrinfo", "dns")
    ):
        return f"The portal's DNS does not resolve {host}: the name has to point to the cluster."
    return (
        f"The portal gets no answer: {shortened(error, 160)}"
        if error
        else ("The portal gets no answer.")
    )


def _waiting(state: AppState, linked: set[Exposure]) -> list[UrlView]:
    """The addresses that are pending: not assigned or not accepted yet."""
    found: list[UrlView] = []
    for service in state.services:
        if service.type == "LoadBalancer" and not service.addresses:
            found.append(
                _pending(
                    "Waiting for an address from the load balancer",
                    "A cloud's load balancer takes a few minutes. If this lasts, the cluster "
                    "may have none: choose another exposure.",
                )
            )
    for route in state.routes:
        name = joined(route.hosts) or "The route"
        if route.accepted is False:
            why = Badge("Refused", Severity.BAD, shortened(route.message))
            found.append(UrlView("", f"{name}: no gateway accepts it", why))
        elif Exposure.HTTP_ROUTE not in linked:
            found.append(
                _pending(f"{name}: waiting for a gateway", "No gateway has accepted the route yet.")
            )
    for ingress in state.ingresses:
        if Exposure.INGRESS not in linked:
            name = joined(ingress.hosts) or "The Ingress"
            found.append(
                _pending(f"{name}: waiting for an ingress controller", "None has accepted it yet.")
            )
    return found


def _pending(text: str, detail: str) -> UrlView:
    return UrlView("", text, Badge("Waiting", Severity.BUSY, detail))


def _only_inside(state: AppState) -> list[UrlView]:
    outward = state.ingresses or state.routes
    if outward or any(one.type in {"LoadBalancer", "NodePort"} for one in state.services):
        return []
    return [
        UrlView(
            "",
            f"Only inside the cluster: {address(service, port)}",
            Badge("ClusterIP", Severity.QUIET, EXPOSE),
            connect=connection_id(service, port),
        )
        for service in usable(state.services)
        for port in service.ports[:MOST_PORTS]
    ]
