"""The syncs of the live controller foreseen, from what the portal sees of an autoscaler.

Pods, Deployments and autoscalers are those of each look, as watches tell of them; the use of the
pods is read every two seconds, as the portal does while somebody looks at the autoscaler, and
beside it every ten, as its poller does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from benchmarks.table import Row
from portal.autoscalers.following import Followed, followed
from portal.autoscalers.predictions import Grades
from portal.autoscalers.readings import EVERY
from portal.cluster.kinds import deployment, hpa, pod
from portal.cluster.metrics import pod_usage
from portal.domain.keys import Key
from portal.domain.objects import PodUsage
from portal.state.assemble import nothing
from portal.state.model import AppState

POLLED = 10.0
"""Seconds between two looks at the metrics: the portal's ``metrics_interval``."""

Json = Mapping[str, Any]


class Watcher:
    """Follows the autoscalers of a namespace, each with a Deployment of its name.

    ``every`` are the seconds between two looks at the metrics.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self.followed: dict[str, Followed] = {}
        self._usage: dict[Key, PodUsage] = {}
        self._polled = -math.inf

    def look(
        self,
        at: float,
        metrics: Sequence[Json],
        pods: Sequence[Json],
        deployments: Sequence[Json],
        hpas: Sequence[Json],
    ) -> None:
        """Follow them with what was read at a time."""
        if at - self._polled >= self._every:
            self._polled = at
            self._usage = {each.key: each for each in map(pod_usage, map(_raw, metrics))}
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


WATCHERS = (EVERY, POLLED)


def rows(watchers: Sequence[Watcher]) -> list[Row]:
    """Return the row of the predictions, and of the decisions that were computed alike."""
    looking, polling = ([each.grades for each in one.followed.values()] for one in watchers)
    share, words = _hits(looking)
    followed = watchers[0].followed.values()
    agreed = sum(each.agreed for each in followed)
    compared = sum(each.compared for each in followed)
    return [
        Row(
            f"the next sync foreseen just before it, {len(looking)} autoscalers under a load that "
            f"changes, metrics read every {EVERY:g} s as while somebody looks",
            words,
            beside=f"metrics every {POLLED:g} s: {_hits(polling)[1]}; {agreed} of {compared} "
            "decisions computed as the controller's own",
            bar="≥ 95 %",
            met=share >= 0.95,
        )
    ]


def _hits(grades: Sequence[Grades]) -> tuple[float, str]:
    """Return the share of the syncs that came as predicted, and all figures in words."""
    syncs, hits = sum(each.syncs for each in grades), sum(each.hits for each in grades)
    steps, right = sum(each.steps for each in grades), sum(each.step_hits for each in grades)
    share = hits / max(1, syncs)
    return share, f"{100 * share:.1f} % of {syncs}, of {steps} changes among them {right}"
