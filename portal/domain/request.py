"""The request that is being handled, and the operation that is run; readable wherever they lead.

A task that is started while a request is handled keeps the request's context.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from msgspec import Struct

MOST_AUDIT_IDS = 20
"""Most ids of the API server's answers that are kept of one change."""


class RequestInfo(Struct, frozen=True):
    """A request: its ``id``, and ``via``, who vouches for the user and from which address.

    ``https`` is True if the browser sent it over HTTPS, as far as is known.
    """

    id: str = ""
    via: str = ""
    https: bool = False


_NONE = RequestInfo()

_request: ContextVar[RequestInfo] = ContextVar("request", default=_NONE)
_audit_ids: ContextVar[list[str] | None] = ContextVar("audit_ids", default=None)

_operation: ContextVar[str] = ContextVar("operation", default="")

enter_request = _request.set
leave_request = _request.reset


def current_request() -> RequestInfo:
    """Return the request that is being handled; an empty one outside of requests."""
    return _request.get()


def enter_operation(operation: str) -> None:
    """Have what this task does, and the tasks that it starts, be for the operation of this id."""
    _operation.set(operation)


def current_operation() -> str:
    """Return the id of the operation that is run; "" outside of operations."""
    return _operation.get()


@contextmanager
def within_operation(operation: str = "") -> Generator[str]:
    """Have what the block does be for the operation of this id, and yield the id.

    Without one it is the operation that is run already, or a new one.
    """
    token = _operation.set(operation or _operation.get() or uuid.uuid4().hex)
    try:
        yield _operation.get()
    finally:
        _operation.reset(token)


def collect_audit_ids(collect: bool = True) -> None:
    """Begin to collect the API server's audit ids in this context and those made from it, or end.

    Each call begins a new collection.
    """
    _audit_ids.set([] if collect else None)


def note_answer(method: str, headers: Mapping[str, str]) -> None:
    """Keep the audit id of an answer of the API server to a request that changes something."""
    collected = _audit_ids.get()
    if collected is None or method == "GET" or len(collected) >= MOST_AUDIT_IDS:
        return
    if audit_id := headers.get("Audit-Id"):
        collected.append(audit_id[:64])


def audit_ids() -> tuple[str, ...]:
    """Return the ids that were collected in this context."""
    return tuple(_audit_ids.get() or ())
