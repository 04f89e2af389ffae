"""The history that one portal has seen on a real cluster, shown by the next one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from portal.database.database import Database
from portal.history.keeper import HistoryKeeper
from portal.state.store import Store
from portal.state.timeline import EntryKind
from tests.cluster.test_actions import ANN, namespace, portal, sample

__all__ = ["namespace"]

pytestmark = pytest.mark.cluster


@asynccontextmanager
async def keeping(url: str, store: Store, holder: str) -> AsyncIterator[HistoryKeeper]:
    database = Database(url)
    keeper = HistoryKeeper(database, store, holder=holder)
    yield keeper
    await keeper.close()
    await database.close()


async def test_the_next_portal_shows_what_the_first_has_seen(
    namespace: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/portal.db"
    async with portal(namespace, tmp_path) as first:
        key = first.key("kept")
        async with keeping(url, first.store, "first") as keeper:
            await first.ended(await first.actions.launch(ANN, sample(key, replicas=0)))
            await keeper.restore()
            before = first.app(key)
    assert before.timeline.of(EntryKind.ROLLOUT)
    assert len(before.history)

    async with portal(namespace, tmp_path) as second:
        await second.until(lambda: bool(second.app(key).workloads), "the app")
        async with keeping(url, second.store, "second") as keeper:
            await keeper.restore()
            after = second.app(key)
    assert list(after.history)[: len(before.history)] == list(before.history)
    assert len(after.history) > len(before.history)
    assert after.timeline.of(EntryKind.ROLLOUT) == before.timeline.of(EntryKind.ROLLOUT)
    assert set(before.timeline.entries) <= set(after.timeline.entries)
    assert after.timeline.since == before.timeline.since
