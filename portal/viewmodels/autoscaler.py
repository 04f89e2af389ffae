"""The HorizontalPodAutoscaler in words: its metrics, its decision, its problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from portal.autoscaling import rates
from portal.autoscaling.spec import BEHAVIOR, FLAGS
from portal.autoscaling.state import History
from portal.domain.objects import Condition, Event, Hpa, HpaMetric, Pod
from portal.state.model import WatchHealth
from portal.viewmodels.conditions import condition
from portal.viewmodels.hpa_demand import (
    Demand,
    PodCounts,
    arithmetic,
    demand_of,
    scale_down_window,
)
from portal.viewmodels.hpa_metrics import amount, label_within, metric_label, metric_view
from portal.viewmodels.hpa_problems import failing_metrics, problems, scaling_disabled
from portal.viewmodels.hpa_rules import behavior_words, limit_words, step_up_words
from portal.viewmodels.model import AutoscalerView, Badge, Notice, Severity
from portal.viewmodels.words import count, joined, shortened, span

MEASURED_AFTER = 60.0
"""Seconds until a pod that became ready is surely part of a metric: two windows of metrics-server
and a sync of the controller."""

INITIALIZATION = FLAGS.cpu_initialization_period
"""Seconds from its start after which a pod is measured whenever it is ready (the controller's
``--horizontal-pod-autoscaler-cpu-initialization-period``)."""


def autoscaler_view(
    hpa: Hpa,
    pods: Sequence[Pod],
    sources: Mapping[str, WatchHealth],
    now: datetime,
    events: Sequence[Event] = (),
) -> AutoscalerView:
    """The card of one HPA; ``pods`` are those of its target, ``events`` those of its app."""
    demand = demand_of(hpa, pod_counts(hpa, pods, now))
    limit = limit_notice(hpa, demand)
    return AutoscalerView(
        name=hpa.key.name,
        workload=hpa.target_name,
        min_replicas=hpa.min_replicas,
        max_replicas=hpa.max_replicas,
        current=hpa.current,
        desired=hpa.desired if has_decided(hpa) else None,
        metrics=tuple(metric_view(metric) for metric in hpa.metrics),
        summary=_summary(hpa, demand),
        notices=(*problems(hpa, pods, events, sources, now), *([limit] if limit else [])),
        conditions=tuple(
            _badge(hpa, one, demand)
            for one in hpa.conditions
            # A condition of a type added by a newer Kubernetes is shown only where it is true.
            if (one.type, one.status) in _CONDITIONS or one.status != "False"
        ),
    )


def has_decided(hpa: Hpa) -> bool:
    """Return True if ``desired`` is a decision; it is 0 until the first one."""
    if scaling_disabled(hpa):
        return False
    return hpa.desired > 0 or (hpa.min_replicas == 0 and hpa.last_scale_at is not None)


def pod_counts(hpa: Hpa, pods: Sequence[Pod], now: datetime) -> PodCounts:
    """The pods at the sync that read the metrics, as far as they can be told from outside.

    After a change of the replicas the metrics are of the pods before it: one that became ready
    since then is not counted as measured.
    """
    replicas = hpa.current
    if has_decided(hpa) and hpa.desired < replicas:
        return PodCounts(replicas, replicas, replicas)  # some of them are gone by now
    ready = [pod for pod in pods if pod.ready and not pod.deleting]
    before = now - timedelta(seconds=MEASURED_AFTER)
    if hpa.last_scale_at:
        before = max(before, hpa.last_scale_at)
    measured = [pod for pod in ready if _measured(pod, before, now)]
    if hpa.desired > replicas:
        ready = measured  # the status is that of the sync that made the change
    seen = min(len(measured) or len(ready) or replicas, replicas)
    return PodCounts(replicas, min(len(ready) or replicas, replicas), seen)


def _measured(pod: Pod, before: datetime, now: datetime) -> bool:
    """Return True for a ready pod that became so ``before`` a time, or began long ago."""
    if pod.ready_at is None or pod.ready_at <= before:
        return True
    return (now - pod.created_at).total_seconds() >= INITIALIZATION


def _summary(hpa: Hpa, demand: Demand | None) -> str:
    words = [f"Keeps between {hpa.min_replicas} and {count(hpa.max_replicas, 'pod')}."]
    if hpa.min_replicas == hpa.max_replicas:
        words = [f"Keeps {count(hpa.max_replicas, 'pod')}: minimum and maximum are the same."]
    words.extend(behavior_words(hpa.behavior))
    able, active = condition(hpa, "AbleToScale"), condition(hpa, "ScalingActive")
    if able and able.status == "False" and able.reason == "FailedGetScale":
        return " ".join([*words, "It cannot read how many pods there are."])
    if active and active.status == "False":
        return " ".join([*words, _inactive(hpa, demand)])
    if not has_decided(hpa):
        return " ".join([*words, "It has not decided yet."])
    if hpa.desired != hpa.current:
        words.append(f"Desired replicas: {hpa.desired}; current: {hpa.current}.")
    if demand is None:
        return " ".join(words)
    metric = demand.metric
    decides = " decides" if len(hpa.metrics) > 1 else ""
    calculation = arithmetic(demand, _start(hpa, metric, demand))
    words.append(f"{metric_label(metric)}{decides}: {calculation}.")
    words.append(_earlier(hpa, demand))
    words.append(_outcome(hpa, demand))
    return " ".join(part for part in words if part)


def _inactive(hpa: Hpa, demand: Demand | None) -> str:
    """Say what ScalingActive=False means."""
    if scaling_disabled(hpa):
        return (
            "KEDA has scaled the workload to zero, and wakes it."
            if hpa.scaled_object
            else "It is disabled because the workload is scaled to zero."
        )
    failing = failing_metrics(hpa)
    if demand is None or not failing or len(failing) == len(hpa.metrics):
        return "It cannot compute the replicas at the moment."
    return _held(failing)


def _held(failing: Sequence[HpaMetric]) -> str:
    names = joined(label_within(each) for each in failing)
    return f"It takes no pods away while it cannot read {names}."


def _start(hpa: Hpa, metric: HpaMetric, demand: Demand) -> str:
    """The reading before the arrow of the arithmetic; "" for a percentage of the request."""
    if metric.target_type == "Utilization":
        return ""
    current, target = amount(metric, demand.reading), amount(metric, metric.target)
    if metric.target_type == "Value":
        pods = f", with {count(demand.counted, 'ready pod')}" if hpa.current else ""
        return f"{current} of a target of {target}{pods}"
    return f"{count(demand.counted, 'pod')} at {current} each, target {target}"


def _remembers_more(hpa: Hpa, demand: Demand | None) -> bool:
    """Return True if it is at its maximum for what the load asked earlier, not for what it asks.

    A ScalingLimited condition is about the highest recommendation of the stabilization window.
    """
    if not _at_maximum(hpa) or scale_down_window(hpa.behavior) <= 0:
        return False
    if demand is not None:
        return demand.asked <= hpa.max_replicas
    able = condition(hpa, "AbleToScale")
    return able is not None and able.reason == "ScaleDownStabilized"


def _earlier(hpa: Hpa, demand: Demand) -> str:
    """Say that the maximum was too low within the stabilization window, and is not any more."""
    if not _remembers_more(hpa, demand):
        return ""
    return (
        f"Within the last {span(scale_down_window(hpa.behavior))} the load asked for more "
        f"than the maximum of {hpa.max_replicas}; at present it does not."
    )


def _at_maximum(hpa: Hpa) -> bool:
    return _limited_by(hpa, "TooManyReplicas")


def _outcome(hpa: Hpa, demand: Demand) -> str:
    """The reason why the desired replicas differ from the algorithm's result, and any limit."""
    able = condition(hpa, "AbleToScale")
    if demand.replicas < hpa.desired and not demand.steady:
        return _downwards(hpa, demand)
    if able and able.reason == "ScaleUpStabilized":
        return "It adds pods if the load stays this high (scale-up stabilization window)."
    if demand.replicas > hpa.desired and (hpa.behavior or BEHAVIOR).up.disabled:
        return f"It stays at {hpa.desired}."
    if _limited_by(hpa, "ScaleUpLimit"):
        return f"Its scale-up policy limits each step: {step_up_words(hpa.behavior)}."
    if demand.replicas > hpa.desired and not demand.steady:
        following = min(demand.replicas, _highest(hpa))
        return f"It scales up to {_steps(following, demand.replicas)}."
    if demand.asked > hpa.max_replicas:
        return f"It is limited by its maximum of {hpa.max_replicas}."
    return ""


def _downwards(hpa: Hpa, demand: Demand) -> str:
    """Say when it scales down to what the reading asks for."""
    rules = (hpa.behavior or BEHAVIOR).down
    failing = failing_metrics(hpa)
    if failing:
        return _held(failing)
    if rules.disabled:
        return f"It stays at {hpa.desired}."
    if _limited_by(hpa, "ScaleDownLimit"):
        return f"Its scale-down policy limits each step: {limit_words(rules)}."
    window = scale_down_window(hpa.behavior)
    if window > 0:
        return (
            f"It scales down to {demand.replicas} when the load has stayed this low for "
            f"{span(window)} (scale-down stabilization window)."
        )
    following = max(demand.replicas, _lowest(hpa))
    return f"It scales down to {_steps(following, demand.replicas)}."


def _highest(hpa: Hpa) -> int:
    """The most replicas that the next change may lead to, after a quiet time."""
    if hpa.behavior is None:
        return rates.without_behavior(hpa.desired).limit
    return rates.upwards(hpa.desired, hpa.behavior, History(), 0.0).limit


def _lowest(hpa: Hpa) -> int:
    """The fewest replicas that the next change may lead to, after a quiet time."""
    if hpa.behavior is None:
        return 0
    return rates.downwards(hpa.desired, hpa.behavior, History(), 0.0).limit


def _steps(following: int, last: int) -> str:
    """The replicas after the next sync, and after all that follow it."""
    then = f", then to {last}" if following != last else ""
    return f"{following} at its next sync, every {FLAGS.sync_period:g} s by default{then}"


def _limited_by(hpa: Hpa, reason: str) -> bool:
    limited = condition(hpa, "ScalingLimited")
    return limited is not None and limited.status == "True" and limited.reason == reason


def limit_notice(hpa: Hpa, demand: Demand | None) -> Notice | None:
    """A notice that the load asks for more than the maximum at present; else None."""
    others = (condition(hpa, "AbleToScale"), condition(hpa, "ScalingActive"))
    if any(each is not None and each.status == "False" for each in others):
        return None  # the condition is old
    if not _at_maximum(hpa) or _remembers_more(hpa, demand):
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


def _badge(hpa: Hpa, one: Condition, demand: Demand | None) -> Badge:
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
    if one.type == "ScalingLimited" and _remembers_more(hpa, demand):
        text, severity = "Was limited by the maximum", Severity.QUIET
    if one.type == "ScalingActive" and demand and failing_metrics(hpa):
        text, severity = "Some metrics are missing", Severity.WARN
    return Badge(
        text, severity, shortened(f"{one.type}={one.status} {one.reason}: {one.message}", 400)
    )
