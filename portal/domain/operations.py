"""Operations: what the portal has been asked to do to a release, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field

from portal.domain.keys import Key
from portal.domain.relations import Watched

LEASE_SECONDS = 15.0
"""How long a portal that holds a release may be silent before it counts as dead."""


STOP_PATIENCE = 3.0
"""Seconds that Helm may go on when its portal is told to stop: most are done by then."""
STOP_GRACE = 5.0
"""Seconds that what is then asked to end gets, and one less until Helm is killed."""

DEAD_AFTER = 600.0
"""Seconds in a pending state, without an operation of ours, after which nobody is thought to be
at work on a release any more. Helm's own default time-out is 300 s."""


class Verb(Struct, frozen=True):
    """What an operation does, as its action declares it; recorded with the operation.

    ``name`` is what records, logs and metrics call it. ``noun`` ("rollback") and ``progressive``
    ("rolling back") are for sentences. ``creates``: there may be no release before.
    ``removes``: there is none afterwards, and half of it is of no use.
    """

    name: str
    noun: str
    progressive: str
    creates: bool = False
    removes: bool = False

    def __str__(self) -> str:
        """The name."""
        return self.name


class OperationPhase(StrEnum):
    """Where an operation is. The last four are terminal."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting for the rollout"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def terminal(self) -> bool:
        """Whether nothing more will happen."""
        return self not in {
            OperationPhase.QUEUED,
            OperationPhase.RUNNING,
            OperationPhase.WAITING,
        }


class Step(Struct, frozen=True):
    """One step. ``ended_at`` is None while it runs; ``error`` is empty unless it failed."""

    title: str
    started_at: datetime
    ended_at: datetime | None = None
    error: str = ""


class Operation(Struct, frozen=True):
    """One operation on one release. ``fields`` maps form fields to what was wrong with them.

    ``base`` is the newest revision that there was when it began, and ``description`` what Helm
    was told to write into the release's history.
    """

    id: str
    key: Key
    verb: Verb
    actor: str
    phase: OperationPhase
    created_at: datetime
    updated_at: datetime
    steps: tuple[Step, ...] = ()
    error: str = ""
    advice: str = ""
    revision: int | None = None
    helm_seconds: float | None = None
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    base: int = 0
    description: str = ""


class OperationLease(Watched, frozen=True):
    """A release's operation as the cluster keeps it, and the portal that holds the release.

    ``holder`` is "" when nobody works on it (any more); ``cancel`` is who asked to end it; and
    ``version`` changes with every write ("" before the first).
    """

    operation: Operation
    holder: str
    version: str = ""
    cancel: str = ""
