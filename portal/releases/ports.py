"""Interfaces of what actions need from packages that they do not import.

``identity`` is the user for whom something is read or done; None if the portal itself finishes what
another portal has left. A method without this parameter uses the portal's own account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from portal.domain.api_mapping import Successors
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.domain.owners import Owners
from portal.domain.proposals import NamespaceObjects, VolumeClaim
from portal.domain.release import ReleaseRevision
from portal.guardrails.review import Guardrails
from portal.helm_service.helm import HelmClient
from portal.operations.ports import RevisionRecords


class ReplicaOwners(Protocol):
    """The field managers of ``spec.replicas`` of a Deployment or StatefulSet."""

    async def hand_over(
        self, key: Key, *, identity: Identity | None, kind: Kind = ...
    ) -> int | None:
        """Own the live number, so that Helm can give it up; None without such a workload."""
        ...

    async def release(
        self, key: Key, *, identity: Identity | None, kind: Kind = ...
    ) -> tuple[str, ...]:
        """Remove managers that own no other field, so that Helm can own it; return their names."""
        ...


class NamespaceLookup(Protocol):
    """Facts about the cluster that anybody may know: its namespaces and its version."""

    async def kubernetes(self) -> str:
        """Return the version of Kubernetes, such as v1.37.2; "" if unknown."""
        ...

    async def missing(self, name: str) -> bool:
        """Return True if there certainly is no such namespace; False if that is unknown."""
        ...

    async def enforced_level(self, name: str) -> str:
        """Return the Pod Security level that a namespace enforces; "" if none, or if unknown."""
        ...


class ReleaseHistory(Protocol):
    """Helm's history of a release, read without a cache."""

    async def revisions(
        self, key: Key, *, identity: Identity | None
    ) -> tuple[ReleaseRevision, ...]:
        """Return the newest revisions, newest first."""
        ...

    async def newest_and_deployed(
        self, key: Key, *, identity: Identity | None
    ) -> tuple[ReleaseRevision, ReleaseRevision] | None:
        """Return the newest revision and the deployed one; None without a release."""
        ...

    async def revision(
        self, key: Key, revision: int, *, identity: Identity | None
    ) -> ReleaseRevision:
        """Return one revision; raises ``NotFound``."""
        ...

    async def claims(
        self, namespace: str, *, identity: Identity | None
    ) -> tuple[VolumeClaim, ...] | None:
        """Return the volume claims of a namespace; None if they may not be listed."""
        ...

    async def objects(self, namespace: str, *, identity: Identity | None) -> NamespaceObjects:
        """Return the objects of a namespace that may outlive a release."""
        ...


class Records(RevisionRecords, Protocol):
    """Helm's records of a release."""

    async def chart(
        self, key: Key, revision: int | None = None, *, identity: Identity | None
    ) -> Mapping[str, bytes]:
        """Return the files of a revision's chart by path; raises ``ChartError`` if any is lost.

        None means the newest revision.
        """
        ...

    async def other_record(self, key: Key) -> str:
        """Return Helm's record of a release outside Secrets, such as "ConfigMap x"; "" if none."""
        ...

    async def add_mapped(
        self,
        key: Key,
        base: ReleaseRevision,
        revision: int,
        successors: Successors,
        why: str,
        labels: Mapping[str, str],
        *,
        identity: Identity | None,
    ) -> None:
        """Add a revision that is ``base`` with mapped APIs; raises ``Conflict`` if it changed."""
        ...

    async def set_owners(self, key: Key, owners: Owners, *, identity: Identity | None) -> None:
        """Write the owners of a release into every revision that Helm keeps."""
        ...


class ServedApis(Protocol):
    """The APIs that the cluster serves."""

    async def versions(self, group: str, kind: str) -> tuple[str, ...]:
        """Return the ``apiVersion`` s in which a kind is served, the preferred one first."""
        ...


class EnvSecretStore(Protocol):
    """The Secrets with variables of apps."""

    async def create(
        self, key: Key, name: str, content: Mapping[str, str], *, identity: Identity | None
    ) -> None:
        """Create an immutable Secret for the release ``key``."""
        ...

    async def settle(self, key: Key, name: str, *, identity: Identity | None) -> None:
        """Hand a Secret over to the Deployment that uses it; delete it if none does."""
        ...


class ReleasePorts(Struct, frozen=True):
    """The interfaces that actions use: Helm, its records, and the cluster.

    Without ``namespaces`` every namespace is assumed to exist, and without ``env_secrets`` new
    secret values are refused.
    """

    helm: HelmClient
    records: Records
    history: ReleaseHistory
    replicas: ReplicaOwners
    guardrails: Guardrails
    apis: ServedApis
    namespaces: NamespaceLookup | None = None
    env_secrets: EnvSecretStore | None = None
