"""Kubernetes' answers about bearer tokens."""

from __future__ import annotations

import pytest

from portal.cluster.json_object import JsonObject
from portal.cluster.token_review import account_of
from portal.domain.identity import Identity

NAME = "system:serviceaccount:apps:ci"
GROUPS = ["system:serviceaccounts", "system:authenticated"]


def review(**status: object) -> JsonObject:
    told: JsonObject = {
        "authenticated": True,
        "audiences": ["portal"],
        "user": {"username": NAME, "uid": "1", "groups": GROUPS},
    }
    return {"kind": "TokenReview", "status": {**told, **status}}


def test_a_service_account_is_named_with_its_groups() -> None:
    assert account_of(review(), ("portal",)) == Identity(NAME, tuple(GROUPS))


@pytest.mark.parametrize(
    "answered",
    [
        {},
        {"status": None},
        review(authenticated=False),
        review(authenticated="true"),
        review(audiences=["other"]),
        review(audiences=None),
        review(audiences="portal"),
        review(user={"username": "system:admin", "groups": ["system:masters"]}),
        review(user={"username": "ann", "groups": []}),
        review(user={}),
        review(user=None),
    ],
)
def test_nobody_else_is_accepted(answered: JsonObject) -> None:
    assert account_of(answered, ("portal",)) is None
