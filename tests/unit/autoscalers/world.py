"""An app whose truth is known: its load, what a start costs, and the memory of its pods.

Its pods are measured as by metrics-server, a mean of a window at a time, and scaled by the engine
from these samples alone. The record of it is what the portal would have.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct, field

from portal.autoscaling.engine import decide
from portal.autoscaling.ready_use import PodUse, ready_use
from portal.autoscaling.spec import Spec
from portal.autoscaling.state import Container, History, Pod, Sample, Samples, Scale, State
from portal.state import history

BEGIN = 1_800_000_000
TICK, PERIOD = 5, 15
LONG_AGO = -1e9


class App(Struct, frozen=True):
    """An app: cores that its load takes at a second, and what pods take by themselves.

    A pod starts for ``start_up`` seconds with ``burn`` cores. It has ``base`` bytes, and ``a_core``
    for each core of its load. ``noise`` is the part by which all of it is off from pod to pod.
    """

    load: Callable[[int], float]
    start_up: int = 20
    burn: float = 0.0
    base: float = 60e6
    a_core: float = 0.0
    noise: float = 0.03
    request: float = 0.1
    memory_request: float = 64 * 2.0**20


class Run(Struct, frozen=True):
    """What was recorded of an app, and the pod-hours that it had."""

    samples: history.History
    pod_hours: float


class _One(Struct):
    name: str
    started: float
    ready_since: float
    used: list[float] = field(default_factory=list[float])


def ran(app: App, spec: Spec, hours: float, *, tells: bool = True) -> Run:
    """Return what an app does under an autoscaler; ``tells``: the record knows starts from load."""
    return _World(app, spec, tells=tells).run(int(hours * 3600))


class _World:
    def __init__(self, app: App, spec: Spec, *, tells: bool) -> None:
        self._app, self._spec, self._tells = app, spec, tells
        self._chance = random.Random(7)
        self._pods = [_One("pod-0", LONG_AGO, LONG_AGO)]
        self._made = 1
        self._answers: tuple[Samples, Samples] = ({}, {})
        self._record = history.History()
        containers = {"cpu": round(app.request * 1000), "memory": round(app.memory_request * 1000)}
        self._containers = (Container("app", containers),)

    def run(self, seconds: int) -> Run:
        memory, known, desired, replicas = History(), {}, 0, 1
        for now in range(0, seconds, TICK):
            self._follow(replicas, now)
            self._use(now)
            if now % PERIOD == 0:
                self._measure(now)
            if now % 10 == 0:
                self._note(now, replicas)
            if now % PERIOD == PERIOD - TICK:
                answers = [
                    self._answers[0 if each.name == "cpu" else 1] for each in self._spec.metrics
                ]
                state = State(
                    float(now),
                    self._spec,
                    Scale(replicas, len(self._pods)),
                    [self._pod(each, now) for each in self._pods],
                    [each or None for each in answers],
                    memory,
                    known,
                    desired,
                )
                found = decide(state)
                memory, known, desired = found.history, found.conditions, found.desired
                replicas = found.replicas
        held = sum(self._held)
        return Run(self._record, held * TICK / 3600)

    _held: list[int]

    def _follow(self, replicas: int, now: int) -> None:
        if now == 0:
            self._held = []
        del self._pods[replicas:]
        while len(self._pods) < replicas:
            name = f"pod-{self._made}"
            self._pods.append(_One(name, now, now + self._app.start_up))
            self._made += 1
        self._held.append(replicas)

    def _use(self, now: int) -> None:
        """Note the cores of each pod in the tick that begins."""
        ready = [each for each in self._pods if each.ready_since <= now]
        share = self._app.load(now) / max(1, len(ready))
        for each in self._pods:
            cores = share if each.ready_since <= now else self._app.burn
            each.used.append(cores * self._chance.gauss(1, self._app.noise))

    def _measure(self, now: int) -> None:
        count = PERIOD // TICK
        measured = [each for each in self._pods if len(each.used) > count]
        window = {each.name: sum(each.used[-count - 1 : -1]) / count for each in measured}
        loads = {
            each.name: window[each.name] if each.ready_since <= now - PERIOD else 0.0
            for each in measured
        }
        self._answers = (
            {name: Sample(round(1000 * cores), now, PERIOD) for name, cores in window.items()},
            {
                name: Sample(
                    round(
                        1000
                        * (self._app.base + self._app.a_core * cores)
                        * self._chance.gauss(1, self._app.noise / 3)
                    ),
                    now,
                    PERIOD,
                )
                for name, cores in loads.items()
            },
        )

    def _pod(self, each: _One, now: int) -> Pod:
        ready = each.ready_since <= now
        return Pod(
            each.name,
            self._containers,
            ready="True" if ready else "False",
            ready_since=each.ready_since if ready else each.started,
            started=each.started,
        )

    def _note(self, now: int, replicas: int) -> None:
        cpu, memory = self._answers
        there = [each for each in self._pods if each.name in cpu]
        if not there:
            return
        uses = [
            PodUse(
                cpu[each.name].value / 1000,
                cpu[each.name].at,
                PERIOD,
                each.ready_since if each.ready_since <= now else None,
            )
            for each in there
        ]
        self._record = self._record.added(
            history.Sample(
                datetime.fromtimestamp(BEGIN + now, UTC),
                replicas,
                len(self._pods),
                sum(each.ready_since <= now for each in self._pods),
                self._spec.min_replicas,
                self._spec.max_replicas,
                cpu=sum(each.cores for each in uses),
                memory=sum(memory[each.name].value for each in there) / 1000,
                ready_cpu=ready_use(uses) if self._tells else None,
                measured=len(there) if self._tells else None,
            )
        )
