"""The ASGI application: starts to watch the cluster, and loads the web application meanwhile."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from portal import garbage, threads
from portal.cluster.client import ClusterClient
from portal.cluster_sync import ClusterSync, running
from portal.helm_service.orphans import end_orphans
from portal.settings import Settings
from portal.web.logs import configure

if TYPE_CHECKING:
    from portal.web_app import WebApp

log = logging.getLogger(__name__)

FIRST_REQUEST = ("anyio._backends._asyncio", "plotly.io.json")
"""Modules that the first request would import on the event loop, which takes 20 ms and more."""


class Portal:
    """The ASGI application. Everything that needs the cluster is created in its lifespan."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._outer = Starlette(lifespan=self._lifespan)
        self._web_app: WebApp | None = None
        self._draining: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, or the application's start and end."""
        await self._outer(scope, receive, send)

    def drain(self) -> None:
        """Close the live connections and end operations; called as soon as SIGTERM arrives.

        gunicorn also waits for idle kept-alive connections and then kills the worker, so the end
        of the lifespan may never be reached.
        """
        if self._web_app is not None and self._draining is None:
            self._draining = asyncio.create_task(self._web_app.drain())

    @asynccontextmanager
    async def _lifespan(self, outer: Starlette) -> AsyncGenerator[None]:
        """Start from the cluster to the browser; stop in reverse order."""
        settings = self._settings
        end_orphans()
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(
                ClusterClient.connect(settings.kubeconfig, settings.impersonation())
            )
            done = garbage.resume_after("lists", "pages")
            sync = ClusterSync(client, settings, listed=lambda: done("lists"))
            await stack.enter_async_context(running(sync.tasks(), _stop))
            # In threads, so that the first lists are read meanwhile.
            web_app_class = await asyncio.to_thread(_load_web_app)
            web_app = web_app_class(settings, self._environ, sync, stack)
            await stack.enter_async_context(running(web_app.tasks(), _stop))
            outer.mount("/", await asyncio.to_thread(web_app.site))
            web_app.hub.start()
            self._web_app = web_app
            stack.push_async_callback(web_app.drain)
            done("pages")
            yield


def _load_web_app() -> type[WebApp]:
    """Import the web application: Dash, FastAPI and the pages take most of the start."""
    from portal.web_app import WebApp

    for name in FIRST_REQUEST:
        import_module(name)
    return WebApp


def _stop(task: asyncio.Task[None]) -> None:
    """Stop the process: a portal whose watches have ended must not look healthy."""
    log.critical("%s ended: stopping", task.get_name(), exc_info=task.exception())
    os.kill(os.getpid(), signal.SIGTERM)


def create_app() -> Portal:
    """Make the application from the environment; gunicorn calls this in its worker.

    Raises:
        SettingsError: a setting is wrong; the message names it.
    """
    garbage.pause()
    threads.share_evenly()
    settings = Settings.from_env(os.environ)
    configure(settings.log_format, settings.log_level)
    return Portal(settings, os.environ)
