"""Recommendations for requests, limits, the target and the bounds of an autoscaler. Pure.

Requests follow the method of the VerticalPodAutoscaler: a high percentile of CPU use and the
peak of memory use, with a margin. The target leaves room for what the load can grow by until new
pods help. All that concerns the autoscaler is simulated on the recorded load, and is left out if it
would have been worse.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscaling.lint import Setup, quantity
from portal.autoscaling.simulation import Figures, Load, PodModel, figures, simulate
from portal.autoscaling.spec import FLAGS, Metric, MetricSource, Spec, TargetType

MARGIN = 1.15
"""The margin above measured use, that of the VerticalPodAutoscaler."""

ENOUGH = 1800.0
"""Seconds of record without which nothing is recommended."""

SOME, LONG = 2 * 3600.0, 5 * 3600.0
"""Seconds of record from which on a recommendation has medium, and high confidence."""

CLOSE = 0.2
"""The part of a value by which a recommendation has to differ from it."""

LEAST_CPU, CPU_STEP = 0.025, 0.005
LEAST_MEMORY, MEMORY_STEP = 64 * 2**20, 16 * 2**20
"""The smallest requests, and their steps, in cores and bytes."""

LOWEST_TARGET, HIGHEST_TARGET, TARGET_STEP = 30, 85, 5
CLOSE_TARGET = 10
"""Percent by which a recommended target has to differ from the present one."""

MEASURING = 45.0
"""Seconds from a rise of the load until an autoscaler acts on it: a window of the metrics API and
two syncs, at most."""

HALF_HOUR = 1800.0

BREAKS = 0.8
"""The part of the use at which a pod breaks that a target may be: the rest is time to start."""

WORSE = 0.01
"""The part of the recorded time by which the time over the request may rise."""


MOST_PODS = 100
"""The largest maximum with which it is simulated: several sets are, one after the other."""


class Confidence(StrEnum):
    """The confidence in a recommendation, by how long was recorded."""

    NONE = "not enough data yet"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Capacity(Struct, frozen=True):
    """The throughput of one pod, as a load test has measured it at ``at`` (Unix seconds).

    ``rate`` is in requests a second, ``p95`` in milliseconds, ``cores`` are the most that a pod
    was measured to use then; None if that is not known. ``at_least``: it never broke. ``changed``:
    the app was changed since. ``agree`` are the load tests that came to about the same.
    """

    rate: float
    p95: float
    at: float
    cores: float | None = None
    at_least: bool = False
    changed: bool = False
    agree: int = 1

    @property
    def confidence(self) -> Confidence:
        """The confidence in it."""
        if self.at_least or self.changed:
            return Confidence.LOW
        return Confidence.MEDIUM if self.agree < 2 else Confidence.HIGH


class Recommendation(Struct, frozen=True):
    """A recommended value of a setting, with the evidence for it as a sentence.

    ``setting`` is "cpu_request", "memory_request", "cpu_limit", "memory_limit" (cores or bytes),
    "target_cpu" (percent), "minimum" or "maximum" (pods). ``now`` is None where it is not set.
    """

    setting: str
    now: float | None
    value: float
    evidence: str


class Observed(Struct, frozen=True):
    """The record of an app: its load, oldest first, and how often containers ran out of memory.

    All of the load has its cores. ``replicas`` are those that it began with, ``limited`` the
    seconds in which the autoscaler was held by its maximum.
    """

    load: Sequence[Load] = ()
    oom_kills: int = 0
    limited: float = 0.0
    replicas: int = 1

    @property
    def seconds(self) -> float:
        """The time from the first to the last sample."""
        return self.load[-1].at - self.load[0].at if self.load else 0.0


class Plan(Struct, frozen=True):
    """An autoscaler on CPU to be simulated: its spec, a pod's request in cores, and its start."""

    min_replicas: int
    max_replicas: int
    target: float
    request: float
    window: float = FLAGS.downscale_stabilization
    start_up: float = 30.0


class Advice(Struct, frozen=True):
    """Recommendations; () if the present values are right, or the confidence is NONE.

    ``before`` and ``after`` are the figures of the present autoscaler and of the recommended one
    on the recorded load; None if nothing of the autoscaler is recommended. ``dropped`` are the
    settings whose recommendation would have made it worse.
    """

    confidence: Confidence
    recommendations: tuple[Recommendation, ...] = ()
    before: Figures | None = None
    after: Figures | None = None
    dropped: tuple[str, ...] = ()


def recommend(
    setup: Setup | None, amounts: Setup, observed: Observed, capacity: Capacity | None = None
) -> Advice:
    """Return what to change.

    ``setup`` is the autoscaler's, None without one; ``amounts`` has the pods' requests, limits
    and use either way. ``capacity`` is the throughput of one pod, None if it was not measured.
    """
    confidence = _confidence(amounts, observed)
    plan = _plan(setup, observed) if setup else None
    reachable = _reachable(plan, capacity)
    if confidence is Confidence.NONE:
        return Advice(confidence, tuple(reachable))
    found = [
        *_memory(amounts, observed, autoscaled=setup is not None and "memory" in setup.targets),
        *_cpu_limit(amounts),
    ]
    if setup is None:
        return Advice(confidence, (*_cpu(amounts, None), *found))
    if plan is None or reachable:
        # Of another target the recorded load tells nothing as long as pods break below this one.
        return Advice(confidence, (*reachable, *found))
    kept, before, after, dropped = _best(plan, _candidates(plan, amounts, observed), observed)
    return Advice(confidence, (*kept, *found), before, after, dropped)


def _candidates(
    plan: Plan, amounts: Setup, observed: Observed
) -> Iterator[tuple[Recommendation, ...]]:
    """Yield sets of recommendations that belong together, the one with most in it first."""
    request = _cpu(amounts, plan)
    for basis in (request, []) if request else ([],):
        based = _applied(plan, basis)
        rest = [*_target(based, observed), *_bounds(based, observed)]
        yield (*basis, *rest)
        for left_out in ("target_cpu", "minimum"):
            yield (*basis, *(each for each in rest if each.setting != left_out))
        yield (*basis, *(each for each in rest if each.setting == "maximum"))


def _confidence(amounts: Setup, observed: Observed) -> Confidence:
    if observed.seconds < ENOUGH or not amounts.amounts("cpu").measured:
        return Confidence.NONE
    if observed.seconds < SOME:
        return Confidence.LOW
    return Confidence.MEDIUM if observed.seconds < LONG else Confidence.HIGH


def _plan(setup: Setup, observed: Observed) -> Plan | None:
    """Return the present autoscaler as it is simulated; None if it scales on other things, too."""
    base, target = setup.amounts("cpu").base, setup.targets.get("cpu")
    alone = set(setup.targets) == {"cpu"} and not setup.others
    if not alone or not base or not target or setup.max_replicas > MOST_PODS:
        return None
    start_up = 30.0 if setup.start_up is None else setup.start_up
    return Plan(
        max(1, setup.min_replicas),
        max(1, setup.max_replicas),
        target,
        base,
        setup.window,
        start_up,
    )


def _reachable(plan: Plan | None, capacity: Capacity | None) -> list[Recommendation]:
    """Return a lower target if a pod breaks at less use than the present one: no pod is added."""
    if plan is None or capacity is None or not capacity.cores:
        return []
    if capacity.at_least or capacity.changed:
        return []
    share = 100 * capacity.cores / plan.request
    value = max(int(BREAKS * share // TARGET_STEP * TARGET_STEP), TARGET_STEP)
    if share > plan.target * (1 + FLAGS.tolerance) or value >= plan.target:
        return []
    evidence = (
        f"In a load test a pod broke above {capacity.rate:.1f} requests/s while it used "
        f"{quantity('cpu', capacity.cores)}, {share:.0f} % of its request: a target of "
        f"{plan.target:g} % is not exceeded before, so no pod is added."
    )
    return [Recommendation("target_cpu", plan.target, value, evidence)]


def _far(now: float | None, value: float) -> bool:
    return now is None or abs(value - now) > CLOSE * now


def _up(value: float, step: float, least: float) -> float:
    return max(least, math.ceil(value / step - 1e-9) * step)


def _cpu(amounts: Setup, plan: Plan | None) -> list[Recommendation]:
    """Return the CPU request.

    An autoscaler holds the use near its target, whatever the request. So with one the request is
    lowered only where the use is far below the target, to where it would just be at it.
    """
    cpu = amounts.amounts("cpu")
    if cpu.usual is None:
        return []
    needed = cpu.usual * MARGIN
    if plan is not None:
        needed = needed * 100 / plan.target
        if cpu.request is not None and needed > cpu.request / 2:
            return []
    value = _up(needed, CPU_STEP, LEAST_CPU)
    if not _far(cpu.request, value):
        return []
    at = f" at a target of {plan.target:g} %" if plan else ""
    evidence = (
        f"Nine of ten readings of a pod are at most {quantity('cpu', cpu.usual)}; with 15 % more"
        f"{at} that is {quantity('cpu', value)}."
    )
    return [Recommendation("cpu_request", cpu.request, value, evidence)]


def _cpu_limit(amounts: Setup) -> list[Recommendation]:
    cpu = amounts.amounts("cpu")
    if cpu.limit is None or cpu.peak is None or cpu.peak < 0.95 * cpu.limit:
        return []
    value = _up(1.5 * cpu.limit, CPU_STEP, LEAST_CPU)
    evidence = (
        f"A pod used {quantity('cpu', cpu.peak)} of at most {quantity('cpu', cpu.limit)}: it was "
        "held back (throttled), and what it needs is not known."
    )
    return [Recommendation("cpu_limit", cpu.limit, value, evidence)]


def _memory(amounts: Setup, observed: Observed, *, autoscaled: bool) -> list[Recommendation]:
    """Return request and limit of memory; the limit is only ever raised."""
    memory = amounts.amounts("memory")
    if memory.peak is None:
        return []
    found: list[Recommendation] = []
    value = _up(memory.peak * MARGIN, MEMORY_STEP, LEAST_MEMORY)
    said = f"The highest use of a pod is {quantity('memory', memory.peak)}"
    if not autoscaled and not observed.oom_kills and _far(memory.request, value):
        evidence = f"{said}; with 15 % more that is {quantity('memory', value)}."
        found.append(Recommendation("memory_request", memory.request, value, evidence))
    limit = memory.limit
    if observed.oom_kills and limit is not None:
        raised = _up(max(limit * 1.2, limit + 100 * 2**20), MEMORY_STEP, LEAST_MEMORY)
        times = "once" if observed.oom_kills == 1 else f"{observed.oom_kills} times"
        evidence = f"A container ran out of memory (OOMKilled) {times}."
        found.append(Recommendation("memory_limit", limit, raised, evidence))
    elif limit is None or limit < memory.peak * MARGIN:
        evidence = f"{said}; with 15 % more that is {quantity('memory', value)}."
        found.append(Recommendation("memory_limit", limit, value, evidence))
    return found


def growth(load: Sequence[Load], seconds: float) -> float:
    """Return what the load grew by within so many seconds, as a factor.

    It is the growth that a quarter of the half hours reach. Moments of a quarter of the mean load
    or less are left out: idle apps grow by large factors.
    """
    times = [each.at for each in load]
    mean = sum(each.cores for each in load) / len(load) if load else 0.0
    most: dict[float, float] = {}
    for start, each in enumerate(load):
        if each.cores > mean / 4:
            factor = _highest(load, start, bisect_right(times, each.at + seconds)) / each.cores
            block = each.at // HALF_HOUR
            most[block] = max(most.get(block, 1.0), factor)
    grown = sorted(most.values())
    return grown[math.ceil(0.75 * len(grown)) - 1] if grown else 1.0


def _highest(load: Sequence[Load], start: int, end: int) -> float:
    return max(each.cores for each in load[start : max(end, start + 1)])


def _target(plan: Plan, observed: Observed) -> list[Recommendation]:
    reaction = MEASURING + plan.start_up
    factor = growth(observed.load, reaction)
    room = 100 / factor
    value = min(max(int(room // TARGET_STEP * TARGET_STEP), LOWEST_TARGET), HIGHEST_TARGET)
    if abs(value - plan.target) < CLOSE_TARGET:
        return []
    evidence = (
        f"New pods help about {reaction:.0f} s after the load rises, {plan.start_up:.0f} s of that "
        f"to start. Within that time it grew by up to {100 * (factor - 1):.0f} %."
    )
    return [Recommendation("target_cpu", plan.target, value, evidence)]


def _bounds(plan: Plan, observed: Observed) -> list[Recommendation]:
    cores = sorted(each.cores for each in observed.load)
    quiet, highest = cores[len(cores) // 4], cores[-1]
    times = [each.at for each in observed.load]
    reaction = MEASURING + plan.start_up
    bursts = sorted(
        _highest(observed.load, start, bisect_right(times, each.at + reaction))
        for start, each in enumerate(observed.load)
        if each.cores <= quiet
    )
    burst = bursts[math.ceil(0.95 * len(bursts)) - 1] if bursts else 0.0
    least = max(1, math.ceil(burst / plan.request - 1e-9))
    per_pod = plan.request * plan.target / 100
    most = max(least + 1, math.ceil(1.25 * highest / per_pod - 1e-9))
    found: list[Recommendation] = []
    if least != plan.min_replicas and least <= MOST_PODS:
        evidence = (
            f"From quiet times the load rose to up to {quantity('cpu', burst)} before new pods "
            f"could help: {least} of {quantity('cpu', plan.request)}."
        )
        found.append(Recommendation("minimum", plan.min_replicas, least, evidence))
    if observed.limited and most <= plan.max_replicas:
        most = plan.max_replicas + max(1, plan.max_replicas // 4)
    if most > plan.max_replicas and most <= MOST_PODS:
        held = f" It was at its maximum for {observed.limited / 60:.0f} min." * bool(
            observed.limited
        )
        evidence = (
            f"The highest load is {quantity('cpu', highest)}, with a quarter more at the target "
            f"{most} pods.{held}"
        )
        found.append(Recommendation("maximum", plan.max_replicas, most, evidence))
    return found


def _applied(plan: Plan, chosen: Sequence[Recommendation]) -> Plan:
    value = {each.setting: each.value for each in chosen}
    least = int(value.get("minimum", plan.min_replicas))
    return Plan(
        least,
        max(least, int(value.get("maximum", plan.max_replicas))),
        value.get("target_cpu", plan.target),
        value.get("cpu_request", plan.request),
        plan.window,
        plan.start_up,
    )


def _best(
    plan: Plan, candidates: Iterable[tuple[Recommendation, ...]], observed: Observed
) -> tuple[tuple[Recommendation, ...], Figures | None, Figures | None, tuple[str, ...]]:
    """Return the first set that would not have been worse, both figures, and what it lacks."""
    most = plan.request * max(1.0, plan.target / 100)
    before: Figures | None = None
    tried: list[tuple[Recommendation, ...]] = []
    for chosen in candidates:
        if not chosen or chosen in tried:
            continue
        tried.append(chosen)
        before = before or outcome(observed, plan, most)
        after = outcome(observed, _applied(plan, chosen), most)
        if not worse(before, after):
            return chosen, before, after, _lacking(tried[0], chosen)
    return (), None, None, _lacking(tried[0], ()) if tried else ()


def outcome(observed: Observed, plan: Plan, most_a_pod: float) -> Figures:
    """Return the figures of a plan with the observed load.

    ``most_a_pod`` are the cores beyond which, by the tolerance, a pod does too much.
    """
    target = max(1, round(plan.target))
    metric = Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, target)
    spec = Spec(plan.min_replicas, plan.max_replicas, (metric,))
    pods = PodModel(plan.request, start_up=plan.start_up)
    flags = replace(FLAGS, downscale_stabilization=plan.window)
    curve = simulate(observed.load, spec, pods, observed.replicas, flags)
    return figures(curve, pods, {"cpu": most_a_pod * (1 + FLAGS.tolerance)})


def _lacking(wanted: Sequence[Recommendation], chosen: Sequence[Recommendation]) -> tuple[str, ...]:
    kept = {each.setting for each in chosen}
    return tuple(each.setting for each in wanted if each.setting not in kept)


def worse(before: Figures, after: Figures) -> bool:
    """Return True if ``after`` costs more for nothing, or does too much for much longer."""
    if after.over > before.over + WORSE * before.seconds:
        return True
    more_over, costlier = after.over > before.over, after.core_hours > before.core_hours
    return (more_over and after.core_hours >= before.core_hours) or (
        costlier and after.over >= before.over
    )
