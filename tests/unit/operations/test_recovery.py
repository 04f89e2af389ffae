"""Operations that outlive their portal, and two portals on one cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from portal.catalog.dash_app import to_values
from portal.domain.errors import ClusterUnavailable, Conflict, HelmTimeout, ReleaseBusy
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Kind, ReleaseStatus
from portal.domain.operations import DEAD_AFTER, Operation, OperationLease, OperationPhase, Verb
from portal.domain.release import ReleaseRevision
from portal.operations import renewer
from portal.operations.outcome import InterruptedOutcome
from portal.releases.install import LAUNCH, Install
from portal.releases.rollback import ROLLBACK, Rollback
from portal.releases.scale import SCALE, Scale
from portal.releases.uninstall import UNINSTALL, Uninstall
from portal.releases.unlock import UNLOCK, Unlock
from portal.releases.upgrade import Upgrade
from tests.unit.releases.fakes import T0, FakeLeases, unchanged, until
from tests.unit.releases.test_actions import ANN, BOB, KEY, SPEC, World

PENDING = (
    ReleaseStatus.PENDING_INSTALL,
    ReleaseStatus.PENDING_UPGRADE,
    ReleaseStatus.PENDING_ROLLBACK,
)
DEPLOYED, FAILED = ReleaseStatus.DEPLOYED, ReleaseStatus.FAILED

ACTIONS = {each.verb.name: each for each in (Install, Upgrade, Scale, Rollback, Uninstall, Unlock)}


def operation(
    verb: Verb = LAUNCH,
    phase: OperationPhase = OperationPhase.RUNNING,
    *,
    base: int = 0,
    description: str = "by ann",
) -> Operation:
    return Operation("o1", KEY, verb, "ann", phase, T0, T0, base=base, description=description)


def left(revision: int, status: ReleaseStatus, by: str = "o1", words: str = "") -> ReleaseRevision:
    return ReleaseRevision(KEY, revision, status, operation=by, description=words)


@pytest.mark.parametrize(
    ("asked", "found", "expected"),
    [
        (operation(), None, InterruptedOutcome.NOT_BEGUN),
        (operation(base=3), left(3, DEPLOYED, "o0"), InterruptedOutcome.NOT_BEGUN),
        (operation(base=3), left(4, DEPLOYED), InterruptedOutcome.FINISHED),
        (operation(base=3), left(4, FAILED), InterruptedOutcome.FAILED),
        (operation(base=3), left(4, PENDING[1]), InterruptedOutcome.PENDING),
        # Somebody with helm in a terminal: never ours to touch.
        (operation(base=3), left(4, PENDING[1], ""), InterruptedOutcome.OVERTAKEN),
        (operation(base=3), left(3, PENDING[1], ""), InterruptedOutcome.NOT_BEGUN),
        (operation(), left(1, PENDING[0], "o0"), InterruptedOutcome.OVERTAKEN),
        (operation(), left(1, ReleaseStatus.SUPERSEDED), InterruptedOutcome.OVERTAKEN),
        # Helm gives what a rollback makes the labels of what it goes back to.
        (operation(ROLLBACK, base=3), left(4, DEPLOYED, ""), InterruptedOutcome.FINISHED),
        (
            operation(ROLLBACK, base=3),
            left(4, PENDING[2], "", "by ann"),
            InterruptedOutcome.PENDING,
        ),
        (
            operation(ROLLBACK, base=3),
            left(4, PENDING[2], "", "by bob"),
            InterruptedOutcome.OVERTAKEN,
        ),
        (operation(ROLLBACK, base=3), left(6, DEPLOYED, ""), InterruptedOutcome.OVERTAKEN),
        # Some are made by an upgrade, whose labels are its own.
        (
            operation(ROLLBACK, base=3),
            left(4, PENDING[1], "o1", "Preparing"),
            InterruptedOutcome.PENDING,
        ),
        (operation(UNINSTALL, base=3), None, InterruptedOutcome.FINISHED),
        (
            operation(UNINSTALL, base=3),
            left(3, ReleaseStatus.UNINSTALLED),
            InterruptedOutcome.FINISHED,
        ),
        (
            operation(UNINSTALL, base=3),
            left(3, ReleaseStatus.UNINSTALLING),
            InterruptedOutcome.PENDING,
        ),
        (operation(UNINSTALL, base=3), left(3, DEPLOYED), InterruptedOutcome.NOT_BEGUN),
        (operation(UNLOCK, base=3), left(3, PENDING[0]), InterruptedOutcome.NOT_BEGUN),
        (operation(UNLOCK, base=3), left(3, FAILED), InterruptedOutcome.FINISHED),
    ],
)
def test_what_became_of_an_operation(
    asked: Operation, found: ReleaseRevision | None, expected: InterruptedOutcome
) -> None:
    assert ACTIONS[asked.verb.name].outcome(asked, found) is expected


def abandoned(world: World, asked: Operation, holder: str = "portal-0") -> None:
    """Leave the lease of a portal that is dead."""
    world.leases.now[KEY] = lease = OperationLease(asked, holder, "0")
    world.actions.operations.registry.apply(Kind.LEASE, KEY, lease)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(lease_seconds=0.05)
    yield world
    await world.close()


async def ended(world: World) -> Operation:
    await until(world.store, lambda: world.phase().terminal)
    return world.operation()


async def test_what_had_not_begun_ends_as_interrupted(world: World) -> None:
    abandoned(world, operation())
    over = await ended(world)
    assert over.phase is OperationPhase.INTERRUPTED
    assert over.error == "The portal stopped before Helm had begun: nothing was changed."
    assert world.helm.calls == []
    await world.launched()


@pytest.mark.parametrize("status", PENDING[:2])
async def test_what_helm_left_pending_is_marked_as_failed(
    world: World, status: ReleaseStatus
) -> None:
    base = 0 if status is ReleaseStatus.PENDING_INSTALL else 2
    world.records.left[KEY] = left(base + 1, status)
    abandoned(world, operation(base=base))
    over = await ended(world)
    assert over.phase is OperationPhase.INTERRUPTED
    assert over.error == "The portal stopped while Helm was at work."
    assert ("or uninstall it" if base == 0 else "or roll back") in over.advice
    assert world.records.failed == [(KEY, base + 1)]
    assert world.helm.calls == []


async def test_what_helm_had_finished_goes_on_to_its_pods(world: World) -> None:
    await world.launched()
    _, values = world.cluster.shown[KEY]
    world.cluster.rolls_out = False
    world.cluster.objects(KEY, {**values, "replicaCount": 2})
    world.cluster.release(KEY, 2, {**values, "replicaCount": 2})
    world.records.left[KEY] = left(2, DEPLOYED)
    dead = replace(operation(SCALE, base=1), id="o1")
    world.leases.now[KEY] = lease = OperationLease(dead, "portal-0", "100")
    world.actions.operations.registry.apply(Kind.LEASE, KEY, lease)

    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)
    assert world.operation().revision == 2
    world.cluster.workload(KEY, 2, 2)
    over = await ended(world)
    assert over.phase is OperationPhase.SUCCEEDED
    assert over.actor == "ann"
    assert world.helm.calls == []


async def test_a_half_removed_app_is_removed(world: World) -> None:
    world.cluster.release(KEY, 2, {}, status=ReleaseStatus.UNINSTALLING)
    abandoned(world, operation(UNINSTALL, base=2))
    over = await ended(world)
    assert over.phase is OperationPhase.SUCCEEDED
    assert world.asked == ["uninstall"]


async def test_somebody_elses_pending_release_is_left_alone(world: World) -> None:
    world.records.left[KEY] = left(1, ReleaseStatus.PENDING_INSTALL, "")
    abandoned(world, operation())
    over = await ended(world)
    assert over.phase is OperationPhase.INTERRUPTED
    assert "somebody else has changed" in over.error
    assert world.records.failed == []


async def test_a_portal_that_is_heard_of_is_not_dead() -> None:
    world = World(lease_seconds=60)
    abandoned(world, operation())
    with pytest.raises(Conflict, match="ann has been launching sales"):
        await world.actions.launch(BOB, SPEC)
    await asyncio.sleep(0.05)  # many looks of the recovery_loop
    assert world.leases.now[KEY].holder == "portal-0"
    await world.close()


async def test_an_abandoned_operation_is_not_disturbed(world: World) -> None:
    world.recovery_loop.cancel()
    abandoned(world, operation(), holder="")
    with pytest.raises(Conflict, match="the portal that did it has stopped"):
        await world.actions.launch(BOB, SPEC)


async def test_nobody_counts_as_dead_while_the_watch_is_broken(world: World) -> None:
    world.store.set_source(str(Kind.LEASE), synced=True, alive_at=world.clock.now, error="gone")
    abandoned(world, operation())
    await asyncio.sleep(0.1)
    assert world.leases.now[KEY].holder == "portal-0"


async def test_what_only_waits_is_handed_over_to_the_next_portal(world: World) -> None:
    world.cluster.rolls_out = False
    await world.actions.launch(ANN, SPEC)
    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)
    await world.close()
    lease = world.leases.now[KEY]
    assert (lease.holder, lease.operation.phase) == ("", OperationPhase.WAITING)

    after = World(leases=world.leases, holder="portal-2")
    after.cluster.rolls_out = False
    await after.helm.upgrade_install(KEY, Path("/chart"), to_values(SPEC, "ann"), review=unchanged)
    after.records.left[KEY] = left(1, DEPLOYED, lease.operation.id)
    after.actions.operations.registry.apply(Kind.LEASE, KEY, lease)
    await until(after.store, lambda: after.phase() is OperationPhase.WAITING)
    after.cluster.workload(KEY, 1, 1)
    over = await ended(after)
    assert over.phase is OperationPhase.SUCCEEDED
    assert [step.title for step in over.steps][-2:] == [
        "Find out what came of it",
        "Wait for the rollout",
    ]
    await after.close()


async def test_helm_may_finish_while_the_portal_stops(world: World) -> None:
    world.helm.gate.clear()
    await world.actions.launch(ANN, SPEC)
    await until(world.store, lambda: "Run helm upgrade --install" in world.steps())
    draining = asyncio.create_task(world.actions.operations.drain(5, 5))
    await asyncio.sleep(0)
    world.helm.gate.set()
    await draining
    assert world.helm.cancelled == 0
    assert world.leases.now[KEY].operation.phase is OperationPhase.WAITING
    assert world.leases.now[KEY].operation.revision == 1


async def test_of_two_portals_one_wins() -> None:
    leases = FakeLeases()
    one, two = World(leases=leases, holder="one"), World(leases=leases, holder="two")
    one.helm.gate.clear()
    two.helm.gate.clear()
    answers = await asyncio.gather(
        *(world.actions.launch(who, SPEC) for who, world in ((ANN, one), (BOB, two)) * 5),
        return_exceptions=True,
    )
    begun = [each for each in answers if isinstance(each, Operation)]
    assert len(begun) == 1
    for each in answers:
        if each not in begun:
            assert isinstance(each, Conflict)
            assert f"{begun[0].actor} has been launching sales since" in each.message
    winner, other = (one, two) if begun[0].actor == "ann" else (two, one)
    await until(other.store, lambda: "Run helm upgrade --install" in other.steps())
    assert other.operation().id == begun[0].id

    winner.helm.gate.set()
    await until(other.store, lambda: other.phase().terminal)
    assert other.phase() is OperationPhase.SUCCEEDED
    assert other.helm.calls == []
    await one.close()
    await two.close()


async def test_what_waits_gives_way_to_another_portal() -> None:
    leases = FakeLeases()
    one, two = World(leases=leases, holder="one"), World(leases=leases, holder="two")
    one.cluster.rolls_out = False
    first = await one.actions.launch(ANN, SPEC)
    await until(two.store, lambda: two.phase() is OperationPhase.WAITING)
    second = await two.ended(await two.actions.launch(BOB, SPEC))
    assert second.phase is OperationPhase.SUCCEEDED
    await until(one.store, lambda: one.phase().terminal)
    assert one.operation().id == second.id != first.id
    await one.close()
    await two.close()


async def test_an_operation_is_cancelled_in_whatever_portal_it_runs() -> None:
    leases = FakeLeases()
    one, two = World(leases=leases, holder="one"), World(leases=leases, holder="two")
    one.helm.gate.clear()
    await one.actions.launch(ANN, SPEC)
    await until(two.store, lambda: "Run helm upgrade --install" in two.steps())

    await two.actions.cancel(BOB, KEY)

    await until(two.store, lambda: two.phase().terminal)
    over = two.operation()
    assert (over.phase, over.error) == (OperationPhase.CANCELLED, "Cancelled by bob.")
    assert over.advice == "Helm had not begun: nothing was changed."
    assert one.helm.cancelled == 1
    with pytest.raises(Conflict, match="Nothing is under way"):
        await two.actions.cancel(BOB, KEY)
    await one.close()
    await two.close()


async def test_a_wait_is_cancelled_and_a_removal_is_not(world: World) -> None:
    world.cluster.rolls_out = False
    await world.actions.launch(ANN, SPEC)
    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)
    await world.actions.cancel(ANN, KEY)
    over = await ended(world)
    assert over.phase is OperationPhase.CANCELLED
    assert "only the wait for the pods has ended" in over.advice

    world.helm.gate.clear()
    await world.actions.uninstall(ANN, KEY)
    with pytest.raises(Conflict, match="cannot be cancelled"):
        await world.actions.cancel(ANN, KEY)


async def test_a_helm_that_ran_out_of_time_leaves_nothing_pending(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewer, "RETRY", 0.01)
    world.helm.errors = [HelmTimeout("too long")]
    world.records.errors = [ClusterUnavailable("no answer")]
    begun = await world.actions.launch(ANN, SPEC)
    world.records.left[KEY] = left(1, ReleaseStatus.PENDING_INSTALL, begun.id)
    over = await world.ended(begun)
    assert (over.phase, over.error) == (OperationPhase.FAILED, "too long")
    assert world.records.failed == [(KEY, 1)]


async def test_a_claim_that_cannot_be_written_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewer, "RETRY", 0.01)
    begun = await world.actions.launch(ANN, SPEC)
    world.leases.errors = [ClusterUnavailable("no answer")] * 3
    await world.ended(begun)
    await world.leases.until(lambda: world.leases.now[KEY].operation.phase.terminal)


async def test_helm_is_ended_before_another_portal_may_take_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewer, "RETRY", 0.01)
    monkeypatch.setattr(renewer, "FENCE", 0.05)
    world.helm.gate.clear()
    await world.actions.launch(ANN, SPEC)
    await until(world.store, lambda: "Run helm upgrade --install" in world.steps())
    world.leases.errors = [ClusterUnavailable("no answer")] * 50
    over = await ended(world)
    assert over.phase is OperationPhase.INTERRUPTED
    assert "did not answer the portal" in over.error
    assert world.helm.cancelled == 1
    world.leases.errors.clear()
    await world.leases.until(lambda: world.leases.now[KEY].operation.phase.terminal)


async def test_nothing_begins_without_its_claim(world: World) -> None:
    world.leases.errors = [ClusterUnavailable("no answer")]
    with pytest.raises(ClusterUnavailable):
        await world.actions.launch(ANN, SPEC)
    assert world.helm.calls == []
    assert world.store.snapshot.app(KEY).operation is None


async def test_at_most_so_many_run_at_once(world: World) -> None:
    world.helm.gate.clear()
    keys = [Key("apps", f"a{number}") for number in range(22)]
    people = [Identity(f"ann-{number}") for number in range(22)]
    begun = [
        await world.actions.launch(each, replace(SPEC, key=key))
        for each, key in zip(people, keys, strict=True)
    ]
    await until(
        world.store,
        lambda: [world.phase(key) for key in keys].count(OperationPhase.RUNNING) == 20,
    )
    assert [world.phase(key) for key in keys].count(OperationPhase.QUEUED) == 2
    world.helm.gate.set()
    for each in begun:
        assert (await world.ended(each)).phase is OperationPhase.SUCCEEDED


async def test_what_somebody_left_pending_is_unlocked_when_asked_and_surely_dead(
    world: World,
) -> None:
    with pytest.raises(Conflict, match="sales is not pending"):
        await world.actions.unlock(BOB, KEY)
    world.cluster.release(KEY, 3, {}, status=ReleaseStatus.PENDING_UPGRADE)
    with pytest.raises(ReleaseBusy):
        await world.actions.unlock(BOB, KEY)

    world.clock.now += timedelta(seconds=DEAD_AFTER)
    for kind in (Kind.RELEASE, Kind.LEASE):
        world.store.set_source(str(kind), synced=True, alive_at=world.clock.now)
    over = await world.ended(await world.actions.unlock(BOB, KEY))

    assert (over.verb, over.phase) == (UNLOCK, OperationPhase.SUCCEEDED)
    assert world.records.failed == [(KEY, 3)]
    assert world.helm.calls == []


async def test_what_moved_meanwhile_is_not_unlocked(world: World) -> None:
    world.cluster.release(KEY, 3, {}, status=ReleaseStatus.PENDING_UPGRADE)
    world.clock.now += timedelta(seconds=DEAD_AFTER)
    world.records.left[KEY] = left(4, ReleaseStatus.PENDING_UPGRADE, "")
    over = await world.ended(await world.actions.unlock(BOB, KEY))
    assert over.phase is OperationPhase.FAILED
    assert "gone on with sales" in over.error
    assert world.records.failed == []


async def test_what_only_a_newer_portal_can_do_is_left_to_it(world: World) -> None:
    newer = Verb("migrate", "migration", "migrating")
    world.recovery_loop.cancel()
    abandoned(world, operation(newer, base=1), holder="")
    lease = world.leases.now[KEY]
    await world.operations._recovery._recover(lease)
    assert world.leases.now[KEY] == lease
    assert not world.operations.executor.works_on(KEY)
