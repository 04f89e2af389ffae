"""The error tree. Every error a person may see says what to do next.

PortalError
├── InvalidInput        one message for each field
├── Forbidden           who may not do what, where
│   ├── Unauthenticated the request carries no trusted identity
│   ├── UnknownHost     the Host header is none of the portal's names
│   └── NoHost          the request has no single, valid Host header
├── NotFound            a release, chart or object that is not there
├── Conflict            another operation, name or field manager is in the way
│   └── LimitReached    a person, or the portal, has the most of something
├── DamagedRecord       Helm's record of a release cannot be read
├── ClusterUnavailable  the API server or a part of it does not answer
├── DatabaseUnavailable the portal's database does not answer
└── HelmError           Helm failed; subclasses tell why
    ├── HelmTimeout
    ├── ChartError      the chart does not render, or its schema refuses the values
    ├── SourceUnavailable   the repository or registry of a chart does not answer
    ├── FieldConflict   another field manager owns what the chart sets
    ├── RemovedApi      the release's record names an API that the cluster no longer serves
    └── ReleaseBusy     the release is in a pending state
"""

from __future__ import annotations

from collections.abc import Mapping


class PortalError(Exception):
    """An expected failure, with a message for the user.

    ``advice`` says what the user can do about it; it may be empty.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        if not (self.message and self.advice):
            return self.message or self.advice
        # Messages from Kubernetes or a socket often lack a full stop.
        stop = "" if self.message.endswith((".", "!", "?", "…", ":")) else "."
        return f"{self.message}{stop} {self.advice}"


class InvalidInput(PortalError):
    """Input refused before anything was changed; ``fields`` maps form fields to messages."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        super().__init__("; ".join(self.fields.values()))


class Forbidden(PortalError):
    """The identity may not do this."""


class Unauthenticated(Forbidden):
    """The request carries no trusted identity (HTTP 401)."""


class UnknownHost(Forbidden):
    """The Host header names a host that is not the portal (HTTP 421)."""


class NoHost(Forbidden):
    """The request has no single, valid Host header (HTTP 400)."""


class NotFound(PortalError):
    """The requested object does not exist."""


class Conflict(PortalError):
    """Another operation, object or field manager is in the way."""


class LimitReached(Conflict):
    """A person, or the whole portal, has the most of something that it may have."""


class DamagedRecord(PortalError):
    """Helm's record of a release cannot be read."""


class ClusterUnavailable(PortalError):
    """The Kubernetes API, or one of its parts, does not answer."""


class DatabaseUnavailable(PortalError):
    """The portal's database does not answer; nothing was written."""


class HelmError(PortalError):
    """Helm ended with an error; ``output`` is what it printed, redacted."""

    def __init__(self, message: str, advice: str = "", output: str = "") -> None:
        super().__init__(message, advice)
        self.output = output


class HelmTimeout(HelmError):
    """Helm was ended because it ran past its deadline."""


class ChartError(HelmError):
    """The chart does not render, or its schema refuses the values.

    ``values`` maps paths of values (``resources.requests.memory``) to error messages.
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


class UnknownKind(ChartError):
    """A manifest has a kind that the cluster does not serve; ``api`` names it."""

    def __init__(self, message: str, advice: str, output: str, api: str) -> None:
        super().__init__(message, advice, output)
        self.api = api


class RemovedApi(HelmError):
    """Helm's record of an existing release names an API that the cluster no longer serves."""


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
