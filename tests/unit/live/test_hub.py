from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from portal.cluster.reflector import WATCH_SECONDS
from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.keys import Key
from portal.domain.limits import LIMITS
from portal.domain.permissions import UNLIMITED, Scope
from portal.live import hub as hubs
from portal.live.channel import Channel, Patches, View
from portal.live.hub import Hub
from portal.live.schedule import RenderSchedule
from portal.live.shares import ListShares
from portal.live.subscription import Subscription
from portal.state.model import STALE_AFTER
from portal.ui.live_views import spelled

ADA, BOB = Identity("ada"), Identity("bob")
IRIS, CHURN = Key("apps", "iris"), Key("apps", "churn")
APP, OTHER = "app/apps/iris", "app/apps/churn"

PROMPT = RenderSchedule(
    floor=0, list_floor=0, share=0, viewer=0, step=0, yields=0, tick=60, failed=0
)


class World:
    """Records what is rendered, in which order, and how many views are open."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {"a": 1, "b": 1}
        self.rendered: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.shut_out: set[str] = set()

    def scope(self, topic: str, identity: Identity) -> Scope:
        if identity.user in self.shut_out:
            return Scope(frozenset())
        return Scope(own=identity.user if topic.startswith("apps") else None)

    def open(self, topic: str, scope: Scope) -> View:
        def render() -> Patches:
            self.rendered.append((topic, scope.own or ""))
            if not scope.permissions:
                return dict.fromkeys(self.values, '{"children": "nothing"}')
            if topic in self.broken:
                raise RuntimeError("cannot be rendered")
            return {id: json.dumps({"children": value}) for id, value in self.values.items()}

        return render


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def hub(world: World) -> AsyncIterator[Hub]:
    hub = Hub(world.open, world.scope, schedule=PROMPT)
    hub.start()
    yield hub
    hub.close()


async def frame(subscription: Subscription) -> str:
    async with asyncio.timeout(5):
        text = await subscription.next()
    assert text is not None
    return text


async def patches(subscription: Subscription) -> dict[str, object]:
    message = json.loads(await frame(subscription))
    assert set(message) == {"view", "patches"}
    return {id: props["children"] for id, props in message["patches"].items()}


async def watching(hub: Hub, topic: str = APP, identity: Identity = ADA) -> Subscription:
    """A browser that has seen the whole view."""
    subscription = hub.subscribe(identity)
    hub.watch(subscription, topic)
    await patches(subscription)
    return subscription


async def test_whole_view_first_then_only_what_changed(hub: Hub, world: World) -> None:
    subscription = hub.subscribe(ADA)
    hub.watch(subscription, APP)
    assert await patches(subscription) == {"a": 1, "b": 1}
    world.values["b"] = 2
    hub.changed()
    assert await patches(subscription) == {"b": 2}


async def test_rendered_once_for_all_and_the_frame_is_shared(hub: Hub, world: World) -> None:
    everyone = [await watching(hub) for _ in range(50)]
    assert world.rendered == [(APP, "")]
    world.values["a"] = 2
    hub.changed()
    frames = [await frame(each) for each in everyone]
    assert world.rendered == [(APP, "")] * 2
    assert len({id(each) for each in frames}) == 1
    assert hub.counts.frames == 100


async def test_only_what_was_touched_is_rendered(hub: Hub, world: World) -> None:
    iris, churn, admin = [await watching(hub, topic) for topic in (APP, OTHER, "admin?q=x")]
    world.rendered.clear()
    world.values["a"] = 2
    hub.changed(frozenset({IRIS}))
    assert await patches(iris) == {"a": 2}
    assert await patches(admin) == {"a": 2}
    assert world.rendered == [(APP, ""), ("admin?q=x", "")]  # a list comes last
    hub.changed(frozenset({Key("apps", "unwatched"), CHURN}))
    assert await patches(churn) == {"a": 2}


async def test_nothing_named_means_everything(hub: Hub, world: World) -> None:
    both = [await watching(hub, topic) for topic in (APP, OTHER)]
    world.values["a"] = 2
    hub.changed()
    assert [await patches(each) for each in both] == [{"a": 2}] * 2


async def test_own_apps_are_rendered_for_each_user(hub: Hub, world: World) -> None:
    for topic in ("apps", "apps?q=x", "admin"):
        world.rendered.clear()
        for identity in (ADA, BOB, BOB):
            await watching(hub, topic, identity)
        users = {user for _, user in world.rendered}
        assert users == ({""} if topic == "admin" else {"ada", "bob"})
        assert len(world.rendered) == len(users)


async def test_nobody_watching_costs_nothing(hub: Hub, world: World) -> None:
    gone, resting = await watching(hub), await watching(hub, OTHER)
    hub.unsubscribe(gone)
    hub.unwatch(resting)
    assert hub.subscribers == 1
    world.rendered.clear()
    hub.changed()
    witness = hub.subscribe(ADA)
    hub.watch(witness, "admin")
    await patches(witness)
    assert world.rendered == [("admin", "")]


async def test_a_view_is_kept_for_who_comes_next_until_it_changes(hub: Hub, world: World) -> None:
    text = await hub.first_frame("admin", ADA)
    assert text is not None
    assert json.loads(text)["patches"]["a"] == {"children": 1}
    assert await hub.first_frame("admin", BOB) == text
    assert world.rendered == [("admin", "")]
    assert hub.subscribers == 0
    world.values["a"] = 2
    hub.changed()
    text = await hub.first_frame("admin", BOB)
    assert text is not None
    assert json.loads(text)["patches"]["a"] == {"children": 2}


async def test_spellings_of_one_topic_share_a_rendering(world: World) -> None:
    hub = Hub(world.open, world.scope, schedule=PROMPT, spell=spelled)
    hub.start()
    for topic in ("admin", "admin?x=1", "admin?page=1", "admin?sort=name&x=2"):
        subscription = hub.subscribe(ADA)
        hub.watch(subscription, topic)
        assert json.loads(await frame(subscription))["view"] == topic, "as the browser knows it"
    subscription = hub.subscribe(ADA)
    hub.watch(subscription, "admin?x=1&page=2")
    await patches(subscription)
    assert world.rendered == [("admin", ""), ("admin?page=2", "")]
    hub.close()


def test_there_is_room_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "MOST", 4)
    hub = Hub(World().open, World().scope, limit=LIMITS.with_most(tabs=2).tabs)
    hub.subscribe(ADA)
    last = hub.subscribe(ADA)
    assert str(hub.refusal(ADA)) == (
        "You have 2 tabs connected, the most that one person may have at once (limits.tabs). "
        "Close one that is not needed."
    )
    assert hub.refusal(Identity("ada", ("group",))), "a person, whatever the groups"
    assert not hub.refusal(BOB)
    hub.unsubscribe(last)
    assert not hub.refusal(ADA)
    for _ in range(3):
        assert not hub.refusal(ANONYMOUS), "nobody is told apart"
        hub.subscribe(ANONYMOUS)
    assert str(hub.refusal(ANONYMOUS)) == (
        "The portal has 4 tabs connected, the most that it can have. Try again in a minute."
    )
    assert hub.refusal(BOB)


def test_the_lists_of_who_watches_few_are_rendered_first() -> None:
    world, now = World(), 0.0
    hub = Hub(world.open, world.scope, clock=lambda: now)
    for page in range(20):
        hub.watch(hub.subscribe(ADA), f"admin?page={page + 2}")
    for identity in (ADA, BOB):
        hub.watch(hub.subscribe(identity), "admin?q=bob")
    while len(world.rendered) < 21:
        hub.turn()
    world.rendered.clear()
    now += 0.3  # they have rested
    hub.changed()
    now += 1
    while len(world.rendered) < 21:
        hub.turn()
    assert world.rendered[0] == ("admin?q=bob", ""), "though ada watches it as well"
    assert len(set(world.rendered)) == 21


def test_each_person_has_an_equal_part_of_the_time_for_lists() -> None:
    shares = ListShares()
    lists = [Channel(f"admin?page={page}", UNLIMITED, dict[str, str]) for page in range(50)]
    for each in lists:
        shares.add(ADA, each)
        shares.add(ADA, each)
    assert shares.among([ADA]) == 50, "many tabs of one list are one"
    shares.add(BOB, lists[0])
    assert shares.among([BOB]) == shares.among([ADA, BOB]) == 2
    assert shares.among([ADA]) == 100
    shares.add(BOB, Channel(APP, UNLIMITED, dict[str, str]))
    assert shares.among([BOB]) == 2, "a page of an app is no list"
    shares.remove(BOB, lists[0])
    assert shares.among([ADA]) == 50
    for each in lists * 2:
        shares.remove(ADA, each)
    assert shares.among([]) == 1


async def test_slow_browser_gets_the_latest_in_one_frame(hub: Hub, world: World) -> None:
    slow, quick = await watching(hub), await watching(hub)
    for n in range(20):
        world.values["a"] = n + 10
        hub.changed()
        await patches(quick)
    world.values["b"] = "last"
    hub.changed()
    await patches(quick)
    assert await patches(slow) == {"a": 29, "b": "last"}
    assert hub.counts.skipped == 20


async def test_changing_the_view_drops_what_waited_for_the_old_one(hub: Hub) -> None:
    subscription = await watching(hub)
    hub.changed()
    hub.watch(subscription, "admin")
    assert json.loads(await frame(subscription))["view"] == "admin"


async def test_a_late_subscriber_needs_no_rendering(hub: Hub, world: World) -> None:
    early = await watching(hub)
    world.values["a"] = 2
    hub.changed()
    assert await patches(early) == {"a": 2}
    late = hub.subscribe(BOB)
    hub.watch(late, APP)
    assert await patches(late) == {"a": 2, "b": 1}
    assert len(world.rendered) == 2


async def test_bursts_are_rendered_once(hub: Hub, world: World) -> None:
    subscription = await watching(hub)
    world.values["a"] = 2
    for _ in range(20):
        hub.changed()
    assert await patches(subscription) == {"a": 2}
    assert len(world.rendered) == 2


def test_what_goes_quiet_is_told_within_15_seconds() -> None:
    assert STALE_AFTER + RenderSchedule().tick < 15
    assert STALE_AFTER > WATCH_SECONDS, "a healthy source is silent for as long"


async def test_time_alone_renders_again(world: World) -> None:
    hub = Hub(world.open, world.scope, schedule=RenderSchedule(floor=0, share=0, tick=0.001))
    hub.start()
    subscription = await watching(hub)
    for n in (2, 3):
        world.values["a"] = n
        assert await patches(subscription) == {"a": n}
    hub.close()


async def test_one_broken_view_does_not_stop_the_others(
    hub: Hub, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    broken, other = await watching(hub, "admin"), await watching(hub)
    world.broken.add("admin")
    world.values["a"] = 2
    hub.changed()
    assert await patches(other) == {"a": 2}
    world.values["a"] = 3
    hub.changed()
    assert await patches(other) == {"a": 3}
    assert "admin" in caplog.text
    world.broken.clear()
    hub.changed()
    assert await patches(broken) == {"a": 3}


async def test_a_view_broken_from_the_start_comes_once_it_can(hub: Hub, world: World) -> None:
    world.broken.add(APP)
    subscription = hub.subscribe(ADA)
    hub.watch(subscription, APP)
    await watching(hub, OTHER)
    world.broken.clear()
    hub.changed()
    assert await patches(subscription) == {"a": 1, "b": 1}


async def test_a_nudge_is_heard_only_where_there_is_nothing_to_say(hub: Hub, world: World) -> None:
    subscription = await watching(hub)
    subscription.nudge()
    assert await subscription.next() == ""
    reader = asyncio.create_task(subscription.next())
    await asyncio.sleep(0)
    subscription.nudge()
    assert await reader == ""
    world.values["a"] = 2
    hub.changed()
    assert await patches(subscription) == {"a": 2}


async def test_close_wakes_every_reader(hub: Hub) -> None:
    subscriptions = [hub.subscribe(ADA) for _ in range(3)]
    readers = [asyncio.create_task(each.next()) for each in subscriptions]
    await asyncio.sleep(0)
    hub.close()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*readers) == [None, None, None]
    late = hub.subscribe(ADA)
    hub.watch(late, APP)
    assert await late.next() is None
    assert hub.subscribers == 0


class Clock:
    """Time that passes only when a test says so, or a view takes it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Paced:
    """A hub that is not started, and whose turns are taken by hand."""

    def __init__(self, schedule: RenderSchedule, took: float = 0.0) -> None:
        self.clock = Clock()
        self.took = took
        self.rendered: list[tuple[str, float]] = []
        self.count = 0
        self.differs = True
        self.hub = Hub(
            self.open, lambda topic, identity: UNLIMITED, schedule=schedule, clock=self.clock
        )

    def open(self, topic: str, scope: Scope) -> View:
        def render() -> Patches:
            self.rendered.append((topic, round(self.clock.now - 100, 4)))
            self.clock.now += self.took
            self.count += self.differs
            return {"id": str(self.count)}

        return render

    def watch(self, *topics: str) -> None:
        for topic in topics:
            self.hub.watch(self.hub.subscribe(ADA), topic)

    def run(self, until: float) -> list[tuple[str, float]]:
        """Return what is rendered until then, and when."""
        self.rendered.clear()
        while (due := self.hub.turn()) is not None and due <= 100 + until:
            self.clock.now = max(self.clock.now, due)
        self.clock.now = max(self.clock.now, 100 + until)
        return list(self.rendered)


def test_first_at_once_then_no_more_than_its_share() -> None:
    paced = Paced(RenderSchedule(floor=0.01, share=4, tick=60), took=0.02)
    paced.watch(APP)
    assert paced.run(1) == [(APP, 0)]
    for _ in range(3):
        paced.hub.changed(frozenset({IRIS}))
    assert paced.run(1) == [(APP, 1)]
    paced.hub.changed(frozenset({IRIS}))
    assert paced.run(3) == [(APP, 1.1)]  # 0.02 s of work, then 0.08 s of rest


def test_lists_rest_longer() -> None:
    paced = Paced(RenderSchedule(floor=0.01, list_floor=0.25, step=0, tick=60))
    paced.watch(APP, "admin")
    paced.run(1)
    paced.hub.changed(frozenset({IRIS}))
    assert paced.run(1.001) == [(APP, 1), ("admin", 1)]
    paced.hub.changed(frozenset({IRIS}))
    assert paced.run(2) == [(APP, 1.01), ("admin", 1.25)]


def test_a_list_that_a_change_left_as_it_was_rests_for_less() -> None:
    """Changes of one person's apps must not have another person's list wait for its own."""
    paced = Paced(RenderSchedule(list_floor=0.25, same_floor=0.05, step=0, tick=60))
    paced.watch("admin?q=x")
    paced.run(1)
    paced.differs = False
    paced.hub.changed(frozenset({IRIS}))
    assert paced.run(1.001) == [("admin?q=x", 1)]
    paced.differs = True
    for until, seen in ((2, 1.05), (2.001, 2), (3, 2.25)):
        paced.hub.changed(frozenset({IRIS}))
        assert paced.run(until) == [("admin?q=x", seen)]


def test_lists_together_take_no_more_than_one_view_may() -> None:
    paced = Paced(RenderSchedule(list_floor=0.01, share=4, step=0, yields=0, tick=60), took=0.02)
    lists = [f"admin?q={number}" for number in range(10)]
    paced.watch(*lists)
    paced.run(10)
    for tenth in range(100):
        paced.hub.changed()
        paced.run(10 + tenth / 10)
    paced.hub.changed()
    assert len(paced.run(21)) * paced.took <= 1 / 4 + 0.2
    assert {topic for topic, _ in paced.rendered} == set(lists)


def test_pages_of_apps_go_before_lists_that_are_due() -> None:
    paced = Paced(RenderSchedule(step=0, yields=0.5, tick=60), took=0.2)
    paced.watch("admin", "admin?q=x")
    paced.clock.now += 0.1
    paced.watch(APP, OTHER, "app/apps/third", "app/apps/fourth")
    topics = [topic for topic, _ in paced.run(5)]
    assert topics.index("admin") > 1, "later than pages that came after it"
    assert topics.index("admin") < 5, "but it does not wait for ever"


def test_a_change_of_one_overtakes_a_change_of_many() -> None:
    paced = Paced(RenderSchedule(step=0.005, spread=1, tick=60))
    many = [f"app/apps/a{n}" for n in range(10)]
    paced.watch(*many, APP)
    paced.run(1)
    paced.hub.changed()
    assert [topic for topic, _ in paced.run(1.012)] == many[:3]
    paced.hub.changed(frozenset({IRIS}))
    assert [topic for topic, _ in paced.run(2)] == [APP, *many[3:]]


def test_a_change_of_very_many_is_done_in_time() -> None:
    paced = Paced(RenderSchedule(step=0.005, spread=0.8, tick=60))
    paced.watch(*[f"app/apps/a{n}" for n in range(400)])
    paced.run(5)
    paced.hub.changed()
    rendered = paced.run(6)
    assert len(rendered) == 400
    assert max(at for _, at in rendered) <= 5.8


def test_frames_are_kept_for_a_few_versions_only() -> None:
    values = iter(range(100))
    channel = Channel(APP, UNLIMITED, lambda: {"id": str(next(values))})
    for _ in range(50):
        assert channel.refresh()
    texts = [channel.frame_after(version, APP) for version in range(50)]
    assert len(set(texts)) == 1
    assert len({id(text) for text in texts}) > 1


async def test_rights_that_change_while_somebody_looks(hub: Hub, world: World) -> None:
    """Bob loses them, and has them again: each time he gets the whole view of that first."""
    ada, bob = await watching(hub), await watching(hub, identity=BOB)
    assert ada.channel is bob.channel
    world.shut_out.add("bob")
    world.values["a"] = 2
    hub.changed(frozenset({IRIS}))
    assert await patches(bob) == {"a": "nothing", "b": "nothing"}
    assert await patches(ada) == {"a": 2}
    assert ada.channel is not bob.channel
    world.values["a"] = 3
    world.shut_out.clear()
    hub.changed(frozenset({IRIS}))
    assert await patches(bob) == {"a": 3, "b": 1}
    assert ada.channel is bob.channel


async def test_a_right_that_is_lost_is_lost_at_once(hub: Hub, world: World) -> None:
    """For that user, on every topic they watch; nothing is sent to others."""
    ada, bob, list_of_bob = [
        await watching(hub, topic, who) for topic, who in ((APP, ADA), (APP, BOB), ("apps", BOB))
    ]
    idle = hub.subscribe(BOB)
    world.rendered.clear()
    hub.rescope(BOB)
    assert bob.channel is ada.channel, "nothing has changed"
    world.shut_out.add("bob")
    hub.rescope(BOB)
    for each in (bob, list_of_bob):
        assert await patches(each) == {"a": "nothing", "b": "nothing"}
    assert sorted(world.rendered) == [(APP, ""), ("apps", "")]
    assert idle.channel is None
    assert hub.identities == {ADA, BOB}
    hub.unsubscribe(ada)
    assert hub.identities == {BOB}


async def test_rights_are_looked_at_without_any_change(world: World) -> None:
    hub = Hub(world.open, world.scope, schedule=RenderSchedule(floor=0, share=0, tick=0.001))
    hub.start()
    bob = await watching(hub, identity=BOB)
    world.shut_out.add("bob")
    assert await patches(bob) == {"a": "nothing", "b": "nothing"}
    hub.close()


async def test_a_scope_that_cannot_be_told_shows_nothing_new(hub: Hub, world: World) -> None:
    bob = await watching(hub, identity=BOB)
    tell = world.scope

    def fail(topic: str, identity: Identity) -> Scope:
        raise RuntimeError("no")

    hub._scope_of = fail
    world.values["a"] = 2
    hub.changed()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert bob.channel is not None
    assert bob.channel.version == 1
    hub._scope_of = tell
    hub.changed()
    assert await patches(bob) == {"a": 2}
