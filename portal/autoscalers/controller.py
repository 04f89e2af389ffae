"""The controller's flags, from the decisions that all autoscalers are seen to come to. Pure.

The flags are not in the API, and are those of one controller for the whole cluster. Each decision
that a status tells of is computed with every candidate value; those that come to another result
are less probable. A flag is only taken to be other than Kubernetes' default if that is quite sure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscaling.engine import decide
from portal.autoscaling.inference import (
    TOLERANCES,
    WINDOWS,
    Estimate,
    by_errors,
    by_gaps,
    tolerant,
    waiting,
)
from portal.autoscaling.spec import FLAGS, Flags, Spec
from portal.autoscaling.state import History, State
from portal.viewmodels.words import count, number, percent, span

SURE = 0.95
"""The probability from which on a flag is taken to be Kubernetes' default, or not to be."""

ENOUGH = 10
"""The fewest decisions, or intervals, by which a flag is taken not to be the default."""

MOST = 400
"""The decisions after which the older ones count half."""

GAPS = 200
"""The most intervals between written statuses that are kept."""

LONGEST = 600.0
"""Seconds between two written statuses beyond which the interval tells little of the period."""

WIDEST = max(WINDOWS)


class Witness(Struct, frozen=True):
    """The testimony of one decision: the candidates, by place, that do not explain it.

    ``gap`` are the seconds since the status was written before; 0 if that is not known.
    """

    tolerances: frozenset[int] = frozenset()
    windows: frozenset[int] = frozenset()
    gap: float = 0.0


def witness_of(state: State, desired: int, gap: float) -> Witness:
    """Return what a decision tells, in this state, by which so many replicas were desired."""
    tolerances = _wrong(state, desired, [tolerant(state.flags)(each) for each in TOLERANCES])
    windows = frozenset[int]()
    if by_controller(state.spec):
        windows = _wrong(state, desired, [waiting(state.flags)(each) for each in WINDOWS])
    return Witness(tolerances, windows, gap if gap <= LONGEST else 0.0)


def _wrong(state: State, desired: int, candidates: Sequence[Flags]) -> frozenset[int]:
    return frozenset(
        at
        for at, flags in enumerate(candidates)
        if decide(replace(state, flags=flags)).desired != desired
    )


def by_controller(spec: Spec) -> bool:
    """Return True if the window of scaling down is the controller's, not the spec's own."""
    return spec.behavior is None or spec.behavior.down.window is None


def remembered(state: State, history: History) -> History:
    """Return what is remembered after a sync, for all candidates of the window.

    ``history`` is what is remembered with the state's own flags, which may forget sooner.
    """
    if not by_controller(state.spec) or state.flags.downscale_stabilization >= WIDEST:
        return history
    wide = replace(state.flags, downscale_stabilization=WIDEST)
    return decide(replace(state, flags=wide)).history


class Evidence(Struct, frozen=True):
    """All that was seen of the controller: errors of each candidate in so many ``decisions``.

    Of very many the older ones count half, so that a change of the flags shows after a while.
    """

    decisions: int = 0
    tolerances: tuple[int, ...] = (0,) * len(TOLERANCES)
    windows: tuple[int, ...] = (0,) * len(WINDOWS)
    gaps: tuple[float, ...] = ()

    def added(self, witness: Witness) -> Evidence:
        """Return the evidence with one more decision."""
        kept = self if self.decisions < MOST else self._halved()
        return Evidence(
            kept.decisions + 1,
            _counted(kept.tolerances, witness.tolerances),
            _counted(kept.windows, witness.windows),
            (*self.gaps, witness.gap)[-GAPS:] if witness.gap else self.gaps,
        )

    def _halved(self) -> Evidence:
        tolerances = tuple(each // 2 for each in self.tolerances)
        windows = tuple(each // 2 for each in self.windows)
        return Evidence(self.decisions // 2, tolerances, windows, self.gaps)


def _counted(errors: Sequence[int], wrong: frozenset[int]) -> tuple[int, ...]:
    return tuple(each + (at in wrong) for at, each in enumerate(errors))


class Controller(Struct, frozen=True):
    """The flags that decisions are computed with, and the estimates that they come from."""

    flags: Flags = FLAGS
    decisions: int = 0
    intervals: int = 0
    tolerance: Estimate = by_errors(dict.fromkeys(TOLERANCES, 0), 0, FLAGS.tolerance)
    window: Estimate = by_errors(dict.fromkeys(WINDOWS, 0), 0, FLAGS.downscale_stabilization)
    period: Estimate = by_gaps(())


def controller_of(evidence: Evidence) -> Controller:
    """Return what is known of the controller by now."""
    decisions, intervals = evidence.decisions, len(evidence.gaps)

    def errors(candidates: Sequence[float], found: Sequence[int]) -> Mapping[float, int]:
        return dict(zip(candidates, found, strict=True))

    tolerance = by_errors(errors(TOLERANCES, evidence.tolerances), decisions, FLAGS.tolerance)
    window = by_errors(errors(WINDOWS, evidence.windows), decisions, FLAGS.downscale_stabilization)
    period = by_gaps(evidence.gaps)
    return Controller(
        replace(
            FLAGS,
            tolerance=_used(tolerance, decisions, FLAGS.tolerance),
            downscale_stabilization=_used(window, decisions, FLAGS.downscale_stabilization),
            sync_period=_used(period, intervals, FLAGS.sync_period),
        ),
        decisions,
        intervals,
        tolerance,
        window,
        period,
    )


def _used(estimate: Estimate, seen: int, usual: float) -> float:
    return estimate.value if seen >= ENOUGH and estimate.usual <= 1 - SURE else usual


def flag_words(controller: Controller) -> tuple[str, ...]:
    """The flags of the controller in words, each with what it is known by."""
    decisions = count(controller.decisions, "decision")
    flags = controller.flags
    return (
        _words(
            "Tolerance",
            controller.tolerance,
            (flags.tolerance, FLAGS.tolerance),
            decisions,
            lambda value: percent(100 * value),
        ),
        _words(
            "Window of scaling down",
            controller.window,
            (flags.downscale_stabilization, FLAGS.downscale_stabilization),
            decisions,
            span,
        ),
        _words(
            "Sync period",
            controller.period,
            (flags.sync_period, FLAGS.sync_period),
            count(controller.intervals, "interval"),
            lambda value: f"{number(value)} s",
        ),
    )


def _words(
    name: str,
    estimate: Estimate,
    values: tuple[float, float],
    seen: str,
    show: Callable[[float], str],
) -> str:
    used, usual = values
    default = "Kubernetes' default" if used == usual else f"Kubernetes' default is {show(usual)}"
    start = f"{name} {show(used)} ({default})"
    if seen.startswith("0 "):
        return f"{start}, assumed: nothing has been seen yet that tells it."
    between = f"anything from {show(estimate.low)} to {show(estimate.high)}"
    if used != usual:
        exactly = f"; {between} explains them as well" if estimate.low < estimate.high else ""
        return f"{start}, seen in {seen}{exactly}."
    if estimate.confidence >= SURE:
        return f"{start}, seen in {seen}: {percent(100 * estimate.confidence)} sure."
    if estimate.low < estimate.high:
        return f"{start}, assumed: {between} explains the {seen} seen so far."
    return f"{start}, assumed: the {seen} seen so far are too few to tell."
