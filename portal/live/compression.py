"""Compression of frames.

gunicorn's ASGI worker does not support WebSocket compression (permessage-deflate), which would also
compress a frame again for each tab; here it is compressed once. Only pages of the portal may
connect (``portal.auth.csrf``), so no other site can put chosen text into a frame and infer the rest
from its length.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

SMALLEST = 1024
"""Characters of the shortest frame that is compressed: shorter ones fit into one packet."""

LEVEL = 3
"""The deflate level: 30 kB of a page become 4.6 in 0.2 ms; level 6 takes twice that for 4.1."""

_KEPT = 16


def compressed(frame: str) -> bytes | None:
    """Return a frame as raw deflate, or None if it is to be sent uncompressed."""
    return _deflated(frame) if len(frame) >= SMALLEST else None


def deflated(frame: str) -> bytes:
    """Return a frame as raw deflate."""
    squeeze = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)
    return squeeze.compress(frame.encode()) + squeeze.flush()


_deflated = lru_cache(maxsize=_KEPT)(deflated)
