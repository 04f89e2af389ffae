"""The engine of SQLAlchemy, set up for SQLite or PostgreSQL. Everything here blocks."""

from __future__ import annotations

import sqlite3
import time

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from portal.database.address import engine_url

CONNECTS_WITHIN = 3
"""Seconds for a connection to PostgreSQL to be made, or for one from the pool."""
LOCKED_FOR = 5
"""Seconds to wait for a lock of another transaction."""
ANSWERS_WITHIN = 10
"""Seconds for one statement in PostgreSQL."""

WRITES = "portal_writes"
"""The execution option of connections whose transaction writes."""

_SQLITE = ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
"""``FULL``: what was committed survives a loss of power. The time-out comes first, in ms."""

_REFUSES_TO_WRITE = "25006"
"""SQLSTATE ``read_only_sql_transaction``: after a fail-over, the server is a standby now."""

_POSTGRESQL = (
    f"SET LOCAL statement_timeout = '{ANSWERS_WITHIN}s'; SET LOCAL lock_timeout = '{LOCKED_FOR}s'; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{2 * ANSWERS_WITHIN}s'"
)
"""In each transaction, not in the session: a pooler in between shares sessions."""


def make_engine(url: str, connections: int) -> Engine:
    """Return an engine with a pool of ``connections``, none of which is open yet.

    Errors and logs quote no parameters of statements.
    """
    address = make_url(engine_url(url))
    sqlite = address.get_backend_name() == "sqlite"
    engine = create_engine(
        address,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=CONNECTS_WITHIN,
        pool_pre_ping=not sqlite,
        hide_parameters=True,
        connect_args={}
        if sqlite
        else {
            # After a fail-over, a name may lead to the former primary, which answers.
            "target_session_attrs": address.query.get("target_session_attrs", "read-write"),
            "connect_timeout": CONNECTS_WITHIN,
            "application_name": "dash-portal",
            "tcp_user_timeout": LOCKED_FOR * 1000,
            "prepare_threshold": None,  # a pooler in between shares sessions
        },
    )
    if sqlite:
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "begin", _begin_postgresql)
        event.listen(engine, "handle_error", _give_up_standby)
    return engine


def lock_migrations(connection: Connection) -> None:
    """Wait until no other portal migrates; in SQLite the transaction itself is the lock."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
        connection.exec_driver_sql("SET LOCAL statement_timeout = '60s'")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('dash-portal/schema'))")


def _set_up_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin as below, not as the module likes
    for pragma in _SQLITE:
        _execute(connection, f"PRAGMA {pragma}")


def _execute(connection: sqlite3.Connection, statement: str) -> None:
    """Execute a statement, and again while another process has the database locked.

    SQLite's own waiting leaves out the change of the journal mode, which a new file needs.
    """
    until = time.monotonic() + LOCKED_FOR
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that first reads and then writes could not wait for another's end.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql(
        _POSTGRESQL if writes else f"SET TRANSACTION READ ONLY; {_POSTGRESQL}"
    )


def _give_up_standby(context: ExceptionContext) -> None:
    """Have a server that refuses to write count as gone: new connections find the primary."""
    if getattr(context.original_exception, "sqlstate", "") == _REFUSES_TO_WRITE:
        context.is_disconnect = True
