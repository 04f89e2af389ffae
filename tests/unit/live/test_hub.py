from __future__ import annotations

import asyncio
import json

import pytest

from portal.domain.identity import Identity
from portal.live.hub import Hub, Patches, Subscription
from portal.live.mailbox import Frame, Mailbox

ADA, BOB = Identity("ada"), Identity("bob")
APP = "app/apps/iris"


class World:
    """What is rendered, how often, and what was encoded."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {"a": 1, "b": 1}
        self.rendered: list[tuple[str, str]] = []
        self.encoded = 0
        self.broken: set[str] = set()
        self.again = asyncio.Event()

    def render(self, topic: str, identity: Identity) -> Patches:
        self.rendered.append((topic, identity.user))
        self.again.set()
        if topic in self.broken:
            raise RuntimeError("cannot be rendered")
        return {id: {"children": value} for id, value in self.values.items()}

    def encode(self, value: object) -> str:
        self.encoded += 1
        return json.dumps(value)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def hub(world: World) -> Hub:
    return Hub(world.render, world.encode, delay=0.001, tick=60)


async def patches(subscription: Subscription) -> dict[str, object]:
    async with asyncio.timeout(2):
        frame = await subscription.mailbox.get()
    assert frame is not None
    message = json.loads(frame.text)
    assert set(message) == {"view", "patches"}
    return {id: props["children"] for id, props in message["patches"].items()}


async def test_whole_view_first_then_only_what_changed(hub: Hub, world: World) -> None:
    subscription = hub.subscribe(ADA)
    subscription.watch(APP)
    assert await patches(subscription) == {"a": 1, "b": 1}
    world.values["b"] = 2
    await hub.flush()
    assert await patches(subscription) == {"b": 2}


async def test_rendered_and_encoded_once_for_all(hub: Hub, world: World) -> None:
    everyone = [hub.subscribe(ADA) for _ in range(50)]
    for each in everyone:
        each.watch(APP)
        await patches(each)
    world.rendered.clear()
    world.encoded = 0
    world.values["a"] = 2
    await hub.flush()
    assert world.rendered == [(APP, "ada")]
    assert world.encoded == len(world.values)
    frames = [await each.mailbox.get() for each in everyone]
    assert len({id(frame) for frame in frames}) == 1


async def test_own_apps_are_rendered_for_each_user(hub: Hub, world: World) -> None:
    for identity in (ADA, BOB, BOB):
        hub.subscribe(identity).watch("apps")
    world.rendered.clear()
    await hub.flush()
    assert sorted(world.rendered) == [("apps", "ada"), ("apps", "bob")]


async def test_nobody_watching_costs_nothing(hub: Hub, world: World) -> None:
    subscription = hub.subscribe(ADA)
    await hub.flush()
    assert world.rendered == []
    subscription.watch(APP)
    subscription.watch("admin")
    world.rendered.clear()
    await hub.flush()
    assert world.rendered == [("admin", "ada")]
    subscription.close()
    world.rendered.clear()
    await hub.flush()
    assert world.rendered == []
    assert hub.subscribers == 0


async def test_slow_browser_gets_the_latest_in_one_frame(hub: Hub, world: World) -> None:
    subscription = hub.subscribe(ADA)
    subscription.watch(APP)
    await patches(subscription)
    for n in range(100):
        world.values["a"] = n
        await hub.flush()
    world.values["b"] = "last"
    await hub.flush()
    assert await patches(subscription) == {"a": 99, "b": "last"}


async def test_changing_the_view_drops_what_waited_for_the_old_one(hub: Hub) -> None:
    subscription = hub.subscribe(ADA)
    subscription.watch(APP)
    subscription.watch("admin")
    frame = await subscription.mailbox.get()
    assert frame is not None
    assert frame.view == "admin"


async def test_a_late_subscriber_does_not_rob_the_others(hub: Hub, world: World) -> None:
    early = hub.subscribe(ADA)
    early.watch(APP)
    await patches(early)
    world.values["a"] = 2
    late = hub.subscribe(BOB)
    late.watch(APP)  # renders, and so notices the change before the hub does
    assert await patches(late) == {"a": 2, "b": 1}
    assert await patches(early) == {"a": 2}


async def test_bursts_are_rendered_once(hub: Hub, world: World) -> None:
    subscription = hub.subscribe(ADA)
    subscription.watch(APP)
    await patches(subscription)
    await hub.start()
    world.rendered.clear()
    world.values["a"] = 2
    for _ in range(20):
        hub.changed()
    assert await patches(subscription) == {"a": 2}
    assert len(world.rendered) == 1
    await hub.close()


async def test_time_alone_renders_again(world: World) -> None:
    hub = Hub(world.render, world.encode, delay=0, tick=0.001)
    subscription = hub.subscribe(ADA)
    subscription.watch(APP)
    await hub.start()
    async with asyncio.timeout(2):
        for _ in range(3):
            world.again.clear()
            await world.again.wait()
    await hub.close()


async def test_one_broken_view_does_not_stop_the_others(
    hub: Hub, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = hub.subscribe(ADA), hub.subscribe(ADA)
    first.watch("admin")
    second.watch(APP)
    await patches(second)
    world.broken.add("admin")
    world.values["a"] = 2
    await hub.flush()
    assert await patches(second) == {"a": 2}
    assert "admin" in caplog.text


async def test_close_wakes_every_reader(hub: Hub) -> None:
    subscriptions = [hub.subscribe(ADA) for _ in range(3)]
    await hub.start()
    readers = [asyncio.create_task(each.mailbox.get()) for each in subscriptions]
    await asyncio.sleep(0)
    await hub.close()
    async with asyncio.timeout(2):
        assert await asyncio.gather(*readers) == [None, None, None]
    assert hub.subscribe(ADA).mailbox.closed


def test_mailbox_holds_one_frame() -> None:
    mailbox = Mailbox()
    mailbox.put(Frame("apps", {"a": "1", "b": "1"}))
    mailbox.put(Frame("apps", {"b": "2"}))
    frame = asyncio.run(mailbox.get())
    assert frame is not None
    assert json.loads(frame.text) == {"view": "apps", "patches": {"a": 1, "b": 2}}
