"""Simulation: what an autoscaler does with a load, recorded or made up. Pure.

The load of all pods together is taken as it is given, whatever the number of pods, and is shared by
those that are ready. So load that was never served is in no record. What each pod uses by itself
(``Load.base``), and the work of its start (``PodModel.start_cost``), do not divide among pods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscaling.engine import decide
from portal.autoscaling.metrics import tolerance_of
from portal.autoscaling.replay import syncs
from portal.autoscaling.spec import FLAGS, Flags, Metric, MetricSource, Spec, TargetType
from portal.autoscaling.state import (
    Answer,
    Conditions,
    Container,
    History,
    Pod,
    Sample,
    Scale,
    State,
)

MOST_PODS = 200
"""The largest maximum that is simulated while somebody waits: the time for it grows with it."""

RESOURCES = ("cpu", "memory")
"""The resources of which a load is known."""


class Load(Struct, frozen=True):
    """The use of all pods together from the time ``at`` on; None where it is not known.

    ``at`` is in seconds, ``cpu`` in cores and ``memory`` in bytes: what ready pods share, however
    many there are. ``base`` is the memory in bytes that each pod has besides.
    """

    at: float
    cpu: float | None
    memory: float | None = None
    base: float = 0.0

    @property
    def cores(self) -> float:
        """The cores, 0 where they are not known."""
        return self.cpu or 0.0

    def of_pod(self, resource: str, ready: int) -> float | None:
        """Return the "cpu" or "memory" of each of so many ready pods; None if it is not known."""
        shared = self.cpu if resource == "cpu" else self.memory
        return None if shared is None else self.base_of(resource) + shared / max(1, ready)

    def base_of(self, resource: str) -> float:
        """Return the "cpu" or "memory" that a pod uses by itself."""
        return self.base if resource == "memory" else 0.0


class PodModel(Struct, frozen=True):
    """The pods of a simulation, which are all alike.

    ``cpu`` and ``memory`` are the requests of one, in cores and bytes, 0 for none. ``start_up`` are
    the seconds until a new pod is ready, ``most`` the cores that one can use, ``start_cost`` the
    core-seconds that its start takes; None if that is not known.
    """

    cpu: float = 0.0
    memory: float = 0.0
    start_up: float = 30.0
    most: float | None = None
    start_cost: float | None = None

    def request(self, resource: str) -> float:
        """Return the request of "cpu" or "memory"."""
        return self.cpu if resource == "cpu" else self.memory


class Point(Struct, frozen=True):
    """One sync: the load, the ready pods that shared it, and the replicas from then on."""

    at: float
    load: Load
    replicas: int
    ready: int


class Figures(Struct, frozen=True):
    """The sums over a curve of ``seconds``.

    ``pod_hours`` and ``core_hours`` are replicas and requested cores × hours, ``changes`` how often
    the replicas changed, ``most`` the most of them, ``started`` the pods that were added, and
    ``starting`` the core-seconds that their starts take. ``over`` are the seconds, of the ``known``
    ones in which there was a load, in which a pod used more than its limit; ``highest`` is the most
    that a pod used, in percent of its request, of the metric nearest its limit; None if unknown.
    """

    seconds: float = 0.0
    pod_hours: float = 0.0
    core_hours: float = 0.0
    changes: int = 0
    most: int = 0
    started: int = 0
    starting: float | None = None
    known: float = 0.0
    over: float = 0.0
    highest: float | None = None

    @property
    def over_share(self) -> float | None:
        """The share of the known time in which a pod used more than its limit."""
        return self.over / self.known if self.known else None


def simulate(
    record: Sequence[Load], spec: Spec, pods: PodModel, replicas: int, flags: Flags = FLAGS
) -> tuple[Point, ...]:
    """Return what an autoscaler would have done with a load, sync by sync.

    It begins with so many ``replicas`` that have been ready for long. The last part of the record
    ends it; one without a next part for long was interrupted (``replay.INTERRUPTION``).
    """
    curve: list[Point] = []
    wanted = desired = max(1, replicas)
    made = _Pods(pods, wanted)
    history = History()
    known: Conditions = {}
    for at, load in syncs(record):
        made.follow(wanted, at)
        answers = [_answer(each, load, made, at, pods.most) for each in spec.metrics]
        scale = Scale(wanted, made.count)
        decision = decide(State(at, spec, scale, made.all, answers, history, known, desired, flags))
        history, known, desired = decision.history, decision.conditions, decision.desired
        wanted = decision.replicas
        curve.append(Point(at, load, wanted, made.ready))
    return tuple(curve)


class _Pods:
    """The pods of a simulation: the first ones are ready, others become so after a while.

    Those whose samples are all of a time when they were ready count as one pod with so many
    replicas, since they are alike for good; the newer ones count one by one.
    """

    def __init__(self, model: PodModel, replicas: int) -> None:
        requests = {name: round(model.request(name) * 1000) for name in RESOURCES}
        requests = {name: each for name, each in requests.items() if each}
        self._containers = (Container("app", requests),)
        self._start_up = model.start_up
        self._made = 0
        self._older = replicas
        self._newer: list[Pod] = []
        self._counted()

    def follow(self, wanted: int, at: float) -> None:
        """Have as many pods as are wanted: the newest go first, and those become ready in time."""
        before = (self._older, len(self._newer))
        self._older = min(self._older, wanted)
        del self._newer[wanted - self._older :]
        while self._older + len(self._newer) < wanted:
            self._made += 1
            name = f"pod-{self._made}"
            made = Pod(name, self._containers, ready="False", ready_since=at, started=at)
            self._newer.append(made)
        changed = before != (self._older, len(self._newer))
        for place, pod in enumerate(self._newer):
            if pod.ready == "False" and pod.started is not None:
                since = pod.started + self._start_up
                if at >= since:
                    self._newer[place] = replace(pod, ready="True", ready_since=since)
                    changed = True
        while self._newer and self._settled(self._newer[0], at):
            del self._newer[0]
            self._older += 1
            changed = True
        if changed:
            self._counted()

    def _settled(self, pod: Pod, at: float) -> bool:
        return pod.ready == "True" and pod.ready_since <= at - FLAGS.sync_period

    def _counted(self) -> None:
        older = Pod("older", self._containers, replicas=self._older)
        self.all = [older, *self._newer] if self._older else [*self._newer]
        self.count = self._older + len(self._newer)
        ready = [each for each in self.all if each.ready == "True"]
        self.names = [each.name for each in ready]
        self.ready = sum(each.replicas for each in ready)


def _answer(metric: Metric, load: Load, pods: _Pods, at: float, most: float | None) -> Answer:
    """Return the samples of a metric: the load is shared by the pods that are ready.

    Pods that start have the memory of every pod; their CPU does not count yet.
    """
    used = load.of_pod(metric.name, pods.ready)
    if used is None or not pods.ready:
        return None
    if most is not None and metric.name == "cpu":
        used = min(used, most)
    found = dict.fromkeys(pods.names, Sample(round(used * 1000), at, FLAGS.sync_period))
    base = load.base_of(metric.name)
    if base and pods.ready < pods.count:
        starting = Sample(round(base * 1000), at, FLAGS.sync_period)
        return {each.name: found.get(each.name, starting) for each in pods.all}
    return found


def limits_of(spec: Spec, pods: PodModel, flags: Flags = FLAGS) -> dict[str, float]:
    """Return the cores and bytes beyond which a pod is over its targets and their tolerance."""
    over = 1 + tolerance_of(spec, flags).up
    found: dict[str, float] = {}
    for each in spec.metrics:
        if each.source is not MetricSource.RESOURCE or each.name not in RESOURCES:
            continue
        if each.target_type is TargetType.UTILIZATION:
            amount = pods.request(each.name) * each.target / 100
        else:
            amount = each.target / 1000
        if amount > 0:
            found[each.name] = amount * over
    return found


def figures(curve: Sequence[Point], pods: PodModel, limits: Mapping[str, float]) -> Figures:
    """Return the sums over a curve; ``limits`` are the cores and bytes beyond which a pod is over.

    The same limits make the figures of several curves comparable.
    """
    period = FLAGS.sync_period
    known = over = 0
    highest: float | None = None
    for point in curve:
        used = {
            name: use
            for name in limits
            if (use := point.load.of_pod(name, point.ready)) is not None
        }
        if not used:
            continue
        nearest = max(used, key=lambda name: used[name] / limits[name])
        known += 1
        over += used[nearest] > limits[nearest]
        if request := pods.request(nearest):
            highest = max(highest or 0.0, 100 * used[nearest] / request)
    hours = sum(each.replicas for each in curve) * period / 3600
    changes = [after.replicas - before.replicas for before, after in pairwise(curve)]
    started = sum(each for each in changes if each > 0)
    return Figures(
        len(curve) * period,
        hours,
        hours * pods.cpu,
        sum(map(bool, changes)),
        max((each.replicas for each in curve), default=0),
        started,
        None if pods.start_cost is None else started * pods.start_cost,
        known * period,
        over * period,
        highest,
    )
