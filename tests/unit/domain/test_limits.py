from __future__ import annotations

import pytest

from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.limits import LIMITS, Pace

ANN = Identity("ann")


@pytest.mark.parametrize(("mine", "refused"), [(0, False), (2, False), (3, True), (4, True)])
def test_one_more_is_refused_at_the_limit(mine: int, refused: bool) -> None:
    limit = LIMITS.with_most(operations=3).operations
    assert (limit.refusal(ANN, mine) is not None) is refused


def test_the_refusal_says_which_limit_and_what_to_do() -> None:
    refusal = LIMITS.with_most(operations=3).operations.refusal(ANN, 3)
    assert str(refusal) == (
        "You have 3 operations running, the most that one person may have at once "
        "(limits.operations). Wait for one to end, or cancel one."
    )


def test_zero_is_no_limit_and_where_nobody_is_told_apart_there_is_none() -> None:
    assert LIMITS.with_most(shells=0).shells.refusal(ANN, 1000) is None
    assert LIMITS.shells.refusal(ANONYMOUS, 1000) is None
    assert LIMITS.shells.refusal_beside(ANONYMOUS, [ANONYMOUS] * 50, 50) is not None


@pytest.mark.parametrize(
    ("asked_at", "waits"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 0]),  # the burst: two seconds' worth
        ([0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0.5, 1.0]),
        ([0, 0, 0, 0, 0.5], [0, 0, 0, 0, 0]),  # half a second later there is one more
        ([0, 0, 0, 0, 0.25], [0, 0, 0, 0, 0.25]),
        ([0, 0, 0, 0, 9, 9, 9, 9, 9], [0, 0, 0, 0, 0, 0, 0, 0, 0.5]),  # a pause fills the bucket
    ],
)
def test_a_pace_has_a_burst_and_then_so_many_a_second(
    asked_at: list[float], waits: list[float]
) -> None:
    pace, whole, found = Pace(2, burst=2), 0.0, list[float]()
    for now in (100.0 + each for each in asked_at):
        found.append(pace.wait(whole, now))
        whole = pace.after_one(whole, now)
    assert found == pytest.approx(waits)


def test_a_pace_of_zero_is_no_limit() -> None:
    pace = Pace(0, burst=2)
    assert pace.wait(pace.after_one(1e9, 5.0), 5.0) == 0
    assert not LIMITS.with_most(tabs=0).connections.most


def test_all_that_may_be_open_can_be_opened_twice_at_once() -> None:
    """After a restart of the portal all tabs come back."""
    whole, connections = 0.0, LIMITS.connections
    for _ in range(2 * (LIMITS.tabs.most + LIMITS.logs.most + LIMITS.shells.most)):
        assert connections.wait(whole, 0.0) == pytest.approx(0)
        whole = connections.after_one(whole, 0.0)
    assert connections.wait(whole, 0.0) > 0.1
