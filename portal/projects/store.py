"""The requests for projects in the database. Everything here blocks."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from portal.domain.errors import Conflict
from portal.projects.requests import (
    A_DAY,
    MOST_A_DAY,
    MOST_OPEN,
    ONE_OPEN,
    TOO_MANY,
    TOO_OFTEN,
    Answer,
    ProjectRequest,
)

REQUESTS = Table(
    "project_requests",
    MetaData(),
    Column("id", Integer, primary_key=True),
    *(Column(name, Text) for name in ("asker", "name", "purpose", "state", "reason", "answerer")),
    *(Column(name, BigInteger) for name in ("asked", "answered")),
)
_OPEN = REQUESTS.c.state == Answer.OPEN.value


def add(connection: Connection, asker: str, name: str, purpose: str, now: datetime) -> None:
    """Add a request.

    Raises:
        Conflict: the person has an open one, or asks too often; or too many wait.
    """
    mine = REQUESTS.c.asker == asker
    since = int(now.timestamp()) - A_DAY
    recent = select(func.count()).where(mine, REQUESTS.c.asked > since)
    if connection.execute(select(func.count()).where(mine, _OPEN)).scalar_one():
        raise Conflict(ONE_OPEN)
    if connection.execute(recent).scalar_one() >= MOST_A_DAY:
        raise Conflict(TOO_OFTEN)
    if connection.execute(select(func.count()).where(_OPEN)).scalar_one() >= MOST_OPEN:
        raise Conflict(TOO_MANY)
    row = {
        "asker": asker,
        "name": name,
        "purpose": purpose,
        "asked": int(now.timestamp()),
        "state": Answer.OPEN.value,
        "reason": "",
        "answerer": "",
        "answered": 0,
    }
    try:
        connection.execute(insert(REQUESTS).values(row))
    except IntegrityError as error:  # two tabs at the same time
        raise Conflict(ONE_OPEN) from error


def of_asker(connection: Connection, asker: str, most: int) -> tuple[ProjectRequest, ...]:
    """Return a person's requests, the newest first."""
    query = select(REQUESTS).where(REQUESTS.c.asker == asker)
    rows = connection.execute(query.order_by(REQUESTS.c.id.desc()).limit(most))
    return tuple(map(_request, rows))


def open_ones(connection: Connection) -> tuple[ProjectRequest, ...]:
    """Return the open requests, the oldest first."""
    query = select(REQUESTS).where(_OPEN).order_by(REQUESTS.c.id).limit(MOST_OPEN)
    return tuple(map(_request, connection.execute(query)))


def one(connection: Connection, id: int) -> ProjectRequest | None:
    """Return a request; None if there is none."""
    row = connection.execute(select(REQUESTS).where(REQUESTS.c.id == id)).one_or_none()
    return None if row is None else _request(row)


def answer(
    connection: Connection, id: int, given: Answer, by: str, reason: str, now: datetime
) -> bool:
    """Answer a request; return False if it is not open any more."""
    changed = connection.execute(
        update(REQUESTS)
        .where(REQUESTS.c.id == id, _OPEN)
        .values(state=given.value, answerer=by, reason=reason, answered=int(now.timestamp()))
    )
    return changed.rowcount == 1


def _request(row: Row[tuple[object, ...]]) -> ProjectRequest:
    found = row._mapping  # pyright: ignore[reportPrivateUsage]
    return ProjectRequest(
        id=int(found["id"]),
        asker=str(found["asker"]),
        name=str(found["name"]),
        purpose=str(found["purpose"]),
        asked=datetime.fromtimestamp(int(found["asked"]), UTC),
        state=Answer(str(found["state"])),
        reason=str(found["reason"]),
        answerer=str(found["answerer"]),
    )
