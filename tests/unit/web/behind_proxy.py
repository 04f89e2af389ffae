"""An application in mode ``header`` that answers who is asking, for the tests of certificates."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocket

from portal.auth.hosts import NO_OTHERS
from portal.auth.identify import HeaderAuthenticator
from portal.web.metrics import Metrics
from portal.web.middleware import RequestMiddleware, current_identity

SECRET = "between the two"
NAMES = frozenset({"proxy.example.com", "spiffe://example.com/proxy"})


async def page(_: Request) -> Response:
    return PlainTextResponse(current_identity().user)


async def live(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(current_identity().user)
    await socket.close()


async def healthz(_: Request) -> Response:
    return PlainTextResponse("well")


inner = FastAPI()
inner.add_route("/", page)
inner.add_route("/healthz", healthz)
inner.add_api_websocket_route("/live", live)
app = RequestMiddleware(
    inner,
    HeaderAuthenticator(SECRET),
    lambda: "",
    Metrics(),
    known_hosts=NO_OTHERS,
    proxy_names=NAMES,
)
