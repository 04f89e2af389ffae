"""The error tree. Every error a person may see says what to do next.

PortalError
├── InvalidInput        one message for each field
├── Forbidden           who may not do what, where
│   ├── Unauthenticated nobody that is trusted says who is asking
│   ├── UnknownHost     the request is for a name that is not the portal's
│   └── NoHost          the request does not say for whom it is
├── NotFound            a release, chart or object that is not there
├── Conflict            another operation, name or field manager is in the way
├── DamagedRecord       Helm's record of a release cannot be read
├── ClusterUnavailable  the API server or a part of it does not answer
└── HelmError           Helm said no; subclasses tell why
    ├── HelmTimeout
    ├── ChartError      the chart does not render, or its schema refuses the values
    ├── SourceUnavailable   the repository or registry of a chart does not answer
    ├── FieldConflict   another field manager owns what the chart sets
    └── ReleaseBusy     the release is in a pending state
"""

from __future__ import annotations

from collections.abc import Mapping


class PortalError(Exception):
    """An expected failure, with a message for the person at the page.

    ``advice`` says what that person can do about it; it may be empty.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        if not (self.message and self.advice):
            return self.message or self.advice
        # What others say (Kubernetes, a socket) often comes without a full stop.
        stop = "" if self.message.endswith((".", "!", "?", "…", ":")) else "."
        return f"{self.message}{stop} {self.advice}"


class InvalidInput(PortalError):
    """Input refused before anything was touched: field id → message."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        super().__init__("; ".join(self.fields.values()))


class Forbidden(PortalError):
    """The identity may not do this."""


class Unauthenticated(Forbidden):
    """Nobody that the portal trusts has said who is asking (HTTP 401)."""


class UnknownHost(Forbidden):
    """The request is for a name that the portal does not answer to (HTTP 421)."""


class NoHost(Forbidden):
    """The request does not say which host it is for (HTTP 400)."""


class NotFound(PortalError):
    """The thing asked for does not exist."""


class Conflict(PortalError):
    """Something else holds what this operation needs."""


class DamagedRecord(PortalError):
    """Helm's record of a release cannot be read."""


class ClusterUnavailable(PortalError):
    """The Kubernetes API, or one of its parts, does not answer."""


class HelmError(PortalError):
    """Helm ended with an error; ``output`` is what it printed, redacted."""

    def __init__(self, message: str, advice: str = "", output: str = "") -> None:
        super().__init__(message, advice)
        self.output = output


class HelmTimeout(HelmError):
    """Helm was ended because it ran past its deadline."""


class ChartError(HelmError):
    """The chart does not render, or its schema refuses the values.

    ``values`` maps paths of values (``resources.requests.memory``) to what is wrong there.
    """

    def __init__(
        self,
        message: str,
        advice: str = "",
        output: str = "",
        values: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, advice, output)
        self.values = dict(values or {})


class SourceUnavailable(HelmError):
    """The repository or registry that a chart comes from does not answer."""


class FieldConflict(HelmError):
    """Another field manager owns fields that the chart sets (server-side apply).

    ``owners`` maps each field to its manager.
    """

    def __init__(self, message: str, advice: str, output: str, owners: Mapping[str, str]) -> None:
        super().__init__(message, advice, output)
        self.owners = dict(owners)


class ReleaseBusy(HelmError):
    """Another Helm operation is, or was left, under way on this release."""
