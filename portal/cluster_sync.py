"""The store of the cluster's state, and the tasks that keep it current."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from portal.cluster.client import ClusterClient
from portal.cluster.metrics import MetricsPoller
from portal.cluster.prober import UrlProber
from portal.cluster.storage.fetcher import ReleaseFetcher
from portal.cluster.watches import Watches
from portal.domain.keys import Key
from portal.settings import Settings
from portal.state.store import Store


class ClusterSync:
    """The store and its writers, not started. Run its ``tasks`` with ``running``.

    ``listed`` is called once the first lists have been read or have failed.
    """

    def __init__(
        self,
        client: ClusterClient,
        settings: Settings,
        listed: Callable[[], None] = lambda: None,
    ) -> None:
        self.client = client
        self.store = Store()
        self.store.begin_initial_sync()

        def initially_synced() -> None:
            self.store.end_initial_sync()
            self.fetcher.prefetch()
            listed()

        self.watches = Watches(client, self.store, settings.namespaces, listed=initially_synced)
        self.fetcher = ReleaseFetcher(client, self.store)
        self.poller = MetricsPoller(
            client,
            self.store,
            interval=settings.metrics_interval,
            namespaces=settings.namespaces,
        )
        self.prober = UrlProber(
            self.store,
            node_address=settings.node_address,
            ingress_address=settings.ingress_address,
            api_server=client.server,
        )

    def prioritize(self, keys: Iterable[Key]) -> None:
        """Read these releases first: somebody is viewing them."""
        keys = tuple(keys)
        self.fetcher.prioritize(keys)
        self.prober.prioritize(keys)

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """The coroutines that run for as long as the portal does, by name."""
        return {
            "watches": self.watches.run(),
            "release fetcher": self.fetcher.run(),
            "metrics": self.poller.run(),
            "prober": self.prober.run(),
        }


@asynccontextmanager
async def running(
    tasks: Mapping[str, Coroutine[Any, Any, None]], ended: Callable[[asyncio.Task[None]], None]
) -> AsyncGenerator[None]:
    """Run ``tasks`` until the block ends.

    ``ended`` is called with a task that ends by itself, which is an error.
    """

    def done(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            ended(task)

    started = [asyncio.create_task(work, name=name) for name, work in tasks.items()]
    for task in started:
        task.add_done_callback(done)
    try:
        yield
    finally:
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)
