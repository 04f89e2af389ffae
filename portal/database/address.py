"""The address of the database: a SQLAlchemy URL, checked before SQLAlchemy is imported."""

from __future__ import annotations

from urllib.parse import urlsplit

_POSTGRESQL = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


def database_problem(url: str) -> str:
    """Return why ``url`` cannot be the database's address; "" if it can. Does not quote it."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "give a URL, such as sqlite:////data/portal.db or postgresql://user@host/name."
    if scheme == "sqlite":
        if not rest.startswith("/") or rest.strip("/") in {"", ":memory:"} or "?" in rest:
            return "give the path of a file, such as sqlite:////data/portal.db."
        return ""
    if scheme not in _POSTGRESQL:
        return "only SQLite (sqlite:///…) and PostgreSQL (postgresql://…) are supported."
    try:
        parts = urlsplit(url)
        known = bool(parts.path.strip("/")) and parts.port != 0
    except ValueError:
        known = False
    return "" if known else "give host and database, such as postgresql://user@host:5432/name."


def engine_url(url: str) -> str:
    """Return ``url`` with the driver that the portal uses."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in _POSTGRESQL else url


def described(url: str) -> str:
    """Return the database without user and password: its file, or its host and name."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return f"SQLite, {rest[1:]}"
    parts = urlsplit(url)
    return f"PostgreSQL, {parts.netloc.rpartition('@')[2]}{parts.path}"
