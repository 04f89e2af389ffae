"""The sessions of everybody, for administrators: which there are, and ending them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from portal.domain.audit import SESSION_END, Event, Outcome, Recorder, recorded
from portal.domain.errors import Forbidden, NotFound
from portal.domain.identity import Identity

if TYPE_CHECKING:
    # Loaded in the mode oidc alone: encryption takes long to import.
    from portal.auth.oidc.sessions import Session, Sessions

ONLY_ADMINISTRATORS = "Only administrators see and end the sessions of others."


class PresentSession(Struct, frozen=True):
    """A session that goes on; ``id`` gives no access."""

    id: str
    user: str
    groups: tuple[str, ...]
    began: datetime
    checked: datetime


class SessionAdministration:
    """Lists and ends the sessions that this portal process has seen."""

    def __init__(
        self, sessions: Sessions, recorder: Recorder, admin_groups: Collection[str]
    ) -> None:
        self._sessions = sessions
        self._recorder = recorder
        self._admins = frozenset(admin_groups)

    def listed(self, identity: Identity) -> list[PresentSession]:
        """Return the present sessions, the newest first.

        Raises:
            Forbidden: ``identity`` is no administrator.
        """
        self._check(identity)
        return [
            PresentSession(
                _id(each),
                each.user,
                each.groups,
                datetime.fromtimestamp(each.began, UTC),
                datetime.fromtimestamp(each.checked, UTC),
            )
            for each in self._sessions.present()
        ]

    async def end(self, identity: Identity, id: str) -> None:
        """End one session.

        Raises:
            Forbidden: ``identity`` is no administrator.
            NotFound: there is no such session any more.
            DatabaseUnavailable: nothing has ended, or the message says that other pods go on.
        """
        self._check(identity)
        found = next((each for each in self._sessions.present() if _id(each) == id), None)
        if found is None:
            raise NotFound("That session has ended already.")
        async with recorded(self._recorder, _ends(identity, found.user, session=id)):
            await self._sessions.end(found)

    async def end_of_user(self, identity: Identity, user: str) -> int:
        """End all present sessions of a user; return how many this portal had seen.

        Raises:
            Forbidden: ``identity`` is no administrator.
            DatabaseUnavailable: as in ``end``.
        """
        self._check(identity)
        async with recorded(self._recorder, _ends(identity, user)):
            return await self._sessions.end_of_user(user)

    def _check(self, identity: Identity) -> None:
        if self._admins.isdisjoint(identity.groups):
            raise Forbidden(ONLY_ADMINISTRATORS)


def _id(session: Session) -> str:
    from portal.auth.oidc.sessions import fingerprint

    return fingerprint(session)


def _ends(identity: Identity, user: str, **more: object) -> Event:
    detail = {"user": user[:200], **more}
    return Event(SESSION_END, Outcome.BEGUN, identity, detail=detail)
