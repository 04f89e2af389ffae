"""Addresses of an app: links where there are any, else why there are none yet."""

from __future__ import annotations

from urllib.parse import urlsplit

from portal.domain.objects import Probe, Service
from portal.domain.urls import urls
from portal.state.model import AppState
from portal.viewmodels.model import Badge, Tone, UrlView
from portal.viewmodels.words import joined, shortened


def url_views(state: AppState) -> tuple[UrlView, ...]:
    """All addresses, the best first; at least one entry if the app has a Service."""
    links = [_link(href, state.probe) for href in hrefs(state)]
    return (*links, *_waiting(state))


def hrefs(state: AppState) -> tuple[str, ...]:
    """The addresses that a browser may be given: http and https, each once."""
    found = urls(state.services, state.ingresses, state.routes, state.gateways, state.nodes)
    return tuple(dict.fromkeys(one.href for one in found if safe(one.href)))


def safe(href: str) -> bool:
    """Whether ``href`` is an absolute http or https address without a user name in it."""
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


def inside(service: Service) -> str:
    """The address under which other pods reach a Service; "" for one without ports."""
    if not service.ports:
        return ""
    port = service.ports[0].port
    return f"http://{service.key.name}.{service.key.namespace}.svc:{port}"


def _link(href: str, probe: Probe | None) -> UrlView:
    return UrlView(href, href.rstrip("/"), _answer(href, probe))


def _answer(href: str, probe: Probe | None) -> Badge:
    if probe is None or probe.url.rstrip("/") != href.rstrip("/"):
        return Badge("Not checked yet", Tone.QUIET, "The portal has not tried this address yet.")
    if 0 < probe.status < 500 and not probe.error:
        if probe.status in {401, 403}:
            return Badge("Answers", Tone.GOOD, "It answers and asks for a login.")
        if probe.status >= 400:
            return Badge(
                "Answers", Tone.WARN, f"Something answers, with HTTP {probe.status} for this page."
            )
        return Badge("Answers", Tone.GOOD, f"The portal got an answer (HTTP {probe.status}).")
    if probe.status >= 500:
        why = f"It answers with an error (HTTP {probe.status})"
        if probe.status in {502, 503, 504}:
            why = f"No pod is behind this address yet (HTTP {probe.status})"
        return Badge("Not answering yet", Tone.BUSY, f"{why}.")
    return Badge("Not answering yet", Tone.BUSY, _why(href, probe.error))


def _why(href: str, error: str) -> str:
    lowered = error.lower()
    host = urlsplit(href).hostname or href
    if any(
        part in lowered
        for part in ("name or service", "name resolution", "no such host", "getaddrinfo", "dns")
    ):
        return f"The name {host} is not known to the portal's DNS: it has to point to the cluster."
    if "certificate" in lowered or "ssl" in lowered:
        return f"The certificate of {host} is not trusted by the portal."
    return (
        f"The portal gets no answer: {shortened(error, 160)}"
        if error
        else ("The portal gets no answer.")
    )


def _waiting(state: AppState) -> list[UrlView]:
    """What is still to come, and what is reachable only inside the cluster."""
    found: list[UrlView] = []
    for service in state.services:
        if service.type == "LoadBalancer" and not service.addresses:
            found.append(
                UrlView(
                    "",
                    "Waiting for an address from the load balancer",
                    Badge(
                        "Waiting",
                        Tone.BUSY,
                        "A cloud's load balancer takes a few minutes. If this lasts, the cluster "
                        "may have none: choose another way to reach the app.",
                    ),
                )
            )
    for route in state.routes:
        if route.accepted is None:
            found.append(
                UrlView(
                    "",
                    f"{joined(route.hosts) or 'The route'}: waiting for a gateway to take it",
                    Badge("Waiting", Tone.BUSY, "No gateway has answered for this route yet."),
                )
            )
        elif route.accepted is False:
            found.append(
                UrlView(
                    "",
                    f"{joined(route.hosts) or 'The route'}: no gateway takes it",
                    Badge("Refused", Tone.BAD, shortened(route.message)),
                )
            )
    for ingress in state.ingresses:
        if not ingress.addresses:
            found.append(
                UrlView(
                    "",
                    f"{joined(ingress.hosts) or 'The Ingress'}: no ingress controller has taken "
                    "it yet",
                    Badge(
                        "Waiting",
                        Tone.BUSY,
                        f"The class is {ingress.class_name}."
                        if ingress.class_name
                        else "It names no class: the cluster needs a default one.",
                    ),
                )
            )
    found.extend(_only_inside(state))
    return found


def _only_inside(state: AppState) -> list[UrlView]:
    outward = state.ingresses or state.routes
    if outward or any(one.type in {"LoadBalancer", "NodePort"} for one in state.services):
        return []
    services = [service for service in state.services if inside(service)]
    # A headless Service stands beside the one that people use.
    services = [one for one in services if one.cluster_ip != "None"] or services
    return [
        UrlView(
            "",
            f"Only inside the cluster: {inside(service)}",
            Badge(
                "Inside only",
                Tone.QUIET,
                "From your own machine: kubectl port-forward "
                f"-n {service.key.namespace} svc/{service.key.name} "
                f"8050:{service.ports[0].port}, then open http://localhost:8050.",
            ),
        )
        for service in services
    ]
