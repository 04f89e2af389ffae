"""Numbers as the controller has them: 32-bit and 64-bit integers, and divisions by zero."""

from __future__ import annotations

import math

MAX32 = 2**31 - 1
MAX64 = 2**63 - 1


def int32(value: int) -> int:
    """Return ``value`` cut to 32 bits."""
    if -MAX32 <= value <= MAX32:
        return value
    return (value + 2**31) % 2**32 - 2**31


def int64(value: int) -> int:
    """Return ``value`` cut to 64 bits."""
    if -MAX64 <= value <= MAX64:
        return value
    return (value + 2**63) % 2**64 - 2**63


def ceil32(value: float) -> int:
    """Return the least integer not below ``value``.

    What is out of range becomes the smallest 32-bit integer, as on amd64.
    """
    if -MAX32 <= value <= MAX32:
        return math.ceil(value)
    return -MAX32 - 1


def quotient(value: float, divisor: float) -> float:
    """Return ``value / divisor``; infinite, or no number, for a divisor of 0."""
    if divisor:
        return value / divisor
    return math.copysign(math.inf, value) if value else math.nan


def truncated(value: int, divisor: int) -> int:
    """Return the integer quotient, cut towards 0."""
    return value // divisor if value >= 0 else -(-value // divisor)
