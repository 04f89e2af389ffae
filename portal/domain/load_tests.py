"""Load tests of apps: what is asked for, the rates that follow, and what was measured. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

CONTAINER = "load-test"
"""The name of the container of a load test."""
BROKEN_P95 = 2000
"""Milliseconds of p95 latency that end a climb: nobody waits longer for a page."""
BROKEN_SHARE = 0.05
"""Share of failed requests that ends a climb."""
STEPS = 4
CLIMB_STEPS = 10
CLIMB_SECONDS = 5
"""The steps of both shapes at most, and the shortest step of a climb in seconds."""
LONGEST_PATH = 500

_PATH = re.compile(r"/[!-~]*", re.ASCII)

Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]


class Shape(StrEnum):
    """The way in which the rate of a load test changes."""

    STEADY = "steady"
    STEPS = "steps"
    SPIKE = "spike"
    CLIMB = "climb"
    """Rises until latency or errors break: finds the throughput of one pod."""


class Phase(Struct, frozen=True):
    """A constant rate, in requests a second, for some seconds."""

    rate: int
    seconds: int


class LoadTestPlan(Struct, frozen=True):
    """A load test, as its Job records it. ``rate`` is its highest, in requests a second.

    ``service`` and ``port`` are the app's own; ``operation`` is the id of the one that began it,
    ``ready`` how many pods were ready then. ``expected`` are the replicas that were expected at
    the highest rate, None if that could not be told. ``stopped_by`` is who ended it early.
    """

    service: str
    port: Annotated[int, Meta(ge=1, le=65535)]
    path: str
    rate: Annotated[int, Meta(ge=1)]
    seconds: Annotated[int, Meta(ge=1)]
    shape: Shape = Shape.STEADY
    actor: str = ""
    operation: str = ""
    ready: Count = 0
    expected: int | None = None
    stopped_by: str = ""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The rates, one after the other."""
        return phases(self.shape, self.rate, self.seconds)

    @property
    def requests(self) -> int:
        """The number of requests in all."""
        return sum(each.rate * each.seconds for each in self.phases)


class LoadTestLimits(Struct, frozen=True):
    """The most of a load test: requests a second, seconds, and minutes a person has in a day."""

    rate: int
    seconds: int
    minutes: int


def phases(shape: Shape, rate: int, seconds: int) -> tuple[Phase, ...]:
    """Return the phases of a shape, which last ``seconds`` in all; none is shorter than one."""
    match shape:
        case Shape.STEADY:
            rates = [rate]
        case Shape.SPIKE:
            rates = [math.ceil(rate / 5), rate, math.ceil(rate / 5)]
        case Shape.STEPS:
            rates = _rising(rate, STEPS)
        case Shape.CLIMB:
            rates = _rising(rate, max(2, min(CLIMB_STEPS, seconds // CLIMB_SECONDS)))
    rates = rates[-seconds:]
    each, more = divmod(seconds, len(rates))
    return tuple(Phase(found, each + (number < more)) for number, found in enumerate(rates))


def _rising(rate: int, steps: int) -> list[int]:
    return [math.ceil(rate * number / steps) for number in range(1, steps + 1)]


def problems(rate: object, seconds: object, path: object, limits: LoadTestLimits) -> dict[str, str]:
    """Return what is wrong with a load test that is asked for, by ``rate``, ``seconds``, ``path``.

    What is not among the results is a whole number within the limits, or a path.
    """
    found = {
        "rate": _number_problem(rate, limits.rate, "requests a second"),
        "seconds": _number_problem(seconds, limits.seconds, "seconds"),
        "path": path_problem(path),
    }
    return {name: problem for name, problem in found.items() if problem}


def _number_problem(value: object, most: int, what: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return ""
    return f"Enter a whole number from 1 to {most} ({what})."


def path_problem(path: object) -> str:
    """Return what is wrong with the path of requests, "" if it is valid."""
    if not isinstance(path, str) or not path.startswith("/"):
        return "A path begins with “/”. Only the app's own Service can be tested."
    if len(path) > LONGEST_PATH:
        return f"A path has at most {LONGEST_PATH} characters."
    if not _PATH.fullmatch(path) or "#" in path:
        return "Spaces, “#” and letters beyond ASCII have to be percent-encoded, as in “%20”."
    return ""


# What was measured.


class Second(Struct, frozen=True):
    """The answers of one second, or (``end``) of all; latencies are in milliseconds.

    ``throughput`` are successful answers a second, ``success`` is their share, ``codes`` are
    answers by HTTP status ("0" for none). ``error`` is one of the errors. ``stopped`` is why a run
    ended early: "latency", "errors" or "asked". ``ready`` are the app's ready pods at that time.
    """

    seconds: Amount
    requests: Count
    throughput: Amount
    success: Annotated[float, Meta(ge=0, le=1)]
    p50: Amount
    p95: Amount
    p99: Amount
    codes: Annotated[Mapping[str, Count], Meta(max_length=40)]
    error: Annotated[str, Meta(max_length=300)] = ""
    stopped: Annotated[str, Meta(max_length=20)] = ""
    end: bool = False
    at: datetime | None = None
    ready: Count | None = None


class Measured(Struct, frozen=True):
    """The values that a load test has measured so far; ``summary`` is None until it has ended.

    ``problem`` says why its log cannot be read, "" if it can.
    """

    seconds: tuple[Second, ...] = ()
    summary: Second | None = None
    problem: str = ""


NOTHING_MEASURED = Measured()


def read_second(line: bytes) -> Second | None:
    """Return a line of the program's output; None for any other."""
    try:
        return msgspec.json.decode(line, type=Second)
    except msgspec.MsgspecError:
        return None


class PodThroughput(Struct, frozen=True):
    """The requests a second that one pod answers well; ``at_least`` if it never broke.

    ``p95`` is the latency in milliseconds then, and ``at`` the time, None if it is not known.
    """

    rate: float
    at_least: bool
    p95: float = 0.0
    at: datetime | None = None


def pod_throughput(plan: LoadTestPlan, measured: Measured) -> PodThroughput | None:
    """Return what a climb tells of one pod's throughput; None for other load tests.

    The best second counts in which answers were within the limits that end a climb.
    """
    summary = measured.summary
    if plan.shape is not Shape.CLIMB or summary is None or summary.stopped == "asked":
        return None
    rates = [
        (each.throughput / ready, each)
        for each in measured.seconds
        if (ready := each.ready or plan.ready)
        and each.p95 <= BROKEN_P95
        and 1 - each.success <= BROKEN_SHARE
    ]
    rate, best = max(rates, key=lambda each: each[0], default=(0.0, None))
    if best is None or not rate:
        return None
    at_least = summary.stopped not in {"latency", "errors"}
    return PodThroughput(rate, at_least, best.p95, best.at)


class Expected(Struct, frozen=True):
    """The replicas that an autoscaler is expected to come to in a load test, by a replay.

    ``ready`` are the most that are ready before its end, ``first`` the seconds until the first
    change, None without one; ``cost`` is the CPU of a request in core-seconds.
    """

    replicas: int
    ready: int
    first: int | None
    cost: float


def replicas_for(rate: float, pod: PodThroughput) -> int:
    """Return how many pods a rate needs; rounding errors of measured rates need none more."""
    return max(1, math.ceil(round(rate / pod.rate, 2)))


def most_ready(seconds: Iterable[Second]) -> int | None:
    """Return the most pods that were ready at once; None if that is not known."""
    return max((each.ready for each in seconds if each.ready is not None), default=None)
