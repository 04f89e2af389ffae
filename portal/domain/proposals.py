"""Proposed changes of a release, before they are made. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from portal.domain.keys import Key


class Proposal(Struct, frozen=True):
    """A proposed change: manifest and values as they are, and as they would be.

    ``since`` is the newest revision. ``compared`` is the one that the change is compared with, an
    older one if the newest has failed. ``live`` maps workload names to their current replicas.
    """

    key: Key
    since: int
    compared: int
    manifest: str
    new_manifest: str
    values: Mapping[str, object]
    new_values: Mapping[str, object]
    live: Mapping[str, int] = field(default_factory=dict[str, int])


class VolumeClaim(Struct, frozen=True):
    """A PersistentVolumeClaim: ``size``, ``modes`` and ``phase`` are Kubernetes' own.

    ``owned`` is True if it is deleted with another object, such as a StatefulSet whose retention
    policy says so.
    """

    key: Key
    release: str
    size: str = ""
    owned: bool = False
    modes: tuple[str, ...] = ()
    phase: str = ""


class Removal(Struct, frozen=True):
    """A proposed uninstall: the newest manifest, and the volume claims of the namespace.

    ``claims`` is None if they may not be listed.
    """

    key: Key
    manifest: str
    claims: tuple[VolumeClaim, ...] | None = None
