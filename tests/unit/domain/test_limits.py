from __future__ import annotations

import pytest

from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.limits import LIMITS

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
