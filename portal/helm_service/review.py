"""Looking at what Helm has rendered before Helm applies it.

Helm's post-renderer is a plug-in of ours that hands the manifest, hooks included, to the portal
through a Unix socket, and gets back what is to be applied. So what is looked at is what is applied:
a second rendering could differ, since templates read the cluster, the time and chance.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from portal.domain.errors import ChartError
from portal.domain.manifests import MAX_MANIFEST, independent

PLUGIN = "review"
"""The plug-in of that name, in ``plugins/``."""

Review = Callable[[str], Awaitable[str]]
"""Looks at a rendered manifest; returns what is to be applied. If it raises, nothing is."""

_NOTHING = "# This chart renders no objects.\n"
"""Helm takes an empty answer for a failure."""


class Outcome(Struct):
    """How a review went: ``error`` is what it raised."""

    error: BaseException | None = None
    reviewed: bool = False


@asynccontextmanager
async def listening(review: Review) -> AsyncGenerator[tuple[Path, Outcome]]:
    """Wait for one manifest, at the socket that is given, for as long as the block lasts.

    Only the portal's own user may connect.
    """
    outcome = Outcome()
    tasks: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if outcome.reviewed:
                return
            outcome.reviewed = True
            try:
                answered = await review(await _manifest(reader))
            except BaseException as error:
                outcome.error = error
                if not isinstance(error, Exception):
                    raise
                return
            writer.write((answered if answered.strip() else _NOTHING).encode())
            await writer.drain()
        except ConnectionError:
            return  # Helm was ended meanwhile, which its own error tells
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(answer(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    with TemporaryDirectory(prefix="review-") as at:
        path = Path(at) / "socket"
        server = await asyncio.start_unix_server(connected, path)
        try:
            yield path, outcome
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _manifest(reader: asyncio.StreamReader) -> str:
    """All of it. Raises ``ChartError`` if it is too long, or no text."""
    parts: list[bytes] = []
    size = 0
    while part := await reader.read(1 << 16):
        size += len(part)
        if size > MAX_MANIFEST:
            raise ChartError(f"The manifest is longer than {MAX_MANIFEST // 2**20} MiB.")
        parts.append(part)
    try:
        return await asyncio.to_thread(independent, b"".join(parts).decode())
    except UnicodeDecodeError as error:
        raise ChartError("What the chart renders is not text.") from error
