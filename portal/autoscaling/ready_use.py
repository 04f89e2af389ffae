"""The CPU that a load takes: the use of pods that are ready, without the work of starting. Pure.

It follows the autoscaler's own rule: the CPU of a pod counts once all of its sample is from when it
was ready. Pods that became ready within their sample's window served a part of the load, which
their sample has together with the work of starting. How much that is the others tell, whose
use went down with each pod that came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct


class PodUse(Struct, frozen=True):
    """The mean cores of a pod over ``window`` seconds until ``at``.

    ``ready_since`` is None while it is not ready. ``leaving``: it is being deleted.
    """

    cores: float
    at: float
    window: float
    ready_since: float | None
    leaving: bool = False


def ready_use(pods: Iterable[PodUse]) -> float | None:
    """Return the cores that the load takes; None if no pod's whole sample is of it.

    A pod that was ready for a part of its window, or is being deleted, counts with what it would
    have had of an equally shared load, and never with more than it used.
    """
    whole: list[float] = []
    parts: list[tuple[float, float]] = []
    for each in pods:
        if each.ready_since is None:
            continue
        share = _share(each.at - each.ready_since, each.window)
        if share == 1 and not each.leaving:
            whole.append(each.cores)
        elif share:
            parts.append((each.cores, share))
    if not whole:
        return None
    load = sum(whole) / len(whole) / _of_each(len(whole), [share for _, share in parts])
    equal = load / (len(whole) + len(parts))
    return sum(whole) + sum(min(cores, share * equal) for cores, share in parts)


def _of_each(whole: int, shares: Sequence[float]) -> float:
    """Return the mean part of the load that each of ``whole`` pods had over the window.

    Others were ready for the last ``shares`` of it, each from 0 to 1.
    """
    found, before = 0.0, 0.0
    for others, share in zip(range(len(shares), 0, -1), sorted(shares), strict=True):
        found += (share - before) / (whole + others)
        before = share
    return found + (1 - before) / whole


def _share(ready: float, window: float) -> float:
    """Return the part of a window in which a pod was ready, ``ready`` seconds before its end."""
    if window <= 0:
        return 1.0 if ready >= 0 else 0.0
    return min(1.0, max(0.0, ready / window))
