"""The diagnosis of one pod, and lookups that diagnoses share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from portal.domain.objects import UNDATED, VOLUME_CLAIM, Container, Event, Pod
from portal.viewmodels.model import Severity


class Stage(StrEnum):
    """The state of a pod; the value completes a sentence ("1 is starting")."""

    READY = "ready"
    STARTING = "starting"
    PULLING = "downloading the image"
    WAITING = "waiting for a node"
    SLOW = "slow to start"
    NO_ROOM = "unschedulable"
    BLOCKED = "unable to start"
    CRASHING = "crashing"
    SILENT = "not answering"
    LOST = "on a node that does not answer"
    LEAVING = "shutting down"
    FAILED = "failed"
    ENDED = "finished"

    @property
    def progressing(self) -> bool:
        """True if such a pod is expected to become ready without intervention."""
        return self in {Stage.STARTING, Stage.PULLING, Stage.WAITING}

    @property
    def troubled(self) -> bool:
        """True if such a pod needs intervention."""
        return self in {
            Stage.SLOW,
            Stage.NO_ROOM,
            Stage.BLOCKED,
            Stage.CRASHING,
            Stage.SILENT,
            Stage.LOST,
        }

    @property
    def present(self) -> bool:
        """True if such a pod counts towards the desired replicas."""
        return not self.ended and self is not Stage.LEAVING

    @property
    def ended(self) -> bool:
        """True if such a pod runs no more."""
        return self in {Stage.FAILED, Stage.ENDED}


class Diagnosis(Struct, frozen=True):
    """The state of a pod: a title, a sentence, advice, and since when.

    ``fields`` are the fields of the launch form that mend it. ``log`` are the last lines of the log
    of a crash, if there is more than one.
    """

    stage: Stage
    title: str
    severity: Severity
    reason: str = ""
    advice: str = ""
    since: datetime | None = None
    detail: str = ""
    fields: tuple[str, ...] = ()
    log: str = ""


def events_about(pod: Pod, events: Sequence[Event]) -> tuple[Event, ...]:
    """The events about this pod, newest first; not those about an earlier pod of that name."""
    own = [
        event
        for event in events
        if event.about_kind == "Pod"
        and event.about_name == pod.key.name
        and event.key.namespace == pod.key.namespace
        and event.about_uid in {"", pod.uid}
    ]
    return tuple(sorted(own, key=lambda event: (event.last_at, event.key), reverse=True))


def claim_events(pod: Pod, events: Sequence[Event]) -> tuple[Event, ...]:
    """The events about the volume claims that a pod mounts, newest first."""
    found = [
        event
        for event in events
        if event.about_kind == VOLUME_CLAIM
        and event.about_name in pod.claims
        and event.key.namespace == pod.key.namespace
    ]
    return tuple(sorted(found, key=lambda event: (event.last_at, event.key), reverse=True))


def see_log(pod: Pod, one: Container | None = None, *, previous: bool = True) -> str:
    """Advice to read a container's log, of its previous run by default."""
    which = f" of the container {one.name}" if one and (one.init or several(pod)) else ""
    run = f"the previous run{which}" if previous else f"its log{which}"
    return f"See {run} under Logs."


def several(pod: Pod) -> bool:
    """Return True if a pod has more than one container besides those that initialize it."""
    return sum(not one.init for one in pod.containers) > 1


def container_name(pod: Pod, one: Container) -> str:
    """A container as the subject of a sentence about its pod; "It" if it is the only one."""
    if one.init:
        return f"Its init container {one.name}"
    if one.sidecar:
        return f"Its sidecar {one.name}"
    return f"Its container {one.name}" if several(pod) else "It"


def created(pod: Pod) -> datetime | None:
    """The time of a pod's creation, None if it is not known."""
    return None if pod.created_at == UNDATED else pod.created_at


def newest(own: Sequence[Event], *reasons: str) -> Event | None:
    """The newest event with one of these reasons; ``own`` is newest first."""
    return next((event for event in own if event.reason in reasons), None)
