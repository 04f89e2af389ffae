"""The audit trail of changes: recorded before they begin, or not done."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from portal.auth.policy import Policy
from portal.domain.audit import Outcome
from portal.domain.errors import Conflict, DatabaseUnavailable, Forbidden
from portal.domain.identity import Identity
from portal.domain.launch import EnvVar
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import OperationPhase
from portal.domain.owners import Role
from portal.releases.forms import ScaleRequest
from tests.unit.recorder import Kept
from tests.unit.releases.fakes import until
from tests.unit.releases.test_actions import RULES, SPEC, World

ANN, BOB = Identity("ann"), Identity("bob", ("team-b",))
KEY = SPEC.key


async def launched(world: World) -> None:
    operation = await world.actions.launch(ANN, SPEC)
    await until(world.store, lambda: phase(world, operation.id) is OperationPhase.SUCCEEDED)


def phase(world: World, operation: str) -> OperationPhase | None:
    now = world.store.snapshot.app(KEY).operation
    return now.phase if now and now.id == operation else None


async def test_a_change_is_recorded_before_it_begins_as_it_is_applied_and_at_its_end() -> None:
    kept = Kept()
    world = World(recorder=kept)
    await launched(world)
    kept.events.clear()
    operation = await world.actions.scale(ANN, KEY, ScaleRequest(replicas=4))
    await until(world.store, lambda: phase(world, operation.id) is OperationPhase.SUCCEEDED)
    begun, applying, ended = kept.events
    assert kept.told() == [
        ("scale", "begun", "ann"),
        ("scale", "applying", "ann"),
        ("scale", "succeeded", "ann"),
    ]
    assert {each.operation for each in kept.events} == {operation.id}
    assert {each.key for each in kept.events} == {KEY}
    assert begun.detail == {"goal": "Scaled to 4 by ann", "revision_before": 1}
    changes: Any = applying.detail["changes"]
    assert [(each["path"], each["after"]) for each in changes] == [("replicaCount", 4)]
    assert ended.detail["revision"] == 2
    await world.close()


async def test_a_removal_records_the_values_that_go_with_the_release() -> None:
    kept = Kept()
    world = World(recorder=kept)
    await launched(world)
    kept.events.clear()
    made = await world.past.revision(KEY, 1, identity=ANN)
    world.past.kept[KEY] = (replace(made, status=ReleaseStatus.DEPLOYED),)
    operation = await world.actions.uninstall(ANN, KEY)
    await until(world.store, lambda: phase(world, operation.id) is OperationPhase.SUCCEEDED)
    applying = next(each for each in kept.events if each.outcome is Outcome.APPLYING)
    changes: Any = applying.detail["changes"]
    gone = {each["path"]: each for each in changes}
    assert gone["replicaCount"]["before"] == SPEC.replicas
    assert not [each for each in changes if each["after"]]
    await world.close()


async def test_what_is_recorded_has_no_secrets() -> None:
    kept = Kept()
    world = World(recorder=kept)
    canary = "canary-5nW8pX2q"
    variables = (EnvVar("DB_PASSWORD", canary), EnvVar("SITE", f"postgresql://a:{canary}@db/x"))
    spec = replace(SPEC, env=variables)
    operation = await world.actions.launch(ANN, spec)
    await until(world.store, lambda: phase(world, operation.id) is OperationPhase.SUCCEEDED)
    said = json.dumps([each.detail for each in kept.events], default=str)
    assert "DB_PASSWORD" in said
    assert canary not in said
    await world.close()


@pytest.mark.parametrize("away", [Outcome.BEGUN, Outcome.APPLYING])
async def test_a_change_that_cannot_be_recorded_is_not_made(away: Outcome) -> None:
    kept = Kept()
    world = World(recorder=kept)
    await launched(world)
    ran, leases = list(world.helm.calls), dict(world.leases.now)
    kept.away = {away}
    if away is Outcome.BEGUN:
        with pytest.raises(DatabaseUnavailable):
            await world.actions.scale(ANN, KEY, ScaleRequest(replicas=4))
        assert world.leases.now == leases
    else:
        operation = await world.actions.scale(ANN, KEY, ScaleRequest(replicas=4))
        await until(world.store, lambda: phase(world, operation.id) is OperationPhase.FAILED)
        assert kept.told()[-1] == ("scale", "failed", "ann")
    assert world.helm.calls == ran
    kept.away = set()
    operation = await world.actions.scale(ANN, KEY, ScaleRequest(replicas=4))
    await until(world.store, lambda: phase(world, operation.id) is OperationPhase.SUCCEEDED)
    await world.close()


async def test_refused_attempts_are_recorded() -> None:
    kept = Kept()
    world = World(recorder=kept, policy=Policy(RULES, open_mode=False))
    await launched(world)
    kept.events.clear()
    for _ in range(3):  # the same one is recorded once a minute
        with pytest.raises(Forbidden):
            await world.actions.uninstall(BOB, KEY)
    (refused,) = kept.events
    assert (refused.action, refused.outcome, refused.identity) == (
        "uninstall",
        Outcome.REFUSED,
        BOB,
    )
    assert "belongs to ann" in str(refused.detail["reason"])
    await world.close()


async def test_a_change_that_another_one_forestalls_has_an_end() -> None:
    kept = Kept()
    world = World(recorder=kept)
    await launched(world)
    kept.events.clear()
    results = await asyncio.gather(
        *(world.actions.scale(ANN, KEY, ScaleRequest(replicas=number)) for number in (2, 3)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Conflict) for each in results) == 1
    failed = [each for each in kept.events if each.outcome is Outcome.FAILED]
    assert [each.detail["error"] for each in failed] == ["Conflict"]
    await world.close()


async def test_sharing_and_dismissing_are_recorded() -> None:
    kept = Kept()
    world = World(recorder=kept)
    await launched(world)
    kept.events.clear()
    operation = await world.actions.share(ANN, KEY, {Role.OPERATE: "user:bob"})
    await until(world.store, lambda: phase(world, operation.id) is OperationPhase.SUCCEEDED)
    changes: Any = kept.events[1].detail["changes"]
    assert changes == [{"path": "shared_with", "before": "", "after": "user:bob"}]
    kept.events.clear()
    await world.actions.dismiss(BOB, KEY)
    assert kept.told() == [("dismiss", "begun", "bob"), ("dismiss", "succeeded", "bob")]
    assert kept.events[0].detail == {"of": operation.id, "verb": "share"}
    await world.close()
