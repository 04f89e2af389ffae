"""Registries beside the local cluster's own: one that wants a sign-in, one that holds back."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import cast

import msgspec
import pytest
import yaml

from dev.cluster import settings
from dev.cluster.paths import Layout
from portal.cluster.client import ClusterClient
from portal.cluster.kinds import node as node_kind
from portal.cluster.pull_secrets import PullSecrets
from portal.domain.objects import Node
from portal.images.inspector import ImageInspector
from portal.images.registries import ImageRegistry, Registries
from portal.registry.fetch import HttpFetch

USER, PASSWORD = "ann", "open-sesame"
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuutXu9KzOt.1yBoZUeFWoT/914/JfszCO\n"


@contextmanager
def private_registry(folder: Path) -> Generator[str]:
    """Yield the ``host:port`` of a registry with the local one's content, which wants a sign-in."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("only the local cluster has a registry program")
    (folder / "htpasswd").write_text(HTPASSWD)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    configuration = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(Layout.default().registry_data)},
            "maintenance": {"readonly": {"enabled": True}, "uploadpurging": {"enabled": False}},
        },
        "auth": {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}},
        "http": {"addr": host},
    }
    (folder / "registry.yaml").write_text(yaml.safe_dump(configuration))
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [program, "serve", str(folder / "registry.yaml")], stdout=log, stderr=log
        ) as running,
    ):
        try:
            while not _answers(host):
                assert running.poll() is None, (folder / "log").read_text()
            yield host
        finally:
            running.terminate()


def _answers(host: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{host}/v2/", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 401
    except OSError:
        return False


class HeldRegistry:
    """The local registry at another ``host``, where large answers stop until ``release`` is set."""

    FREE = 256 * 1024
    """Bytes of a connection that are let through."""

    def __init__(self) -> None:
        self.host = ""
        self.release = asyncio.Event()
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._open[task] = writer
        task.add_done_callback(self._open.pop)
        target = await asyncio.open_connection("127.0.0.1", settings.REGISTRY_PORT)
        ways = {
            asyncio.create_task(self._pass(reader, target[1])),
            asyncio.create_task(self._pass(target[0], writer, holds=True)),
        }
        # Either side may keep its end open for the next request.
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        target[1].close()
        writer.close()
        await asyncio.wait(ways)

    async def close(self) -> None:
        """Let go of all connections."""
        self.release.set()
        for writer in self._open.values():
            writer.close()
        await asyncio.gather(*self._open)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, holds: bool = False
    ) -> None:
        passed = 0
        with suppress(ConnectionError):
            while block := await reader.read(64 * 1024):
                passed += len(block)
                if holds and passed > self.FREE:
                    await self.release.wait()
                writer.write(block)
                await writer.drain()


@asynccontextmanager
async def held_registry() -> AsyncGenerator[HeldRegistry]:
    """Serve a registry that holds back."""
    held = HeldRegistry()
    server = await asyncio.start_server(held.serve, "127.0.0.1", 0)
    held.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield held
    finally:
        server.close()
        await held.close()


async def _nodes(client: ClusterClient) -> list[Node]:
    listed = await client.get("/api/v1/nodes")
    return [node_kind.decode(msgspec.json.encode(each))[1] for each in listed["items"]]


@asynccontextmanager
async def inspecting(*named: ImageRegistry) -> AsyncGenerator[ImageInspector]:
    """Look at images of these registries as the portal does."""
    async with ClusterClient.connect(Path(os.environ["KUBECONFIG"])) as client:
        known = await _nodes(client)
        fetch = HttpFetch()
        inspector = ImageInspector(
            fetch,
            Registries(named),
            PullSecrets(client),
            lambda identity, namespace: None,
            lambda: known,
            deadline=60,
        )
        try:
            yield inspector
        finally:
            await inspector.close()
            await fetch.close()
