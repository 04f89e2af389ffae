"""Transactions, migrations, and a database that goes away, in SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from dev import postgresql
from dev.postgresql import Server
from portal.database.database import Database
from portal.database.migrate import FOLDER, newest_revision
from portal.domain.errors import DatabaseUnavailable
from tests.waiting import until

Connect = Callable[[], Database]


def _revision(connection: Connection) -> str:
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def _count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM numbers")).scalar_one())


def _create(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE numbers (number INTEGER)"))


def _insert(connection: Connection) -> None:
    connection.execute(text("INSERT INTO numbers VALUES (1)"))


async def test_the_first_use_migrates(connect: Connect) -> None:
    database = connect()
    assert not database.available
    assert await database.read(_revision) == newest_revision()
    assert database.available
    assert {"audit_entries", "audit_chain"} <= set(
        await database.read(lambda connection: inspect(connection).get_table_names())
    )


async def test_portals_that_start_at_once_migrate_once(connect: Connect) -> None:
    found = await asyncio.gather(*(connect().read(_revision) for _ in range(5)))
    assert found == [newest_revision()] * 5


async def test_a_newer_database_is_left_as_it_is(connect: Connect) -> None:
    def newer(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    await connect().write(newer)
    assert await connect().read(_revision) == "9999"


def test_each_migration_has_its_revision_in_its_name_and_follows_the_one_before() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    revisions = list(ScriptDirectory.from_config(config).walk_revisions())
    names = [Path(each.path).name[1:5] for each in revisions]
    assert names == [each.revision for each in revisions]
    assert names == sorted(names, reverse=True)
    assert names[0] == newest_revision()


async def test_a_transaction_that_fails_leaves_nothing(connect: Connect) -> None:
    database = connect()
    await database.write(_create)

    def fails(connection: Connection) -> None:
        _insert(connection)
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(fails)
    assert await database.read(_count) == 0
    assert database.available


async def test_writers_wait_for_each_other(connect: Connect) -> None:
    one, other = connect(), connect()
    await one.write(_create)

    def counted(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE numbers"))
        number = _count(connection)
        connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": number})

    await asyncio.gather(*(each.write(counted) for each in (one, other) for _ in range(20)))
    numbers = await one.read(
        lambda connection: connection.execute(text("SELECT number FROM numbers")).scalars().all()
    )
    assert sorted(numbers) == list(range(40))


async def test_a_read_writes_nothing(server: Server) -> None:
    database = Database(server.url)
    try:
        with pytest.raises(DatabaseUnavailable):
            await database.read(_create)
    finally:
        await database.close()


async def test_a_session_whose_server_became_a_standby_is_given_up(server: Server) -> None:
    # A fail-over: the server that the connection leads to answers, and refuses to write.
    database = Database(server.url, retry=0)
    await database.read(_revision)
    demote = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
    await database.write(lambda connection: connection.exec_driver_sql(demote))
    with pytest.raises(DatabaseUnavailable):
        await database.write(_create)
    await database.write(_create)
    await database.write(lambda connection: connection.execute(text("DROP TABLE numbers")))
    await database.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_server_that_refuses_to_write_counts_as_away(url: str, server: Server) -> None:
    await (first := Database(url, retry=0)).read(_revision)
    await first.close()
    name = urlsplit(url).path.strip("/")
    with psycopg.connect(server.url, autocommit=True) as administrator:
        setting = f"ALTER DATABASE {name} SET default_transaction_read_only = on"
        administrator.execute(setting.encode())
        database = Database(url, retry=0)
        with pytest.raises(DatabaseUnavailable):
            await database.read(_revision)
        assert "read-only" in database.status.problem
        setting = f"ALTER DATABASE {name} RESET default_transaction_read_only"
        administrator.execute(setting.encode())
    await database.write(_create)
    assert database.available
    await database.close()


async def test_transactions_do_not_hold_up_the_loop(connect: Connect) -> None:
    database, went_on = connect(), threading.Event()

    def waits(_: Connection) -> bool:
        return went_on.wait(10)

    running = asyncio.ensure_future(database.read(waits))
    await asyncio.sleep(0)
    went_on.set()
    assert await running


async def test_one_that_takes_too_long_counts_as_away(url: str) -> None:
    database, over = Database(url, patience=0.05, retry=0), threading.Event()

    def waits(_: Connection) -> None:
        over.wait(10)

    try:
        with pytest.raises(DatabaseUnavailable, match="does not answer"):
            await database.read(waits)
        assert "no answer within" in database.status.problem
    finally:
        over.set()
        await database.close()


async def test_a_database_that_comes_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(f"sqlite:///{tmp_path}/missing/portal.db", retry=0, interval=0.01)
    changes: list[bool] = []
    database.on_change(lambda: changes.append(database.available))
    with caplog.at_level(logging.INFO, "portal.database"):
        running = asyncio.create_task(database.run())
        await until(lambda: "unable to open" in database.status.problem)
        with pytest.raises(DatabaseUnavailable) as raised:
            await database.write(_create)
        (tmp_path / "missing").mkdir()
        await until(lambda: database.available)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert raised.value.advice
    assert changes == [False, True]
    assert [record.levelname for record in caplog.records if record.name.endswith("database")] == [
        "WARNING",
        "INFO",
    ]
    await database.close()


async def test_nobody_waits_for_a_database_that_is_known_to_be_away(tmp_path: Path) -> None:
    now = 0.0
    database = Database(f"sqlite:///{tmp_path}/missing/portal.db", retry=2, clock=lambda: now)
    with pytest.raises(DatabaseUnavailable):
        await database.write(_create)
    (tmp_path / "missing").mkdir()
    with pytest.raises(DatabaseUnavailable):
        await database.write(_create)
    now = 2.0
    await database.write(_create)
    assert database.available
    await database.close()


@pytest.mark.usefixtures("server")
async def test_a_server_that_goes_and_comes_back() -> None:
    with postgresql.running() as server:
        database = Database(server.url, retry=0, interval=0.02)
        await database.write(_create)
        server.stop()
        with pytest.raises(DatabaseUnavailable) as raised:
            await database.write(_insert)
        assert raised.value.message == "The portal's database does not answer."
        assert not database.available
        server.start()
        await database.write(_insert)
        assert await database.read(_count) == 1
        assert database.available
        await database.close()


def test_sqlalchemy_is_not_imported_before_there_is_a_database() -> None:
    program = (
        "import sys, portal.web_app, portal.database.database as d; d.Database('sqlite:////a/b');"
        "print([m for m in ('sqlalchemy', 'alembic', 'psycopg') if m in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"
