"""Replay of the recorded load with other settings: what an autoscaler would have done. Pure.

The load of all pods together is recorded. With another number of pods it is taken to be the same,
shared by the pods that are ready; a new pod takes as long to become ready as the app's pods take.
Load that was never served, since there were too few pods, is in no record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscaling.engine import decide
from portal.autoscaling.metrics import tolerance_of
from portal.autoscaling.replay import syncs
from portal.autoscaling.spec import (
    BEHAVIOR,
    FLAGS,
    Metric,
    MetricSource,
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
    History,
    Pod,
    Sample,
    Scale,
    State,
)
from portal.state.history import Sample as Recorded

SYNC = FLAGS.sync_period

GAP = 180.0
"""Seconds without a sample after which the record is taken to be interrupted."""

MOST_PODS = 200
"""The largest maximum that is replayed: beyond it a replay takes too long to follow a slider."""

RESOURCES = ("cpu", "memory")


class Settings(Struct, frozen=True):
    """The settings of a replay. Targets are percent of the request; None if there is none.

    Requests are thousandths of a core, and MiB. Windows are in seconds; ``up_pods`` and
    ``down_pods`` are the most pods that are added or removed a minute, 0 for no such policy.
    """

    minimum: int
    maximum: int
    cpu: int | None = None
    memory: int | None = None
    cpu_request: int = 0
    memory_request: int = 0
    up_window: int = 0
    down_window: int = 300
    up_pods: int = 0
    down_pods: int = 0


class Moment(Struct, frozen=True):
    """The recorded load at a time: cores and bytes of all pods, None where it is not known."""

    at: float
    cpu: float | None
    memory: float | None
    desired: int
    ready: int


class Figures(Struct, frozen=True):
    """The sums over a window: of hours of pods and of requested cores, and how often it changed.

    ``over`` is the share of the time in which the pods used more than the target and its
    tolerance, ``highest`` the most that a pod used, in percent of its request; None if no load is
    known. Both are of the metric whose target is nearest.
    """

    pod_hours: float
    core_hours: float
    changes: int
    most: int
    over: float | None = None
    highest: float | None = None


class Replayed(Struct, frozen=True):
    """A curve of replicas over the times of a record, and its figures.

    ``ready`` are the pods that are ready at each time, () of what was recorded.
    """

    times: tuple[int, ...]
    replicas: tuple[int, ...]
    figures: Figures
    ready: tuple[int, ...] = ()


def record_of(samples: Iterable[Recorded], since: float = 0.0) -> tuple[Moment, ...]:
    """Return the recorded load, oldest first."""
    return tuple(
        Moment(at, each.cpu, each.memory, each.desired, each.ready)
        for each in samples
        if (at := each.at.timestamp()) >= since
    )


def settings_of(spec: Spec, cpu_request: float, memory_request: float) -> Settings:
    """Return the present settings; requests in cores and bytes."""
    targets = {
        each.name: each.target
        for each in spec.metrics
        if each.source is MetricSource.RESOURCE and each.target_type is TargetType.UTILIZATION
    }
    behavior = spec.behavior or BEHAVIOR
    down = behavior.down.window
    return Settings(
        spec.min_replicas,
        spec.max_replicas,
        targets.get("cpu"),
        targets.get("memory"),
        round(cpu_request * 1000),
        round(memory_request / 2**20),
        behavior.up.window or 0,
        int(FLAGS.downscale_stabilization) if down is None else down,
        _a_minute(behavior.up),
        _a_minute(behavior.down),
    )


def _a_minute(rules: ScalingRules) -> int:
    """Return the pods a minute of rules that consist of one such policy; else 0."""
    match rules.policies:
        case (ScalingPolicy(type="Pods", value=value, period=60),):
            return value
        case _:
            return 0


def spec_with(spec: Spec, base: Settings, changed: Settings) -> Spec:
    """Return the spec with what differs between two settings; what is not replayed is left out."""
    targets = {"cpu": changed.cpu, "memory": changed.memory}
    metrics = [
        each
        for each in spec.metrics
        if each.source is MetricSource.RESOURCE
        and each.name in RESOURCES
        and each.target_type is TargetType.AVERAGE_VALUE
    ]
    metrics += [
        Metric(MetricSource.RESOURCE, name, TargetType.UTILIZATION, target)
        for name, target in targets.items()
        if target is not None
    ]
    behavior = spec.behavior
    rules = ("up_window", "down_window", "up_pods", "down_pods")
    if any(getattr(base, name) != getattr(changed, name) for name in rules):
        usual = behavior or BEHAVIOR
        behavior = replace(
            usual,
            up=_rules(usual.up, base.up_pods, changed.up_pods, changed.up_window, BEHAVIOR.up),
            down=_rules(
                usual.down, base.down_pods, changed.down_pods, changed.down_window, BEHAVIOR.down
            ),
        )
    return Spec(changed.minimum, changed.maximum, tuple(metrics), behavior)


def _rules(
    rules: ScalingRules, before: int, pods: int, window: int, usual: ScalingRules
) -> ScalingRules:
    policies = rules.policies
    if pods and pods != before:
        policies = (ScalingPolicy("Pods", pods, 60),)
    elif before and not pods:
        policies = usual.policies
    return replace(rules, window=window, policies=policies)


def recorded(record: Sequence[Moment], spec: Spec, settings: Settings) -> Replayed:
    """Return what was, at the times of a replay, with its figures."""
    found = _Sum(spec, settings)
    times: list[int] = []
    replicas: list[int] = []
    for at, moment in syncs(record, GAP):
        times.append(int(at))
        replicas.append(moment.desired)
        found.add(moment, moment.desired, moment.ready)
    return Replayed(tuple(times), tuple(replicas), found.figures(replicas))


def replayed(
    record: Sequence[Moment],
    spec: Spec,
    settings: Settings,
    startup: float,
    most: float | None = None,
) -> Replayed:
    """Return what an autoscaler with this spec would have done with the recorded load.

    ``startup`` is the time in seconds until a new pod is ready, ``most`` the cores that a pod can
    use, None if that is not known.
    """
    pods = _Pods(settings, startup)
    found = _Sum(spec, settings)
    times: list[int] = []
    replicas: list[int] = []
    able: list[int] = []
    history, desired = History(), 0
    known: Conditions = {}
    wanted = 0
    for at, moment in syncs(record, GAP):
        if not times:
            wanted = desired = max(1, moment.desired)
            pods.begin(wanted)
        pods.follow(wanted, at)
        answers = [_answer(each, moment, pods, at, most) for each in spec.metrics]
        state = State(
            at, spec, Scale(wanted, len(pods.all)), pods.all, answers, history, known, desired
        )
        decision = decide(state)
        history, known, desired = decision.history, decision.conditions, decision.desired
        wanted = decision.replicas
        times.append(int(at))
        replicas.append(wanted)
        able.append(pods.ready)
        found.add(moment, wanted, pods.ready)
    return Replayed(tuple(times), tuple(replicas), found.figures(replicas), tuple(able))


class _Pods:
    """The pods of a replay: the first ones are ready, others become so after a while."""

    def __init__(self, settings: Settings, startup: float) -> None:
        requests = {
            "cpu": settings.cpu_request,
            "memory": settings.memory_request * 2**20 * 1000,
        }
        self._containers = (
            Container("app", {name: each for name, each in requests.items() if each}),
        )
        self._startup = startup
        self._made = 0
        self.all: list[Pod] = []
        self.ready = 0
        self.names: list[str] = []

    def begin(self, count: int) -> None:
        """Have so many pods that have been ready for long."""
        for _ in range(count):
            self._add(NEVER, ready=True)
        self._counted()

    def follow(self, wanted: int, at: float) -> None:
        """Have as many pods as are wanted: the newest go first, and those become ready in time."""
        changed = False
        while len(self.all) > wanted:
            self.all.pop()
            changed = True
        while len(self.all) < wanted:
            self._add(at, ready=False)
            changed = True
        for place, pod in enumerate(self.all):
            if pod.ready == "False" and pod.started is not None:
                begun = pod.started
                if at >= begun + self._startup:
                    since = begun + self._startup
                    self.all[place] = replace(pod, ready="True", ready_since=since)
                    changed = True
        if changed:
            self._counted()

    def _add(self, at: float, *, ready: bool) -> None:
        self._made += 1
        self.all.append(
            Pod(
                f"pod-{self._made}",
                self._containers,
                ready="True" if ready else "False",
                ready_since=at,
                started=at,
            )
        )

    def _counted(self) -> None:
        self.names = [each.name for each in self.all if each.ready == "True"]
        self.ready = len(self.names)


def _answer(metric: Metric, moment: Moment, pods: _Pods, at: float, most: float | None) -> Answer:
    """Return the samples of a metric: the load is shared by the pods that are ready."""
    load = moment.cpu if metric.name == "cpu" else moment.memory
    if load is None or not pods.ready:
        return None
    used = load / pods.ready
    if most is not None and metric.name == "cpu":
        used = min(used, most)
    share = Sample(round(used * 1000), at, SYNC)
    return dict.fromkeys(pods.names, share)


class _Sum:
    """Adds up the figures of a curve."""

    def __init__(self, spec: Spec, settings: Settings) -> None:
        self._settings = settings
        state = State(0.0, spec, Scale(1, 1), (), ())
        self._over = 1 + tolerance_of(state).up
        self._pods = 0
        self._syncs = self._known = self._above = 0
        self._highest = 0.0
        targets = (
            ("cpu", settings.cpu, settings.cpu_request / 1000),
            ("memory", settings.memory, settings.memory_request * 2**20),
        )
        self._targets = [
            (name, target, request) for name, target, request in targets if target and request > 0
        ]

    def add(self, moment: Moment, replicas: int, ready: int) -> None:
        """Add one sync."""
        self._syncs += 1
        self._pods += replicas
        nearest = highest = None
        for name, target, request in self._targets:
            load = moment.cpu if name == "cpu" else moment.memory
            if load is None:
                continue
            used = 100 * load / max(1, ready) / request
            if nearest is None or used / target > nearest:
                nearest, highest = used / target, used
        if nearest is not None and highest is not None:
            self._known += 1
            self._above += nearest > self._over
            self._highest = max(self._highest, highest)

    def figures(self, replicas: Sequence[int]) -> Figures:
        """Return the figures of all that was added."""
        hours = self._pods * SYNC / 3600
        return Figures(
            hours,
            hours * self._settings.cpu_request / 1000,
            sum(before != after for before, after in pairwise(replicas)),
            max(replicas, default=0),
            self._above / self._known if self._known else None,
            self._highest if self._known else None,
        )


def startup_of(times: Iterable[float]) -> float:
    """Return the time in seconds that a pod takes to be ready: the median of those given.

    Without any it is taken to be half a minute.
    """
    ordered = sorted(each for each in times if 0 <= each <= 1800)
    return ordered[len(ordered) // 2] if ordered else 30.0
