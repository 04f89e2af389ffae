from __future__ import annotations

import math

import pytest

from benchmarks.scale import nodes
from benchmarks.scale.marks import MarkTimestamps, Pod
from benchmarks.scale.restart import behind
from benchmarks.scale.seed import Name
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
    marks = MarkTimestamps(sent={1: 10.0, 2: 11.0, 3: 12.0}, of=dict.fromkeys((1, 2, 3), pod))
    assert sorted(marks.delays({2: 11.5})) == [0.5, 1.5, math.inf]


def test_a_view_is_behind_until_a_frame_shows_the_count_or_a_later_one() -> None:
    counts = [(1.0, 499), (1.1, 498), (1.2, 499), (3.0, 500)]
    late = behind(counts, [(1.15, 498), (2.0, 499)])
    assert [round(each, 2) for each in late] == [0.15, 0.05, 0.8, math.inf]
    assert behind(counts, []) == [math.inf] * 4


class FakeApi:
    """Pods of one release; remembers what was patched."""

    def __init__(self) -> None:
        self.patched: list[str] = []

    async def call(self, method: str, path: str, body: object = None, **_: object) -> object:
        if method == "PATCH":
            self.patched.append(path)
            return {}
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        pods = {"a": ready, "left-behind": {"phase": "Pending"}}
        return {"items": [{"metadata": {"name": n}, "status": s} for n, s in pods.items()]}


async def test_a_pod_that_kwok_has_left_behind_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(nodes.time, "monotonic", lambda: clock[0])
    api = FakeApi()
    stall = nodes.Stall(api)  # type: ignore[arg-type]
    release = Name("bench-0", "app")
    for seconds, count in ((0, 1), (9, 1), (2, 2), (9, 2)):  # something happens all the time
        clock[0] += seconds
        await stall.look(count, [release])
    assert api.patched == []
    clock[0] += nodes.STALLED
    await stall.look(2, [release])
    await stall.look(2, [release])
    assert api.patched == ["/api/v1/namespaces/bench-0/pods/left-behind"]
