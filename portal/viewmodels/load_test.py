"""The load tests of an app, as its page shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portal.domain.load_tests import (
    NOTHING_MEASURED,
    Expected,
    LoadTestPlan,
    Measured,
    PodThroughput,
    Second,
    Shape,
    most_ready,
    pod_throughput,
)
from portal.state.load_tests import ended_at, targets, under_way
from portal.state.model import AppState, LoadTest
from portal.viewmodels.model import Badge, LoadTestLine, LoadTestRun, LoadTestView, Severity
from portal.viewmodels.words import count, number, percent, shortened

SHOWN = 5
"""The newest load tests of an app, which are shown."""
POINTS = 60
"""The most points of a curve; more seconds are put together."""
LINES = 20
"""The most lines of the table of what was measured."""
FEW_ERRORS = 0.01
"""The share of failed requests from which on they are warned of."""

SHAPES: Mapping[Shape, str] = {
    Shape.STEADY: "Steady",
    Shape.STEPS: "Steps",
    Shape.SPIKE: "Spike",
    Shape.CLIMB: "Find the throughput of one pod",
}
"""The names of the shapes on pages."""

EXPLAINED: Mapping[Shape, str] = {
    Shape.STEADY: "The same rate all the time.",
    Shape.STEPS: "A quarter, half, three quarters of the rate, then all of it.",
    Shape.SPIKE: "A fifth of the rate, all of it in the middle third, then a fifth again.",
    Shape.CLIMB: "The rate rises until p95 latency is over 2 s, or more than 5 % of the requests "
    "fail, for 3 s. Best with a fixed number of replicas.",
}
"""The shapes in a sentence each."""


def load_test_view(state: AppState, measured: Mapping[str, Measured] | None) -> LoadTestView:
    """Return an app's load tests; ``measured`` is None if the viewer may not see any."""
    if measured is None or state.release is None:
        return LoadTestView()
    runs = tuple(
        load_test_run(each, measured.get(each.job.uid, NOTHING_MEASURED))
        for each in state.load_tests[:SHOWN]
    )
    return LoadTestView(offered=bool(targets(state)) and under_way(state) is None, runs=runs)


def load_test_run(test: LoadTest, measured: Measured) -> LoadTestRun:
    """Return one load test with what it has measured so far."""
    plan, summary = test.plan, measured.summary
    running = ended_at(test.job) is None
    newest = summary or (measured.seconds[-1] if measured.seconds else None)
    state = _state(test, measured)
    return LoadTestRun(
        id=test.job.uid,
        title=plan_words(plan),
        target=f"{plan.service}:{plan.port}{plan.path}",
        actor=plan.actor,
        began=test.job.created_at,
        state=state,
        running=running,
        words=tuple(each for each in (state.detail, *_found(plan, measured)) if each),
        facts=_facts(newest, measured.seconds) if newest else (),
        codes=_codes(newest) if newest else (),
        error=shortened(newest.error) if newest else "",
        throughput_curve=_curve([each.throughput for each in measured.seconds]),
        latency_curve=_curve([each.p95 for each in measured.seconds]),
        peak_throughput=_rate(max((each.throughput for each in measured.seconds), default=0)),
        peak_latency=_latency(max((each.p95 for each in measured.seconds), default=0)),
        lines=_lines(measured.seconds),
    )


def plan_words(plan: LoadTestPlan) -> str:
    """Return a load test in a few words: "Steady, 20 requests/s for 60 s"."""
    if plan.shape is Shape.CLIMB:
        return f"Throughput of one pod, up to {plan.rate:,} requests/s within {plan.seconds} s"
    upto = "" if plan.shape is Shape.STEADY else "up to "
    return f"{SHAPES[plan.shape]}, {upto}{plan.rate:,} requests/s for {plan.seconds} s"


def _state(test: LoadTest, measured: Measured) -> Badge:
    """Return how a load test stands; the detail is a sentence, "" if there is nothing to add."""
    summary = measured.summary
    if ended_at(test.job) is None:
        waiting = _waiting(test)
        return Badge("Starting" if waiting else "Running", Severity.BUSY, waiting)
    if test.plan.stopped_by:
        return Badge("Stopped", Severity.QUIET, f"Stopped by {test.plan.stopped_by}.")
    if summary is None:
        failed = next((each for each in test.job.conditions if each.type == "Failed"), None)
        why = measured.problem or (failed.message if failed else "")
        severity = Severity.BAD if failed else Severity.QUIET
        return Badge("Failed" if failed else "Done", severity, why)
    if summary.stopped == "latency":
        return Badge("Done", Severity.GOOD, "Ended by the latency limit, as intended.")
    if summary.stopped == "errors":
        return Badge("Done", Severity.GOOD, "Ended by the limit of failed requests, as intended.")
    if summary.requests and 1 - summary.success > FEW_ERRORS:
        return Badge("Errors", Severity.WARN, f"{percent(100 * (1 - summary.success))} failed.")
    return Badge("Done", Severity.GOOD)


def _waiting(test: LoadTest) -> str:
    """Return why no requests are sent yet, "" if they are."""
    if test.pod is None:
        return "Its pod is still to be created."
    one = next(iter(test.pod.containers), None)
    if one is None or (one.state == "waiting" and not test.pod.node):
        return "Its pod waits for a node."
    if one.state == "waiting":
        why = f" ({one.reason})" if one.reason else ""
        return f"Its pod is starting{why}. {shortened(one.message)}".strip()
    return ""


def _found(plan: LoadTestPlan, measured: Measured) -> list[str]:
    """Return what was predicted and what was found, in sentences."""
    pod = pod_throughput(plan, measured)
    if pod is not None:
        return [throughput_words(pod)]
    most = most_ready(measured.seconds)
    if plan.expected is None:
        return [f"Most pods ready at once: {most}."] if most is not None else []
    expected = f"Predicted: {count(plan.expected, 'ready replica')}."
    if measured.summary is None or most is None:
        return [expected]
    error = most - plan.expected
    off = "as predicted" if not error else f"{abs(error)} {'more' if error > 0 else 'fewer'}"
    return [f"{expected} Measured: {most} ready at most, {off}."]


def throughput_words(pod: PodThroughput) -> str:
    """Return what is known of one pod's throughput, in a sentence."""
    p95 = f" (p95 {_latency(pod.p95)})" if pod.p95 else ""
    if pod.at_least:
        return f"One pod answers at least {_rate(pod.rate)}{p95}; it did not break at that rate."
    return f"One pod answers about {_rate(pod.rate)}{p95}; beyond that latency or errors break."


def expected_words(expected: int, ready: int, replayed: Expected | None) -> str:
    """Return how many replicas are expected in a load test, and what that is told by."""
    if replayed is None:
        return f"{count(expected, 'replica is', 'replicas are')} expected."
    cost = f"{number(1000 * replayed.cost, 1)} ms of CPU a request"
    if replayed.first is None:
        return (
            f"The autoscaler is expected to leave it at {count(ready, 'replica')}: its decisions "
            f"were replayed, with {cost} as measured before."
        )
    late = "" if replayed.ready >= replayed.replicas else f", {replayed.ready} of them ready"
    return (
        f"The autoscaler is expected to go from {ready} to {count(replayed.replicas, 'replica')} "
        f"before the load test ends{late}, with the first change after about {replayed.first} s: "
        f"its decisions were replayed, with {cost} as measured before."
    )


def _facts(newest: Second, seconds: Sequence[Second]) -> tuple[tuple[str, str], ...]:
    sent = newest.requests if newest.end else sum(each.requests for each in seconds)
    return (
        ("Throughput", _rate(newest.throughput)),
        ("p50", _latency(newest.p50)),
        ("p95", _latency(newest.p95)),
        ("p99", _latency(newest.p99)),
        ("Failed", percent(100 * (1 - newest.success)) if newest.requests else "0 %"),
        ("Requests", f"{sent:,}"),
    )


def _codes(newest: Second) -> tuple[tuple[str, int], ...]:
    return tuple(
        ("No answer" if code == "0" else shortened(code, 20), amount)
        for code, amount in sorted(newest.codes.items())
    )


def _rate(value: float) -> str:
    return f"{number(value, 1 if value < 100 else 0)} requests/s"


def _latency(value: float) -> str:
    """A latency in milliseconds, or in seconds from one on."""
    if value >= 1000:
        return f"{number(value / 1000)} s"
    return f"{number(value, 1 if value < 10 else 0)} ms"


def _spans(seconds: Sequence[Second], most: int) -> list[Sequence[Second]]:
    """Return the seconds in at most ``most`` groups of the same length but the last one."""
    each = max(1, -(-len(seconds) // most))
    return [seconds[begin : begin + each] for begin in range(0, len(seconds), each)]


def _curve(values: Sequence[float]) -> tuple[int, ...]:
    """Return the highest values of each span, in percent of the highest of all."""
    top = max(values, default=0)
    if not top:
        return tuple(0 for _ in values[:POINTS])
    each = max(1, -(-len(values) // POINTS))
    return tuple(
        round(100 * max(values[begin : begin + each]) / top)
        for begin in range(0, len(values), each)
    )


def _lines(seconds: Sequence[Second]) -> tuple[LoadTestLine, ...]:
    """Return the table: mean throughput, and the worst second's latencies of each span."""
    return tuple(_line(span) for span in _spans(seconds, LINES))


def _line(span: Sequence[Second]) -> LoadTestLine:
    requests = sum(each.requests for each in span)
    good = sum(each.requests * each.success for each in span)
    ready = most_ready(span)
    return LoadTestLine(
        until=round(span[-1].seconds),
        requests=requests,
        throughput=number(sum(each.throughput for each in span) / len(span), 1),
        p50=_latency(max(each.p50 for each in span)),
        p95=_latency(max(each.p95 for each in span)),
        p99=_latency(max(each.p99 for each in span)),
        failed=round(requests - good),
        ready="–" if ready is None else str(ready),
    )
