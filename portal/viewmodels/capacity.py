"""The throughput of one pod, and the CPU of one request, by the load tests of an app. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from portal.autoscaling.recommend import Capacity
from portal.domain.load_tests import NOTHING_MEASURED, Measured, PodThroughput, pod_throughput
from portal.domain.objects import Hpa
from portal.state.history import Sample
from portal.state.model import AppState, LoadTest
from portal.state.timeline import EntryKind
from portal.viewmodels.words import cores, count, moment, number, percent

LATE = 30
"""Seconds after a load test in which its CPU use is measured still: a window of the metrics API."""

BEFORE = 300
"""Seconds before a load test in which the use without it is looked for."""

ALIKE = 0.2
"""The part of a throughput by which that of another load test may differ."""

STEADY = 10
"""Seconds over which a rate is taken as the mean, since CPU use is one, too."""


def capacity(state: AppState, measured: Mapping[str, Measured]) -> Capacity | None:
    """Return the throughput of one pod by the newest load test that was to find it."""
    found = list(_climbs(state, measured))
    if not found:
        return None
    test, one, answers = found[0]
    at = one.at or test.job.created_at
    alike = [each for _, each, _ in found if abs(each.rate - one.rate) <= ALIKE * one.rate]
    return Capacity(
        one.rate,
        one.p95,
        at.timestamp(),
        cores=max(_a_pod(_during(state, answers)), default=None),
        at_least=one.at_least,
        changed=any(
            each.new is not None and each.at > at for each in state.timeline.of(EntryKind.CHANGE)
        ),
        agree=len(alike),
    )


def _climbs(
    state: AppState, measured: Mapping[str, Measured]
) -> Iterator[tuple[LoadTest, PodThroughput, Measured]]:
    for test in state.load_tests:
        answers = measured.get(test.job.uid, NOTHING_MEASURED)
        one = pod_throughput(test.plan, answers)
        if one is not None:
            yield test, one, answers


def _span(answers: Measured) -> tuple[datetime, datetime] | None:
    times = [each.at for each in answers.seconds if each.at is not None]
    return (min(times), max(times)) if times else None


def _during(state: AppState, answers: Measured) -> list[Sample]:
    """Return the samples of a load test's time."""
    span = _span(answers)
    if span is None:
        return []
    begin, end = (int(each.timestamp()) for each in span)
    return [each for each in state.history.between(begin, end + LATE) if each.cpu is not None]


def _a_pod(samples: Sequence[Sample]) -> list[float]:
    return [each.cpu / each.ready for each in samples if each.cpu is not None and each.ready]


def request_cost(state: AppState, measured: Mapping[str, Measured]) -> float | None:
    """Return the CPU of one request in core-seconds, by the newest load test that tells it.

    It is what all pods used more than before, over the answers a second.
    """
    for test in state.load_tests:
        answers = measured.get(test.job.uid, NOTHING_MEASURED)
        span = _span(answers)
        if answers.summary is None or span is None:
            continue
        used = [each.cpu for each in _during(state, answers) if each.cpu is not None]
        rate = _highest_rate([each.throughput for each in answers.seconds])
        idle = _idle(state, span[0])
        if used and rate and idle is not None and max(used) > idle:
            return (max(used) - idle) / rate
    return None


def _highest_rate(rates: Sequence[float]) -> float:
    """Return the highest mean over some seconds."""
    length = max(1, min(STEADY, len(rates)))
    starts = range(len(rates) - length + 1)
    return max((sum(rates[at : at + length]) / length for at in starts), default=0.0)


def _idle(state: AppState, begin: datetime) -> float | None:
    """Return the use of all pods just before a time."""
    since = int((begin - timedelta(seconds=BEFORE)).timestamp())
    before = state.history.between(since, int(begin.timestamp()))
    return next((each.cpu for each in reversed(before) if each.cpu is not None), None)


def capacity_words(found: Capacity, at: datetime, hpa: Hpa | None, request: float | None) -> str:
    """Return what was measured of one pod, with its evidence, in sentences."""
    least = "at least " if found.at_least else ""
    used = ""
    if found.cores is not None:
        share = f", {percent(100 * found.cores / request)} of its request" if request else ""
        used = f", while it used {cores(found.cores)}{share}"
    words = (
        f"Measured at {moment(at)} by a load test: {least}{number(found.rate, 1)} requests/s a pod "
        f"at p95 {number(found.p95, 0)} ms{used}."
    )
    if hpa is not None:
        most = found.rate * hpa.max_replicas
        words += (
            f" At the maximum of {count(hpa.max_replicas, 'replica')} that is "
            f"{least}{number(most, 0)} requests/s."
        )
    why = (
        "the app was changed since"
        if found.changed
        else "it did not break at that rate"
        if found.at_least
        else f"{count(found.agree, 'load test')} came to about the same"
        if found.agree > 1
        else "one load test"
    )
    return f"{words} Confidence: {found.confidence.value}, {why}."
