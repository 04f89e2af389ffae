"""Rows of fixed width, packed into small blocks of bytes; each row begins with its time.

A history grows by a row every few seconds. In one piece, it would be copied for each row, and
thousands of growing pieces fragment malloc's heap. So a block stays within the size that Python's
own allocator handles, and a full one is never copied again. This serves the bar of
250 MiB with six hours of history (``benchmarks/RESULTS.md``): as lists of numbers the history alone
would take 100 MB more.
"""

from __future__ import annotations

from itertools import chain
from struct import Struct
from typing import TypeAlias

Blocks: TypeAlias = tuple[bytes, ...]

LARGEST = 512 - 33
"""Maximum bytes in a block: the limit of Python's allocator less the object's header."""

_TIME = Struct("<I")


def put(blocks: Blocks, rows: bytes, width: int) -> Blocks:
    """Return ``blocks`` with ``rows`` appended."""
    most = LARGEST // width * width
    if blocks and len(blocks[-1]) < most:
        *full, last = blocks
        rows = last + rows
    else:
        full = blocks
    return (*full, *(rows[at : at + most] for at in range(0, len(rows), most)))


def without_last(blocks: Blocks, width: int) -> Blocks:
    """Return ``blocks`` without their last row."""
    *full, last = blocks
    return (*full, last[:-width]) if len(last) > width else tuple(full)


def repeats(blocks: Blocks, row: bytes, width: int) -> bool:
    """Return True if the last two rows equal ``row`` apart from their times."""
    content = row[_TIME.size :]
    last = b"".join(blocks[-2:])[-2 * width :]
    return last[_TIME.size : width] == content == last[width + _TIME.size :]


def split(blocks: Blocks, width: int, since: int) -> tuple[Blocks, Blocks]:
    """Return the rows older than ``since``, in Unix seconds, and the others."""
    for place, block in enumerate(blocks):
        if last_time(block, width) >= since:
            cut = next(at for at in range(0, len(block), width) if time_of(block, at) >= since)
            if not cut:
                return blocks[:place], blocks[place:]
            return (*blocks[:place], block[:cut]), (block[cut:], *blocks[place + 1 :])
    return blocks, ()


def joined(*parts: Blocks) -> bytes:
    """Return all rows in one piece."""
    return b"".join(chain(*parts))


def size(*parts: Blocks) -> int:
    """Return the number of bytes of all rows."""
    return sum(map(len, chain(*parts)))


def time_of(rows: bytes, at: int = 0) -> int:
    """Return the time of the row at an offset, in Unix seconds."""
    return _TIME.unpack_from(rows, at)[0]


def last_time(rows: bytes, width: int) -> int:
    """Return the time of the last row, in Unix seconds."""
    return time_of(rows, len(rows) - width)
