"""The identity of a user reaches every call that acts for them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from portal.auth.operation_identity import OperationIdentities
from portal.domain.errors import ClusterUnavailable, Forbidden
from portal.domain.identity import Identity
from portal.domain.objects import Kind, ReleaseStatus
from portal.domain.operations import DEAD_AFTER, OperationPhase
from portal.domain.owners import Role
from portal.domain.release import ReleaseRevision
from portal.domain.request import current_operation
from portal.guardrails.review import Cluster
from portal.helm_service.helm import HelmClient
from portal.images.pull_logins import PullSecretSource
from portal.logs.stream import LogSource
from portal.objects.reader import ObjectSource, Revisions
from portal.operations.ports import OperationLeases, RevisionRecords
from portal.releases.forms import ScaleRequest
from portal.releases.new_owner import HandOverRequest
from portal.releases.ports import (
    EnvSecretStore,
    NamespaceLookup,
    Records,
    ReleaseHistory,
    ReplicaOwners,
    ServedApis,
)
from portal.releases.restart import WorkloadRestarts
from portal.shell.ports import ExecSource
from tests.unit.auth.test_authorizer import Asked
from tests.unit.releases.test_actions import AUTO, KEY, SPEC, World
from tests.unit.releases.test_permissions import CHART
from tests.unit.releases.test_restart import Restartable

CARL = Identity("carl", ("team", "users"), extra=(("scopes", ("a", "b")),))

OWN_ACCOUNT = {
    OperationLeases: {"read", "put", "delete"},
    RevisionRecords: {"newest"},
    NamespaceLookup: {"missing", "kubernetes", "enforced_level"},
    Records: {"other_record"},
    ServedApis: {"versions"},
    Cluster: {"prepare", "namespaced", "services", "pod_problem", "enforced_level"},
    ExecSource: {"usage"},
    LogSource: {"open"},
    Revisions: {"newest"},
}
"""Calls that the portal makes with its own account; ``docs/security.md`` says why."""


def methods(port: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(each)
        for name, each in vars(port).items()
        if inspect.isfunction(each) and not name.startswith("_")
    }


@pytest.mark.parametrize(
    "port",
    [
        HelmClient,
        ReplicaOwners,
        WorkloadRestarts,
        ReleaseHistory,
        Records,
        RevisionRecords,
        OperationLeases,
        NamespaceLookup,
        ServedApis,
        EnvSecretStore,
        Cluster,
        PullSecretSource,
        ExecSource,
        LogSource,
        ObjectSource,
        Revisions,
    ],
)
def test_every_call_of_a_port_is_for_somebody_unless_it_is_named(port: type) -> None:
    found = methods(port)
    assert found
    for name, signature in found.items():
        own = name in OWN_ACCOUNT.get(port, set())
        needed = "identity" in signature.parameters
        assert needed != own, f"{port.__name__}.{name}"
        if needed:
            assert signature.parameters["identity"].default is inspect.Parameter.empty


@pytest.fixture
async def world() -> AsyncIterator[Restartable]:
    world = Restartable()
    await world.ended(await world.actions.launch(CARL, SPEC))
    world.past.kept[KEY] = (
        ReleaseRevision(
            KEY,
            1,
            ReleaseStatus.DEPLOYED,
            chart="dash-app",
            values=world.cluster.shown[KEY][1],
            manifest="kind: Service\napiVersion: v1\nmetadata: {name: sales}\n",
        ),
    )
    yield world
    await world.close()


def acted_for(world: World) -> set[Identity | None]:
    every = [world.helm, world.records, world.past, world.replicas]
    if isinstance(world, Restartable):
        every.append(world.restarts)  # type: ignore[arg-type]
    return {who for each in every for who in each.acted_for}


async def autoscale(world: World) -> None:
    await world.ended(await world.actions.scale(CARL, KEY, ScaleRequest(autoscaling=AUTO)))
    await world.ended(await world.actions.scale(CARL, KEY, ScaleRequest(replicas=2)))
    assert {verb for verb, _, _ in world.helm.calls} >= {"hand over", "take back", "upgrade"}


async def roll_back(world: World) -> None:
    await world.ended(await world.actions.scale(CARL, KEY, ScaleRequest(replicas=2)))
    ended = await world.ended(await world.actions.rollback(CARL, KEY, 1))
    assert ended.phase is OperationPhase.SUCCEEDED, ended
    assert world.records.written


async def uninstall(world: World) -> None:
    await world.ended(await world.actions.uninstall(CARL, KEY))
    assert "uninstall" in world.asked


async def share(world: World) -> None:
    await world.ended(await world.actions.share(CARL, KEY, {Role.OPERATE: "user:bob"}))
    assert world.records.written


async def hand_over(world: World) -> None:
    await world.ended(await world.actions.hand_over(CARL, KEY, HandOverRequest("bob", "view")))
    assert world.records.written


async def restart(world: World) -> None:
    world.cluster.workload(KEY, 1, 1)
    await world.actions.begin_plain(CARL, "restart", KEY)
    assert isinstance(world, Restartable)
    await world.leases.until(lambda: bool(world.restarts.asked))


async def unlock(world: World) -> None:
    pending = ReleaseStatus.PENDING_UPGRADE
    world.cluster.release(KEY, 2, {}, status=pending)
    world.records.left[KEY] = ReleaseRevision(KEY, 2, pending)
    world.clock.now += timedelta(seconds=DEAD_AFTER + 60)
    for kind in (Kind.RELEASE, Kind.LEASE):
        world.store.set_source(str(kind), synced=True, alive_at=world.clock.now)
    ended = await world.ended(await world.actions.unlock(CARL, KEY))
    assert ended.phase is OperationPhase.SUCCEEDED, ended
    assert world.records.failed


async def previews(world: World) -> None:
    asked = world.actions.previews
    await asked.upgrade(CARL, SPEC)
    await asked.rollback(CARL, KEY, 1)
    await asked.history(CARL, KEY)
    await asked.newest(CARL, KEY)
    await asked.removal(CARL, KEY)
    await world.actions.volumes.claims(CARL, "apps")
    assert "render" in world.asked


async def catalogue(world: World) -> None:
    world.cluster.release(KEY, 1, {}, chart=CHART.name)
    await world.ended(await world.actions.change_version(CARL, KEY, CHART))
    assert "upgrade" in world.asked


Do = Callable[[World], Awaitable[None]]


@pytest.mark.parametrize(
    "do", [autoscale, roll_back, uninstall, share, hand_over, restart, unlock, previews, catalogue]
)
async def test_it_arrives_whole_at_every_call(world: Restartable, do: Do) -> None:
    await do(world)
    assert acted_for(world) == {CARL}, "with groups and extra"


class Noting(list[Identity | None]):
    """For whom calls act, and with ``operations`` in which operation."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[str] = []

    def append(self, object: Identity | None) -> None:
        self.operations.append(current_operation())
        super().append(object)


async def test_every_call_of_an_operation_tells_its_id(world: Restartable) -> None:
    noted = [Noting() for _ in range(3)]
    world.helm.acted_for, world.records.acted_for, world.replicas.acted_for = noted
    first = await world.actions.scale(CARL, KEY, ScaleRequest(autoscaling=AUTO))
    await world.ended(first)
    second = await world.actions.scale(CARL, KEY, ScaleRequest(replicas=2))
    await world.ended(second)
    assert current_operation() == "", "what began it goes on outside of it"
    told = {each for calls in noted for each in calls.operations}
    assert told - {""} == {first.id, second.id}
    assert set(noted[0].operations) == set(noted[2].operations) == {first.id, second.id}


async def test_nobody_is_believed_to_be_whom_a_lease_names() -> None:
    """A lease can name anybody, so an interrupted operation is finished as the portal itself."""
    world = World(holder="portal-1")
    await world.ended(await world.actions.launch(CARL, SPEC))
    world.helm.gate.clear()
    begun = await world.actions.scale(CARL, KEY, ScaleRequest(replicas=2))
    await world.leases.until(lambda: world.leases.now[KEY].operation.id == begun.id)
    world.records.left[KEY] = ReleaseRevision(
        KEY, 2, ReleaseStatus.PENDING_UPGRADE, operation=begun.id
    )
    lease = world.leases.now[KEY]
    after = World(leases=world.leases, holder="portal-2")
    after.records.left = world.records.left
    after.records.acted_for.clear()
    await after.operations.executor.adopt(lease, after.operations._interrupted.resume)
    await after.leases.until(lambda: after.phase() is OperationPhase.INTERRUPTED)
    assert after.operation().actor == "carl"
    assert acted_for(after) == {None}
    world.helm.gate.set()
    await world.close()
    await after.close()


@pytest.mark.parametrize("key", [b"k" * 32, b"x" * 32])
async def test_the_record_is_repaired_as_whom_a_portal_has_sealed(key: bytes) -> None:
    """Only what another portal of the same key has written into the Lease counts."""
    world = World(holder="portal-1", seal=OperationIdentities(b"k" * 32))
    await world.ended(await world.actions.launch(CARL, SPEC))
    world.helm.gate.clear()
    begun = await world.actions.scale(CARL, KEY, ScaleRequest(replicas=2))
    await world.leases.until(lambda: world.leases.now[KEY].operation.id == begun.id)
    after = World(leases=world.leases, holder="portal-2", seal=OperationIdentities(key))
    after.records.left[KEY] = ReleaseRevision(
        KEY, 2, ReleaseStatus.PENDING_UPGRADE, operation=begun.id
    )
    after.records.acted_for = noted = Noting()
    lease = world.leases.now[KEY]
    await after.operations.executor.adopt(lease, after.operations._interrupted.resume)
    await after.leases.until(lambda: after.phase() is OperationPhase.INTERRUPTED)
    assert after.records.failed
    assert noted == [CARL if key == b"k" * 32 else None]
    assert noted.operations == [begun.id]
    assert acted_for(after) <= {CARL, None}
    world.helm.gate.set()
    await world.close()
    await after.close()


async def test_a_removal_is_completed_as_the_portal_itself() -> None:
    """A sealed identity may be an old copy: it is good for marking a record as failed alone."""
    seal = OperationIdentities(b"k" * 32)
    world = World(holder="portal-1", seal=seal)
    await world.ended(await world.actions.launch(CARL, SPEC))
    world.helm.gate.clear()
    begun = await world.actions.uninstall(CARL, KEY)
    await world.leases.until(lambda: world.leases.now[KEY].operation.id == begun.id)
    lease = world.leases.now[KEY]
    assert seal.open(lease.operation, lease.sealed) == CARL
    after = World(leases=world.leases, holder="portal-2", seal=seal)
    await after.operations.executor.adopt(lease, after.operations._interrupted.resume)
    await after.leases.until(lambda: after.phase().terminal)
    assert acted_for(after) <= {None}
    world.helm.gate.set()
    await world.close()
    await after.close()


async def test_it_is_asked_again_when_it_runs() -> None:
    """Rights that were lost since the click count."""
    asked = Asked()
    world = World(policy=asked)
    world.helm.gate.clear()
    begun = await world.actions.launch(CARL, SPEC)
    asked.error = ClusterUnavailable("the cluster does not answer")
    ended = await world.ended(begun)
    assert ended.phase is OperationPhase.FAILED
    assert ended.error == "What you may do could not be found out: the cluster does not answer."
    assert world.helm.calls == []
    with pytest.raises(Forbidden, match="could not be found out"):
        await world.actions.launch(CARL, SPEC)
    world.helm.gate.set()
    await world.close()


async def test_what_the_portals_own_account_may_not_repair_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where Kubernetes decides: the own account writes no Secret."""
    world = World(holder="portal-1")
    await world.ended(await world.actions.launch(CARL, SPEC))
    world.helm.gate.clear()
    begun = await world.actions.scale(CARL, KEY, ScaleRequest(replicas=2))
    await world.leases.until(lambda: world.leases.now[KEY].operation.id == begun.id)
    lease = world.leases.now[KEY]
    after = World(leases=world.leases, holder="portal-2")
    after.records.left[KEY] = ReleaseRevision(
        KEY, 2, ReleaseStatus.PENDING_UPGRADE, operation=begun.id
    )

    async def refused(*_: object, identity: Identity | None) -> None:
        raise Forbidden("the portal may not update secrets")

    monkeypatch.setattr(after.records, "mark_failed", refused)
    monkeypatch.setattr(world.records, "mark_failed", refused)
    await after.operations.executor.adopt(lease, after.operations._interrupted.resume)
    await after.leases.until(lambda: after.phase() is OperationPhase.INTERRUPTED)
    assert "may not repair Helm's record with its own account" in after.operation().error
    assert "offers to unlock it" in after.operation().advice
    world.helm.gate.set()
    await world.close()
    await after.close()
