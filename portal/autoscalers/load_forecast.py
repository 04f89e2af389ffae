"""The replicas that an autoscaler is going to have in a load test: a replay of its load. Pure.

The load is what the app uses now, and the CPU of a request as an earlier load test tells it, for
the rate of each second. A pod uses no more than it has been seen to answer, and what the metrics
API tells is the mean of a window that has ended some time before.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from portal.autoscalers.following import Followed
from portal.autoscalers.variants import what_if_of
from portal.autoscalers.what_if import pods_with, spec_with
from portal.autoscaling.simulation import MOST_PODS, Load, simulate
from portal.autoscaling.spec import FLAGS
from portal.domain.keys import Key
from portal.domain.load_tests import Expected, LoadTestPlan, Measured, PodThroughput
from portal.state.model import AppState
from portal.viewmodels.capacity import request_cost

STEP = 5
"""Seconds between two moments of the load."""

WINDOW = 15.0
"""Seconds over which the metrics API takes means, where no pod's usage tells."""

AGE = 10.0
"""Seconds since the end of that window, as an autoscaler reads it: half of the usual time between
two samples, and what it takes to read them."""


def expected(
    state: AppState,
    following: Mapping[Key, Followed],
    measured: Mapping[str, Measured],
    plan: LoadTestPlan,
    one_pod: PodThroughput | None,
) -> Expected | None:
    """Return what the autoscaler of an app is expected to do in a load test.

    None without exactly one that scales on CPU, or without a load test that tells the CPU of a
    request. ``one_pod`` is the throughput of one pod, None if it is not known.
    """
    cost = request_cost(state, measured)
    if cost is None or len(state.hpas) != 1 or len(following) != 1:
        return None
    (found,) = following.values()
    given = what_if_of(found, state.history)
    settings = given.base
    spec = spec_with(given.spec, settings, settings)
    scales = any(each.name == "cpu" for each in spec.metrics)
    if not scales or not settings.cpu_request or settings.maximum > MOST_PODS:
        return None
    base = sum(each.cpu for each in found.seen.usage.values())
    window = next((each.window for each in found.seen.usage.values()), WINDOW)
    idle = base / max(1, len(found.seen.usage))
    most = None if one_pod is None or one_pod.at_least else idle + one_pod.rate * cost
    ready = sum(each.ready for each in found.seen.pods)
    rates = [each.rate for each in plan.phases for _ in range(each.seconds)]
    period = FLAGS.sync_period
    begin = (found.synced // period + 1) * period
    record = [
        Load(begin + at, base + cost * _mean(rates, at - AGE - window, at - AGE))
        for at in range(0, plan.seconds + STEP, STEP)
    ]
    pods = replace(pods_with(settings, given.start_up), most=most)
    curve = simulate(record, spec, pods, found.seen.desired, given.flags)
    changes = (int(each.at - begin) for each in curve if each.replicas != found.seen.desired)
    return Expected(
        max((each.replicas for each in curve), default=found.seen.desired),
        max((each.ready for each in curve), default=ready),
        next(changes, None),
        cost,
    )


def _mean(rates: list[int], begin: float, end: float) -> float:
    """Return the mean rate between two times, in seconds from the beginning; 0 before it."""
    seconds = range(round(begin), max(round(end), round(begin) + 1))
    return sum(rates[at] for at in seconds if 0 <= at < len(rates)) / len(seconds)
