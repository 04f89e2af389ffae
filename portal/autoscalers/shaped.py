"""Replays of a made-up load: of a shape or a file, before there is a record. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscalers.replay_notes import UNKNOWABLE
from portal.autoscalers.variants import (
    LETTERS,
    Curve,
    FigureRow,
    WhatIf,
    changes,
    costs,
    curve_of,
    decoded,
    figure_rows,
)
from portal.autoscalers.what_if import Settings, pods_with, spec_with
from portal.autoscaling.cost import Prices
from portal.autoscaling.metrics import tolerance_of
from portal.autoscaling.shapes import LONGEST, MOST, Course, Shape, course_of
from portal.autoscaling.simulation import (
    MOST_PODS,
    Figures,
    PodModel,
    Point,
    figures,
    limits_of,
    simulate,
)
from portal.autoscaling.spec import FLAGS, Flags, Metric, MetricSource, Spec, TargetType
from portal.domain.quantities import cpu_problem, parse
from portal.viewmodels.model import SeriesView
from portal.viewmodels.words import joined, span

FILE = "file"
"""The choice of a load from a file, beside the shapes."""

CORES, REQUESTS = "cores", "requests"
"""The units that a load may be given in: of all pods together, and a second."""

DRAWN = 480
"""The most points of a curve that are drawn."""

_MOST_CORES = 10_000.0
_SLOWEST = 1800.0
_STEPS = (15, 60)


class MadeUp(Struct, frozen=True):
    """A made-up load: its course, the cores that one of its amounts takes, the start of pods."""

    course: Course
    cores: float
    start_up: float


class Asked(Struct, frozen=True):
    """The load that the fields ask for; None without one, or with ``errors`` by field."""

    load: MadeUp | None = None
    errors: Mapping[str, str] = {}


def asked_of(raw: Mapping[str, object]) -> Asked:
    """Return the load that the fields ask for.

    They are ``shape``, ``unit``, ``rest``, ``peak``, ``work`` (CPU time of a request in ms),
    ``start_up`` (s), and ``course`` with the ``step`` and ``amounts`` of a file, or with the
    ``error`` of one that could not be read.
    """
    chosen = raw.get("shape")
    shape = next((each for each in Shape if each == chosen), None)
    if chosen != FILE and shape is None:
        return Asked()
    errors: dict[str, str] = {}

    def amount(name: str, most: float, least: float = 0.0) -> float:
        found = _number(raw.get(name))
        if found is None or not least <= found <= most:
            begin = f"from {least:g}" if least else "of 0 or more"
            example = "0.5" if name != "start_up" else "30"
            limit = f", {most:,.0f} at most" if found is not None and found > most else ""
            errors[name] = f"Enter a number {begin}{limit}, such as {example}."
            return 0.0
        return found

    cores = 1.0
    if raw.get("unit") == REQUESTS:
        cores = amount("work", 60_000, 0.01) / 1000
    start_up = amount("start_up", _SLOWEST)
    if shape is None:
        kept = raw.get("course")
        course = _course(kept)
        if course is None:
            errors["file"] = _told(kept) or "Choose a file with a time and a load in each line."
    else:
        rest, peak = amount("rest", MOST), amount("peak", MOST)
        if "rest" not in errors and "peak" not in errors and rest > peak:
            errors["rest"] = "The load at rest is above the one at the peak."
        course = course_of(shape, rest, peak)
    if course and not errors and max(course.amounts) * cores > _MOST_CORES:
        where = "file" if shape is None else "peak"
        errors[where] = f"That is more than {_MOST_CORES:,.0f} cores: is it in another unit?"
    if errors or course is None:
        return Asked(errors=errors)
    return Asked(MadeUp(course, cores, start_up))


def _number(value: object) -> float | None:
    """Return a number, or a text of one; None for anything else."""
    if isinstance(value, str) and len(value) <= 40 and value.isascii() and "_" not in value:
        try:
            value = float(value.strip().replace(",", "."))
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _told(value: object) -> str:
    """Return the error of a file that the page keeps; "" for anything else."""
    told = cast("Mapping[str, object]", value).get("error") if isinstance(value, Mapping) else ""
    return told[:300] if isinstance(told, str) else ""


def _course(value: object) -> Course | None:
    """Return the course that the page keeps of a file; None for anything else."""
    if not isinstance(value, Mapping):
        return None
    kept = cast("Mapping[str, object]", value)
    step, amounts = kept.get("step"), kept.get("amounts")
    if not isinstance(step, int) or step not in _STEPS or not isinstance(amounts, list):
        return None
    found = [_number(each) for each in cast("list[object]", amounts)[: int(LONGEST) // 15 + 1]]
    known = tuple(each for each in found if each is not None and 0 <= each <= MOST)
    return Course(step, known) if len(known) == len(found) >= 2 else None


class Variant(Struct, frozen=True):
    """An autoscaler to be replayed, its pods, and how its settings are named."""

    name: str
    words: str
    spec: Spec
    pods: PodModel


class ShapedView(Struct, frozen=True):
    """The first variant as columns of the chart, the curves of the others, and all figures.

    Times are in seconds from the beginning. ``problem`` says why nothing is replayed.
    """

    series: SeriesView | None = None
    curves: tuple[Curve, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    rows: tuple[FigureRow, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""


def shaped_view(
    load: MadeUp, variants: Sequence[Variant], prices: Prices, flags: Flags = FLAGS
) -> ShapedView:
    """Return what autoscalers would do with a load."""
    left_out = any(each.name == "memory" for one in variants for each in one.spec.metrics)
    of_cpu = [replace(each, spec=_cpu_alone(each.spec)) for each in variants]
    if not of_cpu or any("cpu" not in limits_of(each.spec, each.pods) for each in of_cpu):
        return ShapedView(
            problem="This load is one of CPU: set a CPU target, and a CPU request that it is a "
            "percentage of."
        )
    found = [_replayed(load.course, load.cores, each.spec, each.pods, flags) for each in of_cpu]
    sums = [each for _, each in found]
    money = costs(sums, [each.pods for each in of_cpu], prices)
    first, (curve, _) = of_cpu[0], found[0]
    return ShapedView(
        series=_series(curve, first.spec, first.pods),
        curves=tuple(
            curve_of(one.name, each) for one, (each, _) in zip(of_cpu[1:], found[1:], strict=True)
        ),
        columns=tuple((each.name, each.words) for each in of_cpu),
        rows=figure_rows(sums, money, prices.currency),
        notes=_notes(load, left_out=left_out),
    )


def _cpu_alone(spec: Spec) -> Spec:
    """Return a spec with its CPU targets only."""
    kept = (
        each for each in spec.metrics if each.source is MetricSource.RESOURCE and each.name == "cpu"
    )
    return replace(spec, metrics=tuple(kept))


@lru_cache(64)
def _replayed(
    course: Course, cores: float, spec: Spec, pods: PodModel, flags: Flags
) -> tuple[tuple[Point, ...], Figures]:
    loads, limits = course.loads(cores), limits_of(spec, pods, flags)
    target = limits["cpu"] / (1 + tolerance_of(spec, flags).up)
    enough = math.ceil(min(loads[0].cores / target, MOST_PODS))
    begin = min(max(enough, spec.min_replicas, 1), spec.max_replicas)
    curve = simulate(loads, spec, pods, begin, flags)
    return curve, figures(curve, pods, limits)


def _series(curve: Sequence[Point], spec: Spec, pods: PodModel) -> SeriesView:
    """Return a curve as columns of the chart: of a long one only every second, third … point."""
    every = max(1, math.ceil(len(curve) / DRAWN))
    drawn = curve[::every]
    nothing = (None,) * len(drawn)
    targets = [each.target for each in spec.metrics if each.target_type is TargetType.UTILIZATION]
    shares = (
        tuple(round(100 * each.load.cores / max(1, each.ready) / pods.cpu, 1) for each in drawn)
        if pods.cpu
        else nothing
    )
    return SeriesView(
        times=tuple(int(each.at) for each in drawn),
        desired=tuple(each.replicas for each in drawn),
        current=nothing,
        ready=tuple(each.ready for each in drawn),
        min_replicas=(spec.min_replicas,) * len(drawn),
        max_replicas=(spec.max_replicas,) * len(drawn),
        metrics=tuple(("CPU", shares, (float(each),) * len(drawn)) for each in targets[:1]),
        units={},
        cpu=tuple(round(each.load.cores, 4) for each in drawn),
        memory=nothing,
    )


def _notes(load: MadeUp, *, left_out: bool) -> tuple[str, ...]:
    found = [
        f"{span(load.course.seconds)} of this load are replayed, a decision every 15 s. It begins "
        "with the pods that its first load needs.",
        "The load of all pods together is shared evenly by those that are ready; a new pod is "
        f"ready after {span(load.start_up)}.",
        UNKNOWABLE,
    ]
    if left_out:
        found.append("The memory target is left out: how memory goes with load is not known.")
    return tuple(found)


def variants_of(given: WhatIf, texts: Sequence[str], start_up: float) -> tuple[Variant, ...]:
    """Return the variants of an app's autoscaler: the settings of each text, then what it has."""
    base = given.base
    chosen = [(LETTERS[at], decoded(each, base)) for at, each in enumerate(texts[: len(LETTERS)])]
    return tuple(
        Variant(
            name,
            joined(changes(base, each)) or "as it is",
            spec_with(given.spec, base, each),
            pods_with(each, start_up),
        )
        for name, each in (*chosen, ("As it is", base))
    )


def form_variant(raw: Mapping[str, object], start_up: float) -> Variant | str:
    """Return the autoscaler that a launch form asks for; a text says what it lacks.

    ``raw`` has the ``bounds``, the ``cpu`` target in percent or None, ``request`` and ``limit`` of
    a pod's CPU, and the ``window`` of scaling down in seconds.
    """
    bounds = raw.get("bounds")
    match bounds:
        case [int(least), int(most)] if 1 <= least <= most:
            bounds = (int(min(least, MOST_PODS)), int(min(most, MOST_PODS)))
        case _:
            return "Set a minimum and a maximum of replicas."
    target = _number(raw.get("cpu"))
    if target is None or not 1 <= target <= 1000:
        return "Turn on the CPU target: this load is one of CPU."
    # Kubernetes takes the limit where no request is given.
    text = str(raw.get("request") or raw.get("limit") or "").strip()
    if not text:
        return "Set a CPU request: the target is a percentage of it."
    if cpu_problem(text):
        return "The CPU request cannot be read: see the message beside it."
    window = _number(raw.get("window"))
    base = Settings(*bounds, round(target), None, round(float(parse(text)) * 1000))
    settings = (
        base if window is None else replace(base, down_window=round(min(max(window, 0), 3600)))
    )
    metric = Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, round(target))
    spec = spec_with(Spec(*bounds, (metric,)), base, settings)
    return Variant("This form", "", spec, pods_with(settings, start_up))
