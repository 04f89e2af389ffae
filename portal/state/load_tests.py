"""Load tests in the state of apps: targets, what runs, and the minutes of a person. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.objects import Job
from portal.domain.ports import is_web, scheme
from portal.state.model import AppState, LoadTest

DAY = timedelta(days=1)
MINUTE = 60


class LoadTestTarget(Struct, frozen=True):
    """A port of an app's own Service that speaks HTTP. ``id`` names it: ``web:80``."""

    service: str
    port: int
    scheme: str

    @property
    def id(self) -> str:
        """The name of the target in forms."""
        return f"{self.service}:{self.port}"


def targets(state: AppState) -> tuple[LoadTestTarget, ...]:
    """Return what of an app can be tested: not what its Services point to elsewhere."""
    return tuple(
        LoadTestTarget(service.key.name, port.port, scheme(port))
        for service in state.services
        if service.type != "ExternalName" and service.key.namespace == state.key.namespace
        for port in service.ports
        if is_web(port)
    )


def ended_at(job: Job) -> datetime | None:
    """Return when a load test has ended; None while it has not."""
    if job.completed_at is not None:
        return job.completed_at
    ends = [each for each in job.conditions if each.type in _ENDS and each.status == "True"]
    return max((each.changed_at or job.created_at for each in ends), default=None)


_ENDS = {"Complete", "Failed", "SuccessCriteriaMet", "FailureTarget"}


def under_way(state: AppState) -> LoadTest | None:
    """Return the load test of an app that has not ended, None if there is none."""
    return next((each for each in state.load_tests if ended_at(each.job) is None), None)


def used_minutes(apps: Mapping[Key, AppState], actor: str, now: datetime) -> int:
    """Return the minutes of load that a person has used in the last 24 hours, begun ones whole."""
    return sum(
        _minutes(each, now)
        for state in apps.values()
        for each in state.load_tests
        if each.plan.actor == actor and now - each.job.created_at < DAY
    )


def _minutes(test: LoadTest, now: datetime) -> int:
    taken = (ended_at(test.job) or now) - test.job.created_at
    seconds = test.plan.seconds
    if ended_at(test.job) is not None:
        seconds = max(1, min(seconds, int(taken.total_seconds())))
    return minutes_of(seconds)


def minutes_of(seconds: int) -> int:
    """Return the minutes that a load test of some seconds takes of a person's day."""
    return -(-seconds // MINUTE)


def bounds(state: AppState) -> tuple[int, int] | None:
    """Return the fewest and the most replicas of the autoscalers together; None without any."""
    if not state.hpas:
        return None
    return (
        sum(each.min_replicas for each in state.hpas),
        sum(each.max_replicas for each in state.hpas),
    )


def ready_pods(state: AppState) -> int:
    """Return how many of the app's pods are ready."""
    return sum(each.ready for each in state.workloads)
