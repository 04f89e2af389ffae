"""The stages of an operation's pods, from the scheduler to the URL that answers. Pure.

They are told from objects and events alone, so that they are the same after a reload, and in any
portal. What Kubernetes has forgotten by then is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain

from msgspec.structs import replace

from portal.domain.objects import Event, Pod
from portal.domain.operations import Operation, OperationPhase
from portal.state.model import AppState
from portal.state.timeline import EntryKind
from portal.state.workloads import endless, replica_sets_of
from portal.viewmodels.diagnosis import Diagnosis, events_about
from portal.viewmodels.model import Badge, Severity, StepView, UrlView
from portal.viewmodels.operation import lasted
from portal.viewmodels.pod_start import Passed, pull_of, pulled, ready, scheduled, started
from portal.viewmodels.words import count, number, size, span
from portal.viewmodels.workloads import PodSummary

DONE = Badge("Done", Severity.GOOD)
NEXT = Badge("Not begun", Severity.QUIET)

NOT_CREATED = "Waits for its pods to be created."
UNDATED = "When is not known any more."
LOST = "Size and time are not known: the event about it has expired."
ON_THE_NODE = "already on the node"


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


PULLED = "Image pulled"
_STAGES: tuple[tuple[str, Callable[[Pod, Sequence[Event]], Passed | None]], ...] = (
    ("Scheduled to a node", scheduled),
    (PULLED, pulled),
    ("Started", started),
    ("Ready", ready),
)
"""The stages, and what tells that a pod has passed each."""


# The image.


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
        found = pull_of(event)
        if found is None:
            continue
        if found.present:
            there += 1
        elif found.seconds is not None:
            weight = f"{size(found.size)} in " if found.size is not None else ""
            long = found.seconds >= 120
            shown = span(found.seconds) if long else f"{number(found.seconds, 1)} s"
            pulls.append((found.seconds, f"{weight}{shown}"))
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
