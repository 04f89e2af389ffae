"""The controller's flags, from the decisions that are seen."""

from __future__ import annotations

import pytest

from portal.autoscalers.controller import (
    ENOUGH,
    MOST,
    Controller,
    Evidence,
    Witness,
    controller_of,
    flag_words,
    remembered,
    witness_of,
)
from portal.autoscalers.followers import Followers
from portal.autoscaling.inference import TOLERANCES, WINDOWS
from portal.autoscaling.spec import FLAGS, Flags, ScalingBehavior, ScalingRules
from portal.autoscaling.state import History, Recommendation
from tests.unit.autoscalers.make import app, at, told
from tests.unit.autoscalers.test_followers import Clock, Given
from tests.unit.autoscaling.make import pods, state, used
from tests.unit.viewmodels.make import KEY


def seen(*readings: tuple[int, int], gap: float = 15.0) -> Evidence:
    """Evidence of readings in percent of 70 with 4 pods, each with what was desired then."""
    evidence = Evidence()
    for reading, desired in readings:
        witness = witness_of(state(4, used(reading, pods(4))), desired, gap)
        evidence = evidence.added(witness)
    return evidence


def test_what_is_seen_agrees_with_the_defaults() -> None:
    found = controller_of(seen(*[(76, 4), (78, 5), (64, 4), (100, 6)] * 10))
    assert found.flags == FLAGS
    assert flag_words(found) == (
        "Tolerance 10 % (Kubernetes' default), seen in 40 decisions: 100 % sure.",
        "Window of scaling down 5 min (Kubernetes' default), assumed: anything from 0 s to 15 min "
        "explains the 40 decisions seen so far.",
        "Sync period 15 s (Kubernetes' default), seen in 40 intervals: 100 % sure.",
    )


def test_another_tolerance_is_used_when_it_is_sure() -> None:
    wide = [(85, 4), (90, 6)]  # 21 % above the target stays, 29 % does not
    few = controller_of(seen(*wide * 2))
    assert few.flags.tolerance == FLAGS.tolerance, "too few"
    found = controller_of(seen(*wide * ENOUGH))
    assert found.flags == Flags(tolerance=0.25)
    assert flag_words(found)[0] == (
        "Tolerance 25 % (Kubernetes' default is 10 %), seen in 20 decisions."
    )


def test_a_longer_window_is_seen_when_pods_stay_for_longer() -> None:
    evidence = Evidence()
    for ago in (250.0, 350.0, 420.0, 500.0) * 5:
        history = History((Recommendation(4, -ago),))
        held = state(4, used(10, pods(4)), history=history)
        evidence = evidence.added(witness_of(held, 4, 0.0))
        gone = state(4, used(10, pods(4)), history=History((Recommendation(4, -650.0),)))
        evidence = evidence.added(witness_of(gone, 1, 0.0))
    found = controller_of(evidence)
    assert found.flags.downscale_stabilization == 600.0
    assert found.intervals == 0


def test_a_window_of_its_own_tells_nothing() -> None:
    own = ScalingBehavior(down=ScalingRules(60, ScalingBehavior().down.policies))
    given = state(4, used(10, pods(4)), behavior=own, history=History((Recommendation(4, -100.0),)))
    assert witness_of(given, 4, 0.0).windows == frozenset()
    assert remembered(given, given.history) is given.history


def test_what_the_widest_window_needs_is_remembered() -> None:
    old = History((Recommendation(4, -350.0), Recommendation(4, -320.0)))
    kept = remembered(state(4, used(70, pods(4)), history=old), History())
    assert [each.at for each in kept.recommendations] == [-350.0, -320.0, 0.0]
    assert max(WINDOWS) > 350


@pytest.mark.parametrize("period", [5.0, 15.0, 30.0])
def test_the_sync_period_is_that_of_the_written_statuses(period: float) -> None:
    evidence = Evidence()
    for number in range(ENOUGH * 2):
        evidence = evidence.added(Witness(gap=period * (1 + number % 3)))
    assert controller_of(evidence).flags.sync_period == period


def test_old_decisions_count_less() -> None:
    evidence = seen((85, 4), (90, 6))
    before = Evidence(MOST, tuple(100 for _ in TOLERANCES), evidence.windows)
    after = before.added(Witness(frozenset({0})))
    assert (after.decisions, after.tolerances[:2]) == (MOST // 2 + 1, (51, 50))


def test_without_decisions_the_defaults_are_assumed() -> None:
    assert Controller().flags == controller_of(Evidence()).flags == FLAGS
    assert flag_words(Controller())[0] == (
        "Tolerance 10 % (Kubernetes' default), assumed: nothing has been seen yet that tells it."
    )


def test_followers_learn_from_each_new_decision_once() -> None:
    store, clock = Given({KEY: app(told(70, 2, 2), [70, 70], at(0))}), Clock()
    followers = Followers(store, clock.now, clock.ticks)
    followers.changed(frozenset({KEY}))
    for number in range(1, 31):
        clock.seconds = 15.0 * number
        reading = 84 if number % 2 else 86  # 20 and 23 % above the target: it stays
        store.apps = {KEY: app(told(reading, 2, 2), [reading] * 2, at(clock.seconds - 1))}
        followers.changed(frozenset({KEY}))
        followers.changed(frozenset({KEY}))
    found = followers.controller
    assert (found.decisions, found.intervals) == (30, 29)
    assert found.flags.tolerance > 0.22
    assert found.flags.sync_period == 15
    assert flag_words(found)[0].endswith(
        "seen in 30 decisions; anything from 25 % to 50 % explains them as well."
    )
    (one,) = followers.of(KEY).values()
    assert one.state.flags == found.flags, "the next decisions are computed with them"
    assert one.differs == ""
