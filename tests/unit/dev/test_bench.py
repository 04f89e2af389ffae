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


def test_a_view_is_behind_until_a_frame_agrees() -> None:
    changes = [(1.0, "new", True), (1.1, "old", False)]
    frames = [(0.5, ["old"]), (1.05, ["new", "old"]), (2.0, ["new"])]
    late = behind(changes, frames)
    assert [round(each, 2) for each in late] == [0.05, 0.9]
    assert behind([(3.0, "never", True)], frames) == [math.inf]
