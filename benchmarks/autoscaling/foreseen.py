"""The syncs of the live controller foreseen, from what the portal sees of an autoscaler.

Pods, Deployments and autoscalers are those of each look, as watches tell of them; the use of the
pods is read every two seconds, as the portal does while somebody looks at the autoscaler, and
beside it about every ten, just after there are new samples, as its poller does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any, NamedTuple

import msgspec

from benchmarks.table import Row
from portal.autoscalers.following import Followed, followed
from portal.autoscalers.predictions import NEAR, Grades
from portal.autoscalers.readings import EVERY
from portal.cluster.kinds import deployment, hpa, pod
from portal.cluster.metrics import pod_usage
from portal.cluster.sample_times import SampleTimes
from portal.domain.keys import Key
from portal.domain.objects import PodUsage
from portal.state.assemble import nothing
from portal.state.model import AppState

POLLED = 10.0
"""Seconds between two looks at the metrics: the portal's ``metrics_interval``."""

Json = Mapping[str, Any]


class Watcher:
    """Follows the autoscalers of a namespace, each with a Deployment of its name.

    ``pause`` returns the seconds until the next look at the metrics, from the time of the newest
    sample and that of this look.
    """

    def __init__(self, pause: Callable[[float, float], float]) -> None:
        self._pause = pause
        self.followed: dict[str, Followed] = {}
        self._usage: dict[Key, PodUsage] = {}
        self._due = -math.inf

    def look(
        self,
        at: float,
        metrics: Sequence[Json],
        pods: Sequence[Json],
        deployments: Sequence[Json],
        hpas: Sequence[Json],
    ) -> None:
        """Follow them with what was read at a time."""
        if at >= self._due:
            self._usage = {each.key: each for each in map(pod_usage, map(_raw, metrics))}
            newest = max((each.at.timestamp() for each in self._usage.values()), default=0.0)
            self._due = at + self._pause(newest, at)
        for found in hpas:
            name = found["metadata"]["name"]
            state = self._state(name, found, pods, deployments)
            now = datetime.fromtimestamp(at, UTC)
            if state is None:
                continue
            one = followed(self.followed.get(name), state, state.hpas[0], now)
            if one is not None:
                self.followed[name] = one

    def _state(
        self, name: str, found: Json, pods: Sequence[Json], deployments: Sequence[Json]
    ) -> AppState | None:
        own = [each for each in deployments if each["metadata"]["name"] == name]
        if not own:
            return None
        key, workload = deployment.decode(_raw(own[0]))
        mine = (each for each in pods if each["metadata"]["labels"].get("app") == name)
        decoded = tuple(pod.decode(_raw(each))[1] for each in mine)
        return msgspec.structs.replace(
            nothing(key),
            workloads=(workload,),
            pods=decoded,
            hpas=(hpa.decode(_raw(found))[1],),
            usage={each.key: self._usage[each.key] for each in decoded if each.key in self._usage},
        )


def _raw(found: Json) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(found).encode())


def watchers() -> tuple[Watcher, Watcher]:
    """Return one that reads the metrics as while somebody looks, and one as the poller does."""
    times = SampleTimes(POLLED)
    polling = Watcher(lambda newest, now: times.after(newest, now) or POLLED)
    return Watcher(lambda newest, now: EVERY), polling


def rows(watchers: Sequence[Watcher]) -> list[Row]:
    """Return the rows of the predictions, and of the decisions that were computed alike."""
    looking, polling = ([each.grades for each in one.followed.values()] for one in watchers)
    syncs, changes = hits(looking), times(looking)
    followed = watchers[0].followed.values()
    agreed = sum(each.agreed for each in followed)
    compared = sum(each.compared for each in followed)
    under = f"{len(looking)} autoscalers under a load that changes, metrics read every {EVERY:g} s"
    return [
        Row(
            f"the next sync foreseen just before it, {under} as while somebody looks",
            syncs.words,
            beside=f"metrics about every {POLLED:g} s: {hits(polling).words}; {agreed} of "
            f"{compared} decisions computed as the controller's own",
            bar="≥ 95 %",
            met=syncs.share >= 0.95,
        ),
        Row(
            f"changes of the replicas foreseen with their time, within {NEAR:g} s, {under}",
            changes.words,
            beside=f"metrics about every {POLLED:g} s: {times(polling).words}",
            bar="≥ 80 %",
            met=changes.share >= 0.8,
        ),
    ]


class Rate(NamedTuple):
    """A hit rate, from 0 to 1, and all figures in words."""

    share: float
    words: str


def hits(grades: Sequence[Grades]) -> Rate:
    """Return how many syncs came as predicted."""
    syncs, right = sum(each.syncs for each in grades), sum(each.hits for each in grades)
    steps, step_hits = (sum(each.steps for each in grades), sum(each.step_hits for each in grades))
    within = sum(each.within for each in grades)
    share = right / max(1, syncs)
    words = f"{100 * share:.1f} % of {syncs} ({within} within their range), of {steps} changes "
    return Rate(share, f"{words}among them {step_hits}")


def times(grades: Sequence[Grades]) -> Rate:
    """Return how many changes came at about the time that was foreseen, and how far off it was."""
    changes, timed = sum(each.changes for each in grades), sum(each.timed for each in grades)
    unfounded = sum(each.unfounded for each in grades)
    graded = [each for one in grades for each in one.graded]
    off = [abs(each.off) for each in graded if each.off is not None]
    ahead = [each.ahead for each in graded if each.ahead is not None]
    share = timed / max(1, changes)
    words = f"{100 * share:.0f} % of {changes}"
    if off:
        words += f", off by {median(off):.1f} s (median, at most {max(off):.1f} s), known "
        words += f"{median(ahead):.0f} s before (median)"
    return Rate(share, f"{words}; {unfounded} foreseen did not come")
