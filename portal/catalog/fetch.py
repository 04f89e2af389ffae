"""Fetching from sources over HTTP: from allowed hosts only, and with limited sizes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Collection, Mapping
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import aiohttp
from msgspec import Struct, field

MAX_REDIRECTS = 5


class FetchError(Exception):
    """Something could not be fetched; the message says why, in words for an administrator."""


class Answer(Struct, frozen=True):
    """An HTTP response of any status. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Fetch(Protocol):
    """Makes one request; tests put a fake in its place."""

    async def __call__(
        self,
        url: str,
        *,
        hosts: Collection[str],
        limit: int,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Fetch ``url``; see ``HttpFetch``."""
        ...


class HttpFetch:
    """Fetches over HTTP and HTTPS. Close it after use.

    ``timeout`` is in seconds, for a whole response with its redirects.
    """

    def __init__(self, timeout: float = 30.0) -> None:
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def __call__(
        self,
        url: str,
        *,
        hosts: Collection[str],
        limit: int,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Get ``url``, following redirects while each is on one of ``hosts``.

        ``limit`` is in bytes of the body. An ``Authorization`` header goes to the first origin
        only, so never from HTTPS to HTTP. Any HTTP status is an answer.

        Raises:
            FetchError: no answer, an address that is not allowed, or too large a body.
        """
        session = self._open()
        sent = dict(headers or {})
        try:
            async with asyncio.timeout(self._timeout):
                for _ in range(MAX_REDIRECTS + 1):
                    check_host(url, hosts)
                    async with session.get(url, headers=sent, allow_redirects=False) as response:
                        target = response.headers.get("Location", "")
                        if response.status in {301, 302, 303, 307, 308} and target:
                            before, url = url, urljoin(url, target)
                            sent = redirect_headers(sent, before, url)
                            continue
                        body = await _read(response, limit)
                        return Answer(response.status, body, _headers(response))
        except TimeoutError:
            raise FetchError(f"No answer within {self._timeout:.0f} seconds.") from None
        except aiohttp.ClientError as error:
            raise FetchError(_reason(error)) from None
        except ValueError:
            raise FetchError("This is not a valid address.") from None
        raise FetchError("It redirects too often.")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No cookies and no proxies from the environment: only configured hosts are asked.
            # No decompression: a few bytes could become very many.
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"User-Agent": "dash-portal", "Accept-Encoding": "identity"},
            )
        return self._session


def origin(url: str) -> tuple[str, str]:
    """Scheme and host (with port) of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def redirect_headers(headers: Mapping[str, str], before: str, after: str) -> dict[str, str]:
    """The headers to send after a redirect: ``Authorization`` to the same origin only."""
    same = origin(before) == origin(after)
    return {name: text for name, text in headers.items() if same or name != "Authorization"}


def check_host(url: str, hosts: Collection[str]) -> None:
    """Raise ``FetchError`` unless ``url`` is on one of ``hosts`` (``host[:port]``)."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or parts.username or parts.password:
        raise FetchError("It leads to an address that is neither http nor https.")
    if parts.netloc.lower() not in hosts:
        raise FetchError(
            f"It leads to {parts.netloc[:100]}, which is not among this source's hosts."
        )


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The headers by lower-case name; repeated ones are joined by commas."""
    names = {name.lower() for name in response.headers}
    return {name: ", ".join(response.headers.getall(name)) for name in names}


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > limit:
            raise FetchError(f"The answer is larger than {limit / 2**20:.3g} MiB.")
    return bytes(body)


def _reason(error: aiohttp.ClientError) -> str:
    """The reason in words, without the address, which may hold a secret."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "Its TLS certificate is not trusted."
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return "Its host name is not known."
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return f"It cannot be reached ({os.strerror(number) if number else 'no connection'})."
    return f"It does not answer as it should ({type(error).__name__})."
