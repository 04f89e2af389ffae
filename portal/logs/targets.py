"""The containers that a selection means, and the state of each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.objects import Container, Pod

MOST = 50
"""The most containers that are read for one selection."""

OFFERED = 300
"""The most pods that can be chosen."""


class Selection(Struct, frozen=True):
    """The logs that somebody looks at: one pod or all (""), one container or all, and which run."""

    app: Key
    pod: str = ""
    container: str = ""
    previous: bool = False


class Target(Struct, frozen=True):
    """One run of a container, whose log is read.

    ``uid`` is the pod's. For a previous run ``restarts`` tells which one.
    """

    pod: Key
    uid: str
    container: str
    previous: bool = False
    restarts: int = 0


class Condition(Struct, frozen=True):
    """The state of a target's container.

    ``state`` is "waiting", "running", "ended" (it runs no more, and will not again) or "gone".
    """

    state: str
    restarts: int = 0
    reason: str = ""
    init: bool = False


GONE = Condition("gone")


def targets(pods: Sequence[Pod], selection: Selection) -> tuple[dict[Target, Condition], int]:
    """Return the targets with their conditions, and the number of those left out.

    Finished init containers are among them only if they are selected by name. Newer pods come
    first, since they are kept when there are too many.
    """
    found = [
        (_target(pod, name, state, selection.previous), state)
        for pod in sorted(pods, key=lambda each: (each.created_at, each.key), reverse=True)
        if selection.pod in {"", pod.key.name}
        for name, state in _containers(pod, selection)
    ]
    return dict(found[:MOST]), max(0, len(found) - MOST)


def offered(pods: Sequence[Pod]) -> list[tuple[str, list[str]]]:
    """Return the names of pods with those of their containers, by which a log can be chosen."""
    return [
        (pod.key.name, [*(each.name for each in pod.containers), *pod.finished_init])
        for pod in sorted(pods, key=lambda each: each.key)[:OFFERED]
    ]


def _target(pod: Pod, container: str, state: Condition, previous: bool) -> Target:
    restarts = state.restarts if previous else 0
    return Target(pod.key, pod.uid, container, previous, restarts)


def _containers(pod: Pod, selection: Selection) -> Iterator[tuple[str, Condition]]:
    for each in pod.containers:
        if selection.container not in {"", each.name}:
            continue
        if not selection.previous or each.restarts:
            yield each.name, condition(pod, each)
    if selection.container in pod.finished_init and not selection.previous:
        yield selection.container, Condition("ended", init=True)


def condition(pod: Pod, one: Container) -> Condition:
    """Return the state of a container."""
    state = one.state
    if state == "terminated":
        over = pod.phase in {"Succeeded", "Failed"} or (one.init and one.exit_code == 0)
        state = "ended" if over else "waiting"
    return Condition(state, one.restarts, one.reason, one.init)
