"""The interfaces through which projects reach the cluster and what the portal knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from portal.domain.identity import Identity
from portal.projects.manifests import Tree


class ProjectCluster(Protocol):
    """Reads and writes the objects of projects.

    Everything is done as ``identity``; None is the portal's own account. All methods raise a
    ``PortalError`` if they fail.
    """

    async def administers(self, identity: Identity) -> bool:
        """Return True if Kubernetes lets ``identity`` create namespaces."""
        ...

    async def namespaces(self, selector: str, *, identity: Identity | None) -> Sequence[Tree]:
        """Return the metadata of the namespaces with a label."""
        ...

    async def read(self, path: str, *, identity: Identity | None) -> Tree | None:
        """Return an object; None if it does not exist."""
        ...

    async def apply(
        self, path: str, tree: Tree, *, identity: Identity | None, dry_run: bool = False
    ) -> None:
        """Apply an object, without taking over what another field manager owns.

        Raises:
            Conflict: another field manager owns one of the fields.
        """
        ...

    async def delete(self, path: str, uid: str, *, identity: Identity | None) -> None:
        """Delete an object with this uid."""
        ...

    async def unlabel(self, path: str, label: str, *, identity: Identity | None) -> None:
        """Remove a label from an object."""
        ...
