from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from portal.auth.authorizer import Authorizer, KnownRights
from portal.auth.policy import Policy
from portal.domain.audit import UNRECORDED, Recorder
from portal.domain.errors import (
    ChartError,
    Conflict,
    FieldConflict,
    Forbidden,
    HelmError,
    InvalidInput,
    NotFound,
    PortalError,
    ReleaseBusy,
)
from portal.domain.identity import Identity
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.launch import AutoscalingSpec, Exposure, LaunchSpec
from portal.domain.limits import LIMITS, Limits
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Kind, ReleaseStatus
from portal.domain.operations import Operation, OperationPhase
from portal.domain.scalers import ScaledObject
from portal.guardrails.review import Guardrails
from portal.operations.operations import Operations, OperationTiming
from portal.operations.ports import IdentitySeal
from portal.releases.actions import Actions, form_fields
from portal.releases.forms import ReleaseForms, ScaleRequest
from portal.releases.install import LAUNCH
from portal.releases.namespace_roles import NamespaceRoles
from portal.releases.ports import ReleasePorts
from portal.releases.upgrade import UPGRADE
from tests.unit.releases.fakes import (
    Clock,
    FakeAdmission,
    FakeApis,
    FakeCluster,
    FakeEnvSecrets,
    FakeHelm,
    FakeLeases,
    FakePast,
    FakeRecords,
    FakeReplicas,
    RecordingStore,
    until,
)

KEY = Key("apps", "sales")
ANN, BOB = Identity("ann"), Identity("bob")
AUTO = AutoscalingSpec(2, 4, target_cpu=50, target_memory=None)
SPEC = LaunchSpec(
    key=KEY,
    repository="r/a",
    tag="1",
    replicas=1,
    autoscaling=None,
    cpu_request="100m",
    cpu_limit="",
    memory_request="128Mi",
    memory_limit="",
    exposure=Exposure.CLUSTER_IP,
    fields={"port": 8050},
)


RULES = NamespaceRules(("apps",))


class World:
    """Actions on a fake cluster."""

    def __init__(
        self,
        *,
        watched: bool = True,
        uninstalled_for: float = 60.0,
        leases: FakeLeases | None = None,
        holder: str = "portal-1",
        lease_seconds: float = 60.0,
        chart_path: Path = Path("/charts/dash-app"),
        policy: Authorizer | None = None,
        rules: NamespaceRules = RULES,
        recorder: Recorder = UNRECORDED,
        seal: IdentitySeal | None = None,
        limits: Limits = LIMITS,
        roles: NamespaceRoles | None = None,
    ) -> None:
        self.clock = Clock()
        self.store = RecordingStore(self.clock)
        for kind in (Kind.RELEASE, Kind.LEASE) if watched else ():
            self.store.set_source(str(kind), synced=True, alive_at=self.clock.now)
        self.no_namespaces: set[str] = set()
        self.enforced = ""
        self.cluster = FakeCluster(self.store)
        self.helm = FakeHelm(self.cluster)
        self.leases = leases or FakeLeases()
        self.records = FakeRecords(self.cluster, self.helm)
        self.past = FakePast(self.helm)
        self.admission = FakeAdmission()
        self.apis = FakeApis()
        self.replicas = FakeReplicas(self.helm.calls)
        self.env_secrets = FakeEnvSecrets()
        forms = ReleaseForms(rules, "apps", max_replicas=5)
        self.operations = Operations(
            self.store,
            self.leases,
            self.records,
            rules,
            holder=holder,
            fields=form_fields,
            clock=self.clock,
            timing=OperationTiming(
                settle=0.01,
                uninstalled_for=uninstalled_for,
                interval=0.005,
                lease_seconds=lease_seconds,
            ),
            recorder=recorder,
            seal=seal,
            limit_of_one=limits.operations,
        )
        ports = ReleasePorts(
            self.helm,
            self.records,
            self.past,
            self.replicas,
            Guardrails(self.admission),
            self.apis,
            self,
            self.env_secrets,
        )
        self.rights = KnownRights(policy or Policy(rules))
        self.actions = Actions(
            self.store,
            ports,
            self.operations,
            self.rights,
            forms,
            chart_path,
            clock=self.clock,
            remembered=3,
            apps=limits.apps,
            roles=roles,
        )
        self.leases.registries.append(self.actions.operations.registry)
        self.recovery_loop = asyncio.create_task(self.actions.operations.run())

    async def close(self) -> None:
        await self.actions.operations.drain(5)
        await self.die()

    async def die(self) -> None:
        """End the recovery_loop only: what runs is not told."""
        self.recovery_loop.cancel()
        await asyncio.wait([self.recovery_loop])

    async def kubernetes(self) -> str:
        return "v1.37.2"

    async def missing(self, name: str) -> bool:
        return name in self.no_namespaces

    async def enforced_level(self, name: str) -> str:
        return self.enforced

    def operation(self, key: Key = KEY) -> Operation:
        found = self.store.snapshot.app(key).operation
        assert found is not None
        return found

    def phase(self, key: Key = KEY) -> OperationPhase:
        """Queued while nothing is known of it."""
        found = self.store.snapshot.app(key).operation
        return found.phase if found else OperationPhase.QUEUED

    def steps(self) -> list[str]:
        found = self.store.snapshot.app(KEY).operation
        return [step.title for step in found.steps] if found else []

    @property
    def asked(self) -> list[str]:
        return [verb for verb, _, _ in self.helm.calls]

    async def ended(self, operation: Operation) -> Operation:
        await until(
            self.store,
            lambda: (
                self.operation(operation.key).id == operation.id
                and self.phase(operation.key).terminal
            ),
        )
        return self.operation(operation.key)

    async def launched(self, spec: LaunchSpec = SPEC) -> None:
        ended = await self.ended(await self.actions.launch(ANN, spec))
        assert ended.phase is OperationPhase.SUCCEEDED, ended
        self.helm.calls.clear()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()


async def test_a_launch_goes_through_its_steps(world: World) -> None:
    world.helm.gate.clear()
    begun = await world.actions.launch(ANN, SPEC)
    assert (begun.verb, begun.actor, begun.key) == (LAUNCH, "ann", KEY)
    assert begun.phase is OperationPhase.QUEUED
    await until(world.store, lambda: "Run helm upgrade --install" in world.steps())
    assert world.phase() is OperationPhase.RUNNING
    world.helm.gate.set()

    ended = await world.ended(begun)

    assert ended.phase is OperationPhase.SUCCEEDED
    assert (ended.revision, ended.helm_seconds) == (1, 0.5)
    assert [step.title for step in ended.steps] == [
        "Check the values",
        "Render the chart",
        "Check what it renders",
        "Run helm upgrade --install",
        "Wait for the rollout",
    ]
    assert all(step.ended_at and not step.error for step in ended.steps)
    # Helm is asked once: a new app needs no look at what there was.
    ((verb, key, how),) = world.helm.calls
    assert (verb, key, how["force"]) == ("upgrade", KEY, False)
    assert how["description"] == "Launched by ann"
    assert how["values"]["commonAnnotations"] == {LAUNCHED_BY: "ann"}  # type: ignore[index]


async def test_launching_again_upgrades_and_keeps_what_the_form_does_not_know(
    world: World,
) -> None:
    await world.launched()
    _, values = world.cluster.shown[KEY]
    world.cluster.release(KEY, 1, {**values, "podLabels": {"a": "b"}})

    with pytest.raises(Conflict, match="exists already in apps, owned by ann"):
        await world.actions.launch(BOB, SPEC, create_only=True)
    ended = await world.ended(await world.actions.launch(BOB, replace(SPEC, replicas=2)))

    assert (ended.verb, ended.revision) == (UPGRADE, 2)
    sent = world.helm.calls[0][2]["values"]
    assert sent["podLabels"] == {"a": "b"}  # type: ignore[index]
    assert sent["commonAnnotations"] == {LAUNCHED_BY: "ann"}  # type: ignore[index]
    assert sent["replicaCount"] == 2  # type: ignore[index]


async def test_what_is_refused_before_anything_begins(world: World) -> None:
    launch = world.actions.launch
    with pytest.raises(Forbidden, match="does not work in other"):
        await launch(ANN, replace(SPEC, key=Key("other", "a")))
    with pytest.raises(InvalidInput) as refused:
        await launch(ANN, replace(SPEC, key=Key("apps", "--x"), memory_request="200m", tag=""))
    assert set(refused.value.fields) == {"name", "memory_request", "tag"}
    with pytest.raises(InvalidInput):
        await world.actions.scale(ANN, KEY, ScaleRequest(replicas=6))
    for missing in (
        world.actions.scale(ANN, KEY, ScaleRequest(replicas=1)),
        world.actions.rollback(ANN, KEY, 1),
        world.actions.uninstall(ANN, KEY),
        world.actions.edit_form(ANN, KEY),
    ):
        with pytest.raises(NotFound, match="no release sales in apps"):
            await missing
    assert world.helm.calls == []
    assert world.store.snapshot.app(KEY).operation is None


async def test_every_action_asks_for_permission(world: World) -> None:
    key = Key("other", "a")
    for asked in (
        world.actions.scale(ANN, key, ScaleRequest(replicas=1)),
        world.actions.rollback(ANN, key, 1),
        world.actions.uninstall(ANN, key),
        world.actions.dismiss(ANN, key),
        world.actions.previews.upgrade(ANN, replace(SPEC, key=key)),
        world.actions.previews.rollback(ANN, key, 1),
        world.actions.previews.history(ANN, key),
        world.actions.previews.newest(ANN, key),
        world.actions.previews.removal(ANN, key),
        world.actions.values(ANN, key),
        world.actions.edit_form(ANN, key),
    ):
        with pytest.raises(Forbidden):
            await asked


@pytest.mark.parametrize("decoded", [True, False])
async def test_a_release_of_another_chart_is_left_alone(world: World, decoded: bool) -> None:
    world.helm.charts[KEY] = "nginx"
    world.cluster.release(KEY, 3, {}, chart="nginx", decoded=decoded)

    async def asked() -> None:
        operation = await world.actions.launch(ANN, SPEC)
        ended = await world.ended(operation)
        assert ended.phase is OperationPhase.FAILED
        raise Conflict(ended.error)

    with pytest.raises(Conflict, match=r"another chart \(nginx\)"):
        await asked()
    assert "upgrade" not in world.asked


async def test_a_pending_release_is_never_unlocked(world: World) -> None:
    world.cluster.release(KEY, 2, {}, status=ReleaseStatus.PENDING_UPGRADE)

    for asked in (
        world.actions.launch(ANN, SPEC),
        world.actions.scale(ANN, KEY, ScaleRequest(replicas=1)),
        world.actions.rollback(ANN, KEY, 1),
        world.actions.uninstall(ANN, KEY),
    ):
        with pytest.raises(ReleaseBusy, match="its status is pending-upgrade"):
            await asked
    assert world.helm.calls == []


async def test_what_was_left_half_uninstalled_can_be_uninstalled(world: World) -> None:
    world.cluster.release(KEY, 2, {}, status=ReleaseStatus.UNINSTALLING)
    ended = await world.ended(await world.actions.uninstall(ANN, KEY))
    assert ended.phase is OperationPhase.SUCCEEDED


async def test_one_operation_at_a_time(world: World) -> None:
    world.helm.gate.clear()
    first = await world.actions.launch(ANN, SPEC)
    await until(world.store, lambda: "Run helm upgrade --install" in world.steps())

    with pytest.raises(Conflict) as refused:
        await world.actions.launch(BOB, SPEC)
    with pytest.raises(Conflict, match="not ended"):
        await world.actions.dismiss(BOB, KEY)

    assert "ann has been launching sales since 00:00:00 UTC" in refused.value.message
    assert "(now: Run helm upgrade --install)" in refused.value.message
    other = await world.actions.launch(BOB, replace(SPEC, key=Key("apps", "other")))
    world.helm.gate.set()
    await world.ended(first)
    await world.ended(other)


async def test_a_wrong_image_is_corrected_while_its_rollout_waits(world: World) -> None:
    world.cluster.rolls_out = False
    first = await world.actions.launch(ANN, SPEC)
    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)

    world.cluster.rolls_out = True
    second = await world.actions.launch(BOB, replace(SPEC, tag="2"))
    ended = await world.ended(second)

    assert ended.phase is OperationPhase.SUCCEEDED
    assert ended.verb == UPGRADE
    # Once the new one is there, nothing of the old one comes through any more.
    written = [each.id for each in world.store.operations]
    assert written == sorted(written, key=[first.id, second.id].index)
    last = next(each for each in reversed(world.store.operations) if each.id == first.id)
    assert last.phase is OperationPhase.CANCELLED
    assert last.error == "Superseded: bob began updating sales."


async def test_fixed_to_autoscaled_and_back(world: World) -> None:
    await world.launched(replace(SPEC, replicas=3))

    ended = await world.ended(await world.actions.scale(ANN, KEY, ScaleRequest(autoscaling=AUTO)))
    assert ended.phase is OperationPhase.SUCCEEDED
    assert world.asked == ["hand over", "upgrade"]
    sent = world.helm.calls[1][2]
    assert sent["description"] == "Autoscaled 2 to 4 by ann"
    assert sent["values"]["autoscaling"]["targetMemory"] is None  # type: ignore[index]
    assert sent["values"]["image"] == {"repository": "r/a", "tag": "1"}  # type: ignore[index]

    world.helm.calls.clear()
    wider = replace(AUTO, max_replicas=5)
    await world.ended(await world.actions.scale(ANN, KEY, ScaleRequest(autoscaling=wider)))
    assert world.asked == ["upgrade"]

    world.helm.calls.clear()
    ended = await world.ended(await world.actions.scale(ANN, KEY, ScaleRequest(replicas=2)))
    assert world.asked == ["take back", "upgrade", "take back"]
    assert "Take the replicas back from the autoscaler" in [each.title for each in ended.steps]
    assert world.store.snapshot.app(KEY).workloads[0].desired == 2

    world.helm.calls.clear()
    await world.ended(await world.actions.rollback(ANN, KEY, 2))
    assert world.asked == ["values", "hand over", "rollback"]
    await world.ended(await world.actions.rollback(ANN, KEY, 1))
    assert world.asked[3:] == ["values", "take back", "rollback", "take back"]


async def test_an_autoscaler_that_decides_once_more_does_not_have_its_way(world: World) -> None:
    await world.launched(replace(SPEC, autoscaling=AUTO))
    world.replicas.owners = [("kube-controller-manager",)] * 2

    ended = await world.ended(await world.actions.scale(ANN, KEY, ScaleRequest(replicas=2)))

    assert ended.phase is OperationPhase.SUCCEEDED
    assert ended.revision == 3
    assert world.asked == ["take back", "upgrade", "take back", "upgrade"]
    assert [how["force"] for verb, _, how in world.helm.calls if verb == "upgrade"] == [False, True]
    assert world.helm.made_by[KEY] == f"{ended.id}.3"


async def test_a_daemon_set_has_no_replicas_to_take_back(world: World) -> None:
    await world.launched(replace(SPEC, autoscaling=AUTO))
    (deployment,) = world.store.snapshot.app(KEY).workloads
    agent = replace(deployment, kind=Kind.DAEMON_SET, key=Key("apps", "agent"))
    world.store.apply(Kind.DAEMON_SET, agent.key, agent)
    world.store.delete(Kind.HPA, KEY)
    world.helm.calls.clear()

    await world.actions.scale(ANN, KEY, ScaleRequest(replicas=2))
    await until(world.store, lambda: world.operation().phase is OperationPhase.WAITING)

    assert [(verb, key) for verb, key, _ in world.helm.calls if verb == "take back"] == [
        ("take back", KEY)
    ] * 2


async def test_an_app_at_nothing_wakes_up_with_an_autoscaler(world: World) -> None:
    await world.launched(replace(SPEC, replicas=0))
    await world.actions.scale(ANN, KEY, ScaleRequest(autoscaling=AUTO))
    await until(world.store, lambda: world.operation().revision == 2)
    # Holding 0 would keep the autoscaler switched off.
    assert world.asked == ["upgrade"]


async def test_a_target_without_a_request_fails_before_helm(world: World) -> None:
    await world.launched(replace(SPEC, cpu_request="", cpu_limit=""))
    ended = await world.ended(await world.actions.scale(ANN, KEY, ScaleRequest(autoscaling=AUTO)))
    assert ended.phase is OperationPhase.FAILED
    assert "CPU request" in ended.error
    assert "upgrade" not in world.asked


def conflict(*fields: str) -> FieldConflict:
    return FieldConflict("owned", "undo it", "", dict.fromkeys(fields, "kubectl"))


async def test_replicas_that_somebody_set_by_hand_are_taken_over(world: World) -> None:
    await world.launched()
    world.helm.errors = [conflict(".spec.replicas")]

    ended = await world.ended(await world.actions.scale(ANN, KEY, ScaleRequest(replicas=2)))

    assert ended.phase is OperationPhase.SUCCEEDED
    assert [how["force"] for _, _, how in world.helm.calls] == [False, True]
    assert ended.steps[3].error == "owned"


async def test_a_rollback_takes_such_replicas_over_as_well(world: World) -> None:
    await world.launched()
    await world.ended(await world.actions.launch(ANN, replace(SPEC, replicas=2)))
    world.helm.calls.clear()
    world.helm.errors = [conflict(".spec.replicas")]
    ended = await world.ended(await world.actions.rollback(ANN, KEY, 1))
    assert ended.steps[-2].title == "Run helm rollback again, taking over the replicas"
    assert [how["force"] for verb, _, how in world.helm.calls if verb == "rollback"] == [
        False,
        True,
    ]


async def test_other_fields_are_not_taken_over(world: World) -> None:
    await world.launched()
    world.helm.errors = [conflict(".spec.replicas", ".spec.template")]
    ended = await world.ended(await world.actions.scale(ANN, KEY, ScaleRequest(replicas=2)))
    assert (ended.phase, ended.error, ended.advice) == (OperationPhase.FAILED, "owned", "undo it")


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (HelmError("no", "try again"), {}),
        (ChartError("no", "try again", "", {"image.tag": "bad", "x": "?"}), {"tag": "bad"}),
    ],
)
async def test_failures_are_recorded(
    world: World, error: PortalError, fields: dict[str, str]
) -> None:
    world.helm.errors = [error]
    ended = await world.ended(await world.actions.launch(ANN, SPEC))

    assert (ended.phase, ended.error, ended.advice) == (OperationPhase.FAILED, "no", "try again")
    assert dict(ended.fields) == fields
    assert (ended.steps[-1].title, ended.steps[-1].error) == ("Run helm upgrade --install", "no")
    # What failed can be tried again at once.
    await world.launched()


async def test_faults_of_the_portal_are_told_without_their_details(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.helm.errors = [RuntimeError("secret details")]  # type: ignore[list-item]
    ended = await world.ended(await world.actions.launch(ANN, SPEC))
    assert ended.phase is OperationPhase.FAILED
    assert "in the portal itself" in ended.error
    assert "secret details" in caplog.text


async def test_a_failed_first_install_can_be_corrected_or_removed(world: World) -> None:
    world.cluster.release(KEY, 1, {}, status=ReleaseStatus.FAILED)
    ended = await world.ended(await world.actions.launch(ANN, SPEC))
    assert (ended.phase, ended.verb) == (OperationPhase.SUCCEEDED, UPGRADE)

    world.cluster.release(KEY, 3, {}, status=ReleaseStatus.FAILED)
    ended = await world.ended(await world.actions.uninstall(ANN, KEY))
    assert ended.phase is OperationPhase.SUCCEEDED


async def test_a_rollout_lost_to_somebody_else(world: World) -> None:
    world.cluster.rolls_out = False
    operation = await world.actions.launch(ANN, SPEC)
    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)
    world.cluster.release(KEY, 2, {})
    ended = await world.ended(operation)
    assert ended.phase is OperationPhase.FAILED
    assert "Somebody else has changed this release" in ended.error


async def test_slow_pods_are_no_failure(world: World) -> None:
    world.cluster.rolls_out = False
    operation = await world.actions.launch(ANN, SPEC)
    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)
    for _ in range(20):
        world.cluster.workload(KEY, 1, 0)
        await asyncio.sleep(0.001)
    assert world.phase() is OperationPhase.WAITING
    world.cluster.workload(KEY, 1, 1)
    assert (await world.ended(operation)).phase is OperationPhase.SUCCEEDED


async def test_an_uninstalled_app_is_forgotten_after_a_while() -> None:
    world = World(uninstalled_for=0.01)
    await world.launched()
    await world.actions.uninstall(ANN, KEY)
    await until(world.store, lambda: KEY not in world.store.snapshot.apps)
    assert world.asked == ["uninstall"]
    await world.close()


async def test_a_name_is_free_again_when_everything_is_gone(world: World) -> None:
    await world.launched()
    world.cluster.lingers = True
    operation = await world.actions.uninstall(ANN, KEY)
    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)

    with pytest.raises(Conflict, match="ann has been removing sales"):
        await world.actions.launch(BOB, SPEC)

    world.store.delete(Kind.DEPLOYMENT, KEY)
    assert (await world.ended(operation)).phase is OperationPhase.SUCCEEDED
    await world.launched()


async def test_a_finished_operation_stays_until_it_is_dismissed(world: World) -> None:
    await world.launched()
    assert world.leases.now[KEY].operation.phase is OperationPhase.SUCCEEDED
    await world.actions.dismiss(ANN, KEY)
    assert world.store.snapshot.app(KEY).operation is None
    assert world.leases.now == {}


async def test_the_cluster_is_asked_ahead_while_helm_is_at_work(world: World) -> None:
    world.helm.gate.clear()
    begun = await world.actions.launch(ANN, SPEC)
    async with asyncio.timeout(10):
        await world.admission.prepared.wait()
    world.helm.gate.set()
    assert (await world.ended(begun)).phase is OperationPhase.SUCCEEDED


async def test_draining_ends_helm_and_says_so(world: World) -> None:
    world.helm.gate.clear()
    await world.actions.launch(ANN, SPEC)
    await until(world.store, lambda: "Run helm upgrade --install" in world.steps())

    await world.actions.operations.drain(5)

    assert world.helm.cancelled == 1
    assert world.phase() is OperationPhase.INTERRUPTED
    assert "while this was under way" in world.operation().error
    with pytest.raises(Conflict, match="restarting"):
        await world.actions.launch(ANN, replace(SPEC, key=Key("apps", "b")))


async def test_helm_is_asked_where_no_watch_tells() -> None:
    world = World(watched=False)
    await world.ended(await world.actions.launch(ANN, SPEC))
    assert world.records.looks == 1
    assert world.asked == ["upgrade"]
    assert await world.actions.values(ANN, KEY) == world.cluster.shown[KEY][1]
    await world.close()


async def test_the_edit_form_shows_what_there_is(world: World) -> None:
    await world.launched(replace(SPEC, replicas=3))
    filled = await world.actions.edit_form(BOB, KEY)
    raw = filled.raw
    assert filled.revision == 1
    assert (raw["name"], raw["replicas"], raw["tag"]) == ("sales", 3, "1")

    world.cluster.release(KEY, 2, {}, chart="nginx")
    with pytest.raises(Conflict, match="another chart"):
        await world.actions.edit_form(BOB, KEY)


async def test_what_already_has_a_name(world: World) -> None:
    assert world.actions.existing(ANN, KEY) is None
    await world.launched()
    found = world.actions.existing(ANN, KEY)
    assert found is not None
    assert (found.ours, found.launched_by, found.revision) == (True, "ann", 1)
    assert found.sentence.endswith("this changes it, as revision 2.")

    world.cluster.release(KEY, 2, {}, chart="nginx")
    found = world.actions.existing(ANN, KEY)
    assert found is not None
    assert not found.ours
    assert "another chart (nginx)" in found.sentence


async def test_what_keda_scales_is_not_scaled_here(world: World) -> None:
    """keda 2917: KEDA brings the number back that it has decided."""
    await world.launched(SPEC)
    scaled = ScaledObject(Key("apps", "worker"), "", "Deployment", "sales")
    world.store.apply(Kind.SCALED_OBJECT, scaled.key, scaled)
    with pytest.raises(Conflict, match="KEDA scales sales"):
        await world.actions.scale(ANN, KEY, ScaleRequest(replicas=2))
