"""Reads logs of containers from the API server (``pods/log``)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from portal.cluster.client import ClusterClient
from portal.cluster.errors import Rejected
from portal.domain.errors import Conflict
from portal.domain.keys import Key

QUIET = 60.0
"""Seconds without a byte after which a log is asked for anew: a half-open connection is silent."""


class PodLogs:
    """Logs of containers, each line with its time."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    @asynccontextmanager
    async def open(
        self,
        pod: Key,
        container: str,
        *,
        previous: bool = False,
        follow: bool = False,
        tail: int | None = None,
        since: int | None = None,
        limit: int | None = None,
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        """Open a container's log, as chunks of bytes.

        ``tail`` is the number of lines to begin with, ``since`` a time in seconds since 1970 to
        begin at, and ``limit`` the most bytes. With ``follow`` it ends with the container.

        Raises:
            Conflict: there is no log yet, or no previous run.
            NotFound: there is no such pod.
            ClusterUnavailable: there is no answer; caused by a ``TimeoutError`` if nothing was
                written for a while.
        """
        params = {"container": container, "timestamps": "true"}
        params |= {"follow": "true"} if follow else {}
        params |= {"previous": "true"} if previous else {}
        params |= {"tailLines": str(tail)} if tail is not None else {}
        params |= {"limitBytes": str(limit)} if limit is not None else {}
        if since is not None:
            params["sinceTime"] = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log"
        try:
            async with self._client.chunks(path, params, QUIET) as chunks:
                yield chunks
        except Rejected as error:
            raise Conflict(error.message) from error
