from __future__ import annotations

from datetime import timedelta

import pytest

from portal.autoscaling.cost import Cost, Prices, cost_of
from portal.state.history import Sample
from portal.viewmodels.cost import (
    NO_REQUESTS,
    actual_words,
    cost_words,
    daily_words,
    pod_hours,
    requests_of,
    usual_pods,
)
from tests.unit.viewmodels.make import NOW, ago, pod

GIB = 2.0**30
EUROS = Prices(0.04, 0.005, "EUR")


@pytest.mark.parametrize(
    ("cost", "prices", "money"),
    [
        (Cost(10, 20), EUROS, 0.5),
        (Cost(10, None), EUROS, 0.4),
        (Cost(10, 20), Prices(gib_hour=0.005), 0.1),
        (Cost(10, 20), Prices(), None),
        (Cost(None, 20), Prices(core_hour=1), None),
        (Cost(10, 20), Prices(0.0), 0.0),
    ],
)
def test_money(cost: Cost, prices: Prices, money: float | None) -> None:
    assert cost.money(prices) == (None if money is None else pytest.approx(money))


def test_what_pods_reserve() -> None:
    assert cost_of(48, 0.25, 2 * GIB) == Cost(12, 96)
    assert cost_of(48, None, None) == Cost(None, None)


def test_costs_in_words() -> None:
    assert cost_words(Cost(12, 96), EUROS) == "12 core-hours and 96 GiB-hours (0.96 EUR)"
    assert cost_words(Cost(12, None), Prices()) == "12 core-hours"
    assert cost_words(Cost(1, 0.0028), Prices()) == "1 core-hour and 0.0028 GiB-hours"
    assert cost_words(Cost(None, None), EUROS) == ""


@pytest.mark.parametrize(
    ("counts", "usual", "words"),
    [
        ((2,), None, "Reserves 12 core-hours a day."),
        ((2, 2), 5, "Reserves 12 core-hours a day."),
        (
            (1, 4),
            None,
            "Reserves a day 6 core-hours at the minimum, 24 core-hours at the maximum.",
        ),
        (
            (1, 4),
            1.5,
            "Reserves a day 6 core-hours at the minimum, 9 core-hours with 1.5 pods as of late, "
            "24 core-hours at the maximum.",
        ),
        (
            (2, 4),
            1.5,
            "Reserves a day 12 core-hours at the minimum, 12 core-hours with 2 pods as of late, "
            "24 core-hours at the maximum.",
        ),
    ],
)
def test_what_a_day_costs(counts: tuple[int, ...], usual: float | None, words: str) -> None:
    assert daily_words(counts, 0.25, None, Prices(), usual) == words


def test_without_requests_nothing_is_known() -> None:
    assert daily_words((1, 2), None, None, EUROS) == NO_REQUESTS


def test_the_hours_of_pods_leave_gaps_out() -> None:
    history = [
        Sample(NOW + timedelta(minutes=minute), pods, pods, pods)
        for minute, pods in ((0, 2), (3, 4), (5, 4), (600, 1), (603, 1))
    ]

    pods, covered = pod_hours(history)
    assert (pods * 60, covered * 60) == (pytest.approx(2 * 3 + 4 * 2 + 3), pytest.approx(8))
    assert usual_pods(history) == pytest.approx(17 / 8)
    assert usual_pods(()) is None
    assert actual_words(history, 1.0, None, EUROS) == (
        "In the last 8 min it reserved 0.28 core-hours (0.01 EUR) with 0.28 pod-hours."
    )
    assert actual_words((), 1.0, None, EUROS) == ""
    assert actual_words(history, None, None, EUROS) == ""


def test_the_requests_of_the_newest_pod_that_stays() -> None:
    old = pod(cpu_request=1.0, created_at=ago(900))
    leaving = pod(cpu_request=9.0, created_at=ago(1), deleting=True)
    job = pod(cpu_request=8.0, created_at=ago(2), owner_kind="Job")

    assert requests_of((old, pod(cpu_request=2.0), leaving, job))[0] == 2.0
    assert requests_of(()) == (None, None)
