"""Delays between retries."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Doubling delays with jitter, so that many clients do not return all at once.

    Each delay lies between half the current step and the step; ``reset`` after a success.
    """

    def __init__(
        self,
        first: float = 0.5,
        most: float = 10.0,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._first = first
        self._most = most
        self._rand = rand
        self._step = first

    def next(self, at_least: float = 0.0) -> float:
        """Seconds to wait now, ``at_least`` included: the time that the server asked for."""
        delay = self._step * (0.5 + self._rand() / 2)
        self._step = min(self._step * 2, self._most)
        return at_least + delay if at_least > delay else delay

    def reset(self) -> None:
        """Start over with the shortest delay."""
        self._step = self._first


def jittered(seconds: float, by: float = 0.2, rand: Callable[[], float] = random.random) -> float:
    """``seconds`` reduced by a random fraction of up to ``by``."""
    return seconds * (1 - by * rand())
