"""The rules as functions that yield the violations in a rendered manifest. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import cast

from msgspec import Struct, field

from portal.catalog.images import image_allowed
from portal.domain.errors import ChartError
from portal.domain.keys import (
    ENV_OF,
    HELM_RELEASE_NAME,
    HELM_RELEASE_NAMESPACE,
    SHARED_LABEL,
)
from portal.domain.manifests import Ref, Tree, at, keeps
from portal.guardrails.manifest import MAX_OBJECTS, PodSpec, Rendered, pod_specs, texts
from portal.guardrails.references import (
    CLAIM,
    CONFIG_MAP,
    SECRET,
    Reference,
    images,
    mounts_token,
    references,
    service_account,
)
from portal.guardrails.rules import Rule, Violation

PUBLIC = frozenset({("ConfigMap", "kube-root-ca.crt")})
"""Objects that Kubernetes puts into every namespace for every pod to read."""

_WEBHOOKS = frozenset({"admissionregistration.k8s.io", "apiregistration.k8s.io"})
_TOKEN_TYPES = frozenset(
    {"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "helm.sh/release.v1"}
)
_SNIPPET = re.compile(r"(^|[./-])[a-z-]*snippets?$")
_PORTAL_LEASE = "dash-portal."
_HELM_RECORD = "sh.helm.release."
INSTANCE = "app.kubernetes.io/instance"
_NAMESPACE_WIDE = frozenset({"ResourceQuota", "LimitRange", "Endpoints", "EndpointSlice"})


class ExistingObject(Struct, frozen=True):
    """Labels and annotations of an object in the cluster, and whether it is being deleted."""

    labels: Tree = field(default_factory=dict[str, object])
    annotations: Tree = field(default_factory=dict[str, object])
    deleting: bool = False

    @property
    def release(self) -> str:
        """The Helm release that owns it, as ``namespace/name``; "" if none does."""
        name = self.annotations.get(HELM_RELEASE_NAME)
        return f"{self.annotations.get(HELM_RELEASE_NAMESPACE)}/{name}" if name else ""

    @property
    def kept(self) -> bool:
        """True if Helm keeps the object when it uninstalls that release."""
        return bool(self.release) and keeps(self.annotations)


class ClusterFacts(Struct, frozen=True):
    """The facts about the cluster that the rules need.

    Args:
        namespaced: by ``apiVersion`` and ``kind``, True for a namespaced kind, None for one that
            the cluster does not serve.
        referenced: Secrets, ConfigMaps and volume claims by kind and name; None if absent.
        default_token: True if the ``default`` ServiceAccount mounts its token into pods.
        pod_problems: the objection of Kubernetes to each pod, "" for none; () if not asked.
        live: the manifest's objects as they are in the cluster; None if absent.
        selectors: owner (``namespace/name`` of a release, or "") and selector of each Service of
            the namespace.
    """

    namespaced: Mapping[tuple[str, str], bool | None] = field(
        default_factory=dict[tuple[str, str], "bool | None"]
    )
    referenced: Mapping[tuple[str, str], ExistingObject | None] = field(
        default_factory=dict[tuple[str, str], "ExistingObject | None"]
    )
    default_token: bool = True
    pod_problems: tuple[str, ...] = ()
    live: Mapping[Ref, ExistingObject | None] = field(
        default_factory=dict[Ref, "ExistingObject | None"]
    )
    selectors: tuple[tuple[str, Tree], ...] = ()


class GuardrailSettings(Struct, frozen=True):
    """An administrator's settings for the rules.

    ``images`` are patterns of allowed images, all if empty; ``hosts`` are the portal's own host
    names, which no app may claim.
    """

    images: tuple[str, ...] = ()
    hosts: frozenset[str] = frozenset()


class Subject:
    """A manifest under review: its objects, their pods, and the release and its namespace."""

    def __init__(
        self,
        objects: tuple[Rendered, ...],
        namespace: str,
        release: str,
        site: GuardrailSettings,
        upcoming: Collection[str] = (),
    ) -> None:
        self.upcoming = frozenset(upcoming)
        """Secrets that the portal is about to make for the release."""
        self.namespace = namespace
        self.release = release
        self.objects = objects
        self.site = site
        self.pods = tuple(pod for each in objects for pod in pod_specs(each))
        if len(self.pods) > MAX_OBJECTS:
            raise ChartError(f"The chart renders more than {MAX_OBJECTS} pods.")
        self._made: dict[str, dict[str, list[frozenset[str] | None]]] = {}
        for each in objects:
            if each.ref.group == "":
                names = self._made.setdefault(each.ref.kind, {})
                names.setdefault(each.ref.name, []).append(each.hook)
        self.outside = tuple(self._outside())
        """Objects of the manifest with their references to objects that the release does not
        make."""
        if len({(found.kind, found.name) for _, found in self.outside}) > MAX_OBJECTS:
            raise ChartError(f"The chart refers to more than {MAX_OBJECTS} objects.")

    @property
    def key(self) -> str:
        """The release, as ``namespace/name``."""
        return f"{self.namespace}/{self.release}"

    def makes(self, kind: str, name: str, user: Rendered) -> bool:
        """Return True if the release surely creates a core object before ``user``'s pods need it.

        An object of a hook exists at that hook's events only, so it counts only for hooks of these
        events.
        """
        return any(
            hook is None or (user.hook is not None and user.hook <= hook)
            for hook in self._made.get(kind, {}).get(name, ())
        )

    def _outside(self) -> Iterator[tuple[Rendered, Reference]]:
        by_owner: dict[int, list[PodSpec]] = {}
        for pod in self.pods:
            by_owner.setdefault(id(pod.owner), []).append(pod)
        for each in self.objects:
            found = references(each, tuple(by_owner.get(id(each), ())))
            for reference in {one.path: one for one in found}.values():
                named = (reference.kind, reference.name)
                if named not in PUBLIC and not self.makes(*named, each):
                    yield each, reference


Check = Callable[[Subject, ClusterFacts], Iterator[Violation]]


def _pod_security(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for pod, problem in zip(subject.pods, facts.pod_problems, strict=False):
        if problem:
            yield Violation(pod.owner.ref, Rule.POD_SECURITY, problem, pod.path)


def _images(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for pod in subject.pods:
        for image, path in images(pod):
            if not image_allowed(image, subject.site.images):
                yield Violation(
                    pod.owner.ref,
                    Rule.IMAGES,
                    f"the image {image[:200]} is not among those that may be run here",
                    path,
                    image,
                )


def _service_accounts(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for pod in subject.pods:
        name, where = service_account(pod), f"{pod.path}.serviceAccountName".lstrip(".")
        if subject.makes("ServiceAccount", name, pod.owner):
            continue
        if name != "default":
            yield Violation(
                pod.owner.ref,
                Rule.SERVICE_ACCOUNTS,
                f"it runs as the ServiceAccount {name[:100]}, which the release does not make",
                where,
                name,
            )
        elif mounts_token(pod, facts.default_token):
            yield Violation(
                pod.owner.ref,
                Rule.SERVICE_ACCOUNTS,
                "it gets a token of the ServiceAccount default: set automountServiceAccountToken "
                "to false, or have the release make its own ServiceAccount",
                where,
            )


def _references(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for each, found in subject.outside:
        live = facts.referenced.get((found.kind, found.name))
        if found.kind == SECRET and found.name in subject.upcoming:
            continue
        if found.kind == CLAIM:
            problem = _claim_problem(live, subject)
        else:
            problem = _shared_problem(live, subject)
        if problem:
            words = f"it refers to the {found.kind} {found.name[:100]}, which {problem}"
            yield Violation(each.ref, Rule.REFERENCES, words, found.path, found.name)


def _shared_problem(live: ExistingObject | None, subject: Subject) -> str:
    if live is not None and (
        live.labels.get(SHARED_LABEL) == "true" or live.labels.get(ENV_OF) == subject.release
    ):
        return ""
    return (
        "there is not" if live is None else "is not shared with apps"
    ) + f"; whoever owns one can label it {SHARED_LABEL}=true"


def _claim_problem(live: ExistingObject | None, subject: Subject) -> str:
    """The problem with a volume claim: another release owns it, and it is not shared.

    One without a release was created by hand, in order to be mounted.
    """
    if live is None or live.labels.get(SHARED_LABEL) == "true":
        return ""
    instance = live.labels.get(INSTANCE)
    if live.release in {"", subject.key} and instance in {None, subject.release}:
        return ""
    owner = live.release.partition("/")[2] or str(instance)
    return f"belongs to {owner[:60]}; its owner can label it {SHARED_LABEL}=true"


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


_AUTOSCALERS = frozenset(
    {"HorizontalPodAutoscaler", "VerticalPodAutoscaler", "ScaledObject", "MultidimPodAutoscaler"}
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


def _scheduling(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for pod in subject.pods:
        if str(pod.spec.get("priorityClassName", "")).startswith("system-"):
            where = f"{pod.path}.priorityClassName".lstrip(".")
            words = "pods of this priority push out others'"
            yield Violation(pod.owner.ref, Rule.SCHEDULING, words, where)
        if pod.spec.get("nodeName") is not None:
            where = f"{pod.path}.nodeName".lstrip(".")
            yield Violation(pod.owner.ref, Rule.SCHEDULING, "it would go past the scheduler", where)


def _namespace_wide(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for each in subject.objects:
        everywhere = each.ref.kind == "NetworkPolicy" and not at(each.tree, "spec", "podSelector")
        if everywhere or each.ref.kind in _NAMESPACE_WIDE:
            words = f"a {each.ref.kind} like this is about every app in the namespace"
            yield Violation(each.ref, Rule.NAMESPACE_WIDE, words, "kind")


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
    Rule.OWNERSHIP: _ownership,
    Rule.SCHEDULING: _scheduling,
    Rule.NAMESPACE_WIDE: _namespace_wide,
    Rule.TRAFFIC: _traffic,
    Rule.AUTOSCALER_TARGETS: _autoscaler_targets,
    Rule.EXTERNAL_IPS: _external_ips,
    Rule.INGRESS_SNIPPETS: _ingress_snippets,
}
"""Every rule about a manifest."""


def violations(
    subject: Subject, facts: ClusterFacts, allowed: frozenset[Rule]
) -> tuple[Violation, ...]:
    """The violations of all rules but the ``allowed`` ones, without duplicates."""
    found: dict[tuple[Ref, Rule, str], Violation] = {}
    for rule, check in CHECKS.items():
        if rule not in allowed:
            for each in check(subject, facts):
                found.setdefault((each.ref, rule, each.message), each)
    return tuple(found.values())


_PATH = r"\.(?:Release|Chart|Capabilities|Values|Template)(?:\.[A-Za-z0-9_]+)+"
_HARMLESS = re.compile(
    rf"\{{\{{-?\s*{_PATH}(?:\s*\|\s*(?:quote|squote|lower|upper|b64enc|trunc\s+-?\d+))*\s*-?\}}\}}"
)
_BRACES = re.compile(r"\{\{|\}\}")
_RENDERS = re.compile(rb"\btpl\b")


def value_templates(values: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path and problem of each value with a template beyond a plain ``{{ .Release.Name }}``.

    Charts render some values (``tpl``), and templates can read whatever the portal may read. A
    chart may join values to one template, so braces alone count too.
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
        elif isinstance(at_hand, str) and _BRACES.search(_HARMLESS.sub("", at_hand)):
            yield (
                path,
                "This chart renders values as templates, which can read the cluster: only plain "
                "paths such as {{ .Release.Name }} may be used.",
            )


def renders_values(chart: Path) -> bool:
    """Return True if an unpacked chart, or a subchart, renders values as templates."""
    files = (file for file in chart.rglob("*") if file.is_file() and "templates" in file.parts)
    packed = any(True for _ in chart.rglob("charts/*.tgz"))
    return packed or any(_RENDERS.search(file.read_bytes()) for file in files)
