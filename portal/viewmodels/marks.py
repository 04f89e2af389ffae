"""Marks on the chart of an app: what happened at a moment, or lasted for some time. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from portal.state.load_tests import ended_at
from portal.state.model import LoadTest
from portal.state.timeline import Entry, EntryKind
from portal.viewmodels.load_test import plan_words
from portal.viewmodels.model import ChartMark
from portal.viewmodels.operation import by
from portal.viewmodels.words import count

DECISION, REVISION, CRASH, OUT_OF_MEMORY, LOAD_TEST = (
    "decision",
    "revision",
    "crash",
    "out-of-memory",
    "load-test",
)
"""The kinds of marks, as chart.js knows them."""

_LOAD_TEST = "load test"
"""The name of the operation on the timeline."""

_KINDS = {EntryKind.SCALING: DECISION, EntryKind.CHANGE: REVISION, EntryKind.CRASH: CRASH}


FOREVER = 2**31
"""The end of a load test that has not ended, in Unix seconds."""


def entry_marks(entry: Entry, title: str, text: str) -> tuple[ChartMark, ...]:
    """Return the marks of a timeline entry, whose words are ``title`` and ``text``.

    One that was repeated has a mark at its first and at its last time.
    """
    if entry.kind is EntryKind.CHANGE and entry.new is None:
        return _load_test_entry(entry, title)
    kind = _KINDS.get(entry.kind)
    if kind is None or _is_event(entry) or (entry.kind is EntryKind.SCALING and entry.new is None):
        return ()
    if kind == CRASH:
        kind = OUT_OF_MEMORY if entry.what == "OOMKilled" else CRASH
        title = f"{title}: {entry.about} ({_end(entry)})"
    at, words = int(entry.at.timestamp()), f"{title}. {text}".strip()
    if entry.count < 2 or entry.first_at is None:
        return (ChartMark(at, kind, words, id=entry.id),)
    first, times = int(entry.first_at.timestamp()), count(entry.count, "time")
    return (
        ChartMark(first, kind, f"{words} The first of {times}.", id=entry.id),
        ChartMark(at, kind, f"{words} The last of {times}.", id=entry.id),
    )


def _is_event(entry: Entry) -> bool:
    """Return True for an event about a crash, which says no more than the crash does."""
    return entry.kind is EntryKind.CRASH and not entry.id.startswith("crash/")


def _end(entry: Entry) -> str:
    code = "" if entry.new is None else f"exit code {entry.new}"
    return ", ".join(each for each in (entry.what, code) if each) or "ended"


def _load_test_entry(entry: Entry, title: str) -> tuple[ChartMark, ...]:
    if entry.what != _LOAD_TEST or entry.ended_at is None:
        return ()
    end = int(entry.ended_at.timestamp())
    return (ChartMark(int(entry.at.timestamp()), LOAD_TEST, f"{title}.", end, entry.id),)


def load_test_marks(tests: Iterable[LoadTest], *, details: bool) -> tuple[ChartMark, ...]:
    """Return the spans of load tests, with what they send if ``details`` may be seen."""
    found: list[ChartMark] = []
    for each in tests:
        job, plan = each.job, each.plan
        began, end = job.started_at or job.created_at, ended_at(job)
        words = "Load test."
        if details:
            words = f"Load test{by(plan.actor)}: {plan_words(plan)}."
        found.append(
            ChartMark(
                int(began.timestamp()),
                LOAD_TEST,
                words,
                FOREVER if end is None else int(end.timestamp()),
                f"operation/{plan.operation}",
            )
        )
    return tuple(found)


def together(marks: Iterable[ChartMark], tests: Iterable[ChartMark]) -> tuple[ChartMark, ...]:
    """Return all marks, oldest first; of a load test that is in both the one of ``tests``."""
    newer = tuple(tests)
    known = {each.id for each in newer}
    return tuple(
        sorted(
            (*(each for each in marks if each.id not in known or each.kind != LOAD_TEST), *newer),
            key=lambda each: (each.at, each.kind, each.words),
        )
    )
