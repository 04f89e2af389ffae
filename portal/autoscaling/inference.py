"""Inference of the controller's flags from recorded decisions.

The controller's flags are not in the API. Each candidate value is replayed against the record: the
more decisions it explains, the more probable it is. Kubernetes' default counts as much beforehand
as all the other candidates together, since few clusters change it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscaling.replay import Observation, replay
from portal.autoscaling.spec import FLAGS, LATEST, Flags, Spec

NOISE = 0.02
"""The share of decisions that are taken to be recorded wrongly, such as a reading too late."""

TOLERANCES = (0.0, 0.01, 0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
"""The candidates for ``--horizontal-pod-autoscaler-tolerance``."""

WINDOWS = (0.0, 15.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 420.0, 600.0, 900.0)
"""The candidates for ``--horizontal-pod-autoscaler-downscale-stabilization``, in seconds."""

PERIODS = (1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0)
"""The candidates for ``--horizontal-pod-autoscaler-sync-period``, in seconds."""


class Estimate(Struct, frozen=True):
    """The most probable value of a flag; of several that are as probable, the one in the middle.

    ``confidence`` is its probability among the candidates, from 0 to 1. ``low`` and ``high`` bound
    the candidates that explain the record as well as it does: with a wide range nothing in the
    record tells them apart, and the confidence is little more than that of the default. ``usual``
    is the probability of Kubernetes' default.
    """

    value: float
    confidence: float
    low: float
    high: float
    usual: float


class Record(Struct, frozen=True):
    """The decisions of one autoscaler: what it found at each sync, and what it then desired.

    The observations have the scale that was there.
    """

    spec: Spec
    observations: Sequence[Observation]
    desired: Sequence[int]


def tolerance(record: Record, flags: Flags = FLAGS, minor: int = LATEST) -> Estimate:
    """Return the controller's tolerance, as a fraction."""
    return _explained(record, TOLERANCES, FLAGS.tolerance, tolerant(flags), minor)


def downscale_stabilization(record: Record, flags: Flags = FLAGS, minor: int = LATEST) -> Estimate:
    """Return the controller's stabilization window of scaling down, in seconds."""
    return _explained(record, WINDOWS, FLAGS.downscale_stabilization, waiting(flags), minor)


def tolerant(flags: Flags) -> Callable[[float], Flags]:
    """Return a function that gives these flags with another tolerance."""
    return lambda value: replace(flags, tolerance=value)


def waiting(flags: Flags) -> Callable[[float], Flags]:
    """Return a function that gives these flags with another stabilization window."""
    return lambda value: replace(flags, downscale_stabilization=value)


def _explained(
    record: Record,
    candidates: Sequence[float],
    usual: float,
    flags_with: Callable[[float], Flags],
    minor: int,
) -> Estimate:
    """Return the candidate that explains most decisions."""
    wrong: list[int] = []
    for value in candidates:
        decisions = replay(record.spec, record.observations, flags=flags_with(value), minor=minor)
        wrong.append(
            sum(
                decision.desired != desired
                for decision, desired in zip(decisions, record.desired, strict=True)
            )
        )
    return by_errors(dict(zip(candidates, wrong, strict=True)), len(record.desired), usual)


def by_errors(wrong: Mapping[float, int], decisions: int, usual: float) -> Estimate:
    """Return the candidate that explains most of so many decisions.

    ``wrong`` are the decisions that each of them does not explain.
    """
    return _estimate(
        {
            value: errors * math.log(NOISE) + (decisions - errors) * math.log1p(-NOISE)
            for value, errors in wrong.items()
        },
        usual,
    )


def sync_period(times: Iterable[float], jitter: float = 1.0) -> Estimate:
    """Return the controller's sync period, from times in seconds at which it wrote a status.

    A status that stays the same is not written: the times are multiples of the period apart, give
    or take ``jitter`` seconds.
    """
    ordered = sorted(times)
    return by_gaps((later - earlier for earlier, later in pairwise(ordered)), jitter)


def by_gaps(gaps: Iterable[float], jitter: float = 1.0) -> Estimate:
    """Return the sync period, from the seconds between one written status and the next."""
    known = list(gaps)
    likelihoods: dict[float, float] = {}
    for period in PERIODS:
        # How much more often than by chance a gap is so near a multiple of the period.
        hit = math.log(NOISE + (1 - NOISE) * max(1.0, period / (2 * jitter)))
        likelihoods[period] = sum(
            hit if _is_multiple(gap, period, jitter) else math.log(NOISE) for gap in known
        )
    return _estimate(likelihoods, FLAGS.sync_period)


def _is_multiple(gap: float, period: float, jitter: float) -> bool:
    times = round(gap / period)
    return times > 0 and abs(gap - times * period) <= jitter


def _estimate(likelihoods: Mapping[float, float], usual: float) -> Estimate:
    """Return the most probable value; the likelihoods are logarithms."""
    others = len(likelihoods) - 1
    weights = {
        value: logarithm + (0.0 if value == usual else -math.log(others))
        for value, logarithm in likelihoods.items()
    }
    best = max(weights, key=lambda value: weights[value])
    alike = [each for each in likelihoods if math.isclose(likelihoods[each], likelihoods[best])]
    total = sum(math.exp(each - weights[best]) for each in weights.values())
    value = usual if best == usual else alike[len(alike) // 2]
    default = math.exp(weights[usual] - weights[best]) / total
    return Estimate(value, 1 / total, min(alike), max(alike), default)
