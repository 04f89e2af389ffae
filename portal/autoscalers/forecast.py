"""Forecast: the next sync and change of an autoscaler, and how often it came true. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from portal.autoscalers.following import Followed, next_state
from portal.autoscalers.predictions import Graded, GradedStep, Grades
from portal.autoscalers.sentences import minutes, sentence
from portal.autoscaling.engine import decide
from portal.viewmodels.words import count, number


class GradedView(Struct, frozen=True):
    """A prediction or a foreseen change, and what came, as texts."""

    at: datetime
    words: str
    hit: bool


class NextView(Struct, frozen=True):
    """The next sync's answer, the next change if nothing else happens, and the grades so far.

    ``range`` bounds the answer where newer samples come before the sync; "" otherwise.
    ``change_at`` is when replicas change at the earliest, by a sync more or less; None if no time
    alone changes them. ``latest`` are predictions of syncs, ``steps`` the changes that came or were
    foreseen, both newest first.
    """

    replicas: int
    now: int
    due: datetime
    sentence: str
    range: str
    change: str
    change_at: datetime | None
    grade: str
    steps_grade: str
    share: float | None
    latest: tuple[GradedView, ...]
    steps: tuple[GradedView, ...]


def next_view(found: Followed) -> NextView:
    """Return what is next, from the newest readings."""
    prediction, coming, grades = found.prediction, found.coming, found.grades
    due = prediction.due if prediction else found.synced + found.state.flags.sync_period
    state = next_state(found, due)
    decision = decide(state)
    low, high = (prediction.low, prediction.high) if prediction else (decision.replicas,) * 2
    return NextView(
        replicas=decision.replicas,
        now=found.seen.desired,
        due=_time(due),
        sentence=sentence(state, decision),
        range=f"{low} to {count(high, 'pod')}" if low < high else "",
        change=_change(coming.before, coming.after) if coming else "",
        change_at=_time(coming.due) if coming else None,
        grade=grade_words(grades),
        steps_grade=steps_words(grades),
        share=grades.hits / grades.syncs if grades.syncs else None,
        latest=tuple(map(_graded, reversed(grades.latest[-8:]))),
        steps=tuple(map(_graded_step, reversed(grades.graded[-8:]))),
    )


def grade_words(grades: Grades) -> str:
    """The hit rate in words: "57 of 58 syncs came as predicted; of 8 changes among them 7."."""
    if not grades.syncs:
        return "No prediction has been due yet."
    words = f"{grades.hits:,} of {count(grades.syncs, 'sync')} came as predicted"
    if not grades.steps:
        return f"{words}; none of them was a change."
    return f"{words}; of {count(grades.steps, 'change')} among them {grades.step_hits}."


def steps_words(grades: Grades) -> str:
    """The times of changes in words; "" before the first one."""
    if not grades.changes and not grades.unfounded:
        return ""
    words = f"Of {count(grades.changes, 'change')}, {grades.timed} came within 15 s of the time"
    ahead = sorted(each.ahead for each in grades.graded if each.hit and each.ahead is not None)
    if ahead:
        words += f", known {minutes(ahead[len(ahead) // 2])} before (median)"
    if grades.unfounded:
        words += f"; {count(grades.unfounded, 'foreseen change')} did not come"
    return f"{words}."


def _graded(graded: Graded) -> GradedView:
    prediction = graded.prediction
    predicted = _moved(prediction.present, prediction.replicas)
    if prediction.low < prediction.high:
        predicted = f"{predicted} (between {prediction.low} and {prediction.high})"
    came = _moved(prediction.present, graded.came)
    mark = "as predicted" if graded.hit else "not as predicted"
    return GradedView(_time(graded.at), f"predicted {predicted}, came {came} ({mark})", graded.hit)


def _graded_step(graded: GradedStep) -> GradedView:
    step, off, ahead = graded.step, graded.off, graded.ahead
    if not graded.came and step is not None:
        words = f"{step.before} → {step.after} was foreseen and did not come"
    elif off is None or ahead is None:
        words = f"{graded.before} → {graded.after}, not foreseen"
    else:
        late = f"off by {number(abs(off), 0)} s" if round(off) else "to the second"
        moved = f"{graded.before} → {graded.after}"
        words = f"{moved}, foreseen {minutes(ahead)} before, time {late}"
    return GradedView(_time(graded.at), words, graded.hit)


def _change(before: int, after: int) -> str:
    if after > before:
        return f"Rises to {count(after, 'pod')}, unless the load falls"
    return f"Drops to {count(after, 'pod')}, unless the load returns"


def _moved(before: int, after: int) -> str:
    return f"stays at {after}" if before == after else f"{before} → {after}"


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
