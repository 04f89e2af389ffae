"""Reviews a rendered manifest before it is applied: asks the cluster, and applies the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from msgspec import Struct

from portal.aside import aside
from portal.domain.charts import BUILT_IN
from portal.domain.errors import ChartError
from portal.domain.keys import Key
from portal.domain.manifests import Tree, at
from portal.guardrails.checks import (
    ClusterFacts,
    ExistingObject,
    GuardrailSettings,
    Subject,
    renders_values,
    value_templates,
    violations,
)
from portal.guardrails.crds import Definition, definitions
from portal.guardrails.fields import value_paths
from portal.guardrails.manifest import PodSpec, Rendered, read, unreadable
from portal.guardrails.references import service_account, wants_token
from portal.guardrails.rules import (
    Allowances,
    GuardrailException,
    Level,
    Rule,
    Violation,
    allowances,
)
from portal.helm_service.errors import unknown_kind

Answer = TypeVar("Answer")

AT_ONCE = 16
"""How many questions to Kubernetes are under way at once for one manifest."""
NAMED = 5
"""How many violations a message names."""


class Cluster(Protocol):
    """What the guardrails ask of Kubernetes. All raise ``PortalError`` if it does not answer."""

    async def namespaced(self, api_version: str, kind: str) -> bool | None:
        """Whether objects of a kind live in namespaces; None for an unknown kind."""
        ...

    async def metadata(self, api_version: str, kind: str, key: Key) -> Tree | None:
        """An object's metadata; None if there is none of that name."""
        ...

    async def gives_token(self, key: Key) -> bool:
        """Whether a ServiceAccount gives pods a token unless they say that they want none."""
        ...

    async def services(self, namespace: str) -> Sequence[tuple[Tree, Tree]]:
        """The metadata and the selector of each Service of a namespace."""
        ...

    async def pod_problem(self, pod: Tree, level: Level) -> str:
        """Why Kubernetes does not admit a pod at a level of the Pod Security Standards, or ""."""
        ...


class GuardrailViolations(ChartError):
    """The guardrails forbid what a chart renders; ``violations`` name object, field and rule."""

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


class Guardrails:
    """The rules with an administrator's exceptions and settings, and the cluster to ask."""

    def __init__(
        self,
        cluster: Cluster,
        exceptions: Collection[GuardrailException] = (),
        site: GuardrailSettings = GuardrailSettings(),  # noqa: B008 - frozen
    ) -> None:
        self._cluster = cluster
        self._exceptions = tuple(exceptions)
        self._site = site

    def allowances(self, namespace: str, source: str) -> Allowances:
        """What is allowed beyond the rules for a release of a source's chart."""
        return allowances(self._exceptions, namespace, source)

    async def check_values(
        self, key: Key, source: str, chart: Path, values: Mapping[str, object]
    ) -> None:
        """Raise ``ChartError`` for values that would read the cluster as soon as they are rendered.

        The built-in chart renders none of them.
        """
        if (
            source == BUILT_IN
            or Rule.VALUE_TEMPLATES in self.allowances(key.namespace, source).rules
        ):
            return
        problems = await aside(_value_problems, chart, values)
        if problems:
            path, words = next(iter(problems.items()))
            raise ChartError(
                f"{path}: {words} [{Rule.VALUE_TEMPLATES}]",
                "Nothing was changed. Write the value out, or ask an administrator for an "
                "exception.",
                values=problems,
            )

    async def check(
        self, key: Key, source: str, manifest: str, values: Mapping[str, object]
    ) -> None:
        """Hold a manifest, hooks included, against the rules.

        Args:
            key: the release.
            source: the source that its chart came from, "" if not known.
            manifest: what the chart renders.
            values: those that it was rendered with, to name the field that is at fault.

        Raises:
            GuardrailViolations: a rule forbids something in it.
            ChartError: it cannot be read.
            PortalError: Kubernetes could not be asked, so nothing is allowed.
        """
        allowed = self.allowances(key.namespace, source)
        subject = await aside(self._subject, manifest, key)
        facts = await self._facts(subject, allowed)
        unknown = [named for named, answer in facts.namespaced.items() if answer is None]
        if unknown:
            version, kind = unknown[0]
            raise unknown_kind(kind, version)
        found = await aside(violations, subject, facts, allowed.rules)
        if found:
            raise GuardrailViolations(found, await aside(value_paths, found, values))

    async def skip_crds(self, key: Key, source: str, chart: Path) -> bool:
        """Whether Helm must leave a chart's ``crds/`` out when it installs it.

        Raises:
            GuardrailViolations: it must, and the cluster has not got all of these kinds yet.
        """
        if Rule.CRDS in self.allowances(key.namespace, source).rules:
            return False
        missing = [
            Violation(
                each.ref,
                Rule.CRDS,
                f"the chart brings the kind {each.kind}, which an administrator has to install",
            )
            for each in await aside(definitions, chart)
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

    def _subject(self, manifest: str, key: Key) -> Subject:
        objects = read(manifest, key.namespace)
        try:
            return Subject(objects, key.namespace, key.name, self._site)
        except RecursionError as error:  # aliases within aliases
            raise unreadable() from error

    async def _facts(self, subject: Subject, allowed: Allowances) -> ClusterFacts:
        """Ask the cluster all that the rules need, so many questions at once."""
        cluster, namespace = self._cluster, subject.namespace
        needs = await aside(_Needs.of, subject, allowed)
        slots = asyncio.Semaphore(AT_ONCE)

        async def ask(question: Awaitable[Answer]) -> Answer:
            async with slots:
                return await question

        async def look(api_version: str, kind: str, name: str) -> ExistingObject | None:
            found = await ask(cluster.metadata(api_version, kind, Key(namespace, name)))
            return None if found is None else live(found)

        try:
            async with asyncio.TaskGroup() as group:
                namespaced = [
                    group.create_task(ask(cluster.namespaced(*each))) for each in needs.kinds
                ]
                referred = [
                    group.create_task(look("v1", kind, name)) for kind, name in needs.references
                ]
                there = [
                    group.create_task(look(each.api_version, each.ref.kind, each.ref.name))
                    for each in needs.objects
                ]
                refused = [
                    group.create_task(ask(cluster.pod_problem(pod, allowed.pod_security)))
                    for pod in needs.pods
                ]
                token = services = None
                if needs.token:
                    token = group.create_task(cluster.gives_token(Key(namespace, "default")))
                if needs.services:
                    services = group.create_task(cluster.services(namespace))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return ClusterFacts(
            {named: each.result() for named, each in zip(needs.kinds, namespaced, strict=True)},
            {named: each.result() for named, each in zip(needs.references, referred, strict=True)},
            token is not None and token.result(),
            tuple(each.result() for each in refused),
            {one.ref: each.result() for one, each in zip(needs.objects, there, strict=True)},
            tuple((live(meta).release, selector) for meta, selector in services.result())
            if services
            else (),
        )


def live(metadata: Tree) -> ExistingObject:
    """What is known of an object by its metadata."""
    return ExistingObject(at(metadata, "labels"), at(metadata, "annotations"))


def _value_problems(chart: Path, values: Mapping[str, object]) -> dict[str, str]:
    problems = {".".join(path): words for path, words in value_templates(values)}
    return problems if problems and renders_values(chart) else {}


class _Needs(Struct, frozen=True):
    """What has to be asked of the cluster."""

    kinds: tuple[tuple[str, str], ...]
    references: tuple[tuple[str, str], ...]
    token: bool
    pods: tuple[Tree, ...]
    objects: tuple[Rendered, ...]
    services: bool

    @classmethod
    def of(cls, subject: Subject, allowed: Allowances) -> _Needs:
        """What the rules need to know of a manifest."""
        references: set[tuple[str, str]] = set()
        if Rule.REFERENCES not in allowed.rules:
            references = {(found.kind, found.name) for _, found in subject.outside}
        privileged = allowed.pod_security is Level.PRIVILEGED
        by_ref = {each.ref: each for each in subject.objects}
        return cls(
            tuple(sorted({(each.api_version, each.ref.kind) for each in subject.objects})),
            tuple(sorted(references)),
            any(
                service_account(pod) == "default" and wants_token(pod, by_default=True)
                for pod in subject.pods
            ),
            () if privileged else tuple(as_pod(pod) for pod in subject.pods),
            () if Rule.OWNERSHIP in allowed.rules else tuple(by_ref.values()),
            bool(subject.pods) and Rule.TRAFFIC not in allowed.rules,
        )


_ELSEWHERE = ("serviceAccount", "serviceAccountName", "priorityClassName", "runtimeClassName")
"""Fields that name objects of other places, which a pod that is only tried need not have."""


def as_pod(pod: PodSpec) -> Tree:
    """The pod that Kubernetes would make from a template, to be tried elsewhere by dry run.

    What names other objects is left out, since these need not exist where it is tried, and has
    no part in Pod Security.
    """
    spec = {name: each for name, each in pod.spec.items() if name not in _ELSEWHERE}
    # On a node that is named a pod is not scheduled; here it is not to be bound either.
    spec.pop("nodeName", None)
    spec["automountServiceAccountToken"] = False
    if pod.volumes:
        listed = spec.get("volumes")
        kept = [*listed] if isinstance(listed, list) else []  # pyright: ignore[reportUnknownVariableType]
        claims = [
            {"name": name, "persistentVolumeClaim": {"claimName": name}} for name in pod.volumes
        ]
        spec["volumes"] = [*kept, *claims]
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
