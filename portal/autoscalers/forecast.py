"""Forecast: the next sync and change of an autoscaler, and how often it came true. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from portal.autoscalers.following import Followed, next_state
from portal.autoscalers.predictions import Grades
from portal.autoscalers.sentences import sentence
from portal.autoscaling.engine import Constraint, Decision, decide
from portal.autoscaling.explain import Turn, in_time
from portal.autoscaling.spec import FLAGS
from portal.autoscaling.state import State
from portal.viewmodels.words import count

MOST_PODS = 150
"""The most pods with which it is looked for what would change a decision: it takes many of them."""


class GradedView(Struct, frozen=True):
    """A prediction of a change and what came, as texts."""

    at: datetime
    predicted: str
    came: str
    hit: bool


class NextView(Struct, frozen=True):
    """The next sync's answer, the next change if nothing else happens, and the grades so far.

    ``change_at`` is when replicas change at the earliest, by a sync more or less; None if no time
    alone changes them.
    """

    replicas: int
    now: int
    due: datetime
    sentence: str
    change: str
    change_at: datetime | None
    grade: str
    share: float | None
    latest: tuple[GradedView, ...]


def next_view(found: Followed) -> NextView:
    """Return what is next, from the newest readings."""
    period = FLAGS.sync_period
    prediction = found.prediction
    due = prediction.due if prediction else found.synced + period
    state = next_state(found, due)
    decision = decide(state)
    present = found.seen.desired
    change, change_at = "", None
    if decision.replicas != present:
        change_at = due
        change = _change(present, decision.replicas)
    else:
        turn = _in_time(state, decision)
        if turn is not None and turn.replicas != present:
            # It is decided at the first sync after that.
            syncs = max(0, -(-(turn.value - due) // period))
            change_at = due + syncs * period
            change = _change(present, turn.replicas)
    return NextView(
        replicas=decision.replicas,
        now=present,
        due=_time(due),
        sentence=sentence(state, decision),
        change=change,
        change_at=None if change_at is None else _time(change_at),
        grade=grade_words(found.grades),
        share=found.grades.hits / found.grades.syncs if found.grades.syncs else None,
        latest=tuple(
            GradedView(
                _time(each.at),
                _moved(each.prediction.present, each.prediction.replicas),
                _moved(each.prediction.present, each.came),
                each.hit,
            )
            for each in reversed(found.grades.latest[-8:])
        ),
    )


def _in_time(state: State, decision: Decision) -> Turn | None:
    """Return the change that time alone brings: when a window or a policy's period has passed."""
    held = decision.trace.constraint in {Constraint.STABILIZATION, Constraint.RATE}
    if not held or len(state.pods) > MOST_PODS:
        return None
    return in_time(state, decision)


def grade_words(grades: Grades) -> str:
    """The hit rate in words: "57 of 58 syncs came as predicted, 7 of 8 changes among them."."""
    if not grades.syncs:
        return "No prediction has been due yet."
    words = f"{grades.hits:,} of {count(grades.syncs, 'sync')} came as predicted"
    if not grades.steps:
        return f"{words}; none of them was a change."
    return f"{words}; of {count(grades.steps, 'change')} among them {grades.step_hits}."


def _change(before: int, after: int) -> str:
    if after > before:
        return f"Rises to {count(after, 'pod')}, unless the load falls"
    return f"Drops to {count(after, 'pod')}, unless the load returns"


def _moved(before: int, after: int) -> str:
    return f"stays at {after}" if before == after else f"{before} → {after}"


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
