"""Predictions of an autoscaler's syncs, and how many of them came true. Pure."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

KEPT = 40
"""The most graded predictions that are kept one by one; all of them are counted."""


class Prediction(Struct, frozen=True):
    """The replicas after the sync that is due at ``due``, as foreseen at ``made``, in seconds.

    ``present`` are the replicas at that time.
    """

    made: float
    due: float
    present: int
    replicas: int


class Graded(Struct, frozen=True):
    """A prediction, and the replicas that came at the time ``at``."""

    prediction: Prediction
    came: int
    at: float

    @property
    def hit(self) -> bool:
        """True if it came as predicted."""
        return self.prediction.replicas == self.came

    @property
    def step(self) -> bool:
        """True if replicas changed, or were to change."""
        return len({self.prediction.present, self.prediction.replicas, self.came}) > 1


class Grades(Struct, frozen=True):
    """The predictions so far: ``hits`` of ``syncs``, and of the ``steps`` among them.

    A step is a sync that changed the replicas, or was predicted to: the others are easy. ``latest``
    are the newest steps and misses, oldest first.
    """

    syncs: int = 0
    hits: int = 0
    steps: int = 0
    step_hits: int = 0
    latest: tuple[Graded, ...] = ()

    def added(self, graded: Graded) -> Grades:
        """Return the grades with one more."""
        kept = graded.step or not graded.hit
        return replace(
            self,
            syncs=self.syncs + 1,
            hits=self.hits + graded.hit,
            steps=self.steps + graded.step,
            step_hits=self.step_hits + (graded.step and graded.hit),
            latest=(*self.latest, graded)[-KEPT:] if kept else self.latest,
        )
