"""Replays of a recorded load with other settings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from portal.autoscalers.variants import (
    WhatIf,
    beyond_the_form,
    decoded,
    encoded,
    form_parameters,
    variants_view,
)
from portal.autoscalers.what_if import (
    GAP,
    Moment,
    Settings,
    record_of,
    recorded,
    replayed,
    settings_of,
    spec_with,
    startup_of,
)
from portal.autoscaling.replay import syncs
from portal.autoscaling.spec import (
    Metric,
    MetricSource,
    ScalingBehavior,
    ScalingPolicy,
    ScalingRules,
    Spec,
    TargetType,
)
from portal.state.history import History, Sample

CPU = Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, 50)
SPEC = Spec(1, 10, (CPU,), ScalingBehavior())
BASE = settings_of(SPEC, 0.1, 2**27)
MINUTE = 60.0


def load(cores: Callable[[int], float | None], minutes: int = 60, pods: int = 2) -> list[Moment]:
    """A record with a sample each minute."""
    return [Moment(MINUTE * at, cores(at), 1e8, pods, pods) for at in range(minutes)]


def replicas(record: list[Moment], settings: Settings, spec: Spec = SPEC, **how: float):
    found = replayed(record, spec_with(spec, BASE, settings), settings, how.get("startup", 15.0))
    return dict(zip(found.times, found.replicas, strict=True))


def test_the_present_settings_are_read_from_the_spec() -> None:
    assert Settings(1, 10, 50, None, 100, 128, 0, 300) == BASE
    rules = ScalingRules(120, (ScalingPolicy("Pods", 2, 60),))
    slow = Spec(1, 4, (CPU,), ScalingBehavior(down=rules))
    assert (settings_of(slow, 0.1, 0).down_window, settings_of(slow, 0.1, 0).down_pods) == (120, 2)


def test_a_steady_load_is_answered_as_the_target_means() -> None:
    # 0.2 cores over requests of 0.1: 4 pods have 50 % each.
    found = replicas(load(lambda at: 0.2), BASE)
    assert list(found.values())[-1] == 4
    assert list(replicas(load(lambda at: 0.2), replace(BASE, cpu=100)).values())[-1] == 2
    assert list(replicas(load(lambda at: 0.2), replace(BASE, maximum=3)).values())[-1] == 3
    assert list(replicas(load(lambda at: 0.2), replace(BASE, cpu_request=200)).values())[-1] == 2


def test_the_load_is_shared_by_the_pods_that_are_ready() -> None:
    slow = replicas(load(lambda at: 0.4, 10), BASE, startup=120.0)
    quick = replicas(load(lambda at: 0.4, 10), BASE, startup=0.0)
    assert list(slow.values())[-1] == list(quick.values())[-1] == 8
    over = [
        replayed(load(lambda at: 0.4, 10), SPEC, BASE, each).figures.over for each in (120.0, 0.0)
    ]
    slowly, quickly = over
    assert slowly is not None
    assert quickly is not None
    assert slowly > quickly


def test_a_longer_window_keeps_the_pods() -> None:
    def spike(at: int) -> float:
        return 0.4 if at == 5 else 0.05

    short = replicas(load(spike), replace(BASE, down_window=60))
    long = replicas(load(spike), replace(BASE, down_window=600))
    assert short[10 * 60] == 1
    assert long[10 * 60] > 1
    assert list(long.values())[-1] == 1


def test_a_rate_limits_each_minute() -> None:
    found = replicas(load(lambda at: 0.5, 10, pods=1), replace(BASE, up_pods=1))
    first = list(found.values())[:8]
    assert first == [2, 2, 2, 2, 3, 3, 3, 3]
    assert max(found.values()) == 10


def test_without_a_known_load_nothing_changes() -> None:
    found = replicas(load(lambda at: None, 10, pods=3), BASE)
    assert set(found.values()) == {3}
    figures = replayed(load(lambda at: None, 10, pods=3), SPEC, BASE, 15).figures
    assert (figures.over, figures.highest) == (None, None)


def test_a_gap_in_the_record_is_left_out() -> None:
    first = load(lambda at: 0.2, 3)
    later = [replace(each, at=each.at + 3600) for each in first]
    times = [at for at, _ in syncs([*first, *later], GAP)]
    assert max(b - a for a, b in itertools.pairwise(times)) > 3000
    assert len(times) == 2 * 8 + 1


def test_figures_add_up() -> None:
    figures = recorded(load(lambda at: 0.2, 61), SPEC, BASE).figures
    assert figures.pod_hours == pytest.approx(2.0)
    assert figures.core_hours == pytest.approx(0.2)
    assert figures.over == 1.0
    assert figures.highest == pytest.approx(100)
    assert (figures.changes, figures.most) == (0, 2)


def test_the_time_until_a_pod_is_ready() -> None:
    assert startup_of([5, 40, 20]) == 20
    assert startup_of([]) == 30
    assert startup_of([-3, 9999]) == 30


@pytest.mark.parametrize(
    "settings",
    [BASE, replace(BASE, cpu=None, memory=80), replace(BASE, up_pods=3, down_window=0)],
)
def test_settings_survive_an_address(settings: Settings) -> None:
    assert decoded(encoded(settings), BASE) == settings


@pytest.mark.parametrize("text", ["", "nonsense", "min_max4x", "cpu" + "9" * 30, "_" * 500])
def test_any_text_is_some_settings(text: str) -> None:
    assert decoded(text, BASE) == replace(BASE, cpu=None)


def test_settings_are_cut_to_what_can_be_replayed() -> None:
    assert decoded("min9_max2_cpu70", BASE).maximum == 9
    assert decoded("max999999", BASE).maximum == 200


def history(minutes: int = 120) -> History:
    found = History()
    for at in range(minutes):
        moment = datetime.fromtimestamp(1_700_000_000 + 60 * at, UTC)
        cores = 0.2 + 0.15 * math.sin(at / 10)
        found = found.added(Sample(moment, 4, 4, 4, 1, 10, {"cpu": (50, 50)}, cores, 1e8))
    return found


def test_replays_side_by_side() -> None:
    given = WhatIf(history(), SPEC, BASE, 15.0, ("queue",))
    low = encoded(replace(BASE, cpu=25, down_window=60))
    view = variants_view(given, [low, encoded(BASE)])
    assert [each for each, _ in view.columns] == ["Was", "As it is", "What if", "A"]
    assert view.columns[2][1] == "CPU target 25 % and waits 60 s before removing"
    assert view.columns[3][1] == "as it is"
    assert [each.name for each in view.curves] == ["what if"], "what is as it is draws nothing"
    hours = view.rows[0]
    assert hours.title == "Pod-hours"
    assert hours.cells[2][1].startswith("+"), "a lower target takes more pods"
    assert any("without queue" in each for each in view.notes)
    assert any("off by" in each for each in view.notes)


def test_a_replay_that_means_nothing_says_why() -> None:
    given = WhatIf(history(), SPEC, BASE, 15.0)
    none = variants_view(given, [encoded(replace(BASE, cpu=None))])
    assert "Choose a target" in none.problem
    unasked = variants_view(replace(given, base=replace(BASE, cpu_request=0)), ["cpu50_cpureq0"])
    assert "request no CPU" in unasked.problem
    empty = variants_view(replace(given, samples=History()), [encoded(BASE)])
    assert "no record" in empty.problem


def test_settings_become_fields_of_the_form() -> None:
    changed = replace(BASE, maximum=8, cpu=60, down_window=120, cpu_request=250, up_pods=2)
    assert form_parameters(BASE, changed) == {
        "min": "1",
        "max": "8",
        "target_cpu": "60",
        "target_memory": "",
        "scale_down_window": "120",
        "cpu_request": "250m",
    }
    assert beyond_the_form(BASE, changed) == ("adds at most 2 a minute",)


def test_the_record_is_that_of_the_history() -> None:
    found = record_of(history(30))
    assert found[0].at == 1_700_000_000
    assert found[0].desired == 4
