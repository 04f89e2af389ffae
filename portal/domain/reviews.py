"""Kubernetes' answers to what somebody may do: resource attributes, and the rules that allow them.

The names are those of the API group ``authorization.k8s.io``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from msgspec import Struct

from portal.domain.identity import Identity

ANY = "*"
"""Matches everything in a rule."""


class ResourceAttributes(Struct, frozen=True, order=True):
    """A verb on a kind of object; ``resource`` is the plural, with a subresource: ``pods/log``."""

    verb: str
    resource: str
    group: str = ""

    def __str__(self) -> str:
        """Return it as people write it: ``patch deployments.apps``."""
        return f"{self.verb} {self.resource}{'.' if self.group else ''}{self.group}"


class ResourceRule(Struct, frozen=True, rename="camel"):
    """A rule of a SelfSubjectRulesReview; ``resource_names`` limit it to objects of these names."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()

    def allows(self, asked: ResourceAttributes, name: str = "") -> bool:
        """Return True if it allows this, for the object ``name`` or ("") for all."""
        return (
            _matches(self.verbs, asked.verb)
            and _matches(self.api_groups, asked.group)
            and (_matches(self.resources, asked.resource) or self._any_with(asked.resource))
            and (not self.resource_names or name in self.resource_names)
        )

    def _any_with(self, resource: str) -> bool:
        """Return True for a rule on this subresource of all resources, such as ``*/scale``."""
        _, slash, subresource = resource.partition("/")
        return bool(slash) and f"{ANY}/{subresource}" in self.resources


class Rules(Struct, frozen=True):
    """The rules for somebody in a namespace.

    ``incomplete`` is True if an authorizer of the cluster cannot list its rules, such as a webhook:
    then only what the rules allow is certain, and the rest has to be asked one by one.
    """

    rules: tuple[ResourceRule, ...] = ()
    incomplete: bool = False

    def allow(self, asked: ResourceAttributes, name: str = "") -> bool:
        """Return True if a rule allows this, for the object ``name`` or ("") for all."""
        return any(rule.allows(asked, name) for rule in self.rules)

    def allowed(self, asked: Iterable[ResourceAttributes]) -> frozenset[ResourceAttributes]:
        """Return those that are allowed."""
        return frozenset(each for each in asked if self.allow(each))


class Reviews(Protocol):
    """Asks Kubernetes what people may do; all methods raise ``PortalError`` without an answer."""

    async def rules(self, identity: Identity, namespace: str) -> Rules:
        """Return the rules for ``identity`` in a namespace."""
        ...

    async def allowed(
        self, identity: Identity, asked: ResourceAttributes, namespace: str, name: str = ""
    ) -> bool:
        """Return True if this is allowed; in all namespaces if ``namespace`` is empty."""
        ...


class Touched(Struct, frozen=True):
    """An object that is about to be applied, and the verbs that this needs."""

    api_version: str
    kind: str
    name: str
    verbs: frozenset[str]


def listed(attributes: Collection[ResourceAttributes]) -> str:
    """Return attributes in words, those of one resource together.

    >>> listed([ResourceAttributes("get", "secrets"), ResourceAttributes("list", "secrets")])
    'get, list secrets'
    """
    verbs: dict[tuple[str, str], list[str]] = {}
    for each in sorted(attributes, key=lambda one: (one.group, one.resource, one.verb)):
        verbs.setdefault((each.resource, each.group), []).append(each.verb)
    return "; ".join(
        str(ResourceAttributes(", ".join(found), *resource)) for resource, found in verbs.items()
    )


def _matches(listed: Collection[str], wanted: str) -> bool:
    return wanted in listed or ANY in listed
