"""Reviews a rendered manifest before it is applied: asks the cluster, and applies the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from portal.aside import aside
from portal.domain.errors import ChartError
from portal.domain.keys import Key
from portal.domain.manifests import Tree
from portal.guardrails.checks import SHARED_LABEL, Facts, Subject, value_templates, violations
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

NAMED = 5
"""How many violations a message names."""


class Cluster(Protocol):
    """What the guardrails ask of Kubernetes. All raise ``PortalError`` if it does not answer."""

    async def namespaced(self, api_version: str, kind: str) -> bool | None:
        """Whether objects of a kind live in namespaces; None for an unknown kind."""
        ...

    async def has_label(self, kind: str, key: Key, label: str) -> bool | None:
        """Whether a Secret or ConfigMap carries ``label: "true"``; None if there is none."""
        ...

    async def gives_token(self, key: Key) -> bool:
        """Whether a ServiceAccount gives pods a token unless they say that they want none."""
        ...

    async def annotations(self, api_version: str, kind: str, key: Key) -> Tree | None:
        """The annotations of an object; None if there is none of that name."""
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
    """The rules with an administrator's exceptions, and the cluster to ask.

    ``images`` are patterns of the images that may be run, all if empty.
    """

    def __init__(
        self,
        cluster: Cluster,
        exceptions: Collection[GuardrailException] = (),
        images: tuple[str, ...] = (),
    ) -> None:
        self._cluster = cluster
        self._exceptions = tuple(exceptions)
        self._images = images

    def allowances(self, namespace: str, source: str) -> Allowances:
        """What is allowed beyond the rules for a release of a source's chart."""
        return allowances(self._exceptions, namespace, source)

    def values_problems(
        self, key: Key, source: str, values: Mapping[str, object]
    ) -> dict[str, str]:
        """What is wrong with values before anything is rendered, by dotted path."""
        if Rule.VALUE_TEMPLATES in self.allowances(key.namespace, source).rules:
            return {}
        return {".".join(path): words for path, words in value_templates(values)}

    async def check(
        self,
        key: Key,
        source: str,
        manifest: str,
        values: Mapping[str, object],
        former_hooks: str = "",
    ) -> None:
        """Hold a manifest, hooks included, against the rules.

        Args:
            key: the release.
            source: the source that its chart came from, "" if not known.
            manifest: what the chart renders.
            values: those that it was rendered with, to name the field that is at fault.
            former_hooks: the manifest of the hooks that the release has had.

        Raises:
            GuardrailViolations: a rule forbids something in it.
            ChartError: it cannot be read.
            PortalError: Kubernetes could not be asked, so nothing is allowed.
        """
        allowed = self.allowances(key.namespace, source)
        problems = await aside(self.values_problems, key, source, values)
        if problems:
            path, words = next(iter(problems.items()))
            raise ChartError(f"{path}: {words}", "Nothing was changed.", values=problems)
        subject = await aside(self._subject, manifest, key, former_hooks)
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

    def _subject(self, manifest: str, key: Key, former_hooks: str) -> Subject:
        objects = read(manifest, key.namespace)
        before = frozenset(each.ref for each in read(former_hooks, key.namespace))
        try:
            return Subject.of(objects, key.namespace, key.name, self._images, before)
        except RecursionError as error:  # aliases within aliases
            raise unreadable() from error

    async def _facts(self, subject: Subject, allowed: Allowances) -> Facts:
        """Ask the cluster all that the rules need, at once."""
        cluster, namespace = self._cluster, subject.namespace
        needs = await aside(_Needs.of, subject, allowed)
        try:
            async with asyncio.TaskGroup() as group:
                namespaced = [group.create_task(cluster.namespaced(*each)) for each in needs.kinds]
                shared = [
                    group.create_task(self._shared(kind, Key(namespace, name)))
                    for kind, name in needs.references
                ]
                token = None
                if needs.token:
                    token = group.create_task(cluster.gives_token(Key(namespace, "default")))
                refused = [
                    group.create_task(cluster.pod_problem(pod, allowed.pod_security))
                    for pod in needs.pods
                ]
                live = [
                    group.create_task(
                        cluster.annotations(
                            hook.api_version, hook.ref.kind, Key(namespace, hook.ref.name)
                        )
                    )
                    for hook in needs.hooks
                ]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return Facts(
            {named: each.result() for named, each in zip(needs.kinds, namespaced, strict=True)},
            {named: each.result() for named, each in zip(needs.references, shared, strict=True)},
            token is not None and token.result(),
            tuple(each.result() for each in refused),
            {hook.ref: each.result() for hook, each in zip(needs.hooks, live, strict=True)},
        )

    async def _shared(self, kind: str, key: Key) -> bool | None:
        return await self._cluster.has_label(kind, key, SHARED_LABEL)


class _Needs(Struct, frozen=True):
    """What has to be asked of the cluster."""

    kinds: tuple[tuple[str, str], ...]
    references: tuple[tuple[str, str], ...]
    token: bool
    pods: tuple[Tree, ...]
    hooks: tuple[Rendered, ...]

    @classmethod
    def of(cls, subject: Subject, allowed: Allowances) -> _Needs:
        """What the rules need to know of a manifest."""
        outside: set[tuple[str, str]] = set()
        if Rule.REFERENCES not in allowed.rules:
            outside = {(found.kind, found.name) for _, found in subject.outside_references()}
        privileged = allowed.pod_security is Level.PRIVILEGED
        return cls(
            tuple(sorted({(each.api_version, each.ref.kind) for each in subject.objects})),
            tuple(sorted(outside)),
            any(
                service_account(pod) == "default" and wants_token(pod, by_default=True)
                for pod in subject.pods
            ),
            () if privileged else tuple(as_pod(pod) for pod in subject.pods),
            ()
            if Rule.HOOKS in allowed.rules
            else tuple(each for each in subject.objects if each.is_hook),
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
