"""Requests for projects: people ask, administrators grant or decline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from portal.database.database import Database
from portal.domain.audit import Event, Outcome, Recorder, recorded
from portal.domain.errors import (
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    InvalidInput,
    NotFound,
    PortalError,
)
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.projects.form import LONGEST_PURPOSE
from portal.projects.model import Member, Project
from portal.projects.names import project_name_problem
from portal.projects.service import Projects

if TYPE_CHECKING:
    from sqlalchemy import Connection

ASK, GRANT = "project-request", "project-grant"
DECLINE, WITHDRAW = "project-decline", "project-withdraw"

A_DAY = 86_400
MOST_A_DAY = 5
"""Requests of one person in a day."""
MOST_OPEN = 200
"""Open requests of everybody."""
SHOWN = 5
"""A person's own requests that are shown."""
LONGEST_REASON = 500

ONE_OPEN = "You have asked for a project already: wait for the answer, or withdraw the request."
TOO_OFTEN = f"You have asked {MOST_A_DAY} times in 24 hours. Ask again tomorrow."
TOO_MANY = "Too many requests wait for an administrator. Ask again later."
NO_DATABASE = "Projects cannot be asked for: this portal has no database to keep requests in."
ASK_DIRECTLY = "Ask an administrator directly."
GONE = "There is no open request of that number: it was answered, or withdrawn."


class Answer(StrEnum):
    """The state of a request."""

    OPEN = "open"
    GRANTED = "granted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class ProjectRequest(Struct, frozen=True):
    """A request: ``asker`` wants a project ``name``. ``reason`` is that of the answer."""

    id: int
    asker: str
    name: str
    purpose: str
    asked: datetime
    state: Answer = Answer.OPEN
    reason: str = ""
    answerer: str = ""


class ProjectRequests:
    """Requests for projects, in the database; without one nobody can ask.

    ``role`` is what a person gets in the project that they have asked for.
    """

    def __init__(
        self,
        database: Database | None,
        projects: Projects,
        rules: NamespaceRules,
        recorder: Recorder,
        *,
        role: str = "administrator",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._projects = projects
        self._rules = rules
        self._recorder = recorder
        self._role = role
        self._clock = clock

    @property
    def possible(self) -> bool:
        """True if there is a database to keep requests in."""
        return self._database is not None

    async def ask(self, identity: Identity, name: str, purpose: str) -> None:
        """Ask for a project.

        Raises:
            InvalidInput: a field is wrong.
            Conflict: there is an open request, or there were too many.
            DatabaseUnavailable: it cannot be kept.
        """
        if identity.anonymous:
            raise Forbidden("Nobody has signed in.")
        name, purpose = name.strip(), " ".join(purpose.split())
        errors: dict[str, str] = {}
        if problem := project_name_problem(name, self._rules):
            errors["ask_name"] = problem
        if not purpose:
            errors["ask_purpose"] = "Say in a sentence what the project is for."
        elif len(purpose) > LONGEST_PURPOSE:
            errors["ask_purpose"] = f"At most {LONGEST_PURPOSE} characters."
        if errors:
            raise InvalidInput(errors)
        database, now = self._kept(), self._clock()
        async with recorded(self._recorder, _event(ASK, identity, name, purpose=purpose)):
            await database.write(lambda connection: _add(connection, identity, name, purpose, now))

    async def own(self, identity: Identity) -> tuple[ProjectRequest, ...]:
        """Return the newest requests of ``identity``; none without a database."""
        if self._database is None or identity.anonymous:
            return ()
        return await self._database.read(lambda connection: _own(connection, identity))

    async def open_ones(self, identity: Identity) -> tuple[ProjectRequest, ...]:
        """Return all open requests, the oldest first; none without a database.

        Raises:
            Forbidden: ``identity`` is no administrator of projects.
        """
        await self._require(identity)
        if self._database is None:
            return ()
        return await self._database.read(_open_ones)

    async def get(self, identity: Identity, id: int) -> ProjectRequest:
        """Return an open request.

        Raises:
            NotFound: there is none, or ``identity`` is no administrator of projects.
        """
        found = None
        if await self._projects.administers(identity):
            found = await self._kept().read(lambda connection: _one(connection, id))
        if found is None or found.state is not Answer.OPEN:
            raise NotFound(GONE)
        return found

    def form(self, asked: ProjectRequest) -> dict[str, str]:
        """Return the form of the project that is asked for, with the administrators' defaults."""
        member = str(Member("user", asked.asker)) if self._projects.site.by_role else ""
        return {
            **self._projects.defaults,
            "name": asked.name,
            "purpose": asked.purpose,
            f"{self._role}s": member,
        }

    async def grant(self, identity: Identity, id: int, raw: Mapping[str, object]) -> Project:
        """Make the project that is asked for, as the form says; raises as ``Projects.create``."""
        asked = await self.get(identity, id)
        project = await self._projects.create(identity, raw)
        named = "" if project.name == asked.name else f"Its name is {project.name}."
        try:
            await self._answer(identity, asked, Answer.GRANTED, GRANT, named)
        except PortalError as error:
            raise Conflict(
                f"The project {project.name} was made, but the request could not be marked as "
                f"granted: {error.message}",
                error.advice,
            ) from error
        return project

    async def decline(self, identity: Identity, id: int, reason: str) -> None:
        """Decline a request.

        Raises:
            InvalidInput: there is no reason.
            NotFound: there is no such request.
        """
        asked = await self.get(identity, id)
        reason = " ".join(reason.split())
        if not reason:
            raise InvalidInput({"decline_reason": "Say why: whoever has asked will read it."})
        if len(reason) > LONGEST_REASON:
            raise InvalidInput({"decline_reason": f"At most {LONGEST_REASON} characters."})
        await self._answer(identity, asked, Answer.DECLINED, DECLINE, reason)

    async def withdraw(self, identity: Identity) -> None:
        """Withdraw the open request of ``identity``.

        Raises:
            Conflict: there is none.
        """
        mine = next((each for each in await self.own(identity) if each.state is Answer.OPEN), None)
        if mine is None:
            raise Conflict(GONE)
        await self._answer(identity, mine, Answer.WITHDRAWN, WITHDRAW, "")

    async def _answer(
        self, identity: Identity, asked: ProjectRequest, given: Answer, action: str, reason: str
    ) -> None:
        database, now = self._kept(), self._clock()
        event = _event(action, identity, asked.name, asker=asked.asker, reason=reason)
        async with recorded(self._recorder, event):
            changed = await database.write(
                lambda connection: _give(connection, asked.id, given, identity, reason, now)
            )
            if not changed:
                raise Conflict(GONE)

    def _kept(self) -> Database:
        if self._database is None:
            raise DatabaseUnavailable(NO_DATABASE, ASK_DIRECTLY)
        return self._database

    async def _require(self, identity: Identity) -> None:
        if not await self._projects.administers(identity):
            raise Forbidden("Only administrators of projects see requests.")


def _event(action: str, identity: Identity, name: str, **detail: object) -> Event:
    return Event(action, Outcome.BEGUN, identity, Key(name, ""), detail={"project": name, **detail})


# SQLAlchemy is imported with the first connection, in the database's own thread.


def _add(
    connection: Connection, identity: Identity, name: str, purpose: str, now: datetime
) -> None:
    from portal.projects import store

    store.add(connection, identity.user, name, purpose, now)


def _own(connection: Connection, identity: Identity) -> tuple[ProjectRequest, ...]:
    from portal.projects import store

    return store.of_asker(connection, identity.user, SHOWN)


def _open_ones(connection: Connection) -> tuple[ProjectRequest, ...]:
    from portal.projects import store

    return store.open_ones(connection)


def _one(connection: Connection, id: int) -> ProjectRequest | None:
    from portal.projects import store

    return store.one(connection, id)


def _give(
    connection: Connection,
    id: int,
    given: Answer,
    identity: Identity,
    reason: str,
    now: datetime,
) -> bool:
    from portal.projects import store

    return store.answer(connection, id, given, identity.user, reason, now)
