"""Health, readiness and metrics."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from portal.web.metrics import Metrics


def add_routes(server: FastAPI, metrics: Metrics, waiting_for: Callable[[], list[str]]) -> None:
    """Add ``/healthz``, ``/readyz`` and ``/metrics``.

    ``waiting_for`` returns the sources that are not ready yet; none means ready.
    """

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        missing = waiting_for()
        body = {"status": "waiting" if missing else "ready", "waiting_for": missing}
        return JSONResponse(body, status_code=503 if missing else 200)

    async def scrape(_: Request) -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    server.add_route("/healthz", healthz)
    server.add_route("/readyz", readyz)
    server.add_route("/metrics", scrape)
