"""The diagnosis of one pod, and lookups that diagnoses share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from portal.domain.objects import Condition, Event, Pod
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
        return self not in {Stage.LEAVING, Stage.ENDED}


class Diagnosis(Struct, frozen=True):
    """The state of a pod: a title, a sentence, advice, and since when.

    ``fields`` are the fields of the launch form that mend it.
    """

    stage: Stage
    title: str
    severity: Severity
    reason: str = ""
    advice: str = ""
    since: datetime | None = None
    detail: str = ""
    fields: tuple[str, ...] = ()


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


def log_command(pod: Pod) -> str:
    """The command that prints the log of a container's last run."""
    return f"kubectl logs -n {pod.key.namespace} {pod.key.name} --previous"


def condition(pod: Pod, kind: str) -> Condition | None:
    """The pod's condition of a type, or None."""
    return next((one for one in pod.conditions if one.type == kind), None)


def newest(own: Sequence[Event], *reasons: str) -> Event | None:
    """The newest event with one of these reasons; ``own`` is newest first."""
    return next((event for event in own if event.reason in reasons), None)
