"""Generated cases: autoscalers over time, with everything that a decision depends on.

A case is a sequence of syncs of one controller. Each sync after the first begins with what the
engine's decision before it left, so that both go on from the same point even where they differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from dev.hpa_oracle import encode
from dev.hpa_oracle.encode import Json
from portal.autoscaling.engine import Decision, decide
from portal.autoscaling.readings import PodUsage, of_container, of_resource
from portal.autoscaling.spec import (
    Flags,
    Metric,
    MetricSource,
    ScalingBehavior,
    ScalingPolicy,
    ScalingRules,
    Spec,
    TargetType,
)
from portal.autoscaling.state import (
    NEVER,
    Answer,
    Conditions,
    Container,
    ContainerRole,
    History,
    Pod,
    Sample,
    Scale,
    State,
)

T = TypeVar("T")

SYNCS = 12
"""The most syncs of one case."""


class Case(NamedTuple):
    """The controller's input as JSON, and the engine's decisions with their states."""

    json: Json
    states: list[State]
    decisions: list[Decision]


def case(seed: str, minor: int) -> Case:
    """Return the case of a seed, for Kubernetes 1.``minor``."""
    return _Maker(Random(seed), minor).make()


class _Metrics(NamedTuple):
    """The answers of all metrics APIs at one sync."""

    resource: list[PodUsage] | None
    custom: Mapping[str, Mapping[str, Sample]]
    object: Mapping[str, int]
    external: Mapping[str, Sequence[int]]

    def answer(self, metric: Metric) -> Answer:
        """Return what they answer for one metric."""
        match metric.source:
            case MetricSource.RESOURCE | MetricSource.CONTAINER_RESOURCE:
                if not self.resource:
                    return None
                if metric.container:
                    return of_container(self.resource, metric.name, metric.container)
                return of_resource(self.resource, metric.name)
            case MetricSource.PODS:
                return self.custom.get(metric.name) or None
            case MetricSource.OBJECT:
                value = self.object.get(metric.name)
                return None if value is None else (value,)
            case _:
                return self.external.get(metric.name) or None

    def json(self) -> Json:
        """Return them as Kubernetes' objects."""
        return {
            "resource": None if self.resource is None else [*map(encode.usage, self.resource)],
            "custom": {name: encode.samples(each) for name, each in self.custom.items()},
            "object": {name: encode.milli(each) for name, each in self.object.items()},
            "external": {name: encode.values(each) for name, each in self.external.items()},
        }


class _Maker:
    def __init__(self, random: Random, minor: int) -> None:
        self.random = random
        self.minor = minor
        self.now = 0.0
        self.unusual = self.chance(0.15)
        """Numbers far from what anybody would set."""

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, *choices: T) -> T:
        return self.random.choice(choices)

    def make(self) -> Case:
        random = self.random
        flags = Flags(
            tolerance=self.pick(0.1, 0.1, 0.1, 0.05, 0.0, 0.25),
            downscale_stabilization=self.pick(300.0, 300.0, 60.0, 45.0, 30.0, 0.0),
            cpu_initialization_period=self.pick(300.0, 300.0, 120.0, 0.0),
            initial_readiness_delay=self.pick(30.0, 30.0, 10.0, 0.0),
        )
        spec = self.spec()
        replicas = (
            random.randint(0, spec.max_replicas + 2) if self.chance(0.2) else self.within(spec)
        )
        history, desired = History(), 0
        conditions: Conditions = {}
        syncs: list[Json] = []
        states: list[State] = []
        decisions: list[Decision] = []
        load = random.uniform(0.2, 3.0)
        templates = self.templates()
        pods: list[Pod] = []
        for _ in range(random.randint(1, SYNCS)):
            if self.chance(0.04):
                spec = self.spec()
            if self.chance(0.05):
                replicas = random.randint(0, spec.max_replicas + 1)  # by hand
            if self.chance(0.4):
                load = max(0.0, load * random.uniform(0.3, 2.2))
            pods = self.pods(pods, replicas, templates)
            metrics = self.metrics(spec, pods, load, max(1, replicas))
            scale = Scale(
                replicas,
                replicas if self.chance(0.85) else random.randint(0, replicas + 2),
                selector_problem="InvalidSelector" if self.chance(0.01) else "",
                readable=not self.chance(0.01),
                writable=not self.chance(0.02),
            )
            state = State(
                self.now,
                spec,
                scale,
                pods,
                [metrics.answer(each) for each in spec.metrics],
                history,
                conditions,
                desired,
                flags,
                self.minor,
            )
            decision = decide(state)
            syncs.append(
                {
                    "at": self.now,
                    "spec": encode.spec(spec),
                    "target": {
                        "replicas": scale.replicas,
                        "statusReplicas": scale.current,
                        "selector": "" if scale.selector_problem else "app=hpa",
                        "readError": "" if scale.readable else "forbidden",
                        "updateError": "" if scale.writable else "forbidden",
                    },
                    "pods": [*map(encode.pod, pods)],
                    **metrics.json(),
                }
            )
            states.append(state)
            decisions.append(decision)
            history, conditions, desired = decision.history, decision.conditions, decision.desired
            replicas = decision.replicas
            # Too many pods for a case are as many as they are after somebody's change by hand.
            replicas = min(replicas, 60)
            self.now += self.pick(15.0, 15.0, 15.0, 15.0, 1.0, 0.25, 30.0, 60.0, 14.5, 290.0, 301.0)
        return Case({"flags": encode.flags(flags), "syncs": syncs}, states, decisions)

    def within(self, spec: Spec) -> int:
        return self.random.randint(min(spec.min_replicas, spec.max_replicas), spec.max_replicas)

    def spec(self) -> Spec:
        random = self.random
        maximum = self.pick(1, 2, 3, 4, 5, 8, 10, 20, 30)
        metrics = tuple(self.metric() for _ in range(self.pick(1, 1, 1, 2, 2, 3)))
        least = 0 if any(each.source.shared for each in metrics) and self.chance(0.5) else 1
        minimum = random.randint(least, maximum) if self.chance(0.5) else least
        behavior = None if self.chance(0.4) else ScalingBehavior(self.rules(0), self.rules(None))
        return Spec(minimum, maximum, metrics, behavior)

    def metric(self) -> Metric:
        random = self.random
        source = self.pick(
            MetricSource.RESOURCE,
            MetricSource.RESOURCE,
            MetricSource.RESOURCE,
            MetricSource.CONTAINER_RESOURCE,
            MetricSource.PODS,
            MetricSource.OBJECT,
            MetricSource.EXTERNAL,
        )
        if source in {MetricSource.RESOURCE, MetricSource.CONTAINER_RESOURCE}:
            name = self.pick("cpu", "cpu", "memory", "hugepages-2Mi")
            container = (
                "" if source is MetricSource.RESOURCE else self.pick("app", "app", "proxy", "gone")
            )
            if self.chance(0.7):
                target = self.pick(50, 70, 80, 100, 120, random.randint(1, 300))
                if self.unusual and self.chance(0.2):
                    target = self.pick(1, 10**5, 2**31 - 1)
                return Metric(source, name, TargetType.UTILIZATION, target, container)
            return Metric(source, name, TargetType.AVERAGE_VALUE, self.target(), container)
        name = self.pick("one", "two")
        if source is MetricSource.PODS or self.chance(0.5):
            return Metric(source, name, TargetType.AVERAGE_VALUE, self.target())
        return Metric(source, name, TargetType.VALUE, self.target())

    def target(self) -> int:
        if self.unusual and self.chance(0.3):
            return self.pick(1, 7, 10**12, 10**15)
        return self.pick(100, 1000, 1500, 10_000, self.random.randint(1, 100_000))

    def rules(self, usual: int | None) -> ScalingRules:
        random = self.random
        window = self.pick(usual, usual, 0, 15, 30, 60, 300, random.randint(0, 600))
        policies = tuple(
            ScalingPolicy(
                self.pick("Pods", "Percent"),
                self.pick(1, 2, 4, 10, 50, 100, 200, random.randint(1, 300)),
                self.pick(15, 15, 30, 60, 120, random.randint(1, 1800)),
            )
            for _ in range(self.pick(1, 1, 2, 3))
        )
        select = self.pick("Max", "Max", "Max", "Min", "Min", "Disabled")
        tolerance = None
        if self.chance(0.3):
            tolerance = self.pick(
                0.0, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 1.5, random.randint(0, 400) / 1000
            )
        return ScalingRules(window, policies, select, tolerance)

    def templates(self) -> list[tuple[Container, ...]]:
        """Return the containers of one to three revisions of the target."""
        return [self.containers() for _ in range(self.pick(1, 1, 1, 2, 3))]

    def containers(self) -> tuple[Container, ...]:
        def requests() -> dict[str, int]:
            found = {"cpu": self.pick(100, 200, 250, 1000, self.random.randint(1, 4000))}
            found["memory"] = 1000 * self.pick(2**20, 100 * 2**20, self.random.randint(1, 2**31))
            if self.chance(0.1):
                found["hugepages-2Mi"] = 1000 * 2**21
            if self.chance(0.04):
                found.pop(self.pick("cpu", "memory"))
            if self.chance(0.02):
                found["cpu"] = 0
            return found

        found = [Container("app", requests())]
        if self.chance(0.4):
            found.append(Container("proxy", requests(), self.pick(*ContainerRole)))
        if self.chance(0.1):
            found.insert(0, Container("setup", requests(), ContainerRole.INIT))
        # Kubernetes keeps init containers apart, in an order of their own.
        return tuple(sorted(found, key=lambda each: each.role is not ContainerRole.MAIN))

    def pods(
        self, before: list[Pod], replicas: int, templates: list[tuple[Container, ...]]
    ) -> list[Pod]:
        random = self.random
        pods = [self.changed(each) if self.chance(0.3) else each for each in before]
        pods = [each for each in pods if not (each.deleting and self.chance(0.7))]
        alive = [each for each in pods if not each.deleting]
        for each in alive[replicas:]:
            at = pods.index(each)
            if self.chance(0.5):
                pods.pop(at)
            else:
                pods[at] = replace(each, deleting=True)
        taken = {each.name for each in pods}
        names = (f"pod-{number}" for number in range(1000))
        for _ in range(replicas - len(alive) + (random.randint(-1, 1) if self.chance(0.1) else 0)):
            name = next(each for each in names if each not in taken)
            pods.append(self.pod(name, self.pick(*templates), old=not before))
        if self.chance(0.01):
            return []
        return pods

    def pod(self, name: str, containers: tuple[Container, ...], *, old: bool) -> Pod:
        random = self.random
        now = math.floor(self.now)
        started = now - random.randint(200, 2000) if old else now - random.randint(0, 10)
        settled = old or self.chance(0.3)
        pod = Pod(
            name,
            containers,
            phase="Running" if settled or self.chance(0.5) else "Pending",
            ready="True" if settled else self.pick("False", "False", "Unknown", None),
            ready_since=float(started + random.randint(0, 40) if settled else started),
            started=float(started) if settled or self.chance(0.8) else None,
        )
        if self.chance(0.03):
            return replace(
                pod,
                requests=self.pick(
                    {"cpu": 500}, {"memory": 2**30 * 1000}, {"cpu": 100, "memory": 2**30}, {}
                ),
                overhead=self.pick({}, {}, {"cpu": 10}, {"memory": 10**9}),
            )
        return pod

    def changed(self, pod: Pod) -> Pod:
        """Return the pod some time later."""
        now = math.floor(self.now)
        if pod.phase == "Pending":
            return replace(pod, phase="Running", started=float(now))
        if self.chance(0.03):
            return replace(pod, phase="Failed")
        if self.chance(0.03):
            return replace(pod, ready_since=NEVER)
        if self.chance(0.05):
            return replace(pod, deleting=True)
        ready = self.pick("True", "True", "True", "True", "False", "Unknown", None)
        if ready == pod.ready:
            return pod
        return replace(pod, ready=ready, ready_since=float(now - self.random.randint(0, 10)))

    def metrics(self, spec: Spec, pods: list[Pod], load: float, replicas: int) -> _Metrics:
        """Return answers near the targets, times ``load``."""
        random = self.random
        wanted = {(each.source, each.name): each for each in spec.metrics}
        resource: list[PodUsage] | None = None
        if not self.chance(0.02):
            resource = [self.usage(each, spec, load) for each in pods if self.measured(each)]
            if self.chance(0.03) and pods:
                resource.append(self.usage(replace(pods[0], name="stranger"), spec, load))
        custom: dict[str, dict[str, Sample]] = {}
        single: dict[str, int] = {}
        external: dict[str, list[int]] = {}
        for (source, name), metric in wanted.items():
            if self.chance(0.02):
                continue
            around = self.scattered(metric.target * load)
            total = around * replicas if metric.target_type is not TargetType.VALUE else around
            if source is MetricSource.PODS:
                custom[name] = {
                    each.name: Sample(self.scattered(metric.target * load), *self.measure())
                    for each in pods
                    if self.measured(each)
                }
                if self.chance(0.05):
                    custom[name]["stranger"] = Sample(around, *self.measure())
            elif source is MetricSource.OBJECT:
                single[name] = total
            elif source is MetricSource.EXTERNAL:
                parts = random.randint(0, 3) if self.chance(0.2) else 1
                external[name] = [total // parts] * parts if parts else []
                if self.unusual and self.chance(0.2):
                    external[name].append(-random.randint(0, max(1, 2 * total)))
        return _Metrics(resource, custom, single, external)

    def measured(self, pod: Pod) -> bool:
        if pod.phase == "Pending" or pod.deleting:
            return self.chance(0.2)
        return self.chance(0.93)

    def measure(self) -> tuple[float, float]:
        at = math.floor(self.now) - self.random.randint(0, 40)
        return float(at), float(self.pick(10, 15, 30, 60))

    def scattered(self, around: float) -> int:
        factor = self.random.uniform(0.85, 1.15) if self.chance(0.7) else 1.0
        return min(int(around * factor), 2**62)

    def usage(self, pod: Pod, spec: Spec, load: float) -> PodUsage:
        """Return a pod's usage, near the target of one of the metrics."""
        share = 0.7
        absolute: dict[str, int] = {}
        for metric in spec.metrics:
            if metric.target_type is TargetType.UTILIZATION:
                share = min(metric.target, 10**6) / 100
            elif metric.source is MetricSource.RESOURCE:
                absolute[metric.name] = metric.target // max(1, len(pod.containers))
        containers: dict[str, dict[str, int]] = {}
        for each in pod.containers:
            if each.role is ContainerRole.INIT:
                continue
            amounts = {
                name: self.scattered(absolute.get(name, share * request) * load)
                for name, request in {"cpu": 100, "memory": 10**9, **each.requests}.items()
            }
            if self.chance(0.02):
                amounts.pop(self.pick(*amounts))
            if not self.chance(0.01):
                containers[each.name] = amounts
        return PodUsage(pod.name, *self.measure(), containers)
