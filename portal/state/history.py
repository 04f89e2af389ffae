"""A bounded history of one app: fine for the last minutes, thinned to one a minute before.

Six hours come to about 435 samples: 90 for the newest 15 minutes at one poll in 10 s, 345 for
the rest. A sample weighs 200 to 400 bytes: about 100 KB an app when its ring is full.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta

from portal.state.model import Sample

SPAN = timedelta(hours=6)
FINE_SPAN = timedelta(minutes=15)
COARSE_STEP = timedelta(minutes=1)
MAX_SAMPLES = 720
"""Cap on each half of the ring, for an app whose counts change all the time."""


class History:
    """Samples of one app, oldest first."""

    def __init__(self) -> None:
        self._fine: deque[Sample] = deque(maxlen=MAX_SAMPLES)
        self._coarse: deque[Sample] = deque(maxlen=MAX_SAMPLES)

    def add(self, sample: Sample) -> None:
        """Append ``sample``, thin what is older than the fine span, drop what is too old."""
        self._fine.append(sample)
        while self._fine[0].at < sample.at - FINE_SPAN:
            self._keep_coarsely(self._fine.popleft())
        while self._coarse and self._coarse[0].at < sample.at - SPAN:
            self._coarse.popleft()

    def _keep_coarsely(self, sample: Sample) -> None:
        last = self._coarse[-1] if self._coarse else None
        if last is None or sample.at - last.at >= COARSE_STEP or not same_counts(sample, last):
            self._coarse.append(sample)

    @property
    def last(self) -> Sample | None:
        """The newest sample."""
        return self._fine[-1] if self._fine else None

    def samples(self) -> tuple[Sample, ...]:
        """All samples, oldest first."""
        return (*self._coarse, *self._fine)


def same_counts(a: Sample, b: Sample) -> bool:
    """Whether two samples agree on replicas and bounds: thinning must not lose a change."""
    return (a.desired, a.current, a.ready, a.min_replicas, a.max_replicas) == (
        b.desired,
        b.current,
        b.ready,
        b.min_replicas,
        b.max_replicas,
    )


def same_reading(a: Sample, b: Sample) -> bool:
    """Whether two samples say the same of replicas, bounds and the HPA's metrics."""
    return same_counts(a, b) and a.metrics == b.metrics
