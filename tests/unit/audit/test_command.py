"""The command that checks the chain."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from portal.audit.__main__ import main
from portal.audit.query import AuditQuery
from portal.audit.trail import Trail
from portal.database.database import Database
from portal.domain.audit import Event, Outcome
from portal.domain.identity import Identity


async def _filled(url: str) -> list[str]:
    database = Database(url)
    trail = Trail(database)
    task = asyncio.create_task(trail.run())
    for _ in range(3):
        await trail.record(Event("scale", Outcome.BEGUN, Identity("ann")))
    lines = [
        json.dumps({"message": "audit", "audit": each.content, "audit_hash": each.hash})
        for each in (await trail.find(AuditQuery())).entries
    ]
    task.cancel()
    await asyncio.wait([task])
    await database.close()
    return [*lines, "no JSON", "[]", '{"audit": {"position": "x"}}']


async def _changed(url: str, *statements: str) -> None:
    database = Database(url)

    def work(connection: Connection) -> None:
        for each in statements:
            connection.execute(text(each))

    await database.write(work)
    await database.close()


def test_the_chain_is_checked_and_compared_with_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/portal.db"
    log = tmp_path / "log"
    log.write_text("\n".join(asyncio.run(_filled(url))))
    monkeypatch.setenv("DASH_PORTAL_CLUSTER_WIDE", "true")
    monkeypatch.setenv("DASH_PORTAL_DATABASE", url)
    assert main(["verify"]) == 0
    assert main(["verify", "--noted", str(log)]) == 0
    assert "3 entries, 3 of them compared with the log: the chain is whole." in (
        capsys.readouterr().out
    )
    asyncio.run(
        _changed(
            url,
            "DROP TRIGGER audit_refuse_delete",
            "DELETE FROM audit_entries WHERE position = 3",
            "UPDATE audit_chain SET position = 2, "
            "hash = (SELECT hash FROM audit_entries WHERE position = 2)",
        )
    )
    assert main(["verify"]) == 0  # nothing in the database tells
    assert main(["verify", "--noted", str(log)]) == 1
    assert "Entry 3 was noted elsewhere, and is missing." in capsys.readouterr().out


def test_without_a_database_there_is_nothing_to_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DASH_PORTAL_CLUSTER_WIDE", "true")
    monkeypatch.delenv("DASH_PORTAL_DATABASE", raising=False)
    assert main(["verify"]) == 2
    assert "in the log alone" in capsys.readouterr().err
