"""What actions need of rooms that they do not import; tests put fakes here."""

from __future__ import annotations

from typing import Protocol

from portal.domain.keys import Key


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
