"""Explanations of failed probes: what was asked, what is known, and which control mends it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from portal.domain.objects import Container, ContainerProbe, Event, Pod
from portal.domain.secrets import without_secret_patterns
from portal.viewmodels.diagnosis import Diagnosis, Stage, container_name, newest, see_log
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


def probe_failure(pod: Pod, event: Event | None) -> ProbeFailure | None:
    """Explain an ``Unhealthy`` event: "Readiness probe failed: …"; None without one."""
    message = event.message if event else ""
    if event is None or not message:
        return None
    lowered = message.lower()
    probe = _probe(pod, lowered.partition(" ")[0], event.container)
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
    kind, _, said = message.partition(" probe failed: ")
    if said and probe and not probe.port:
        said = shortened(without_secret_patterns(said), 160)
        return ProbeFailure(
            sentence(f"The command of its {kind.lower()} probe fails: {said}"),
            "Check that command and what it needs." + longer,
            slow,
        )
    return ProbeFailure(sentence(f"The probe failed: {shortened(message, 160)}"))


def restarted_by_probe(
    pod: Pod, own: Sequence[Event], one: Container | None = None
) -> Diagnosis | None:
    """Diagnose a pod with a container that was restarted for its probe; None if none was.

    Only events about the container ``one`` count, if it is given.
    """
    about = [each for each in own if one is None or each.container in {"", one.name}]
    killing = newest(about, "Killing")
    killed = re.search(r"(liveness|startup) probe", killing.message.lower()) if killing else None
    name = killing.container if killing else ""
    restarts = sum(each.restarts for each in pod.containers if name in {"", each.name})
    if killed is None or killing is None or not restarts:
        return None
    failed = next(
        (
            each
            for each in about
            if each.reason == "Unhealthy"
            and each.container in {"", name}
            and each.message.lower().startswith(killed[1])
        ),
        None,
    )
    who = next((each for each in pod.containers if each.name == name), None)
    subject = container_name(pod, who) if who else "It"
    found = probe_failure(pod, failed) or ProbeFailure("")
    begins = killed[1] == "startup" and not found.answer
    times = f", {count(restarts, 'time')} so far" if restarts > 1 else ""
    return Diagnosis(
        Stage.SILENT,
        f"Restarted: {killed[1]} probe failed",
        Severity.BAD,
        f"{subject} was restarted because its {killed[1]} probe failed{times}. "
        f"{found.words}".strip(),
        found.advice or see_log(pod, who),
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


def _probe(pod: Pod, kind: str, container: str) -> ContainerProbe | None:
    """The container's probe of that kind; of one that is not ready if ``container`` is ""."""
    found = [
        (one.ready, probe)
        for one in pod.containers
        for probe in one.probes
        if probe.kind == kind and container in {"", one.name}
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
