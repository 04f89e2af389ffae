"""The policies of scaling: how far one change may go, by the changes that came before it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec import Struct

from portal.autoscaling.integers import MAX32
from portal.autoscaling.spec import ScalingBehavior, ScalingPolicy, ScalingRules
from portal.autoscaling.state import History, ScaleEvent


class PolicyTrace(Struct, frozen=True):
    """The replicas that one policy allows.

    ``start`` are the replicas at the start of its period, as far as the controller's own changes
    tell, and ``limit`` those that it allows. ``until`` is when the first of the changes that count
    leaves the period; None if none counts.
    """

    policy: ScalingPolicy
    start: int
    limit: int
    until: float | None = None


class RateLimit(Struct, frozen=True):
    """The replicas that the policies of one direction allow.

    ``decisive`` is the policy that sets the limit; None if there is none: without ``behavior``, or
    if the direction is disabled.
    """

    limit: int
    policies: tuple[PolicyTrace, ...] = ()
    decisive: PolicyTrace | None = None


def without_behavior(current: int) -> RateLimit:
    """Return the limit upwards of an autoscaler without ``behavior``: twice as many, and 4."""
    return RateLimit(max(2 * current, 4))


def upwards(current: int, behavior: ScalingBehavior, history: History, now: float) -> RateLimit:
    """Return the most replicas that the next change may lead to, before the maximum."""
    return _limit(current, behavior.up, history, now, up=True)


def downwards(current: int, behavior: ScalingBehavior, history: History, now: float) -> RateLimit:
    """Return the fewest replicas that the next change may lead to, before the minimum."""
    return _limit(current, behavior.down, history, now, up=False)


def _limit(
    current: int, rules: ScalingRules, history: History, now: float, *, up: bool
) -> RateLimit:
    if rules.disabled or not rules.policies:
        return RateLimit(current)
    traces = tuple(_trace(current, each, history, now, up=up) for each in rules.policies)
    farthest = (rules.select == "Min") is not up
    decisive = (max if farthest else min)(traces, key=_limit_of)
    limit = max(decisive.limit, current) if up else min(decisive.limit, current)
    return RateLimit(limit, traces, decisive)


def _limit_of(trace: PolicyTrace) -> int:
    return trace.limit


def _trace(
    current: int, policy: ScalingPolicy, history: History, now: float, *, up: bool
) -> PolicyTrace:
    cutoff = now - policy.period
    added, first_up = _changed(history.ups, cutoff)
    removed, first_down = _changed(history.downs, cutoff)
    start = current - added + removed
    if policy.type == "Percent":
        if up:
            limit = math.ceil(start * (1 + policy.value / 100))
        else:
            limit = int(start * (1 - policy.value / 100))
    else:
        limit = start + policy.value if up else start - policy.value
    first = min(first_up, first_down)
    until = None if first == math.inf else first + policy.period
    return PolicyTrace(policy, start, min(limit, MAX32), until)


def _changed(events: Iterable[ScaleEvent], cutoff: float) -> tuple[int, float]:
    """Return the sum of the changes after a time, and the time of the first of them."""
    total, first = 0, math.inf
    for each in events:
        if each.at > cutoff:
            total += each.change
            first = min(first, each.at)
    return total, first


def recorded(history: History, behavior: ScalingBehavior, change: int, now: float) -> History:
    """Return the history with a change of the replicas, by what ``change`` adds."""
    if change > 0:
        ups = _kept(history.ups, behavior.up, change, now)
        return History(history.recommendations, ups, history.downs)
    downs = _kept(history.downs, behavior.down, -change, now)
    return History(history.recommendations, history.ups, downs)


def _kept(
    events: tuple[ScaleEvent, ...], rules: ScalingRules, change: int, now: float
) -> tuple[ScaleEvent, ...]:
    """Return the events with one more, which takes the place of an outdated one."""
    cutoff = now - max((each.period for each in rules.policies), default=0)
    kept = [
        ScaleEvent(each.change, each.at, True) if each.at < cutoff and not each.outdated else each
        for each in events
    ]
    event = ScaleEvent(change, now)
    place = next((at for at in reversed(range(len(kept))) if kept[at].outdated), None)
    if place is None:
        kept.append(event)
    else:
        kept[place] = event
    return tuple(kept)
