"""Serves the UI over made-up views: ``python -m tests.unit.ui.preview [port] [empty|open]``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.live.endpoint import FRAME_PATH, PATH, frame_endpoint, live_endpoint
from portal.live.hub import Hub
from portal.ui.build import build_ui
from portal.ui.live_views import opener, spelled
from portal.ui.static import PREFIX, collect
from portal.web.static import StaticServer
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import ADA, context


def make(mode: str = "") -> FastAPI:
    """The app; in it, the series of every app moves each second."""
    hubs: list[Hub] = []
    views = () if mode == "empty" else tuple(make_view() for make_view in fixtures.VIEWS[:4])
    if mode == "many":
        views = (
            *views,
            *(fixtures.healthy(Key("apps", f"team-app-{n:03}")) for n in range(300)),
        )
    ui, actions = context(
        *views,
        open_mode=mode == "open",
        changed=lambda: [hub.changed() for hub in hubs],
    )

    async def move() -> None:
        while True:
            await asyncio.sleep(1)
            for key, view in list(actions.views.items())[:4]:
                if view.unsettled:
                    moved = fixtures.series(autoscaled=bool(view.unsettled.metrics))
                    actions.views[key] = replace(
                        view, settled=moved.settled, unsettled=moved.unsettled
                    )
            hubs[0].changed()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.start()
        task = asyncio.create_task(move())
        yield
        task.cancel()
        hub.close()

    server = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    hub = Hub(opener(ui), ui.scope, spell=spelled)
    hubs.append(hub)
    server.add_api_websocket_route(PATH, live_endpoint(hub, lambda _: ADA))
    server.add_route(FRAME_PATH, frame_endpoint(hub, lambda _: ADA))
    build_ui(server, ui)
    server.add_middleware(StaticServer, prefix=PREFIX, files=collect().files)
    return server


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8099
    uvicorn.run(make(sys.argv[2] if len(sys.argv) > 2 else ""), port=port, log_level="warning")
