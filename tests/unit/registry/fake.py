"""A registry of images, on loopback: well-behaved unless told otherwise."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from portal.registry.repository import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.unit.catalog.make import serving

OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

Answer = Callable[[web.Request], web.StreamResponse]


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class FakeRegistry:
    """One repository for each path of ``manifests``.

    ``page``: tags in a page. ``token``: what it wants to hear (``Bearer …`` or ``Basic …``), and
    ``gives`` who gets one, by authorization; "" is everybody. ``challenge`` is what it asks for
    instead of a token of its own. ``instead`` answers paths in another way; ``hold`` keeps it from
    answering before it is set, and ``arrived`` is set when it is asked. ``asked`` notes every
    request and what it was told of who asks, ``methods`` each with its method.
    """

    blobs: dict[str, bytes] = field(default_factory=dict[str, bytes])
    manifests: dict[str, dict[str, tuple[str, bytes]]] = field(
        default_factory=dict[str, dict[str, tuple[str, bytes]]]
    )
    page: int = 1000
    tells_digests: bool = True
    token: str = ""
    challenge: str = ""
    gives: dict[str, str] = field(default_factory=dict[str, str])
    instead: dict[str, Answer] = field(default_factory=dict[str, Answer])
    hold: asyncio.Event | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    methods: list[str] = field(default_factory=list[str])

    def blob(self, content: bytes, media: str = "application/octet-stream") -> dict[str, object]:
        self.blobs[sha256(content)] = content
        return {"mediaType": media, "digest": sha256(content), "size": len(content)}

    def put(self, path: str, tag: str, manifest: object, media: str) -> str:
        """Keep a manifest under a tag and its digest, which is returned."""
        body = json.dumps(manifest).encode()
        kept = self.manifests.setdefault(path, {})
        kept[sha256(body)] = (media, body)
        if tag:
            kept[tag] = (media, body)
        return sha256(body)

    def image(
        self,
        path: str,
        tag: str,
        *,
        config: object = None,
        architecture: str = "amd64",
        layers: tuple[int, ...] = (1000, 200),
        docker: bool = False,
        **more: object,
    ) -> str:
        """Keep an image whose layers have so many bytes; its digest."""
        told = {"architecture": architecture, "os": "linux", "config": config or {}, **more}
        media = DOCKER_CONFIG if docker else OCI_CONFIG
        manifest = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
            "config": self.blob(json.dumps(told).encode(), media),
            "layers": [{"digest": f"sha256:{n:064d}", "size": n} for n in layers],
        }
        return self.put(path, tag, manifest, str(manifest["mediaType"]))

    def index(self, path: str, tag: str, platforms: dict[str, str], media: str = OCI_INDEX) -> str:
        """Keep an index: platform (``linux/arm64``) to the digest of its manifest."""
        listed: list[dict[str, object]] = []
        for platform, digest in platforms.items():
            os, architecture, *variant = platform.split("/")
            told = {"os": os, "architecture": architecture}
            listed.append(
                {
                    "mediaType": OCI_MANIFEST,
                    "digest": digest,
                    "size": 1,
                    "platform": told | ({"variant": variant[0]} if variant else {}),
                }
            )
        whole = {"schemaVersion": 2, "mediaType": media, "manifests": listed}
        return self.put(path, tag, whole, media)

    @property
    def told(self) -> set[str]:
        """Every authorization that it was told."""
        return {said for _, said in self.asked}

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[str]:
        """Its ``host:port``."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        async with serving(app) as host:
            yield host

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        said = request.headers.get("Authorization", "")
        self.asked.append((request.path_qs, said))
        self.methods.append(f"{request.method} {request.path}")
        self.arrived.set()
        if self.hold is not None:
            await self.hold.wait()
        for prefix, instead in self.instead.items():
            if request.path.startswith(prefix):
                return instead(request)
        if request.path == "/token":
            token = self.gives.get(said)
            body = {"token": token.removeprefix("Bearer ")} if token else {}
            return web.json_response(body, status=200 if token else 401)
        if self.token and said != self.token:
            told = self.challenge or 'Bearer realm="http://HERE/token",service="here",scope="pull"'
            headers = {"WWW-Authenticate": told.replace("HERE", request.host)}
            return web.Response(status=401, headers=headers)
        if request.path == "/v2/":
            return web.json_response({})
        path, _, what = request.path.removeprefix("/v2/").rpartition("/")
        name, _, kind = path.rpartition("/")
        if kind == "tags":
            return self._tags(name, request)
        if kind == "manifests":
            media, body = self.manifests.get(name, {}).get(what, ("", b""))
            if body:
                headers = {"Docker-Content-Digest": sha256(body)} if self.tells_digests else {}
                return web.Response(body=body, content_type=media, headers=headers)
        elif kind == "blobs" and what in self.blobs:
            return web.Response(body=self.blobs[what])
        return web.json_response({"errors": [{"code": "UNKNOWN"}]}, status=404)

    def _tags(self, name: str, request: web.Request) -> web.Response:
        if name not in self.manifests:
            return web.json_response({"errors": [{"code": "NAME_UNKNOWN"}]}, status=404)
        tags = sorted(each for each in self.manifests[name] if not each.startswith("sha256:"))
        last = request.query.get("last", "")
        rest = [each for each in tags if each > last]
        headers = {}
        if len(rest) > self.page:
            after = f"/v2/{name}/tags/list?n={self.page}&last={rest[self.page - 1]}"
            headers["Link"] = f'<{after}>; rel="next"'
        return web.json_response({"name": name, "tags": rest[: self.page]}, headers=headers)
