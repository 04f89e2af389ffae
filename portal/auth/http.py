"""Requests to services that sign people in: an OpenID provider, a load balancer's keys."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import aiohttp
from msgspec import Struct

from portal.domain.errors import PortalError

TIMEOUT = 10.0
LIMIT = 2**20
"""The most bytes of an answer."""


class Unavailable(PortalError):
    """Whoever has to be asked about a person does not answer, or answers with nonsense."""


class Answer(Struct, frozen=True):
    """An HTTP response of any status."""

    status: int
    body: bytes


class Ask(Protocol):
    """Makes one request; tests put a fake in its place."""

    async def __call__(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Get ``url``, or post a form to it.

        Raises:
            Unavailable: there is no answer, or it is too large.
        """
        ...


class HttpAsk:
    """Makes requests over HTTP, and follows no redirects. Close it after use.

    ``authorities`` is a file of further certificate authorities, in PEM.
    """

    def __init__(self, authorities: Path | None = None, timeout: float = TIMEOUT) -> None:
        self._context = ssl.create_default_context()
        if authorities is not None:
            self._context.load_verify_locations(authorities)
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def __call__(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Get ``url``, or post a form to it."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._context),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "dash-portal", "Accept": "application/json"},
                trust_env=True,
            )
        try:
            async with self._session.request(
                "GET" if form is None else "POST",
                url,
                data=form,
                headers=headers,
                allow_redirects=False,
            ) as response:
                body = await response.content.read(LIMIT + 1)
                while len(body) <= LIMIT and (more := await response.content.read(LIMIT)):
                    body += more
                if len(body) > LIMIT:
                    raise Unavailable("The answer of the sign-in service is too large.")
                return Answer(response.status, body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(
                f"The sign-in service does not answer ({type(error).__name__}).",
                "Try again in a minute. If this lasts, tell an administrator.",
            ) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
