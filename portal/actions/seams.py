"""What actions need of rooms that they do not import; tests put fakes here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from portal.domain.keys import Key
from portal.domain.objects import Recorded
from portal.domain.operations import Claim


class ReplicaOwnership(Protocol):
    """Who owns ``spec.replicas`` of a Deployment."""

    async def hand_over(self, key: Key) -> int | None:
        """Hold the live number, so that Helm can let go of it; None without a Deployment."""
        ...

    async def release(self, key: Key) -> tuple[str, ...]:
        """Drop the owners that hold nothing else, so that Helm can take it; who they were."""
        ...


class NamespaceLookup(Protocol):
    """Which namespaces there are."""

    async def missing(self, name: str) -> bool:
        """Whether there surely is no such namespace; False where that cannot be told."""
        ...


class Claims(Protocol):
    """Each release's operation and who holds the release for it, as all portals see it."""

    async def read(self, key: Key) -> Claim | None:
        """The claim as it is now; None if there is none."""
        ...

    async def put(self, new: Claim) -> Claim:
        """Write over the version that ``new`` was made from; ``Conflict`` if it has changed."""
        ...

    async def drop(self, old: Claim) -> None:
        """Forget a claim; ``Conflict`` if it has changed."""
        ...


class Records(Protocol):
    """What Helm has recorded of a release."""

    async def newest(self, key: Key) -> Recorded | None:
        """The newest revision; None if there is none."""
        ...

    async def chart(self, key: Key) -> Mapping[str, bytes]:
        """The files of the newest revision's chart, by path; ``ChartError`` if some are lost."""
        ...

    async def mark_failed(self, key: Key, recorded: Recorded, why: str) -> None:
        """Mark a pending revision as failed; ``Conflict`` if it has changed since."""
        ...
