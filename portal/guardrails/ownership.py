"""The rules on what a release may make: no objects of others, and none that others share. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from portal.domain.manifests import Tree, at
from portal.guardrails.manifest import Rendered
from portal.guardrails.references import (
    CONFIG_MAP,
    SECRET,
)
from portal.guardrails.rules import Rule, Violation
from portal.guardrails.subject import Check, ClusterFacts, Subject

_WEBHOOKS = frozenset({"admissionregistration.k8s.io", "apiregistration.k8s.io"})
_TOKEN_TYPES = frozenset(
    {"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "helm.sh/release.v1"}
)
_PORTAL_LEASE = "dash-portal."
_HELM_RECORD = "sh.helm.release."
_NAMESPACE_WIDE = frozenset({"ResourceQuota", "LimitRange", "Endpoints", "EndpointSlice"})
_AUTOSCALERS = frozenset(
    {"HorizontalPodAutoscaler", "VerticalPodAutoscaler", "ScaledObject", "MultidimPodAutoscaler"}
)


def _cluster_wide(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for each in subject.objects:
        namespaced = facts.namespaced.get((each.api_version, each.ref.kind))
        if namespaced is False:
            yield Violation(
                each.ref,
                Rule.CLUSTER_WIDE,
                f"{each.ref.kind[:60]} objects belong to the whole cluster, not to a namespace",
                "kind",
            )


def _other_namespaces(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for each in subject.objects:
        if each.namespace not in {"", subject.namespace}:
            yield Violation(
                each.ref,
                Rule.OTHER_NAMESPACES,
                f"it would be made in the namespace {each.namespace[:63]}, outside of "
                f"{subject.namespace}",
                "metadata.namespace",
                each.namespace,
            )


def _group(rule: Rule, groups: frozenset[str], words: str) -> Check:
    def check(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
        for each in subject.objects:
            if each.ref.group in groups:
                yield Violation(each.ref, rule, words, "kind")

    return check


def _special_secrets(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for each in subject.objects:
        kind, made = each.ref.kind, str(each.tree.get("type", ""))
        if kind == SECRET and made in _TOKEN_TYPES:
            account = at(each.tree, "metadata", "annotations").get(
                "kubernetes.io/service-account.name"
            )
            own = subject.makes("ServiceAccount", str(account), each)
            if made != "kubernetes.io/service-account-token" or not own:
                words = f"a Secret of the type {made} gives out rights that are not the release's"
                yield Violation(each.ref, Rule.SPECIAL_SECRETS, words, "type", made)
        elif kind == SECRET and each.ref.name.startswith(_HELM_RECORD):
            words = "Secrets of this name are Helm's records of releases"
            yield Violation(each.ref, Rule.SPECIAL_SECRETS, words, "metadata.name")
        elif kind in {SECRET, CONFIG_MAP} and _labels(each).get("owner") == "helm":
            words = f"a {kind} with the label owner=helm would count as Helm's record of a release"
            yield Violation(each.ref, Rule.SPECIAL_SECRETS, words, "metadata.labels[owner]")
        elif kind == "Lease" and each.ref.name.startswith(_PORTAL_LEASE):
            words = "Leases of this name are the portal's own records of operations"
            yield Violation(each.ref, Rule.SPECIAL_SECRETS, words, "metadata.name")


def _labels(rendered: Rendered) -> Tree:
    return at(rendered.tree, "metadata", "labels")


def _autoscaler_targets(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    own = {(each.ref.kind, each.ref.name) for each in subject.objects}
    for each in subject.objects:
        for path in (("spec", "scaleTargetRef"), ("spec", "targetRef")):
            target = at(each.tree, *path)
            if not target or each.ref.kind not in _AUTOSCALERS:
                continue
            named = (str(target.get("kind", "Deployment")), str(target.get("name")))
            if named not in own:
                yield Violation(
                    each.ref,
                    Rule.AUTOSCALER_TARGETS,
                    f"it scales {named[0]} {named[1]}, which is not of this release"[:200],
                    ".".join(path),
                    named[1],
                )


def _ownership(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    """Objects that would replace those of others.

    Helm itself checks ownership neither for hooks nor for objects of a failed revision's record.
    """
    for each in subject.objects:
        live = facts.live.get(each.ref)
        if live is None or live.release == subject.key:
            continue
        if not live.release and each.hook is None:
            continue  # Helm itself refuses it
        whose = f"of the release {live.release[:120]}" if live.release else "not of this release"
        help = "" if live.release else "; if an earlier run of the hook has left it, delete it"
        if live.kept:
            help = (
                "; its chart keeps it (helm.sh/resource-policy), so it may be what is left of that "
                "release: if it is uninstalled, an administrator can delete the object"
            )
        yield Violation(
            each.ref,
            Rule.OWNERSHIP,
            f"it would replace what is there, which is {whose}{help}",
            "metadata.name",
            each.ref.name,
        )


def _namespace_wide(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for each in subject.objects:
        everywhere = each.ref.kind == "NetworkPolicy" and not at(each.tree, "spec", "podSelector")
        if everywhere or each.ref.kind in _NAMESPACE_WIDE:
            words = f"a {each.ref.kind} like this is about every app in the namespace"
            yield Violation(each.ref, Rule.NAMESPACE_WIDE, words, "kind")


CHECKS: Mapping[Rule, Check] = {
    Rule.CLUSTER_WIDE: _cluster_wide,
    Rule.OTHER_NAMESPACES: _other_namespaces,
    Rule.RBAC: _group(
        Rule.RBAC,
        frozenset({"rbac.authorization.k8s.io"}),
        "a release may not give out permissions",
    ),
    Rule.WEBHOOKS: _group(
        Rule.WEBHOOKS, _WEBHOOKS, "a release may not stand between others and the Kubernetes API"
    ),
    Rule.CRDS: _group(
        Rule.CRDS,
        frozenset({"apiextensions.k8s.io"}),
        "a release may not bring kinds of its own (CustomResourceDefinition)",
    ),
    Rule.SPECIAL_SECRETS: _special_secrets,
    Rule.OWNERSHIP: _ownership,
    Rule.NAMESPACE_WIDE: _namespace_wide,
    Rule.AUTOSCALER_TARGETS: _autoscaler_targets,
}
