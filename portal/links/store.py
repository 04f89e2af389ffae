"""The links in the database, and the secret that their tokens are sealed with. All this blocks."""

from __future__ import annotations

import secrets

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    delete,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.links.token import Link

_METADATA = MetaData()
LINKS = Table(
    "links",
    _METADATA,
    Column("id", Text, primary_key=True),
    *(Column(name, Text) for name in ("namespace", "release", "issuer")),
    *(Column(name, BigInteger) for name in ("created", "expires")),
)
SECRET = Table(
    "links_secret", _METADATA, Column("id", Integer, primary_key=True), Column("secret", Text)
)


def secret(connection: Connection) -> str:
    """Return the secret of all portals of this database; the first to ask makes it."""
    found = connection.execute(select(SECRET.c.secret)).scalar_one_or_none()
    if found is None:
        found = secrets.token_urlsafe(32)
        try:
            with connection.begin_nested():
                connection.execute(insert(SECRET).values(id=1, secret=found))
        except IntegrityError:  # another portal was faster
            found = connection.execute(select(SECRET.c.secret)).scalar_one()
    return str(found)


def add(connection: Connection, link: Link, now: int) -> None:
    """Keep a link, and forget those that have expired."""
    connection.execute(delete(LINKS).where(LINKS.c.expires <= now))
    connection.execute(
        insert(LINKS).values(
            id=link.id,
            namespace=link.key.namespace,
            release=link.key.name,
            issuer=msgspec.json.encode(link.issuer).decode(),
            created=link.created,
            expires=link.expires,
        )
    )


def remove(connection: Connection, key: Key, id: str) -> bool:
    """Forget a link of an app; False if there is none of that id."""
    place = (LINKS.c.id == id, LINKS.c.namespace == key.namespace, LINKS.c.release == key.name)
    return bool(connection.execute(delete(LINKS).where(*place)).rowcount)


def of_app(connection: Connection, key: Key, now: int) -> list[Link]:
    """Return the links of an app that have not expired, the newest first."""
    chosen = (
        select(LINKS)
        .where(LINKS.c.namespace == key.namespace, LINKS.c.release == key.name)
        .where(LINKS.c.expires > now)
        .order_by(LINKS.c.created.desc(), LINKS.c.id)
    )
    return [_link(row) for row in connection.execute(chosen)]


def find(connection: Connection, id: str) -> Link | None:
    """Return a link; None if there is none, or no longer."""
    row = connection.execute(select(LINKS).where(LINKS.c.id == id)).one_or_none()
    return None if row is None else _link(row)


def _link(row: Row[tuple[object, ...]]) -> Link:
    issuer = msgspec.json.decode(str(row.issuer), type=Identity)
    return Link(str(row.id), Key(row.namespace, row.release), issuer, row.created, row.expires)
