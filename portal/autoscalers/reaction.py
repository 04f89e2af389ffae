"""The reaction of an autoscaler step by step, from the load to pods that are ready. Pure.

Each scale-up is told from the recorded samples, from the decision, and from its new pods and the
events about them. Kubernetes keeps events for an hour and pods until they are removed, so what is
known of a scale-up is kept from one look to the next. A time that nothing tells is None, and the
step after it then takes the time of both.

Times are those of several machines, most in whole seconds: differences of a second mean nothing,
and a step that seems to come before the one it follows has taken no time (``Way.skew``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscalers.pod_starts import SLACK, PodStart, merged, pod_start
from portal.autoscaling.spec import MetricSource
from portal.domain.objects import Hpa, Pod
from portal.state.history import History, Sample
from portal.state.model import AppState
from portal.state.timeline import Entry, EntryKind
from portal.state.workloads import target_pods

KEPT = 8
"""The newest scale-ups of an autoscaler that are kept."""

MOST_PODS = 20
"""The most new pods of a scale-up that are followed."""

ENDS = 1800.0
"""Seconds after a decision from which on nothing more is expected of it."""

NEAR = 60.0
"""Seconds after a decision within which its pods are created, if their number is not known."""

LOOKS_BACK = 900.0
"""Seconds before a decision in which the beginning of the load is looked for."""

GAP = 60.0
"""Seconds between two samples beyond which neither tells what was between them."""

STEPS = (
    "seen",
    "decided",
    "created",
    "scheduled",
    "prepared",
    "initialized",
    "pulled",
    "started",
    "ready",
)
"""The names of the steps, in their order."""


class ScaleUp(Struct, frozen=True, omit_defaults=True):
    """One scale-up, ``decided`` in Unix seconds, with its new pods.

    ``before`` is None if the number of pods before is not known. ``crossed`` is the last time at
    which the CPU use was still measured at or below the target, ``seen`` the first sync with a
    reading above it. ``carried``: the load was above the target at the scale-up before already.
    ``rollout``: pods were replaced at the same time, so which ones are its own cannot be told.
    ``more`` are new pods that are not followed.
    """

    id: str
    decided: float
    after: int
    before: int | None = None
    crossed: float | None = None
    seen: float | None = None
    carried: bool = False
    rollout: bool = False
    pods: tuple[PodStart, ...] = ()
    more: int = 0
    over: bool = False

    @property
    def added(self) -> int:
        """The new pods, as far as they are known."""
        return self.after - self.before if self.before is not None else len(self.pods) + self.more


class Step(Struct, frozen=True):
    """A step of one pod's way: its name, when it was passed, and the seconds since the one before.

    ``whole`` is False if they are also those of steps before it whose time is not known.
    """

    name: str
    at: float | None
    seconds: float | None = None
    whole: bool = True


class Way(Struct, frozen=True):
    """The steps of one pod's way from the load to ready; steps that it does not have are left out.

    ``skew`` are the seconds by which a step seems to come before the one it follows, at most.
    """

    steps: tuple[Step, ...]
    skew: float = 0.0

    @property
    def total(self) -> float | None:
        """The seconds from the first known time until it was ready; None while it is not."""
        known = [each for each in self.steps if each.at is not None and each.seconds is not None]
        ready = self.steps[-1].at
        return None if ready is None else sum(each.seconds or 0.0 for each in known)


def way_of(scale_up: ScaleUp, pod: PodStart) -> Way:
    """Return the way of one pod of a scale-up."""
    times: dict[str, float | None] = {
        "seen": scale_up.seen,
        "decided": scale_up.decided,
        **{name: getattr(pod, name) for name in STEPS[2:]},
    }
    if not pod.before:
        del times["initialized"]
    last, skew, whole = scale_up.crossed, 0.0, True
    steps: list[Step] = []
    for name, at in times.items():
        if at is None:
            steps.append(Step(name, None))
            whole = whole and last is None
            continue
        if last is not None:
            skew = max(skew, last - at)
        passed = at if last is None else max(at, last)
        steps.append(Step(name, passed, None if last is None else passed - last, whole))
        last, whole = passed, True
    return Way(tuple(steps), skew)


# The scale-ups of an autoscaler.


def scale_ups(
    known: Sequence[ScaleUp],
    app: AppState,
    hpa: Hpa,
    samples: History,
    now: float,
    tolerance: float = 0.1,
) -> tuple[ScaleUp, ...]:
    """Return the newest scale-ups of an autoscaler, oldest first.

    ``known`` are those of an earlier look, and ``samples`` the history of its target.
    ``tolerance`` is that of its direction upwards.
    """
    decisions = _decisions(app, hpa)
    found: dict[str, ScaleUp] = {each.id: each for each in known}
    upwards = [
        (place, entry, was)
        for place, (entry, was) in enumerate(decisions)
        if not (entry.id in found and found[entry.id].over)
        and (was is None or was < (entry.new or 0))
        # Of earlier ones that have been kept no longer there is nothing more to be known.
        and not (known and entry.at.timestamp() < known[0].decided)
    ]
    if not upwards:
        return tuple(known)
    taken = {pod.uid for each in known for pod in each.pods}
    pods = sorted(target_pods(app, hpa), key=lambda each: (each.created_at, each.key))
    for place, entry, was in upwards:
        new, old = entry.new or 0, found.get(entry.id)
        following = decisions[place + 1][0] if place + 1 < len(decisions) else None
        until = following.at.timestamp() if following else None
        at = entry.at.timestamp()
        one = old or ScaleUp(entry.id, at, new, was)
        if one.seen is None:
            earlier = decisions[place - 1][0].at.timestamp() if place else None
            one = _measured(one, entry, hpa, samples, pods, earlier, tolerance)
        one = _followed(one, app, pods, taken, until, now)
        if one.before is None and not one.pods:
            continue  # it may have been a scale-down
        taken |= {each.uid for each in one.pods}
        found[one.id] = one
    newest = sorted(found.values(), key=lambda each: (each.decided, each.id))[-KEPT:]
    return tuple(newest)


def _decisions(app: AppState, hpa: Hpa) -> list[tuple[Entry, int | None]]:
    """Return the decisions of an autoscaler, oldest first, each with the replicas before it."""
    own = [
        each
        for each in app.timeline.of(EntryKind.SCALING)
        if each.new is not None and each.id.startswith(f"scaled/{hpa.key.name}/")
    ]
    befores = [None, *(each.new for each in own)][: len(own)]
    return [
        (each, each.old if each.old is not None else before)
        for each, before in zip(own, befores, strict=True)
    ]


def _followed(
    one: ScaleUp,
    app: AppState,
    pods: Sequence[Pod],
    taken: set[str],
    until: float | None,
    now: float,
) -> ScaleUp:
    """Return a scale-up with its pods as they are now."""
    if _replaced(app, one.decided):
        return replace(one, rollout=True, over=True)
    known = {each.uid: each for each in one.pods}
    there = {each.uid for each in pods}
    for uid, each in known.items():
        if uid not in there and each.ready is None:
            known[uid] = replace(each, gone=True)
    last = one.decided + (ENDS if one.before is not None else NEAR)
    last = last if until is None else min(last, until)
    wanted = one.after - one.before if one.before is not None else len(pods)
    new = 0
    for pod in pods:
        created = pod.created_at.timestamp()
        mine = pod.uid in known
        if not mine:
            if pod.uid in taken or not one.decided - SLACK <= created <= last:
                continue
            new += 1
            if len(known) >= min(wanted, MOST_PODS):
                continue
        seen = pod_start(pod, app.events)
        known[pod.uid] = merged(known[pod.uid], seen) if mine else seen
    kept = tuple(known.values())
    ended = all(each.ready is not None or each.gone for each in kept)
    complete = one.before is not None and len(kept) >= min(wanted, MOST_PODS)
    return replace(
        one,
        pods=kept,
        more=max(one.more, min(wanted, len(one.pods) + new) - len(kept)),
        over=(ended and (complete or until is not None)) or now > one.decided + ENDS,
    )


def _replaced(app: AppState, at: float) -> bool:
    """Return True if pods were being replaced by a rollout at a time."""
    return any(
        each.at.timestamp() <= at + SLACK
        and (each.ended_at is None or at - SLACK <= each.ended_at.timestamp())
        for each in app.timeline.of(EntryKind.ROLLOUT)
    )


def _measured(
    one: ScaleUp,
    entry: Entry,
    hpa: Hpa,
    samples: History,
    pods: Sequence[Pod],
    earlier: float | None,
    tolerance: float,
) -> ScaleUp:
    """Return a scale-up with the times at which the load was above the target, and was seen so."""
    begin = int(one.decided - LOOKS_BACK)
    near = list(samples.between(begin, int(one.decided + SLACK) + 1))
    above = 1 + tolerance
    over = [any(_above(each, above)) for each in near]
    first = _begin_of_run(over)
    seen = near[first].at.timestamp() if first is not None else None
    if seen is None and any((each.current or 0) > each.target * above for each in entry.metrics):
        seen = one.decided  # the readings that it was decided on
    if seen is None:
        return one
    if earlier is not None and seen <= earlier + SLACK:
        return replace(one, seen=None, carried=True)
    seen = min(seen, one.decided)
    return replace(one, seen=seen, crossed=_crossed(near, seen, hpa, pods, above))


def _above(sample: Sample, factor: float) -> Iterable[bool]:
    return (
        current is not None and current > target * factor
        for current, target in sample.metrics.values()
    )


def _begin_of_run(values: Sequence[bool]) -> int | None:
    """Return where the last values began to be true; None if the last one is not."""
    place = len(values)
    while place and values[place - 1]:
        place -= 1
    return place if place < len(values) else None


def _crossed(
    near: Sequence[Sample], seen: float, hpa: Hpa, pods: Sequence[Pod], factor: float
) -> float | None:
    """Return the last time at which the CPU use was measured at or below the target.

    None without a CPU target in percent of a known request, or without samples near enough.
    """
    target = next(
        (
            each.target
            for each in hpa.metrics
            if each.source is MetricSource.RESOURCE
            and each.name == "cpu"
            and each.target_type == "Utilization"
        ),
        None,
    )
    requests = [each.cpu_request for each in pods if each.cpu_request]
    if not target or not requests:
        return None
    request = sorted(requests)[len(requests) // 2]
    used = [
        (each.at.timestamp(), 100 * each.cpu / (max(1, each.ready) * request))
        for each in near
        if each.cpu is not None and each.cpu >= 0 and each.at.timestamp() <= seen
    ]
    following = seen
    for at, percent in reversed(used):
        if following - at > GAP:
            return None
        if percent <= target * factor:
            return at
        following = at
    return None
