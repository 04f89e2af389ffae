"""The two parts of a pod's memory."""

from __future__ import annotations

import random

import pytest

from portal.autoscaling.memory import (
    ENOUGH,
    SLIGHT,
    Confidence,
    Measurement,
    MemoryModel,
    memory_model,
)

MI = 2.0**20


def measured(
    base: float, a_core: float, *, noise: float = 0.0, spread: float = 1.0, count: int = 90
) -> list[Measurement]:
    """Measurements at loads from 0.1 cores to ``spread`` times as much more."""
    chance = random.Random(3)
    loads = [0.1 + 0.1 * spread * at / count for at in range(count)]
    chance.shuffle(loads)
    return [Measurement(base + a_core * each + noise * chance.gauss(0, 1), each) for each in loads]


@pytest.mark.parametrize(("base", "a_core"), [(90 * MI, 0.0), (50 * MI, 400 * MI), (0.0, 900 * MI)])
def test_both_parts_are_found(base: float, a_core: float) -> None:
    found = memory_model(measured(base, a_core, noise=MI))
    assert found.base == pytest.approx(base, abs=3 * MI)
    assert found.a_core == pytest.approx(a_core, abs=20 * MI)
    assert found.confidence is Confidence.HIGH
    assert (found.moves > SLIGHT) is bool(a_core)


def test_odd_measurements_move_nothing() -> None:
    odd = [Measurement(900 * MI, 0.2), Measurement(0.0, 0.11)] * 5
    found = memory_model([*measured(50 * MI, 400 * MI), *odd])
    assert found.base == pytest.approx(50 * MI, rel=0.1)
    assert found.a_core == pytest.approx(400 * MI, rel=0.1)


def test_where_loads_hardly_differ_all_is_base() -> None:
    found = memory_model(measured(50 * MI, 400 * MI, spread=0.2))
    assert (found.a_core, found.moves, found.confidence) == (0.0, 0.0, Confidence.LOW)
    assert found.base == pytest.approx(94 * MI, rel=0.05)
    few = memory_model(measured(50 * MI, 400 * MI, count=ENOUGH - 1))
    assert (few.a_core, few.confidence) == (0.0, Confidence.LOW)
    assert memory_model([]) == MemoryModel()


def test_memory_that_goes_down_under_load_is_base() -> None:
    found = memory_model(measured(90 * MI, -100 * MI))
    assert (found.a_core, found.moves) == (0.0, 0.0)


def test_what_is_not_explained_costs_confidence() -> None:
    sure = [
        memory_model(measured(60 * MI, 200 * MI, noise=each * MI)).confidence
        for each in (1, 12, 60)
    ]
    assert sure == [Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW]


def test_an_idle_app_has_a_base() -> None:
    assert memory_model([Measurement(80 * MI, 0.0)] * 30).base == 80 * MI
