"""Domain errors for the answers of the Kubernetes API."""

from __future__ import annotations

import json
import re
from typing import Any

from portal.domain.denials import denied
from portal.domain.errors import ClusterUnavailable, Conflict, Forbidden, NotFound, PortalError
from portal.domain.retry_after import retry_after_seconds

_LEAVING = re.compile(r"in namespace (\S+) because it is being terminated")


class Gone(PortalError):
    """The resource version or the continue token is too old (410): a new list is needed."""


class Throttled(ClusterUnavailable):
    """The API asks to wait ``seconds`` before the next request (429 or 5xx with Retry-After)."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, "It is tried again by itself.")
        self.seconds = seconds


class Unauthenticated(Forbidden):
    """The API does not accept the credentials (401): missing, wrong or expired."""


class TooLarge(PortalError):
    """An answer has more bytes than are read."""


class Rejected(PortalError):
    """Any other refusal: the request itself is invalid (400, 422 …)."""


def from_status(code: int, message: str, retry_after: str | None = None) -> PortalError:
    """The domain error for an HTTP status of the API server."""
    words = f"Kubernetes: {message or f'HTTP {code}'}"
    match code:
        case 401:
            return Unauthenticated(
                words, "Check the portal's service account token or its kubeconfig."
            )
        case 403 if found := _LEAVING.search(message):
            return Rejected(
                f"The namespace {found[1]} is being deleted: nothing new can be made in it.",
                "Choose another namespace, or wait until it is gone and has been created again.",
            )
        case 403:
            return Forbidden(words, "Its role has to allow this.")
        case 404:
            return NotFound(words)
        case 409:
            return Conflict(words)
        case 410:
            return Gone(words)
        case _ if code == 429 or code >= 500:
            seconds = retry_after_seconds(retry_after)
            if seconds is not None:
                return Throttled(words, seconds)
            return ClusterUnavailable(words, "It is tried again by itself.")
        case _:
            return Rejected(words)


def refused_person(message: str) -> Forbidden:
    """The error for a request that was refused to the person whom the portal acts for."""
    return denied(message) or Forbidden(
        f"Kubernetes: {message or 'HTTP 403'}", "Ask whoever administers the namespace."
    )


def message_of(body: bytes) -> str:
    """The message in an error's body: of a Status object, or the start of plain text."""
    text = body[:4096].decode(errors="replace").strip()
    try:
        status: Any = json.loads(body)
    except ValueError:
        return text[:200]
    if isinstance(status, dict) and isinstance(status.get("message"), str):  # pyright: ignore[reportUnknownMemberType]
        return str(status["message"])  # pyright: ignore[reportUnknownArgumentType]
    return text[:200]
