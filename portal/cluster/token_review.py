"""Asks Kubernetes whose bearer token this is (``TokenReview``)."""

from __future__ import annotations

from typing import cast

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import JsonObject
from portal.domain.identity import Identity

PATH = "/apis/authentication.k8s.io/v1/tokenreviews"

SERVICE_ACCOUNT = "system:serviceaccount:"


class TokenReviews:
    """Looks up bearer tokens of ServiceAccounts. Needs ``create`` on ``tokenreviews``."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def review(self, token: str, audiences: tuple[str, ...]) -> Identity | None:
        """Return the ServiceAccount of a token that is valid for one of ``audiences``.

        None for a token that is not, and for one of anybody else: people sign in.
        """
        body: JsonObject = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": list(audiences)},
        }
        return account_of(await self._client.post(PATH, body), audiences)


def account_of(review: JsonObject, audiences: tuple[str, ...]) -> Identity | None:
    """Return the ServiceAccount that an answered review names, None if there is none."""
    status: JsonObject = review.get("status") or {}
    valid_for = status.get("audiences")
    # An API server that knows no audiences answers without them, for a token of any.
    named = cast("list[object]", valid_for) if isinstance(valid_for, list) else []
    user: JsonObject = status.get("user") or {}
    name = user.get("username")
    if status.get("authenticated") is not True or set(audiences).isdisjoint(map(str, named)):
        return None
    if not isinstance(name, str) or not name.startswith(SERVICE_ACCOUNT):
        return None
    groups = cast("list[object]", user.get("groups") or [])
    return Identity(name, tuple(each for each in groups if isinstance(each, str)))
