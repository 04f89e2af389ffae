"""The CPU that a load takes, of what pods use."""

from __future__ import annotations

import pytest

from portal.autoscaling.ready_use import PodUse, ready_use

AT, WINDOW = 1000.0, 20.0
LONG_AGO = 0.0


def use(cores: float, ready_since: float | None = LONG_AGO, *, leaving: bool = False) -> PodUse:
    return PodUse(cores, AT, WINDOW, ready_since, leaving)


def test_all_of_pods_that_are_ready_for_long_is_load() -> None:
    assert ready_use([use(0.1), use(0.3)]) == pytest.approx(0.4)
    assert ready_use([use(0.1, AT - WINDOW)]) == pytest.approx(0.1), "the whole window"


def test_starting_is_no_load() -> None:
    assert ready_use([use(0.1), use(0.9, None)]) == pytest.approx(0.1)
    assert ready_use([use(0.1), use(0.9, AT + 5)]) == pytest.approx(0.1), "ready after its sample"


@pytest.mark.parametrize("ready", [1, 5, 10, 19])
@pytest.mark.parametrize("others", [1, 3])
def test_of_a_pod_that_became_ready_meanwhile_its_share_of_the_load_counts(
    ready: int, others: int
) -> None:
    load, share = 0.4, ready / WINDOW
    first = load * (1 - share) + load / (others + 1) * share
    new = load / (others + 1) * share + 1.0  # and the work of starting
    uses = [use(first), *(use(new, AT - ready) for _ in range(others))]
    assert ready_use(uses) == pytest.approx(load)


def test_pods_that_became_ready_one_after_the_other() -> None:
    # One pod for 5 s, two for 5 s, three for 10 s, with a load of 0.6.
    first = (5 * 0.6 + 5 * 0.3 + 10 * 0.2) / WINDOW
    second, third = (5 * 0.3 + 10 * 0.2) / WINDOW, 10 * 0.2 / WINDOW
    uses = [use(first), use(second + 0.5, AT - 15), use(third + 0.5, AT - 10)]
    assert ready_use(uses) == pytest.approx(0.6, rel=0.1)


def test_no_pod_counts_with_more_than_it_used() -> None:
    assert ready_use([use(0.1), use(0.01, AT - 10)]) == pytest.approx(0.11), "it got no requests"
    assert ready_use([use(0.1), use(0.9, leaving=True)]) == pytest.approx(0.2), "it shuts down"


def test_without_a_whole_sample_the_load_is_not_known() -> None:
    assert ready_use([]) is None
    assert ready_use([use(0.5, None)]) is None
    assert ready_use([use(0.5, AT - 5)]) is None
    assert ready_use([PodUse(0.1, AT, 0.0, AT - 1), PodUse(0.2, AT, 0.0, None)]) == 0.1
