"""An autoscaler followed sync by sync, from what the portal sees of it. Pure.

The controller tells of a sync only where its status changes. Then the engine decides in the same
state, and the two are compared. Syncs in between are taken to come a period after the last one, and
to have changed nothing: the engine's memory of recommendations goes on with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscalers.adapter import (
    answers_of,
    conditions_of,
    pods_of,
    reading_of,
    scale_of,
    spec_of,
)
from portal.autoscalers.arrivals import Arrivals, bounds
from portal.autoscalers.controller import Witness, remembered, witness_of
from portal.autoscalers.predictions import (
    NEAR,
    Graded,
    GradedStep,
    Grades,
    Prediction,
    Step,
    standing,
)
from portal.autoscalers.reaction import ScaleUp, scale_ups
from portal.autoscalers.sentences import sentence
from portal.autoscaling.engine import ABLE, ACTIVE, LIMITED, Constraint, Decision, decide
from portal.autoscaling.explain import answer_with, in_time
from portal.autoscaling.metrics import tolerance_of
from portal.autoscaling.spec import FLAGS, Flags, Spec
from portal.autoscaling.state import History as Memory
from portal.autoscaling.state import Recommendation, Sample, ScaleEvent, State
from portal.domain.keys import Key
from portal.domain.objects import Hpa, Pod, PodUsage
from portal.state.assemble import sample
from portal.state.history import History
from portal.state.model import AppState
from portal.state.timeline import EntryKind
from portal.state.workloads import target_of, target_pods

GRACE = 2.0
"""Seconds after its time at which a sync whose status did not change is taken to have been."""

CATCH_UP = 8
"""The most syncs that are made up for after a pause."""

MARKS = 60
"""The most decisions that are kept for the chart."""

MOST_PODS = 150
"""The most pods with which it is looked for what would change a decision: it takes many of them."""

REMEMBERED = 1800.0
"""Seconds for which a change of the replicas can matter to a policy: its longest period."""


class Mark(Struct, frozen=True):
    """A decision that changed the replicas, or what they are set by, in a sentence."""

    at: float
    before: int
    after: int
    constraint: Constraint
    words: str


class Seen(Struct, frozen=True):
    """The pods of the target and their use, as they were seen together.

    ``desired`` is the target's ``spec.replicas``, ``current`` its ``status.replicas``.
    """

    pods: tuple[Pod, ...]
    usage: Mapping[Key, PodUsage]
    desired: int
    current: int


class Followed(Struct, frozen=True):
    """All that is known of one autoscaler by following it.

    ``state`` and ``decision`` are those of the last sync; ``told`` is True if the status told of
    it. ``agreed`` of ``compared`` decisions were the controller's own; ``differs`` says how the
    last one differed. ``synced`` is the time of the last sync, ``since`` when following began.
    ``coming`` is the next change if nothing else happens, ``arrivals`` when samples came.
    ``samples`` is its own history, where that of the app is not its alone. ``scale_ups`` are the
    newest ones, oldest first. ``flags`` are those that the controller is taken to run with.
    ``witness`` is what the last decision that the status told of, at the time ``written``, tells
    of them.
    """

    hpa: Hpa
    spec: Spec
    seen: Seen
    since: float
    synced: float
    state: State
    decision: Decision
    told: bool = False
    agreed: int = 0
    compared: int = 0
    differs: str = ""
    prediction: Prediction | None = None
    coming: Step | None = None
    arrivals: Arrivals = Arrivals()
    grades: Grades = Grades()
    marks: tuple[Mark, ...] = ()
    samples: History = History()
    scale_ups: tuple[ScaleUp, ...] = ()
    flags: Flags = FLAGS
    written: float = 0.0
    witness: Witness | None = None


def followed(
    before: Followed | None, app: AppState, hpa: Hpa, now: datetime, flags: Flags = FLAGS
) -> Followed | None:
    """Return what is known of an autoscaler now; None while it cannot be followed.

    It cannot without a workload as its target, or while one of its targets cannot be read.
    """
    spec, target = spec_of(hpa), target_of(app, hpa)
    if spec is None or target is None:
        return None
    pods = target_pods(app, hpa)
    usage = {each.key: app.usage[each.key] for each in pods if each.key in app.usage}
    seen = Seen(pods, usage, target.desired, target.current)
    at = now.timestamp()
    if before is not None and before.flags != flags:
        before = replace(before, flags=flags)
    if before is None or before.hpa.uid != hpa.uid:
        found = _begun(app, hpa, spec, seen, at, flags)
    elif _status(hpa) != _status(before.hpa):
        found = _told(before, hpa, spec, seen, at)
    else:
        found = _untold(before, hpa, spec, seen, at)
    if needs_samples(app):
        found = _sampled(found, app, now)
    arrivals = found.arrivals.added(usage, at)
    if arrivals is not found.arrivals:
        found = replace(found, arrivals=arrivals)
    return _foreseen(_reacted(found, app, at), at)


def needs_samples(app: AppState) -> bool:
    """Return True if the history of an app is of more than one workload."""
    return len(app.hpas) > 1 or len(app.workloads) > 1


def _status(hpa: Hpa) -> tuple[object, ...]:
    return (
        hpa.current,
        hpa.desired,
        hpa.last_scale_at,
        tuple((each.current, each.reported) for each in hpa.metrics),
        tuple((each.type, each.status, each.reason) for each in hpa.conditions),
    )


def state_of(
    hpa: Hpa,
    spec: Spec,
    seen: Seen,
    memory: Memory,
    now: float,
    *,
    replicas: int | None = None,
    after: Decision | None = None,
    flags: Flags = FLAGS,
) -> State:
    """Return the state of a sync at the time ``now``.

    ``replicas`` are those of the scale target, by default as the status has them. ``after`` is the
    decision of the sync before.
    """
    scale = scale_of(hpa, seen.current)
    if replicas is not None:
        scale = replace(scale, replicas=replicas)
    pods = pods_of(hpa, seen.pods)
    return State(
        now,
        spec,
        scale,
        pods,
        answers_of(hpa, spec, pods, seen.usage, seen.current),
        memory,
        after.conditions if after else conditions_of(hpa),
        after.desired if after else hpa.desired,
        flags,
    )


def _begun(app: AppState, hpa: Hpa, spec: Spec, seen: Seen, now: float, flags: Flags) -> Followed:
    """Begin to follow, with what conditions and timeline tell of the time before."""
    # Before its first sync the status has no replicas.
    replicas = None if hpa.conditions else seen.desired
    memory = _earlier(app, hpa, now)
    state = state_of(hpa, spec, seen, memory, now, replicas=replicas, flags=flags)
    state, decision = _as_read(state, decide(state), hpa)
    return Followed(hpa, spec, seen, now, now, state, decision, flags=flags)


def _earlier(app: AppState, hpa: Hpa, now: float) -> Memory:
    held = any(
        each.type == ABLE and each.reason == "ScaleDownStabilized" for each in hpa.conditions
    )
    recommendations = (Recommendation(hpa.desired, now),) if held else ()
    if hpa.behavior is None or len(app.hpas) > 1:
        return Memory(recommendations)
    ups: list[ScaleEvent] = []
    downs: list[ScaleEvent] = []
    for each in sorted(app.timeline.entries, key=lambda each: each.at):
        at = each.at.timestamp()
        if each.kind is EntryKind.SCALING and each.old is not None and each.new is not None:
            change = each.new - each.old
            if change and at > now - REMEMBERED:
                (ups if change > 0 else downs).append(ScaleEvent(abs(change), at))
    return Memory(recommendations, tuple(ups), tuple(downs))


def _likeliest(hpa: Hpa, states: Sequence[State]) -> tuple[State, Decision]:
    """Return the first sync that comes to what the status tells; else the one with its readings.

    The controller looked between two looks of the portal, or had samples newer than both.
    """
    tried = [(each, decide(each)) for each in states]
    for found in tried:
        if not _difference(found[1], hpa):
            return found
    read = _as_read(*tried[-1], hpa)
    for found in (read, _as_read(*tried[0], hpa), _measured_anew(states[-1], hpa)):
        if not _difference(found[1], hpa):
            return found
    return read


def _measured_anew(state: State, hpa: Hpa) -> tuple[State, Decision]:
    """Return the sync with samples of all ready pods that were measured just now."""
    ready = [each.name for each in state.pods if each.ready == "True" and not each.deleting]
    answers = [
        {name: Sample(0, state.now) for name in ready} if isinstance(each, Mapping) else each
        for each in state.answers
    ]
    state = replace(state, answers=tuple(answers))
    return _as_read(state, decide(state), hpa)


def _as_read(state: State, decision: Decision, hpa: Hpa) -> tuple[State, Decision]:
    """Return the sync with the readings of the status, where they differ."""
    answers = list(state.answers)
    changed = False
    for at, (each, found) in enumerate(zip(decision.trace.metrics, hpa.metrics, strict=False)):
        reading = reading_of(found)
        if reading is None or each.failure or each.current == reading:
            continue
        answers[at] = answer_with(state, at, each.pods, reading)
        changed = True
    if not changed:
        return state, decision
    state = replace(state, answers=tuple(answers))
    return state, decide(state)


def _told(before: Followed, hpa: Hpa, spec: Spec, seen: Seen, now: float) -> Followed:
    """Follow a sync of which the status tells: compare it, and grade what was predicted."""
    memory, after = before.decision.history, before.decision
    known = replace(after, desired=before.hpa.desired)
    state, decision = _likeliest(
        hpa,
        [
            state_of(hpa, spec, each, memory, now, after=known, flags=before.flags)
            for each in (before.seen, seen)
        ],
    )
    differs = _difference(decision, hpa)
    gap = now - before.written if before.written else 0.0
    following = replace(
        before,
        hpa=hpa,
        spec=spec,
        seen=seen,
        synced=now,
        state=state,
        decision=_kept(state, decision, hpa),
        told=True,
        agreed=before.agreed + (not differs),
        compared=before.compared + 1,
        differs=differs,
        written=now,
        witness=witness_of(state, hpa.desired, gap) if len(seen.pods) <= MOST_PODS else None,
    )
    return _marked(_graded(following, now), now)


def _kept(state: State, decision: Decision, hpa: Hpa) -> Decision:
    """Return a decision with what came, which is what the next sync begins with, right or not."""
    history = remembered(state, decision.history)
    return replace(decision, desired=hpa.desired, history=history)


def _untold(before: Followed, hpa: Hpa, spec: Spec, seen: Seen, now: float) -> Followed:
    """Follow the syncs that are due and have changed nothing."""
    found = replace(before, hpa=hpa, spec=spec, seen=seen)
    period = before.flags.sync_period
    due = int((now - GRACE - before.synced) // period)
    if due <= 0:
        return found
    for number in range(max(1, due - CATCH_UP + 1), due + 1):
        at = before.synced + number * period
        state = state_of(
            hpa,
            spec,
            seen,
            found.decision.history,
            at,
            replicas=seen.desired,
            after=found.decision,
            flags=found.flags,
        )
        decision = decide(state)
        if decision.replicas != seen.desired:
            # It was not so, since nothing changed: the readings were those of the status still.
            state, decision = _as_read(state, decision, hpa)
        found = replace(
            found,
            synced=at,
            state=state,
            decision=_kept(state, decision, hpa),
            told=found.told and decision.replicas == seen.desired,
        )
        found = _graded(found, at)
    return found


def _graded(following: Followed, now: float) -> Followed:
    """Grade the prediction that was made last, which is used up, and the change that came."""
    prediction, coming = following.prediction, following.coming
    if prediction is None:
        return following
    hpa, present = following.hpa, prediction.present
    # Until it has a reading for the first time the status desires none, and nothing changes.
    came = hpa.desired if hpa.desired or not hpa.min_replicas else hpa.current
    grades = following.grades.added(Graded(prediction, came, now))
    if came != present or (coming and coming.first + NEAR < now):
        grades = grades.stepped(GradedStep(now, present, came, coming))
        coming = None
    return replace(following, grades=grades, prediction=None, coming=coming)


def _marked(following: Followed, now: float) -> Followed:
    old, new = following.hpa.current, following.hpa.desired
    constraint = following.decision.trace.constraint
    last = following.marks[-1].constraint if following.marks else None
    if old == new and constraint is last:
        return following
    if old == new and constraint in {Constraint.METRIC, Constraint.STABILIZATION}:
        return following  # the usual coming and going of the load
    mark = Mark(now, old, new, constraint, sentence(following.state, following.decision))
    return replace(following, marks=(*following.marks, mark)[-MARKS:])


def _foreseen(following: Followed, now: float) -> Followed:
    """Predict the next sync, and the next change, with the newest that is known.

    Not any more once it is due, or has shown: the target may change before the status does.
    """
    due = next_due(following, now)
    present, known = following.seen.desired, following.prediction
    if known is not None and (now > known.due or present != known.present):
        return following
    state = next_state(following, due)
    decision = decide(state)
    low, high = bounds(state, decision, following.arrivals)
    return replace(
        following,
        prediction=Prediction(now, due, present, decision.replicas, low, high),
        coming=standing(following.coming, _change(state, decision, present, now)),
    )


def next_due(following: Followed, now: float) -> float:
    """Return the time at which the next sync is due."""
    period = following.flags.sync_period
    return following.synced + period * max(1, -(-(now - following.synced) // period))


def _change(state: State, decision: Decision, present: int, now: float) -> Step | None:
    """Return the next change if nothing else happens; None if time alone brings none."""
    due = state.now
    if decision.replicas != present:
        return Step(now, due, due, present, decision.replicas)
    held = decision.trace.constraint in {Constraint.STABILIZATION, Constraint.RATE}
    turn = in_time(state, decision) if held and len(state.pods) <= MOST_PODS else None
    if turn is None or turn.replicas == present:
        return None
    # It is decided at the first sync after that.
    period = state.flags.sync_period
    at = due + max(0, -(-(turn.value - due) // period)) * period
    return Step(now, at, at, present, turn.replicas)


def next_state(following: Followed, due: float) -> State:
    """Return the state of the next sync, if nothing changes until then."""
    return state_of(
        following.hpa,
        following.spec,
        following.seen,
        following.decision.history,
        due,
        replicas=following.seen.desired,
        after=following.decision,
        flags=following.flags,
    )


def _sampled(following: Followed, app: AppState, now: datetime) -> Followed:
    """Add a sample to its own history, if something differs or a poll's time has passed."""
    target = target_of(app, following.hpa)
    if target is None:
        return following
    own = replace(app, hpas=(following.hpa,), workloads=(target,))
    found = sample(own, following.seen.usage, now)
    if found is None:
        return following
    samples = following.samples
    if samples.differs(found) or now.timestamp() - samples.last_at() >= POLL:
        return replace(following, samples=samples.added(found))
    return following


def _reacted(following: Followed, app: AppState, now: float) -> Followed:
    """Note the scale-ups, and how far their new pods are."""
    samples = following.samples if needs_samples(app) else app.history
    state = following.state
    up = tolerance_of(state.spec, state.flags, state.minor).up
    found = scale_ups(following.scale_ups, app, following.hpa, samples, now, up)
    return following if found == following.scale_ups else replace(following, scale_ups=found)


POLL = 9
"""Seconds between two samples of an autoscaler that is at rest."""


_COMPARED = (ABLE, ACTIVE, LIMITED)


def _difference(decision: Decision, hpa: Hpa) -> str:
    """Return how a decision differs from the controller's own; "" if it does not."""
    if decision.desired != hpa.desired:
        return f"the engine comes to {decision.desired} replicas, the controller to {hpa.desired}"
    told = {each.type: each.reason for each in hpa.conditions}
    for name in _COMPARED:
        own = decision.conditions.get(name)
        if own is not None and name in told and own.reason != told[name]:
            return f"the engine says {own.reason}, the controller {told[name]}"
    for each, found in zip(decision.trace.metrics, hpa.metrics, strict=False):
        reading = reading_of(found)
        if not each.failure and reading is not None and reading != each.current:
            return f"the engine reads {each.current} of {found.name}, the controller {reading}"
    return ""
