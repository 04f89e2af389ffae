"""Summaries keep what a chart must not lose, and their blocks come back as they were."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from msgspec.structs import replace

from portal.history.packing import packed, unpacked
from portal.history.summary import Reading, Summary, coarser, pack, summarized, unpack
from portal.state.history import MAX_METRICS, History, Sample
from tests.unit.state.make import T0

QUARTER = 900
START = int(T0.timestamp())


def sample(seconds: float, count: int = 1, **fields: object) -> Sample:
    return Sample(T0 + timedelta(seconds=seconds), count, count, count, **fields)  # type: ignore[arg-type]


def test_a_summary_keeps_peaks_and_dips() -> None:
    samples = [sample(at, cpu=0.1, memory=1e8) for at in range(0, QUARTER, 10)]
    samples[40] = replace(samples[40], desired=9, current=7, ready=0, cpu=5.0, memory=9e8)
    [found] = summarized(samples, QUARTER)
    assert (found.at, found.desired, found.current, found.ready) == (START, 9, 7, 0)
    assert (found.cpu.highest, found.memory.highest) == (5.0, 9e8)
    assert found.cpu.mean == pytest.approx(0.1 + 4.9 / 90)


def test_a_mean_is_weighted_with_the_time_that_a_sample_held() -> None:
    # At rest only the first and the last sample are kept: two for 290 s, two for 10 s.
    samples = [sample(0, cpu=1.0), sample(290, cpu=1.0), sample(300, cpu=0.0), sample(590, cpu=0.0)]
    [found] = summarized(samples, 600)
    assert found.cpu.mean == pytest.approx(0.5)


def test_a_gap_does_not_count_for_the_sample_before_it() -> None:
    [found] = summarized([sample(0, cpu=1.0), sample(QUARTER - 10, cpu=0.0)], QUARTER)
    assert found.cpu.mean == pytest.approx(360 / 370)


def test_what_is_not_known_is_no_zero() -> None:
    samples = [
        sample(0, metrics={"cpu": (None, 70.0)}),
        sample(10, cpu=0.5, metrics={"cpu": (40.0, 60.0)}),
    ]
    [found] = summarized(samples, QUARTER)
    assert found.cpu == Reading(0.5, 0.5)
    assert found.memory == Reading()
    assert found.metrics == {"cpu": (Reading(40.0, 40.0), 60.0)}


def test_summaries_of_summaries_are_those_of_the_samples() -> None:
    chance = random.Random(3)
    samples = [
        sample(
            at,
            chance.randint(1, 9),
            cpu=chance.random(),
            metrics={"cpu": (chance.random() * 100, 70.0)},
        )
        for at in range(0, 4 * QUARTER, 10)
    ]
    [hour] = summarized(samples, 4 * QUARTER)
    [of_quarters] = coarser(summarized(samples, QUARTER), 4 * QUARTER)
    assert of_quarters.cpu.mean == pytest.approx(hour.cpu.mean)
    assert of_quarters.metrics["cpu"][0].mean == pytest.approx(hour.metrics["cpu"][0].mean)
    assert replace(of_quarters, cpu=hour.cpu, metrics=hour.metrics) == hour
    assert of_quarters.cpu.highest == max(each.cpu or 0 for each in samples)


def test_summaries_come_back_as_they_were() -> None:
    bare = Summary(START, 3, 2, 1)
    full = Summary(
        START + QUARTER,
        70_000,
        3,
        2,
        1,
        4,
        {"cpu": (Reading(50.5, 99.0), 70.0), "memory": (Reading(), 80.0)},
        Reading(0.25, 0.5),
        Reading(2.0**27, 2.0**28),
    )
    assert unpack(pack([bare, full])) == [bare, replace(full, desired=65534)]
    assert unpack(pack([])) == []


def test_more_metrics_than_are_kept_are_left_out() -> None:
    names = [f"m{number}" for number in range(MAX_METRICS + 2)]
    one = Summary(START, 1, 1, 1, metrics={name: (Reading(1.0, 1.0), 2.0) for name in names})
    assert list(unpack(pack([one]))[0].metrics) == names[:MAX_METRICS]


def test_a_block_of_samples_comes_back_as_it_was() -> None:
    history = History()
    for at in range(0, 300, 10):
        history = history.added(sample(at, metrics={"cpu": (at, 70.0)}))
    found = unpacked(packed(history.metrics, history.width, history.rows))
    assert found == (history.metrics, history.width, history.rows)


@pytest.mark.parametrize(
    "block",
    [b"", b"no block", pack([Summary(START, 1, 1, 1)])[:-3], packed((), 5, b"12345")],
    ids=["empty", "other", "cut off", "other rows"],
)
def test_what_is_no_block_is_an_error(block: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
        unpack(block)
