"""Replays of a recorded load with other settings."""

from __future__ import annotations

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
    Settings,
    pods_with,
    record_of,
    recorded,
    settings_of,
    spec_with,
    start_up_of,
)
from portal.autoscaling.cost import Prices
from portal.autoscaling.simulation import Load, PodModel, simulate
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
from portal.viewmodels.recorded_load import recorded_load

CPU = Metric(MetricSource.RESOURCE, "cpu", TargetType.UTILIZATION, 50)
SPEC = Spec(1, 10, (CPU,), ScalingBehavior())
BASE = settings_of(SPEC, 0.1, 2**27)


def test_the_present_settings_are_read_from_the_spec() -> None:
    assert Settings(1, 10, 50, None, 100, 128, 0, 300) == BASE
    rules = ScalingRules(120, (ScalingPolicy("Pods", 2, 60),))
    slow = Spec(1, 4, (CPU,), ScalingBehavior(down=rules))
    assert (settings_of(slow, 0.1, 0).down_window, settings_of(slow, 0.1, 0).down_pods) == (120, 2)


def test_pods_are_those_of_the_settings() -> None:
    assert pods_with(BASE, 15.0) == PodModel(0.1, 2**27, 15.0)


@pytest.mark.parametrize(
    ("changed", "replicas"),
    [({}, 4), ({"cpu": 100}, 2), ({"maximum": 3}, 3), ({"cpu_request": 200}, 2)],
)
def test_settings_are_replayed(changed: dict[str, int], replicas: int) -> None:
    settings = replace(BASE, **changed)  # pyright: ignore[reportArgumentType]
    load = [Load(60.0 * at, 0.2) for at in range(30)]
    curve = simulate(load, spec_with(SPEC, BASE, settings), pods_with(settings, 15.0), 2)
    assert curve[-1].replicas == replicas


def test_rules_that_differ_are_replayed() -> None:
    found = spec_with(SPEC, BASE, replace(BASE, up_pods=1, down_window=60)).behavior
    assert found is not None
    assert found.up.policies == (ScalingPolicy("Pods", 1, 60),)
    assert found.down.window == 60
    assert spec_with(SPEC, BASE, replace(BASE, maximum=4)).behavior == SPEC.behavior


def test_the_time_until_a_pod_is_ready() -> None:
    assert start_up_of([5, 40, 20]) == 20
    assert start_up_of([]) == 30
    assert start_up_of([-3, 9999]) == 30


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
        found = found.added(Sample(moment, 4, 4, 4, 1, 10, {"cpu": (50, 50)}, cores, 1e8, cores, 4))
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


def notes(cores: Callable[[int], float], **fields: object) -> str:
    """Return what a replay of two hours assumes; ``fields`` are those of the samples."""
    found = History()
    for at in range(120):
        moment = datetime.fromtimestamp(1_700_000_000 + 60 * at, UTC)
        used = cores(at)
        pods = 2 + (at // 10) % 2
        sample = Sample(moment, pods, pods, pods, 1, 10, {}, used + 0.05, pods * 60e6 + used * 4e8)
        found = found.added(replace(sample, **{"ready_cpu": used, "measured": pods, **fields}))
    view = variants_view(WhatIf(found, SPEC, BASE, 15.0), [encoded(BASE)])
    return " ".join(view.notes)


def test_the_assumptions_are_told_with_their_confidence() -> None:
    told = notes(lambda at: 0.1 + 0.1 * (at % 30) / 30)
    assert "each pod has 57 MiB by itself, and the load brings 381 MiB for each core" in told
    assert "confidence high" in told
    assert "A new pod took about 60 core-seconds to start" in told
    assert "cannot know" in told
    assert "earlier version" not in told
    assert "load hardly differed" in notes(lambda at: 0.05 * (2 + at // 10 % 2))
    same = notes(lambda at: 0.1 + 0.1 * (at % 30) / 30, memory=120e6, measured=2)
    assert "57 MiB, whatever the load (confidence high: it was the same in quiet" in same
    assert "earlier version of the portal" in notes(lambda at: 0.1, measured=None)


def test_starting_pods_have_a_figure_of_their_own() -> None:
    view = variants_view(WhatIf(history(), SPEC, BASE, 15.0), [encoded(BASE)])
    assert "CPU of starting pods" not in [each.title for each in view.rows], "none was started"


def test_with_prices_each_column_has_its_cost() -> None:
    given = WhatIf(history(), SPEC, BASE, 15.0)
    prices = Prices(core_hour=1.0, currency="EUR")
    cost = variants_view(given, [encoded(replace(BASE, cpu=25))], prices).rows[-1]
    assert (cost.title, cost.cells[0][0]) == ("Cost", "0.79 EUR")
    assert cost.cells[2][1].startswith("+")


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
    samples = tuple(history(30))
    found = record_of(samples, recorded_load(samples))
    assert found[0].at == 1_700_000_000
    assert (found[0].replicas, found[0].ready, found[0].load.cpu) == (4, 4, pytest.approx(0.2))
    assert found[0].load.of_pod("memory", 4) == found[0].load.of_pod("memory", 9) == 2.5e7
    syncs = recorded(found)
    assert len(syncs) == 29 * 4
    assert {each.replicas for each in syncs} == {4}
