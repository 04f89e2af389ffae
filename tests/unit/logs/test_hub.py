from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.errors import Conflict, LimitReached
from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.keys import Key
from portal.domain.limits import LIMITS, Limit
from portal.domain.objects import Pod
from portal.logs import feed as feed_module
from portal.logs import hub as module
from portal.logs.hub import LogHub
from portal.logs.lines import Level, Line
from portal.logs.ring import LINES
from portal.logs.stream import Timing
from portal.logs.subscription import NOTHING, LogSubscription
from portal.logs.targets import Selection
from portal.logs.wire import Message, lines_message, sources_message
from tests.unit.logs.fakes import FAST, Logs, joined, nothing_hidden
from tests.unit.logs.test_targets import APP, container, pod
from tests.waiting import until


class Site:
    def __init__(self, *names: str, timing: Timing = FAST, limit: Limit = LIMITS.logs) -> None:
        self.logs = Logs()
        self.pods: list[Pod] = [pod(name) for name in names]
        self.hub = LogHub(
            self.logs,
            lambda _: self.pods,
            nothing_hidden,
            timing=timing,
            interval=0,
            linger=0,
            room=100_000,
            limit=limit,
        )

    def look(self, *names: str) -> None:
        self.pods = [pod(name) for name in names]
        self.hub.changed(frozenset({APP}))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site("a", "b")
    yield site
    site.hub.close()
    await asyncio.sleep(0)


def read(message: Message | None) -> dict[str, Any]:
    return json.loads(message.text or "{}") if message else {}


class Viewer:
    """What one browser has got."""

    def __init__(self, subscription: LogSubscription) -> None:
        self.subscription = subscription
        self.lines: list[str] = []
        self.sources: list[dict[str, Any]] = []
        self.dropped = 0

    async def read(self) -> None:
        message = read(await self.subscription.next())
        self.sources = message.get("sources", self.sources)
        self.lines += [row[3] for row in message.get("lines", [])]
        self.dropped += message.get("dropped", 0)

    async def until(self, *lines: str) -> None:
        async with asyncio.timeout(10):
            while self.lines[-len(lines) :] != list(lines):
                await self.read()


async def view(site: Site, selection: Selection | None = None, **how: int) -> Viewer:
    selection = selection or Selection(APP)
    return Viewer(await joined(site.hub, selection, **how))


async def test_pods_are_merged_in_the_order_of_their_times() -> None:
    site = Site("a", "b", timing=replace(FAST, first=1.0))
    site.logs.of("a").write("one", at=1_000_000)
    site.logs.of("b").write("two", at=1_000_001)
    site.logs.of("a").write("three", at=1_000_002)
    viewer = await view(site)
    await viewer.until("one", "two", "three")
    assert {(each["pod"], each["state"]) for each in viewer.sources} == {
        ("a", "following"),
        ("b", "following"),
    }
    site.logs.of("b").write("four", at=1_000_003)
    await viewer.until("four")
    site.hub.close()


async def test_fifty_viewers_share_one_stream_of_each_container(site: Site) -> None:
    viewers = [await view(site) for _ in range(50)]
    one = await view(site, Selection(APP, "a"))
    site.logs.of("a").write("hello")
    for viewer in (*viewers, one):
        await viewer.until("hello")
    assert [log.open for log in site.logs.all.values()] == [1, 1]
    assert [len(log.opened) for log in site.logs.all.values()] == [1, 1]
    assert site.hub.streams == 2
    assert site.hub.viewers == 51


async def test_who_comes_later_gets_the_tail_and_each_line_once(site: Site) -> None:
    first = await view(site)
    site.logs.of("a").write(*map(str, range(10)))
    await first.until("9")
    later = await view(site, tail=3)
    await later.read()
    await later.read()
    assert later.lines == ["7", "8", "9"]
    site.logs.of("a").write("10")
    await later.until("9", "10")
    await first.until("9", "10")
    recent = await view(site, since=site.logs.of("a").lines[-1][0])
    await recent.until("10")
    assert recent.lines == ["10"]


async def test_streams_end_after_the_last_viewer_has_left(site: Site) -> None:
    first, second = await view(site), await view(site, Selection(APP, "a"))
    site.hub.leave(first.subscription)
    await until(lambda: site.logs.of("b").open == 0)
    assert site.logs.of("a").open == 1
    site.hub.leave(second.subscription)
    await until(lambda: site.logs.of("a").open == 0)
    assert site.hub.streams == 0
    assert site.hub.viewers == 0


async def test_pods_come_and_go(site: Site) -> None:
    viewer = await view(site)
    site.logs.of("a").write("a's last words")
    await viewer.until("a's last words")
    site.logs.of("c").write("c's first words")
    site.look("b", "c")
    site.logs.of("a").cut()
    await viewer.until("c's first words")
    await until(lambda: site.logs.of("a").open == 0)
    site.look("b", "c")
    while {each["pod"] for each in viewer.sources} != {"b", "c"}:
        await viewer.read()
    assert site.logs.of("c").open == 1


async def test_a_slow_browser_loses_lines_not_memory(site: Site) -> None:
    viewer = await view(site)
    for start in range(0, 3 * LINES, 100):
        site.logs.of("a").write(*("word " * 60 for _ in range(start, start + 100)))
        await asyncio.sleep(0.001)
    site.logs.of("a").write("the end")
    await until(lambda: site.hub.lines == 3 * LINES + 1)
    await viewer.until("the end")
    assert viewer.dropped > 0
    assert viewer.dropped + len(viewer.lines) == 3 * LINES + 1


async def test_a_queue_is_bounded_and_says_what_it_dropped() -> None:
    subscription = LogSubscription(ANONYMOUS, characters=1_000)
    for number in range(100):
        subscription.lines(lines_message([(1, Line(number, Level.NONE, "x" * 100))]))
    newest = sources_message((), 0, ())
    subscription.sources(sources_message((), 1, ()))
    subscription.sources(newest)
    assert await subscription.next() is newest
    dropped = read(await subscription.next())["dropped"]
    rest = 0
    subscription.nudge()
    while await subscription.next() is not NOTHING:
        rest += 1
    assert dropped + rest == 100
    assert 0 < rest < 10
    subscription.close()
    assert await subscription.next() is None


async def test_connections_and_streams_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site("a", "b", limit=LIMITS.with_most(logs=1).logs)
    monkeypatch.setattr(module, "MOST", 3)
    monkeypatch.setattr(module, "MOST_STREAMS", 1)
    ada = Identity("ada")
    assert site.hub.admit(ada, Selection(APP))
    with pytest.raises(LimitReached, match="You have 1 log open"):  # before it has joined
        site.hub.admit(ada, Selection(APP))
    viewer = await view(site)
    message = read(await viewer.subscription.next())
    assert message["left"] == 1
    assert len(message["sources"]) == 1
    late = site.hub.admit(Identity("bob"), Selection(APP))
    with pytest.raises(LimitReached, match="The portal has 3 logs open"):
        site.hub.admit(ANONYMOUS, Selection(APP))
    site.hub.close()
    with pytest.raises(Conflict, match="restarting"):
        site.hub.admit(Identity("carl"), Selection(APP))
    await site.hub.join(late, tail=1)
    assert site.hub.streams == 0
    assert await late.next() is None


async def test_changes_of_other_apps_open_nothing(site: Site) -> None:
    await view(site)
    site.pods = [*site.pods, pod("c", container())]
    site.hub.changed(frozenset({Key("apps", "other")}))
    assert site.hub.streams == 2
    site.hub.changed()
    assert site.hub.streams == 3


def test_the_first_message_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "MOST_CHARACTERS", 1_000)
    past = [(1, Line(at, Level.NONE, "x" * 100)) for at in range(50)]
    rows = read(feed_module._past(past, 50, 0))["lines"]
    assert [row[1] for row in rows] == list(range(50))[-len(rows) :]
    assert 0 < len(rows) < 10


async def test_a_feed_goes_on_after_an_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = await view(site)
    real = feed_module.lines_message
    broken = True

    def lines_message(*what: Any, **how: Any) -> Message:
        if broken:
            raise ValueError("unforeseen")
        return real(*what, **how)

    monkeypatch.setattr(feed_module, "lines_message", lines_message)
    site.logs.of("a").write("one")
    async with asyncio.timeout(10):
        while viewer.dropped != 1:
            await viewer.read()
    broken = False
    site.logs.of("a").write("two")
    await viewer.until("two")
