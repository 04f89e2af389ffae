"""What somebody may do to a release, and what of a page depends on that."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Permission(StrEnum):
    """One for each thing that is asked for. The values complete "may not …"."""

    SEE = "see"
    READ_VALUES = "read the values of"
    READ_MANIFEST = "read the manifest of"
    READ_HISTORY = "read the history of"
    READ_VERSIONS = "look for other versions of"
    PREVIEW = "preview a change of"
    LAUNCH = "launch"
    UPGRADE = "change"
    SCALE = "scale"
    RESTART = "restart"
    ROLLBACK = "roll back"
    UNINSTALL = "uninstall"
    UNLOCK = "unlock"
    CANCEL = "cancel the operation on"
    DISMISS = "dismiss the operation on"
    SHARE = "share"


ALL = frozenset(Permission)

READING = frozenset(
    {
        Permission.SEE,
        Permission.READ_VALUES,
        Permission.READ_MANIFEST,
        Permission.READ_HISTORY,
        Permission.READ_VERSIONS,
    }
)
"""Those that change nothing, and lead to no change."""


class Scope(Struct, frozen=True):
    """All that a page may depend on of who looks at it; equal for those who see the same.

    ``permissions`` are those on the page's release, and ``why`` says why they are not all. Of
    lists: ``namespaces`` are those that are seen (None: all), ``own`` is the user whose apps are
    listed (None: everybody's).
    """

    permissions: frozenset[Permission] = ALL
    why: str = ""
    namespaces: frozenset[str] | None = None
    own: str | None = None

    def may(self, permission: Permission) -> bool:
        """Whether it is among the permissions."""
        return permission in self.permissions


UNLIMITED = Scope()
"""Of who may do everything, everywhere."""
