"""The stages of an operation's pods, from the scheduler to the URL that answers. Pure.

They are told from objects and events alone, so that they are the same after a reload, and in any
portal. What Kubernetes has forgotten by then is said to be unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace

from portal.domain.objects import Container, Event, Pod
from portal.domain.operations import Operation, OperationPhase
from portal.state.model import AppState
from portal.state.timeline import EntryKind
from portal.state.workloads import endless, replica_sets_of
from portal.viewmodels.conditions import condition
from portal.viewmodels.diagnosis import Diagnosis, events_about
from portal.viewmodels.model import Badge, Severity, StepView, UrlView
from portal.viewmodels.operation import lasted
from portal.viewmodels.words import count, number, size, span
from portal.viewmodels.workloads import PodSummary

DONE = Badge("Done", Severity.GOOD)
NEXT = Badge("Not begun", Severity.QUIET)

NOT_CREATED = "Waits for its pods to be created."
UNDATED = "When is not known any more."
LOST = "Size and time are not known: the event about it has expired."
ON_THE_NODE = "already on the node"


class Passed(Struct, frozen=True):
    """A stage that a pod has passed, at ``at``; None if the time is not known."""

    at: datetime | None


def stages(state: AppState, known: PodSummary, urls: Sequence[UrlView]) -> tuple[StepView, ...]:
    """The stages of the newest operation's pods; () if it makes none."""
    operation = state.operation
    if operation is None or operation.verb.removes or not _makes_pods(operation):
        return ()
    newest = _newest_sets(state)
    pods = [each for each in known.pods if _made_by(operation, newest, each[0])]
    if not pods and operation.phase.terminal:
        return _without_pods(state, operation, urls)
    total = len(pods) if operation.phase.terminal else max(known.desired, len(pods))
    began = next((one.started_at for one in operation.steps if one.waits), None)
    views: list[StepView] = []
    # Before Helm has made any there is nothing to wait for.
    waiting = not pods and operation.phase in {OperationPhase.QUEUED, OperationPhase.RUNNING}
    own = [events_about(pod, state.events) for pod, _ in pods]
    for title, look in _STAGES:
        found = [look(pod, told) for (pod, _), told in zip(pods, own, strict=True)]
        view = _stage(title, found, pods, total, began, first=not waiting, known=known)
        views.append(_with_pull(view, own) if title == PULLED else view)
        waiting = waiting or view.state != DONE
        began = view.ended_at or began
    return (*views, _answers(state, operation, urls, began, first=not waiting))


def _makes_pods(operation: Operation) -> bool:
    """Return True if an operation waits for pods, or is going to."""
    if not operation.verb.rolls_out:
        return False
    if any(one.waits for one in operation.steps):
        return True
    return operation.verb.creates and not operation.phase.terminal


def _newest_sets(state: AppState) -> frozenset[str]:
    """Return the names of the newest ReplicaSets of the app's Deployments."""
    return frozenset(
        max(sets, key=lambda each: each.revision).key.name
        for workload in state.workloads
        if (sets := replica_sets_of(state, workload))
    )


def _made_by(operation: Operation, newest: frozenset[str], pod: Pod) -> bool:
    """Return True if a pod was created by the operation's rollout, of ``newest`` ReplicaSets."""
    # Kubernetes has whole seconds.
    after = pod.created_at >= operation.created_at.replace(microsecond=0)
    before = not operation.phase.terminal or pod.created_at <= operation.updated_at
    of_newest = pod.owner_kind != "ReplicaSet" or not newest or pod.owner in newest
    return endless(pod) and after and before and of_newest


def _without_pods(
    state: AppState, operation: Operation, urls: Sequence[UrlView]
) -> tuple[StepView, ...]:
    """The stages of an operation that has ended, and none of whose pods are there."""
    rolled = any(
        operation.created_at <= each.at <= operation.updated_at
        for each in state.timeline.of(EntryKind.ROLLOUT)
    )
    words = "Its pods are gone, and with them what is known of them." if rolled else "None needed."
    view = StepView("New pods", Badge("None", Severity.QUIET), None, None, detail=words)
    return (view, _answers(state, operation, urls, None, first=True))


def _stage(
    title: str,
    found: Sequence[Passed | None],
    pods: Sequence[tuple[Pod, Diagnosis]],
    total: int,
    began: datetime | None,
    *,
    first: bool,
    known: PodSummary,
) -> StepView:
    passed = [each for each in found if each is not None]
    of = f"{len(passed)} of {count(total, 'pod')}" if total > 1 else ""
    if total and len(passed) == total:
        times = [each.at for each in passed if each.at is not None]
        at = max(times) if len(times) == len(passed) else None
        if at is None:
            of = f"{of}. {UNDATED}" if of else UNDATED
        return StepView(title, DONE, began, lasted(began, at), detail=of, ended_at=at)
    if not first:
        return StepView(title, NEXT, None, None, detail=of if passed else "")
    waits = next((why for (_, why), one in zip(pods, found, strict=True) if one is None), None)
    if waits is None:
        refused = known.refused
        words = refused.words if refused else NOT_CREATED
        severity = refused.severity if refused else Severity.BUSY
    else:
        words = f"{waits.title}: {waits.reason}" if waits.reason else waits.title
        severity = waits.severity if waits.stage.troubled else Severity.BUSY
    words = f"{of}. {words}" if of else words
    return StepView(title, Badge("Waiting", severity), began, None, detail=words)


# Whether a pod has passed a stage; ``own`` are the events about it.


def _scheduled(pod: Pod, own: Sequence[Event]) -> Passed | None:
    found = condition(pod, "PodScheduled")
    if not pod.node and not (found and found.status == "True"):
        return None
    return Passed(found.changed_at if found and found.status == "True" else None)


def _pulled(pod: Pod, own: Sequence[Event]) -> Passed | None:
    told = [each for each in own if each.reason == "Pulled"]
    if _started(pod, own) is None and len(told) < len(_main(pod)):
        return None
    if not told:
        return Passed(None)
    return Passed(max(each.first_at or each.last_at for each in told))


def _started(pod: Pod, own: Sequence[Event]) -> Passed | None:
    main = _main(pod)
    if not main or not all(_has_run(one.state, one.restarts, one.last_reason) for one in main):
        return None
    if any(one.restarts or one.started_at is None for one in main):
        # The time is that of the newest run; only the event tells of the first one.
        told = [each for each in own if each.reason == "Started"]
        times = [each.first_at for each in told if each.first_at is not None]
        return Passed(min(times) if times else None)
    return Passed(max(one.started_at for one in main if one.started_at is not None))


def _has_run(state: str, restarts: int, last_reason: str) -> bool:
    return state in {"running", "terminated"} or restarts > 0 or bool(last_reason)


def _main(pod: Pod) -> list[Container]:
    return [one for one in pod.containers if not one.init]


def _ready(pod: Pod, own: Sequence[Event]) -> Passed | None:
    return Passed(pod.ready_at) if pod.ready else None


PULLED = "Image pulled"
_STAGES: tuple[tuple[str, Callable[[Pod, Sequence[Event]], Passed | None]], ...] = (
    ("Scheduled to a node", _scheduled),
    (PULLED, _pulled),
    ("Started", _started),
    ("Ready", _ready),
)


# The image.

_PULL = re.compile(r"Successfully pulled image .* in (\S+)(?: \(|\.|$)")
_SIZE = re.compile(r"Image size: (\d+) bytes")
_GO = re.compile(r"([\d.]+)(ms|us|µs|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def go_seconds(text: str) -> float | None:
    """The seconds of a duration as Go writes it ("1m2.5s"); None if it is none."""
    parts = _GO.findall(text)
    if not parts or "".join(a + b for a, b in parts) != text:
        return None
    try:
        return sum(float(amount) * _UNITS[unit] for amount, unit in parts)
    except ValueError:
        return None


def _with_pull(view: StepView, own: Sequence[Sequence[Event]]) -> StepView:
    """The stage with the size of the image and the time that pulling it took."""
    if view.state != DONE:
        return view
    words = [view.detail, pull_words(chain.from_iterable(own))]
    return replace(view, detail=". ".join(each for each in words if each))


def pull_words(events: Iterable[Event]) -> str:
    """The size of the image and the time of the slowest pull, by the events about the pods."""
    pulls: list[tuple[float, str]] = []
    there = 0
    for event in events:
        if event.reason != "Pulled":
            continue
        if "already present" in event.message:
            there += 1
        elif found := _PULL.search(event.message):
            took, bytes_ = go_seconds(found[1]), _SIZE.search(event.message)
            weight = f"{size(float(bytes_[1]))} in " if bytes_ else ""
            shown = span(took) if took and took >= 120 else f"{number(took or 0, 1)} s"
            pulls.append((took or 0, f"{weight}{shown}"))
    if pulls:
        slowest = max(pulls)[1]
        more = f", the slowest of {len(pulls)} pulls" if len(pulls) > 1 else ""
        rest = f"; {ON_THE_NODE} for {there} more" if there else ""
        return f"{slowest}{more}{rest}"
    return ON_THE_NODE.capitalize() if there else LOST


# The URL.


def _answers(
    state: AppState,
    operation: Operation,
    urls: Sequence[UrlView],
    began: datetime | None,
    *,
    first: bool,
) -> StepView:
    title, probe = "URL answers", state.probe
    external = next((each for each in urls if each.href), None)
    helm = operation.phase in {OperationPhase.QUEUED, OperationPhase.RUNNING}
    if external is None and helm:
        return StepView(title, NEXT, None, None)
    if external is None and not any(each.state.severity is Severity.BUSY for each in urls):
        words = urls[0].text if urls else "It has no URL."
        return StepView(title, Badge("None", Severity.QUIET), None, None, detail=words)
    if external is None or probe is None or not probe.answered:
        if not first:
            return StepView(title, NEXT, None, None)
        shown = external or urls[0]
        words = f"{shown.state.text}. {shown.state.detail or shown.text}".strip()
        return StepView(title, Badge("Waiting", Severity.BUSY), began, None, detail=words)
    told = [each for each in state.timeline.of(EntryKind.URL) if each.at >= operation.created_at]
    answered = next((each.at for each in told if each.what == "answers"), None)
    if answered is not None:
        return StepView(
            title, DONE, began, lasted(began, answered), detail=external.href, ended_at=answered
        )
    watched = state.timeline.watched(operation.created_at) and not operation.verb.creates
    words = "It has answered all along." if watched and not told else "Since when is not known."
    return StepView(title, DONE, None, None, detail=words)
