from __future__ import annotations

import gc
import sys
import tracemalloc
from datetime import timedelta
from functools import reduce
from itertools import pairwise

import pytest
from msgspec.structs import replace

from portal.state.blocks import Blocks, size
from portal.state.history import (
    FINE_SPAN,
    MAX_METRICS,
    MAX_SAMPLES,
    SETTLE_STEP,
    SPAN,
    History,
    PodHistory,
    Sample,
)
from tests.unit.state.make import T0

HOURS = 3600


def sample(seconds: float, desired: int = 1, ready: int | None = None, **fields: object) -> Sample:
    counted = desired if ready is None else ready
    return Sample(T0 + timedelta(seconds=seconds), desired, desired, counted, **fields)  # type: ignore[arg-type]


def measured(seconds: float) -> Sample:
    """A sample of an app with an autoscaler that looks at CPU and memory."""
    return sample(
        seconds,
        min_replicas=1,
        max_replicas=4,
        metrics={"cpu": (seconds % 97, 70), "memory": (40, 80)},
        cpu=0.1,
        memory=1e8,
        ready_cpu=0.09,
        measured=1,
    )


def remembered(*samples: Sample) -> History:
    return reduce(History.added, samples, History())


def test_a_sample_comes_back_as_it_was() -> None:
    one = Sample(T0, 3, 2, 1, 1, 4, {"cpu": (143, 70), "memory": (None, 80)}, 0.25, 2.0**27)
    one = replace(one, ready_cpu=0.125, measured=2)
    bare = Sample(T0 + timedelta(seconds=1), 1, 1, 1)
    assert list(remembered(one, bare)) == [one, bare]
    assert remembered(one, bare)[-1] == bare


def test_a_history_does_not_change_when_more_is_added() -> None:
    before = remembered(sample(0), sample(10))
    held = list(before)
    after = reduce(History.added, map(measured, range(20, 8 * HOURS, 10)), before)
    assert list(before) == held
    assert before == remembered(sample(0), sample(10)) != after


def test_a_day_of_polls_keeps_six_hours_thinned() -> None:
    history = remembered(*map(measured, range(0, 24 * HOURS, 10)))
    kept = list(history)
    assert len(kept) == len(history) <= 465
    age = (kept[-1].at - kept[0].at).total_seconds()
    assert SPAN - 60 <= age <= SPAN + SETTLE_STEP
    assert kept == sorted(kept, key=lambda each: each.at)
    fine = [each for each in kept if each.at >= kept[-1].at - timedelta(seconds=FINE_SPAN)]
    assert len(fine) == 91
    gaps = {after.at - before.at for before, after in pairwise(kept)}
    assert max(gaps) == timedelta(minutes=1)


def test_of_what_stays_the_same_the_first_and_the_last_are_kept() -> None:
    rest = [sample(second) for second in range(0, SETTLE_STEP, 10)]
    assert list(remembered(*rest[:2])) == rest[:2]
    assert list(remembered(*rest)) == [rest[0], rest[-1]]
    other = [sample(each, 2) for each in range(100, 130, 10)]
    back = rest[13:]
    found = list(remembered(*rest[:10], *other, *back))
    assert found == [rest[0], rest[9], other[0], other[-1], back[0], back[-1]]


def test_an_app_at_rest_takes_next_to_nothing() -> None:
    history = remembered(*map(sample, range(0, 24 * HOURS, 10)))
    assert len(history) <= 2 * (SPAN // SETTLE_STEP + 2)
    assert (history[-1].at - history[0].at).total_seconds() >= SPAN - SETTLE_STEP


@pytest.mark.parametrize(
    ("moment", "odd"), [("a peak", sample(130, 3)), ("a dip", sample(130, 1, ready=0))]
)
def test_thinning_keeps_what_the_replicas_did_between_minutes(moment: str, odd: Sample) -> None:
    polls = [odd if second == 130 else sample(second) for second in range(0, 2 * HOURS, 10)]
    history = remembered(*polls)
    assert len(history) < 300, "it has been thinned"
    assert odd in history, moment


def test_all_but_the_open_part_is_the_same_for_five_minutes() -> None:
    history = remembered(*map(measured, range(0, 2 * HOURS, 10)))
    for second in range(2 * HOURS, 2 * HOURS + 2 * SETTLE_STEP, 10):
        before, history = history, history.added(measured(second))
        same = history.settled == before.settled
        assert same is (second % SETTLE_STEP != 0)
        assert len(history.unsettled) <= SETTLE_STEP / 10
        assert [*history.settled, *history.unsettled] == list(history)


def test_a_restless_app_is_capped() -> None:
    seconds = range(7 * HOURS)
    history = remembered(*(sample(each, each % 2, ready=each % 3) for each in seconds))
    assert len(history) <= MAX_SAMPLES
    assert history[-1].at == T0 + timedelta(seconds=seconds[-1]), "the newest is never lost"


def test_metrics_come_late_go_and_are_limited() -> None:
    first, second = sample(0), sample(10, metrics={"cpu": (50, 70)})
    third = sample(20, metrics={"memory": (60, 80)})
    history = remembered(first, second, third)
    assert [each.metrics for each in history] == [each.metrics for each in (first, second, third)]
    many = {f"m{number}": (1.0, 2.0) for number in range(9)}
    assert len(history.added(sample(30, metrics=many)).metrics) == MAX_METRICS


def test_only_counts_bounds_and_metrics_make_a_difference() -> None:
    last = measured(7)
    history = remembered(last)
    assert not history.differs(Sample(T0, *(1, 1, 1, 1, 4), last.metrics, cpu=9.0, memory=None))
    assert history.differs(Sample(T0, *(1, 1, 0, 1, 4), last.metrics))
    assert history.differs(Sample(T0, *(1, 1, 1, 1, 5), last.metrics))
    assert history.differs(Sample(T0, *(1, 1, 1, 1, 4), {"cpu": (8, 70), "memory": (40, 80)}))
    assert History().differs(last)


def test_what_a_row_cannot_hold_is_bounded_not_refused() -> None:
    odd = Sample(T0, 10**9, -1, 0, -5, 10**9, {"cpu": (1e300, 70)}, cpu=float("inf"), memory=1e300)
    (found,) = remembered(odd)
    assert (found.desired, found.current, found.min_replicas) == (65534, 0, 0)
    assert found.metrics == {"cpu": (None, 70)}
    assert (found.cpu, found.memory) == (None, None)


def test_a_clock_that_goes_back_loses_nothing() -> None:
    history = remembered(sample(1000), sample(0, 2), sample(1010))
    assert [each.desired for each in history] == [1, 2, 1]


def test_a_pod_keeps_the_last_reading_of_each_minute_of_six_hours() -> None:
    history = PodHistory()
    for second in range(0, 24 * HOURS, 10):
        history = history.added(T0 + timedelta(seconds=second), second, 1e8)
    assert len(history) == SPAN // 60 + 1
    newest = history.since(history.last_at() - 60)
    assert [cpu for _, cpu, _ in newest] == [24 * HOURS - 70, 24 * HOURS - 10]


APPS, PODS = 1_000, 3_000
BUDGET = 40 * 2**20


def test_a_thousand_apps_and_three_thousand_pods_stay_within_their_memory() -> None:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        app = reduce(History.added, map(measured, range(0, 7 * HOURS, 10)), History())
        pod = PodHistory()
        for second in range(0, 7 * HOURS, 60):
            pod = pod.added(T0 + timedelta(seconds=second), 0.1, 1e8)
        # The same again and again, but nothing shared: as if each had been filled by itself.
        apps = [copied(app, number) for number in range(APPS)]
        pods = [PodHistory(fresh(pod.rows)) for _ in range(PODS)]
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(apps[-1]) > 430
    assert len(pods[-1]) == SPAN // 60 + 1
    assert used < BUDGET, f"{used / 2**20:.0f} MiB"
    assert used > BUDGET / 2, "they are full"


def test_an_older_history_goes_before_the_samples_that_are_there() -> None:
    whole = remembered(*map(measured, range(0, 8 * HOURS, 10)))
    now = whole.last_at()
    older = History.of_rows(whole.metrics, whole.rows, now)
    assert list(older) == list(whole)
    live = remembered(*map(measured, range(8 * HOURS - 600, 8 * HOURS, 10)))
    assert list(live.after(older)) == list(whole)
    assert list(History().after(older)) == list(whole)
    assert live.after(History()) == live
    more = measured(8 * HOURS)
    assert list(live.after(older).added(more)) == list(whole.added(more))


def test_histories_with_other_metrics_are_put_in_one_order() -> None:
    older = remembered(sample(0, metrics={"memory": (1, 80), "cpu": (2, 70)}, cpu=1.0))
    live = remembered(sample(10, metrics={"cpu": (3, 70)}), sample(20, metrics={"x": (4, 5)}))
    both = live.after(older)
    assert both.metrics == ("cpu", "x", "memory")
    assert list(both) == [*older, *live]
    many = remembered(sample(0, metrics={f"m{each}": (1, 2) for each in range(MAX_METRICS)}))
    assert live.after(many).metrics == ("cpu", "x", "m0", "m1")


def test_what_was_kept_before_it_was_thinned_is_thinned() -> None:
    dense = remembered(*map(measured, range(0, 900, 10)))
    restored = History.of_rows(dense.metrics, dense.rows, dense.last_at() + 3600)
    assert len(restored) == 15
    assert not restored.fine


def test_a_part_of_a_history() -> None:
    history = remembered(*map(measured, range(0, 3600, 10)))
    start = int(T0.timestamp())
    part = history.between(start + 600, start + 1500)
    assert list(part) == [each for each in history if 600 <= each.at.timestamp() - start < 1500]
    assert not history.between(0, start)
    with pytest.raises(ValueError, match="not the rows"):
        History.of_rows(("cpu",), part.rows[:-1], 0)


def test_rows_of_an_earlier_version_are_read() -> None:
    """They had neither the cores of ready pods nor how many pods were measured."""
    history = remembered(*map(measured, range(0, 300, 10)))
    tail, width = 6, history.width
    rows = history.rows
    earlier = b"".join(rows[at : at + width - tail] for at in range(0, len(rows), width))
    found = History.of_rows(history.metrics, earlier, history.last_at(), width - tail)
    assert list(found) == [replace(each, ready_cpu=None, measured=None) for each in history]
    for wrong in (width - tail - 1, width + 1):
        with pytest.raises(ValueError, match="not the rows"):
            History.of_rows(history.metrics, rows, 0, wrong)


def copied(history: History, number: int) -> History:
    parts = map(fresh, (history.thinned, history.fine, history.open))
    return History((f"cpu-{number}", f"memory-{number}"), *parts)


def fresh(blocks: Blocks) -> Blocks:
    return tuple(bytes(bytearray(block)) for block in blocks)


def test_a_history_weighs_what_its_rows_weigh() -> None:
    restless = (
        sample(each, each % 2, ready=each % 3, metrics={"cpu": (each % 5, 70), "memory": (1, 2)})
        for each in range(0, 7 * HOURS, 2)
    )
    history = remembered(*restless)
    parts = (history.thinned, history.fine, history.open)
    assert size(*parts) == 44 * len(history) <= 57_000
    assert max(map(sys.getsizeof, (block for part in parts for block in part))) <= 512
    assert sum(sys.getsizeof(part) + sum(map(sys.getsizeof, part)) for part in parts) <= 64_000
