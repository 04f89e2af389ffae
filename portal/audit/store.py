"""The entries of the audit trail in the database. Everything here blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    insert,
    select,
    update,
)

from portal.audit.chain import Entry, Head, chained
from portal.audit.query import AuditQuery, Part

_METADATA = MetaData()

ENTRIES = Table(
    "audit_entries",
    _METADATA,
    Column("position", BigInteger, primary_key=True),
    Column("time", BigInteger),
    *(Column(name, Text) for name in ("actor", "action", "outcome", "namespace", "release")),
    Column("body", Text),
    Column("hash", Text),
)
CHAIN = Table(
    "audit_chain",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("position", BigInteger),
    Column("hash", Text),
)


def append(connection: Connection, fields: Sequence[Mapping[str, object]]) -> tuple[Entry, ...]:
    """Add entries at the end of the chain, which no other writer can move meanwhile."""
    end = connection.execute(select(CHAIN).with_for_update()).one()
    entries = tuple(chained(Head(end.position, end.hash), fields))
    if entries:
        rows = [{name: getattr(each, name) for name in Entry.__struct_fields__} for each in entries]
        connection.execute(insert(ENTRIES), rows)
        last = entries[-1]
        connection.execute(update(CHAIN).values(position=last.position, hash=last.hash))
    return entries


def head(connection: Connection) -> Head:
    """Return the end of the chain, as it is noted beside the entries."""
    end = connection.execute(select(CHAIN)).one()
    return Head(end.position, end.hash)


def after(connection: Connection, position: int, last: int, most: int) -> tuple[Entry, ...]:
    """Return the next entries after a position, in order, ``last`` at most."""
    chosen = (
        select(ENTRIES)
        .where(ENTRIES.c.position > position, ENTRIES.c.position <= last)
        .order_by(ENTRIES.c.position)
        .limit(most)
    )
    return tuple(map(_entry, connection.execute(chosen)))


def find(connection: Connection, query: AuditQuery, most: int) -> Part:
    """Return the newest entries that a query asks for, ``most`` of them."""
    chosen = (
        select(ENTRIES)
        .where(*_conditions(query))
        .order_by(ENTRIES.c.position.desc())
        .limit(most + 1)
    )
    found = tuple(map(_entry, connection.execute(chosen)))
    return Part(found[:most], len(found) > most)


def _conditions(query: AuditQuery) -> list[ColumnElement[bool]]:
    columns = ENTRIES.c
    exact = {
        columns.actor: query.actor,
        columns.namespace: query.namespace,
        columns.release: query.release,
        columns.action: query.action,
        columns.outcome: query.outcome,
    }
    found = [column == value for column, value in exact.items() if value]
    if query.own is not None:
        found.append(columns.actor == query.own)
    if query.namespaces is not None:
        found.append(columns.namespace.in_(sorted(query.namespaces)))
    if query.since is not None:
        found.append(columns.time >= query.since)
    if query.until is not None:
        found.append(columns.time < query.until)
    if query.before:
        found.append(columns.position < query.before)
    return found


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    return Entry(**row._mapping)  # pyright: ignore[reportPrivateUsage]
