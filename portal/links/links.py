"""Makes, lists, revokes and opens read-only links.

A link is a row of the database and a token that names it. Opening one asks both, and the authorizer
whether its issuer may still make links to the app: what the issuer loses, the link loses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING

from portal.database.database import Database
from portal.domain.audit import LINK, LINK_OPENED, LINK_REVOKED, Event, Outcome, Recorder, recorded
from portal.domain.errors import Conflict, InvalidInput, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.links.token import Link, link_in, new_id, seal_of, short, token_of
from portal.releases.access import Access
from portal.state.store import Store

if TYPE_CHECKING:
    from portal.auth.oidc.sessions import Seal

HOUR = 3600
LASTS: Mapping[str, int] = {
    "1 hour": HOUR,
    "1 day": 24 * HOUR,
    "7 days": 7 * 24 * HOUR,
    "30 days": 30 * 24 * HOUR,
}
"""The offered durations of links, in seconds."""
MOST = 20
"""The most links of one app that are valid at the same time."""
FRESH = 5.0
"""Seconds for which it is not looked up again whether a link is revoked."""
NOTED_EVERY = 3600.0
"""Seconds in which the audit trail has one entry for the opening of the same link."""
MOST_KNOWN = 1_000

ENDED = NotFound(
    "This link shows nothing.",
    "It has expired, was revoked, or is not complete. Ask whoever sent it for another one.",
)
"""The answer to every token that opens nothing: it does not tell why."""


class Links:
    """The links to all apps. ``access`` says who may make them."""

    def __init__(
        self,
        database: Database,
        store: Store,
        access: Access,
        recorder: Recorder,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._store = store
        self._access = access
        self._recorder = recorder
        self._clock = clock
        self._seal: Seal | None = None
        self._known: dict[str, tuple[float, Link]] = {}
        """The links that the database had, with the time at which it was asked."""
        self._noted: dict[str, float] = {}

    async def make(self, identity: Identity, key: Key, lasts: str) -> str:
        """Return the token of a new link to a release.

        Raises:
            Forbidden: ``identity`` may not make one.
            InvalidInput: the duration is none of those offered.
            Conflict: there are too many.
            DatabaseUnavailable: it cannot be kept.
        """
        await self._access.check(identity, Permission.LINK, key)
        if lasts not in LASTS:
            raise InvalidInput({"lasts": "Choose one of the durations."})
        if self._store.snapshot.app(key).release is None:
            raise NotFound(f"There is no release {key.name} in {key.namespace}.")
        if len(await self._of_app(key)) >= MOST:
            raise Conflict(f"{key.name} has {MOST} links.", "Revoke one that is not needed.")
        seal, now = await self._sealed(), int(self._clock())
        link = Link(new_id(), key, identity, now, now + LASTS[lasts])
        detail: dict[str, object] = {"link": link.id, "expires": link.expires}
        event = Event(LINK, Outcome.BEGUN, identity, key, detail=detail)
        async with recorded(self._recorder, event):
            await self._database.write(lambda connection: _store().add(connection, link, now))
        return token_of(seal, link)

    async def listed(self, identity: Identity, key: Key) -> list[Link]:
        """Return the links of a release that have not expired, the newest first.

        Raises:
            Forbidden: ``identity`` may not make links to it.
            DatabaseUnavailable: they cannot be read.
        """
        await self._access.check(identity, Permission.LINK, key)
        return await self._of_app(key)

    async def revoke(self, identity: Identity, key: Key, id: str) -> None:
        """End a link of a release; other portal pods show nothing after ``FRESH`` seconds.

        Raises:
            Forbidden: ``identity`` may not make links to it.
            DatabaseUnavailable: it cannot be written.
        """
        await self._access.check(identity, Permission.LINK, key)
        event = Event(LINK_REVOKED, Outcome.BEGUN, identity, key, detail={"link": id[:40]})
        async with recorded(self._recorder, event):
            await self._database.write(lambda connection: _store().remove(connection, key, id))
        self._known.pop(id, None)

    async def opened(self, token: str) -> Link:
        """Return the link of a token, if it still shows its app.

        Raises:
            NotFound: it does not (``ENDED``).
            DatabaseUnavailable: that cannot be looked up.
        """
        named = link_in(await self._sealed(), token)
        if named is None or named.expires <= self._clock():
            raise ENDED
        link = await self._kept(named)
        if link is None:
            raise ENDED
        if self._store.snapshot.app(link.key).release is None:
            raise ENDED
        if not await self._access.still_may(link.issuer, Permission.LINK, link.key):
            raise ENDED
        self._note(link)
        return link

    async def _kept(self, named: Link) -> Link | None:
        """Return the link in the database that is the one that a token names, None if none is."""
        now = self._clock()
        known = self._known.get(named.id)
        if known is None or now - known[0] >= FRESH:
            found = await self._database.read(
                lambda connection: _store().find(connection, named.id)
            )
            if found is None:
                return None
            known = (now, found)
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[named.id] = known
        return known[1] if short(known[1]) == short(named) else None

    async def _of_app(self, key: Key) -> list[Link]:
        now = int(self._clock())
        return await self._database.read(lambda connection: _store().of_app(connection, key, now))

    async def _sealed(self) -> Seal:
        if self._seal is None:
            self._seal = seal_of(
                await self._database.write(lambda connection: _store().secret(connection))
            )
        return self._seal

    def _note(self, link: Link) -> None:
        """Record that a link was opened; the audit trail says from which address."""
        now = self._clock()
        if now - self._noted.get(link.id, 0) < NOTED_EVERY:
            return
        if len(self._noted) >= MOST_KNOWN:
            self._noted.clear()
        self._noted[link.id] = now
        detail: dict[str, object] = {"link": link.id, "issuer": link.issuer.user}
        event = Event(LINK_OPENED, Outcome.SUCCEEDED, None, link.key, detail=detail)
        self._recorder.note(event)


def _store() -> ModuleType:
    """Import what speaks SQL in the thread that needs it: a start does not wait for it."""
    from portal.links import store

    return store
