"""Predictions of an autoscaler's syncs and of its changes, and how they came true. Pure."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

KEPT = 40
"""The most graded predictions that are kept one by one; all of them are counted."""

NEAR = 15.0
"""Seconds by which the time of a foreseen change may be off: one sync."""


class Prediction(Struct, frozen=True):
    """The replicas after the sync that is due at ``due``, as foreseen at ``made``, in seconds.

    ``present`` are the replicas at that time. ``low`` and ``high`` bound the replicas where newer
    samples will come before the sync; without such they are ``replicas``.
    """

    made: float
    due: float
    present: int
    replicas: int
    low: int
    high: int


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
    def within(self) -> bool:
        """True if it came within the bounds of the prediction."""
        return self.prediction.low <= self.came <= self.prediction.high

    @property
    def step(self) -> bool:
        """True if replicas changed, or were to change."""
        return len({self.prediction.present, self.prediction.replicas, self.came}) > 1


class Step(Struct, frozen=True):
    """A change of the replicas that is foreseen if nothing else happens.

    It is due at the time ``due``. It was foreseen first at the time ``made``, for ``first``.
    """

    made: float
    first: float
    due: float
    before: int
    after: int

    @property
    def up(self) -> bool:
        """True if pods are added."""
        return self.after > self.before


class GradedStep(Struct, frozen=True):
    """A change that came at the time ``at``, and the step that was foreseen, None without one.

    A change that was foreseen and did not come has ``after`` equal to ``before``.
    """

    at: float
    before: int
    after: int
    step: Step | None = None

    @property
    def came(self) -> bool:
        """True if it came."""
        return self.after != self.before

    @property
    def off(self) -> float | None:
        """The seconds by which it came later than was foreseen first; None if it was not."""
        step = self.step
        if step is None or not self.came or step.up != (self.after > self.before):
            return None
        return self.at - step.first

    @property
    def ahead(self) -> float | None:
        """The seconds before it at which it was foreseen; None if it was not."""
        return None if self.off is None or self.step is None else self.at - self.step.made

    @property
    def hit(self) -> bool:
        """True if it came at about the time that was foreseen."""
        return self.off is not None and abs(self.off) <= NEAR


class Grades(Struct, frozen=True):
    """The predictions so far: ``hits`` of ``syncs``, and ``within`` of them within their bounds.

    ``steps`` and ``step_hits`` are the syncs among them that changed the replicas, or were
    predicted to: the others are easy. ``latest`` are the newest of these and of the misses, oldest
    first. ``changes`` came, of which ``timed`` at about the time that was foreseen; ``unfounded``
    ones were foreseen and did not come. ``graded`` are the newest of both, oldest first.
    """

    syncs: int = 0
    hits: int = 0
    within: int = 0
    steps: int = 0
    step_hits: int = 0
    latest: tuple[Graded, ...] = ()
    changes: int = 0
    timed: int = 0
    unfounded: int = 0
    graded: tuple[GradedStep, ...] = ()

    def added(self, graded: Graded) -> Grades:
        """Return the grades with one more prediction of a sync."""
        kept = graded.step or not graded.hit
        return replace(
            self,
            syncs=self.syncs + 1,
            hits=self.hits + graded.hit,
            within=self.within + graded.within,
            steps=self.steps + graded.step,
            step_hits=self.step_hits + (graded.step and graded.hit),
            latest=(*self.latest, graded)[-KEPT:] if kept else self.latest,
        )

    def stepped(self, graded: GradedStep) -> Grades:
        """Return the grades with one more change, or one that did not come."""
        return replace(
            self,
            changes=self.changes + graded.came,
            timed=self.timed + graded.hit,
            unfounded=self.unfounded + (not graded.came),
            graded=(*self.graded, graded)[-KEPT:],
        )


def standing(before: Step | None, found: Step | None) -> Step | None:
    """Return what is foreseen now: with its first time, if that is about what it was before."""
    if before is None or found is None:
        return found
    same = (before.before, before.up) == (found.before, found.up)
    if same and abs(found.due - before.due) <= NEAR:
        return replace(found, made=before.made, first=before.first)
    return found
