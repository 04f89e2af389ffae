"""Permissions on a release, and the scope that a page depends on."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Permission(StrEnum):
    """A permission on a release. The values complete "may not …"."""

    SEE = "see"
    READ_VALUES = "read the values of"
    READ_MANIFEST = "read the manifest of"
    READ_HISTORY = "read the history of"
    READ_VERSIONS = "look for other versions of"
    LOGS = "read the logs of"
    PREVIEW = "preview a change of"
    LAUNCH = "launch"
    UPGRADE = "change"
    SCALE = "scale"
    RESTART = "restart"
    RESUME = "resume"
    ROLLBACK = "roll back"
    UNINSTALL = "uninstall"
    UNLOCK = "unlock"
    MAP_APIS = "update the record of"
    CANCEL = "cancel the operation on"
    DISMISS = "dismiss the operation on"
    SHARE = "share"
    LINK = "make read-only links to"
    HAND_OVER = "hand over"
    GRANT = "give roles to others for"
    EXEC = "run commands in the pods of"


ALL = frozenset(Permission)

READING = frozenset(
    {
        Permission.SEE,
        Permission.READ_VALUES,
        Permission.READ_MANIFEST,
        Permission.READ_HISTORY,
        Permission.READ_VERSIONS,
        Permission.LOGS,
    }
)
"""The permissions that only read."""


class Scope(Struct, frozen=True):
    """The properties of a viewer that a page may depend on; equal for viewers who see the same.

    ``permissions`` are those on the page's release, and ``why`` explains those that are missing.
    For lists, ``namespaces`` are the visible ones (None: all) and ``own`` is the user whose apps
    are listed (None: all users'). ``unanswered`` explains why the viewer's rights are not known, in
    which case nothing is shown; "" if they are.
    """

    permissions: frozenset[Permission] = ALL
    why: str = ""
    namespaces: frozenset[str] | None = None
    own: str | None = None
    unanswered: str = ""

    def may(self, permission: Permission) -> bool:
        """Return True if ``permission`` is granted."""
        return permission in self.permissions


UNLIMITED = Scope()
"""The scope of a user with every permission in every namespace."""
