"""The reaction to a load in words: a row for each step, and which of them to blame. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscalers.pod_starts import PodStart
from portal.autoscalers.reaction import STEPS, ScaleUp, Step, Way, way_of
from portal.autoscalers.reaction_remedies import (
    BY_KEDA,
    INSTEAD,
    RESOLUTION,
    Remedy,
    lasted,
    remedies,
)
from portal.domain.objects import Job
from portal.state.load_tests import ended_at
from portal.state.model import LoadTest
from portal.viewmodels.words import count, joined, number, sentence, shortened, size, span

SKEW = 2.0
"""Seconds by which times may be out of order before clocks are said to differ."""

LONG = 0.2
"""The share of the usual way from which on a step gets remedies, too."""

SLOW = 30.0
"""The seconds of the slowest pod from which on a step gets remedies, too."""

SHOWN_PODS = 6
"""The slowest new pods of a scale-up, which are shown."""

BLAMED = 3
"""The most steps that get remedies."""

_TITLES: Mapping[str, tuple[str, str]] = {
    "seen": ("Load above the target, until the autoscaler read it", "currentMetrics"),
    "decided": ("Decided", "SuccessfulRescale"),
    "created": ("Pod created", "creationTimestamp"),
    "scheduled": ("Node found", "PodScheduled"),
    "prepared": ("Volumes and network ready", "Pulling"),
    "initialized": ("Init containers and sidecars", "Initialized"),
    "pulled": ("Image pulled", "Pulled"),
    "started": ("Container started", "startedAt"),
    "ready": ("Ready", "Ready"),
}

_HEADS: Mapping[str, str] = {
    "seen": "Load read",
    "decided": "Decided",
    "created": "Created",
    "scheduled": "Node found",
    "prepared": "Volumes, network",
    "initialized": "Init, sidecars",
    "pulled": "Image",
    "started": "Started",
    "ready": "Ready",
}

_BLAMED: Mapping[str, str] = {
    "seen": "until the autoscaler read the load",
    "decided": "until it decided",
    "created": "until the pod was created",
    "scheduled": "until a node was found",
    "prepared": "for volumes and network",
    "initialized": "for init containers and sidecars",
    "pulled": "for the image",
    "started": "to start the container",
    "ready": "until the started app was ready",
}

FIRST_REQUEST = (
    "When a pod gets its first request is not known. From when it is ready, its Service may send "
    "it some."
)


class StepBar(Struct, frozen=True):
    """A step as a row: the usual and the slowest time, and its bar in percent of the longest way.

    ``begin`` and ``width`` are of the usual time, ``worst_width`` of the slowest, from the same
    beginning. ``typical`` is "" where no time is known, which ``note`` then explains.
    """

    name: str
    title: str
    term: str
    typical: str
    worst: str = ""
    begin: float = 0.0
    width: float = 0.0
    worst_width: float = 0.0
    note: str = ""
    blamed: bool = False


class Blame(Struct, frozen=True):
    """A step that takes long: a sentence, and what shortens it."""

    name: str
    sentence: str
    remedies: tuple[Remedy, ...]


class PodWay(Struct, frozen=True):
    """One new pod of a scale-up: the seconds of each step in words, and what is worth a note."""

    name: str
    state: str
    cells: tuple[str, ...]
    notes: tuple[str, ...] = ()


class ScaleUpView(Struct, frozen=True):
    """One scale-up: its bars are those of its slowest pod. ``heads`` are the pods' columns."""

    id: str
    title: str
    at: datetime
    summary: str
    bars: tuple[StepBar, ...]
    heads: tuple[str, ...]
    pods: tuple[PodWay, ...]
    notes: tuple[str, ...] = ()


class ReactionView(Struct, frozen=True):
    """The reaction of an autoscaler: usual and slowest steps, blame, and the single scale-ups.

    Without a scale-up with pods there are no ``bars``, and ``sentence`` says so.
    """

    sentence: str
    bars: tuple[StepBar, ...] = ()
    blames: tuple[Blame, ...] = ()
    instead: tuple[Remedy, ...] = ()
    scale_ups: tuple[ScaleUpView, ...] = ()
    notes: tuple[str, ...] = ()


_REQUEST = StepBar(
    "request",
    "First request",
    "EndpointSlice",
    "not known",
    note="neither Kubernetes nor the portal sees an app's requests",
)

NOTHING = ReactionView(
    "No scale-up has been seen yet. The portal keeps the newest ones: in its database, or without "
    "one in memory from when it starts."
)


class _Source:
    """Scale-ups and load tests; equal for the same ones, which costs next to nothing."""

    def __init__(self, scale_ups: Sequence[ScaleUp], tests: Sequence[LoadTest]) -> None:
        self.scale_ups, self.tests = scale_ups, tests

    def __hash__(self) -> int:
        return hash((id(self.scale_ups), len(self.tests)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Source):
            return False
        return self.scale_ups is other.scale_ups and self.tests == other.tests


def reaction_view(
    scale_ups: Sequence[ScaleUp], tests: Sequence[LoadTest] = (), *, by_keda: bool = False
) -> ReactionView:
    """Return the reaction by the newest scale-ups, oldest first; ``tests`` are load tests.

    It is kept for the next call: most changes of an app are not about them. ``by_keda``: KEDA has
    made the autoscaler, from its ScaledObject.
    """
    view = _view(_Source(scale_ups, tests))
    return replace(view, instead=BY_KEDA) if by_keda and view.instead else view


@lru_cache(64)
def _view(source: _Source) -> ReactionView:
    scale_ups, tests = source.scale_ups, source.tests
    shown = [each for each in scale_ups if each.pods or each.rollout or not each.over]
    if not shown:
        return NOTHING
    ways = [(pod, way_of(each, pod)) for each in shown for pod in each.pods]
    views = tuple(_scale_up(each, tests) for each in reversed(shown))
    if not ways:
        return ReactionView("No new pod of a scale-up is known yet.", scale_ups=views)
    usual, worst = _amounts(way for _, way in ways)
    bars = _bars(usual, worst, ways)
    # Where the load is known to have risen, other ways do not begin with it.
    risen = [each for each in shown if each.crossed is not None] or shown
    lengths = (way_of(each, pod).total for each in risen for pod in each.pods)
    totals = sorted(total for total in lengths if total is not None)
    blamed = _blamed(usual, worst)
    return ReactionView(
        _sentence(shown, totals),
        (*(replace(each, blamed=each.name in blamed[:1]) for each in bars), _REQUEST),
        tuple(_blame(name, usual, worst, [pod for pod, _ in ways]) for name in blamed),
        INSTEAD,
        views,
        _notes(shown, [way for _, way in ways]),
    )


def _sentence(shown: Sequence[ScaleUp], totals: Sequence[float]) -> str:
    ups = sum(1 for each in shown if each.pods)
    of = f"{count(ups, 'scale-up')} with {count(sum(len(each.pods) for each in shown), 'new pod')}"
    if not totals:
        return f"None of the new pods has become ready yet ({of})."
    measured = any(each.crossed is not None for each in shown)
    since = "the load was above the target" if measured else "the autoscaler decided"
    usual, slowest = lasted(_median(totals)), lasted(totals[-1])
    return (
        f"From when {since} until a new pod was ready it usually took {usual}, and {slowest} at "
        f"most ({of})."
    )


def _amounts(ways: Iterable[Way]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the median and the longest time of each step of which some are known."""
    found: dict[str, list[float]] = {}
    for way in ways:
        for step in way.steps:
            if step.seconds is not None:
                found.setdefault(step.name, []).append(step.seconds)
    return (
        {name: _median(each) for name, each in found.items()},
        {name: max(each) for name, each in found.items()},
    )


def _median(values: Sequence[float]) -> float:
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _bars(
    usual: Mapping[str, float], worst: Mapping[str, float], ways: Sequence[tuple[PodStart, Way]]
) -> tuple[StepBar, ...]:
    """Return a row for each step that some pod has: each bar begins where the one before ends."""
    present = {step.name for _, way in ways for step in way.steps}
    names = [name for name in STEPS if name in present]
    begins: dict[str, float] = {}
    begin = 0.0
    for name in names:
        begins[name] = begin
        begin += usual.get(name, 0.0)
    whole = max([begin, *(begins[name] + worst.get(name, 0.0) for name in names)])
    return tuple(
        StepBar(
            name,
            *_TITLES[name],
            typical=lasted(usual[name]) if name in usual else "not known",
            worst=lasted(worst[name]) if name in worst else "",
            begin=_percent(begins[name], whole),
            width=_percent(usual.get(name, 0.0), whole),
            worst_width=_percent(worst.get(name, 0.0), whole),
            note=_note(name, name in usual, ways),
        )
        for name in names
    )


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 1) if whole > 0 else 0.0


def _note(name: str, known: bool, ways: Sequence[tuple[PodStart, Way]]) -> str:
    """Return what is worth saying of a step beside its times."""
    pods = [pod for pod, _ in ways]
    if name == "scheduled":
        held = sum(1 for each in pods if each.held)
        asked = sum(1 for each in pods if each.asked)
        new = f", {asked} of them for a new one" if asked else ""
        return f"{held} of {count(len(pods), 'pod')} waited{new}" if held else ""
    if name == "pulled" and known:
        here = sum(1 for each in pods if each.present)
        weights = [each.size for each in pods if each.size]
        weight = f"{size(max(weights))}" if weights else ""
        there = f"on the node already for {here} of {count(len(pods), 'pod')}" if here else ""
        return joined((weight, there))
    if name == "initialized":
        return joined(dict.fromkeys(one for each in pods for one in each.before))
    if name in {"seen", "decided"} and not known:
        later = name == "decided" or any(step.at for _, way in ways for step in way.steps[:1])
        return "the first time that is known" if later else "when the load rose is not known"
    if not known:
        return "the events about it are gone"
    parts = [step for _, way in ways for step in way.steps if step.name == name]
    if any(not each.whole for each in parts):
        return "with steps before it whose time is not known"
    return ""


def _blamed(usual: Mapping[str, float], worst: Mapping[str, float]) -> list[str]:
    """Return the steps that take long, the longest one first."""
    whole = sum(usual.values())
    if not whole:
        return []
    found = [
        name
        for name in usual
        if usual[name] >= max(RESOLUTION, LONG * whole) or worst[name] >= SLOW
    ]
    return sorted(found, key=lambda name: (-usual[name], -worst[name]))[:BLAMED]


def _blame(
    name: str,
    usual: Mapping[str, float],
    worst: Mapping[str, float],
    pods: Sequence[PodStart],
) -> Blame:
    whole = sum(usual.values())
    share = f", {100 * usual[name] / whole:.0f} % of the way" if whole else ""
    most = f" (at most {lasted(worst[name])})" if worst[name] > usual[name] + RESOLUTION else ""
    return Blame(
        name,
        f"{lasted(usual[name])}{most} {_BLAMED[name]}{share}.",
        remedies(name, pods),
    )


# Single scale-ups.


def _scale_up(one: ScaleUp, tests: Sequence[LoadTest]) -> ScaleUpView:
    ways = [(pod, way_of(one, pod)) for pod in one.pods]
    names = [name for name in STEPS if any(_has(way, name) for _, way in ways)]
    slow = sorted(ways, key=lambda each: _length(each[1]), reverse=True)
    slowest = slow[0] if slow else None
    bars: tuple[StepBar, ...] = ()
    if slowest is not None:
        amounts = _amounts([slowest[1]])[0]
        bars = _bars(amounts, amounts, [slowest])
    before = f"{one.before} → " if one.before is not None else "to "
    return ScaleUpView(
        one.id,
        f"{before}{count(one.after, 'pod')}",
        datetime.fromtimestamp(one.decided, UTC),
        _summary(one, ways),
        bars,
        tuple(_HEADS[name] for name in names),
        tuple(_pod(pod, way, names) for pod, way in slow[:SHOWN_PODS]),
        tuple(_own_notes(one, tests)),
    )


def _has(way: Way, name: str) -> bool:
    return any(each.name == name for each in way.steps)


def _length(way: Way) -> tuple[bool, float]:
    """Return what ways are ordered by: those that are not ready yet are the longest."""
    known = sum(each.seconds or 0.0 for each in way.steps)
    return way.total is None, known


def _summary(one: ScaleUp, ways: Sequence[tuple[PodStart, Way]]) -> str:
    totals = [total for _, way in ways if (total := way.total) is not None]
    ready = f"{len(totals)} of {count(one.added, 'new pod')} ready"
    return f"{ready}, the last after {lasted(max(totals))}" if totals else ready


def _own_notes(one: ScaleUp, tests: Sequence[LoadTest]) -> Iterator[str]:
    if one.rollout:
        yield (
            "Pods were replaced at the same time (a rollout), so which of them are the "
            "autoscaler's cannot be told."
        )
    if one.carried:
        yield "The load was above the target at the scale-up before already."
    elif one.seen is not None and one.crossed is None and not one.rollout:
        yield "When the load rose is not known: only the autoscaler's own reading tells of it."
    for each in tests:
        began, end = began_at(each), ended_at(each.job)
        if began is not None and began.timestamp() <= one.decided:
            if end is not None and end.timestamp() < one.decided:
                continue
            after = lasted(one.decided - began.timestamp())
            yield f"A load test was running; it had begun {after} before the decision."
    if one.more:
        yield f"{count(one.more, 'more new pod')} not followed here."
    if len(one.pods) > SHOWN_PODS:
        yield f"Shown are the {SHOWN_PODS} slowest of {len(one.pods)} pods."
    if one.over and one.before is not None and not one.rollout:
        missing = one.added - len(one.pods) - one.more
        if missing > 0:
            yield f"Of {count(missing, 'new pod')} nothing is known any more."


def began_at(test: LoadTest) -> datetime | None:
    """Return when a load test began to send; None before, or if that is not known."""
    for one in test.pod.containers if test.pod is not None else ():
        if one.started_at is not None:
            return one.started_at
    job: Job = test.job
    return job.started_at


def _pod(pod: PodStart, way: Way, names: Sequence[str]) -> PodWay:
    by_name = {each.name: each for each in way.steps}
    state = "ready" if pod.ready is not None else "removed before it was ready" if pod.gone else ""
    passed = max(place for place, each in enumerate(way.steps) if each.at is not None)
    state = state or f"waiting {_BLAMED[way.steps[passed + 1].name]}"
    return PodWay(
        pod.name,
        state,
        tuple(_cell(by_name.get(name)) for name in names),
        tuple(_pod_notes(pod, way)),
    )


def _cell(step: Step | None) -> str:
    if step is None:
        return "none"
    if step.seconds is None:
        return "not known"
    return lasted(step.seconds) if step.whole else f"{lasted(step.seconds)} with the one before"


def _pod_notes(pod: PodStart, way: Way) -> Iterator[str]:
    if pod.held:
        new = " A new node was asked for." if pod.asked else ""
        yield f"No node at first: {sentence(shortened(pod.held, 200))}{new}"
    if pod.present:
        yield "The image was on the node already."
    elif pod.pull is not None:
        weight = f"{size(pod.size)} in " if pod.size else "in "
        queued = pod.queued or 0.0
        queue = f", after {lasted(queued)} for other pulls" if queued >= RESOLUTION else ""
        yield f"Image pulled: {weight}{number(pod.pull, 1)} s{queue}."
    if pod.before:
        yield f"Before the app: {joined(pod.before)}."
    if way.skew > SKEW:
        yield (
            f"Steps are out of order by {span(way.skew)}: clocks of machines differ, so times from "
            "one to the next are no more exact than that."
        )


def _notes(shown: Sequence[ScaleUp], ways: Sequence[Way]) -> tuple[str, ...]:
    notes = [
        FIRST_REQUEST,
        "Times are those that Kubernetes writes, in whole seconds, by the clocks of several "
        "machines. The load itself may have risen earlier than its use was measured: "
        "measurements are means of some seconds.",
    ]
    skew = max((each.skew for each in ways), default=0.0)
    if skew > SKEW:
        notes.append(f"The clocks of machines differ by {span(skew)} or more.")
    if any(each.over and each.pods and not _complete(each) for each in shown):
        notes.append("Some new pods were removed before anything was known of their start.")
    return tuple(notes)


def _complete(one: ScaleUp) -> bool:
    return len(one.pods) + one.more >= one.added
