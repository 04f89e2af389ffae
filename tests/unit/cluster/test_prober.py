from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from aiohttp import web
from msgspec.structs import replace

from portal.cluster import prober
from portal.cluster.prober import FAIR, RARELY, SETTLED, WAITING, HttpProbe, UrlProber
from portal.domain.keys import Key
from portal.domain.launch import Exposure
from portal.domain.objects import Ingress, Kind, Probe, ServicePort
from portal.domain.urls import Url
from portal.state.store import Store
from tests.unit.state import make

KEY = Key("apps", "one")


class World:
    """A prober with a clock of its own and answers from a dictionary."""

    def __init__(self) -> None:
        self.store = Store()
        self.now = 0.0
        self.answer: tuple[int, str] = (0, "refused")
        self.asked: list[tuple[float, str]] = []
        self.prober = UrlProber(self.store, fetch=self.fetch, clock=lambda: self.now, gap=0)

    async def fetch(self, url: Url) -> tuple[int, str]:
        self.asked.append((self.now, url.href))
        return self.answer

    async def settle(self) -> None:
        """Let the prober do what is due."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def at(self, now: float, *wanted: Key) -> None:
        """Move the clock and wake the prober, or look at some apps."""
        self.now = now
        self.prober.prioritize(wanted)
        self.prober._wake.set()
        await self.settle()


@pytest.fixture
async def world():
    world = World()
    task = asyncio.create_task(world.prober.run())
    await world.settle()
    yield world
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_often_until_it_answers_then_seldom(world: World) -> None:
    make.app(world.store, "one")
    make.put(world.store, make.service("one"))
    await world.settle()
    assert world.asked == [(0, "http://one.apps.svc")]
    found = world.store.snapshot.app(KEY).probe
    assert found is not None
    assert (found.url, found.status, found.error) == ("http://one.apps.svc", 0, "refused")
    await world.at(WAITING - 0.1)
    assert len(world.asked) == 1
    world.answer = (200, "")
    await world.at(WAITING)
    assert len(world.asked) == 2
    assert world.store.snapshot.app(KEY).probe.status == 200  # type: ignore[union-attr]
    await world.at(WAITING + SETTLED - 0.1, KEY)
    assert len(world.asked) == 2
    await world.at(WAITING + SETTLED, KEY)
    assert len(world.asked) == 3
    last = WAITING + SETTLED
    await world.at(last + RARELY - 0.1)
    assert len(world.asked) == 3, "nobody looks at it any more"
    await world.at(last + RARELY)
    assert len(world.asked) == 4


async def test_the_same_answer_again_changes_no_page(world: World) -> None:
    make.app(world.store, "one")
    make.put(world.store, make.service("one"))
    world.answer = (200, "")
    await world.settle()
    before = world.store.snapshot
    await world.at(RARELY)
    assert len(world.asked) == 2
    assert world.store.snapshot is before


async def test_one_after_the_other_and_first_what_somebody_looks_at() -> None:
    world = World()
    world.prober = UrlProber(world.store, fetch=world.fetch, clock=lambda: world.now, gap=1)
    names = [f"app{each}" for each in range(8)]
    for name in names:
        make.app(world.store, name)
        make.put(world.store, make.service(name))
    world.answer = (200, "")
    task = asyncio.create_task(world.prober.run())
    await world.settle()
    assert len(world.asked) == 1, "not all at once"
    await world.at(1, Key("apps", "app5"), Key("apps", "app6"))
    await world.at(1.5)
    await world.at(2)
    assert {href for _, href in world.asked[1:]} == {"http://app5.apps.svc", "http://app6.apps.svc"}
    for now in range(3, 20):
        await world.at(now)
    assert len(world.asked) == 8, "each once"
    assert world.prober.asked == 8
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_nobody_looks_at_has_its_turn_though_all_turns_are_wanted() -> None:
    world = World()
    world.prober = UrlProber(world.store, fetch=world.fetch, clock=lambda: world.now, gap=1)
    looked_at = [Key("apps", f"app{each}") for each in range(2 * int(SETTLED))]
    for name in (*(key.name for key in looked_at), "other"):
        make.app(world.store, name)
        make.put(world.store, make.service(name))
    world.answer = (200, "")
    task = asyncio.create_task(world.prober.run())
    await world.settle()
    for now in range(1, 500):
        await world.at(now, *looked_at)
    others = [at for at, href in world.asked if href == "http://other.apps.svc"]
    assert len(others) == 2
    assert others[0] < 100
    assert RARELY <= others[1] - others[0] < RARELY + FAIR * len(looked_at)
    assert len(world.asked) == 500, "no turn is left out"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("status", "alone", "behind_a_proxy"),
    [
        (200, True, True),
        (302, True, True),
        (404, True, False),
        (500, False, False),
        (503, False, False),
        (0, False, False),
    ],
)
def test_an_error_of_a_proxy_is_no_answer(status: int, alone: bool, behind_a_proxy: bool) -> None:
    now = datetime.now(UTC)
    assert Probe("http://a", status, "", now).answered is alone
    assert Probe("http://a", status, "", now, shared=True).answered is behind_a_proxy


async def test_until_the_proxy_knows_the_host_name_it_is_asked_again_soon(world: World) -> None:
    make.app(world.store, "one")
    taken = replace(INGRESS, hosts=("one.example.org",), addresses=("10.0.0.9",))
    world.store.apply(Kind.INGRESS, KEY, taken)
    world.answer = (404, "")
    await world.settle()
    await world.at(WAITING)
    assert len(world.asked) == 2
    found = world.store.snapshot.app(KEY).probe
    assert found is not None
    assert found.shared


async def test_waits_grow_but_another_ready_pod_is_looked_at_at_once(world: World) -> None:
    make.app(world.store, "one")
    make.put(world.store, make.service("one"))
    await world.settle()
    for now in range(1, 120):
        await world.at(now, KEY)
    times = [at for at, _ in world.asked]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert gaps[0] == WAITING
    assert SETTLED <= gaps[-1] <= SETTLED + 1
    await world.at(120.5)
    before = len(world.asked)
    make.put(world.store, make.deployment("one", desired=2, ready=2))
    await world.settle()
    assert len(world.asked) == before + 1


async def test_a_new_address_is_asked_at_once_and_the_old_one_no_more(world: World) -> None:
    make.app(world.store, "one")
    make.put(world.store, make.service("one"))
    await world.settle()
    balanced = replace(make.service("one"), type="LoadBalancer", addresses=("a.elb",))
    make.put(world.store, balanced)
    await world.settle()
    assert [href for _, href in world.asked] == ["http://one.apps.svc", "http://a.elb"]


async def test_a_node_that_comes_gives_an_address_and_other_news_cost_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    honest = prober.targets
    monkeypatch.setattr(prober, "targets", lambda *of: calls.append(of) or honest(*of))
    for name in ("one", "two"):
        make.app(world.store, name)
    ports = (ServicePort(80, node_port=30080),)
    make.put(world.store, replace(make.service("one"), type="NodePort", ports=ports))
    make.put(world.store, make.service("two"))
    await world.settle()
    assert len(world.asked) == 1, "there is no node"
    before = len(calls)
    world.store.set_source("Pod", synced=True)
    await world.settle()
    assert len(calls) == before
    world.store.apply(Kind.NODE, Key("", "n1"), make.node())
    await world.settle()
    assert world.asked[-1][1] == "http://198.18.0.1:30080"


INGRESS = Ingress(KEY, "one", "nginx", ("169.254.169.254",), (), ())


async def test_a_name_that_somebody_typed_is_not_looked_up(world: World) -> None:
    make.app(world.store, "one")
    make.put(world.store, make.service("one"))
    world.store.apply(Kind.INGRESS, KEY, INGRESS)
    await world.settle()
    for now in range(0, 60, 10):
        await world.at(now)
    assert world.asked == []
    found = world.store.snapshot.app(KEY).probe
    assert found is not None
    assert (found.url, found.status) == ("http://169.254.169.254", 0)
    assert "published" in found.error
    told: list[object] = []
    world.store.on_change(told.append)
    await world.settle()
    assert told == [], "told once"


async def test_an_ingress_is_asked_where_it_is_published_while_it_is(world: World) -> None:
    world.answer = (200, "")
    make.app(world.store, "one")
    for addresses in (("1.2.3.4",), ()):
        world.store.apply(Kind.INGRESS, KEY, replace(INGRESS, addresses=addresses))
        await world.settle()
        assert len(world.asked) == 1
        found = world.store.snapshot.app(KEY).probe
        assert found is not None
        assert found.status == (200 if addresses else 0)
    await world.at(SETTLED * 3)
    assert len(world.asked) == 1


async def test_another_way_out_is_asked_meanwhile(world: World) -> None:
    make.app(world.store, "one")
    world.store.apply(Kind.INGRESS, KEY, INGRESS)
    balanced = replace(make.service("one"), type="LoadBalancer", addresses=("a.elb",))
    make.put(world.store, balanced)
    await world.settle()
    assert [href for _, href in world.asked] == ["http://a.elb"]


async def test_it_stops_when_the_release_goes(world: World) -> None:
    make.app(world.store, "one")
    make.put(world.store, make.service("one"))
    await world.settle()
    world.store.delete(Kind.RELEASE, Key("apps", "sh.helm.release.v1.one.v1"))
    await world.settle()
    await world.at(100)
    assert len(world.asked) == 1
    assert world.store.snapshot.app(KEY).probe is None


async def test_an_answer_that_comes_after_the_release_went_is_dropped(world: World) -> None:
    gate = asyncio.Event()
    plain: Callable[[Url], object] = world.fetch

    async def slow(url: Url) -> tuple[int, str]:
        await plain(url)  # type: ignore[misc]
        await gate.wait()
        return 200, ""

    world.prober._fetch = slow
    task = asyncio.create_task(world.prober.run())
    make.app(world.store, "one")
    make.put(world.store, make.service("one"))
    await world.settle()
    world.store.delete(Kind.RELEASE, Key("apps", "sh.helm.release.v1.one.v1"))
    await world.settle()
    gate.set()
    await world.settle()
    assert world.store.snapshot.app(KEY).probe is None or (
        world.store.snapshot.app(KEY).probe.status != 200  # type: ignore[union-attr]
    )
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _serve(handler: Callable[[web.Request], object]) -> tuple[web.AppRunner, int]:
    app = web.Application()
    app.router.add_get("/", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, runner.addresses[0][1]


async def test_over_http_it_sends_the_host_and_follows_no_redirect() -> None:
    seen: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        seen.append(request.headers["Host"])
        raise web.HTTPFound("http://169.254.169.254/")

    runner, port = await _serve(redirect)
    url = Url("http://web.test", Exposure.INGRESS, "127.0.0.1", port, "web.test")
    try:
        async with HttpProbe(["127.0.0.1"]) as http:
            assert await http(url) == (302, "")
    finally:
        await runner.cleanup()
    assert seen == ["web.test"]


async def test_over_http_what_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    over = asyncio.Event()

    async def never(request: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    monkeypatch.setattr(prober, "TIMEOUT", prober.aiohttp.ClientTimeout(total=0.1))
    runner, port = await _serve(never)
    silent = Url("http://x", Exposure.INGRESS, "127.0.0.1", port, "x")
    try:
        async with HttpProbe(["127.0.0.1"]) as http:
            status, error = await http(silent)
            assert (status, "No answer" in error) == (0, True)
    finally:
        over.set()
        await runner.cleanup()
    async with HttpProbe(["127.0.0.1"]) as http:
        status, error = await http(silent)
    assert status == 0
    assert "onnect" in error
