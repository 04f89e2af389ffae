"""Builds the Dash app on a FastAPI server."""

from __future__ import annotations

import logging
from typing import cast

from dash import Dash
from dash.exceptions import DependencyException
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.auth.csrf import SECURE_TOKEN_COOKIE, TOKEN_COOKIE, TOKEN_HEADER
from portal.domain.request import current_request
from portal.ui import dispatch, router, shell
from portal.ui.app import changes as app_callbacks
from portal.ui.audit import callbacks as audit_callbacks
from portal.ui.autoscaling import callbacks as autoscaling_callbacks
from portal.ui.callbacks import Callbacks
from portal.ui.chart import callbacks as chart_callbacks
from portal.ui.context import UiContext
from portal.ui.launch import callbacks as launch_callbacks
from portal.ui.objects import callbacks as objects_callbacks
from portal.ui.pod import callbacks as pod_callbacks
from portal.ui.projects import callbacks as projects_callbacks
from portal.ui.requests import Declared, Requests
from portal.ui.routes import parse
from portal.ui.sessions import page as sessions_page
from portal.ui.static import ASSETS, PORTAL, collect

log = logging.getLogger(__name__)

# The theme is set before the first paint, so that the page does not flash in the other one.
_INDEX = """<!DOCTYPE html>
<html lang="en">
  <head>
    {%metas%}
    <meta name="color-scheme" content="light dark">
    <title>{%title%}</title>
    <link rel="icon" type="image/svg+xml" href="{%favicon%}">
    {%css%}
    {%early%}
  </head>
  <body>
    {%app_entry%}
    <noscript>Dash Portal needs JavaScript.</noscript>
    {%config%}{%scripts%}{%renderer%}
  </body>
</html>
"""


class _DashApp(Dash):
    """Dash, with the addresses of the static files in its HTML page."""

    def interpolate_index(self, **parts: str) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the HTML page that loads the app."""
        static = collect()
        parts["scripts"] = static.scripts(parts["scripts"])
        parts["css"] = static.styles()
        if current_request().https:
            parts["config"] = parts["config"].replace(
                f'"{TOKEN_COOKIE}"', f'"{SECURE_TOKEN_COOKIE}"'
            )
        parts["favicon"] = static.address(PORTAL, "favicon.svg")
        page = cast(str, super().interpolate_index(**parts))
        return page.replace("{%early%}", static.early())


def build_ui(server: FastAPI, context: UiContext) -> Dash:
    """Add the portal's pages to ``server``; everything is served from the package itself."""
    app = _DashApp(
        "portal",
        server=server,  # pyright: ignore[reportArgumentType]
        backend="fastapi",
        assets_folder=str(ASSETS),
        assets_ignore=".*",  # they are served under addresses of their own
        serve_locally=True,
        suppress_callback_exceptions=True,
        title="Dash Portal",
        update_title=None,  # pyright: ignore[reportArgumentType]
        index_string=_INDEX,
        meta_tags=[
            {"name": "viewport", "content": "width=device-width, initial-scale=1"},
            {"name": "description", "content": "Launch, scale and watch apps on Kubernetes."},
        ],
        add_log_handler=False,
        csrf_token_name=TOKEN_COOKIE,
        csrf_header_name=TOKEN_HEADER,
        on_error=_fail,
    )
    # No callback uses Dash's WebSocket, so browsers need not load its script.
    app.backend.websocket_capability = False
    app.layout = shell.shell(
        open_mode=context.open_mode, sign_out=context.sign_out, version=context.version
    )
    callbacks = Callbacks(app)
    for register in (
        router.register,
        launch_callbacks.register,
        app_callbacks.register,
        chart_callbacks.register,
        objects_callbacks.register,
        autoscaling_callbacks.register,
        pod_callbacks.register,
        audit_callbacks.register,
        projects_callbacks.register,
        sessions_page.register,
    ):
        register(callbacks, context)
    server.add_exception_handler(DependencyException, _no_such_file)
    declared = cast("Declared", app.callback_map)
    server.add_middleware(Requests, declared=declared, accepted=callbacks.accepted)
    server.router.routes.insert(0, dispatch.route(app))
    server.router.routes.append(Route("/{path:path}", _DeepLinks(server, context), methods=["GET"]))
    return app


async def _no_such_file(_request: Request, _error: Exception) -> Response:
    """Answer 404 for a missing file of a component library."""
    return PlainTextResponse("There is no such file.", status_code=404)


def _fail(error: Exception) -> None:
    """Log the error of a callback: Dash only answers with status 500."""
    log.error("a callback failed", exc_info=error)
    raise error


class _DeepLinks:
    """Answers every other path with the HTML page, with status 404 if there is no such page.

    Dash would do so itself when the server's lifespan starts, but with status 200 for all.
    """

    def __init__(self, server: ASGIApp, context: UiContext) -> None:
        self._server = server
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        route = parse(scope["path"], scope["query_string"].decode("latin-1"))
        missing = await router.missing(self._context, route, self._context.identity())

        async def send_with_status(message: Message) -> None:
            if missing and message["type"] == "http.response.start":
                message["status"] = 404
            await send(message)

        await self._server({**scope, "path": "/", "raw_path": b"/"}, receive, send_with_status)
