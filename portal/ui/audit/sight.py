"""The part of the audit trail that somebody may see, of what is asked for."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from portal.audit.query import AuditQuery
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.live.topics import ADMIN, app_topic
from portal.ui.context import UiContext


class Sight(Struct, frozen=True):
    """A limited query; ``why`` explains what it leaves out, "" if nothing."""

    query: AuditQuery
    why: str = ""


ONLY_OWN = "Only administrators see the trail of everybody: these are your own entries."
ONLY_OWN_BY_ROLES = (
    "Only those who may read the values of apps in every namespace that they see have the trail of "
    "everybody there: these are your own entries."
)
ONLY_OWN_OF_APP = (
    "Only those who may read the values of this app see all of its trail: these are your own "
    "entries."
)


def sight(
    context: UiContext, identity: Identity, query: AuditQuery, *, everyone: bool, key: Key | None
) -> Sight:
    """Return what ``identity`` sees of everybody's trail, of its own, or of an app's (``key``)."""
    own = replace(query, own=identity.user)
    if key is not None:
        of_app = replace(query, namespace=key.namespace, release=key.name)
        if context.scope(app_topic(key), identity).may(Permission.READ_VALUES):
            return Sight(of_app)
        return Sight(replace(of_app, own=identity.user), ONLY_OWN_OF_APP)
    if not everyone:
        return Sight(own)
    scope = context.scope(ADMIN, identity)
    if not scope.may(Permission.READ_VALUES):
        return Sight(own, ONLY_OWN if context.by_owner else ONLY_OWN_BY_ROLES)
    seen = scope.namespaces
    if seen is not None and context.by_owner:
        seen |= {""}  # administrators of a few namespaces: sign-ins are in none
    return Sight(replace(query, namespaces=seen))
