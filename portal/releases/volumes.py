"""The volume claims that an app can mount, and what they mean for its pods."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from portal.domain.identity import Identity
from portal.domain.launch import LaunchSpec
from portal.domain.proposals import VolumeClaim


class Lookup(Protocol):
    """Lists volume claims."""

    async def __call__(
        self, namespace: str, *, identity: Identity | None
    ) -> tuple[VolumeClaim, ...] | None:
        """Return the claims of a namespace; None if they may not be listed."""
        ...


_ONE_POD, _ONE_NODE, _ONLY_READ = "ReadWriteOncePod", "ReadWriteOnce", "ReadOnlyMany"
_MANY = "ReadWriteMany"
_NAMED = 8
"""Maximum number of claims that a message lists."""


class VolumeNotes(Struct, frozen=True):
    """Errors and warnings about the volume of an app, by field."""

    errors: dict[str, str]
    warnings: dict[str, str]


class Volumes:
    """The volume claims of namespaces, cached for ``memory`` seconds for each identity.

    Forms ask while a user types, and the portal does not watch claims.
    """

    def __init__(
        self, lookup: Lookup, *, memory: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lookup = lookup
        self._memory = memory
        self._clock = clock
        self._known: dict[tuple[Identity, str], tuple[float, tuple[VolumeClaim, ...] | None]] = {}

    async def claims(self, identity: Identity, namespace: str) -> tuple[VolumeClaim, ...] | None:
        """Return the claims of a namespace; None if ``identity`` may not list them."""
        now, asked = self._clock(), (identity, namespace)
        self._known = {each: known for each, known in self._known.items() if known[0] > now}
        if asked not in self._known:
            found = await self._lookup(namespace, identity=identity)
            self._known[asked] = (now + self._memory, found)
        return self._known[asked][1]

    async def notes(self, identity: Identity, spec: LaunchSpec) -> VolumeNotes:
        """Return errors and warnings about the volume of ``spec``."""
        if spec.volume is None:
            return VolumeNotes({}, {})
        return notes(spec, await self.claims(identity, spec.key.namespace))


def notes(spec: LaunchSpec, claims: tuple[VolumeClaim, ...] | None) -> VolumeNotes:
    """Return errors and warnings about the volume of ``spec``; ``claims`` None means unknown."""
    volume = spec.volume
    if volume is None or claims is None:
        return VolumeNotes({}, {})
    found = next((each for each in claims if each.key.name == volume.claim), None)
    if found is None:
        return VolumeNotes({"claim": _missing(volume.claim, spec.key.namespace, claims)}, {})
    if found.phase == "Lost":
        problem = "Its volume is lost: ask an administrator, or choose another claim."
        return VolumeNotes({"claim": problem}, {})
    if set(found.modes) == {_ONLY_READ} and not volume.read_only:
        problem = f"{volume.claim} can only be read: switch this on."
        return VolumeNotes({"read_only": problem}, {})
    pods = spec.autoscaling.max_replicas if spec.autoscaling else spec.replicas
    warning = ""
    if found.modes and set(found.modes) == {_ONE_POD}:
        warning = "Only one pod at a time can mount it: with more, and in updates, pods wait."
    elif found.modes and pods > 1 and not {_MANY, _ONLY_READ} & set(found.modes):
        warning = (
            f"It can be mounted on one node only ({_ONE_NODE}): all {pods} pods have to fit there."
        )
    elif found.phase == "Pending":
        warning = "It has no volume yet. Most get one when a pod asks for it; until then pods wait."
    return VolumeNotes({}, {"claim": warning} if warning else {})


def _missing(claim: str, namespace: str, claims: tuple[VolumeClaim, ...]) -> str:
    said = f"There is no volume claim {claim} in {namespace}."
    if not claims:
        return f"{said} There are none at all: an administrator can make one."
    names = sorted(each.key.name for each in claims)
    more = " and others" if len(names) > _NAMED else ""
    return f"{said} Choose one of: {', '.join(names[:_NAMED])}{more}."
