"""The Content-Security-Policy of all pages, and the browsers' reports of what it has stopped.

A report tells the address of somebody's page and a piece of what was stopped, so only the kind is
kept: the directive, and whether it was inline, evaluated, or from where.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

log = logging.getLogger(__name__)

REPORTS_PATH = "/csp-reports"
LONGEST = 16 * 1024
"""Bytes of a report."""
MOST = 30
"""Reports that are logged in ``PERIOD``; all are counted."""
PERIOD = 60.0
"""Seconds."""

_DIRECTIVES = frozenset(
    f"{each}-src{part}"
    for each in ("default", "script", "style", "img", "font", "connect", "object", "frame", "child")
    for part in (("", "-elem", "-attr") if each in {"script", "style"} else ("",))
) | {"base-uri", "form-action", "frame-ancestors", "worker-src", "media-src", "manifest-src"}
_KEYWORDS = frozenset({"inline", "eval", "wasm-eval", "self", "data", "blob", "trusted-types-sink"})


def policy(script_hashes: Collection[str]) -> str:
    """Return the policy: the portal's own files, and inline scripts by their hash.

    No inline style is among them: ``styles.js`` puts what libraries write through the CSS object
    model.
    """
    scripts = " ".join(["'self'", *script_hashes])
    return (
        f"default-src 'self'; script-src {scripts}; "
        "style-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-src 'none'; "
        f"frame-ancestors 'none'; report-uri {REPORTS_PATH}"
    )


class _Reported(Struct, frozen=True, rename="kebab"):
    """The part of a report that is read."""

    effective_directive: str = ""
    violated_directive: str = ""
    blocked_uri: str = ""


class _Report(Struct, frozen=True, rename="kebab"):
    csp_report: _Reported


class Violation(Struct, frozen=True):
    """Something that a policy has stopped: its directive and kind of source, no more."""

    directive: str
    source: str


def violation(body: bytes) -> Violation | None:
    """Return the violation in what browsers send to ``report-uri``; None if it is no report."""
    try:
        report = msgspec.json.decode(body, type=_Report).csp_report
    except (msgspec.DecodeError, RecursionError):
        return None
    directive = report.effective_directive or report.violated_directive
    name = directive.partition(" ")[0]
    return Violation(name if name in _DIRECTIVES else "other", _source(report.blocked_uri))


def _source(blocked: str) -> str:
    """Return where something was from: a keyword, a scheme, never an address."""
    if not blocked or blocked in _KEYWORDS:
        return blocked or "inline"
    try:
        scheme = urlsplit(blocked).scheme.lower()
    except ValueError:
        return "other"
    return scheme if scheme in {"http", "https", "ws", "wss", "data", "blob"} else "other"


class Reports:
    """Counts violations by directive, and logs some of them.

    ``clock`` returns seconds, for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._since = clock()
        self._logged = 0

    def note(self, found: Violation) -> None:
        """Count a violation, and log it unless too many were."""
        self.counts[found.directive] += 1
        now = self._clock()
        if now - self._since >= PERIOD:
            self._since, self._logged = now, 0
        self._logged += 1
        if self._logged <= MOST:
            log.warning(
                "a page was stopped by the Content-Security-Policy",
                extra={"directive": found.directive, "source": found.source},
            )


def reports_endpoint(reports: Reports) -> Callable[[Request], Awaitable[Response]]:
    """The handler for ``REPORTS_PATH``."""

    async def take(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST:
                return Response(status_code=413)
        found = violation(body)
        if found is None:
            return Response(status_code=400)
        reports.note(found)
        return Response(status_code=204)

    return take
