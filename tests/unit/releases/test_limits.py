"""The operations and apps that one person may have at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from portal.auth.policy import Policy
from portal.domain.errors import LimitReached
from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.limits import LIMITS
from portal.domain.operations import Operation, OperationPhase
from tests.unit.releases.fakes import FakeLeases, until
from tests.unit.releases.test_actions import RULES, SPEC, World

ANN, BOB = Identity("ann"), Identity("bob")
OWNED = Policy(RULES, open_mode=False, admin_groups=["admins"])


def spec(number: int) -> LaunchSpec:
    return replace(SPEC, key=Key("apps", f"app-{number}"))


async def storm(world: World, identity: Identity, count: int) -> list[Operation | BaseException]:
    asked = (world.actions.launch(identity, spec(number)) for number in range(count))
    return await asyncio.gather(*asked, return_exceptions=True)


def refused(answers: Sequence[Operation | BaseException]) -> list[str]:
    found = [each for each in answers if isinstance(each, BaseException)]
    assert all(isinstance(each, LimitReached) for each in found)
    return [str(each) for each in found]


async def test_a_storm_of_one_person_leaves_room_for_the_others() -> None:
    world = World(limits=LIMITS.with_most(operations=3, apps=0))
    world.helm.gate.clear()
    answers = await storm(world, ANN, 100)
    words = refused(answers)
    assert len(words) == 97
    assert set(words) == {
        "You have 3 operations running, the most that one person may have at once "
        "(limits.operations). Wait for one to end, or cancel one."
    }
    assert len(world.leases.now) == 3, "what is refused has made nothing"
    begun = await world.actions.launch(BOB, spec(200))
    world.helm.gate.set()
    for each in (*(one for one in answers if isinstance(one, Operation)), begun):
        await until(world.store, lambda key=each.key: ended(world, key))
    assert isinstance(await world.actions.launch(ANN, spec(50)), Operation)
    await world.close()


def ended(world: World, key: Key) -> bool:
    operation = world.store.snapshot.app(key).operation
    return operation is not None and operation.phase is OperationPhase.SUCCEEDED


async def test_operations_in_all_portals_count_by_their_leases() -> None:
    leases = FakeLeases()
    limits = LIMITS.with_most(operations=1, apps=0)
    one = World(leases=leases, limits=limits)
    other = World(leases=leases, holder="portal-2", limits=limits)
    one.helm.gate.clear()
    first = await one.actions.launch(ANN, spec(1))
    await until(other.store, lambda: other.store.snapshot.app(first.key).operation is not None)
    with pytest.raises(LimitReached, match="You have 1 operation running"):
        await other.actions.launch(ANN, spec(2))
    await other.actions.launch(BOB, spec(3))
    one.helm.gate.set()
    await until(other.store, lambda: ended(other, first.key))
    await other.actions.launch(ANN, spec(2))
    await one.close()
    await other.close()


async def test_where_nobody_is_told_apart_nobody_is_limited() -> None:
    world = World(limits=LIMITS.with_most(operations=1, apps=1))
    assert refused(await storm(world, ANONYMOUS, 10)) == []
    await world.close()


async def test_a_person_has_so_many_apps_and_what_is_there_can_be_changed() -> None:
    world = World(limits=LIMITS.with_most(operations=0, apps=2), policy=OWNED)
    answers = await storm(world, ANN, 5)
    words = refused(answers)
    assert len(words) == 3, "also of those that are asked for at once"
    assert words[0].startswith("You have 2 apps of your own, the most")
    assert "limits.apps" in words[0]
    launched = [each.key for each in answers if isinstance(each, Operation)]
    for key in launched:
        await until(world.store, lambda key=key: ended(world, key))
    with pytest.raises(LimitReached):
        await world.actions.launch(ANN, spec(9))
    change = await world.actions.launch(ANN, replace(spec(0), key=launched[0], tag="2"))
    await until(world.store, lambda: ended(world, change.key))
    await world.actions.launch(BOB, spec(9))
    await world.actions.uninstall(ANN, launched[1])
    await until(world.store, lambda: world.store.snapshot.app(launched[1]).release is None)
    await until(world.store, lambda: ended(world, launched[1]))
    assert isinstance(await world.actions.launch(ANN, spec(10)), Operation)
    await world.close()
