"""When the metrics API is read again."""

from __future__ import annotations

import pytest

from portal.cluster.sample_times import LATEST, SampleTimes


def reads(every: float, late: float, interval: float = 10.0, skew: float = 0.0) -> list[float]:
    """Return how old the newest sample was at each of 60 reads, since it was there to be read.

    Samples are made each ``every`` seconds and are there ``late`` seconds afterwards. The clock of
    those who make them is ``skew`` seconds ahead.
    """
    times, now = SampleTimes(interval), 3.7
    ages: list[float] = []
    for _ in range(60):
        made = (now - late) // every * every
        ages.append(now - late - made)
        pause = times.after(made + skew, now) or interval
        assert 1.0 <= pause <= interval * LATEST
        now += pause
    return ages


@pytest.mark.parametrize("skew", [0.0, -40.0, 40.0])
@pytest.mark.parametrize(("every", "late"), [(10.0, 1.0), (10.0, 4.0), (15.0, 1.5), (12.0, 0.6)])
def test_a_new_sample_is_read_soon_after_it_is_there(
    every: float, late: float, skew: float
) -> None:
    ages = reads(every, late, skew=skew)[30:]
    assert sorted(ages)[len(ages) // 2] < 1.0
    blind = sorted((3.7 + 10 * at - late) % every for at in range(30))
    assert sum(ages) < sum(blind)


def test_samples_that_come_seldom_are_read_at_the_usual_interval_too() -> None:
    ages = reads(60.0, 2.0)
    assert len([each for each in ages if each <= 1.5]) >= 4


def test_without_samples_it_is_the_usual_interval() -> None:
    times = SampleTimes(10.0)
    assert [times.after(0.0, float(now)) for now in range(3)] == [None] * 3
    assert times.after(100.0, 105.0) is None
    assert times.after(110.0, 115.0) is None


def test_samples_that_stop_are_not_looked_for_in_vain_again_and_again() -> None:
    times, now = SampleTimes(10.0), 1.0
    for made in (0.0, 10.0, 20.0, 30.0):
        now = made + 1.0
        times.after(made + 100, now)
    pauses: list[float] = []
    for _ in range(30):
        pauses.append(times.after(130.0, now) or 10.0)
        now += pauses[-1]
    assert pauses.count(10.0) >= 20


@pytest.mark.parametrize(("interval", "every"), [(60.0, 15.0), (10.0, 60.0), (30.0, 10.0)])
def test_it_is_not_read_much_more_often_than_asked_for(interval: float, every: float) -> None:
    times, now, count = SampleTimes(interval), 0.0, 0
    while now < 100 * interval:
        now += times.after((now - 1.0) // every * every, now) or interval
        count += 1
    assert count <= 140
