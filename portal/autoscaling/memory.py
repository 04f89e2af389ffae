"""The memory of a pod in two parts, by a record: a base, and what load brings. Pure.

A pod's memory is mostly that of the program itself, which does not divide among pods. What requests
take moves with the load of a pod. So memory is held against the CPU that load takes: the base is
what a pod would have without load, and the rest is a number of bytes for each core.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from statistics import median

from msgspec import Struct

ENOUGH = 12
"""The measurements without which all memory is taken to be base."""

CLEAR = 0.25
"""The part of the highest load by which loads have to differ, to tell what they bring."""

SLIGHT = 0.05
"""The part of a pod's memory up to which what moves with load is as good as nothing."""


class Confidence(StrEnum):
    """The confidence in the two parts of a memory."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Measurement(Struct, frozen=True):
    """The mean memory of a pod in bytes, and the mean cores that its load took."""

    memory: float
    cores: float


class MemoryModel(Struct, frozen=True):
    """The memory of a pod: ``base`` bytes, and ``a_core`` for each core of its load.

    ``moves`` is the part of its memory, from 0 to 1, by which it differed between quiet and busy
    times because of the load.
    """

    base: float = 0.0
    a_core: float = 0.0
    moves: float = 0.0
    confidence: Confidence = Confidence.LOW


def memory_model(measurements: Sequence[Measurement]) -> MemoryModel:
    """Return the two parts of a pod's memory.

    They are told by the medians of the quietest third and of the busiest: single odd measurements
    do not move them. Where loads hardly differ, all of it is taken to be base.
    """
    usual = median(each.memory for each in measurements) if measurements else 0.0
    if len(measurements) < ENOUGH:
        return MemoryModel(usual)
    ordered = sorted(measurements, key=lambda each: each.cores)
    third = len(ordered) // 3
    quiet, busy = _middle(ordered[:third]), _middle(ordered[-third:])
    apart = busy.cores - quiet.cores
    if apart <= CLEAR * busy.cores:
        return MemoryModel(usual)
    # More than all of a pod's memory cannot be brought by load, nor less than none.
    a_core = min(max(0.0, (busy.memory - quiet.memory) / apart), busy.memory / busy.cores)
    base = median(max(0.0, each.memory - a_core * each.cores) for each in ordered)
    moves = a_core * apart / busy.memory if busy.memory else 0.0
    return MemoryModel(base, a_core, moves, _confidence(ordered, base, a_core, apart))


def _middle(part: Sequence[Measurement]) -> Measurement:
    return Measurement(median(each.memory for each in part), median(each.cores for each in part))


def _confidence(
    measurements: Sequence[Measurement], base: float, a_core: float, apart: float
) -> Confidence:
    """Return how well the two parts explain what was measured."""
    rest = median(abs(each.memory - base - a_core * each.cores) for each in measurements)
    usual = median(each.memory for each in measurements)
    moved = a_core * apart
    if rest <= SLIGHT * usual:
        return Confidence.HIGH
    return Confidence.MEDIUM if rest <= max(moved / 2, 2 * SLIGHT * usual) else Confidence.LOW
