"""Replay: an autoscaler followed over many syncs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol, TypeVar

from msgspec import Struct

from portal.autoscaling.engine import Decision, decide
from portal.autoscaling.spec import FLAGS, LATEST, Flags, Spec
from portal.autoscaling.state import Answer, Conditions, History, Pod, Scale, State


class Timed(Protocol):
    """A part of a record; ``at`` is its time in seconds."""

    @property
    def at(self) -> float:
        """The time."""
        ...


Part = TypeVar("Part", bound=Timed)


INTERRUPTION = 330.0
"""Seconds without a part after which a record is taken to be interrupted.

Of equal consecutive samples only the first and the last of five minutes are recorded.
"""


def syncs(record: Sequence[Part]) -> Iterator[tuple[float, Part]]:
    """Yield the times of an autoscaler's syncs, each with the newest part of a record before it.

    Where the record was interrupted (``INTERRUPTION``) one sync follows the part before that.
    """
    period = FLAGS.sync_period
    for part, following in pairwise(record):
        at = -(-part.at // period) * period
        until = following.at if following.at - part.at <= INTERRUPTION else part.at + period
        while at < until:
            yield at, part
            at += period


class Observation(Struct, frozen=True):
    """The pods and answers that the controller found at one sync.

    ``scale`` is None to go on with the replicas that the replay itself came to.
    """

    now: float
    pods: Sequence[Pod]
    answers: Sequence[Answer]
    scale: Scale | None = None


def replay(
    spec: Spec,
    observations: Iterable[Observation],
    *,
    flags: Flags = FLAGS,
    minor: int = LATEST,
    history: History | None = None,
    conditions: Conditions | None = None,
    desired: int = 0,
) -> list[Decision]:
    """Return the decision at each observation, each of which goes on from the one before.

    The first observation needs a ``scale``.
    """
    decisions: list[Decision] = []
    scale: Scale | None = None
    known: Conditions = conditions or {}
    kept = history or History()
    for each in observations:
        scale = each.scale or scale
        if scale is None:
            raise ValueError("the first observation has no scale")
        decision = decide(
            State(
                each.now,
                spec,
                scale,
                each.pods,
                each.answers,
                kept,
                known,
                desired,
                flags,
                minor,
            )
        )
        decisions.append(decision)
        kept, known, desired = decision.history, decision.conditions, decision.desired
        scale = Scale(decision.replicas, decision.replicas)
    return decisions
