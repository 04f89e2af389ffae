"""Answers of the Kubernetes API, told apart. All are domain errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from portal.domain.errors import ClusterUnavailable, Conflict, Forbidden, NotFound, PortalError

_LEAVING = re.compile(r"in namespace (\S+) because it is being terminated")

LONGEST_WAIT = 60.0
"""Seconds; a server that asks for more is asked again after these all the same."""


class Gone(PortalError):
    """The resource version, or the page of a list, is too old (410): list anew."""


class Throttled(ClusterUnavailable):
    """The API asks to wait ``seconds`` before the next try (429 or 503 with Retry-After)."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, "It is tried again by itself.")
        self.seconds = seconds


class Unauthenticated(Forbidden):
    """The API does not know who is asking (401): a token that is missing, wrong or expired."""


class Rejected(PortalError):
    """Any other refusal: the request itself is wrong (400, 422 …)."""


def from_status(code: int, message: str, retry_after: str | None = None) -> PortalError:
    """The domain error for an HTTP status of the API server."""
    said = f"Kubernetes: {message or f'HTTP {code}'}"
    match code:
        case 401:
            return Unauthenticated(
                said, "Check the portal's service account token or its kubeconfig."
            )
        case 403 if found := _LEAVING.search(message):
            return Rejected(
                f"The namespace {found[1]} is being deleted: nothing new can be made in it.",
                "Choose another namespace, or wait until it is gone and has been made anew.",
            )
        case 403:
            return Forbidden(said, "Its role has to allow this.")
        case 404:
            return NotFound(said)
        case 409:
            return Conflict(said)
        case 410:
            return Gone(said)
        case _ if code == 429 or code >= 500:
            seconds = seconds_of(retry_after)
            if seconds is not None:
                return Throttled(said, seconds)
            return ClusterUnavailable(said, "It is tried again by itself.")
        case _:
            return Rejected(said)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def seconds_of(retry_after: str | None, now: Callable[[], datetime] = _utc_now) -> float | None:
    """How long to wait: a number of seconds, or a date; at most ``LONGEST_WAIT``."""
    if not retry_after:
        return None
    try:
        wait = float(int(retry_after))
    except ValueError:
        try:
            until = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        wait = (until.replace(tzinfo=until.tzinfo or UTC) - now()).total_seconds()
    return min(max(wait, 0.0), LONGEST_WAIT)


def message_of(body: bytes) -> str:
    """The sentence in an error's body: of a Status object, or the start of plain text."""
    text = body[:4096].decode(errors="replace").strip()
    try:
        status: Any = json.loads(body)
    except ValueError:
        return text[:200]
    if isinstance(status, dict) and isinstance(status.get("message"), str):  # pyright: ignore[reportUnknownMemberType]
        return str(status["message"])  # pyright: ignore[reportUnknownArgumentType]
    return text[:200]
