"""Explanations of failed probes: what was asked, what is known, and which control mends it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from portal.domain.objects import ContainerProbe, Event, Pod
from portal.viewmodels.diagnosis import Diagnosis, Stage, newest, see_log
from portal.viewmodels.model import Severity
from portal.viewmodels.words import count, sentence, shortened, span

PORT, PATH, START = "port", "health_path", "start_time"
"""The fields of the launch form that decide about probes."""


class ProbeFailure(Struct, frozen=True):
    """A failed probe. ``answer`` is what the app answers, so that waiting does not help.

    It completes "Startup probe …": "gets HTTP 404"; "" if nothing answers. ``fields`` are the
    fields of the launch form that mend it.
    """

    words: str
    advice: str = ""
    fields: tuple[str, ...] = ()
    answer: str = ""


_ADDRESS = re.compile(r"https?://[^/\s\"]*?:(\d+)(/[^\s\"]*)?|tcp [\d.]+:(\d+)")


def probe_failure(pod: Pod, message: str) -> ProbeFailure | None:
    """Explain the message of an ``Unhealthy`` event: "Readiness probe failed: …"."""
    if not message:
        return None
    lowered = message.lower()
    probe = _probe(pod, lowered.partition(" ")[0])
    asked, on = _asked(probe, message)
    startup = lowered.startswith("startup")
    longer = f" If it only needs longer: {_limit(probe)}." if startup and probe else ""
    slow = (START,) if startup else ()
    if "connection refused" in lowered:
        return ProbeFailure(
            f"{asked}Nothing listens{on} of the pod's address: it is not listening yet, or on "
            "another port, or on 127.0.0.1 only.",
            "Check that the port is the one the app listens on, and that it listens on 0.0.0.0, "
            f"not only on 127.0.0.1.{longer}",
            (PORT, *slow),
        )
    status = re.search(r"statuscode: (\d+)", lowered)
    if status:
        return _by_status(asked, status[1])
    if "redirects" in lowered:
        return ProbeFailure(
            f"{asked}It redirects in a circle.",
            f"Check the probe's path: it has to answer by itself. {OPEN_PORT}",
            (PATH,),
            "is redirected in a circle",
        )
    if "deadline exceeded" in lowered or "timeout" in lowered or "timed out" in lowered:
        reached = "awaiting headers" in lowered or "deadline exceeded" in lowered
        return ProbeFailure(
            f"{asked}It accepts connections{on} but answers too slowly."
            if reached
            else f"{asked}No connection{on} comes about.",
            (_LOADING if startup else _OVERLOADED) + longer,
            slow,
        )
    if "no route to host" in lowered or "connection reset" in lowered or lowered.endswith("eof"):
        return ProbeFailure(
            f"{asked}Connections to it are closed without an answer.",
            "Check that the app speaks HTTP on that port.",
            (PORT,),
        )
    if "malformed http" in lowered or "http response to https" in lowered:
        return ProbeFailure(
            f"{asked}What answers{on} speaks another protocol.",
            "Check that the port is that of the app's HTTP server, without TLS.",
            (PORT,),
        )
    return ProbeFailure(sentence(f"The probe failed: {shortened(message, 160)}"))


def restarted_by_probe(pod: Pod, own: Sequence[Event]) -> Diagnosis | None:
    """Diagnose a pod with a container that was restarted for its probe; None if none was."""
    killing = newest(own, "Killing")
    killed = re.search(r"(liveness|startup) probe", killing.message.lower()) if killing else None
    restarts = sum(one.restarts for one in pod.containers)
    if killed is None or killing is None or not restarts:
        return None
    failed = newest(own, "Unhealthy")
    found = (probe_failure(pod, failed.message) if failed else None) or ProbeFailure("")
    begins = killed[1] == "startup" and not found.answer
    times = f", {count(restarts, 'time')} so far" if restarts > 1 else ""
    return Diagnosis(
        Stage.SILENT,
        f"Restarted: {killed[1]} probe failed",
        Severity.BAD,
        f"It was restarted because its {killed[1]} probe failed{times}. {found.words}".strip(),
        found.advice or see_log(pod),
        None,
        shortened(failed.message if failed else killing.message, 500),
        tuple(dict.fromkeys((*([START] if begins else []), *found.fields))),
    )


_OVERLOADED = "It may be overloaded: give it more CPU, more worker processes, or run more pods."
_LOADING = (
    "It may still be loading, for which more CPU helps. gunicorn starts a worker anew that takes "
    "longer than 30 seconds to load: then raise that (GUNICORN_CMD_ARGS=--timeout=120)."
)
OPEN_PORT = "Without a path, an open port is enough."
_BY_STATUS = {
    "400": "It may refuse requests that name it by its pod's address: have it allow any host name "
    f"(ALLOWED_HOSTS), or choose another path. {OPEN_PORT}",
    "421": "It refuses requests that name it by its pod's address: have it allow any host name, or "
    f"choose another path. {OPEN_PORT}",
    "426": f"It speaks WebSockets only at that path: choose another one. {OPEN_PORT}",
}
"""Advice on answers that only a probe gets."""


def _by_status(asked: str, status: str) -> ProbeFailure:
    words = f"{asked}It gets HTTP {status}."
    if status in {"401", "403"}:
        return ProbeFailure(
            f"{words} The app wants a sign-in for that path.",
            f"Check the probe's path: it has to answer without a sign-in. {OPEN_PORT}",
            (PATH,),
            f"gets HTTP {status}",
        )
    if status.startswith(("3", "4")):
        advice = _BY_STATUS.get(status, f"Check the probe's path, and the app's log. {OPEN_PORT}")
        return ProbeFailure(words, advice, (PATH, PORT), f"gets HTTP {status}")
    return ProbeFailure(words, "Check the app's log.")


def _probe(pod: Pod, kind: str) -> ContainerProbe | None:
    """The probe of that kind, of the container that is not ready where there are several."""
    found = [
        (one.ready, probe) for one in pod.containers for probe in one.probes if probe.kind == kind
    ]
    return min(found, key=lambda each: each[0])[1] if found else None


def _asked(probe: ContainerProbe | None, message: str) -> tuple[str, str]:
    """Return what the probe asks for as a sentence, and " on port 8050"; "" if unknown."""
    found = _ADDRESS.search(message)
    port = (found[1] or found[3]) if found else probe.port if probe else ""
    path = (found[2] or "") if found else ""
    path = path or (probe.path if probe else "")
    on = f" on port {port}" if port else ""
    if not probe:
        return "", on
    what = f"gets {path}" if path else "opens a connection"
    return f"Its {probe.kind} probe {what}{on}. " if port else "", on


def _limit(probe: ContainerProbe | None) -> str:
    """The advice to wait longer than the probe does."""
    seconds = probe.limit if probe else 0.0
    return f"it is restarted after {span(seconds)}, so allow a longer start"
