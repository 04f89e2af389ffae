"""Sends messages to a webhook: one after another, each tried a few times, from a bounded queue."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

from portal.domain.retry_after import retry_after_seconds
from portal.notifications.messages import Message

log = logging.getLogger(__name__)

MOST_WAITING = 100
"""The most messages that wait; the oldest are dropped, and counted."""

PAUSES = (1.0, 5.0, 25.0)
"""Seconds before each further attempt."""

LONGEST_PAUSE = 60.0
TIMEOUT = 10.0
"""Seconds for one attempt."""


def webhook_problem(url: str, *, allow_http: bool) -> str:
    """Return why an address cannot be the webhook's, without quoting it; "" if it can."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "this is not a valid address."
    if any(each.isspace() for each in url) or not host:
        return "it has to hold one address, such as https://hooks.example.com/services/…"
    if parts.scheme == "https" or (parts.scheme == "http" and allow_http):
        return ""
    return (
        "the address has to begin with https://. For one inside the cluster without TLS set "
        "DASH_PORTAL_WEBHOOK_ALLOW_HTTP."
    )


class Answer(Struct, frozen=True):
    """The status of an answer, 0 for none; ``retry_after`` is in seconds, None if not named.

    ``error`` is the type of the error, without the address, which is a secret.
    """

    status: int
    retry_after: float | None = None
    error: str = ""

    @property
    def taken(self) -> bool:
        """True if the message was taken."""
        return 200 <= self.status < 300

    @property
    def passing(self) -> bool:
        """True if it is worth while to try again."""
        return self.status in {0, 408, 429} or self.status >= 500


class Post(Protocol):
    """Sends one message; tests put a fake in its place."""

    async def __call__(self, message: Message) -> Answer:
        """Send it and return the answer; never raises an error of the network."""
        ...


class HttpPost:
    """Posts JSON to one address, and follows no redirects. Close it after use."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, message: Message) -> Answer:
        """Send a message."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        try:
            async with self._session.post(
                self._url, json=message, allow_redirects=False
            ) as response:
                wait = response.headers.get("Retry-After")
                seconds = retry_after_seconds(wait, longest=LONGEST_PAUSE) if wait else None
                return Answer(response.status, seconds)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return Answer(0, error=type(error).__name__)

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()


class Webhook:
    """The queue of a webhook. ``counts`` are the messages that were sent, failed and dropped."""

    def __init__(self, post: Post, *, pauses: tuple[float, ...] = PAUSES) -> None:
        self._post = post
        self._pauses = pauses
        self._waiting: deque[Message] = deque()
        self._added = asyncio.Event()
        self._counts = {"sent": 0, "failed": 0, "dropped": 0}

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of messages by what became of them."""
        return self._counts

    def say(self, message: Message | None) -> None:
        """Queue a message; of too many the oldest is dropped."""
        if message is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._counts["dropped"] += 1
        self._waiting.append(message)
        self._added.set()

    async def run(self) -> None:
        """Send what is queued, until cancelled."""
        while True:
            await self._added.wait()
            while self._waiting:
                try:
                    await self._send(self._waiting.popleft())
                except Exception:  # one message must not end them all, and the portal with them
                    self._counts["failed"] += 1
                    log.exception("a message of the webhook failed")
            self._added.clear()

    async def _send(self, message: Message) -> None:
        answer = await self._post(message)
        for pause in self._pauses:
            if not answer.passing:
                break
            await asyncio.sleep(min(max(pause, answer.retry_after or 0.0), LONGEST_PAUSE))
            answer = await self._post(message)
        if answer.taken:
            self._counts["sent"] += 1
            return
        self._counts["failed"] += 1
        why = answer.error or f"status {answer.status}"
        log.warning("the webhook did not take a message: %s", why)
