from __future__ import annotations

import math

from benchmarks.scale.marks import Marks, Pod
from benchmarks.scale.restart import behind
from benchmarks.table import Row, merge, percentile, slope


def test_percentiles_are_numbers_that_were_measured() -> None:
    assert percentile([3, 1, 2, 4], 50) == 2
    assert percentile(range(1, 101), 95) == 95
    assert math.isnan(percentile([], 95))


def test_the_slope_is_the_least_squares_one() -> None:
    assert slope([(0, 1), (1, 3), (2, 5)]) == 2


def test_a_run_replaces_its_own_rows_only() -> None:
    first = merge("", [Row("a", "1"), Row("b", "2", met=True)])
    second = merge(first, [Row("b", "3", met=False), Row("c", "4")])
    found = [line.split(" | ")[:2] for line in second.splitlines() if line.startswith("| ")]
    assert found == [["| what", "Dash Portal"], ["| a", "1"], ["| b", "3"], ["| c", "4"]]
    assert "**missed**" in second


def test_a_later_mark_stands_for_one_that_was_overtaken_but_nothing_for_one_never_seen() -> None:
    pod = Pod("x", "y")
    marks = Marks(sent={1: 10.0, 2: 11.0, 3: 12.0}, of=dict.fromkeys((1, 2, 3), pod))
    assert sorted(marks.delays({2: 11.5})) == [0.5, 1.5, math.inf]


def test_a_view_is_behind_until_a_frame_shows_the_count_or_a_later_one() -> None:
    counts = [(1.0, 499), (1.1, 498), (1.2, 499), (3.0, 500)]
    late = behind(counts, [(1.15, 498), (2.0, 499)])
    assert [round(each, 2) for each in late] == [0.15, 0.05, 0.8, math.inf]
    assert behind(counts, []) == [math.inf] * 4
