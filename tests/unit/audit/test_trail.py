"""The audit trail in SQLite and a real PostgreSQL, and while they are away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from portal.audit.chain import Entry
from portal.audit.query import AuditQuery
from portal.audit.trail import MOST_WAITING, Trail
from portal.database.database import Database
from portal.domain.audit import Event, Outcome, recorded
from portal.domain.errors import Conflict, DatabaseUnavailable
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.request import RequestInfo, enter_request, leave_request
from tests.waiting import until

Connect = Callable[[], Database]
ANN, BOB = Identity("ann", ("team-a",)), Identity("bob")
WEB = Key("apps", "web")


def event(identity: Identity | None = ANN, key: Key | None = WEB, **more: Any) -> Event:
    return Event("scale", more.pop("outcome", Outcome.BEGUN), identity, key, **more)


@asynccontextmanager
async def running(database: Database | None, **more: Any) -> AsyncIterator[Trail]:
    trail = Trail(database, portal="portal-1", retry=0.01, **more)
    task = asyncio.create_task(trail.run())
    try:
        yield trail
    finally:
        task.cancel()
        await asyncio.wait([task])


async def whole(trail: Trail, query: AuditQuery | None = None) -> list[Entry]:
    return [each async for part in trail.parts(query or AuditQuery()) for each in part]


async def test_what_is_recorded_is_there_with_the_request_it_came_by(connect: Connect) -> None:
    async with running(connect()) as trail:
        token = enter_request(RequestInfo("r-1", "proxy (X-Forwarded-User) from 10.0.0.1"))
        await trail.record(event(detail={"goal": "Scaled to 3"}))
        leave_request(token)
        (entry,) = await whole(trail)
        content = entry.content
        assert content["actor"] == "ann"
        assert content["groups"] == ["team-a"]
        assert content["request"] == "r-1"
        assert content["via"] == "proxy (X-Forwarded-User) from 10.0.0.1"
        assert content["portal"] == "portal-1"
        assert content["detail"] == {"goal": "Scaled to 3"}
        assert (await trail.verify()).problems == ()


async def test_two_portals_write_one_chain(connect: Connect) -> None:
    async with running(connect()) as one, running(connect()) as other:
        await asyncio.gather(
            *(each.record(event()) for each in (one, other) for _ in range(50)),
        )
        for each in (one, other):
            each.note(event(outcome=Outcome.SUCCEEDED))
        await until(lambda: not one.waiting and not other.waiting)
        await one.record(event())
        verdict = await one.verify()
        found = await whole(other)
    assert verdict.problems == ()
    assert [each.position for each in found] == list(range(verdict.entries, 0, -1))
    assert verdict.entries == 103


async def test_entries_are_found_by_what_is_asked_for(connect: Connect) -> None:
    async with running(connect()) as trail:
        await trail.record(event())
        await trail.record(event(BOB, outcome=Outcome.REFUSED))
        await trail.record(event(BOB, Key("team-b", "web")))
        await trail.record(event(None, None))

        async def positions(**asked: Any) -> list[int]:
            return [each.position for each in await whole(trail, AuditQuery(**asked))]

        assert await positions() == [4, 3, 2, 1]
        assert await positions(actor="bob") == [3, 2]
        assert await positions(namespace="apps", release="web") == [2, 1]
        assert await positions(outcome="refused") == [2]
        assert await positions(action="upgrade") == []
        assert await positions(own="ann", actor="bob") == []
        assert await positions(own="bob") == [3, 2]
        assert await positions(namespaces=frozenset({"team-b"})) == [3]
        assert await positions(before=3) == [2, 1]
        assert await positions(first_day="2020-01-01", last_day="2099-01-01") == [4, 3, 2, 1]
        assert await positions(last_day="2020-01-01") == []
        part = await trail.find(AuditQuery(), 3)
        assert ([each.position for each in part.entries], part.more) == ([4, 3, 2], True)


@pytest.mark.parametrize(
    "change", ["UPDATE audit_entries SET actor = 'eve'", "DELETE FROM audit_entries"]
)
async def test_the_database_refuses_a_change_of_entries(connect: Connect, change: str) -> None:
    database = connect()
    async with running(database) as trail:
        await trail.record(event())

        def work(connection: Connection) -> None:
            connection.execute(text(change))

        with pytest.raises((DatabaseUnavailable, DBAPIError)) as raised:
            await database.write(work)
        assert "not changed or deleted" in f"{raised.value.__cause__} {raised.value}"
        assert len(await whole(trail)) == 1


TAMPERED = {
    "UPDATE audit_entries SET actor = 'eve' WHERE position = 2": "Entry 2 was changed",
    "UPDATE audit_entries SET body = replace(body, 'ann', 'eve') WHERE position = 2": (
        "Entry 2 was changed"
    ),
    "DELETE FROM audit_entries WHERE position = 2": "Entry 2 is missing",
    "DELETE FROM audit_entries WHERE position > 3": "Entries 4 to 5 are missing",
    "UPDATE audit_chain SET hash = 'x'": "The end of the chain",
}


@pytest.mark.parametrize("statement", TAMPERED)
async def test_tampering_by_who_may_change_the_tables_is_found(
    connect: Connect, statement: str
) -> None:
    database = connect()
    async with running(database) as trail:
        for _ in range(5):
            await trail.record(event())

        def work(connection: Connection) -> None:
            if connection.dialect.name == "postgresql":
                connection.execute(text("DROP TRIGGER audit_refuse ON audit_entries"))
            else:
                connection.execute(text("DROP TRIGGER audit_refuse_update"))
                connection.execute(text("DROP TRIGGER audit_refuse_delete"))
            connection.execute(text(statement))

        await database.write(work)
        found = (await trail.verify()).problems
    assert found
    assert found[0].startswith(TAMPERED[statement])


async def test_nothing_can_be_recorded_while_the_database_is_away(tmp_path: Path) -> None:
    folder = tmp_path / "missing"
    database = Database(f"sqlite:///{folder}/portal.db", retry=0)
    done: list[str] = []
    async with running(database) as trail:
        with pytest.raises(DatabaseUnavailable, match=r"Nothing was changed: the audit trail"):
            async with recorded(trail, event()):
                done.append("changed")
        assert not done
        trail.note(event(outcome=Outcome.SUCCEEDED, operation="first"))
        with pytest.raises(DatabaseUnavailable):
            await trail.record(event())
        trail.note(event(outcome=Outcome.SUCCEEDED, operation="second"))
        assert trail.waiting == 2
        folder.mkdir()
        await until(lambda: not trail.waiting)
        await trail.record(event(operation="third"))
        kept = [each.content["operation"] for each in reversed(await whole(trail))]
        assert trail.counts == {"written": 3, "refused": 2, "dropped": 0}
    assert kept == ["first", "second", "third"]
    await database.close()


async def test_what_cannot_be_written_any_more_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.audit.trail.LAST_WRITE", 0.01)
    monkeypatch.setattr("portal.audit.trail.MOST_WAITING", 1)
    assert MOST_WAITING > 1
    database = Database(f"sqlite:///{tmp_path}/missing/portal.db", retry=0)
    async with running(database) as trail:
        trail.note(event(outcome=Outcome.SUCCEEDED, operation="kept"))
        await until(lambda: "unable" in database.status.problem and trail.waiting == 1)
        trail.note(event(outcome=Outcome.SUCCEEDED, operation="dropped"))
        await trail.close()
    said = [vars(each)["audit"] for each in caplog.records if "audit" in vars(each)]
    assert [each["operation"] for each in said] == ["dropped", "kept"]
    assert trail.counts["dropped"] == 1
    await database.close()


async def test_entries_are_lines_of_the_log_at_any_level(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        async with running(connect()) as trail, running(connect(), log_entries=False) as quiet:
            await trail.record(event())
            await quiet.record(event())
            (line,) = [each for each in caplog.records if each.name == "portal.audit.entries"]
            first = (await whole(trail))[-1]
    finally:
        root.setLevel(before)
    assert line.getMessage() == "audit: ann scale begun (apps/web)"
    assert vars(line)["audit"] == first.content
    assert vars(line)["audit_hash"] == first.hash


async def test_without_a_database_the_log_is_all_there_is(caplog: pytest.LogCaptureFixture) -> None:
    async with running(None, log_entries=False) as trail:
        await trail.record(event())
        trail.note(event(outcome=Outcome.SUCCEEDED))
        with pytest.raises(DatabaseUnavailable, match="in the portal's log alone"):
            await trail.find(AuditQuery())
        await trail.close()
    said = [vars(each)["audit"] for each in caplog.records if "audit" in vars(each)]
    assert [each["outcome"] for each in said] == ["begun", "succeeded"]


async def test_who_stops_waiting_leaves_no_entry(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/portal.db")
    trail = Trail(database)
    waiting = asyncio.create_task(trail.record(event()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    task = asyncio.create_task(trail.run())
    await trail.record(event(operation="second"))
    assert [each.content["operation"] for each in await whole(trail)] == ["second"]
    task.cancel()
    await asyncio.wait([task])
    await database.close()


async def test_how_an_action_ends_is_noted(connect: Connect) -> None:
    async with running(connect()) as trail:
        async with recorded(trail, event(operation="good")):
            pass
        with pytest.raises(Conflict):
            async with recorded(trail, event(operation="bad")):
                raise Conflict("the password is hush")
        with pytest.raises(asyncio.CancelledError):
            async with recorded(trail, event(operation="cut")):
                raise asyncio.CancelledError
        await trail.close()
        found = await whole(trail)
    assert [(each.content["operation"], each.outcome) for each in reversed(found)] == [
        ("good", "begun"),
        ("good", "succeeded"),
        ("bad", "begun"),
        ("bad", "failed"),
        ("cut", "begun"),
        ("cut", "interrupted"),
    ]
    assert not any("hush" in each.body for each in found)
    assert found[2].content["detail"] == {"error": "Conflict"}
