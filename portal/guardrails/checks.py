"""The rules, one function each: what in a rendered manifest they forbid. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from msgspec import Struct, field

from portal.catalog.images import image_allowed
from portal.domain.keys import HELM_RELEASE_NAME
from portal.domain.manifests import Ref, Tree, at
from portal.guardrails.manifest import HOOK, PodSpec, Rendered, pod_specs
from portal.guardrails.references import (
    CONFIG_MAP,
    SECRET,
    Reference,
    images,
    references,
    service_account,
    wants_token,
)
from portal.guardrails.rules import Rule, Violation

SHARED_LABEL = "dash-portal.io/shared"
"""Label of a Secret or ConfigMap that apps of its namespace may use: ``true``."""

PUBLIC = frozenset({("ConfigMap", "kube-root-ca.crt")})
"""What Kubernetes itself puts into every namespace, for every pod to read."""

_WEBHOOKS = frozenset({"admissionregistration.k8s.io", "apiregistration.k8s.io"})
_TOKEN_TYPES = frozenset(
    {"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "helm.sh/release.v1"}
)
_SNIPPET = re.compile(r"(^|[./-])[a-z-]*snippets?$")
_PORTAL_LEASE = "dash-portal."


class Facts(Struct, frozen=True):
    """What the cluster says that the rules need.

    ``namespaced`` tells of each kind (``apiVersion``, ``kind``) whether it lives in namespaces,
    None for one that the cluster does not know. ``shared`` tells of Secrets and ConfigMaps whether
    they carry the label, None if there is none of that name. ``default_token``: whether the
    namespace's ``default`` ServiceAccount gives pods a token. ``refused`` is what Kubernetes says
    against each pod, "" for nothing; empty where it was not asked. ``live`` are the annotations of
    what has the name of a hook already, None where nothing has.
    """

    namespaced: Mapping[tuple[str, str], bool | None] = field(
        default_factory=dict[tuple[str, str], "bool | None"]
    )
    shared: Mapping[tuple[str, str], bool | None] = field(
        default_factory=dict[tuple[str, str], "bool | None"]
    )
    default_token: bool = True
    refused: tuple[str, ...] = ()
    live: Mapping[Ref, Tree | None] = field(default_factory=dict[Ref, "Tree | None"])


class Subject(Struct, frozen=True):
    """A manifest under review: its objects, the pods in them, and where it is to go."""

    namespace: str
    release: str
    objects: tuple[Rendered, ...]
    pods: tuple[PodSpec, ...]
    image_patterns: tuple[str, ...] = ()
    former_hooks: frozenset[Ref] = frozenset()

    @classmethod
    def of(
        cls,
        objects: tuple[Rendered, ...],
        namespace: str,
        release: str,
        image_patterns: tuple[str, ...] = (),
        former_hooks: frozenset[Ref] = frozenset(),
    ) -> Subject:
        """The manifest with its pods found; ``former_hooks`` are those that the release has had."""
        pods = tuple(pod for each in objects for pod in pod_specs(each))
        return cls(namespace, release, objects, pods, image_patterns, former_hooks)

    def made(self, kind: str) -> frozenset[str]:
        """The names of the manifest's own objects of a kind of Kubernetes' core."""
        return frozenset(
            each.ref.name for each in self.objects if (each.ref.kind, each.ref.group) == (kind, "")
        )

    def outside_references(self) -> Iterator[tuple[Rendered, Reference]]:
        """References to Secrets and ConfigMaps that the release does not make itself."""
        for each in self.objects:
            pods = tuple(pod for pod in self.pods if pod.owner is each)
            by_path = {found.path: found for found in references(each, pods)}
            for found in by_path.values():
                named = (found.kind, found.name)
                if found.name not in self.made(found.kind) and named not in PUBLIC:
                    yield each, found


Check = Callable[[Subject, Facts], Iterator[Violation]]


def _pod_security(subject: Subject, facts: Facts) -> Iterator[Violation]:
    for pod, problem in zip(subject.pods, facts.refused, strict=False):
        if problem:
            yield Violation(pod.owner.ref, Rule.POD_SECURITY, problem, pod.path)


def _images(subject: Subject, facts: Facts) -> Iterator[Violation]:
    for pod in subject.pods:
        for image, path in images(pod):
            if not image_allowed(image, subject.image_patterns):
                yield Violation(
                    pod.owner.ref,
                    Rule.IMAGES,
                    f"the image {image[:200]} is not among those that may be run here",
                    path,
                    image,
                )


def _service_accounts(subject: Subject, facts: Facts) -> Iterator[Violation]:
    own = subject.made("ServiceAccount")
    for pod in subject.pods:
        name, where = service_account(pod), f"{pod.path}.serviceAccountName".lstrip(".")
        if name in own:
            continue
        if name != "default":
            yield Violation(
                pod.owner.ref,
                Rule.SERVICE_ACCOUNTS,
                f"it runs as the ServiceAccount {name[:100]}, which the release does not make",
                where,
                name,
            )
        elif wants_token(pod, facts.default_token):
            yield Violation(
                pod.owner.ref,
                Rule.SERVICE_ACCOUNTS,
                "it gets a token of the ServiceAccount default: set automountServiceAccountToken "
                "to false, or have the release make its own ServiceAccount",
                where,
            )


def _references(subject: Subject, facts: Facts) -> Iterator[Violation]:
    for each, found in subject.outside_references():
        shared = facts.shared.get((found.kind, found.name))
        if shared:
            continue
        words = (
            f"it refers to the {found.kind} {found.name[:100]}, which "
            + ("there is not" if shared is None else "is not shared with apps")
            + f"; whoever owns one can label it {SHARED_LABEL}=true"
        )
        yield Violation(each.ref, Rule.REFERENCES, words, found.path, found.name)


def _cluster_wide(subject: Subject, facts: Facts) -> Iterator[Violation]:
    for each in subject.objects:
        namespaced = facts.namespaced.get((each.api_version, each.ref.kind))
        if namespaced is False:
            yield Violation(
                each.ref,
                Rule.CLUSTER_WIDE,
                f"{each.ref.kind[:60]} objects belong to the whole cluster, not to a namespace",
                "kind",
            )


def _other_namespaces(subject: Subject, facts: Facts) -> Iterator[Violation]:
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
    def check(subject: Subject, facts: Facts) -> Iterator[Violation]:
        for each in subject.objects:
            if each.ref.group in groups:
                yield Violation(each.ref, rule, words, "kind")

    return check


def _special_secrets(subject: Subject, facts: Facts) -> Iterator[Violation]:
    own = subject.made("ServiceAccount")
    for each in subject.objects:
        kind, made = each.ref.kind, str(each.tree.get("type", ""))
        if kind == SECRET and made in _TOKEN_TYPES:
            account = at(each.tree, "metadata", "annotations").get(
                "kubernetes.io/service-account.name"
            )
            if made != "kubernetes.io/service-account-token" or account not in own:
                words = f"a Secret of the type {made} gives out rights that are not the release's"
                yield Violation(each.ref, Rule.SPECIAL_SECRETS, words, "type", made)
        elif kind in {SECRET, CONFIG_MAP} and _labels(each).get("owner") == "helm":
            words = f"a {kind} with the label owner=helm would count as Helm's record of a release"
            yield Violation(each.ref, Rule.SPECIAL_SECRETS, words, "metadata.labels[owner]")
        elif kind == "Lease" and each.ref.name.startswith(_PORTAL_LEASE):
            words = "Leases of this name are the portal's own records of operations"
            yield Violation(each.ref, Rule.SPECIAL_SECRETS, words, "metadata.name")


def _labels(rendered: Rendered) -> Tree:
    return at(rendered.tree, "metadata", "labels")


def _autoscaler_targets(subject: Subject, facts: Facts) -> Iterator[Violation]:
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


_AUTOSCALERS = frozenset(
    {"HorizontalPodAutoscaler", "VerticalPodAutoscaler", "ScaledObject", "MultidimPodAutoscaler"}
)


def _hooks(subject: Subject, facts: Facts) -> Iterator[Violation]:
    """Helm asks of a hook's name not whose it is, but deletes what has it."""
    for each in subject.objects:
        live = facts.live.get(each.ref)
        if live is None or each.ref in subject.former_hooks:
            continue
        owner = live.get(HELM_RELEASE_NAME)
        left_behind = HOOK in live and each.ref.name.startswith(subject.release)
        if owner is not None or not left_behind:
            whose = f"of the release {str(owner)[:60]}" if owner else "not of this release"
            yield Violation(
                each.ref,
                Rule.HOOKS,
                f"as a hook it would replace the {each.ref}, which is there and {whose}",
                "metadata.name",
                each.ref.name,
            )


def _external_ips(subject: Subject, facts: Facts) -> Iterator[Violation]:
    for each in subject.objects:
        if each.ref.kind == "Service" and at(each.tree, "spec").get("externalIPs"):
            words = "a Service with externalIPs can take traffic that is meant for others"
            yield Violation(each.ref, Rule.EXTERNAL_IPS, words, "spec.externalIPs")


def _ingress_snippets(subject: Subject, facts: Facts) -> Iterator[Violation]:
    for each in subject.objects:
        if each.ref.kind != "Ingress":
            continue
        for name in at(each.tree, "metadata", "annotations"):
            if _SNIPPET.search(str(name)):
                words = "it would run configuration of its own inside the ingress controller"
                where = f"metadata.annotations[{name}]"
                yield Violation(each.ref, Rule.INGRESS_SNIPPETS, words, where, str(name))


def _unknown_kinds(subject: Subject, facts: Facts) -> Iterator[Violation]:
    for each in subject.objects:
        if facts.namespaced.get((each.api_version, each.ref.kind)) is None:
            words = f"this cluster does not know the kind {each.ref.kind[:60]}"
            yield Violation(each.ref, Rule.READABLE, words, "kind")


CHECKS: Mapping[Rule, Check] = {
    Rule.READABLE: _unknown_kinds,
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
    Rule.SERVICE_ACCOUNTS: _service_accounts,
    Rule.REFERENCES: _references,
    Rule.IMAGES: _images,
    Rule.POD_SECURITY: _pod_security,
    Rule.HOOKS: _hooks,
    Rule.AUTOSCALER_TARGETS: _autoscaler_targets,
    Rule.EXTERNAL_IPS: _external_ips,
    Rule.INGRESS_SNIPPETS: _ingress_snippets,
}
"""Every rule that is about the manifest."""


def violations(subject: Subject, facts: Facts, allowed: frozenset[Rule]) -> tuple[Violation, ...]:
    """Everything that the rules forbid, but for those that are allowed; said once an object."""
    found: dict[tuple[Ref, Rule, str], Violation] = {}
    for rule, check in CHECKS.items():
        if rule not in allowed:
            for each in check(subject, facts):
                found.setdefault((each.ref, rule, each.message), each)
    return tuple(found.values())


_READS = re.compile(r"\b(lookup|include|template|tpl|define|block|getHostByName)\b")


def value_templates(values: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Values that would have a chart read the cluster, by path, with what is wrong there.

    Charts render some values as templates (``tpl``), and ``lookup`` in one reads whatever the
    portal may read. Plain ones, such as ``{{ .Release.Name }}``, are left alone.
    """
    waiting: list[tuple[tuple[str, ...], object]] = [((), dict(values))]
    while waiting:
        path, at_hand = waiting.pop()
        if isinstance(at_hand, Mapping):
            for name, each in cast("Tree", at_hand).items():
                waiting.append(((*path, name), each))
                waiting.append(((*path, name), name))
        elif isinstance(at_hand, list):
            listed = cast("list[object]", at_hand)
            waiting.extend(((*path, str(index)), each) for index, each in enumerate(listed))
        elif isinstance(at_hand, str) and "{{" in at_hand:
            used = _READS.search(at_hand[at_hand.index("{{") :])
            if used:
                yield path, f"A template in a value may not use “{used[1]}”: it reads the cluster."
