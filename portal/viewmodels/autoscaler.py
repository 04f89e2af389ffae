"""The HorizontalPodAutoscaler in words: its metrics, its decision, its problems."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime

from portal.autoscaling.algorithm import Decision, Reading, arithmetic, decide
from portal.domain.objects import Condition, Hpa, HpaMetric
from portal.state.model import WatchHealth
from portal.viewmodels.freshness import METRICS, source_of
from portal.viewmodels.model import AutoscalerView, Badge, MetricView, Notice, Severity
from portal.viewmodels.words import cores, count, number, percent, sentence, shortened, size, span

PATIENCE = 180.0
"""Seconds for which missing metrics are normal: new pods take up to a minute, at times more."""

METRICS_ADVICE = (
    "Ask an administrator to install metrics-server (kubectl get apiservice "
    "v1beta1.metrics.k8s.io shows whether it is there)."
)

NO_METRICS = "The metrics API is not available"


def autoscaler_view(
    hpa: Hpa, ready: int, sources: Mapping[str, WatchHealth], now: datetime
) -> AutoscalerView:
    """The card of one HPA; ``ready`` is how many of its pods are ready."""
    return AutoscalerView(
        name=hpa.key.name,
        min_replicas=hpa.min_replicas,
        max_replicas=hpa.max_replicas,
        current=hpa.current,
        desired=hpa.desired,
        metrics=tuple(metric_view(metric) for metric in hpa.metrics),
        summary=_summary(hpa, ready),
        notices=_notices(hpa, sources, now),
        conditions=tuple(
            _badge(one)
            for one in hpa.conditions
            # A condition of a type added by a newer Kubernetes is shown only where it is true.
            if (one.type, one.status) in _CONDITIONS or one.status != "False"
        ),
    )


def metric_name(name: str) -> str:
    """The display name of a metric: "cpu" → "CPU", "app/cpu" → "CPU of app"."""
    container, _, metric = name.rpartition("/")
    shown = {"cpu": "CPU", "memory": "Memory"}.get(metric.lower(), metric)
    return f"{shown} of {container}" if container else shown


def _within(name: str) -> str:
    """A metric's name in the middle of a sentence."""
    return metric_name(name).replace("Memory", "memory")


def metric_view(metric: HpaMetric) -> MetricView:
    """One metric against its target."""
    name = metric_name(metric.name)
    target = _amount(metric, metric.target)
    known = metric.current is not None and math.isfinite(metric.current)
    current = _amount(metric, metric.current) if known and metric.current is not None else "unknown"
    fraction = None
    if known and metric.current is not None and metric.target > 0:
        fraction = metric.current / metric.target
    if not known:
        words = f"{name}: no metrics yet, target {target}"
    elif metric.target_type == "Utilization":
        words = f"{name} {current} of the request, target {target}"
    elif metric.target_type == "AverageValue":
        words = f"{name} {current} a pod, target {target}"
    else:
        words = f"{name} {current}, target {target}"
    return MetricView(name, current, target, fraction, words)


def bounds(hpa: Hpa) -> str:
    """The minimum and maximum replicas: "1–4"."""
    return f"{hpa.min_replicas}–{hpa.max_replicas}"


def hpa_words(hpa: Hpa) -> str:
    """An HPA in a table's cell: "1–4, CPU 143 % / 70 %"."""
    shown = (metric_view(metric) for metric in hpa.metrics)
    return ", ".join([bounds(hpa), *(f"{one.name} {one.current} / {one.target}" for one in shown)])


def _amount(metric: HpaMetric, value: float) -> str:
    if metric.target_type == "Utilization":
        return percent(value)
    resource = metric.name.lower().rpartition("/")[2]
    if resource == "cpu":
        return cores(value)
    if resource == "memory":
        return size(value)
    return number(value)


def condition(hpa: Hpa, kind: str) -> Condition | None:
    """The condition of that type, if it is there."""
    return next((one for one in hpa.conditions if one.type == kind), None)


def decision_of(hpa: Hpa, ready: int) -> Decision | None:
    """The decision of the documented algorithm for these metrics; utilization targets only."""
    readings = [
        Reading(metric_name(metric.name), metric.current, metric.target)
        for metric in hpa.metrics
        if metric.target_type == "Utilization" and metric.current is not None
    ]
    counted = ready or hpa.current
    return decide(
        counted, readings, hpa.min_replicas, hpa.max_replicas, max(0, hpa.current - counted)
    )


def _summary(hpa: Hpa, ready: int) -> str:
    words = [f"Keeps between {hpa.min_replicas} and {count(hpa.max_replicas, 'pod')}."]
    if hpa.min_replicas == hpa.max_replicas:
        words = [f"Keeps {count(hpa.max_replicas, 'pod')}: minimum and maximum are the same."]
    active = condition(hpa, "ScalingActive")
    if active and active.status == "False":
        words.append(
            "It is disabled because the workload is scaled to zero."
            if active.reason == "ScalingDisabled"
            else "It cannot compute the replicas at the moment."
        )
        return " ".join(words)
    if hpa.desired != hpa.current:
        words.append(f"Desired replicas: {hpa.desired}; current: {hpa.current}.")
    decision = decision_of(hpa, ready)
    if decision is None:
        return " ".join(words)
    several = len(hpa.metrics) > 1
    prefix = f"{decision.reading.name} decides: " if several else f"{decision.reading.name}: "
    words.append(f"{prefix}{arithmetic(decision)}.")
    words.append(_outcome(hpa, decision))
    return " ".join(part for part in words if part)


def _outcome(hpa: Hpa, decision: Decision) -> str:
    """The reason why the desired replicas differ from the algorithm's result, and any limit."""
    able, limited = condition(hpa, "AbleToScale"), condition(hpa, "ScalingLimited")
    if decision.replicas < hpa.desired and not decision.steady:
        return (
            f"It scales down to {decision.replicas} when the load has stayed this low for "
            f"{span(hpa.scale_down_window)} (scale-down stabilization window)."
            if hpa.scale_down_window > 0
            else f"It scales down to {decision.replicas} at its next sync, every 15 s by default."
        )
    if able and able.reason == "ScaleUpStabilized":
        return "It adds pods if the load stays this high (scale-up stabilization window)."
    if limited and limited.status == "True" and limited.reason == "ScaleUpLimit":
        return "Its scale-up policy limits each step: by default to double or four more in 15 s."
    if decision.replicas > hpa.desired and not decision.steady:
        return f"It scales up to {decision.replicas} at its next sync, every 15 s by default."
    if decision.asked > hpa.max_replicas:
        return f"It is limited by its maximum of {hpa.max_replicas}."
    return ""


def _notices(hpa: Hpa, sources: Mapping[str, WatchHealth], now: datetime) -> tuple[Notice, ...]:
    found: list[Notice] = []
    able, active = condition(hpa, "AbleToScale"), condition(hpa, "ScalingActive")
    if able and able.status == "False":
        found.append(_unable(hpa, able))
    if active and active.status == "False":
        found.append(_inactive(hpa, active, sources, now))
    elif any(metric.current is None for metric in hpa.metrics):
        found.append(_no_readings(hpa, active, sources, now))
    limited = condition(hpa, "ScalingLimited")
    if limited and limited.status == "True" and limited.reason == "TooManyReplicas":
        found.append(
            Notice(
                Severity.WARN,
                f"Limited by the maximum of {count(hpa.max_replicas, 'replica')}",
                "The load asks for more pods than the maximum allows.",
                "Raise the maximum if the app has become slow.",
            )
        )
    return tuple(found)


def _unable(hpa: Hpa, able: Condition) -> Notice:
    if able.reason == "FailedGetScale":
        return Notice(
            Severity.BAD,
            "The autoscaler's target cannot be read",
            f"It is to scale the {hpa.target_kind} {hpa.target_name}, whose scale it cannot read.",
            "Launch the app again, or remove the autoscaler.",
        )
    if able.reason.startswith("Backoff"):
        return Notice(Severity.BUSY, "The autoscaler waits", "It has just changed the replicas.")
    return Notice(Severity.BAD, "The autoscaler cannot scale", sentence(shortened(able.message)))


SEVERAL_HPAS = "Several HPAs target one workload"


def _inactive(
    hpa: Hpa, active: Condition, sources: Mapping[str, WatchHealth], now: datetime
) -> Notice:
    if active.reason == "ScalingDisabled":
        return Notice(
            Severity.WARN,
            "The autoscaler is disabled",
            "The workload is scaled to zero, which disables its autoscaler.",
            "Set at least one replica to enable the autoscaler again.",
        )
    if active.reason == "AmbiguousSelector" or "controlled by multiple HPAs" in active.message:
        return Notice(
            Severity.BAD,
            SEVERAL_HPAS,
            sentence(shortened(active.message)),
            "Remove one of them.",
        )
    return _no_readings(hpa, active, sources, now)


def _no_readings(
    hpa: Hpa, active: Condition | None, sources: Mapping[str, WatchHealth], now: datetime
) -> Notice:
    """Explain why a metric shows ``<unknown>``."""
    message = active.message if active and active.status == "False" else ""
    unknown = [_within(one.name) for one in hpa.metrics if one.current is None]
    what = " and ".join(unknown) or "resource"
    missing = re.search(r"missing request for (\w+)(?: in container (\S+) of)?", message)
    if missing:
        resource = _within(missing[1])
        where = f"the container {missing[2]}" if missing[2] else "a container"
        return Notice(
            Severity.BAD,
            f"No {resource} request",
            f"The target is a percentage of the {resource} request; {where} has none.",
            f"Set a {resource} request for the app.",
        )
    source = source_of(sources, METRICS)
    absent = source is not None and not source.available
    if absent or re.search(
        r"could not find the requested resource|unable to handle the request|no matches for kind"
        r"|apiservice|connection refused|service unavailable",
        message,
        re.IGNORECASE,
    ):
        return Notice(
            Severity.BAD,
            NO_METRICS,
            f"The autoscaler cannot read {what} metrics: the metrics API does not answer.",
            METRICS_ADVICE,
        )
    since = active.changed_at if active and message else None
    waiting = since is None or (now - since).total_seconds() <= PATIENCE
    ordinary = not message or re.search(
        r"no metrics returned|did not receive metrics|no recommendation|unable to fetch metrics",
        message,
    )
    if ordinary and waiting:
        return Notice(
            Severity.BUSY,
            f"No {what} metrics yet",
            "It takes about a minute until new pods are measured; until then the autoscaler shows "
            "<unknown> and changes nothing.",
        )
    return Notice(
        Severity.WARN,
        f"The autoscaler gets no {what} metrics",
        sentence(shortened(_core(message))) or "It gives no reason.",
        "Pods that are not ready are not measured: check those first, then metrics-server.",
    )


def _core(message: str) -> str:
    """The cause, at the end of a chain of "failed to …: unable to …:"."""
    return message.rpartition("the HPA was unable to compute the replica count: ")[2]


_CONDITIONS: dict[tuple[str, str], tuple[str, Severity]] = {
    ("AbleToScale", "True"): ("Can scale", Severity.GOOD),
    ("AbleToScale", "False"): ("Cannot scale", Severity.BAD),
    ("ScalingActive", "True"): ("Has metrics", Severity.GOOD),
    ("ScalingActive", "False"): ("No metrics", Severity.WARN),
    ("ScalingLimited", "True"): ("At a limit", Severity.WARN),
    ("ScalingLimited", "False"): ("Within its limits", Severity.QUIET),
}

_QUIET_LIMITS = {"TooFewReplicas"}
"""Limits that are normal for an idle app."""


def _badge(one: Condition) -> Badge:
    text, severity = _CONDITIONS.get(
        (one.type, one.status), (f"{one.type}: {one.status}", Severity.QUIET)
    )
    if one.type == "ScalingLimited" and one.reason in _QUIET_LIMITS and one.status == "True":
        text, severity = "At the minimum", Severity.QUIET
    elif one.type == "ScalingLimited" and one.reason == "TooManyReplicas":
        text = "At the maximum"
    return Badge(
        text, severity, shortened(f"{one.type}={one.status} {one.reason}: {one.message}", 400)
    )
