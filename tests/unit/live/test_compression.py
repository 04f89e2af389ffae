from __future__ import annotations

import json
import zlib

from portal.live.compression import SMALLEST, compressed


def test_a_long_frame_is_smaller_and_the_same() -> None:
    frame = json.dumps(
        {"view": "apps", "patches": {"x": {"children": "Both pods are ready. " * 90}}}
    )
    small = compressed(frame)
    assert small is not None
    assert len(small) < len(frame) / 5
    assert zlib.decompress(small, wbits=-zlib.MAX_WBITS).decode() == frame


def test_a_short_frame_stays() -> None:
    assert compressed("x" * (SMALLEST - 1)) is None


def test_who_get_the_same_frame_share_it() -> None:
    frame = "shared" * SMALLEST
    assert compressed(frame) is compressed(frame)
