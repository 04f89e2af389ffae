"""The HorizontalPodAutoscaler in words: its metrics, its decision, its problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from portal.autoscaling.spec import BEHAVIOR, FLAGS
from portal.autoscaling.stabilization import window_down
from portal.domain.objects import Condition, Event, Hpa, Pod
from portal.state.model import WatchHealth
from portal.viewmodels.conditions import condition
from portal.viewmodels.hpa_metrics import metric_view
from portal.viewmodels.hpa_problems import failing_metrics, problems, scaling_disabled
from portal.viewmodels.hpa_rules import behavior_words
from portal.viewmodels.model import AutoscalerView, Badge, Notice, Severity
from portal.viewmodels.words import count, shortened


class Decided(Struct, frozen=True):
    """An autoscaler's last decision as the engine computes it, for all pages that tell of it.

    ``sentence`` says how it came about, or why it cannot be followed. ``asked`` are the replicas
    that the metrics ask for, before windows, policies and bounds; None without any. ``change`` is
    what comes next if nothing else happens, at ``change_at``; "" and None if nothing does.
    """

    sentence: str
    asked: int | None = None
    change: str = ""
    change_at: datetime | None = None


NOT_FOLLOWED = Decided("")
"""The decision of an autoscaler of which the engine knows nothing."""


def autoscaler_view(
    hpa: Hpa,
    pods: Sequence[Pod],
    sources: Mapping[str, WatchHealth],
    now: datetime,
    events: Sequence[Event] = (),
    decided: Decided = NOT_FOLLOWED,
) -> AutoscalerView:
    """The card of one HPA; ``pods`` are those of its target, ``events`` those of its app."""
    limit = limit_notice(hpa, decided.asked)
    return AutoscalerView(
        name=hpa.key.name,
        workload=hpa.target_name,
        min_replicas=hpa.min_replicas,
        max_replicas=hpa.max_replicas,
        current=hpa.current,
        desired=hpa.desired if has_decided(hpa) else None,
        metrics=tuple(metric_view(metric) for metric in hpa.metrics),
        summary=_summary(hpa, decided.sentence),
        notices=(*problems(hpa, pods, events, sources, now), *([limit] if limit else [])),
        conditions=tuple(
            _badge(hpa, one, decided.asked)
            for one in hpa.conditions
            # A condition of a type added by a newer Kubernetes is shown only where it is true.
            if (one.type, one.status) in _CONDITIONS or one.status != "False"
        ),
        change=decided.change,
        change_at=decided.change_at,
    )


def has_decided(hpa: Hpa) -> bool:
    """Return True if ``desired`` is a decision; it is 0 until the first one."""
    if scaling_disabled(hpa):
        return False
    return hpa.desired > 0 or (hpa.min_replicas == 0 and hpa.last_scale_at is not None)


def _summary(hpa: Hpa, decision: str) -> str:
    words = [f"Keeps between {hpa.min_replicas} and {count(hpa.max_replicas, 'pod')}."]
    if hpa.min_replicas == hpa.max_replicas:
        words = [f"Keeps {count(hpa.max_replicas, 'pod')}: minimum and maximum are the same."]
    words.extend(behavior_words(hpa.behavior))
    if has_decided(hpa) and hpa.desired != hpa.current:
        words.append(f"Desired replicas: {hpa.desired}; current: {hpa.current}.")
    return " ".join([*words, decision] if decision else words)


def _remembers_more(hpa: Hpa, asked: int | None) -> bool:
    """Return True if it is at its maximum for what the load asked earlier, not for what it asks.

    A ScalingLimited condition is about the highest recommendation of the stabilization window.
    """
    if not _at_maximum(hpa) or window_down(hpa.behavior, FLAGS) <= 0:
        return False
    if asked is not None:
        return asked <= hpa.max_replicas
    able = condition(hpa, "AbleToScale")
    return able is not None and able.reason == "ScaleDownStabilized"


def _at_maximum(hpa: Hpa) -> bool:
    return _limited_by(hpa, "TooManyReplicas")


def _limited_by(hpa: Hpa, reason: str) -> bool:
    limited = condition(hpa, "ScalingLimited")
    return limited is not None and limited.status == "True" and limited.reason == reason


def limit_notice(hpa: Hpa, asked: int | None) -> Notice | None:
    """A notice that the load asks for more than the maximum at present; else None."""
    others = (condition(hpa, "AbleToScale"), condition(hpa, "ScalingActive"))
    if any(each is not None and each.status == "False" for each in others):
        return None  # the condition is old
    if not _at_maximum(hpa) or _remembers_more(hpa, asked):
        return None
    return Notice(
        Severity.WARN,
        f"Limited by the maximum of {count(hpa.max_replicas, 'replica')}",
        "The load asks for more pods than the maximum allows.",
        "Raise the maximum if the app has become slow.",
    )


_CONDITIONS: dict[tuple[str, str], tuple[str, Severity]] = {
    ("AbleToScale", "True"): ("Can scale", Severity.GOOD),
    ("AbleToScale", "False"): ("Cannot scale", Severity.BAD),
    ("ScalingActive", "True"): ("Has metrics", Severity.GOOD),
    ("ScalingActive", "False"): ("No metrics", Severity.WARN),
    ("ScalingLimited", "True"): ("At a limit", Severity.WARN),
    ("ScalingLimited", "False"): ("Within its limits", Severity.QUIET),
    ("ScaledToZero", "True"): ("Scaled to zero", Severity.QUIET),
}

_REASONS: dict[tuple[str, str], tuple[str, Severity]] = {
    ("ScalingActive", "ScalingDisabled"): ("Disabled at zero replicas", Severity.QUIET),
    ("ScalingActive", "AmbiguousSelector"): ("Cannot decide", Severity.BAD),
    ("ScalingActive", "InvalidSelector"): ("Cannot decide", Severity.BAD),
    ("ScalingActive", "InvalidMetricSourceType"): ("Cannot decide", Severity.BAD),
    ("ScalingLimited", "TooFewReplicas"): ("At the minimum", Severity.QUIET),
    ("ScalingLimited", "TooManyReplicas"): ("At the maximum", Severity.WARN),
    ("ScalingLimited", "ScaleUpLimit"): ("Scales up in steps", Severity.QUIET),
    ("ScalingLimited", "ScaleDownLimit"): ("Scales down in steps", Severity.QUIET),
}
"""Words for reasons of a condition that is not as it should be, where they say more."""


def _badge(hpa: Hpa, one: Condition, asked: int | None) -> Badge:
    text, severity = _CONDITIONS.get(
        (one.type, one.status), (f"{one.type}: {one.status}", Severity.QUIET)
    )
    sound = "False" if one.type == "ScalingLimited" else "True"
    if one.status != sound:
        text, severity = _REASONS.get((one.type, one.reason), (text, severity))
    rules = hpa.behavior or BEHAVIOR
    if one.reason == "ScaleUpLimit" and rules.up.disabled:
        text = "Never scales up"
    if one.reason == "ScaleDownLimit" and rules.down.disabled:
        text = "Never scales down"
    if one.type == "ScalingLimited" and _remembers_more(hpa, asked):
        text, severity = "Was limited by the maximum", Severity.QUIET
    if one.type == "ScalingActive" and asked is not None and failing_metrics(hpa):
        text, severity = "Some metrics are missing", Severity.WARN
    return Badge(
        text, severity, shortened(f"{one.type}={one.status} {one.reason}: {one.message}", 400)
    )
