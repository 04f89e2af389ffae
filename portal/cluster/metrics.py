"""Reads the metrics API: one request (per namespace) for the usage of all pods, again and again."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from portal.cluster.api_types import BasicMeta, Json, Part, any_object, from_json
from portal.cluster.backoff import Backoff
from portal.cluster.decode import key
from portal.cluster.errors import Throttled
from portal.cluster.lists import TimeSlicer, page
from portal.cluster.sample_times import SampleTimes
from portal.domain.errors import ClusterUnavailable, Forbidden, NotFound, PortalError
from portal.domain.objects import PodUsage
from portal.domain.quantities import parse
from portal.state.store import Store

log = logging.getLogger(__name__)

SOURCE = "metrics"
"""Name of this source in the snapshot."""
TITLE = "CPU and memory use"
"""Name of this source for people."""
GROUP = "/apis/metrics.k8s.io/v1beta1"
ANSWER_WITHIN = 5.0
"""Timeout of a round in seconds; with the interval, an outage shows within 20 s."""
SLOWEST = 20.0
"""Longest interval in seconds while it fails, so that a recovery shows within 30 s."""


class Lists(Protocol):
    """The call that the poller makes; ``ClusterClient`` implements it."""

    async def read(self, path: str) -> bytes:
        """GET a list as JSON."""
        ...


class MetricsPoller:
    """Polls until cancelled; each round replaces the usage of all pods and samples history.

    The source ``metrics`` is unavailable where the API is not installed or forbidden, and has an
    error while it fails. Usage is cleared meanwhile, so that old values do not look current.
    """

    def __init__(
        self,
        api: Lists,
        store: Store,
        *,
        interval: float = 10.0,
        namespaces: Sequence[str] = (),
        slicer: TimeSlicer | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._api = api
        self._store = store
        self._interval = interval
        self._slicer = slicer or TimeSlicer()
        self._pause = pause
        self._backoff = Backoff(first=interval, most=max(interval, SLOWEST))
        self._paths = [f"{GROUP}/namespaces/{each}/pods" for each in namespaces] or [
            f"{GROUP}/pods"
        ]
        self._alive_at: datetime | None = None
        self._samples = SampleTimes(interval)
        self._newest = 0.0
        store.set_source(SOURCE, synced=False, title=TITLE)

    async def run(self) -> None:
        """Poll for ever: at even intervals, or when a new sample is due; never concurrently.

        It polls more slowly while it fails.
        """
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            slower = await self.poll()
            until = self._samples.after(self._newest, self._clock())
            if slower or until is None:
                due = max(due + max(self._interval, slower), loop.time())
            else:
                due = loop.time() + until
            await self._pause(due - loop.time())

    async def poll(self) -> float:
        """Poll once and record the answer; returns the least seconds until the next poll."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                usage = [each for path in self._paths for each in await self._ask(path)]
        except TimeoutError:
            error = ClusterUnavailable(f"no answer within {ANSWER_WITHIN:g} s")
        except PortalError as failure:
            error = failure
        except Exception as unexpected:  # a bug must not end the polling
            log.exception("metrics: unexpected")
            error = PortalError(f"the portal failed to read it: {unexpected!r}")
        else:
            self._backoff.reset()
            self._alive_at = datetime.now(UTC)
            self._store.set_source(SOURCE, synced=True, alive_at=self._alive_at, title=TITLE)
            self._store.put_usage(usage)
            self._newest = max((each.at.timestamp() for each in usage), default=0.0)
            return 0
        self._newest = 0.0
        self._failed(error)
        return self._backoff.next(error.seconds if isinstance(error, Throttled) else 0)

    async def _ask(self, path: str) -> list[PodUsage]:
        read = page(await self._api.read(path))
        found = await self._slicer.collect(map(_decoded, read.items))
        return [each for each in found if each is not None]

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
            SOURCE,
            synced=True,
            available=available,
            alive_at=self._alive_at,
            error=words,
            title=TITLE,
        )
        self._store.put_usage(())


async def usage_in(api: Lists, namespace: str) -> list[PodUsage]:
    """Return the usage of the pods of a namespace, read now.

    Raises:
        PortalError: it cannot be read.
    """
    read = page(await api.read(f"{GROUP}/namespaces/{namespace}/pods"))
    found = await TimeSlicer().collect(map(_decoded, read.items))
    return [each for each in found if each is not None]


class _ContainerUsage(Part, frozen=True):
    """``containers[]`` of PodMetrics."""

    usage: dict[str, str]
    name: str = ""


class _PodMetrics(Part, frozen=True):
    """PodMetrics of metrics.k8s.io/v1beta1."""

    metadata: BasicMeta
    timestamp: datetime
    containers: tuple[_ContainerUsage, ...] = ()
    window: str = "0s"


@from_json(_PodMetrics)
def pod_usage(found: _PodMetrics) -> PodUsage:
    """The usage of a pod from its PodMetrics: of its containers, and their sum.

    Raises:
        ValueError: there is no reading, or it cannot be read.
    """
    if not found.containers:
        raise ValueError("no container was measured")
    used = [
        (sys.intern(each.name), parse(each.usage["cpu"]), parse(each.usage["memory"]))
        for each in found.containers
    ]
    return PodUsage(
        key=key(found.metadata),
        cpu=float(sum(cpu for _, cpu, _ in used)),
        memory=float(sum(memory for _, _, memory in used)),
        at=found.timestamp,
        window=seconds(found.window),
        containers=tuple((name, float(cpu), float(memory)) for name, cpu, memory in used),
    )


_UNITS = {"ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "h": 3600.0, "m": 60.0, "s": 1.0}


def seconds(duration: str) -> float:
    """A Go duration in seconds: "1m30s" → 90."""
    return sum(
        float(number) * _UNITS[unit]
        for number, unit in re.findall(r"([\d.]+)(ms|us|µs|ns|h|m|s)", duration)
    )


def _decoded(raw: Json) -> PodUsage | None:
    try:
        return pod_usage(raw)
    except Exception as error:
        log.warning("metrics: skipping %s: %r", any_object(raw).key, error)
        return None
