"""The engine's decisions held against the controller's."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from dev.hpa_oracle.cases import Case, case
from dev.hpa_oracle.encode import Json
from portal.autoscaling.engine import Decision

BATCH = 500
"""Cases that are given to the controller at a time."""


class Mismatch(NamedTuple):
    """One sync at which they differ, with both answers; all that the case needs is its seed."""

    seed: str
    sync: int
    controller: Json
    engine: Json


class Result(NamedTuple):
    """The outcome of a run: what was compared, where they differ, what the decisions were by."""

    cases: int
    syncs: int
    mismatches: list[Mismatch]
    constraints: Counter[str]


def told(decision: Decision) -> Json:
    """Return a decision in the form of the controller's answer."""
    history = decision.history
    return {
        "replicas": decision.replicas,
        "desired": decision.desired,
        "conditions": {
            name: [str(each.status), each.reason] for name, each in decision.conditions.items()
        },
        "recommendations": [[each.replicas, each.at] for each in history.recommendations] or None,
        "up": [[each.change, each.at, int(each.outdated)] for each in history.ups] or None,
        "down": [[each.change, each.at, int(each.outdated)] for each in history.downs] or None,
    }


def compare(oracle: Path, minor: int, cases: int, seed: int = 0) -> Result:
    """Return the outcome of so many generated cases, on all processors."""
    chunks = [(oracle, minor, seed, at, min(at + BATCH, cases)) for at in range(0, cases, BATCH)]
    mismatches: list[Mismatch] = []
    constraints: Counter[str] = Counter()
    with ProcessPoolExecutor() as workers:
        for found, counted in workers.map(_compare, *zip(*chunks, strict=True)):
            mismatches += found
            constraints += counted
    return Result(cases, constraints.total(), mismatches, constraints)


def _compare(
    oracle: Path, minor: int, seed: int, first: int, end: int
) -> tuple[list[Mismatch], Counter[str]]:
    seeds = [f"{seed}/{number}" for number in range(first, end)]
    cases = [case(each, minor) for each in seeds]
    constraints = Counter(each.trace.constraint.value for one in cases for each in one.decisions)
    return [*_differences(oracle, seeds, cases)], constraints


def _differences(oracle: Path, seeds: list[str], cases: list[Case]) -> Iterator[Mismatch]:
    for seed, one, answer in zip(
        seeds, cases, ask(oracle, [one.json for one in cases]), strict=True
    ):
        for at, (controller, decision) in enumerate(zip(answer, one.decisions, strict=True)):
            engine = told(decision)
            if controller != engine:
                yield Mismatch(seed, at, controller, engine)


def ask(oracle: Path, cases: list[Json]) -> list[list[Json]]:
    """Return the controller's decisions for each case."""
    given = "".join(json.dumps(each) + "\n" for each in cases)
    done = subprocess.run([oracle], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the oracle failed: {done.stderr[-4000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]
