"""The rules on traffic: none that is meant for others, and none past the portal. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import cast

from portal.domain.manifests import Tree, at
from portal.guardrails.manifest import Rendered, texts
from portal.guardrails.rules import Rule, Violation
from portal.guardrails.subject import Check, ClusterFacts, Subject

_SNIPPET = re.compile(r"(^|[./-])[a-z-]*snippets?$")


def _traffic(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    """Pods that Services of others would select, and routes to Services or hosts of others."""
    for pod in subject.pods:
        for owner, selector in facts.selectors:
            if owner != subject.key and selector and selector.items() <= pod.labels.items():
                yield Violation(
                    pod.owner.ref,
                    Rule.TRAFFIC,
                    f"its labels would have a Service of {owner[:120] or 'somebody else'} send "
                    "requests to it",
                    f"{pod.path.removesuffix('spec')}metadata.labels".lstrip("."),
                )
    for each in subject.objects:
        for path, service in _backends(each):
            if not subject.makes("Service", service, each):
                words = f"it leads to the Service {service[:100]}, which the release does not make"
                yield Violation(each.ref, Rule.TRAFFIC, words, path, service)
        for path, host in _hosts(each):
            if host.lower().rstrip(".") in subject.site.hosts:
                words = f"the name {host[:100]} is the portal's own"
                yield Violation(each.ref, Rule.TRAFFIC, words, path, host)


def _backends(rendered: Rendered) -> Iterator[tuple[str, str]]:
    """The path of each backend field of an Ingress or route, and the Service's name."""
    if rendered.ref.kind == "Ingress":
        for name, path, found in texts(
            rendered.tree.get("spec"), "spec", frozenset({"service", "serviceName"})
        ):
            service = found if name == "serviceName" else _field(found, "name")
            yield path, str(service)
    elif rendered.ref.kind.endswith("Route"):
        wanted = frozenset({"backendRefs", "backendRef"})
        for _, path, found in texts(rendered.tree.get("spec"), "spec", wanted):
            listed = cast("list[object]", found) if isinstance(found, list) else [found]
            for each in listed:
                if _field(each, "kind") in {None, "Service"}:
                    yield path, str(_field(each, "name"))


def _hosts(rendered: Rendered) -> Iterator[tuple[str, str]]:
    if rendered.ref.kind == "Ingress" or rendered.ref.kind.endswith("Route"):
        wanted = frozenset({"host", "hosts", "hostnames", "hostname"})
        for _, path, found in texts(rendered.tree.get("spec"), "spec", wanted):
            listed = cast("list[object]", found) if isinstance(found, list) else [found]
            yield from ((path, str(each)) for each in listed)


def _field(value: object, name: str) -> object:
    return cast("Tree", value).get(name) if isinstance(value, Mapping) else None


def _external_ips(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for each in subject.objects:
        if each.ref.kind == "Service" and at(each.tree, "spec").get("externalIPs"):
            words = "a Service with externalIPs can take traffic that is meant for others"
            yield Violation(each.ref, Rule.EXTERNAL_IPS, words, "spec.externalIPs")


def _ingress_snippets(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for each in subject.objects:
        if each.ref.kind != "Ingress":
            continue
        for name in at(each.tree, "metadata", "annotations"):
            if _SNIPPET.search(str(name)):
                words = "it would run configuration of its own inside the ingress controller"
                where = f"metadata.annotations[{name}]"
                yield Violation(each.ref, Rule.INGRESS_SNIPPETS, words, where, str(name))


CHECKS: Mapping[Rule, Check] = {
    Rule.TRAFFIC: _traffic,
    Rule.EXTERNAL_IPS: _external_ips,
    Rule.INGRESS_SNIPPETS: _ingress_snippets,
}
