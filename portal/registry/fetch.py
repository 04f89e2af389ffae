"""Fetching over HTTP: only from hosts that may be asked, and only so much.

Charts and images alike: repositories and registries, where they redirect to, and where they give
out tokens.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping
from typing import IO, Protocol
from urllib.parse import urljoin, urlsplit

import aiohttp
from msgspec import Struct, field

from portal.domain.addresses import REFUSED, public_socket
from portal.domain.retry_after import retry_after_seconds
from portal.registry.failure import Failure, FetchError

__all__ = ["Answer", "Failure", "Fetch", "FetchError", "HttpFetch", "origin", "redirect_headers"]

MAX_REDIRECTS = 5


class Answer(Struct, frozen=True):
    """An HTTP response of any status. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def raise_for_trouble(self) -> None:
        """Raise ``FetchError`` for any status but 200."""
        if self.status == 200:
            return
        words = f"The registry answers with status {self.status}."
        if self.status == 429:
            wait = retry_after_seconds(self.headers.get("retry-after"), longest=3600.0)
            raise FetchError(words, Failure.THROTTLED, retry_after=wait)
        raise FetchError(words, Failure.SERVER if self.status >= 500 else Failure.MALFORMED)


class Fetch(Protocol):
    """Makes one request; tests put a fake in its place."""

    async def __call__(
        self,
        url: str,
        *,
        hosts: Collection[str],
        limit: int,
        headers: Mapping[str, str] | None = None,
        public: bool = False,
        head: bool = False,
        into: IO[bytes] | None = None,
    ) -> Answer:
        """Fetch ``url``; see ``HttpFetch``."""
        ...


class HttpFetch:
    """Fetches over HTTP and HTTPS. Close it after use.

    ``timeout`` is in seconds, for a whole response with its redirects.
    """

    def __init__(self, timeout: float = 30.0) -> None:
        self._timeout = timeout
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            await session.close()

    async def __call__(
        self,
        url: str,
        *,
        hosts: Collection[str],
        limit: int,
        headers: Mapping[str, str] | None = None,
        public: bool = False,
        head: bool = False,
        into: IO[bytes] | None = None,
    ) -> Answer:
        """Get ``url``, following redirects while each is on one of ``hosts``.

        ``public`` allows any other host as well, over https and at a public address alone.
        ``limit`` is in bytes of the body, which is written ``into`` a file if there is one;
        ``head`` asks for none (HEAD). An ``Authorization`` header goes to the first origin only, so
        never from HTTPS to HTTP. Any HTTP status is an answer.

        Raises:
            FetchError: no answer, an address that is not allowed, or too large a body.
        """
        sent = dict(headers or {})
        try:
            async with asyncio.timeout(self._timeout):
                for _ in range(MAX_REDIRECTS + 1):
                    check_host(url, hosts, public=public)
                    session = self._open(named=is_named(url, hosts))
                    asking = session.head if head else session.get
                    async with asking(url, headers=sent, allow_redirects=False) as response:
                        target = response.headers.get("Location", "")
                        if response.status in {301, 302, 303, 307, 308} and target:
                            before, url = url, urljoin(url, target)
                            sent = redirect_headers(sent, before, url)
                            continue
                        body = await _read(response, limit, into)
                        return Answer(response.status, body, _headers(response))
        except TimeoutError:
            words = f"No answer within {self._timeout:.0f} seconds."
            raise FetchError(words, Failure.TIMEOUT) from None
        except aiohttp.ClientError as error:
            raise _problem(error) from None
        except ValueError:
            words = "This is not a valid address."
            raise FetchError(words, Failure.ADDRESS) from None
        raise FetchError("It redirects too often.")

    def _open(self, *, named: bool) -> aiohttp.ClientSession:
        """The session for hosts that an administrator has named, or for all others."""
        if named not in self._sessions:
            # No cookies and no proxies from the environment: every address is one that was checked.
            # No decompression: a few bytes could become very many.
            self._sessions[named] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=None if named else public_socket),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"User-Agent": "dash-portal", "Accept-Encoding": "identity"},
            )
        return self._sessions[named]


def origin(url: str) -> tuple[str, str]:
    """Scheme and host (with port) of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def redirect_headers(headers: Mapping[str, str], before: str, after: str) -> dict[str, str]:
    """The headers to send after a redirect: ``Authorization`` to the same origin only."""
    same = origin(before) == origin(after)
    return {name: text for name, text in headers.items() if same or name != "Authorization"}


def is_named(url: str, hosts: Collection[str]) -> bool:
    """Return True if ``url`` is on one of ``hosts`` (``host[:port]``)."""
    return urlsplit(url).netloc.lower() in hosts


def check_host(url: str, hosts: Collection[str], *, public: bool = False) -> None:
    """Raise ``FetchError`` unless ``url`` is on one of ``hosts`` (``host[:port]``).

    With ``public`` any other passes that is asked over https; its address is judged when it is
    connected to.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        words = "This is not a valid address."
        raise FetchError(words, Failure.ADDRESS) from None
    if parts.scheme not in {"http", "https"} or parts.username or parts.password:
        words = "It leads to an address that is neither http nor https."
        raise FetchError(words, Failure.NOT_ALLOWED)
    if is_named(url, hosts) or (public and parts.scheme == "https" and parts.hostname):
        return
    which = (
        "neither named in the settings nor asked over https"
        if public
        else ("not among this source's hosts")
    )
    raise FetchError(f"It leads to {parts.netloc[:100]}, which is {which}.", Failure.NOT_ALLOWED)


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """The headers by lower-case name; repeated ones are joined by commas."""
    names = {name.lower() for name in response.headers}
    return {name: ", ".join(response.headers.getall(name)) for name in names}


async def _read(
    response: aiohttp.ClientResponse, limit: int, into: IO[bytes] | None = None
) -> bytes:
    body = bytearray()
    size = 0
    async for chunk in response.content.iter_chunked(64 * 1024):
        size += len(chunk)
        if into is None:
            body += chunk
        else:
            into.write(chunk)
        if size > limit:
            words = f"The answer is larger than {limit / 2**20:.3g} MiB."
            raise FetchError(words, Failure.TOO_LARGE)
    return bytes(body)


def _problem(error: aiohttp.ClientError) -> FetchError:
    """The reason in words, without the address, which may hold a secret."""
    match error:
        case aiohttp.InvalidURL():
            return FetchError("This is not a valid address.", Failure.ADDRESS)
        case aiohttp.ClientConnectorCertificateError():
            return FetchError("Its TLS certificate is not trusted.", Failure.TLS)
        case aiohttp.ClientConnectorSSLError():
            return FetchError("It does not speak TLS as it should.", Failure.TLS)
        case aiohttp.ClientConnectorDNSError():
            return FetchError("Its host name is not known.", Failure.UNKNOWN_HOST)
        case aiohttp.ClientConnectorError() if REFUSED in str(error.os_error):
            words = "It leads to an address that is not public."
            return FetchError(words, Failure.NOT_ALLOWED)
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno
            words = f"It cannot be reached ({os.strerror(number) if number else 'no connection'})."
            return FetchError(words, Failure.UNREACHABLE)
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError():
            words = f"It breaks the connection off ({type(error).__name__})."
            return FetchError(words, Failure.UNREACHABLE)
        case _:
            return FetchError(f"It does not answer as it should ({type(error).__name__}).")
