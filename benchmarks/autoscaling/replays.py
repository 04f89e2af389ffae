"""Replays with other settings, compared with what these did under the same requests.

The apps of ``live`` get the same requests at the same time, each with an autoscaler of its own. The
load that was recorded of one is replayed with the settings of another: what comes is compared with
the pods that the other one had. That has in it what a replay cannot know: how the load itself
depends on the number of pods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING

from benchmarks.autoscaling import objects
from benchmarks.table import Row, percentile
from portal.autoscaling.simulation import Load, PodModel, Point, simulate
from portal.autoscaling.spec import FLAGS
from portal.autoscaling.state import NEVER

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
    load = load_of(recorded, polls)
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


def load_of(name: str, polls: Sequence[Poll]) -> list[Load]:
    """Return what all pods of an app used, from the first reading on."""
    found: list[Load] = []
    for poll in polls:
        names = {each.name for each in poll.pods.get(name, ())}
        used = [each.containers for each in poll.usages or () if each.pod in names]
        if not used:
            continue
        load = Load(poll.at, _sum(used, "cpu") / 1000, _sum(used, "memory") / 1000)
        newest = found[-1] if found else None
        same = newest and (newest.cpu, newest.memory) == (load.cpu, load.memory)
        if not same or (newest and load.at - newest.at >= 60):
            found.append(load)
    return found


def _sum(used: Sequence[Mapping[str, Mapping[str, int]]], resource: str) -> int:
    return sum(each.get(resource, 0) for pod in used for each in pod.values())


def start_up_of(name: str, polls: Sequence[Poll]) -> float:
    """Return the usual time in seconds until a pod of an app was ready."""
    found = {
        each.name: each.ready_since - each.started
        for poll in polls
        for each in poll.pods.get(name, ())
        if each.ready == "True" and each.started not in {None, NEVER}
        if each.started is not None
    }
    return percentile([*found.values()], 50) if found else 30.0
