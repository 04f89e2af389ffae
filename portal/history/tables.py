"""The history of apps in the database. Everything here blocks.

Times are in Unix seconds. A block of samples covers ``QUARTER`` seconds from its ``start``, as the
portal's memory has them; one of ``history_days`` the summaries of a day. Writing the same twice
changes nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    insert,
    select,
    text,
    tuple_,
    update,
)

from portal.domain.keys import Key
from portal.history.model import DAY, QUARTER, Due, Kept
from portal.history.packing import inflated, packed, unpacked
from portal.history.summary import Summary, pack, summarized, unpack
from portal.state.history import SPAN, History
from portal.state.timeline import Entry, Timeline, bounded

T = TypeVar("T")

SAMPLES_FOR = DAY + 3600
"""Seconds for which samples are kept; older ones only as summaries."""
LEASE = 180
"""Seconds after which a portal that has not written loses the lease to write."""

_METADATA = MetaData()
APPS = Table(
    "history_apps",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("namespace", Text),
    Column("name", Text),
    Column("seen", BigInteger),
    Column("timeline", LargeBinary),
    Column("reactions", LargeBinary),
)
SAMPLES, DAYS = (
    Table(
        name,
        _METADATA,
        Column("start", BigInteger, primary_key=True),
        Column("app", Integer, primary_key=True),
        Column("body", LargeBinary),
    )
    for name in ("history_samples", "history_days")
)
WRITER = Table(
    "history_writer",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("holder", Text),
    Column("until", BigInteger),
    Column("written", BigInteger),
)


# The lease to write: in the database, so that it is looked at in the transaction that writes.


def take_lease(connection: Connection, holder: str, now: int) -> int | None:
    """Return up to when the history is written; None if another portal writes it."""
    row = connection.execute(select(WRITER).with_for_update()).one()
    if row.holder != holder and row.until > now:
        return None
    connection.execute(update(WRITER).values(holder=holder, until=now + LEASE))
    return int(row.written)


def release_lease(connection: Connection, holder: str) -> None:
    """Let another portal write at once."""
    connection.execute(update(WRITER).where(WRITER.c.holder == holder).values(until=0))


def written_until(connection: Connection) -> int:
    """Return up to when the history is written, by whichever portal; 0 for never."""
    return int(connection.execute(select(WRITER.c.written)).scalar_one())


# Writing.


def save(
    connection: Connection,
    holder: str,
    batch: Sequence[Due],
    since: int,
    now: int,
    reactions: Mapping[Key, bytes] = MappingProxyType({}),
) -> bool:
    """Write what is new of some apps since the last time; False if another portal has the lease.

    ``reactions`` are the scale-ups of those whose scale-ups have changed.
    """
    if take_lease(connection, holder, now) is None:
        return False
    ids = _ids(connection, [each.key for each in batch], now)
    blocks: list[Mapping[str, object]] = []
    for each in batch:
        for start in _due(each.history, since, now):
            part = each.history.between(start, start + QUARTER)
            if part:
                block = packed(part.metrics, part.width, part.rows)
                blocks.append({"start": start, "app": ids[each.key], "body": block})
    _put(connection, SAMPLES, blocks)
    _save_summaries(connection, batch, ids, since, now)
    timelines = [
        {"id": ids[each.key], "timeline": _packed_timeline(each.timeline)}
        for each in batch
        if each.timeline is not None
    ]
    if timelines:
        connection.execute(
            text("UPDATE history_apps SET timeline = :timeline WHERE id = :id"), timelines
        )
    if reactions:
        connection.execute(
            text("UPDATE history_apps SET reactions = :reactions WHERE id = :id"),
            [{"id": ids[key], "reactions": body} for key, body in reactions.items()],
        )
    return True


def _due(history: History, since: int, now: int) -> list[int]:
    """Return the quarters of an hour to write, by their starts.

    Those with samples since the last time; and those that have been thinned since then, 20 minutes
    after their end and a minute for the next poll.
    """
    thinned = 21 * 60
    first = max(since, now - SPAN) // QUARTER * QUARTER
    earlier = range(first - 3 * QUARTER, first, QUARTER)
    return [
        *(start for start in earlier if since < start + QUARTER + thinned <= now),
        *range(first, now + 1, QUARTER),
    ]


def _save_summaries(
    connection: Connection, batch: Sequence[Due], ids: Mapping[Key, int], since: int, now: int
) -> None:
    """Add the summaries of the quarters of an hour that have ended since the last time."""
    begin, end = max(since, now - SPAN) // QUARTER * QUARTER, now // QUARTER * QUARTER
    if begin >= end:
        return
    new = {ids[each.key]: summarized(each.history.between(begin, end), QUARTER) for each in batch}
    # Apps of which there is only a timeline are seen, too.
    connection.execute(update(APPS).where(APPS.c.id.in_(list(new))).values(seen=now))
    for day in range(begin // DAY * DAY, end, DAY):
        found = connection.execute(
            select(DAYS.c.app, DAYS.c.body).where(DAYS.c.start == day, DAYS.c.app.in_(list(new)))
        )
        known = {int(row.app): _or_nothing(unpack, row.body) or [] for row in found}
        changed: list[Mapping[str, object]] = []
        for app, summaries in new.items():
            added = [each for each in summaries if each.at // DAY * DAY == day]
            if added:
                by_time = {each.at: each for each in (*known.get(app, ()), *added)}
                content = pack([by_time[at] for at in sorted(by_time)])
                changed.append({"start": day, "app": app, "body": content})
        _put(connection, DAYS, changed)


def finish(connection: Connection, holder: str, now: int, days: int) -> None:
    """Note that all up to ``now`` is written, and delete what is older than it is kept for.

    Of apps that have not been seen for ``days``, all goes.
    """
    connection.execute(update(WRITER).where(WRITER.c.holder == holder).values(written=now))
    oldest = now - days * DAY
    connection.execute(delete(SAMPLES).where(SAMPLES.c.start < now - SAMPLES_FOR))
    connection.execute(delete(DAYS).where(DAYS.c.start < oldest // DAY * DAY))
    # What is left of their samples and summaries is as old, and is deleted above.
    connection.execute(delete(APPS).where(APPS.c.seen < oldest - DAY))


def _put(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        connection.execute(
            text(
                f"INSERT INTO {table.name} (start, app, body) VALUES (:start, :app, :body) "  # noqa: S608
                "ON CONFLICT (start, app) DO UPDATE SET body = excluded.body"
            ),
            rows,
        )


def _ids(connection: Connection, keys: Sequence[Key], now: int) -> dict[Key, int]:
    """Return the numbers of apps; those that have none get one."""
    known = _known(connection, keys)
    new = [each for each in keys if each not in known]
    if not new:
        return known
    connection.execute(
        insert(APPS), [{"namespace": each[0], "name": each[1], "seen": now} for each in new]
    )
    return known | _known(connection, new)


def _known(connection: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    place = tuple_(APPS.c.namespace, APPS.c.name)
    found = connection.execute(
        select(APPS.c.id, APPS.c.namespace, APPS.c.name).where(place.in_(list(keys)))
    )
    return {Key(row.namespace, row.name): int(row.id) for row in found}


# Reading.


def read_recent(connection: Connection, keys: Sequence[Key], now: int) -> dict[Key, Kept]:
    """Return what a portal that begins ``now`` puts before its own samples and entries."""
    ids = _known(connection, keys)
    if not ids:
        return {}
    starts = list(range((now - SPAN) // QUARTER * QUARTER, now + 1, QUARTER))
    found = connection.execute(
        select(SAMPLES.c.app, SAMPLES.c.body)
        .where(SAMPLES.c.start.in_(starts), SAMPLES.c.app.in_(list(ids.values())))
        .order_by(SAMPLES.c.start)
    )
    blocks: dict[int, list[bytes]] = {}
    for row in found:
        blocks.setdefault(int(row.app), []).append(row.body)
    timelines = connection.execute(
        select(APPS.c.id, APPS.c.timeline, APPS.c.reactions).where(
            APPS.c.id.in_(list(ids.values()))
        )
    )
    told = {int(row.id): (_timeline(row.timeline), row.reactions) for row in timelines}
    return {
        key: Kept(_history(blocks.get(id, ()), now), *told.get(id, (None, None)))
        for key, id in ids.items()
    }


def read_samples(connection: Connection, key: Key, now: int, step: int) -> list[Summary]:
    """Return summaries of ``step`` seconds of an app's samples of the last day."""
    app = _known(connection, [key]).get(key)
    starts = list(range((now - DAY) // QUARTER * QUARTER, now + 1, QUARTER))
    found = connection.execute(
        select(SAMPLES.c.body)
        .where(SAMPLES.c.start.in_(starts), SAMPLES.c.app == app)
        .order_by(SAMPLES.c.start)
    )
    histories = (_or_nothing(_of_block, row.body) for row in found)
    return summarized((each for history in histories if history for each in history), step)


def read_days(connection: Connection, key: Key, now: int, days: int) -> list[Summary]:
    """Return an app's summaries of the last days, each of a quarter of an hour."""
    app = _known(connection, [key]).get(key)
    oldest = now - days * DAY
    starts = list(range(oldest // DAY * DAY, now + 1, DAY))
    found = connection.execute(
        select(DAYS.c.body)
        .where(DAYS.c.start.in_(starts), DAYS.c.app == app)
        .order_by(DAYS.c.start)
    )
    read = [each for row in found for each in _or_nothing(unpack, row.body) or ()]
    return [each for each in read if each.at >= oldest]


def _of_block(block: bytes) -> History:
    metrics, width, rows = unpacked(block)
    return History.of_rows(metrics, rows, 0, width)


def _history(blocks: Iterable[bytes], now: int) -> History:
    """Return the samples of blocks as the history that a portal has of them now."""
    history = History()
    for block in blocks:
        part = _or_nothing(_of_block, block)
        if part is not None:
            history = part.after(history)
    return History.of_rows(history.metrics, history.rows, now)


def _packed_timeline(timeline: Timeline) -> bytes:
    kept = (timeline.since, timeline.gap, timeline.entries)
    return zlib.compress(msgspec.msgpack.encode(kept))


_KeptTimeline = tuple[datetime, tuple[datetime, datetime] | None, list[msgspec.Raw]]


def _timeline(block: bytes | None) -> Timeline | None:
    def read(block: bytes) -> Timeline:
        since, gap, entries = msgspec.msgpack.decode(inflated(block), type=_KeptTimeline)
        found = (_or_nothing(_entry, bytes(each)) for each in entries)
        return Timeline(since, bounded(each for each in found if each), gap=gap)

    return None if block is None else _or_nothing(read, block)


def _entry(raw: bytes) -> Entry:
    return msgspec.msgpack.decode(raw, type=Entry)


def _or_nothing(read: Callable[[bytes], T], block: bytes) -> T | None:
    """Return what ``read`` makes of a block; None for one of a later version, or damaged."""
    try:
        return read(block)
    except (ValueError, msgspec.MsgspecError):
        return None
