"""Packed rows of fixed width, as they are stored: sorted by byte, and compressed. Pure.

Neighbouring rows differ little, and most in the low bytes of their numbers. So all first bytes are
put together, all second bytes, and so on, which halves what the compression leaves.
"""

from __future__ import annotations

import zlib

import msgspec

LEVEL = 6
"""Of zlib: beyond it blocks of this size get no smaller."""
LARGEST = 2**20
"""Bytes of a block before compression; the portal's own have some thousand."""

_Block = tuple[tuple[str, ...], int, bytes]


def packed(names: tuple[str, ...], width: int, rows: bytes) -> bytes:
    """Return rows of ``width`` bytes with the names that tell how to read them, as one block."""
    by_byte = b"".join(rows[at::width] for at in range(width))
    return zlib.compress(msgspec.msgpack.encode((names, width, by_byte)), LEVEL)


def unpacked(block: bytes) -> tuple[tuple[str, ...], int, bytes]:
    """Return the names of a block, the bytes of a row, and the rows.

    Raises:
        ValueError: it is none, or of a later version of the portal.
    """
    names, width, by_byte = msgspec.msgpack.decode(inflated(block), type=_Block)
    if width < 1 or len(by_byte) % width:
        raise ValueError("a block with part of a row")
    count = len(by_byte) // width
    return names, width, b"".join(by_byte[at::count] for at in range(count))


def inflated(block: bytes) -> bytes:
    """Return what was compressed; raises ``ValueError`` if it is none, or over ``LARGEST``."""
    try:
        reader = zlib.decompressobj()
        content = reader.decompress(block, LARGEST)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not reader.eof:
        raise ValueError("a block that is cut off or too large")
    return content
