"""The history in SQLite and a real PostgreSQL: restarts, several portals, a database away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import reduce
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, func, select

from portal.database.database import Database
from portal.domain.errors import DatabaseUnavailable
from portal.domain.objects import Kind
from portal.history.keeper import HistoryKeeper
from portal.history.model import DAY, QUARTER, ChartRange, Due
from portal.history.packing import packed
from portal.history.summary import pack, summarized
from portal.history.tables import (
    APPS,
    DAYS,
    LEASE,
    SAMPLES,
    SAMPLES_FOR,
    save,
    take_lease,
    written_until,
)
from portal.state.history import SPAN, History, Sample
from portal.state.model import AppState
from portal.state.store import GRACE, Store
from portal.state.timeline import EntryKind
from tests.unit.state import make
from tests.unit.state.make import T0, Clock, key, put
from tests.waiting import until

Connect = Callable[[], Database]


class Portal:
    """A store with one app and what keeps its history, driven by a clock of its own."""

    def __init__(self, database: Database, clock: Clock, name: str, *, apps: int = 1) -> None:
        self.clock = clock
        self.store = Store(clock)
        self.keeper = HistoryKeeper(
            database,
            self.store,
            holder=name,
            interval=0.01,
            retry=0.01,
            clock=lambda: clock.now.timestamp(),
        )
        for number in range(apps):
            make.app(self.store, f"app{number}")
            put(self.store, make.hpa(f"app{number}", f"app{number}", release=f"app{number}"))

    @property
    def state(self) -> AppState:
        return self.store.snapshot.app(key("app0"))

    def poll(self, seconds: int, cpu: Callable[[int], float] = lambda second: second % 7) -> None:
        """Poll every 10 s for a while."""
        for _ in range(0, seconds, 10):
            self.clock.forward(10)
            second = int(self.clock.now.timestamp())
            self.store.put_usage([make.usage("app0-1-a", cpu(second))])
        self.store.snapshot  # noqa: B018 - publishes


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _count(connection: Connection) -> tuple[int, int, int]:
    samples, days, apps = (
        connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in (SAMPLES, DAYS, APPS)
    )
    return samples, days, apps


async def test_a_restart_keeps_the_chart_and_the_timeline(connect: Connect, clock: Clock) -> None:
    before = Portal(connect(), clock, "one")
    await before.keeper.restore()
    before.poll(4 * 3600)
    put(
        before.store,
        replace(make.hpa("app0", "app0", "app0"), desired=3, last_scale_at=clock.now),
    )
    told = before.state.timeline
    assert told.of(EntryKind.SCALING)
    await before.keeper.close()

    clock.forward(30)
    after = Portal(connect(), clock, "two")
    after.poll(20)
    assert len(after.state.history) < 10
    await after.keeper.restore()
    samples = list(after.state.history)
    kept = list(before.state.history)
    assert samples[: len(kept)] == kept
    times = [each.at for each in samples]
    assert times == sorted(times)
    entries = after.state.timeline.entries
    assert set(told.entries) <= set(entries)
    assert after.state.timeline.since == told.since
    assert after.state.timeline.gap is None
    assert after.keeper.counts["restored"] == 1


async def test_live_samples_stay_above_what_is_restored(connect: Connect, clock: Clock) -> None:
    one = Portal(connect(), clock, "one")
    await one.keeper.restore()
    one.poll(3600)
    two = Portal(connect(), clock, "two")
    for second in range(0, 1200, 10):  # both watch
        clock.forward(10)
        for portal in (one, two):
            portal.store.put_usage([make.usage("app0-1-a", second)])
            portal.store.snapshot  # noqa: B018
    await one.keeper.write()
    live = list(two.state.history)
    await two.keeper.restore()
    merged = list(two.state.history)
    assert merged[-len(live) :] == live
    times = [each.at for each in merged]
    assert times == sorted(set(times))
    assert len(times) > len(live) + 40


async def test_a_pause_of_all_portals_is_told(connect: Connect, clock: Clock) -> None:
    before = Portal(connect(), clock, "one")
    await before.keeper.restore()
    before.poll(600)
    await before.keeper.close()
    ended = clock.now
    clock.forward(3600)
    after = Portal(connect(), clock, "two")
    await after.keeper.restore()
    timeline = after.state.timeline
    assert timeline.gap == (ended, clock.now)
    assert not timeline.watched(ended)
    assert timeline.watched(clock.now)


async def test_one_portal_writes_and_another_takes_over(connect: Connect, clock: Clock) -> None:
    one, two = Portal(connect(), clock, "one"), Portal(connect(), clock, "two")
    for portal in (one, two):
        await portal.keeper.restore()
        portal.poll(60)
    assert await one.keeper.write()
    assert not await two.keeper.write()
    assert two.keeper.counts["written"] == 0
    clock.forward(LEASE + 1)
    assert await two.keeper.write()
    assert not await one.keeper.write()
    await two.keeper.close()
    assert await one.keeper.write()


async def test_a_writer_that_lost_the_lease_meanwhile_writes_nothing(
    connect: Connect, clock: Clock
) -> None:
    one, other = Portal(connect(), clock, "one"), connect()
    now = int(clock.now.timestamp())
    await other.write(lambda connection: take_lease(connection, "other", now))
    due = Due(key("app0"), one.state.history, one.state.timeline)
    assert not await other.write(lambda connection: save(connection, "one", [due], 0, now))
    assert await other.read(_count) == (0, 0, 0)


async def test_a_database_that_is_away_and_comes_back(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "volume"
    database = Database(f"sqlite:///{folder}/portal.db", retry=0, interval=0.01)
    portal = Portal(database, clock, "one")
    with pytest.raises(DatabaseUnavailable):
        await portal.keeper.restore()
    portal.poll(2 * SPAN)
    with pytest.raises(DatabaseUnavailable):
        await portal.keeper.write()
    live = list(portal.state.history)
    running = asyncio.create_task(portal.keeper.run())
    folder.mkdir()
    await until(lambda: portal.keeper.counts["written"] > 0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await portal.keeper.close()
    assert list(portal.state.history) == live
    other = Portal(Database(f"sqlite:///{folder}/portal.db"), clock, "two")
    await other.keeper.restore()
    missed = [each for each in live if clock.now - timedelta(seconds=SPAN) <= each.at < clock.now]
    assert [each for each in other.state.history if each.at < clock.now] == missed
    assert len(missed) > 400


async def test_a_day_and_a_month_of_samples(connect: Connect, clock: Clock) -> None:
    portal = Portal(connect(), clock, "one")
    await portal.keeper.restore()
    peak = int(clock.now.timestamp()) + 3 * 3600 + 30
    for _ in range(26 * 4):
        portal.poll(QUARTER, lambda second: 50.0 if second == peak else 0.5)
        await portal.keeper.write()
    day, week, month = [await portal.keeper.read(key("app0"), each) for each in ChartRange]
    assert 280 <= len(day) <= 290
    assert {later.at - at.at for at, later in pairwise(day)} == {300}
    assert 26 * 4 - 1 <= len(week) <= 26 * 4 + 1
    assert 26 <= len(month) <= 27
    for found, near in ((week, 0.5 + 49.5 / 90), (month, 0.5 + 49.5 / 360)):
        [spike] = [each for each in found if each.cpu.highest == 50]
        assert spike.at <= peak < spike.at + 3600
        assert spike.cpu.mean == pytest.approx(near, rel=0.01)
    assert all(each.cpu.mean == pytest.approx(0.5) for each in day if each.at > peak)
    assert await portal.keeper.read(key("other"), ChartRange.WEEK) == []


async def test_what_is_old_is_deleted(connect: Connect, clock: Clock) -> None:
    database = connect()
    portal = Portal(database, clock, "one")
    await portal.keeper.restore()
    portal.poll(QUARTER * 2)
    await portal.keeper.write()
    samples, days, apps = await database.read(_count)
    assert (samples >= 2, days, apps) == (True, 1, 1)
    make.clear(portal.store, Kind.RELEASE)
    for kind in (Kind.DEPLOYMENT, Kind.REPLICA_SET, Kind.POD, Kind.HPA):
        make.clear(portal.store, kind)
    clock.forward(SAMPLES_FOR + QUARTER)
    await portal.keeper.write()
    assert await database.read(_count) == (0, 1, 1)
    clock.forward(32 * DAY)
    await portal.keeper.write()
    assert await database.read(_count) == (0, 0, 0)


async def test_an_app_that_comes_back_has_its_earlier_history(
    connect: Connect, clock: Clock
) -> None:
    portal = Portal(connect(), clock, "one")
    await portal.keeper.restore()
    portal.poll(3600)
    await portal.keeper.write()
    before = list(portal.state.history)
    for kind in Kind:
        make.clear(portal.store, kind)
    clock.forward(GRACE + 60)
    portal.store.put_usage([])
    await portal.keeper.write()
    assert not portal.state.history
    make.app(portal.store, "app0")
    await portal.keeper.restore()
    found = list(portal.state.history)
    assert found[:45] == before[:45]
    assert found[-2] == before[-1]


def _busy(seconds: int) -> Iterator[Sample]:
    """The samples of an app of which each number differs from the one before."""
    chance = random.Random(1)
    for second in range(0, seconds, 10):
        count = 1 + second // 1800 % 4
        yield Sample(
            T0 + timedelta(seconds=second),
            count,
            count,
            count,
            1,
            4,
            {"cpu": (round(chance.gauss(60, 15)), 70), "memory": (chance.randint(40, 60), 80)},
            round(chance.gauss(0.3, 0.1), 3),
            chance.randint(70_000, 75_000) * 4096,
            round(chance.gauss(0.28, 0.1), 3),
            4,
        )


def test_the_size_is_as_documented() -> None:
    """A busy app takes 90 kB: a day of samples and 30 days of summaries; see administrators.md."""
    samples = list(_busy(DAY))
    history = reduce(History.added, samples, History())
    end = history.last_at() // QUARTER * QUARTER
    parts = [
        history.between(start, start + QUARTER)
        for start in range(end - 12 * QUARTER, end - 2 * QUARTER, QUARTER)
    ]
    blocks = [len(packed(each.metrics, each.width, each.rows)) for each in parts]
    of_samples = sum(blocks) / len(blocks) * (SAMPLES_FOR // QUARTER)
    of_summaries = len(pack(summarized(samples, QUARTER))) * 30
    assert 70_000 < of_samples + of_summaries < 90_000


async def test_a_second_stop_waits_for_the_last_write(connect: Connect, clock: Clock) -> None:
    database = connect()
    portal = Portal(database, clock, "one")
    await portal.keeper.restore()
    portal.poll(60)
    first = asyncio.ensure_future(portal.keeper.close())
    await asyncio.sleep(0)
    await portal.keeper.close()
    assert first.done()
    assert await database.read(written_until) == int(clock.now.timestamp())
    assert not await portal.keeper.write()


async def test_a_stop_without_a_database_takes_no_longer(tmp_path: Path, clock: Clock) -> None:
    portal = Portal(Database(f"sqlite:///{tmp_path}/missing/p.db", retry=60), clock, "one")
    await portal.keeper.close()
    await portal.keeper.close()
    assert portal.keeper.counts == {"restored": 0, "written": 0}
