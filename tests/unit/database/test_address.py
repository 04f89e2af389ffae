"""Addresses of databases."""

from __future__ import annotations

import pytest

from portal.database.address import database_problem, described, engine_url


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////data/portal.db",
        "sqlite:///portal.db",
        "postgresql://ann:pa%20ss@db.example.com:5432/portal?sslmode=verify-full",
        "postgres://db/portal",
        "postgresql+psycopg://db/portal",
        "postgresql://ann@/portal?host=/run/postgresql",
    ],
)
def test_addresses(url: str) -> None:
    assert database_problem(url) == ""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("portal.db", "give a URL"),
        ("sqlite://", "the path of a file"),
        ("sqlite:///:memory:", "the path of a file"),
        ("sqlite:///a?mode=ro", "the path of a file"),
        ("mysql://ann:secret@db/portal", "only SQLite"),
        ("postgresql+asyncpg://db/portal", "only SQLite"),
        ("postgresql://db", "host and database"),
        ("postgresql://ann:secret@db:port/portal", "host and database"),
        ("postgresql://ann:secret@[db/portal", "host and database"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(url: str, said: str) -> None:
    problem = database_problem(url)
    assert said in problem
    assert "secret" not in problem


def test_the_driver_is_the_portals_own() -> None:
    assert engine_url("postgres://db/a") == "postgresql+psycopg://db/a"
    assert engine_url("sqlite:////a") == "sqlite:////a"


def test_a_database_is_described_without_user_and_password() -> None:
    assert described("postgresql://ann:p@ss@db:5432/portal?x=1") == "PostgreSQL, db:5432/portal"
    assert described("sqlite:////data/portal.db") == "SQLite, /data/portal.db"
