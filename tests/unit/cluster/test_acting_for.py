"""Requests for a person carry the person's name, all of them; those of the portal itself do not."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from portal.cluster.client import ClusterClient
from portal.cluster.reviews import SubjectReviews
from portal.domain.errors import ClusterUnavailable, Forbidden, PortalError
from portal.domain.identity import Identity
from portal.domain.impersonation import Impersonation
from portal.domain.request import enter_operation
from portal.domain.reviews import ResourceAttributes
from tests.unit.cluster.test_client import api_server

ZOE = Identity("zoë@example.org", ("team-a", "team-b", "everybody"))
RULES = Impersonation(frozenset({"team-a", "team-b"}))


class Server:
    """Notes as whom it is asked, and answers ``status`` and ``answer``."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, tuple[str, ...]]] = []
        self.bodies: list[object] = []
        self.extra: dict[str, str] = {}
        self.status = 200
        self.answer: object = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("selfsubjectreviews"):
            return web.json_response({"status": {"userInfo": {"username": "portal"}}}, status=201)
        user = request.headers.get("Impersonate-User", "")
        groups = tuple(request.headers.getall("Impersonate-Group", ()))
        self.extra = {
            name.lower(): value
            for name, value in request.headers.items()
            if name.lower().startswith("impersonate-extra-")
        }
        self.asked.append((request.method, user, groups))
        self.bodies.append(json.loads(await request.read() or b"null"))
        return web.json_response(self.answer, status=self.status)


@asynccontextmanager
async def connected(
    folder: Path, impersonation: Impersonation | None = RULES
) -> AsyncGenerator[tuple[ClusterClient, Server]]:
    server = Server()
    async with (
        api_server(server.handle, folder) as path,
        ClusterClient.connect(path, impersonation) as client,
    ):
        yield client, server


async def exec_(client: ClusterClient) -> None:
    with suppress(ClusterUnavailable, aiohttp.ClientError, PortalError):
        async with client.websocket("/exec", [], "v5.channel.k8s.io"):
            pass


async def watch(client: ClusterClient) -> None:
    async with client.stream("/watch", {}):
        pass


async def log(client: ClusterClient) -> None:
    async with client.chunks("/log", {}, 5):
        pass


CALLS: dict[str, Callable[[ClusterClient], Awaitable[object]]] = {
    "get": lambda client: client.get("/a"),
    "read": lambda client: client.read("/a"),
    "read_at_most": lambda client: client.read_at_most("/a", 1000),
    "post": lambda client: client.post("/a", {}),
    "put": lambda client: client.put("/a", {}),
    "delete": lambda client: client.delete("/a", {}),
    "patch": lambda client: client.patch("/a", []),
    "merge": lambda client: client.merge("/a", {}),
    "apply": lambda client: client.apply("/a", {}, "m"),
    "websocket": exec_,
    "stream": watch,
    "chunks": log,
    "warm": lambda client: client.warm(1),
}


def test_no_way_to_ask_is_left_out() -> None:
    public = {name for name, each in vars(ClusterClient).items() if callable(each)}
    others = {"acting_for", "__init__"} | {name for name in public if name.startswith("_")}
    assert public - others == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
async def test_a_request_for_a_person(name: str, tmp_path: Path) -> None:
    async with connected(tmp_path) as (client, server):
        await CALLS[name](client.acting_for(ZOE))
        await CALLS[name](client.acting_for(None))
        await CALLS[name](client)
    as_zoe, *as_portal = server.asked
    assert as_zoe[1:] == (ZOE.user, ("team-a", "team-b"))
    assert [each[1:] for each in as_portal] == [("", ())] * 2


@pytest.mark.parametrize("name", CALLS)
async def test_a_request_for_an_operation_tells_its_id(name: str, tmp_path: Path) -> None:
    async with connected(tmp_path) as (client, server):
        await CALLS[name](client.acting_for(ZOE))
        assert server.extra == {}
        enter_operation("0a1b")
        await CALLS[name](client.acting_for(ZOE))
        assert server.extra == {"impersonate-extra-dash-portal.io%2foperation": "0a1b"}
        await CALLS[name](client.acting_for(None))
        assert server.extra == {}, "the portal's own account has no extra attributes"


async def test_without_impersonation_everybody_is_the_portal(tmp_path: Path) -> None:
    async with connected(tmp_path, None) as (client, server):
        await client.acting_for(Identity("system:admin")).get("/a")
    assert server.asked == [("GET", "", ())]


async def test_nothing_is_asked_for_a_name_that_nobody_is_impersonated_by(tmp_path: Path) -> None:
    async with connected(tmp_path) as (client, server):
        with pytest.raises(Forbidden):
            client.acting_for(Identity("ann", ("system:masters",)))
    assert server.asked == []


async def test_a_refusal_says_what_the_person_may_not_do(tmp_path: Path) -> None:
    async with connected(tmp_path) as (client, server):
        server.status = 403
        server.answer = {
            "kind": "Status",
            "message": 'secrets is forbidden: User "zoë@example.org" cannot list resource '
            '"secrets" in API group "" in the namespace "apps"',
        }
        with pytest.raises(Forbidden) as refused:
            await client.acting_for(ZOE).get("/a")
        assert (
            refused.value.message == "zoë@example.org may not list secrets in the namespace apps."
        )
        assert "role" not in refused.value.advice, "nothing is wrong with the portal's own role"
        with pytest.raises(Forbidden, match="Its role has to allow this"):
            await client.get("/a")


async def test_reviews(tmp_path: Path) -> None:
    async with connected(tmp_path) as (client, server):
        reviews = SubjectReviews(client)
        server.answer = {
            "status": {
                "resourceRules": [
                    {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]},
                    {
                        "verbs": ["get"],
                        "apiGroups": [""],
                        "resources": ["secrets"],
                        "resourceNames": ["one"],
                    },
                ],
                "nonResourceRules": [],
                "incomplete": True,
            }
        }
        rules = await reviews.rules(ZOE, "apps")
        assert rules.incomplete
        assert rules.allow(ResourceAttributes("get", "pods"))
        assert not rules.allow(ResourceAttributes("get", "secrets"))
        assert rules.allow(ResourceAttributes("get", "secrets"), "one")
        server.answer = {"status": {"allowed": True}}
        asked = ResourceAttributes("get", "pods/log")
        assert await reviews.allowed(ZOE, asked, "apps", "p")
        server.answer = {"status": {"allowed": False}}
        assert not await reviews.allowed(ZOE, asked, "apps")
        server.answer = {"status": {"resourceRules": "?"}}
        with pytest.raises(ClusterUnavailable, match="cannot be read"):
            await reviews.rules(ZOE, "apps")
    assert {each[1] for each in server.asked} == {ZOE.user}
    assert server.bodies[0] == {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": "apps"},
    }
    assert server.bodies[1]["spec"]["resourceAttributes"] == {  # type: ignore[index]
        "verb": "get",
        "group": "",
        "resource": "pods",
        "subresource": "log",
        "namespace": "apps",
        "name": "p",
    }
