"""Events of the audit trail, and the interface of what records them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from portal.domain.errors import PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.request import within_operation


class Outcome(StrEnum):
    """The state of an action that an event tells of. After the first two another event follows."""

    BEGUN = "begun"
    APPLYING = "applying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"


class Event(Struct, frozen=True):
    """Something that a user did, or was refused.

    ``action`` is a verb's name, or one of the constants below. ``identity`` is None for what the
    portal does by itself, and ``key`` for what is about no release. ``operation`` is the id that
    events of one action share, and that the API server's audit log has of what is done for it.
    ``detail`` is JSON without secrets.
    """

    action: str
    outcome: Outcome
    identity: Identity | None
    key: Key | None = None
    operation: str = ""
    detail: Mapping[str, object] = field(default_factory=dict[str, object])


SIGN_IN = "sign-in"
SIGN_OUT = "sign-out"
LOG_DOWNLOAD = "log-download"
SHELL = "shell"
AUDIT_EXPORT = "audit-export"
LINK = "link"
LINK_REVOKED = "link-revoke"
LINK_OPENED = "link-open"
ROLE_GRANT = "role-grant"
ROLE_REVOKE = "role-revoke"
SESSION_END = "session-end"
CANCEL = "cancel"
DISMISS = "dismiss"


class Recorder(Protocol):
    """Records events of the audit trail."""

    async def record(self, event: Event) -> None:
        """Return once an event is recorded; raises a ``PortalError`` if it cannot be.

        What the event is about must not be done then.
        """
        ...

    def note(self, event: Event) -> None:
        """Record an event soon: one of what cannot be prevented any more."""
        ...


class NoRecorder:
    """A recorder that keeps nothing."""

    async def record(self, event: Event) -> None:
        """Do nothing."""

    def note(self, event: Event) -> None:
        """Do nothing."""


UNRECORDED = NoRecorder()


@asynccontextmanager
async def recorded(recorder: Recorder, event: Event) -> AsyncGenerator[None]:
    """Record the beginning of an action, run the block, and note how it ended.

    The block is within the operation of the event, or of a new one without. So the requests that
    it makes for a person tell the API server the same id.

    Raises:
        PortalError: the beginning cannot be recorded; the block is not run.
    """
    with within_operation(event.operation) as operation:
        event = replace(event, operation=operation)
        await recorder.record(replace(event, outcome=Outcome.BEGUN))
        try:
            yield
        except PortalError as error:
            recorder.note(failed(event, error))
            raise
        except BaseException as error:
            recorder.note(replace(failed(event, error), outcome=Outcome.INTERRUPTED))
            raise
        recorder.note(replace(event, outcome=Outcome.SUCCEEDED))


def failed(event: Event, error: BaseException) -> Event:
    """Return the event of an action that has failed; only the type of the error is kept.

    Messages may quote an app's values.
    """
    detail = {**event.detail, "error": type(error).__name__}
    return replace(event, outcome=Outcome.FAILED, detail=detail)
