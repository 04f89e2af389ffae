"""The times at which the metrics API has new samples, learnt from its answers. Pure.

It has new ones at even intervals, such as every 15 s. An autoscaler's controller reads the newest;
who reads at intervals of their own has one that is up to such an interval old.
"""

from __future__ import annotations

import math
from itertools import pairwise

KEPT = 6
"""The sample times from which the interval between two is taken."""

SOONEST, LATEST = 0.75, 1.5
"""The parts of the usual interval between which a read may be moved to when a new sample comes."""

RETRY, RETRIES = 1.0, 3
"""Seconds until a sample that was not there yet is looked for again, and how often that is done."""

STEP = 1.0
LEAST_STEP = 0.1
"""Seconds by which a sample is looked for sooner than the last one, at first and later on."""


class SampleTimes:
    """Tells when to read next, at ``interval`` seconds unless a new sample is due at about then."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._times: list[float] = []
        self._late = 0.0
        self._step = STEP
        self._expected = False
        self._missed = 0

    def after(self, newest: float, now: float) -> float | None:
        """Return the seconds until the next read; None for the usual interval.

        ``newest`` is the time of the newest sample, 0 without one. Both times are in seconds, by
        two clocks that need not agree.
        """
        if not newest:
            return None
        if not self._times or newest > self._times[-1]:
            self._found(newest, now)
        elif self._expected:
            self._missed += 1
            self._step = max(LEAST_STEP, self._step / 2)
            if self._missed <= RETRIES:
                return RETRY
            self._late += RETRY
        return self._until(now)

    def _found(self, newest: float, now: float) -> None:
        """Learn from a new sample; one that was looked for in vain before tells how late it is."""
        known = len(self._times) > 1 and self._expected and not self._missed
        self._late = self._late - self._step if known else now - newest
        self._times = [*self._times, newest][-KEPT:]
        self._missed = 0

    def _until(self, now: float) -> float | None:
        self._expected = False
        gaps = sorted(later - earlier for earlier, later in pairwise(self._times))
        if len(gaps) < 2:
            return None
        every = max(RETRY, gaps[len(gaps) // 2])
        due = self._times[-1] + every + self._late - now
        due += every * max(0, math.ceil((SOONEST * self._interval - due) / every))
        if due > LATEST * self._interval or self._missed > RETRIES:
            return None
        self._expected = True
        return due
