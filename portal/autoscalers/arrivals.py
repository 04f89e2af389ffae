"""The arrivals of usage samples: when the next one comes, and how far the use moves between. Pure.

The metrics API has a new sample of all pods at even intervals. If one comes before a sync is due,
the sync reads that one, and what is known now bounds its result alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscaling.engine import Decision, decide
from portal.autoscaling.spec import Metric
from portal.autoscaling.state import Samples, State
from portal.domain.keys import Key
from portal.domain.objects import PodUsage

KEPT = 12
"""The samples that are kept: two or three minutes of them."""


class Arrivals(Struct, frozen=True):
    """The newest samples of an autoscaler's pods together, oldest first.

    ``times`` are those of the samples, ``seen`` when each was seen first, in seconds; ``cpu`` and
    ``memory`` the use of all pods, in thousandths of cores and of bytes.
    """

    times: tuple[float, ...] = ()
    seen: tuple[float, ...] = ()
    cpu: tuple[float, ...] = ()
    memory: tuple[float, ...] = ()

    def added(self, usage: Mapping[Key, PodUsage], now: float) -> Arrivals:
        """Return the arrivals with a sample that is newer than all before."""
        newest = max((each.at.timestamp() for each in usage.values()), default=0.0)
        if not usage or (self.times and newest <= self.times[-1]):
            return self
        return Arrivals(
            (*self.times, newest)[-KEPT:],
            (*self.seen, now)[-KEPT:],
            (*self.cpu, 1000 * sum(each.cpu for each in usage.values()))[-KEPT:],
            (*self.memory, 1000 * sum(each.memory for each in usage.values()))[-KEPT:],
        )

    def newer(self, until: float) -> int:
        """Return how many newer samples come until then; 0 if that is not known."""
        if len(self.times) < 3:
            return 0
        gaps = sorted(later - earlier for earlier, later in pairwise(self.times))
        late = min(seen - at for at, seen in zip(self.times, self.seen, strict=True))
        every = max(1.0, gaps[len(gaps) // 2])
        return max(0, int((until - late - self.times[-1]) // every))

    def moves(self, resource: str) -> tuple[float, float]:
        """Return the largest fall (0 or less) and rise of the use from one sample to the next."""
        use = self.cpu if resource == "cpu" else self.memory
        moved = [later - earlier for earlier, later in pairwise(use)]
        return min(0.0, 0.0, *moved), max(0.0, 0.0, *moved)


def bounds(state: State, decision: Decision, arrivals: Arrivals) -> tuple[int, int]:
    """Return the fewest and the most replicas after a sync, by the samples that come before it.

    The use is taken to move as far as it lately did at the most.
    """
    newer = arrivals.newer(state.now)
    if not newer:
        return decision.replicas, decision.replicas
    found = [decision.replicas]
    for side in (0, 1):
        answers = [
            _moved(answer, newer * arrivals.moves(metric.name)[side])
            if isinstance(answer, Mapping) and _measured(metric)
            else answer
            for metric, answer in zip(state.spec.metrics, state.answers, strict=True)
        ]
        found.append(decide(replace(state, answers=tuple(answers))).replicas)
    return min(found), max(found)


def _measured(metric: Metric) -> bool:
    return metric.name in {"cpu", "memory"}


def _moved(answer: Samples, by: float) -> Samples:
    """Return the samples with as much more or less in all."""
    each = by / len(answer)
    return {
        name: replace(sample, value=max(0, round(sample.value + each)))
        for name, sample in answer.items()
    }
