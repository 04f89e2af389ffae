"""Replays with other settings, compared with what these did under the same requests.

The apps of ``live`` get the same requests at the same time, each with an autoscaler of its own. The
load that was recorded of one is replayed with the settings of another: what comes is compared with
the pods that the other one had. That has in it what a replay cannot know: how the load itself
depends on the number of pods.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import TYPE_CHECKING

from msgspec.structs import replace

from benchmarks.autoscaling import objects
from benchmarks.table import Row, percentile
from portal.autoscaling.readings import PodUsage
from portal.autoscaling.ready_use import PodUse, ready_use
from portal.autoscaling.simulation import PodModel, Point, simulate
from portal.autoscaling.spec import FLAGS
from portal.autoscaling.state import NEVER, Pod
from portal.state.history import Sample
from portal.viewmodels.recorded_load import recorded_load

if TYPE_CHECKING:
    from benchmarks.autoscaling.live import Poll

CPU, MEMORY = ("plain", "quick"), "tolerant"
"""The apps whose targets are of CPU, and the one that has a memory target too."""


def rows(polls: Sequence[Poll]) -> list[Row]:
    """Return the rows of what was recorded."""
    own = [error(name, name, polls) for name in CPU]
    other = [error(a, b, polls) for a, b in permutations(CPU, 2)]
    memory = [error(name, MEMORY, polls) for name in (*CPU, MEMORY)]
    return [
        Row(
            "what if: the recorded load of two apps with CPU targets replayed, error in pod-hours",
            f"{_shares(own)} with their own settings",
            beside=f"{_shares(other)} with each other's, which had the same requests at the time",
        ),
        Row(
            "what if: the same with the settings of an app with a memory target",
            _shares(memory),
        ),
    ]


def _shares(found: Sequence[float]) -> str:
    return ", ".join(f"{each:+.0%}" for each in found)


def error(recorded: str, settings: str, polls: Sequence[Poll]) -> float:
    """Return the error in pod-hours of one app's load replayed with the settings of another.

    It is a share of the pod-hours that the other one had.
    """
    load = recorded_load(samples_of(recorded, polls)).loads
    spec = objects.spec(polls[-1].hpas[settings])
    known = [each for each in polls if each.at >= load[0].at]
    pods = PodModel(0.02, 64 * 2.0**20, start_up_of(recorded, polls))
    curve = simulate(load, spec, pods, max(1, known[0].current.get(settings, 1)))
    replayed, real = sum(each.replicas for each in curve), _real(settings, curve, known)
    return (replayed - real) / real


def _real(name: str, curve: Sequence[Point], polls: Sequence[Poll]) -> int:
    """Return the replicas of an app, summed up over the same times."""
    found = place = 0
    for point in curve:
        while place + 1 < len(polls) and polls[place + 1].at <= point.at + FLAGS.sync_period:
            place += 1
        found += max(1, polls[place].current.get(name, 1))
    return found


def samples_of(name: str, polls: Sequence[Poll]) -> list[Sample]:
    """Return what the portal records of an app, from the first reading on."""
    found: list[Sample] = []
    for poll in polls:
        pods = {each.name: each for each in poll.pods.get(name, ())}
        used = [(pods[each.pod], each) for each in poll.usages or () if each.pod in pods]
        if not used:
            continue
        sample = Sample(
            datetime.fromtimestamp(poll.at, UTC),
            (replicas := poll.current.get(name, 0)),
            replicas,
            sum(each.ready == "True" for each in pods.values()),
            cpu=sum(_amount(each, "cpu") for _, each in used),
            memory=sum(_amount(each, "memory") for _, each in used),
            ready_cpu=ready_use(_use(pod, each) for pod, each in used),
            measured=len(used),
        )
        newest = found[-1] if found else None
        age = (sample.at - newest.at).total_seconds() if newest else 0
        if newest is None or age >= 60 or sample != replace(newest, at=sample.at):
            found.append(sample)
    return found


def _amount(used: PodUsage, resource: str) -> float:
    return sum(each.get(resource, 0) for each in used.containers.values()) / 1000


def _use(pod: Pod, used: PodUsage) -> PodUse:
    since = pod.ready_since if pod.ready == "True" else None
    return PodUse(_amount(used, "cpu"), used.at, used.window, since, pod.deleting)


def start_up_of(name: str, polls: Sequence[Poll]) -> float:
    """Return the usual time in seconds until a pod of an app was ready."""
    found: dict[str, float] = {}
    for poll in polls:
        for each in poll.pods.get(name, ()):
            if each.ready == "True" and each.started not in {None, NEVER}:
                took = each.ready_since - (each.started or 0.0)
                # One that was not ready for a while became ready again later.
                found[each.name] = min(took, found.get(each.name, took))
    return percentile([*found.values()], 50) if found else 30.0
