from __future__ import annotations

from msgspec.structs import replace

from portal.domain.objects import Container, Kind, Pod
from portal.notifications.messages import Message
from portal.notifications.troubles import LASTING, Troubles
from portal.state.store import Store
from tests.unit.state.make import app, key, pod, put


class World:
    """A store, and what is told of it by a clock of the test's own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.store = Store()
        self.told: list[str] = []
        self.troubles = Troubles(self.store, self.say, clock=lambda: self.now)
        for kind in Kind:
            self.store.set_source(kind.value, synced=True)

    def say(self, message: Message) -> None:
        self.told.append(message["text"])

    async def look(self, seconds: float = 0) -> list[str]:
        self.now += seconds
        before = len(self.told)
        await self.troubles.look()
        return self.told[before:]

    def crashing(self, name: str = "web") -> None:
        one = Container("app", "image", False, 5, "waiting", "CrashLoopBackOff", last_exit_code=1)
        self.put(replace(pod(f"{name}-1-a", f"{name}-1", ready=False), containers=(one,), node="n"))

    def healthy(self, name: str = "web") -> None:
        self.put(pod(f"{name}-1-a", f"{name}-1"))

    def put(self, one: Pod) -> None:
        put(self.store, one)
        self.troubles._changed.add(key("web"))  # without a loop the store tells nobody


async def test_a_trouble_that_lasts_is_told_once_and_so_is_its_end() -> None:
    world = World()
    app(world.store, "web")
    assert await world.look() == []
    world.crashing()
    assert await world.look(1) == []
    (told,) = await world.look(LASTING)
    assert told.startswith("*web* in apps: Needs attention: Crashing.")
    assert await world.look(LASTING) == []
    world.healthy()
    assert await world.look(1) == []
    assert await world.look(LASTING) == ["*web* in apps: In order again: Ready."]
    assert await world.look(LASTING) == []


async def test_a_trouble_that_is_over_at_once_is_not_told() -> None:
    world = World()
    app(world.store, "web")
    await world.look()
    world.crashing()
    await world.look(1)
    world.healthy()
    assert await world.look(LASTING) == []


async def test_a_trouble_that_comes_and_goes_is_told_once() -> None:
    world = World()
    app(world.store, "web")
    await world.look()
    world.crashing()
    await world.look(1)
    assert len(await world.look(LASTING)) == 1
    for _ in range(5):
        world.healthy()
        assert await world.look(1) == []
        world.crashing()
        assert await world.look(LASTING) == []


async def test_what_was_in_trouble_before_the_portal_started_is_no_news() -> None:
    world = World()
    app(world.store, "web")
    world.crashing()
    assert await world.look() == []
    assert await world.look(LASTING) == []


async def test_an_app_that_is_gone_is_forgotten() -> None:
    world = World()
    app(world.store, "web")
    await world.look()
    world.crashing()
    await world.look(1)
    for kind in (Kind.POD, Kind.REPLICA_SET, Kind.DEPLOYMENT, Kind.RELEASE):
        for each in world.store.keys(kind):
            world.store.delete(kind, each)
    assert await world.look(LASTING) == []
