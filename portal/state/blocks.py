"""Rows of one width, packed into small blocks of bytes; each row begins with its time.

A history grows by a row every few seconds. Were it one piece, each row would make it anew a little
longer, and thousands of such pieces leave malloc's memory full of holes that nothing fits into. So
a block stays below what Python's own allocator takes, and one that is full is never made anew.
It serves the bar of 250 MiB with six hours of history (``benchmarks/RESULTS.md``): as lists of
numbers the history alone would take 100 MB more.
"""

from __future__ import annotations

from itertools import chain
from struct import Struct
from typing import TypeAlias

Blocks: TypeAlias = tuple[bytes, ...]

LARGEST = 512 - 33
"""Bytes in a block: what Python allocates itself, without the head of the object."""

_TIME = Struct("<I")


def put(blocks: Blocks, rows: bytes, width: int) -> Blocks:
    """``blocks`` and more ``rows``."""
    most = LARGEST // width * width
    if blocks and len(blocks[-1]) < most:
        *full, last = blocks
        rows = last + rows
    else:
        full = blocks
    return (*full, *(rows[at : at + most] for at in range(0, len(rows), most)))


def without_last(blocks: Blocks, width: int) -> Blocks:
    """``blocks`` but for their last row."""
    *full, last = blocks
    return (*full, last[:-width]) if len(last) > width else tuple(full)


def repeats(blocks: Blocks, row: bytes, width: int) -> bool:
    """Whether the last two rows say what ``row`` says, at other times."""
    said = row[_TIME.size :]
    last = b"".join(blocks[-2:])[-2 * width :]
    return last[_TIME.size : width] == said == last[width + _TIME.size :]


def split(blocks: Blocks, width: int, since: int) -> tuple[Blocks, Blocks]:
    """The rows that are older than ``since``, in seconds since 1970, and the others."""
    for place, block in enumerate(blocks):
        if last_time(block, width) >= since:
            cut = next(at for at in range(0, len(block), width) if time_of(block, at) >= since)
            if not cut:
                return blocks[:place], blocks[place:]
            return (*blocks[:place], block[:cut]), (block[cut:], *blocks[place + 1 :])
    return blocks, ()


def joined(*parts: Blocks) -> bytes:
    """All rows in one piece."""
    return b"".join(chain(*parts))


def size(*parts: Blocks) -> int:
    """Bytes of all rows."""
    return sum(map(len, chain(*parts)))


def time_of(rows: bytes, at: int = 0) -> int:
    """The time of the row at an offset."""
    return _TIME.unpack_from(rows, at)[0]


def last_time(rows: bytes, width: int) -> int:
    """The time of the last row."""
    return time_of(rows, len(rows) - width)
