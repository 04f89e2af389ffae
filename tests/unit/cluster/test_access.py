from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from portal.cluster.access import ENFORCE, Namespaces
from portal.cluster.client import ClusterClient
from portal.cluster.projects import limits_of
from portal.domain.errors import ClusterUnavailable, NotFound, PortalError
from portal.domain.projects import ALLOWED_CHARTS, ALLOWED_IMAGES, DEFAULT_SIZE, AppLimits


class FakeClient(ClusterClient):
    def __init__(self, **answers: PortalError | str | None) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = ""
    ) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        self.asked.append(name)
        answer = self.answers.get(name)
        if isinstance(answer, str):
            return {"metadata": {"labels": {ENFORCE: answer}}}
        if answer:
            raise answer
        return {"gitVersion": "v1.37.2"} if name == "version" else {}


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


def namespaces(client: FakeClient, clock: list[float]) -> Namespaces:
    return Namespaces(client, memory=10, clock=lambda: clock[0])


async def test_a_namespace_is_asked_for_once_in_a_while(clock: list[float]) -> None:
    client = FakeClient(typo=NotFound("none"))
    found = namespaces(client, clock)
    assert await found.missing("typo")
    assert not await found.missing("apps")
    assert await found.missing("typo")
    assert client.asked == ["typo", "apps"]
    clock[0] = 11
    client.answers = {}
    assert not await found.missing("typo"), "it has been made meanwhile"


async def test_what_cannot_be_told_is_not_held_against_anybody(clock: list[float]) -> None:
    client = FakeClient(apps=ClusterUnavailable("away"))
    found = namespaces(client, clock)
    assert not await found.missing("apps")
    client.answers["apps"] = NotFound("none")
    assert await found.missing("apps"), "a failure is not remembered"


async def test_the_version_is_asked_once_in_a_while(clock: list[float]) -> None:
    client = FakeClient()
    asked = namespaces(client, clock)
    assert [await asked.kubernetes() for _ in range(2)] == ["v1.37.2", "v1.37.2"]
    assert client.asked == ["version"]
    client.answers["version"] = ClusterUnavailable("x")
    clock[0] = 1_000.0
    assert await asked.kubernetes() == "v1.37.2", "as it was told last"
    assert await namespaces(client, clock).kubernetes() == ""


async def test_the_level_that_a_namespace_enforces(clock: list[float]) -> None:
    found = namespaces(FakeClient(strict="restricted", away=ClusterUnavailable("away")), clock)
    assert await found.enforced_level("strict") == "restricted"
    assert await found.enforced_level("apps") == ""
    assert await found.enforced_level("away") == ""


class Paged(FakeClient):
    """Lists three namespaces on two pages."""

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = ""
    ) -> dict[str, Any]:
        assert path == "/api/v1/namespaces"
        self.asked.append((params or {}).get("continue", ""))
        if (params or {}).get("continue") == "more":
            return {"metadata": {}, "items": [{"metadata": {"name": "c"}}]}
        first = [{"metadata": {"name": each}} for each in "ab"]
        return {"metadata": {"continue": "more"}, "items": first}


async def test_all_names_are_listed_once_in_a_while_for_all_who_ask(clock: list[float]) -> None:
    client = Paged()
    found = namespaces(client, clock)
    names = await asyncio.gather(*(found.names() for _ in range(5)))
    assert names == [("a", "b", "c")] * 5
    assert client.asked == ["", "more"]
    clock[0] = 11
    await found.names()
    assert client.asked == ["", "more"] * 2


async def test_the_limits_of_a_project_are_its_annotations(clock: list[float]) -> None:
    class Annotated(FakeClient):
        async def get(
            self, path: str, params: Mapping[str, str] | None = None, accept: str = ""
        ) -> dict[str, Any]:
            annotations = {
                ALLOWED_IMAGES: "a/*, b",
                ALLOWED_CHARTS: "team/*",
                DEFAULT_SIZE: "small",
            }
            return {"metadata": {"annotations": annotations}}

    limits = AppLimits(("a/*", "b"), ("team/*",), "small")
    assert await namespaces(Annotated(), clock).app_limits("apps") == limits
    assert await limits_of(Annotated(), "apps") == limits
    for answer in (None, NotFound("none")):
        client = FakeClient(apps=answer)
        assert await namespaces(client, clock).app_limits("apps") == AppLimits()
        assert await limits_of(client, "apps") == AppLimits()
    away = FakeClient(apps=ClusterUnavailable("away"))
    assert await namespaces(away, clock).app_limits("apps") == AppLimits()
    with pytest.raises(ClusterUnavailable):
        await limits_of(away, "apps")
