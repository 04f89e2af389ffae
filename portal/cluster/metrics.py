"""Reads the metrics API: one request an interval (and namespace) for the usage of all pods."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from portal.cluster.decode_pods import pod_usage
from portal.cluster.raw import items
from portal.cluster.reflector import Api
from portal.domain.errors import Forbidden, NotFound, PortalError
from portal.domain.objects import PodUsage
from portal.state.store import Store

log = logging.getLogger(__name__)

SOURCE = "metrics"
"""Name of this source in the snapshot."""
GROUP = "/apis/metrics.k8s.io/v1beta1"


class MetricsPoller:
    """Polls until cancelled; each round replaces the usage of all pods and samples history.

    The source ``metrics`` is unavailable where the API is not installed or is forbidden, and
    carries an error while it fails; usage is emptied meanwhile rather than left to look current.
    """

    def __init__(
        self, api: Api, store: Store, *, interval: float = 10.0, namespaces: Sequence[str] = ()
    ) -> None:
        self._api = api
        self._store = store
        self._interval = interval
        self._paths = [f"{GROUP}/namespaces/{each}/pods" for each in namespaces] or [
            f"{GROUP}/pods"
        ]
        self._alive_at: datetime | None = None
        store.set_source(SOURCE, synced=False)

    async def run(self) -> None:
        """Poll for ever, at even intervals."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            try:
                await self.poll()
            except Exception:  # a fault here must not end the polling unseen
                log.exception("metrics: unexpected")
            due = max(due + self._interval, loop.time())
            await asyncio.sleep(due - loop.time())

    async def poll(self) -> None:
        """Ask once and record the answer."""
        try:
            usage = [each for path in self._paths for each in await self._ask(path)]
        except PortalError as error:
            self._failed(error)
            return
        self._alive_at = datetime.now(UTC)
        self._store.set_source(SOURCE, synced=True, alive_at=self._alive_at)
        self._store.put_usage(usage)

    async def _ask(self, path: str) -> list[PodUsage]:
        found: list[PodUsage] = []
        for raw in items(await self._api.get(path), "items"):
            try:
                found.append(pod_usage(raw))
            except (KeyError, ValueError, TypeError) as error:
                log.warning("metrics: skipping %s: %r", raw.get("metadata"), error)
        return found

    def _failed(self, error: PortalError) -> None:
        match error:
            case NotFound():
                available, words = False, "The metrics API is not installed (metrics-server)."
            case Forbidden():
                available, words = False, str(error)
            case _:
                available, words = True, f"The metrics API does not answer: {error.message}"
        log.log(logging.INFO if not available else logging.WARNING, "metrics: %s", words)
        self._store.set_source(
            SOURCE, synced=True, available=available, alive_at=self._alive_at, error=words
        )
        self._store.put_usage(())
