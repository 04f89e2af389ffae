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
    crds: tuple[CrdDifference, ...] = ()


class CrdDifference(Struct, frozen=True):
    """A CustomResourceDefinition in ``crds/`` of the new chart that an upgrade does not apply.

    ``missing``: the cluster has no such kind. Else it has another definition of it.
    """

    name: str
    missing: bool = False


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


class NamespaceObject(Struct, frozen=True):
    """An object of a namespace, by its metadata.

    ``owner`` is its controller or another owner, such as "Job web-migrate": it is deleted with
    that. ``release`` is the release that its labels or Helm's annotation name. ``labels`` are the
    values of its labels. ``maker`` says who has made it, "" if its metadata does not.
    """

    kind: str
    name: str
    owner: str = ""
    release: str = ""
    labels: frozenset[str] = frozenset()
    maker: str = ""

    def __str__(self) -> str:
        """Its kind, name and maker."""
        made = f", made by {self.maker}" if self.maker else ""
        return f"{self.kind} {self.name}{made}"


class NamespaceObjects(Struct, frozen=True):
    """The objects of a namespace that may outlive a release.

    ``unlisted`` are the kinds of which not all could be listed.
    """

    found: tuple[NamespaceObject, ...] = ()
    unlisted: tuple[str, ...] = ()


class Removal(Struct, frozen=True):
    """A proposed uninstall: the newest manifest, and what else is in the namespace.

    ``claims`` is None if they may not be listed. ``hooks`` is the manifest of the release's hooks,
    and ``crds`` are the names of the CustomResourceDefinitions that its chart has in ``crds/`` and
    the cluster serves.
    """

    key: Key
    manifest: str
    claims: tuple[VolumeClaim, ...] | None = None
    hooks: str = ""
    crds: tuple[str, ...] = ()
    objects: NamespaceObjects = NamespaceObjects()
