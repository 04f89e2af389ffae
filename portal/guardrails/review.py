"""Reviews a rendered manifest before it is applied: asks the cluster, and applies the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from portal.catalog.chart import ChartProblem, read_metadata
from portal.catalog.coalesce import ValuesProblem
from portal.catalog.coalesce import read as read_values
from portal.catalog.content import ContentProblem, read_content, schema_problem
from portal.domain.charts import BUILT_IN
from portal.domain.errors import ChartError, Forbidden
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.manifests import Ref, Tree, at
from portal.domain.projects import AppLimits, unlimited_apps
from portal.domain.reviews import ResourceAttributes, Touched, listed
from portal.guardrails.checks import violations
from portal.guardrails.crds import Definition, definitions
from portal.guardrails.fields import value_paths
from portal.guardrails.manifest import PodSpec, Rendered, read, unreadable
from portal.guardrails.references import mounts_token, service_account
from portal.guardrails.rules import (
    Allowances,
    GuardrailException,
    Level,
    Rule,
    Violation,
    allowances,
)
from portal.guardrails.subject import ClusterFacts, ExistingObject, GuardrailSettings, Subject
from portal.guardrails.value_templates import renders_values, value_templates
from portal.helm_service.errors import unknown_kind
from portal.threads import in_thread

Answer = TypeVar("Answer")

AT_ONCE = 16
"""Concurrent requests to Kubernetes for one manifest."""
NAMED = 5
"""Violations that a message names; the others are counted."""


class Cluster(Protocol):
    """The questions to Kubernetes. All methods raise ``PortalError`` if it does not answer.

    ``identity`` is the person as whom is asked; None for the portal's own account.
    """

    async def prepare(self, level: Level) -> None:
        """Ask ahead what most manifests need. What cannot be had raises nothing yet."""
        ...

    async def namespaced(self, api_version: str, kind: str) -> bool | None:
        """Return True if a kind is namespaced; None if the cluster does not serve it."""
        ...

    async def metadata(
        self, api_version: str, kind: str, key: Key, *, identity: Identity | None
    ) -> Tree | None:
        """An object's metadata; None if there is no such object."""
        ...

    async def denied(
        self, objects: Collection[Touched], namespace: str, *, identity: Identity | None
    ) -> frozenset[ResourceAttributes]:
        """The verbs that it takes to apply these objects, and that Kubernetes does not allow."""
        ...

    async def automounts_token(self, key: Key, *, identity: Identity | None) -> bool:
        """Return True unless a ServiceAccount sets ``automountServiceAccountToken: false``."""
        ...

    async def services(self, namespace: str) -> Sequence[tuple[Tree, Tree]]:
        """The metadata and selector of each Service of a namespace."""
        ...

    async def enforced_level(self, namespace: str) -> str:
        """The Pod Security level that a namespace enforces itself; "" for none, or if unknown."""
        ...

    async def pod_problem(self, pod: Tree, level: Level) -> str:
        """The reason why Kubernetes does not admit a pod at a Pod Security level; "" if it does."""
        ...


class GuardrailViolations(ChartError):
    """A rendered manifest breaks rules; ``violations`` name object, field and rule."""

    def __init__(
        self, found: tuple[Violation, ...], values: Mapping[str, str] | None = None
    ) -> None:
        named = "; ".join(map(str, found[:NAMED]))
        more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
        super().__init__(
            f"The portal's guardrails do not allow this. {named}{more}.",
            "Nothing was changed. Correct the values, or ask an administrator, who can set an "
            "exception for a namespace or a source of charts.",
            values=values,
        )
        self.violations = found


class Reviewed(Struct, frozen=True):
    """The objects of a manifest that breaks no rule, and those of them that exist already."""

    objects: tuple[Rendered, ...]
    existing: Mapping[Ref, ExistingObject]

    def taken_over(self, key: Key) -> Ref | None:
        """Return an object that is marked as the release's own, which Helm would take over.

        Objects kept by policy do not count, since a release of the same name is meant to find
        them, nor do hooks, which Helm replaces.
        """
        for each in self.objects:
            there = self.existing.get(each.ref)
            if each.hook is not None or there is None or there.kept or there.deleting:
                continue
            if there.release == str(key):
                return each.ref
        return None


class Guardrails:
    """The rules, with an administrator's exceptions and settings, applied to a cluster.

    ``limits`` reads the limits that a namespace sets for apps; it raises a ``PortalError`` if they
    are not known, and then nothing is allowed there.
    """

    def __init__(
        self,
        cluster: Cluster,
        exceptions: Collection[GuardrailException] = (),
        site: GuardrailSettings = GuardrailSettings(),  # noqa: B008 - frozen
        limits: Callable[[str], Awaitable[AppLimits]] = unlimited_apps,
    ) -> None:
        self._cluster = cluster
        self._exceptions = tuple(exceptions)
        self._site = site
        self._limits = limits

    def allowances(self, namespace: str, source: str) -> Allowances:
        """The allowances for a release of a source's chart."""
        return allowances(self._exceptions, namespace, source)

    async def check_chart(self, key: Key, source: str, chart: str) -> None:
        """Raise ``ChartError`` for a chart that the namespace does not allow."""
        if problem := (await self._limits(key.namespace)).chart_problem(source, chart):
            raise ChartError(
                f"{problem} [{Rule.PROJECT}]",
                "Nothing was changed. Use another chart, or ask an administrator of the project.",
            )

    async def check_values(
        self, key: Key, source: str, chart: Path, values: Mapping[str, object]
    ) -> None:
        """Raise ``ChartError`` for values with which rendering would reach where it must not.

        That is the cluster, by templates in values; and what the schema of a subchart refers to
        that these values switch on, which Helm would fetch. The built-in chart has neither.
        """
        await self.check_chart(key, source, await in_thread(_chart_name, chart))
        if source == BUILT_IN:
            return
        if problem := await in_thread(_schema_problem, chart, values):
            raise ChartError(
                problem, "Nothing was changed. Switch the subchart off, or use another chart."
            )
        if Rule.VALUE_TEMPLATES in self.allowances(key.namespace, source).rules:
            return
        problems = await in_thread(_value_problems, chart, values)
        if problems:
            path, words = next(iter(problems.items()))
            raise ChartError(
                f"{path}: {words} [{Rule.VALUE_TEMPLATES}]",
                "Nothing was changed. Write the value out, or ask an administrator for an "
                "exception.",
                values=problems,
            )

    async def prepare(self, key: Key, source: str) -> None:
        """Ask the cluster what ``check`` will need for most charts, while there is no manifest."""
        await self._cluster.prepare(self.allowances(key.namespace, source).pod_security)

    async def check(
        self,
        key: Key,
        source: str,
        manifest: str,
        values: Mapping[str, object],
        upcoming: Collection[str] = (),
        *,
        new: bool = False,
        identity: Identity | None = None,
    ) -> Reviewed:
        """Check a manifest against the rules; return its objects.

        Args:
            key: the release.
            source: the source of its chart, "" if unknown.
            manifest: the rendered manifest, hooks included.
            values: the values it was rendered with, to name the field that caused a violation.
            upcoming: Secrets that the portal will make for the release before it is applied.
            new: True to find out of all objects if they exist, even if no rule needs it.
            identity: the person who would apply it; None for the portal itself.

        Raises:
            GuardrailViolations: it breaks a rule.
            Forbidden: Kubernetes does not let ``identity`` make its objects.
            ChartError: it cannot be read.
            PortalError: Kubernetes could not be asked, so the manifest is not accepted.
        """
        allowed = self.allowances(key.namespace, source)
        subject = await in_thread(self._subject, manifest, key, upcoming)
        facts = await self._facts(subject, allowed, new, identity)
        unknown = [named for named, answer in facts.namespaced.items() if answer is None]
        if unknown:
            version, kind = unknown[0]
            raise unknown_kind(kind, version)
        found = await in_thread(violations, subject, facts, allowed.rules)
        if found:
            raise GuardrailViolations(found, await in_thread(value_paths, found, values))
        touched = _touched(subject.objects, facts.live)
        denied = await self._cluster.denied(touched, key.namespace, identity=identity)
        if denied:
            raise _may_not(key, denied)
        existing = {ref: each for ref, each in facts.live.items() if each is not None}
        return Reviewed(subject.objects, existing)

    async def skip_crds(self, key: Key, source: str, chart: Path) -> bool:
        """Return True if Helm must skip a chart's ``crds/`` when it installs the chart.

        Raises:
            GuardrailViolations: it must, and the cluster does not serve all of these kinds yet.
        """
        if Rule.CRDS in self.allowances(key.namespace, source).rules:
            return False
        missing = [
            Violation(
                each.ref,
                Rule.CRDS,
                f"the chart brings the kind {each.kind}, which an administrator has to install",
            )
            for each in await in_thread(definitions, chart)
            if not await self._serves(each)
        ]
        if missing:
            raise GuardrailViolations(tuple(missing))
        return True

    async def _serves(self, defined: Definition) -> bool:
        for version in defined.api_versions:
            if await self._cluster.namespaced(version, defined.kind) is not None:
                return True
        return False

    def _subject(self, manifest: str, key: Key, upcoming: Collection[str]) -> Subject:
        objects = read(manifest, key.namespace)
        try:
            return Subject(objects, key.namespace, key.name, self._site, upcoming)
        except RecursionError as error:  # recursive aliases
            raise unreadable() from error

    async def _facts(
        self, subject: Subject, allowed: Allowances, new: bool, identity: Identity | None
    ) -> ClusterFacts:
        """The facts that the rules need, asked with at most ``AT_ONCE`` concurrent requests."""
        cluster, namespace = self._cluster, subject.namespace
        lifted = allowed.pod_security is not Level.RESTRICTED and bool(subject.pods)
        refused = lifted and await cluster.enforced_level(namespace) == Level.RESTRICTED
        if refused:  # an exception lifts the portal's rule, not the namespace's
            allowed = replace(allowed, pod_security=Level.RESTRICTED)
        needs = await in_thread(_Needs.of, subject, allowed, new)
        slots = asyncio.Semaphore(AT_ONCE)

        async def ask(question: Awaitable[Answer]) -> Answer:
            async with slots:
                return await question

        async def look(api_version: str, kind: str, name: str) -> ExistingObject | None:
            key = Key(namespace, name)
            found = await ask(cluster.metadata(api_version, kind, key, identity=identity))
            return None if found is None else live(found)

        try:
            async with asyncio.TaskGroup() as group:
                namespaced = [
                    group.create_task(ask(cluster.namespaced(*each))) for each in needs.kinds
                ]
                referenced = [
                    group.create_task(look("v1", kind, name)) for kind, name in needs.references
                ]
                existing = [
                    group.create_task(look(each.api_version, each.ref.kind, each.ref.name))
                    for each in needs.objects
                ]
                pod_problems = [
                    group.create_task(ask(cluster.pod_problem(pod, allowed.pod_security)))
                    for pod in needs.pods
                ]
                token = services = None
                if needs.token:
                    account = Key(namespace, "default")
                    token = group.create_task(cluster.automounts_token(account, identity=identity))
                if needs.services:
                    services = group.create_task(cluster.services(namespace))
                limits = group.create_task(ask(self._limits(namespace)))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return ClusterFacts(
            {named: each.result() for named, each in zip(needs.kinds, namespaced, strict=True)},
            {
                named: each.result()
                for named, each in zip(needs.references, referenced, strict=True)
            },
            token is not None and token.result(),
            tuple(_problem(each.result(), refused) for each in pod_problems),
            {one.ref: each.result() for one, each in zip(needs.objects, existing, strict=True)},
            tuple((live(meta).release, selector) for meta, selector in services.result())
            if services
            else (),
            limits.result(),
        )


def _problem(objection: str, by_namespace: bool) -> str:
    if not (objection and by_namespace):
        return objection
    return (
        f"{objection} (the namespace itself enforces Pod Security restricted, which no exception "
        "of the portal lifts: an administrator can set another level for it)"
    )


def _chart_name(chart: Path) -> str:
    """Return the name in a chart's ``Chart.yaml``; "" if it cannot be read."""
    try:
        return str(read_metadata(chart).get("name") or "")
    except ChartProblem:
        return ""


def _touched(
    objects: Collection[Rendered], live: Mapping[Ref, ExistingObject | None]
) -> tuple[Touched, ...]:
    """The objects with the verbs to apply them; ``live`` has those of which it is known."""
    return tuple(
        Touched(each.api_version, each.ref.kind, each.ref.name, _verbs(each, live))
        for each in objects
        if each.hook is None or each.hook - _TESTS
    )


_TESTS = frozenset({"test", "test-success", "test-failure"})
"""Events of hooks that run by ``helm test`` alone."""


def _verbs(one: Rendered, live: Mapping[Ref, ExistingObject | None]) -> frozenset[str]:
    if one.hook is not None:
        return frozenset({"get", "create", "delete"})
    absent = one.ref in live and live[one.ref] is None
    return frozenset({"get", "patch"} | ({"create"} if absent else set()))


def _may_not(key: Key, denied: Collection[ResourceAttributes]) -> Forbidden:
    return Forbidden(
        f"This makes objects in {key.namespace} that you may not make there. It needs the "
        f"Kubernetes permission to {listed(denied)}.",
        "Nothing was changed. Choose values that do without, or ask whoever administers "
        f"{key.namespace} for a role that has it.",
    )


def live(metadata: Tree) -> ExistingObject:
    """An existing object from its metadata."""
    return ExistingObject(
        at(metadata, "labels"), at(metadata, "annotations"), bool(metadata.get("deletionTimestamp"))
    )


def _schema_problem(chart: Path, values: Mapping[str, object]) -> str:
    """Return the problem that keeps the schemas of a chart and its subcharts from Helm, or ""."""
    try:
        enabled = read_values(read_content(chart), values).charts
    except ContentProblem:
        try:
            return schema_problem(chart)
        except ContentProblem as problem:
            return f"The chart cannot be read. {problem}"
    except ValuesProblem:
        return ""  # Helm says so before it reads a schema
    named = (
        (each.path, each.content.schema_problem) for each in enabled if each.content.schema_problem
    )
    return next(
        (f"The chart{' ' + path[-1] if path else ''} cannot be used. {why}" for path, why in named),
        "",
    )


def _value_problems(chart: Path, values: Mapping[str, object]) -> dict[str, str]:
    problems = {".".join(path): words for path, words in value_templates(values)}
    return problems if problems and renders_values(chart) else {}


class _Needs(Struct, frozen=True):
    """The questions to ask the cluster about one manifest."""

    kinds: tuple[tuple[str, str], ...]
    references: tuple[tuple[str, str], ...]
    token: bool
    pods: tuple[Tree, ...]
    objects: tuple[Rendered, ...]
    services: bool

    @classmethod
    def of(cls, subject: Subject, allowed: Allowances, new: bool) -> _Needs:
        """The questions that the rules need answered about a manifest, and a new release."""
        references: set[tuple[str, str]] = set()
        if Rule.REFERENCES not in allowed.rules:
            references = {(found.kind, found.name) for _, found in subject.outside}
        privileged = allowed.pod_security is Level.PRIVILEGED
        by_ref = {each.ref: each for each in subject.objects}
        return cls(
            tuple(sorted({(each.api_version, each.ref.kind) for each in subject.objects})),
            tuple(sorted(references)),
            any(
                service_account(pod) == "default" and mounts_token(pod, by_default=True)
                for pod in subject.pods
            ),
            () if privileged else tuple(as_pod(pod) for pod in subject.pods),
            tuple(by_ref.values()) if new or Rule.OWNERSHIP not in allowed.rules else (),
            bool(subject.pods) and Rule.TRAFFIC not in allowed.rules,
        )


_ELSEWHERE = ("serviceAccount", "serviceAccountName", "priorityClassName", "runtimeClassName")
"""Fields that name other objects, which need not exist in the namespace of the dry run."""


def as_pod(pod: PodSpec) -> Tree:
    """The pod that Kubernetes would create from a template, for a dry run in another namespace.

    Names of other objects are left out: these need not exist in that namespace, and do not matter
    to Pod Security.
    """
    spec = {name: each for name, each in pod.spec.items() if name not in _ELSEWHERE}
    # nodeName binds a pod without scheduling, which a dry run must not need.
    spec.pop("nodeName", None)
    spec["automountServiceAccountToken"] = False
    if pod.volumes:
        listed = spec.get("volumes")
        own = [*listed] if isinstance(listed, list) else []  # pyright: ignore[reportUnknownVariableType]
        claims = [
            {"name": name, "persistentVolumeClaim": {"claimName": name}} for name in pod.volumes
        ]
        spec["volumes"] = [*own, *claims]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "guardrail-",
            "labels": dict(pod.labels),
            "annotations": dict(pod.annotations),
        },
        "spec": spec,
    }
