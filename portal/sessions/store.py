"""The ends and renewals of sessions in the database. Everything here blocks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from portal.domain.sessions import SessionEnd, TokenLease

_METADATA = MetaData()
ENDS = Table(
    "session_ends",
    _METADATA,
    Column("position", Integer, primary_key=True),
    Column("hash", Text),
    *(Column(name, BigInteger) for name in ("began_before", "forget")),
)
RENEWALS = Table(
    "session_renewals",
    _METADATA,
    Column("token", Text, primary_key=True),
    Column("used", Boolean),
    *(Column(name, BigInteger) for name in ("at", "forget")),
)


def add(connection: Connection, ends: Sequence[SessionEnd]) -> None:
    """Add ends, at positions after all that others can see."""
    _lock(connection)
    connection.execute(
        insert(ENDS),
        [
            {"hash": each.hash, "began_before": each.began_before, "forget": each.forget}
            for each in ends
        ],
    )


def after(
    connection: Connection, position: int, now: int, most: int
) -> list[tuple[int, SessionEnd]]:
    """Return the next ends after a position, with theirs, ``most`` of them."""
    chosen = (
        select(ENDS)
        .where(ENDS.c.position > position, ENDS.c.forget > now)
        .order_by(ENDS.c.position)
        .limit(most)
    )
    return [
        (row.position, SessionEnd(row.hash, row.began_before, row.forget))
        for row in connection.execute(chosen)
    ]


def take_lease(connection: Connection, token: str, now: int, until: int) -> TokenLease | int:
    """Take the lease of a refresh token; a number is the time at which the token was used up."""
    row = RENEWALS.c.token == token
    again = (
        update(RENEWALS)
        .where(row, RENEWALS.c.forget <= now)
        .values(used=False, at=now, forget=until)
    )
    if connection.execute(again).rowcount:
        return TokenLease.OURS
    try:
        with connection.begin_nested():
            values = {"token": token, "used": False, "at": now, "forget": until}
            connection.execute(insert(RENEWALS).values(values))
    except IntegrityError:
        found = connection.execute(select(RENEWALS).where(row)).one_or_none()
        # A row that has just gone is leased with the next attempt.
        return int(found.at) if found is not None and found.used else TokenLease.TAKEN
    return TokenLease.OURS


def release_lease(connection: Connection, token: str, used: int | None, forget: int) -> None:
    """Give up a lease, noting when the token was used up if it was."""
    connection.execute(delete(RENEWALS).where(RENEWALS.c.token == token))
    if used is not None:
        values = {"token": token, "used": True, "at": used, "forget": forget}
        # Another portal may have used it, too, without a lease.
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(insert(RENEWALS).values(values))


def forget(connection: Connection, now: int) -> None:
    """Delete what no portal needs any more."""
    _lock(connection)
    for table in (ENDS, RENEWALS):
        connection.execute(delete(table).where(table.c.forget <= now))


def _lock(connection: Connection) -> None:
    """Let one portal at a time write ends, so that positions become visible in their order.

    In SQLite the transaction itself is the lock.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE session_ends IN SHARE ROW EXCLUSIVE MODE")
