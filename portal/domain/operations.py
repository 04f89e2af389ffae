"""Operations on releases, and their progress."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field

from portal.domain.keys import Key
from portal.domain.relations import Watched

LEASE_SECONDS = 15.0
"""Seconds without a renewed lease after which a portal counts as stopped."""


STOP_PATIENCE = 3.0
"""Seconds that a running Helm gets to finish when its portal stops; most do."""
STOP_GRACE = 5.0
"""Seconds that tasks get after that; Helm, asked to end by then, is killed a second earlier."""

DEAD_AFTER = 600.0
"""Seconds in a pending state, without an operation of a portal, after which Helm counts as dead
and the release may be unlocked. Helm's own default time-out is 300 s."""


class Verb(Struct, frozen=True):
    """The kind of an operation, as its action declares it; recorded with the operation.

    ``name`` is used in records, logs and metrics; ``noun`` ("rollback") and ``progressive``
    ("rolling back") in sentences. ``creates``: the release need not exist before.
    ``removes``: the release is gone afterwards, so the operation must not be left half done.
    ``rolls_out``: what it waits for are the app's pods.
    """

    name: str
    noun: str
    progressive: str
    creates: bool = False
    removes: bool = False
    rolls_out: bool = True

    def __str__(self) -> str:
        """The name."""
        return self.name


class OperationPhase(StrEnum):
    """The phase of an operation. The last four are terminal."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting for the rollout"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def terminal(self) -> bool:
        """True if the operation has ended."""
        return self not in {
            OperationPhase.QUEUED,
            OperationPhase.RUNNING,
            OperationPhase.WAITING,
        }


class Step(Struct, frozen=True):
    """A step of an operation; ``ended_at`` is None while it runs, ``error`` is "" on success.

    ``waits``: it waits for the cluster, with nothing left to do.
    """

    title: str
    started_at: datetime
    ended_at: datetime | None = None
    error: str = ""
    waits: bool = False


class Operation(Struct, frozen=True):
    """An operation on a release. ``fields`` maps form fields to error messages.

    ``base`` is the newest revision when it began; ``description`` is the text for Helm's history.
    ``cause`` is the type of the error that ended it, such as "HelmTimeout", "" if none. ``asked``
    is what its action has to know of the request if another portal finishes it: no values, and
    nothing that is believed, since whoever writes Leases can write it.
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
    cause: str = ""
    asked: Mapping[str, str] = field(default_factory=dict[str, str])


class OperationLease(Watched, frozen=True):
    """A release's operation as stored in the cluster, and the portal that holds the lease.

    ``holder`` is "" if no portal works on it; ``cancel`` is the user who asked to cancel it;
    ``version`` is the resource version, "" before the first write; ``sealed`` is for whom the
    operation runs, in the words of ``IdentitySeal``, "" if that is not noted.
    """

    operation: Operation
    holder: str
    version: str = ""
    cancel: str = ""
    sealed: str = ""
