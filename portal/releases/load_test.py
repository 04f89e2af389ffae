"""Load test: a Job that sends requests to a Service of the release; the release does not change.

While it runs the operation waits, so that other changes are not held up: an upgrade under load is
a test as well. The Job goes on then, and ends by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from portal.domain.errors import Conflict, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.load_tests import (
    LoadTestLimits,
    LoadTestPlan,
    PodThroughput,
    Shape,
    problems,
    replicas_for,
)
from portal.domain.operations import Operation, Verb
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.operations.action import Action
from portal.operations.interrupted import Interrupted
from portal.operations.outcome import InterruptedOutcome
from portal.operations.progress import Progress
from portal.operations.rollout import UNDER_WAY, Rollout
from portal.operations.waiting import WaitCondition
from portal.releases.plan import Plan
from portal.releases.preconditions import Preconditions
from portal.state.load_tests import (
    LoadTestTarget,
    bounds,
    ended_at,
    minutes_of,
    ready_pods,
    targets,
    under_way,
    used_minutes,
)
from portal.state.model import AppState, LoadTest
from portal.state.store import Store

LOAD_TEST = Verb("load-test", "load test", "load-testing", rolls_out=False)

STOPPED = "The load test was stopped; what it had measured until then is shown below."


class Jobs(Protocol):
    """The Jobs of load tests."""

    async def start(
        self, key: Key, name: str, plan: LoadTestPlan, *, identity: Identity | None
    ) -> None:
        """Make the Job of a load test, unless it is there."""
        ...

    async def stop(self, key: Key, name: str, by: str, *, identity: Identity | None) -> None:
        """Have Kubernetes end a load test."""
        ...


class LoadTestRequest(Struct, frozen=True):
    """A load test as a form asks for it; ``target`` is the ``LoadTestTarget.id``."""

    target: object
    rate: object
    seconds: object
    shape: object
    path: object


class LoadTestOffer(Struct, frozen=True):
    """The bounds of a load test of an app, and the minutes that a person has left of the day."""

    targets: tuple[LoadTestTarget, ...]
    limits: LoadTestLimits
    minutes_left: int


class LoadTestForecast(Struct, frozen=True):
    """A load test before it runs: its plan, and what it is going to need.

    ``throughput`` is that of one pod from an earlier climb, None without one. ``needed`` are the
    pods for the highest rate; the plan's ``expected`` are those that there will be.
    """

    plan: LoadTestPlan | None
    problems: dict[str, str]
    throughput: PodThroughput | None = None
    needed: int | None = None


class LoadTests(Action):
    """Load tests of apps, within ``limits``.

    ``throughput`` returns what is known of one pod's from earlier load tests. If not ``on`` none
    may begin; those that were begun before are finished all the same.
    """

    verb = LOAD_TEST
    permission = Permission.UPGRADE
    completes = True

    def __init__(
        self,
        store: Store,
        jobs: Jobs,
        limits: LoadTestLimits,
        throughput: Callable[[AppState], PodThroughput | None],
        clock: Callable[[], datetime],
        *,
        on: bool = True,
    ) -> None:
        self.on = on
        """True if load tests may begin."""
        self._store = store
        self._jobs = jobs
        self._limits = limits
        self._throughput = throughput
        self._clock = clock

    def offer(self, identity: Identity, key: Key) -> LoadTestOffer:
        """Return what may be asked for."""
        used = used_minutes(self._store.snapshot.apps, identity.user, self._clock())
        state = self._store.snapshot.app(key)
        return LoadTestOffer(targets(state), self._limits, max(0, self._limits.minutes - used))

    def forecast(self, identity: Identity, key: Key, asked: LoadTestRequest) -> LoadTestForecast:
        """Return the plan of what is asked for, or what is wrong with it by field."""
        offer, state = self.offer(identity, key), self._store.snapshot.app(key)
        found = problems(asked.rate, asked.seconds, asked.path, self._limits)
        target = next((each for each in offer.targets if each.id == asked.target), None)
        if target is None:
            found["target"] = "Choose one of the app's own Services."
        if asked.shape not in tuple(Shape):
            found["shape"] = "Choose one of the shapes."
        if "seconds" not in found and isinstance(asked.seconds, int):
            needs, left = minutes_of(asked.seconds), offer.minutes_left
            if needs > left:
                found["seconds"] = (
                    f"This takes {_minutes(needs)} of load, and you have {_minutes(left)} of "
                    f"{self._limits.minutes} left for today. Begun minutes count whole."
                )
        # Repeated for the type checker: what has no problem is of this type.
        if found or target is None or not isinstance(asked.rate, int):
            return LoadTestForecast(None, found)
        if not isinstance(asked.seconds, int) or not isinstance(asked.path, str):
            return LoadTestForecast(None, found)
        shape, one_pod = Shape(str(asked.shape)), self._throughput(state)
        needed = replicas_for(asked.rate, one_pod) if one_pod and shape is not Shape.CLIMB else None
        plan = LoadTestPlan(
            target.service,
            target.port,
            asked.path,
            asked.rate,
            asked.seconds,
            shape,
            actor=identity.user,
            ready=ready_pods(state),
            expected=None if needed is None else _within(needed, state),
        )
        return LoadTestForecast(plan, {}, one_pod, needed)

    def plan(
        self, identity: Identity, key: Key, asked: LoadTestRequest, preconditions: Preconditions
    ) -> Plan:
        """Plan the load test that is asked for."""

        async def wrong() -> dict[str, str]:
            return self.forecast(identity, key, asked).problems

        def check() -> None:
            preconditions.check_free(key)
            preconditions.require_existing(key)
            running = under_way(self._store.snapshot.app(key))
            if running is not None:
                raise Conflict(
                    f"{running.plan.actor} is testing {key.name} under load already.",
                    "Wait until that has ended, or stop it on the app's page.",
                )

        async def run(progress: Progress) -> WaitCondition:
            made = self.forecast(identity, key, asked).plan
            if made is None:
                raise Conflict(
                    "The app or your limits have changed since you asked for this.",
                    "Open the load test again.",
                )
            with progress.step("Start the load test"):
                name = job_name(progress.operation)
                plan = _with_operation(made, progress.operation)
                await self._jobs.start(key, name, plan, identity=progress.identity)
            return self._condition(progress)

        return Plan(self, key, run, check, f"Load test by {identity.user}", problems=wrong)

    async def stop(self, identity: Identity, key: Key) -> None:
        """Stop the load test of an app; raises ``NotFound`` if none runs."""
        running = under_way(self._store.snapshot.app(key))
        if running is None:
            raise NotFound(f"No load test of {key.name} runs any more.")
        await self._jobs.stop(key, running.job.key.name, identity.user, identity=identity)

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return FINISHED: Helm does not run, and whether the Job is there ``complete`` looks."""
        return InterruptedOutcome.FINISHED if left else InterruptedOutcome.NOT_BEGUN

    async def complete(self, progress: Progress, left: ReleaseRevision | None) -> WaitCondition:
        """Wait for the Job of another portal that has stopped."""
        state = self._store.snapshot.app(progress.operation.key)
        if _of(state, progress.operation) is None:
            raise Interrupted(
                "The portal stopped before the load test had begun: nothing was sent.", "Try again."
            )
        return self._condition(progress)

    def _condition(self, progress: Progress) -> WaitCondition:
        operation = progress.operation
        found = False

        def look(state: AppState, seen: bool) -> Rollout:
            nonlocal found
            test = _of(state, operation)
            progress_of = load_test_progress(test, found=found)
            found = found or test is not None
            return progress_of

        async def stop(by: str) -> str:
            name = job_name(operation)
            await self._jobs.stop(operation.key, name, by, identity=progress.identity)
            return STOPPED

        return WaitCondition("Send requests", look, stop)


def load_test_progress(test: LoadTest | None, *, found: bool) -> Rollout:
    """Return how far a load test is; ``found``: its Job was there at an earlier look."""
    if test is None:
        gone = "The Job of the load test was removed by somebody else in the meantime."
        return Rollout(False, gone) if found else UNDER_WAY
    if ended_at(test.job) is None:
        return UNDER_WAY
    if test.plan.stopped_by:
        return Rollout(False, f"Stopped by {test.plan.stopped_by}.")
    failed = next((each for each in test.job.conditions if each.type == "Failed"), None)
    if failed is None:
        return Rollout(True)
    if failed.reason == "DeadlineExceeded":
        return Rollout(False, "The load test did not end in time: its pod may have started late.")
    return Rollout(False, f"The load test failed: {failed.message or failed.reason}")


def job_name(operation: Operation) -> str:
    """Return the name of the Job of a load test: the same one for the same operation."""
    return f"{operation.key.name[:40].rstrip('-.')}-load-{operation.id[:8]}"


def _with_operation(plan: LoadTestPlan, operation: Operation) -> LoadTestPlan:
    return replace(plan, operation=operation.id)


def _of(state: AppState, operation: Operation) -> LoadTest | None:
    return next((each for each in state.load_tests if each.plan.operation == operation.id), None)


def _within(needed: int, state: AppState) -> int:
    """Return the replicas that an app will have of those that it needs."""
    allowed = bounds(state)
    if allowed is None:
        return ready_pods(state)
    low, high = allowed
    return min(high, max(low, needed))


def _minutes(number: int) -> str:
    return "1 minute" if number == 1 else f"{number} minutes"
