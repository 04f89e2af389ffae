"""Stabilization: which earlier recommendation holds the replicas where they are."""

from __future__ import annotations

from msgspec import Struct

from portal.autoscaling.spec import Flags, ScalingBehavior
from portal.autoscaling.state import Recommendation


class Stabilization(Struct, frozen=True):
    """The recommendation after the windows.

    ``held_by`` is the earlier recommendation that it is taken from, until the time ``until`` at
    the latest; None if the windows change nothing.
    """

    replicas: int
    held_by: Recommendation | None = None
    until: float | None = None


def without_behavior(
    earlier: tuple[Recommendation, ...], recommended: int, flags: Flags, now: float
) -> tuple[Stabilization, tuple[Recommendation, ...]]:
    """Return the highest recommendation of the controller's window, and all with the new one."""
    cutoff = now - flags.downscale_stabilization
    highest, old = None, None
    most = recommended
    for at, each in enumerate(earlier):
        if each.at < cutoff:
            old = at
        elif each.replicas > most or (highest and each.replicas == most):
            most, highest = each.replicas, each  # of equal ones the last holds longest
    until = highest.at + flags.downscale_stabilization if highest else None
    kept = _with(earlier, Recommendation(recommended, now), old)
    return Stabilization(most, highest, until), kept


def with_behavior(
    earlier: tuple[Recommendation, ...],
    recommended: int,
    current: int,
    behavior: ScalingBehavior,
    flags: Flags,
    now: float,
) -> tuple[Stabilization, tuple[Recommendation, ...]]:
    """Return the current replicas within the windows of both directions, and all with the new one.

    Upwards the lowest recommendation of its window counts, downwards the highest.
    """
    up_window = behavior.up.window or 0
    down_window = window_down(behavior, flags)
    up_cutoff, down_cutoff = now - up_window, now - down_window
    least = most = recommended
    lowest = highest = old = None
    for at, each in enumerate(earlier):
        replicas = each.replicas
        if each.at > up_cutoff:
            if replicas < least or (lowest and replicas == least):
                least, lowest = replicas, each
        elif each.at < up_cutoff and each.at < down_cutoff:
            old = at
        if each.at > down_cutoff and (replicas > most or (highest and replicas == most)):
            most, highest = replicas, each
    replicas = min(max(current, least), most)
    held_by, until = None, None
    if replicas < recommended and lowest:
        held_by, until = lowest, lowest.at + up_window
    elif replicas > recommended and highest:
        held_by, until = highest, highest.at + down_window
    kept = _with(earlier, Recommendation(recommended, now), old)
    return Stabilization(replicas, held_by, until), kept


def window_down(behavior: ScalingBehavior | None, flags: Flags) -> int | float:
    """Return the stabilization window of scaling down, in seconds."""
    if behavior is None:
        return flags.downscale_stabilization
    if behavior.down.window is None:
        return int(flags.downscale_stabilization)
    return behavior.down.window


def _with(
    earlier: tuple[Recommendation, ...], new: Recommendation, place: int | None
) -> tuple[Recommendation, ...]:
    """Return the recommendations with a new one, which takes the place of one too old to count."""
    if place is None:
        return (*earlier, new)
    return (*earlier[:place], new, *earlier[place + 1 :])
