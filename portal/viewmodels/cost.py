"""The cost of an app in words, beside the sliders that change it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from portal.autoscaling.cost import HOURS, Cost, Prices, cost_of
from portal.autoscaling.replay import INTERRUPTION
from portal.domain.objects import Pod
from portal.state.history import Sample
from portal.state.workloads import endless
from portal.viewmodels.words import hours_of, joined, number, span

NO_REQUESTS = "What it reserves is not known: its pods have no requests."


def cost_words(cost: Cost, prices: Prices) -> str:
    """Return a cost as text: "12 core-hours and 24 GiB-hours (0.55 EUR)"; "" if it is unknown."""
    parts = joined(
        (
            "" if cost.core_hours is None else hours_of(cost.core_hours, "core"),
            "" if cost.gib_hours is None else hours_of(cost.gib_hours, "GiB"),
        )
    )
    money = money_words(cost.money(prices), prices)
    return f"{parts} ({money})" if parts and money else parts


def money_words(amount: float | None, prices: Prices) -> str:
    """Return an amount of money as text: "0.55 EUR"; "" if there is none."""
    return "" if amount is None else money(amount, prices.currency)


def money(amount: float, currency: str, digits: int = 2) -> str:
    """Return an amount of money as text: "0.55 EUR"."""
    return f"{amount:,.{digits}f} {currency}".strip()


def daily_words(
    counts: Sequence[int],
    cores: float | None,
    memory: float | None,
    prices: Prices,
    usual: float | None = None,
) -> str:
    """Return what is reserved a day by a number of pods, or by a minimum and a maximum of them.

    ``usual`` is how many there were on average of late, which is told of a minimum and maximum.
    """
    if cores is None and memory is None:
        return NO_REQUESTS

    def a_day(pods: float) -> str:
        return cost_words(cost_of(pods * HOURS, cores, memory), prices)

    if len(set(counts)) == 1:
        return f"Reserves {a_day(counts[0])} a day."
    low, high = min(counts), max(counts)
    expected = ""
    if usual is not None:
        pods = min(max(usual, low), high)
        expected = f", {a_day(pods)} with {number(pods, 1)} pods as of late"
    return f"Reserves a day {a_day(low)} at the minimum{expected}, {a_day(high)} at the maximum."


def requests_of(pods: Iterable[Pod]) -> tuple[float | None, float | None]:
    """Return the requests of an app's newest pod, in cores and bytes; None where it has none."""
    running = (each for each in pods if endless(each) and not each.deleting)
    newest = max(running, key=lambda each: each.created_at, default=None)
    return (newest.cpu_request, newest.memory_request) if newest else (None, None)


def pod_hours(samples: Iterable[Sample]) -> tuple[float, float]:
    """Return the hours of pods in a history, and the hours that it covers."""
    pods = covered = 0.0
    for before, after in pairwise(samples):
        seconds = (after.at - before.at).total_seconds()
        if 0 < seconds <= INTERRUPTION:
            pods += before.current * seconds / 3600
            covered += seconds / 3600
    return pods, covered


def usual_pods(samples: Iterable[Sample]) -> float | None:
    """Return how many pods there were on average; None without a history."""
    pods, covered = pod_hours(samples)
    return pods / covered if covered else None


def actual_words(
    samples: Iterable[Sample], cores: float | None, memory: float | None, prices: Prices
) -> str:
    """Return what was reserved in the time recorded; "" if that is unknown."""
    pods, covered = pod_hours(samples)
    said = cost_words(cost_of(pods, cores, memory), prices)
    if not covered or not said:
        return ""
    return f"In the last {span(covered * 3600)} it reserved {said} with {hours_of(pods, 'pod')}."
