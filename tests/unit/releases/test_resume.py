"""Paused Deployments of a release are resumed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from portal.auth.policy import Policy
from portal.cluster.client import ClusterClient
from portal.cluster.pauses import Pauses
from portal.domain.errors import Conflict, Forbidden
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Kind, Workload
from portal.domain.operations import Operation, OperationLease, OperationPhase
from portal.releases.resume import RESUME, Resume
from tests.unit.releases.fakes import T0, until
from tests.unit.releases.test_actions import ANN, BOB, KEY, RULES, World
from tests.unit.viewmodels import make


class FakePauses:
    """Notes what is resumed; ``generation`` is what the API answers with."""

    def __init__(self) -> None:
        self.asked: list[Key] = []
        self.generation = 0
        self.acted_for: list[Identity | None] = []

    async def resume(self, key: Key, *, identity: Identity | None) -> int:
        self.acted_for.append(identity)
        self.asked.append(key)
        return self.generation


class Resumable(World):
    """A world whose pages offer to resume."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.pauses = FakePauses()
        self.resume = Resume(self.store, self.pauses)
        self.actions.plain = {RESUME.name: self.resume}
        self.operations.declare([self.resume])

    async def paused(self) -> Workload:
        """Launch the release, and pause its Deployment."""
        await self.launched()
        (workload,) = self.store.snapshot.app(KEY).workloads
        self.store.apply(Kind.DEPLOYMENT, KEY, replace(workload, paused=True))
        return workload


@pytest.fixture
async def world() -> AsyncIterator[Resumable]:
    world = Resumable()
    yield world
    await world.close()


async def test_a_paused_deployment_is_resumed_and_rolled_out(world: Resumable) -> None:
    workload = await world.paused()
    world.pauses.generation = 2
    begun = await world.actions.begin_plain(ANN, RESUME.name, KEY)
    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)
    assert (world.pauses.asked, world.pauses.acted_for) == ([KEY], [ANN])
    resumed = replace(workload, generation=2, observed_generation=2)
    world.store.apply(Kind.DEPLOYMENT, KEY, resumed)
    ended = await world.ended(begun)
    assert (ended.phase, ended.description) == (OperationPhase.SUCCEEDED, "Resumption by ann")
    assert [each.title for each in ended.steps] == [
        "Resume Deployment sales",
        "Wait for the rollout",
    ]
    assert world.helm.calls == [], "Helm has no part in it"


async def test_nothing_that_is_paused_is_refused_at_once(world: Resumable) -> None:
    await world.launched()
    for ask in (world.actions.preview_plain, world.actions.begin_plain):
        with pytest.raises(Conflict, match="no paused Deployment"):
            await ask(ANN, RESUME.name, KEY)
    assert world.pauses.asked == []


async def test_the_preview_names_the_deployment(world: Resumable) -> None:
    await world.paused()
    words = " ".join(await world.actions.preview_plain(ANN, RESUME.name, KEY))
    assert "The Deployment sales goes on" in words
    assert "the next upgrade pauses it again" in words


async def test_it_is_offered_while_something_is_paused() -> None:
    resume = object.__new__(Resume)
    still = make.state(workloads=(make.deployment(paused=True),))
    assert resume.offered(still, make.NOW)
    assert not resume.offered(make.state(), make.NOW)
    assert not resume.offered(replace(still, operation=make.operation()), make.NOW)
    assert not resume.offered(replace(still, release=None), make.NOW)


async def test_it_needs_its_own_permission() -> None:
    world = Resumable(policy=Policy(RULES, open_mode=False))
    await world.paused()
    with pytest.raises(Forbidden):
        await world.actions.begin_plain(BOB, RESUME.name, KEY)
    await world.close()


async def test_another_portal_completes_it(world: Resumable) -> None:
    await world.paused()
    begun = Operation("r1", KEY, RESUME, "ann", OperationPhase.RUNNING, T0, T0, base=1)
    world.leases.now[KEY] = lease = OperationLease(begun, "", "100")
    world.operations.registry.apply(Kind.LEASE, KEY, lease)
    await until(world.store, lambda: world.phase() is not OperationPhase.RUNNING)
    assert world.pauses.asked == [KEY]


class FakeClient(ClusterClient):
    """Notes what is written."""

    def __init__(self) -> None:
        self.merged: list[tuple[str, Any]] = []
        self.acted_for: list[Identity | None] = []

    def acting_for(self, identity: Identity | None) -> FakeClient:
        self.acted_for.append(identity)
        return self

    async def merge(self, path: str, body: Any) -> Any:
        self.merged.append((path, body))
        return {"metadata": {"generation": 7}}


async def test_only_the_pause_is_removed() -> None:
    client = FakeClient()
    assert await Pauses(client).resume(KEY, identity=ANN) == 7
    assert client.acted_for == [ANN]
    assert client.merged == [
        ("/apis/apps/v1/namespaces/apps/deployments/sales", {"spec": {"paused": None}})
    ]
