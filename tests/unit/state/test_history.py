from __future__ import annotations

from datetime import timedelta

from portal.state.history import FINE_SPAN, MAX_SAMPLES, SPAN, History
from portal.state.model import Sample
from tests.unit.state.make import T0


def sample(seconds: float, desired: int = 1) -> Sample:
    return Sample(T0 + timedelta(seconds=seconds), desired, desired, desired)


def test_a_day_of_polls_keeps_six_hours_thinned() -> None:
    history = History()
    for second in range(0, 24 * 3600, 10):
        history.add(sample(second))
    kept = history.samples()
    assert len(kept) < 450
    assert kept[-1].at - kept[0].at <= SPAN
    assert kept[-1].at - kept[0].at > SPAN - timedelta(minutes=2)
    assert list(kept) == sorted(kept, key=lambda each: each.at)
    fine = [each for each in kept if each.at >= kept[-1].at - FINE_SPAN]
    assert len(fine) == 91


def test_thinning_keeps_a_change_of_replicas() -> None:
    history = History()
    for second in range(0, 3600, 10):
        history.add(sample(second, desired=3 if second == 130 else 1))
    assert [each.desired for each in history.samples()].count(3) == 1


def test_a_restless_app_is_capped() -> None:
    history = History()
    for second in range(5 * 3600):
        history.add(sample(second, desired=second % 2))
    assert len(history.samples()) <= 2 * MAX_SAMPLES
