"""An app's state without what only those who may read its values see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

from msgspec.structs import replace

from portal.domain.compressed import CompressedText
from portal.domain.keys import LAUNCHED_BY
from portal.domain.objects import Container, Pod
from portal.domain.operations import Operation, Step
from portal.domain.scalers import ScaledJob, ScaledObject
from portal.state.model import AppState, WatchHealth
from portal.state.ownership import annotated


def may_not_see(what: str) -> str:
    """Return the sentence in place of a part of an app, whoever decides who sees it."""
    return f"You may not see {what}: ask its owner, or whoever administers its namespace."


REASON_WITHHELD = may_not_see("the reason")
WITHHELD = f"It did not succeed. {REASON_WITHHELD}"
"""Replaces error messages, which may quote values."""

_IMAGE = ("registry", "repository", "tag", "digest")
"""The values that everybody sees, since the pods show them too."""


def without_values(state: AppState) -> AppState:
    """``state`` without values, notes, and the words in which Helm, charts and apps fail."""
    detail, operation = state.detail, state.operation
    if detail is not None:
        said = REASON_WITHHELD if detail.description else ""
        values = _public(detail.values)
        detail = replace(
            detail, values=values, shown=CompressedText(""), notes="", description=said
        )
    return replace(
        state,
        detail=detail,
        operation=_quiet(operation) if operation else None,
        pods=tuple(_without_log(pod) for pod in state.pods),
        timeline=state.timeline.public,
        scaled_objects=tuple(map(_without_messages, state.scaled_objects)),
        scaled_jobs=tuple(map(_without_messages, state.scaled_jobs)),
    )


S = TypeVar("S", ScaledObject, ScaledJob)


def _without_messages(scaler: S) -> S:
    """KEDA's object without messages: they may quote the addresses of triggers."""
    conditions = tuple(replace(each, message="") for each in scaler.conditions)
    return replace(scaler, conditions=conditions)


def without_names(sources: Mapping[str, WatchHealth]) -> Mapping[str, WatchHealth]:
    """The health of watches without what may name namespaces or objects that one may not see."""
    return {
        name: replace(each, error="", unread=SOME_UNREAD if each.unread else "")
        if each.error or each.unread
        else each
        for name, each in sources.items()
    }


SOME_UNREAD = "some objects cannot be read; the portal's log names them"


def _public(values: Mapping[str, object]) -> dict[str, object]:
    """The values that everybody sees: the image, and who launched it."""
    image, by = values.get("image"), annotated(values)
    told: Mapping[str, object] = {}
    if isinstance(image, Mapping):
        told = cast("Mapping[str, object]", image)
    return {
        "image": {name: told[name] for name in _IMAGE if name in told},
        **({"commonAnnotations": {LAUNCHED_BY: by}} if by else {}),
    }


def _without_log(pod: Pod) -> Pod:
    """A pod without termination messages: they are the end of a log and may hold anything."""
    if not any(each.last_message or _ended(each) for each in pod.containers):
        return pod
    containers = (
        replace(each, last_message="", message="" if _ended(each) else each.message)
        for each in pod.containers
    )
    return replace(pod, containers=tuple(containers))


def _ended(one: Container) -> bool:
    return one.state == "terminated"


def _quiet(operation: Operation) -> Operation:
    return replace(
        operation,
        error=WITHHELD if operation.error else "",
        advice="",
        description="",
        asked={},
        fields={},
        steps=tuple(_silent(step) for step in operation.steps),
    )


def _silent(step: Step) -> Step:
    return replace(step, error=WITHHELD) if step.error else step
