"""All watches together: what is listed first, and when an app is first shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from portal.cluster import watches as module
from portal.cluster.kinds import RESOURCES
from portal.cluster.reflector import Health
from portal.cluster.resource import Resource
from portal.cluster.watches import Watches
from portal.domain.objects import Kind
from portal.state.store import Store
from tests.unit.cluster.fake import FakeApi


class Scripted:
    """A reflector that reports what it is told to."""

    def __init__(self, resource: object, report: Callable[[Health], None]) -> None:
        self.resource, self._report = resource, report
        self.health = Health()
        self.running = asyncio.Event()

    async def run(self) -> None:
        self.running.set()
        await asyncio.Event().wait()

    def say(self, health: Health) -> None:
        self.health = health
        self._report(health)


Reflectors = dict[Kind, Scripted]


def watches(listed: Callable[[], None]) -> tuple[Watches, Reflectors]:
    made: Reflectors = {}

    def make(
        _api: object,
        resource: Resource,
        _sink: object,
        report: Callable[[Health], None],
        **_: object,
    ) -> Any:
        reflector = Scripted(resource, report)
        made[resource.kind] = reflector
        return reflector

    return Watches(FakeApi([]), Store(), make=make, listed=listed), made


LISTED = Health(synced=True)


@pytest.mark.parametrize(
    "answer",
    [
        LISTED,
        Health(available=False),
        Health(error="The Kubernetes API does not answer."),
    ],
    ids=["listed", "forbidden", "unreachable"],
)
async def test_events_come_last_and_apps_are_shown_without_them(
    answer: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAST_AFTER", 0)
    told: list[str] = []
    all_of_them, made = watches(lambda: told.append("listed"))
    running = asyncio.create_task(all_of_them.run())
    first = [kind for kind in made if kind is not Kind.EVENT]
    assert len(first) == len(RESOURCES) - 1
    async with asyncio.timeout(5):
        for kind in first:
            await made[kind].running.wait()
        assert not made[Kind.EVENT].running.is_set()
        for kind in first[1:]:
            made[kind].say(LISTED)
        assert not told
        made[first[0]].say(answer)
        assert told == ["listed"]
        await made[Kind.EVENT].running.wait()
    made[first[0]].say(LISTED)
    made[Kind.EVENT].say(LISTED)
    assert told == ["listed"], "once"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
