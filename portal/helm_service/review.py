"""Review of a rendered manifest before Helm applies it.

Helm's post-renderer is a plug-in of the portal, which passes the manifest, hooks included, through
a Unix socket, and receives the manifest to apply. So exactly what is applied has been reviewed: a
separate rendering could differ, since templates can read the cluster, the time and random numbers.
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
"""Name of the plug-in in ``plugins/``."""

Review = Callable[[str], Awaitable[str]]
"""Takes a rendered manifest; returns the one to apply. If it raises, nothing is applied."""

_NOTHING = "# This chart renders no objects.\n"
"""The answer for an empty manifest: Helm treats an empty answer as a failure."""


class Outcome(Struct):
    """The outcome of a review: True in ``reviewed`` if it ran, and the ``error`` it raised."""

    error: BaseException | None = None
    reviewed: bool = False


@asynccontextmanager
async def listening(review: Review) -> AsyncGenerator[tuple[Path, Outcome]]:
    """Listen on a Unix socket for one manifest, for as long as the block lasts.

    Yields the socket's path, to which only the portal's own user may connect, and the outcome.
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
            return  # Helm has ended; its own error says why
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
    """The whole manifest. Raises ``ChartError`` if it is too long or not text."""
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
        raise ChartError("The rendered manifest is not text.") from error
