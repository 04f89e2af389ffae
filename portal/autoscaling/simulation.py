"""Simulation: what an autoscaler would have done with a recorded load. Pure.

The load of all pods together is taken as it was recorded, whatever the number of pods, and is
shared by those that are ready. So load that was never served is in no record.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscaling.engine import decide
from portal.autoscaling.replay import syncs
from portal.autoscaling.spec import FLAGS, Metric, MetricSource, Spec, TargetType
from portal.autoscaling.state import (
    NEVER,
    Conditions,
    Container,
    History,
    Pod,
    Sample,
    Scale,
    State,
)

SYNC = FLAGS.sync_period

GAP = 330.0
"""Seconds without a sample after which a record is taken to be interrupted: of equal samples only
the first and the last of five minutes are kept."""

MOST_PODS = 100
"""The largest maximum that is simulated: the time for it grows with the pods."""


class Load(Struct, frozen=True):
    """The use of all pods together at the time ``at``, in cores, and how many were wanted."""

    at: float
    cores: float
    replicas: int


class Plan(Struct, frozen=True):
    """An autoscaler on CPU to be simulated: its spec, a pod's request in cores, and its start."""

    min_replicas: int
    max_replicas: int
    target: float
    request: float
    window: float = FLAGS.downscale_stabilization
    start_up: float = 30.0


class Outcome(Struct, frozen=True):
    """The result of a simulation.

    ``over`` are the seconds in which a pod had to do more than the cores of the comparison,
    ``core_hours`` what the pods reserved, and ``most`` the most pods there were.
    """

    seconds: float
    over: float
    core_hours: float
    most: int


def simulate(record: Sequence[Load], plan: Plan, most_a_pod: float) -> Outcome:
    """Return the outcome of a plan; ``most_a_pod`` are the cores beyond which a pod is over.

    The same number of cores makes the outcomes of several plans comparable.
    """
    target = Metric(
        MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, max(1, round(plan.target))
    )
    spec = Spec(plan.min_replicas, plan.max_replicas, (target,))
    flags = replace(FLAGS, downscale_stabilization=plan.window)
    containers = (Container("app", {"cpu": max(1, round(plan.request * 1000))}),)
    pods: list[Pod] = []
    history, desired = History(), 0
    conditions: Conditions = {}
    wanted = made = count = most = 0
    over = reserved = 0.0
    for at, load in syncs(record, GAP):
        if not count:
            wanted = desired = min(max(load.replicas, plan.min_replicas), plan.max_replicas)
        del pods[wanted:]
        while len(pods) < wanted:
            made += 1
            old = not count
            pods.append(
                Pod(
                    f"pod-{made}",
                    containers,
                    ready="True" if old else "False",
                    ready_since=NEVER if old else at,
                    started=NEVER if old else at,
                )
            )
        for place, pod in enumerate(pods):
            if pod.ready == "False" and pod.started is not None:
                since = pod.started + plan.start_up
                if at >= since:
                    pods[place] = replace(pod, ready="True", ready_since=since)
        able = [each.name for each in pods if each.ready == "True"]
        share = load.cores / len(able) if able else load.cores
        sample = Sample(round(share * 1000), at, SYNC)
        scale = Scale(wanted, len(pods))
        answers = (dict.fromkeys(able, sample),)
        state = State(at, spec, scale, pods, answers, history, conditions, desired, flags)
        decision = decide(state)
        history, conditions, desired = decision.history, decision.conditions, decision.desired
        count += 1
        over += SYNC if share > most_a_pod * (1 + FLAGS.tolerance) else 0.0
        reserved += len(pods) * plan.request * SYNC
        most = max(most, len(pods))
        wanted = decision.replicas
    return Outcome(count * SYNC, over, reserved / 3600, most)
