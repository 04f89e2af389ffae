"""Databases for tests: SQLite in a file, and a real PostgreSQL where its package is installed."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from dev import postgresql
from dev.cluster.errors import ClusterError
from portal.database.database import Database


@pytest.fixture(scope="session")
def server() -> Iterator[postgresql.Server]:
    """A PostgreSQL server, one for all tests of a process."""
    try:
        postgresql.programs()
    except ClusterError as error:
        pytest.skip(str(error))
    with postgresql.running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/portal.db"
    server: postgresql.Server = request.getfixturevalue("server")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.url.replace("/postgres?", f"/{name}?")


@pytest.fixture
async def connect(url: str) -> AsyncIterator[Callable[[], Database]]:
    """Makes objects for the same database, as several portals have."""
    made: list[Database] = []

    def make() -> Database:
        made.append(Database(url, retry=0, interval=0.02))
        return made[-1]

    yield make
    for each in made:
        await each.close()
