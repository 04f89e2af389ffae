"""Load tests: what may be asked for, one at a time, and how each may end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from portal.auth.policy import Policy
from portal.domain.errors import ClusterUnavailable, Conflict, Forbidden, InvalidInput, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.load_tests import LoadTestLimits, LoadTestPlan, PodThroughput
from portal.domain.objects import Condition, Job, Kind, ServicePort
from portal.domain.operations import Operation, OperationLease, OperationPhase
from portal.releases.load_test import LOAD_TEST, LoadTestRequest, LoadTests
from portal.state.model import AppState
from portal.viewmodels.operation import operation_view
from portal.viewmodels.stages import stages
from portal.viewmodels.workloads import pod_summary
from tests.unit.releases.fakes import T0, until
from tests.unit.releases.test_actions import ANN, BOB, KEY, RULES, World
from tests.unit.viewmodels import make

ASKED = LoadTestRequest("sales:80", 20, 10, "steady", "/")
LIMITS = LoadTestLimits(rate=50, seconds=120, minutes=3)


class FakeJobs:
    """Notes what is started and stopped, and shows it in the store as the watch would."""

    def __init__(self, world: UnderLoad) -> None:
        self.world = world
        self.started: list[tuple[Key, str, LoadTestPlan]] = []
        self.stopped: list[tuple[Key, str, str]] = []
        self.acted_for: list[Identity | None] = []
        self.errors: list[Exception] = []

    async def start(
        self, key: Key, name: str, plan: LoadTestPlan, *, identity: Identity | None
    ) -> None:
        self.acted_for.append(identity)
        if self.errors:
            raise self.errors.pop(0)
        self.started.append((key, name, plan))
        self.show(name, plan)

    async def stop(self, key: Key, name: str, by: str, *, identity: Identity | None) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.stopped.append((key, name, by))
        plan = replace(self.started[-1][2], stopped_by=by) if self.started else None
        self.end("DeadlineExceeded", name=name, plan=plan)

    def show(self, name: str, plan: LoadTestPlan, **fields: Any) -> None:
        own = Key("apps", name)
        made = Job(own, "", 1, 1, 0, 0, (), T0, uid=name, load_test_of="sales", load_test=plan)
        self.world.store.apply(Kind.JOB, own, replace(made, **fields))

    def end(self, reason: str = "", *, name: str = "", plan: LoadTestPlan | None = None) -> None:
        if not self.started:
            return
        _, began, asked = self.started[-1]
        now = self.world.clock.now
        failed = Condition("Failed", "True", reason, "it broke", now)
        how: dict[str, Any] = {"conditions": (failed,)} if reason else {"completed_at": now}
        self.show(name or began, plan or asked, **how)


class UnderLoad(World):
    """A world whose apps can be tested under load."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.jobs = FakeJobs(self)
        self.throughput: PodThroughput | None = None
        self.load_tests = LoadTests(self.store, self.jobs, LIMITS, self.known, self.clock)
        self.actions._load_tests = self.load_tests  # type: ignore[reportPrivateUsage]
        self.operations.declare([self.load_tests])

    def known(self, state: AppState) -> PodThroughput | None:
        return self.throughput

    async def launched_with_service(self) -> None:
        await self.launched()
        service = replace(
            make.service("ClusterIP"), key=KEY, release=KEY.name, ports=(ServicePort(80),)
        )
        self.store.apply(Kind.SERVICE, KEY, service)


@pytest.fixture
async def world() -> AsyncIterator[UnderLoad]:
    world = UnderLoad()
    await world.launched_with_service()
    yield world
    await world.close()


async def running(world: UnderLoad, asked: LoadTestRequest = ASKED) -> Operation:
    begun = await world.actions.load_test(ANN, KEY, asked)
    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)
    return begun


async def test_it_makes_a_job_and_ends_with_it(world: UnderLoad) -> None:
    begun = await running(world)
    ((key, name, plan),) = world.jobs.started
    assert (key, name) == (KEY, f"sales-load-{begun.id[:8]}")
    assert (plan.service, plan.port, plan.path) == ("sales", 80, "/")
    assert (plan.rate, plan.seconds, plan.actor) == (20, 10, "ann")
    assert (plan.operation, plan.ready) == (begun.id, 1)
    assert world.jobs.acted_for == [ANN]
    world.jobs.end()
    ended = await world.ended(begun)
    assert (ended.phase, ended.revision) == (OperationPhase.SUCCEEDED, None)
    assert [each.title for each in ended.steps] == ["Start the load test", "Send requests"]
    assert world.helm.calls == [], "Helm has no part in it"


async def test_it_is_no_rollout(world: UnderLoad) -> None:
    await running(world)
    state = world.store.snapshot.app(KEY)
    assert state.operation is not None
    view = operation_view(state.operation, now=T0)
    assert (view.state.text, view.running, view.cancellable) == ("Running", True, True)
    assert stages(state, pod_summary(state, {}, T0, ()), ()) == ()


async def test_one_at_a_time(world: UnderLoad) -> None:
    await running(world)
    with pytest.raises(Conflict, match="ann is testing sales under load already"):
        await world.actions.load_test(BOB, KEY, ASKED)


async def test_another_change_is_not_held_up_and_the_job_goes_on(world: UnderLoad) -> None:
    begun = await running(world)
    await world.ended(await world.actions.uninstall(ANN, KEY))
    assert world.jobs.stopped == []
    assert begun.id in {each.id for each in world.store.operations}


async def test_cancelling_it_ends_the_job(world: UnderLoad) -> None:
    begun = await running(world)
    await world.actions.cancel(BOB, KEY)
    ended = await world.ended(begun)
    assert ended.phase is OperationPhase.CANCELLED
    assert ended.error == "Cancelled by bob."
    assert ended.advice.startswith("The load test was stopped")
    assert [(key, by) for key, _, by in world.jobs.stopped] == [(KEY, "bob")]


async def test_the_stop_button_does_so_too_and_after_another_change(world: UnderLoad) -> None:
    begun = await running(world)
    await world.actions.stop_load_test(BOB, KEY)
    assert (await world.ended(begun)).phase is OperationPhase.CANCELLED
    await until(world.store, lambda: len(world.jobs.stopped) == 1)
    with pytest.raises(NotFound, match="No load test of sales runs"):
        await world.actions.stop_load_test(BOB, KEY)
    world.jobs.show("sales-load-alone", world.jobs.started[-1][2])
    await world.actions.stop_load_test(BOB, KEY)
    assert world.jobs.stopped[-1] == (KEY, "sales-load-alone", "bob")


async def test_a_stop_that_the_cluster_does_not_take_is_said(world: UnderLoad) -> None:
    begun = await running(world)
    world.jobs.errors = [ClusterUnavailable("The API server does not answer.")]
    await world.actions.cancel(ANN, KEY)
    ended = await world.ended(begun)
    assert (ended.phase, ended.advice) == (
        OperationPhase.CANCELLED,
        "The API server does not answer.",
    )


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("BackoffLimitExceeded", "The load test failed: it broke"),
        ("DeadlineExceeded", "did not end in time"),
    ],
)
async def test_a_job_that_fails_is_its_end(world: UnderLoad, reason: str, error: str) -> None:
    begun = await running(world)
    world.jobs.end(reason)
    ended = await world.ended(begun)
    assert ended.phase is OperationPhase.FAILED
    assert error in ended.error
    assert world.records.failed == [], "no revision is marked as failed"


async def test_a_job_that_somebody_deletes_is_its_end(world: UnderLoad) -> None:
    begun = await running(world)
    world.store.delete(Kind.JOB, Key("apps", world.jobs.started[0][1]))
    ended = await world.ended(begun)
    assert "was removed by somebody else" in ended.error


async def test_a_service_that_is_refused_leaves_nothing(world: UnderLoad) -> None:
    world.jobs.errors = [Conflict("The Service sales selects no pods.")]
    ended = await world.ended(await world.actions.load_test(ANN, KEY, ASKED))
    assert ended.phase is OperationPhase.FAILED
    assert world.jobs.started == []


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"target": "other:80"}, {"target"}),
        ({"target": "10.0.0.1:80"}, {"target"}),
        ({"target": None}, {"target"}),
        ({"rate": 51}, {"rate"}),
        ({"seconds": 121}, {"seconds"}),
        ({"shape": "wave"}, {"shape"}),
        ({"shape": None}, {"shape"}),
        ({"path": "//[::1]/\n"}, {"path"}),
        ({"path": "http://elsewhere/"}, {"path"}),
    ],
)
async def test_what_is_wrong_is_said_by_field_and_nothing_begins(
    world: UnderLoad, changes: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await world.actions.load_test(ANN, KEY, replace(ASKED, **changes))
    assert set(refused.value.fields) == fields
    assert world.jobs.started == []
    assert world.store.snapshot.app(KEY).operation is not None
    assert world.phase() is OperationPhase.SUCCEEDED, "that of the launch"


async def test_a_persons_minutes_of_a_day_are_limited(world: UnderLoad) -> None:
    plan = LoadTestPlan("sales", 80, "/", 1, 120, actor="ann")
    world.jobs.show("earlier", plan, completed_at=T0 + timedelta(seconds=120))
    assert (await world.actions.load_test_offer(ANN, KEY)).minutes_left == 1
    with pytest.raises(InvalidInput, match="takes 2 minutes of load, and you have 1 minute of 3"):
        await world.actions.load_test(ANN, KEY, replace(ASKED, seconds=61))
    assert (await world.actions.load_test_offer(BOB, KEY)).minutes_left == 3
    await running(world, replace(ASKED, seconds=60))


async def test_what_is_expected_is_known_from_an_earlier_climb(world: UnderLoad) -> None:
    found = await world.actions.load_test_forecast(ANN, KEY, ASKED)
    assert found.plan is not None
    assert (found.throughput, found.needed, found.plan.expected) == (None, None, None)
    world.throughput = PodThroughput(8.0, at_least=False)
    fixed = await world.actions.load_test_forecast(ANN, KEY, ASKED)
    assert fixed.plan is not None
    assert (fixed.needed, fixed.plan.expected) == (3, 1), "a fixed number stays"
    hpa = replace(make.hpa(), key=KEY, release=KEY.name, min_replicas=1, max_replicas=2)
    world.store.apply(Kind.HPA, KEY, hpa)
    scaled = await world.actions.load_test_forecast(ANN, KEY, ASKED)
    assert scaled.plan is not None
    assert (scaled.needed, scaled.plan.expected) == (3, 2), "bounded by its autoscaler"
    climb = await world.actions.load_test_forecast(ANN, KEY, replace(ASKED, shape="climb"))
    assert climb.plan is not None
    assert climb.plan.expected is None


async def test_it_is_for_those_who_may_change_the_app() -> None:
    world = UnderLoad(policy=Policy(RULES, open_mode=False))
    await world.launched_with_service()
    with pytest.raises(Forbidden):
        await world.actions.load_test(BOB, KEY, ASKED)
    with pytest.raises(Forbidden):
        await world.actions.load_test_offer(BOB, KEY)
    with pytest.raises(Forbidden):
        await world.actions.load_test_forecast(BOB, KEY, ASKED)
    with pytest.raises(Forbidden):
        await world.actions.stop_load_test(BOB, KEY)
    await running(world)
    await world.close()


async def test_a_portal_without_an_image_begins_none_and_finishes_what_has_begun(
    world: UnderLoad,
) -> None:
    begun = await running(world)
    world.load_tests.on = False
    for ask in (world.actions.load_test, world.actions.load_test_forecast):
        with pytest.raises(NotFound, match="switched off"):
            await ask(ANN, KEY, ASKED)
    world.jobs.end()
    assert (await world.ended(begun)).phase is OperationPhase.SUCCEEDED


def left(phase: OperationPhase = OperationPhase.WAITING) -> Operation:
    return Operation("0a1b2c3d4e", KEY, LOAD_TEST, "ann", phase, T0, T0, base=1)


async def test_another_portal_waits_on(world: UnderLoad) -> None:
    plan = LoadTestPlan("sales", 80, "/", 20, 10, actor="ann", operation="0a1b2c3d4e")
    world.jobs.show("sales-load-0a1b2c3d", plan)
    world.jobs.started.append((KEY, "sales-load-0a1b2c3d", plan))
    world.leases.now[KEY] = lease = OperationLease(left(), "", "100")
    world.operations.registry.apply(Kind.LEASE, KEY, lease)
    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)
    world.jobs.end()
    await until(world.store, lambda: world.phase() is OperationPhase.SUCCEEDED)
    assert len(world.jobs.started) == 1, "it is not begun again"


async def test_one_that_had_not_begun_is_said_to_have_sent_nothing(world: UnderLoad) -> None:
    world.leases.now[KEY] = lease = OperationLease(left(OperationPhase.RUNNING), "", "100")
    world.operations.registry.apply(Kind.LEASE, KEY, lease)
    await until(world.store, lambda: world.phase() is OperationPhase.INTERRUPTED)
    operation = world.store.snapshot.app(KEY).operation
    assert operation is not None
    assert "nothing was sent" in operation.error
    assert world.jobs.started == []
