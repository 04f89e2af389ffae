"""Rules of the guardrails, exceptions that an administrator sets, and violations."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct
from pydantic import ConfigDict

from portal.domain.manifests import Ref


class Rule(StrEnum):
    """The rules for manifests. All apply unless an exception allows them."""

    READABLE = "readable"
    POD_SECURITY = "pod-security"
    IMAGES = "images"
    SERVICE_ACCOUNTS = "service-accounts"
    REFERENCES = "references"
    CLUSTER_WIDE = "cluster-wide"
    OTHER_NAMESPACES = "other-namespaces"
    RBAC = "rbac"
    WEBHOOKS = "webhooks"
    CRDS = "crds"
    SPECIAL_SECRETS = "special-secrets"
    OWNERSHIP = "ownership"
    SCHEDULING = "scheduling"
    NAMESPACE_WIDE = "namespace-wide"
    TRAFFIC = "traffic"
    AUTOSCALER_TARGETS = "autoscaler-targets"
    EXTERNAL_IPS = "external-ips"
    INGRESS_SNIPPETS = "ingress-snippets"
    VALUE_TEMPLATES = "value-templates"
    PROJECT = "project"


UNLIFTABLE = frozenset({Rule.READABLE, Rule.POD_SECURITY, Rule.PROJECT})
"""The rules that no exception lifts."""


class Level(StrEnum):
    """A level of the Pod Security Standards."""

    RESTRICTED = "restricted"
    BASELINE = "baseline"
    PRIVILEGED = "privileged"


@dataclass(frozen=True, slots=True)
class GuardrailException:
    """An exception from the guardrails for some namespaces, or for charts of some sources.

    If both are named, it applies to the charts of these sources in these namespaces only.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    namespaces: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    allow: tuple[Rule, ...] = ()
    pod_security: Level = Level.RESTRICTED

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ValueError(f"{self.name or 'an exception'}: {problem}")

    def covers(self, namespace: str, source: str) -> bool:
        """Return True if it applies to a release of a source's chart in a namespace."""
        return (not self.namespaces or namespace in self.namespaces) and (
            not self.sources or source in self.sources
        )


def _problem(exception: GuardrailException) -> str:
    if not exception.name:
        return "give it a name, which says what it is for."
    if not (exception.namespaces or exception.sources):
        return "name the namespaces or the sources that it is for; there is no switch for all."
    if any("*" in each for each in (*exception.namespaces, *exception.sources)):
        return "namespaces and sources are named one by one, without patterns."
    if unliftable := UNLIFTABLE & set(exception.allow):
        which = ", ".join(sorted(unliftable))
        return f"{which} cannot be allowed; pod_security sets another level."
    return ""


class Allowances(Struct, frozen=True):
    """The exceptions for one release: rules that do not apply, and the Pod Security level."""

    rules: frozenset[Rule] = frozenset()
    pod_security: Level = Level.RESTRICTED


def allowances(
    exceptions: Collection[GuardrailException], namespace: str, source: str
) -> Allowances:
    """The combined exceptions for a release of a source's chart ("" if unknown) in a namespace."""
    found = [each for each in exceptions if each.covers(namespace, source)]
    order = list(Level)
    level = max((each.pod_security for each in found), key=order.index, default=Level.RESTRICTED)
    return Allowances(frozenset(rule for each in found for rule in each.allow), level)


class Violation(Struct, frozen=True):
    """A violation of a rule by one object.

    ``field`` is the path in the object, "" for the whole object. ``value`` is the offending text,
    such as an image's name, by which the form's field is found.
    """

    ref: Ref
    rule: Rule
    message: str
    field: str = ""
    value: str = ""

    def __str__(self) -> str:
        where = f"{self.ref}, {self.field}" if self.field else str(self.ref)
        return f"{where}: {self.message} [{self.rule}]"
