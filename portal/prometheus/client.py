"""Asks the one Prometheus that an administrator has named, and nothing else."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import msgspec

from portal.domain.errors import PortalError

TIMEOUT = 10.0
"""Seconds for one query."""

LIMIT = 2 * 2**20
"""The most bytes of an answer: a series of 720 points has 30 kB."""

MOST_SERIES = 4
"""The most series that are read of an answer; the queries have one."""

Series = Mapping[int, float]
"""The values of a series by their times, in Unix seconds."""


class PrometheusUnavailable(PortalError):
    """Prometheus does not answer, or refuses, or its answer cannot be read."""


class Query(Protocol):
    """Asks for a range; tests put a fake in its place."""

    async def __call__(self, query: str, start: int, end: int, step: int) -> Series:
        """Return the values of ``query`` from ``start`` to ``end``, every ``step`` seconds.

        {} if it has none.

        Raises:
            PrometheusUnavailable: there is no answer, or none that can be used.
        """
        ...


def prometheus_problem(url: str, *, token: bool) -> str:
    """Return why an address cannot be that of Prometheus; "" if it can."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "this is not a valid address."
    if any(each.isspace() for each in url) or not host or parts.scheme not in {"http", "https"}:
        return "it has to be one address, such as http://prometheus.monitoring.svc:9090."
    if "@" in parts.netloc:
        return "leave user and password out: they would be logged. A bearer token is in a file."
    if parts.query or parts.fragment:
        return "it has to end with its path: no “?” and no “#”."
    if token and parts.scheme != "https":
        return "a bearer token is only sent over https://."
    return ""


class _Result(msgspec.Struct, frozen=True):
    values: list[tuple[float, str]]


class _Data(msgspec.Struct, frozen=True):
    result: list[_Result]


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    status: str
    data: _Data | None = None
    error_type: str = ""


_decode = msgspec.json.Decoder(_Answer).decode


def parsed(body: bytes) -> Series:
    """Return the values of an answer, those of several series added up; NaN is left out.

    Raises:
        PrometheusUnavailable: it is not the answer of a range.
    """
    try:
        answer = _decode(body)
        found: dict[int, float] = {}
        for series in (answer.data.result if answer.data else [])[:MOST_SERIES]:
            for at, text in series.values:
                value = float(text)
                if 0 <= value < float("inf"):
                    found[int(at)] = found.get(int(at), 0.0) + value
    except (ValueError, OverflowError):
        raise PrometheusUnavailable("The answer of Prometheus cannot be read.") from None
    if answer.status != "success":
        raise PrometheusUnavailable(f"Prometheus refuses the query ({answer.error_type[:40]}).")
    return found


class Prometheus:
    """Asks over HTTP, and follows no redirects. Close it after use.

    ``token`` is a file with a bearer token, read for each query since it may be renewed;
    ``authorities`` a file of further certificate authorities, in PEM.
    """

    def __init__(
        self,
        url: str,
        token: Path | None = None,
        authorities: Path | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/query_range"
        self._token = token
        self._context = ssl.create_default_context()
        if authorities is not None:
            self._context.load_verify_locations(authorities)
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, query: str, start: int, end: int, step: int) -> Series:
        """Ask for a range; a long expression fits into a form, not into an address."""
        form = {
            "query": query,
            "start": str(start),
            "end": str(end),
            "step": str(step),
            "timeout": f"{self._timeout:g}s",
        }
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._context, limit=8),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "dash-portal", "Accept": "application/json"},
            )
        try:
            async with self._session.post(
                self._url, data=form, headers=self._headers(), allow_redirects=False
            ) as response:
                if response.status in {401, 403}:
                    raise PrometheusUnavailable(
                        f"Prometheus refuses the portal (status {response.status})."
                    )
                if response.status not in {200, 400, 422, 503}:
                    raise PrometheusUnavailable(
                        f"Prometheus answers with status {response.status}."
                    )
                body = await response.content.read(LIMIT + 1)
                while len(body) <= LIMIT and (more := await response.content.read(LIMIT)):
                    body += more
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise PrometheusUnavailable(
                f"Prometheus does not answer ({type(error).__name__})."
            ) from None
        if len(body) > LIMIT:
            raise PrometheusUnavailable("The answer of Prometheus is too large.")
        return parsed(body)

    def _headers(self) -> dict[str, str]:
        if self._token is None:
            return {}
        # A few hundred bytes of a mounted Secret.
        return {"Authorization": f"Bearer {self._token.read_text().strip()}"}

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
