"""Charts, archives and servers of charts, for the catalogue's tests."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from msgspec.structs import replace

from portal.catalog.chart import Chart

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CHARTS = Path(__file__).parents[2] / "fixtures" / "charts"


def member(name: str, content: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info, content


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def chart_archive(name: str = "tiny", version: str = "1.0.0", **files: str) -> bytes:
    metadata = f"apiVersion: v2\nname: {name}\nversion: {version}\ndescription: A chart.\n"
    return archive(
        member(f"{name}/Chart.yaml", metadata.encode()),
        *(
            member(f"{name}/{path.replace('__', '/').replace('_DOT_', '.')}", text.encode())
            for path, text in files.items()
        ),
    )


def with_content(chart: Chart, **changes: object) -> Chart:
    """``chart`` with other values, schema or subcharts."""
    return replace(chart, content=replace(chart.content, **changes))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@asynccontextmanager
async def serving(app: web.Application) -> AsyncGenerator[str]:
    """The ``host:port`` of a server for ``app``."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def files(contents: Mapping[str, bytes]) -> web.Application:
    """A server of files, by path; ``contents`` may change while it runs."""

    async def answer(request: web.Request) -> web.Response:
        body = contents.get(request.path)
        return web.Response(status=404) if body is None else web.Response(body=body)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app


def repository_of(name: str, *versions: str, **texts: str) -> dict[str, bytes]:
    """The files of a classic repository with these versions of a chart, to be changed at will."""
    archives = {version: chart_archive(name, version, **texts) for version in versions}
    entries = [
        {
            "name": name,
            "version": version,
            "description": "A chart.",
            "urls": [f"{version}.tgz"],
            "digest": sha256(packed),
        }
        for version, packed in archives.items()
    ]
    index = json.dumps({"entries": {name: entries}}).encode()
    return {f"/{each}.tgz": packed for each, packed in archives.items()} | {"/index.yaml": index}


def registry(
    archives: Mapping[str, bytes], *, token: str = "", password: str = ""
) -> web.Application:
    """An OCI registry with charts: ``name:tag`` to archive. With ``token`` it wants that, and
    gives it to everybody, or to who sends ``password`` as authorization."""
    blobs: dict[str, bytes] = {}
    manifests: dict[str, bytes] = {}

    def blob(media: str, content: bytes) -> dict[str, object]:
        digest = f"sha256:{sha256(content)}"
        blobs[digest] = content
        return {"mediaType": media, "digest": digest, "size": len(content)}

    for reference, packed in archives.items():
        name, _, tag = reference.partition(":")
        config = {"name": name.rpartition("/")[2], "version": tag, "description": f"{name} here."}
        helm = "application/vnd.cncf.helm"
        manifests[reference] = json.dumps(
            {
                "config": blob(f"{helm}.config.v1+json", json.dumps(config).encode()),
                "layers": [blob(f"{helm}.chart.content.v1.tar+gzip", packed)],
            }
        ).encode()

    async def answer(request: web.Request) -> web.Response:
        path = request.path.removeprefix("/v2/charts/")
        if request.path == "/token":
            if password and request.headers.get("Authorization") != password:
                return web.Response(status=401)
            return web.json_response({"token": token})
        if token and request.headers.get("Authorization") != f"Bearer {token}":
            realm = f'Bearer realm="http://{request.host}/token",service="here",scope="pull"'
            return web.Response(status=401, headers={"WWW-Authenticate": realm})
        name, _, rest = path.partition("/tags/")
        if rest:
            tags = [each.partition(":")[2] for each in manifests if each.startswith(f"{name}:")]
            return web.json_response({"tags": tags}, status=200 if tags else 404)
        name, _, tag = path.partition("/manifests/")
        found = manifests.get(f"{name}:{tag}") if tag else blobs.get(path.partition("/blobs/")[2])
        return web.Response(status=404) if found is None else web.Response(body=found)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app
