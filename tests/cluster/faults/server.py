"""The API server itself, past the proxy and without any of the portal's code."""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml


class ApiServer:
    """Requests with the administrator's certificate."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    @classmethod
    @asynccontextmanager
    async def connect(cls, kubeconfig: Path) -> AsyncGenerator[ApiServer]:
        config = yaml.safe_load(kubeconfig.read_text())  # noqa: ASYNC240 - a small file, once
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as pair:
            for part in ("client-certificate-data", "client-key-data"):
                pair.write(base64.b64decode(user[part]) + b"\n")
            pair.flush()
            context.load_cert_chain(pair.name)
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        nothing = aiohttp.ClientTimeout(total=None)  # a watch may take its time
        async with aiohttp.ClientSession(connector=connector, timeout=nothing) as session:
            yield cls(cluster["server"], session)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str] | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
        optional: bool = False,
    ) -> dict[str, Any]:
        """The answer; an error fails the test, but an ``optional`` API may be missing: no items."""
        async with self.session.request(
            method,
            self.url + path,
            json=body,
            params=params or {},
            headers={"Accept": accept, "Content-Type": content_type},
        ) as answer:
            if optional and answer.status == 404:
                return {"items": []}
            content = await answer.json(content_type=None)
            assert answer.status < 400, f"{method} {path}: {content}"
            return content

    async def apply(self, path: str, manifest: dict[str, Any]) -> None:
        """Create an object, or change it."""
        params = {"fieldManager": "faults", "force": "true"}
        kind = "application/apply-patch+yaml"
        await self.call("PATCH", path, manifest, params=params, content_type=kind)
