"""Clifford attractors: a point hops through the plane, and where it has been makes the picture.

x' = sin(a·y) + c·cos(a·x),  y' = sin(b·x) + d·cos(b·y)

Plain Python on purpose: the cost in CPU is the number of hops, and the image needs no numpy.
"""

from __future__ import annotations

import time
from math import cos, log1p, sin

SIZE = 240
"""Width and height of the picture, in cells."""
MAX_HOPS = 600_000
MAX_WORK_MS = 1000


def density(a: float, b: float, c: float, d: float, hops: int) -> bytes:
    """Return how often each cell was visited, row by row, on a logarithmic scale of 0 to 255.

    ``hops`` is bounded by MAX_HOPS.
    """
    counts = [0] * (SIZE * SIZE)
    reach_x, reach_y = 1 + abs(c), 1 + abs(d)
    scale_x, scale_y = (SIZE - 1) / (2 * reach_x), (SIZE - 1) / (2 * reach_y)
    x = y = 0.1
    for _ in range(min(hops, MAX_HOPS)):
        x, y = sin(a * y) + c * cos(a * x), sin(b * x) + d * cos(b * y)
        counts[int((y + reach_y) * scale_y) * SIZE + int((x + reach_x) * scale_x)] += 1
    top = log1p(max(counts)) or 1.0
    shades = {count: round(255 * log1p(count) / top) for count in set(counts)}
    return bytes(shades[count] for count in counts)


def burn(milliseconds: int) -> float:
    """Use the CPU for some milliseconds, at most MAX_WORK_MS; return what was used.

    It is this thread's CPU time that counts: on a throttled pod the same work takes longer.
    """
    begin = time.thread_time()
    end = begin + min(milliseconds, MAX_WORK_MS) / 1000
    value = 0.5
    while time.thread_time() < end:
        for _ in range(1000):
            value = sin(value) + cos(value)
    return (time.thread_time() - begin) * 1000
