"""Migrations of the database: to the newest revision, by one portal at a time. Blocks.

A migration only adds, so that a portal of the version before goes on working beside a newer one.
"""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Engine, inspect

from portal.database.engine import WRITES, lock_migrations

log = logging.getLogger(__name__)

FOLDER = Path(__file__).with_name("migrations")
VERSION_TABLE = "alembic_version"

_ALEMBIC = Lock()
"""Alembic keeps what it works on in globals."""


def newest_revision() -> str:
    """Return the newest revision that this portal knows, from the names of the migrations."""
    return max(path.stem[1:].partition("_")[0] for path in (FOLDER / "versions").glob("m*.py"))


def migrate(engine: Engine) -> None:
    """Bring the database to the newest revision; one that is newer still is left as it is.

    Alembic is imported if there is something to do: it takes 12 MB of memory.
    """
    wanted = newest_revision()
    with engine.connect() as connection:
        if _revision(connection) >= wanted:
            return
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        lock_migrations(connection)
        before = _revision(connection)
        if before >= wanted:
            return  # another portal was faster
        from alembic import command
        from alembic.config import Config

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
        with _ALEMBIC:
            command.upgrade(config, "head")
    log.info("database migrated to revision %s", wanted, extra={"before": before})


def _revision(connection: Connection) -> str:
    """Return the revision of a database; "" before the first migration."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()  # noqa: S608
    return str(found or "")
