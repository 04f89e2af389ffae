"""The store's autoscalers followed, and read more often while somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from portal.autoscalers.followers import AT_ONCE, LOOKS_FOR, Followers
from portal.autoscalers.readings import Readings
from portal.domain.errors import ClusterUnavailable
from portal.domain.keys import Key
from portal.domain.objects import PodUsage
from portal.state.model import AppState
from portal.state.snapshot import Snapshot
from portal.state.store import Store
from tests.unit.autoscalers.make import app, at, told
from tests.unit.viewmodels.make import KEY


class Given(Store):
    """A store of given apps."""

    def __init__(self, apps: Mapping[Key, AppState]) -> None:
        super().__init__()
        self.apps = dict(apps)

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(1, self.apps, {})


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return at(0) + timedelta(seconds=self.seconds)

    def ticks(self) -> float:
        return self.seconds


CALM = app(told(70, 2, 2), [70, 70], at(0))


def test_an_app_is_followed_when_it_changes_and_forgotten_when_it_is_gone() -> None:
    store = Given({KEY: CALM})
    followers = Followers(store)
    followers.changed(frozenset({KEY}))
    (found,) = followers.of(KEY).values()
    assert found.decision.replicas == 2
    assert followers.turns(found) is followers.turns(found), "they are looked for once"
    store.apps = {}
    followers.changed(frozenset({KEY}))
    assert followers.of(KEY) == {}


def test_one_that_has_not_changed_is_followed_when_somebody_looks() -> None:
    assert len(Followers(Given({KEY: CALM})).of(KEY)) == 1


async def test_many_changes_are_followed_a_few_at_a_time() -> None:
    keys = [Key("apps", f"app-{number}") for number in range(3 * AT_ONCE)]
    followers = Followers(Given({each: replace(CALM, key=each) for each in keys}))
    followers.changed(frozenset(keys))
    assert len(followers._of) == 0
    await asyncio.sleep(0)
    assert len(followers._of) == AT_ONCE
    for _ in range(2):
        await asyncio.sleep(0)
    assert len(followers._of) == len(keys)
    followers.close()


def busy() -> list[PodUsage]:
    return [replace(each, cpu=0.14, at=at(4)) for each in CALM.usage.values()]


async def test_newer_usage_is_read_while_somebody_looks() -> None:
    clock = Clock()
    followers = Followers(Given({KEY: CALM}), clock.now, clock.ticks)
    seen: list[frozenset[Key]] = []
    asked: list[str] = []

    async def read(namespace: str) -> list[PodUsage]:
        asked.append(namespace)
        return busy()

    readings = Readings(followers, read, seen.append)
    await readings.once()
    assert asked == [], "nobody looks"
    followers.look(KEY)
    (before,) = followers.of(KEY).values()
    assert before.prediction is not None
    assert before.prediction.replicas == 2
    clock.seconds = 5
    await readings.once()
    await readings.once()
    assert asked == ["apps", "apps"]
    assert seen == [frozenset({KEY})], "the second time nothing differs"
    (after,) = followers.of(KEY).values()
    assert after.prediction is not None
    assert after.prediction.replicas == 4
    clock.seconds += LOOKS_FOR + 1
    await readings.once()
    assert len(asked) == 2


async def test_what_cannot_be_read_stays_as_the_poller_has_it() -> None:
    followers = Followers(Given({KEY: CALM}))

    async def read(namespace: str) -> list[PodUsage]:
        raise ClusterUnavailable("no answer")

    followers.look(KEY)
    seen: list[frozenset[Key]] = []
    await Readings(followers, read, seen.append).once()
    assert seen == []
    assert len(followers.of(KEY)) == 1


async def test_a_state_that_nobody_has_thought_of_ends_nothing() -> None:
    odd = replace(CALM, workloads=(None,))  # type: ignore[arg-type]
    other = Key("apps", "other")
    followers = Followers(Given({KEY: odd, other: replace(CALM, key=other)}))
    followers.changed(frozenset({KEY, other}))
    assert len(followers._of[other]) == 1
