from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

import portal.helm_service.review as module
from portal.domain.errors import ChartError
from portal.helm_service.review import Review, listening

RELAY = Path(module.__file__).with_name("plugins") / "review" / "relay.py"


async def relayed(review: Review, manifest: bytes) -> tuple[int, bytes, BaseException | None]:
    """The result of Helm's post-renderer: exit status, output, and the review's exception."""
    async with listening(review) as (socket, outcome):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(RELAY), str(socket)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await process.communicate(manifest)
        return process.returncode or 0, printed, outcome.error


async def test_what_the_review_gives_is_what_helm_gets() -> None:
    large = "x" * 3_000_000 + "é"

    async def review(manifest: str) -> str:
        assert manifest == large
        return manifest[::-1]

    status, printed, error = await relayed(review, large.encode())
    assert (status, printed.decode(), error) == (0, large[::-1], None)


async def test_a_refusal_ends_helm_and_is_kept() -> None:
    async def review(manifest: str) -> str:
        raise ChartError("no")

    status, printed, error = await relayed(review, b"kind: Pod")
    assert (status, printed, str(error)) == (1, b"", "no")


async def test_a_chart_that_renders_nothing_is_no_failure() -> None:
    async def review(manifest: str) -> str:
        return manifest

    status, printed, error = await relayed(review, b"")
    assert (status, error) == (0, None)
    assert printed.startswith(b"#"), "Helm takes an empty answer for a failure"


@pytest.mark.parametrize("manifest", [b"\xff\xfe", b"x" * (9 * 2**20)], ids=["no text", "too long"])
async def test_what_cannot_be_read_is_refused_unseen(manifest: bytes) -> None:
    async def review(manifest: str) -> str:
        raise AssertionError("not asked")

    status, printed, error = await relayed(review, manifest)
    assert (status, printed) == (1, b"")
    assert isinstance(error, ChartError)


async def answered(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def test_only_one_manifest_is_reviewed_and_only_by_its_own_user() -> None:
    async def review(manifest: str) -> str:
        return manifest

    async with listening(review) as (socket, _):
        assert socket.parent.stat().st_mode & 0o077 == 0
        for expected in (b"a", b""):
            reader, writer = await asyncio.open_unix_connection(socket)
            writer.write(b"a")
            writer.write_eof()
            assert await answered(reader) == expected
            writer.close()
    assert not socket.exists()
