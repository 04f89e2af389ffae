"""The steps of a pod's start, as it and the events about it tell of them. Pure.

What Kubernetes has forgotten by then (events are kept for an hour) is not known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from portal.domain.objects import Container, Event, Pod
from portal.viewmodels.conditions import condition


class Passed(Struct, frozen=True):
    """A step that a pod has passed, at ``at``; None if the time is not known."""

    at: datetime | None


class Pull(Struct, frozen=True):
    """A pull of an image: seconds, the same with the wait for other pulls, and bytes.

    All are None where the event does not tell. ``present``: the image was on the node already.
    """

    present: bool = False
    seconds: float | None = None
    waited: float | None = None
    size: float | None = None


def scheduled(pod: Pod, own: Sequence[Event]) -> Passed | None:
    """Return when a pod got its node; None if it has none. ``own`` are the events about it."""
    found = condition(pod, "PodScheduled")
    if not pod.node and not (found and found.status == "True"):
        return None
    return Passed(found.changed_at if found and found.status == "True" else None)


def pulled(pod: Pod, own: Sequence[Event]) -> Passed | None:
    """Return when the last image of a pod's containers was there; None if one is not."""
    told = [each for each in own if each.reason == "Pulled"]
    if started(pod, own) is None and len(told) < len(main_containers(pod)):
        return None
    if not told:
        return Passed(None)
    return Passed(max(each.first_at or each.last_at for each in told))


def started(pod: Pod, own: Sequence[Event]) -> Passed | None:
    """Return when the last container of a pod was started for the first time; None before."""
    main = main_containers(pod)
    if not main or not all(_has_run(each) for each in main):
        return None
    if any(one.restarts or one.started_at is None for one in main):
        # The time is that of the newest run; only the event tells of the first one.
        told = [each for each in own if each.reason == "Started"]
        times = [each.first_at for each in told if each.first_at is not None]
        return Passed(min(times) if times else None)
    return Passed(max(one.started_at for one in main if one.started_at is not None))


def ready(pod: Pod, own: Sequence[Event]) -> Passed | None:
    """Return when a pod became ready; None if it is not."""
    return Passed(pod.ready_at) if pod.ready else None


def main_containers(pod: Pod) -> list[Container]:
    """Return the containers of a pod that are to run together: all but init containers."""
    return [one for one in pod.containers if not one.init]


def _has_run(one: Container) -> bool:
    return one.state in {"running", "terminated"} or one.restarts > 0 or bool(one.last_reason)


_PULL = re.compile(
    r"Successfully pulled image .* in (?P<took>\S+)"
    r"(?: \((?P<waited>\S+) including waiting\)| \(|\.|$)"
)
_SIZE = re.compile(r"Image size: (\d+) bytes")
_GO = re.compile(r"([\d.]+)(ms|us|µs|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def pull_of(event: Event) -> Pull | None:
    """Return the pull that an event tells the end of; None for any other event."""
    if event.reason != "Pulled":
        return None
    if "already present" in event.message:
        return Pull(present=True)
    found = _PULL.search(event.message)
    if found is None:
        return Pull()
    bytes_ = _SIZE.search(event.message)
    return Pull(
        seconds=go_seconds(found["took"]),
        waited=go_seconds(found["waited"]) if found["waited"] else None,
        size=float(bytes_[1]) if bytes_ else None,
    )


def go_seconds(text: str) -> float | None:
    """Return the seconds of a duration as Go writes it ("1m2.5s"); None if it is none."""
    parts = _GO.findall(text)
    if not parts or "".join(a + b for a, b in parts) != text:
        return None
    try:
        return sum(float(amount) * _UNITS[unit] for amount, unit in parts)
    except ValueError:
        return None
