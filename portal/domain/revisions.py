"""Changes that nobody has made yet: what they would make of a release, or leave of it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from portal.domain.keys import Key


class Proposal(Struct, frozen=True):
    """A change that nobody has made yet: what there is, and what would be.

    ``since`` is the newest revision, and ``compared`` the one that what would be is compared
    with: an older one if the newest has failed. ``live`` is how many pods each workload has been
    asked for, by its name.
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
    """A PersistentVolumeClaim: ``size``, ``modes`` and ``phase`` as Kubernetes has them, ``owned``
    if it goes with another object, such as a StatefulSet that asks for that."""

    key: Key
    release: str
    size: str = ""
    owned: bool = False
    modes: tuple[str, ...] = ()
    phase: str = ""


class Removal(Struct, frozen=True):
    """What an uninstall is about: the newest manifest, and the namespace's volume claims.

    ``claims`` is None where they may not be listed.
    """

    key: Key
    manifest: str
    claims: tuple[VolumeClaim, ...] | None = None
