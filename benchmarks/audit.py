"""The audit trail: entries a second, what one change waits for, and the check of the chain."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from benchmarks.table import Row, percentile
from dev import postgresql
from portal.audit.trail import Trail
from portal.database.database import Database
from portal.domain.audit import Event, Outcome
from portal.domain.identity import Identity
from portal.domain.keys import Key

ENTRIES = 5_000
AT_ONCE = 100
ALONE = 200

_CHANGES = [{"path": f"values.of[{n}].it", "before": n, "after": n + 1} for n in range(10)]
EVENT = Event(
    "upgrade",
    Outcome.APPLYING,
    Identity("ann@example.org", ("team-a", "team-b")),
    Key("apps", "web"),
    32 * "a",
    {"changes": _CHANGES},
)


async def measure() -> list[Row]:
    """Return a row for SQLite in a file, and one for PostgreSQL on this machine."""
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(postgresql.running("fsync=on"))
        urls = {"SQLite": f"sqlite:///{folder}/portal.db", "PostgreSQL": server.url}
        for name, url in urls.items():
            async with _trail(url) as trail:
                rows.append(await _row(name, trail))
    return rows


@asynccontextmanager
async def _trail(url: str) -> AsyncIterator[Trail]:
    database = Database(url)
    trail = Trail(database, log_entries=False)
    task = asyncio.create_task(trail.run())
    try:
        yield trail
    finally:
        task.cancel()
        await asyncio.wait([task])
        await database.close()


async def _row(name: str, trail: Trail) -> Row:
    await trail.record(EVENT)  # connects, and migrates

    async def several(number: int) -> None:
        for _ in range(number):
            await trail.record(EVENT)

    started = time.perf_counter()
    await asyncio.gather(*(several(ENTRIES // AT_ONCE) for _ in range(AT_ONCE)))
    rate = ENTRIES / (time.perf_counter() - started)
    alone: list[float] = []
    for _ in range(ALONE):
        began = time.perf_counter()
        await trail.record(EVENT)
        alone.append((time.perf_counter() - began) * 1000)
    started = time.perf_counter()
    verdict = await trail.verify()
    checked = verdict.entries / (time.perf_counter() - started)
    if verdict.problems:
        raise RuntimeError(f"the chain is not whole: {verdict.problems}")
    p50, p95 = percentile(alone, 50), percentile(alone, 95)
    return Row(
        f"audit trail in {name}: entries a second, {AT_ONCE} changes at once, each written to disk",
        f"{rate:,.0f}; alone p50 {p50:.1f}, p95 {p95:.1f} ms; checked {checked:,.0f} a second",
        bar="≥ 200; p95 ≤ 50 ms",
        met=rate >= 200 and p95 <= 50,
    )
