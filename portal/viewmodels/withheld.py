"""What is left of an app's state for who may see that it runs, and not what it was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from msgspec.structs import replace

from portal.domain.compressed import CompressedText
from portal.domain.keys import LAUNCHED_BY
from portal.domain.objects import Pod
from portal.domain.operations import Operation, Step
from portal.state.model import AppState
from portal.state.ownership import annotated

WITHHELD = "It did not succeed. Who may change the app sees why."
"""What stands for the words of a failure: they may quote values."""

_IMAGE = ("registry", "repository", "tag", "digest")
"""Of the values everybody sees these: the pods tell them too."""


def without_values(state: AppState) -> AppState:
    """``state`` without values, notes, and the words in which Helm, charts and apps fail."""
    detail, operation = state.detail, state.operation
    if detail is not None:
        said = "Who may change the app sees why." if detail.description else ""
        values = _public(detail.values)
        detail = replace(
            detail, values=values, shown=CompressedText(""), notes="", description=said
        )
    return replace(
        state,
        detail=detail,
        operation=_quiet(operation) if operation else None,
        pods=tuple(_without_log(pod) for pod in state.pods),
    )


def _public(values: Mapping[str, object]) -> dict[str, object]:
    """The image, and who launched it."""
    image, by = values.get("image"), annotated(values)
    told: Mapping[str, object] = {}
    if isinstance(image, Mapping):
        told = cast("Mapping[str, object]", image)
    return {
        "image": {name: told[name] for name in _IMAGE if name in told},
        **({"commonAnnotations": {LAUNCHED_BY: by}} if by else {}),
    }


def _without_log(pod: Pod) -> Pod:
    """The end of a log is what an app says last, and that may be anything."""
    if not any(each.last_message for each in pod.containers):
        return pod
    return replace(pod, containers=tuple(replace(each, last_message="") for each in pod.containers))


def _quiet(operation: Operation) -> Operation:
    return replace(
        operation,
        error=WITHHELD if operation.error else "",
        advice="",
        description="",
        fields={},
        steps=tuple(_silent(step) for step in operation.steps),
    )


def _silent(step: Step) -> Step:
    return replace(step, error=WITHHELD) if step.error else step
