"""As whom Kubernetes is asked, and as whom never."""

from __future__ import annotations

import pytest

from portal.domain.errors import Forbidden
from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.impersonation import Impersonated, Impersonation

RULES = Impersonation(frozenset({"team-a", "team-b"}))


def test_a_person_with_the_groups_that_are_listed() -> None:
    identity = Identity("zoë@example.org", ("team-b", "everybody", "team-a"))
    assert RULES.of(identity) == Impersonated("zoë@example.org", ("team-a", "team-b"))


@pytest.mark.parametrize(
    "user",
    [
        "",
        "system:admin",
        "system:serviceaccount:kube-system:default",
        "system:node:n1",
        "SYSTEM:admin",
        " ann",
        "ann ",
        "ann\r\nImpersonate-Group: system:masters",
        "ann\0",
        "ann\x7f",
        "ann\u2028",
        "ann\u200b",
        "ann\ud800",
        "a" * 257,
    ],
)
def test_nobody_is_impersonated_by_such_a_name(user: str) -> None:
    with pytest.raises(Forbidden, match="name of your user"):
        RULES.of(Identity(user))


@pytest.mark.parametrize("group", ["system:masters", "system:authenticated", "", "a\nb"])
def test_nor_with_such_a_group_even_if_it_is_not_listed(group: str) -> None:
    with pytest.raises(Forbidden, match="name of your group"):
        RULES.of(Identity("ann", ("team-a", group)))


def test_nobody_who_has_not_signed_in() -> None:
    with pytest.raises(Forbidden, match="Nobody has signed in"):
        RULES.of(ANONYMOUS)
