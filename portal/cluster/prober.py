"""Probes the URL of each app from the portal."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, Self
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct
from msgspec.structs import replace

from portal.domain.addresses import REFUSED, guarded_socket, may_be_an_app
from portal.domain.keys import Key
from portal.domain.launch import Exposure
from portal.domain.objects import Node, Probe
from portal.domain.urls import SHARED, Url, urls
from portal.state.model import AppState
from portal.state.store import Store

log = logging.getLogger(__name__)

WAITING = 3.0
"""Initial seconds between two probes of an app that does not answer."""
LENGTHEN = 1.3
"""Factor by which the wait grows with each probe without an answer."""
SETTLED = 20.0
"""Longest seconds between two probes of an app that somebody looks at."""
RARELY = 300.0
"""Longest seconds between two probes of any other app: a thousand make three probes a second."""
LOOKED_AT = 60.0
"""Seconds for which ``prioritize`` has effect."""
GAP = 0.1
"""Seconds between two probes of any apps."""
FAIR = 4
"""One probe in this many goes to the app that has waited longest, whoever looks at others: enough
for a thousand apps."""
CONCURRENCY = 16
TIMEOUT = aiohttp.ClientTimeout(total=3.0)
MAX_READ = 1024
NOT_AN_APP = "This address is not one of an app: the portal does not connect to it."
NO_ADDRESS = "Nothing has published an address for it yet."


def targets(
    state: AppState,
    nodes: Sequence[Node],
    node_address: str = "",
    ingress_address: str = "",
) -> tuple[Url, ...]:
    """The URLs of an app, best first."""
    return urls(
        state.services,
        state.ingresses,
        state.routes,
        state.gateways,
        nodes,
        node_address=node_address,
        ingress_address=ingress_address,
    )


def to_probe(found: Sequence[Url]) -> Url | None:
    """The best external URL that can be probed; if none can, the best one."""
    outside = [each for each in found if each.kind is not Exposure.CLUSTER_IP] or found
    return next((each for each in outside if each.connect_host), next(iter(outside), None))


class Fetch(Protocol):
    """Makes one request; tests put a fake in its place."""

    def __call__(self, url: Url) -> Awaitable[tuple[int, str]]:
        """The HTTP status of ``url`` and "", or 0 and the reason why there is none."""
        ...


class _Watched(Struct):
    url: Url
    ready: int
    asked_at: float = -math.inf
    answers: bool = False
    wait: float = 0.0
    wanted_until: float = -math.inf
    asking: bool = False

    def due(self, now: float) -> float:
        """The time of the next probe."""
        wait = RARELY if self.answers else self.wait
        return self.asked_at + (min(wait, SETTLED) if now < self.wanted_until else wait)


class UrlProber:
    """Probes one URL of every release that has an address, until cancelled.

    About every 3 s, then less often, until it answers; at once when the number of ready pods
    changes; after that every 20 s while somebody looks at the app, and else every 5 minutes. At
    most ten a second in all, and mostly apps that somebody looks at.

    Args:
        store: releases are read from it and results are written to it.
        node_address: as in ``portal.domain.urls.urls``.
        ingress_address: as in ``portal.domain.urls.urls``.
        api_server: IP address or name, and port, of the API server, which is no app.
        fetch: makes requests, for tests; None uses HTTP.
        clock: returns seconds, for tests.
        gap: seconds between two probes of any apps.
    """

    def __init__(
        self,
        store: Store,
        *,
        node_address: str = "",
        ingress_address: str = "",
        api_server: tuple[str, int] | None = None,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
        gap: float = GAP,
    ) -> None:
        self._store = store
        self._node_address = node_address
        self._ingress_address = ingress_address
        self._api_server = api_server
        self._fetch = fetch
        self._clock = clock
        self._gap = gap
        self._watched: dict[Key, _Watched] = {}
        self._changed: set[Key] = set()
        self._nodes: Sequence[Node] = ()
        self._soonest = math.inf
        self._free_at = -math.inf
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self.asked = 0
        """Probes since the start."""

    def prioritize(self, keys: Iterable[Key]) -> None:
        """Probe these apps first, and more often, for a minute; called whenever they are shown."""
        now = self._clock()
        for key in keys:
            watched = self._watched.get(key)
            if watched is None:
                continue
            watched.wanted_until = now + LOOKED_AT
            if not watched.asking and watched.due(now) < self._soonest:
                self._soonest = watched.due(now)
                self._wake.set()

    async def run(self) -> None:
        """Probe until cancelled."""
        named = {self._node_address, self._ingress_address}
        async with HttpProbe(named, self._api_server) as http:
            fetch = self._fetch or http
            undo = self._store.on_change(self._note)
            self._note(frozenset(self._store.snapshot.apps))
            try:
                async with asyncio.TaskGroup() as group:
                    while True:
                        key = self._next()
                        if key is not None:
                            watched = self._watched[key]
                            watched.asking, watched.asked_at = True, self._clock()
                            self.asked += 1
                            group.create_task(self._probe(key, watched, fetch))
                        await self._sleep()
            finally:
                undo()

    def _note(self, touched: frozenset[Key]) -> None:
        snapshot = self._store.snapshot
        if not touched:
            if snapshot.nodes is self._nodes:
                return
            # Addresses of nodes are part of NodePort URLs.
            touched = frozenset(snapshot.apps)
            self._nodes = snapshot.nodes
        self._changed |= touched
        self._wake.set()

    async def _sleep(self) -> None:
        """Wait until the next probe is due, or something has changed; at least 0.05 s."""
        seconds = min(max(self._soonest, self._free_at) - self._clock(), SETTLED)
        try:
            async with asyncio.timeout(max(0.05, seconds)):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _next(self) -> Key | None:
        """Process changes; returns the app to probe now, if one is due."""
        self._take_in()
        now = self._clock()
        if now < max(self._soonest, self._free_at):
            return None
        fair = self.asked % FAIR == FAIR - 1
        waiting = [
            (now >= each.wanted_until and not fair, each.due(now), key)
            for key, each in self._watched.items()
            if not each.asking
        ]
        chosen = min((each for each in waiting if each[1] <= now), default=None)
        if chosen is None:
            self._soonest = min((due for _, due, _ in waiting), default=math.inf)
            return None
        self._free_at = now + self._gap
        return chosen[2]

    def _take_in(self) -> None:
        snapshot = self._store.snapshot
        changed, self._changed = self._changed, set()
        for key in changed:
            state = snapshot.apps.get(key)
            found = (
                targets(state, snapshot.nodes, self._node_address, self._ingress_address)
                if state is not None and state.release is not None
                else ()
            )
            url = to_probe(found)
            if state is None or url is None or not url.connect_host:
                self._watched.pop(key, None)
                if state is not None and url is not None:
                    self._tell_no_address(key, url, state.probe)
                continue
            ready = sum(each.ready for each in state.workloads)
            known = self._watched.get(key)
            if known is None or known.url != url:
                self._watched[key] = _Watched(
                    url, ready, wanted_until=known.wanted_until if known else -math.inf
                )
            elif known.ready != ready:
                # A change of ready pods is a reason to probe at once.
                known.ready, known.asked_at, known.wait = ready, -math.inf, 0.0
            else:
                continue
            self._soonest = -math.inf

    def _tell_no_address(self, key: Key, url: Url, known: Probe | None) -> None:
        # Only if it is new: the write is a change itself.
        if known is None or (known.url, known.status, known.error) != (url.href, 0, NO_ADDRESS):
            self._store.put_probe(key, Probe(url.href, 0, NO_ADDRESS, datetime.now(UTC)))

    async def _probe(self, key: Key, watched: _Watched, fetch: Fetch) -> None:
        url = watched.url
        try:
            async with self._slots:
                status, error = await fetch(url)
        except Exception as unexpected:  # one odd URL must not end all probing
            log.exception("%s: %s", key, url.href)
            status, error = 0, repr(unexpected)
        finally:
            watched.asking = False
        probe = Probe(url.href, status, error, datetime.now(UTC), shared=url.kind in SHARED)
        watched.answers = probe.answered
        longer = max(WAITING, min(watched.wait * LENGTHEN, RARELY))
        watched.wait = 0.0 if probe.answered else longer
        self._soonest = min(self._soonest, watched.due(self._clock()))
        self._wake.set()
        known = self._store.snapshot.app(key).probe
        if self._watched.get(key) is watched and not _same(probe, known):
            self._store.put_probe(key, probe)


def _same(new: Probe, old: Probe | None) -> bool:
    """Return True if two probes differ in their time only, which no page shows."""
    return old is not None and replace(new, checked_at=old.checked_at) == old


class HttpProbe:
    """Probes over HTTP: no redirects, no cookies, no proxy, a kilobyte at most.

    ``named`` are hosts of an administrator's settings, which may be anywhere. All others are from
    objects of the cluster: only addresses at which an app may be are connected to.
    """

    def __init__(
        self, named: Collection[str] = (), api_server: tuple[str, int] | None = None
    ) -> None:
        self._named = named
        self._api_server = api_server

    async def __aenter__(self) -> Self:
        """Open the connections' pools."""
        self._sessions = {named: self._session(named) for named in (True, False)}
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            await session.close()

    def _session(self, named: bool) -> aiohttp.ClientSession:
        # Only an answer matters, not an identity: certificates may be self-signed.
        loose = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        loose.check_hostname = False
        loose.verify_mode = ssl.CERT_NONE
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=loose,
                force_close=True,
                limit=CONCURRENCY,
                socket_factory=None if named else partial(guarded_socket, self._allowed),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=TIMEOUT,
            headers={"User-Agent": "dash-portal-probe"},
            auto_decompress=False,
        )

    def _allowed(self, address: str, port: int) -> bool:
        return may_be_an_app(address) and (address, port) != self._api_server

    async def __call__(self, url: Url) -> tuple[int, str]:
        """Return the HTTP status of ``url`` and "", or 0 and the reason why there is none."""
        scheme = "https" if url.tls else "http"
        host = f"[{url.connect_host}]" if ":" in url.connect_host else url.connect_host
        name = url.host_header.rsplit(":", 1)[0] if url.tls else None
        try:
            async with self._sessions[url.connect_host in self._named].get(
                f"{scheme}://{host}:{url.connect_port}{urlsplit(url.href).path or '/'}",
                headers={"Host": url.host_header},
                server_hostname=name,
                allow_redirects=False,
            ) as response:
                await response.content.read(MAX_READ)
                return response.status, ""
        except TimeoutError:
            return 0, "No answer within 3 seconds."
        except aiohttp.ClientConnectorError as error:
            if REFUSED in str(error.os_error):
                return 0, NOT_AN_APP
            # Its own text has the address and TLS settings; the reason is in os_error.
            return 0, error.os_error.strerror or str(error.os_error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return 0, str(error) or type(error).__name__
