"""Replays side by side: what was, the present settings replayed, and other ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import asdict, replace

from portal.autoscalers.adapter import measured
from portal.autoscalers.following import Followed
from portal.autoscalers.replay_notes import replay_notes
from portal.autoscalers.sentences import metric_within
from portal.autoscalers.what_if import (
    Settings,
    pods_with,
    record_of,
    recorded,
    settings_of,
    spec_with,
    start_up_of,
)
from portal.autoscaling.cost import Prices, cost_of
from portal.autoscaling.simulation import (
    MOST_PODS,
    Figures,
    PodModel,
    Point,
    figures,
    limits_of,
    simulate,
)
from portal.autoscaling.spec import FLAGS, Flags, MetricSource, Spec
from portal.domain.objects import Hpa
from portal.state.history import History
from portal.viewmodels.cost import money
from portal.viewmodels.recorded_load import RecordedLoad, recorded_load
from portal.viewmodels.words import joined, number, percent, precise, span

MOST = 4
"""The most settings that are replayed at once: those of the controls, and three that are kept."""

NO_PRICES = Prices()

LONGEST = 200
"""The most characters of settings as text."""

_NAMES: Mapping[str, tuple[str, int, int]] = {
    "min": ("minimum", 1, MOST_PODS),
    "max": ("maximum", 1, MOST_PODS),
    "cpu": ("cpu", 1, 1000),
    "mem": ("memory", 1, 1000),
    "cpureq": ("cpu_request", 0, 64_000),
    "memreq": ("memory_request", 0, 1_000_000),
    "up": ("up_window", 0, 3600),
    "down": ("down_window", 0, 3600),
    "uppods": ("up_pods", 0, MOST_PODS),
    "downpods": ("down_pods", 0, MOST_PODS),
}
"""The short names of settings in an address, each with its least and largest value."""


def encoded(settings: Settings) -> str:
    """Return settings as a short text for an address: "min1_max4_cpu70"."""
    values = asdict(settings)
    found = ((short, values[name]) for short, (name, _, _) in _NAMES.items())
    return "_".join(f"{short}{value}" for short, value in found if value is not None)


def decoded(text: str, base: Settings) -> Settings:
    """Return the settings of a text; what it lacks, or is not a number, is as in ``base``.

    Targets that it lacks are off. Values are cut to what can be replayed.
    """
    found: dict[str, int | None] = {"cpu": None, "memory": None}
    for part in text[:LONGEST].split("_"):
        match = re.fullmatch(r"([a-z]+)(\d{1,9})", part)
        if match and match[1] in _NAMES:
            name, least, most = _NAMES[match[1]]
            found[name] = min(max(int(match[2]), least), most)
    settings = replace(base, **found)
    return replace(settings, maximum=max(settings.minimum, settings.maximum))


class WhatIf(Struct, frozen=True):
    """All that replays need: the recorded samples, the present spec and settings.

    ``start_up`` is the time in seconds until a new pod is ready. ``left_out`` are the metrics of
    which the load is not recorded. ``flags`` are the controller's.
    ``hpa`` is the autoscaler itself, and ``built_in`` is True if it is one of the built-in chart,
    whose values can be told.
    """

    samples: History
    spec: Spec
    base: Settings
    start_up: float
    left_out: tuple[str, ...] = ()
    flags: Flags = FLAGS
    hpa: Hpa | None = None
    built_in: bool = False


def present_settings(found: Followed) -> Settings:
    """Return the settings of an autoscaler now."""
    pods = found.seen.pods
    cpu = next((each.cpu_request for each in pods if each.cpu_request), 0.0)
    memory = next((each.memory_request for each in pods if each.memory_request), 0.0)
    return settings_of(found.spec, cpu, memory, found.state.flags)


def what_if_of(found: Followed, samples: History, *, built_in: bool = False) -> WhatIf:
    """Return what replays of an autoscaler need; ``built_in``: it is of the built-in chart."""
    times = [
        (each.ready_at - (each.started_at or each.created_at)).total_seconds()
        for each in found.seen.pods
        if each.ready_at is not None
    ]
    start_up = 5.0 * round(start_up_of(times) / 5)  # so that replays are made once
    left_out = tuple(
        metric_within(metric)
        for metric, of in zip(found.spec.metrics, found.hpa.metrics, strict=True)
        if metric.source is not MetricSource.RESOURCE or not measured(of)
    )
    flags, base = found.state.flags, present_settings(found)
    return WhatIf(samples, found.spec, base, start_up, left_out, flags, found.hpa, built_in)


class Curve(Struct, frozen=True):
    """A curve of replicas: the times at which it changes, and its values from then on."""

    name: str
    times: tuple[int, ...]
    replicas: tuple[int, ...]


class FigureRow(Struct, frozen=True):
    """A figure: its title, and its value in each column, each with its difference to what was."""

    title: str
    term: str
    cells: tuple[tuple[str, str], ...]


class VariantsView(Struct, frozen=True):
    """Curves for the chart, and the figures of each column; ``problem`` if nothing is replayed.

    ``changes`` are the settings of the first variant that differ from the present ones.
    """

    curves: tuple[Curve, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    rows: tuple[FigureRow, ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    chosen: Settings | None = None
    problem: str = ""


NO_RECORD = "There is no record of the load yet: come back in a minute, or try another load, below."

LETTERS = ("What if", "A", "B", "C")


def variants_view(given: WhatIf, texts: Sequence[str], prices: Prices = NO_PRICES) -> VariantsView:
    """Replay the recorded load with the settings of each text; the first are the controls'."""
    base, samples = given.base, given.samples
    settings = [decoded(each, base) for each in texts[:MOST]]
    problem = _problem(given, settings)
    if problem:
        return VariantsView(problem=problem, chosen=settings[0] if settings else None)
    was = _was(samples, given.spec, base, given.flags)
    if not was.curve:
        return VariantsView(problem=NO_RECORD)
    as_is, *made = (_replay(given, each) for each in (base, *settings))
    columns = [("Was", "recorded")]
    columns += [("As it is", "replayed, to compare with what was")]
    columns += [
        (LETTERS[at], joined(changes(base, each)) or "as it is") for at, each in enumerate(settings)
    ]
    pods = [pods_with(each, given.start_up) for each in (base, base, *settings)]
    sums = [was.figures, as_is.figures, *(each.figures for each in made)]
    return VariantsView(
        curves=tuple(
            curve_of(LETTERS[at].lower() if at == 0 else f"what if {LETTERS[at]}", each.curve)
            for at, each in enumerate(made)
            if settings[at] != base
        ),
        columns=tuple(columns),
        rows=figure_rows(sums, costs(sums, pods, prices), prices.currency),
        notes=replay_notes(
            _record(given.samples).load,
            was.figures,
            as_is.figures,
            given.start_up,
            given.left_out,
        ),
        changes=changes(base, settings[0]) if settings else (),
        chosen=settings[0] if settings else None,
    )


def _problem(given: WhatIf, settings: Sequence[Settings]) -> str:
    for each in settings:
        if each.cpu is not None and not each.cpu_request:
            return "The pods request no CPU, so a target in percent of it means nothing."
        if each.memory is not None and not each.memory_request:
            return "The pods request no memory, so a target in percent of it means nothing."
        if not spec_with(given.spec, given.base, each).metrics:
            return "Choose a target for CPU or memory: a replay has nothing to follow without one."
    return ""


class _Replayed(Struct, frozen=True):
    curve: tuple[Point, ...]
    figures: Figures


class _Record(Struct, frozen=True):
    load: RecordedLoad
    points: tuple[Point, ...]


@lru_cache(16)
def _record(samples: History) -> _Record:
    known = tuple(samples)
    load = recorded_load(known)
    return _Record(load, record_of(known, load))


@lru_cache(16)
def _was(samples: History, spec: Spec, base: Settings, flags: Flags) -> _Replayed:
    record = _record(samples)
    curve, pods = recorded(record.points), pods_with(base, 0.0, record.load.start_cost)
    return _Replayed(curve, figures(curve, pods, limits_of(spec, pods, flags)))


def _replay(given: WhatIf, settings: Settings) -> _Replayed:
    spec = spec_with(given.spec, given.base, settings)
    pods = pods_with(settings, given.start_up, _record(given.samples).load.start_cost)
    return _replayed(given.samples, spec, pods, given.flags)


@lru_cache(64)
def _replayed(samples: History, spec: Spec, pods: PodModel, flags: Flags) -> _Replayed:
    record = _record(samples)
    begin = record.points[0].replicas if record.points else 1
    curve = simulate(record.load.loads, spec, pods, begin, flags)
    return _Replayed(curve, figures(curve, pods, limits_of(spec, pods, flags)))


def curve_of(name: str, curve: Sequence[Point]) -> Curve:
    """Return the curve by its changes alone."""
    times: list[int] = []
    values: list[int] = []
    for each in curve:
        if not values or values[-1] != each.replicas:
            times.append(int(each.at))
            values.append(each.replicas)
    return Curve(name, tuple(times), tuple(values))


def changes(base: Settings, settings: Settings) -> tuple[str, ...]:
    """Return the settings that differ, in words."""
    found: list[str] = []
    for name, words in _WORDS.items():
        value = getattr(settings, name)
        if value != getattr(base, name):
            found.append(words(value))
    return tuple(found)


def _target(name: str) -> Callable[[int | None], str]:
    return lambda value: f"no {name} target" if value is None else f"{name} target {value} %"


_WORDS: Mapping[str, Callable[[int], str]] = {
    "minimum": lambda value: f"minimum {value}",
    "maximum": lambda value: f"maximum {value}",
    "cpu": _target("CPU"),
    "memory": _target("memory"),
    "cpu_request": lambda value: f"CPU request {number(value / 1000, 3)}",
    "memory_request": lambda value: f"memory request {value} MiB",
    "up_window": lambda value: f"waits {span(value)} before adding",
    "down_window": lambda value: f"waits {span(value)} before removing",
    "up_pods": lambda value: f"adds at most {value} a minute" if value else "adds at any rate",
    "down_pods": lambda value: f"removes at most {value} a minute" if value else "removes at once",
}


def costs(
    sums: Sequence[Figures], pods: Sequence[PodModel], prices: Prices
) -> tuple[float | None, ...]:
    """Return the money for the requests of each curve; empty without prices."""
    if not prices.known:
        return ()
    return tuple(
        cost_of(each.pod_hours, one.cpu or None, one.memory or None).money(prices)
        for each, one in zip(sums, pods, strict=True)
    )


def figure_rows(
    sums: Sequence[Figures], money_for: Sequence[float | None] = (), currency: str = ""
) -> tuple[FigureRow, ...]:
    """Return the figures of curves side by side, each with its difference to the first one's.

    ``money_for`` is the money for each; empty where there are no prices.
    """
    over = [None if each.over_share is None else 100 * each.over_share for each in sums]
    rows = [
        _row("Pod-hours", "replicas × time", [each.pod_hours for each in sums], precise),
        _row(
            "Core-hours kept free",
            "CPU request × pod-hours",
            [each.core_hours for each in sums],
            precise,
        ),
        _row(
            "Time over target", "beyond the tolerance", over, lambda value: f"{number(value, 1)} %"
        ),
        _row("Busiest moment", "of a pod's request", [each.highest for each in sums], percent),
        _row("Changes", "of the number of pods", [each.changes for each in sums], _whole),
        _row("Most pods", "at once", [each.most for each in sums], _whole),
    ]
    if any(each.starting is not None for each in sums):
        starts = [each.starting for each in sums]
        rows.append(_row("CPU of starting pods", "core-seconds before ready", starts, precise))
    if money_for:
        digits = 2 if max(each or 0.0 for each in money_for) >= 1 else 4
        rows.append(
            _row("Cost", "of the requests", money_for, lambda each: money(each, currency, digits))
        )
    return tuple(rows)


def _row(
    title: str, term: str, values: Sequence[float | None], show: Callable[[float], str]
) -> FigureRow:
    first = values[0]
    return FigureRow(
        title,
        term,
        tuple(
            ("–", "")
            if each is None
            else (show(each), "" if at == 0 else _difference(each, first, show))
            for at, each in enumerate(values)
        ),
    )


def _whole(value: float) -> str:
    return number(value, 0)


def _difference(value: float, was: float | None, show: Callable[[float], str]) -> str:
    if was is None:
        return ""
    change = round(value - was, 6)
    text = show(abs(change))
    return "same" if text == show(0) else f"{'+' if change > 0 else '−'}{text}"


def form_parameters(base: Settings, settings: Settings) -> dict[str, str]:
    """Return the parameters of a link to the app's form with these settings filled in."""
    found = {"min": str(settings.minimum), "max": str(settings.maximum)}
    for name, value in (("target_cpu", settings.cpu), ("target_memory", settings.memory)):
        found[name] = "" if value is None else str(value)
    if settings.down_window != base.down_window:
        found["scale_down_window"] = str(settings.down_window)
    if settings.cpu_request != base.cpu_request:
        found["cpu_request"] = f"{settings.cpu_request}m"
    if settings.memory_request != base.memory_request:
        found["memory_request"] = f"{settings.memory_request}Mi"
    return found


def beyond_the_form(base: Settings, settings: Settings) -> tuple[str, ...]:
    """Return the changes that the app's form has no field for, in words."""
    names = ("up_window", "up_pods", "down_pods")
    changed = (each for each in names if getattr(base, each) != getattr(settings, each))
    return tuple(_WORDS[each](getattr(settings, each)) for each in changed)
