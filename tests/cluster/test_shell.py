"""Shells and processes in real pods, over real WebSockets on both sides."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from dev.cluster.settings import REGISTRY
from portal.auth.authorizer import KnownRights
from portal.auth.policy import OwnerRights, Policy
from portal.cluster.client import ClusterClient
from portal.cluster.exec import DEBUG_PREFIX, Exec
from portal.cluster.objects import ClusterObjects
from portal.cluster.watches import Watches
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.manifests import Ref, at
from portal.domain.namespaces import NamespaceRules
from portal.objects.states import secret_keys
from portal.releases.access import Access
from portal.shell.endpoint import PATH, Shells
from portal.shell.place import Place, Places
from portal.shell.settings import ShellSettings
from portal.shell.top import Tops
from portal.state.store import Store
from tests.unit.objects.make import hides

pytestmark = pytest.mark.cluster

SAMPLE = os.environ.get("SAMPLE_IMAGE", f"{REGISTRY}/dash-sample")
SLOW = 60.0
"""Seconds that a condition may take on a busy machine with two cores."""
ANN = Identity("ann")

WEB: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "web",
        "annotations": {"meta.helm.sh/release-name": "web"},
    },
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "securityContext": {
                    "runAsUser": 1001,
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": name,
                        "image": image,
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "capabilities": {"drop": ["ALL"]},
                        },
                        **more,
                    }
                    for name, image, more in (
                        (
                            "app",
                            f"{SAMPLE}:1.0",
                            {"command": ["python3", "-c", "while True: sum(range(10**5))"]},
                        ),
                        ("bare", f"{REGISTRY}/pause:1", {}),
                    )
                ],
            },
        },
    },
}


def kubectl(*arguments: str, given: object = None) -> str:
    done = subprocess.run(
        ["kubectl", *arguments],
        input=json.dumps(given) if given is not None else None,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    name = f"shell-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    # The debug container is made where the strictest level is enforced.
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("apply", "-n", name, "-f", "-", given=WEB)
    kubectl("rollout", "status", "-n", name, "deployment/web", f"--timeout={SLOW:.0f}s")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


class Here:
    """A store that is kept current, shells in its pods, and the authorizer of who uses them."""

    def __init__(self, client: ClusterClient, namespace: str) -> None:
        self.client = client
        self.release = Key(namespace, "web")
        self.store = Store()
        self.allow(True)
        rights = KnownRights(self, fresh=0)
        self.places = Places(self.store, Access(rights, self.store, self._find))
        self.settings = ShellSettings(on=True, image=f"{SAMPLE}:1.0", longest=300, recheck=0.2)
        self.port = 0

    def allow(self, exec: bool) -> None:
        rules = NamespaceRules((self.release.namespace,))
        self._policy = Policy(rules, open_mode=True, allow_exec=exec)

    async def rights(self, identity: Identity) -> OwnerRights:
        """Answer as the authorizer: what it allows may change."""
        return self._policy.of(identity)

    async def _find(self, key: Key) -> None:
        return None

    async def pod(self) -> str:
        """The name of the pod that runs, when the store knows it."""
        async with asyncio.timeout(SLOW):
            while True:
                for each in self.store.snapshot.app(self.release).pods:
                    if each.ready and not each.deleting:
                        return each.key.name
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def serving(self, **changes: Any) -> AsyncGenerator[None]:
        """Serve the endpoint, as the portal does."""
        shells = Shells(
            self.places, Exec(self.client), replace(self.settings, **changes), lambda _: ANN
        )
        app = Starlette(routes=[WebSocketRoute(PATH, shells.handle)])
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
            task = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                yield
            finally:
                server.should_exit = True
                await task

    @asynccontextmanager
    async def shell(self, container: str = "app", **more: str) -> AsyncGenerator[ClientConnection]:
        query = {
            "namespace": self.release.namespace,
            "name": self.release.name,
            "pod": await self.pod(),
            "container": container,
            **more,
        }
        async with connect(f"ws://127.0.0.1:{self.port}{PATH}?{urlencode(query)}") as browser:
            yield browser


@pytest.fixture
async def here(namespace: str) -> AsyncIterator[Here]:
    async with ClusterClient.connect(Path(os.environ["KUBECONFIG"])) as client:
        here = Here(client, namespace)
        watching = asyncio.create_task(Watches(client, here.store, (namespace,)).run())
        yield here
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def until(browser: ClientConnection, text: str) -> str:
    """Read what is shown until it holds ``text``."""
    shown = ""
    async with asyncio.timeout(SLOW):
        while text not in shown:
            message = await browser.recv()
            shown += message.decode(errors="replace") if isinstance(message, bytes) else message
    return shown


async def goodbye(browser: ClientConnection) -> str:
    """Return why the shell has ended."""
    why = ""
    async with asyncio.timeout(SLOW):
        with suppress(ConnectionClosed):
            while True:
                message = await browser.recv()
                if isinstance(message, str):
                    why = str(json.loads(message).get("ended", why))
    return why


async def test_a_shell_runs_with_a_size_and_utf_8(here: Here) -> None:
    async with here.serving(), here.shell(columns="101", rows="31") as browser:
        assert '"shell": "bash"' in await until(browser, "$ ")
        await browser.send(b"stty size\r")
        await until(browser, "31 101")
        await browser.send(json.dumps({"resize": [132, 50]}))
        await browser.send(b"stty size\r")
        await until(browser, "50 132")
        await browser.send("printf '%s' 'héé漢字😀' | wc -c\r".encode())
        await until(browser, "15")
        await browser.send(rb"printf 'r\303\251sum\n'" + b"\r")
        await until(browser, "résum")
        await browser.send(b"exit 3\r")
        assert await goodbye(browser) == "The shell has ended with exit code 3."


async def test_a_shell_that_is_left_ends_in_the_pod(here: Here) -> None:
    async with here.serving():
        async with here.shell() as browser:
            await until(browser, "$ ")
            await browser.send(b"exec sleep 86399\r")
        async with here.shell() as browser:
            await until(browser, "$ ")
            # Hung up: nothing of the first one is left.
            look = b"while grep -lz 8639[9] /proc/[0-9]*/cmdline 2>/dev/null; do sleep .1; done; "
            await browser.send(look + b"echo go''ne\r")
            await until(browser, "gone")


async def test_it_is_denied_without_the_permission_and_ends_with_it(here: Here) -> None:
    async with here.serving():
        here.allow(False)
        async with here.shell() as browser:
            assert "switched off" in await goodbye(browser)
        here.allow(True)
        async with here.shell() as browser:
            await until(browser, "$ ")
            here.allow(False)
            assert "switched off" in await goodbye(browser)


async def test_it_ends_when_nothing_is_typed(here: Here) -> None:
    async with here.serving(idle=0.5), here.shell() as browser:
        assert await goodbye(browser) == "Nothing was typed for 0.5 seconds."


async def test_an_image_without_a_shell_gets_a_debug_container(here: Here) -> None:
    async with here.serving():
        async with here.shell("bare") as browser:
            assert "has no shell" in await goodbye(browser)
        for _ in range(2):
            async with here.shell("bare", debug="1") as browser:
                assert DEBUG_PREFIX in await until(browser, "$ ")
                await browser.send(b"id -u; cat /proc/1/comm\r")
                shown = await until(browser, "pause")
                assert "1001" in shown, "it is the app's user, and sees its processes"
    pod = json.loads(
        kubectl("get", "pod", "-n", here.release.namespace, await here.pod(), "-o", "json")
    )
    assert len(pod["spec"]["ephemeralContainers"]) == 1, "the second one has used the first one's"


async def test_processes_are_read_and_nothing_is_left_behind(here: Here) -> None:
    tops = Tops(here.places, Exec(here.client), hides, every=0.5, stops_after=3)
    place = Place(here.release, await here.pod(), "app")
    async with asyncio.timeout(SLOW):
        while True:
            found = await tops.read(ANN, place)
            assert found.known, found.problem
            if found.rows and (found.rows[0].cpu or 0) > 0.1:
                break
            await asyncio.sleep(0.2)
    assert found.rows[0].command.startswith("python3 -c")
    assert found.rows[0].memory > 2**20
    assert not any(each.name == "grep" for each in found.rows)
    await tops.close()

    bare = await tops.read(ANN, replace(place, container="bare"))
    assert (bare.known, bare.containers) == (False, ("app", "bare"))
    assert "no shell" in bare.problem
    await tops.close()


async def test_the_names_of_a_secrets_keys_are_known_without_its_data(here: Here) -> None:
    space = here.release.namespace
    given = ["--from-literal=user=ada", "--from-literal=password=hunter2hunter2"]
    kubectl("create", "secret", "generic", "-n", space, "keys", *given)
    found = await ClusterObjects(here.client).read(Ref("Secret", "keys", space), identity=None)
    assert secret_keys(found) == ("password", "user")
    assert not at(found, "data")
    assert "aHVudGVy" not in str(found)
