"""The start of a new pod, step by step, by the pod and the events about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from portal.domain.objects import Container, Event, Pod
from portal.viewmodels.conditions import condition
from portal.viewmodels.diagnosis import events_about
from portal.viewmodels.pod_start import pull_of, scheduled, started

SLACK = 2.0
"""Seconds by which times of one moment may differ: they are whole seconds, of several machines."""


class PodStart(Struct, frozen=True, omit_defaults=True):
    """The start of a new pod: when it passed each step, in Unix seconds; None if not known.

    ``prepared`` is when its node began with the first image, so volumes and network were there.
    ``initialized`` is when its init containers had ended and native sidecars ran; ``before`` are
    the names of both. ``held`` is why the scheduler found no node at first, and ``asked`` is True
    if a new node was asked for. ``present`` is True if all images were on the node, ``pull`` and
    ``queued`` are the seconds of the longest pull and of its wait for others, ``size`` are bytes.
    ``delay`` and ``period`` are those of the probe that decides when it is ready. ``gone``: it was
    removed before it was ready.
    """

    uid: str
    name: str
    created: float
    scheduled: float | None = None
    prepared: float | None = None
    initialized: float | None = None
    pulled: float | None = None
    started: float | None = None
    ready: float | None = None
    node: str = ""
    before: tuple[str, ...] = ()
    held: str = ""
    asked: bool = False
    present: bool = False
    pull: float | None = None
    queued: float | None = None
    size: float | None = None
    delay: float = 0.0
    period: float = 0.0
    gone: bool = False


def pod_start(pod: Pod, events: Sequence[Event]) -> PodStart:
    """Return how far a pod has come; ``events`` are those of its app."""
    own = events_about(pod, events)
    main = [one for one in pod.containers if not one.init and not one.sidecar]
    names = {one.name for one in main}
    node, run = scheduled(pod, own), started(replace(pod, containers=tuple(main)), own)
    run_at = _seconds(run.at if run else None)
    begun = [_first(each) - _took(each) for each in own if each.reason in {"Pulling", "Pulled"}]
    images = [
        (each, pull)
        for each in own
        if each.container in names or not each.container
        for pull in [pull_of(each)]
        if pull is not None and (run_at is None or _first(each) <= run_at + SLACK)
    ]
    known = {each.container for each, _ in images}
    complete = len(images) >= len(main) or names <= known or run is not None
    pulls = [pull for _, pull in images if pull.seconds is not None]
    longest = max(pulls, key=lambda pull: pull.waited or pull.seconds or 0.0, default=None)
    probe = _gate(main)
    wait = _held(pod, own)
    init = condition(pod, "Initialized")
    return PodStart(
        pod.uid,
        pod.key.name,
        pod.created_at.timestamp(),
        scheduled=_seconds(node.at if node else None) or _event_time(own, "Scheduled"),
        prepared=min(begun, default=None),
        initialized=_seconds(init.changed_at if init and init.status == "True" else None),
        pulled=max((_first(each) for each, _ in images), default=None) if complete else None,
        started=run_at,
        ready=_seconds(pod.ready_at if pod.ready else None),
        node=pod.node,
        before=(
            *pod.finished_init,
            *(one.name for one in pod.containers if one.init or one.sidecar),
        ),
        held=wait,
        asked=any(each.reason in _ASKED for each in own),
        present=bool(images) and all(pull.present for _, pull in images),
        pull=longest.seconds if longest else None,
        queued=_queued(longest.seconds, longest.waited) if longest else None,
        size=sum(pull.size or 0.0 for pull in pulls) or None,
        delay=probe[0],
        period=probe[1],
    )


_ASKED = {"TriggeredScaleUp", "Nominated"}
"""Reasons of the events of cluster-autoscaler and Karpenter about a pod that gets a new node."""


def _held(pod: Pod, own: Sequence[Event]) -> str:
    """Return the scheduler's words about a pod that it found no node for, "" for any other."""
    told = next((each for each in own if each.reason == "FailedScheduling"), None)
    if told is not None:
        return told.message
    found = condition(pod, "PodScheduled")
    return found.message if found and found.reason == "Unschedulable" else ""


def _gate(main: Iterable[Container]) -> tuple[float, float]:
    """Return delay and period of the probe that comes latest before the containers are ready."""
    found = [
        (probe.delay, probe.period)
        for one in main
        for probe in one.probes
        if probe.kind in {"readiness", "startup"}
    ]
    return max(found, key=sum, default=(0.0, 0.0))


def _queued(seconds: float | None, waited: float | None) -> float | None:
    return None if seconds is None or waited is None else max(0.0, waited - seconds)


def _first(event: Event) -> float:
    return (event.first_at or event.last_at).timestamp()


def _took(event: Event) -> float:
    """Return the seconds of a pull whose end an event tells, 0 for other events."""
    pull = pull_of(event)
    return (pull.waited or pull.seconds or 0.0) if pull else 0.0


def _event_time(own: Sequence[Event], reason: str) -> float | None:
    return min((_first(each) for each in own if each.reason == reason), default=None)


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def merged(old: PodStart, new: PodStart) -> PodStart:
    """Return what is known of a pod by two looks: events may be gone, containers begun anew."""
    if old.ready is not None:
        return old
    return replace(
        new,
        scheduled=_or(old.scheduled, new.scheduled),
        prepared=_earliest(old.prepared, new.prepared),
        initialized=_or(old.initialized, new.initialized),
        pulled=_or(old.pulled, new.pulled)
        if old.started is not None
        else _latest(old.pulled, new.pulled),
        started=_or(old.started, new.started),
        held=old.held or new.held,
        asked=old.asked or new.asked,
        present=new.present or (old.present and new.pull is None),
        pull=_or(new.pull, old.pull),
        queued=_or(new.queued, old.queued),
        size=_or(new.size, old.size),
    )


def _or(first: float | None, second: float | None) -> float | None:
    return second if first is None else first


def _earliest(*given: float | None) -> float | None:
    return min((each for each in given if each is not None), default=None)


def _latest(*given: float | None) -> float | None:
    return max((each for each in given if each is not None), default=None)
