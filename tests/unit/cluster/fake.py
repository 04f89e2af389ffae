"""A fake of the two calls that reflectors make, and raw objects as the API writes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from portal.cluster.api_types import Change

JsonObject = dict[str, Any]
T0 = "2026-01-01T00:00:00Z"


class FakeApi:
    """Answers lists and watches from a script; an exception in it is raised.

    When the script has run out, ``exhausted`` is set and the caller waits for ever.
    """

    def __init__(
        self,
        lists: list[JsonObject | str | Exception],
        watches: list[list[JsonObject] | Exception] | None = None,
    ) -> None:
        self._lists = list(lists)
        self._watches = list(watches or [])
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.watched: list[dict[str, str]] = []
        self.read_timeouts: list[float] = []
        self.exhausted = asyncio.Event()

    async def read(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = ""
    ) -> bytes:
        self.asked.append((path, dict(params or {})))
        step = await self._next(self._lists)
        return (step if isinstance(step, str) else json.dumps(step)).encode()

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], accept: str = "", read_timeout: float = 0
    ) -> AsyncGenerator[AsyncIterator[Change]]:
        self.watched.append(dict(params))
        self.read_timeouts.append(read_timeout)
        events = await self._next(self._watches)

        async def each() -> AsyncIterator[Change]:
            for event in events:
                if isinstance(event, Exception):
                    raise event
                yield msgspec.json.decode(json.dumps(event), type=Change)

        yield each()

    async def _next(self, script: list[Any]) -> Any:
        if not script:
            self.exhausted.set()
            await asyncio.Event().wait()
        step = script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def listing(*items: JsonObject, version: str = "10", more: str = "") -> JsonObject:
    meta = {"resourceVersion": version} | ({"continue": more} if more else {})
    return {"metadata": meta, "items": list(items)}


def added(obj: JsonObject, version: str = "") -> JsonObject:
    return _event("ADDED", obj, version)


def modified(obj: JsonObject, version: str = "") -> JsonObject:
    return _event("MODIFIED", obj, version)


def deleted(obj: JsonObject, version: str = "") -> JsonObject:
    return _event("DELETED", obj, version)


def bookmark(version: str) -> JsonObject:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}


def error(code: int) -> JsonObject:
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "told so"}}


def _event(kind: str, obj: JsonObject, version: str) -> JsonObject:
    if version:
        obj = obj | {"metadata": obj["metadata"] | {"resourceVersion": version}}
    return {"type": kind, "object": obj}


def pod(name: str, space: str = "apps", ready: bool = True) -> JsonObject:
    return {
        "metadata": {"name": name, "namespace": space, "creationTimestamp": T0},
        "spec": {"containers": [{"name": "app", "image": "i:1"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def secret(
    release: str, revision: int, status: str = "deployed", space: str = "apps"
) -> JsonObject:
    return {
        "metadata": {
            "name": f"sh.helm.release.v1.{release}.v{revision}",
            "namespace": space,
            "creationTimestamp": T0,
            "labels": {
                "owner": "helm",
                "name": release,
                "version": str(revision),
                "status": status,
                "modifiedAt": "1000",
            },
        }
    }
