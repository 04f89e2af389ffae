"""The ASGI application: begins to watch the cluster, and meanwhile loads what people use."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from portal.cluster.client import ClusterClient
from portal.cluster_sync import ClusterSync, running
from portal.helm_service.orphans import end_orphans
from portal.settings import Settings
from portal.web.logs import configure

if TYPE_CHECKING:
    from portal.web_app import WebApp

log = logging.getLogger(__name__)


class Portal:
    """The ASGI application. Everything that needs the cluster is made when it starts."""

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
        """Close the live connections and end operations; called as soon as a stop is asked for.

        gunicorn waits for idle kept-alive connections as well, and kills a worker that is not
        done by then: the lifespan's end may never come.
        """
        if self._web_app is not None and self._draining is None:
            self._draining = asyncio.create_task(self._web_app.drain())

    @asynccontextmanager
    async def _lifespan(self, outer: Starlette) -> AsyncGenerator[None]:
        """Made from the cluster to the browser, ended the other way round."""
        settings = self._settings
        end_orphans()
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(ClusterClient.connect(settings.kubeconfig))
            sync = ClusterSync(client, settings, listed=_collect_garbage)
            await stack.enter_async_context(running(sync.tasks(), _stop))
            # In threads: meanwhile the first lists are on their way.
            front_class = await asyncio.to_thread(_load_web_app)
            front = front_class(settings, self._environ, sync, stack)
            await stack.enter_async_context(running(front.tasks(), _stop))
            outer.mount("/", await asyncio.to_thread(front.site))
            front.hub.start()
            self._web_app = front
            gc.freeze()  # the pages, too: most of what a full collection would look through
            stack.push_async_callback(front.drain)
            yield


def _load_web_app() -> type[WebApp]:
    """Import what people use: Dash, FastAPI and all pages are most of what there is to load."""
    from portal.web_app import WebApp

    return WebApp


def _collect_garbage() -> None:
    """End what ``create_app`` began: what there is by now stays, and would make each full
    collection a pause."""
    gc.freeze()
    gc.enable()


def _stop(task: asyncio.Task[None]) -> None:
    """Stop the process: a portal that no longer watches must not look alive."""
    log.critical("%s ended: stopping", task.get_name(), exc_info=task.exception())
    os.kill(os.getpid(), signal.SIGTERM)


def create_app() -> Portal:
    """Make the application from the environment; gunicorn calls this in its worker.

    Raises:
        SettingsError: a setting is wrong; the message names it.
    """
    # What a start makes, stays: looking through it for what could go takes a tenth of the start
    # (bar: 3 s until a thousand releases are shown, benchmarks/RESULTS.md).
    gc.disable()
    settings = Settings.from_env(os.environ)
    configure(settings.log_format, settings.log_level)
    return Portal(settings, os.environ)
