"""A small client of the Kubernetes API, independent of the portal's: what it shows is the peer."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import yaml

T = TypeVar("T")
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
PATIENCE = aiohttp.ClientTimeout(total=60, sock_connect=10)
"""Of one request; a watch has no end."""


class Api:
    """Requests with the administrator's certificate. Use ``connect``."""

    def __init__(self, session: aiohttp.ClientSession, server: str, ca: bytes) -> None:
        self._session = session
        self.server = server
        self.ca = ca
        self.reopened = 0
        """Watches that the server ended."""

    @classmethod
    @asynccontextmanager
    async def connect(cls, kubeconfig: Path) -> AsyncGenerator[Api]:
        """A client inside the block."""
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        ca = base64.b64decode(cluster["certificate-authority-data"])
        context = ssl.create_default_context(cadata=ca.decode())
        with tempfile.NamedTemporaryFile() as file:
            for part in ("client-certificate-data", "client-key-data"):
                file.write(base64.b64decode(user[part]))
            file.flush()
            context.load_cert_chain(file.name)
        connector = aiohttp.TCPConnector(ssl=context, limit=64)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(
            cluster["server"], connector=connector, timeout=timeout
        ) as session:
            yield cls(session, cluster["server"], ca)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        kind: str = "application/json",
        accept: str = "application/json",
        fine: Iterable[int] = (),
    ) -> Any:
        """One request; the answer's JSON. Other statuses than 2xx and ``fine`` raise."""
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": kind, "Accept": accept}
        async with self._session.request(
            method, path, data=data, headers=headers, timeout=PATIENCE
        ) as answer:
            text = await answer.text()
            if answer.status >= 300 and answer.status not in fine:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
            return json.loads(text) if text.startswith("{") else text

    async def newest(self, path: str) -> str:
        """The version of a collection from which a watch sees what is new."""
        return (await self.call("GET", f"{path}?limit=1"))["metadata"]["resourceVersion"]

    async def watch(
        self, path: str, version: str, selector: str = ""
    ) -> AsyncGenerator[tuple[float, dict[str, Any]]]:
        """Events after ``version`` with their time of arrival (Unix seconds), for ever.

        The server ends the watch of whoever reads too slowly: it goes on where it was.
        """
        while True:
            params = {"watch": "true", "resourceVersion": version, "labelSelector": selector}
            text = b""
            async with self._session.get(path, params=params) as answer:
                answer.raise_for_status()
                async for chunk in answer.content.iter_any():
                    now = time.time()
                    *lines, text = (text + chunk).split(b"\n")
                    for line in lines:
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            raise RuntimeError(f"the watch of {path} failed: {event['object']}")
                        version = event["object"]["metadata"]["resourceVersion"]
                        yield now, event
            self.reopened += 1


async def each(
    work: Iterable[Callable[[], Awaitable[object]]],
    done: Callable[[], object],
    *,
    at_once: int = 24,
) -> None:
    """Do all of ``work``, so many at once; ``done`` is called after each."""
    todo = iter(work)

    async def worker() -> None:
        for one in todo:
            await one()
            done()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())


async def until(
    condition: Callable[[], Awaitable[T]], what: str, *, patience: float, every: float = 0.5
) -> T:
    """Ask until the answer is true; the answer."""
    end = time.monotonic() + patience
    while not (found := await condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not after {patience:.0f} s")
        await asyncio.sleep(every)
    return found
