from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from portal.cluster import exec as exec_module
from portal.cluster.client import METADATA, ClusterClient
from portal.cluster.errors import TooLarge
from portal.cluster.exec import DEBUG_PREFIX, MOST_DEBUG, PROTOCOL, Exec, debug_container, ended
from portal.cluster.objects import MOST, READABLE, ClusterObjects
from portal.domain.errors import ClusterUnavailable, Conflict, Forbidden, NotFound, PortalError
from portal.domain.exec import Ended
from portal.domain.keys import Key
from portal.domain.manifests import Ref
from tests.unit.cluster.test_client import api_server

POD = Key("apps", "web-1")


class Api:
    """An API server with one pod; its program echoes, and tells the size of its terminal."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []
        self.accepts: list[str] = []
        self.protocols: tuple[str, ...] = (PROTOCOL,)
        self.pod: dict[str, Any] = {
            "spec": {"containers": [{"name": "app"}], "ephemeralContainers": []},
            "status": {},
        }
        self.state: dict[str, Any] = {"running": {}}
        self.body: dict[str, Any] | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("selfsubjectreviews"):
            return web.json_response({"status": {"userInfo": {"username": "portal"}}})
        self.asked.append((request.path, list(request.query.items())))
        self.accepts.append(request.headers["Accept"])
        if request.path.endswith("/forbidden/exec"):
            return web.json_response({"message": "no"}, status=403)
        if request.path.endswith("/exec"):
            return await self.program(request)
        if request.path.endswith("/ephemeralcontainers"):
            (made,) = (await request.json())["spec"]["ephemeralContainers"]
            assert request.content_type == "application/strategic-merge-patch+json"
            self.pod["spec"]["ephemeralContainers"].append(made)
            self.pod["status"]["ephemeralContainerStatuses"] = [
                {"name": made["name"], "state": self.state}
            ]
        return web.json_response(self.pod if self.body is None else self.body)

    async def program(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=self.protocols)
        await socket.prepare(request)
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel == 4:
                size = json.loads(data)
                await socket.send_bytes(b"\x02" + f"{size['Width']}x{size['Height']}".encode())
            elif data == b"exit":
                causes = [{"reason": "ExitCode", "message": "3"}]
                status = {"status": "Failure", "message": "ended", "details": {"causes": causes}}
                await socket.send_bytes(b"\x03" + json.dumps(status).encode())
            else:
                await socket.send_bytes(b"\x01")
                await socket.send_bytes(b"\x01" + data)
        return socket


@asynccontextmanager
async def connected(api: Api, folder: Path) -> AsyncGenerator[ClusterClient]:
    async with (
        api_server(api.answer, folder) as kubeconfig,
        ClusterClient.connect(kubeconfig) as client,
    ):
        yield client


async def test_a_program_has_its_streams_its_size_and_an_end(tmp_path: Path) -> None:
    api = Api()
    async with (
        connected(api, tmp_path) as client,
        Exec(client).run(POD, "app", ["sh", "-c", "a b"], tty=True, identity=None) as running,
    ):
        output = running.output()
        await running.send("héé".encode())
        assert await anext(output) == "héé".encode()
        await running.resize(132, 50)
        assert await anext(output) == b"132x50"
        await running.send(b"exit")
        with pytest.raises(StopAsyncIteration):
            await anext(output)
        assert running.ended == Ended(3, "ended")
    path, asked = api.asked[0]
    assert path == "/api/v1/namespaces/apps/pods/web-1/exec"
    assert [value for name, value in asked if name == "command"] == ["sh", "-c", "a b"]
    assert {("container", "app"), ("tty", "true"), ("stderr", "false")} <= set(asked)


async def test_a_refusal_and_another_protocol_are_told(tmp_path: Path) -> None:
    api = Api()
    async with connected(api, tmp_path) as client:
        with pytest.raises(Forbidden):
            async with Exec(client).run(
                Key("apps", "forbidden"), "app", ["sh"], tty=True, identity=None
            ):
                pass
        api.protocols = ("v4.channel.k8s.io",)
        with pytest.raises(ClusterUnavailable, match="does not speak"):
            async with Exec(client).run(POD, "app", ["sh"], tty=True, identity=None):
                pass


@pytest.mark.parametrize(
    ("status", "found", "missing"),
    [
        ({"status": "Success"}, Ended(0), False),
        ({"message": 'exec: "bash": executable file not found in $PATH'}, None, True),
        ({"message": "exec /bin/sh: no such file or directory"}, None, True),
        ({"message": "container is not running"}, None, False),
        (
            {"details": {"causes": [{"reason": "ExitCode", "message": "127"}]}},
            Ended(127, ""),
            True,
        ),
    ],
)
def test_ends(status: dict[str, Any], found: Ended | None, missing: bool) -> None:
    told = ended(json.dumps(status).encode())
    assert told == (found or Ended(message=status["message"]))
    assert told.missing is missing
    assert ended(b"\xff no json").message


async def test_a_debug_container_is_made_once_and_used_again(tmp_path: Path) -> None:
    api = Api()
    async with connected(api, tmp_path) as client:
        name = await Exec(client).debug(POD, "app", "d:1", 60.4, identity=None)
        assert name.startswith(DEBUG_PREFIX)
        assert await Exec(client).debug(POD, "app", "d:1", 60, identity=None) == name
        assert len(api.pod["spec"]["ephemeralContainers"]) == 1
        made = api.pod["spec"]["ephemeralContainers"][0]
        assert (made["command"], made["targetContainerName"]) == (["sleep", "60"], "app")
        api.state = {"terminated": {"reason": "Error", "message": "no sleep"}}
        with pytest.raises(PortalError, match="no sleep"):
            await Exec(client).debug(POD, "app", "d:2", 60, identity=None)


async def test_a_debug_container_that_starts_is_waited_for_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exec_module, "LOOKS_EVERY", 0)
    monkeypatch.setattr(exec_module, "STARTS_WITHIN", 10)
    api = Api()
    async with connected(api, tmp_path) as client:
        runs, api.state = api.state, {"waiting": {"reason": "ContainerCreating"}}
        programs = Exec(client)
        asking = [
            asyncio.create_task(programs.debug(POD, "app", "d:1", 60, identity=None))
            for _ in range(3)
        ]
        async with asyncio.timeout(10):
            while len(api.asked) < 8:  # noqa: ASYNC110
                await asyncio.sleep(0)
        api.pod["status"]["ephemeralContainerStatuses"][0]["state"] = runs
        assert len(set(await asyncio.gather(*asking))) == 1
        assert len(api.pod["spec"]["ephemeralContainers"]) == 1


async def test_a_pod_gets_a_few_debug_containers(tmp_path: Path) -> None:
    api = Api()
    async with connected(api, tmp_path) as client:
        for number in range(MOST_DEBUG):
            await Exec(client).debug(POD, "app", f"d:{number}", 60, identity=None)
        with pytest.raises(Conflict, match="5 debug containers that run"):
            await Exec(client).debug(POD, "app", "d:x", 60, identity=None)
        assert len(api.pod["spec"]["ephemeralContainers"]) == MOST_DEBUG
        api.pod["status"]["ephemeralContainerStatuses"][0]["state"] = {"terminated": {}}
        assert await Exec(client).debug(POD, "app", "d:x", 60, identity=None)
        assert len(api.pod["spec"]["ephemeralContainers"]) == MOST_DEBUG + 1


@pytest.mark.parametrize(
    ("contexts", "user"),
    [
        (({}, {}), None),
        (({"runAsUser": 7}, {"runAsUser": 8}), 7),
        (({}, {"runAsUser": 8}), 8),
        (({}, {"runAsNonRoot": True}), 65534),
        (({"runAsUser": 0}, {}), 0),
    ],
)
def test_a_debug_container_has_no_more_rights_than_the_app(
    contexts: tuple[dict[str, Any], dict[str, Any]], user: int | None
) -> None:
    own, pod = contexts
    spec = {"containers": [{"name": "app", "securityContext": own}], "securityContext": pod}
    made = debug_container({"spec": spec}, "app", "d:1", 60, "x")["securityContext"]
    assert made["capabilities"] == {"drop": ["ALL"]}
    assert made["allowPrivilegeEscalation"] is False
    assert made.get("runAsUser") == user
    assert made.get("runAsNonRoot") == (None if user is None else user != 0)


async def test_usage_by_container(tmp_path: Path) -> None:
    api = Api()
    api.body = {"containers": [{"name": "app", "usage": {"cpu": "250m", "memory": "1Mi"}}]}
    async with connected(api, tmp_path) as client:
        (found,) = await Exec(client).usage(POD)
        assert (found.name, found.cpu, found.memory) == ("app", 0.25, 2**20)
        api.body = {"containers": [{"name": "app", "usage": {"cpu": "much"}}]}
        with pytest.raises(PortalError):
            await Exec(client).usage(POD)


async def test_of_a_secret_only_metadata_is_asked_for(tmp_path: Path) -> None:
    api = Api()
    api.body = {"kind": "PartialObjectMetadata", "metadata": {"name": "x"}}
    async with connected(api, tmp_path) as client:
        objects = ClusterObjects(client)
        found = await objects.read(Ref("Secret", "x", "apps"), identity=None)
        assert (found["kind"], api.accepts[-1]) == ("Secret", METADATA)
        await objects.read(Ref("Pod", "x", "apps"), identity=None)
        assert api.accepts[-1] == "application/json"
        assert objects.kinds == frozenset(READABLE)
        for kind in ("Event", "Release", "Lease", "Node"):
            with pytest.raises(NotFound):
                await objects.read(Ref(kind, "x", "apps"), identity=None)
        api.body = {"items": [{"reason": "Pulled"}, {"reason": "Started"}]}
        events = await objects.events(Ref("Pod", "x", "apps"), identity=None)
        assert [each["reason"] for each in events] == ["Pulled", "Started"]
        selector = "involvedObject.kind=Pod,involvedObject.name=x"
        assert ("fieldSelector", selector) in api.asked[-1][1]


async def test_an_object_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    api = Api()
    api.body = {"data": {"a": "x" * (MOST + 1)}}
    async with connected(api, tmp_path) as client:
        with pytest.raises(TooLarge, match="larger than"):
            await ClusterObjects(client).read(Ref("ConfigMap", "x", "apps"), identity=None)
