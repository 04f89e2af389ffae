"""The HorizontalPodAutoscaler in words: what it reads, what it decided, why it cannot."""

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
"""Seconds for which missing readings are normal: new pods need up to a minute, at times more."""

METRICS_ADVICE = (
    "Ask an administrator to install metrics-server (kubectl get apiservice "
    "v1beta1.metrics.k8s.io shows whether it is there)."
)


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
            # What newer Kubernetes adds says something only where it holds.
            if (one.type, one.status) in _CONDITIONS or one.status != "False"
        ),
    )


def metric_name(name: str) -> str:
    """A metric as people write it: "cpu" → "CPU", "app/cpu" → "CPU of app"."""
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
        words = f"{name}: no reading yet, target {target}"
    elif metric.target_type == "Utilization":
        words = f"{name} {current} of the request, target {target}"
    elif metric.target_type == "AverageValue":
        words = f"{name} {current} a pod, target {target}"
    else:
        words = f"{name} {current}, target {target}"
    return MetricView(name, current, target, fraction, words)


def bounds(hpa: Hpa) -> str:
    """The bounds, short: "1–4"."""
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
    """What the metrics ask for by the documented arithmetic; percentages only."""
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
        words = [f"Keeps {count(hpa.max_replicas, 'pod')}: both bounds are the same."]
    active = condition(hpa, "ScalingActive")
    if active and active.status == "False":
        words.append(
            "It is off, because the number of pods is zero."
            if active.reason == "ScalingDisabled"
            else "It cannot decide at the moment."
        )
        return " ".join(words)
    if hpa.desired != hpa.current:
        words.append(f"It has asked for {hpa.desired}; there are {hpa.current}.")
    decision = decision_of(hpa, ready)
    if decision is None:
        return " ".join(words)
    several = len(hpa.metrics) > 1
    prefix = f"{decision.reading.name} decides: " if several else f"{decision.reading.name}: "
    words.append(f"{prefix}{arithmetic(decision)}.")
    words.append(_outcome(hpa, decision))
    return " ".join(part for part in words if part)


def _outcome(hpa: Hpa, decision: Decision) -> str:
    """Why what it asked for is not what the arithmetic says, and what limits it."""
    able, limited = condition(hpa, "AbleToScale"), condition(hpa, "ScalingLimited")
    if decision.replicas < hpa.desired and not decision.steady:
        return (
            f"It drops to {decision.replicas} only when the load has stayed this low for "
            f"{span(hpa.scale_down_window)} (the stabilisation window)."
            if hpa.scale_down_window > 0
            else f"It drops to {decision.replicas} at its next look, within 15 s."
        )
    if able and able.reason == "ScaleUpStabilized":
        return "It waits to see whether the load stays before it adds pods."
    if limited and limited.status == "True" and limited.reason == "ScaleUpLimit":
        return "It grows in steps: at most twice as many, or four more, every 15 s."
    if decision.replicas > hpa.desired and not decision.steady:
        return f"It asks for {decision.replicas} at its next look, within 15 s."
    if decision.asked > hpa.max_replicas:
        return f"It is capped at the maximum of {hpa.max_replicas}."
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
                f"Capped at the maximum of {hpa.max_replicas}",
                "The load asks for more pods than the maximum allows.",
                "Raise the maximum if the app has become slow.",
            )
        )
    return tuple(found)


def _unable(hpa: Hpa, able: Condition) -> Notice:
    if able.reason == "FailedGetScale":
        return Notice(
            Severity.BAD,
            "The autoscaler finds nothing to scale",
            f"It is meant for the {hpa.target_kind} {hpa.target_name}, which it cannot read.",
            "Launch the app again, or remove the autoscaler.",
        )
    if able.reason.startswith("Backoff"):
        return Notice(
            Severity.BUSY, "The autoscaler pauses", "It has just changed the number of pods."
        )
    return Notice(Severity.BAD, "The autoscaler cannot scale", sentence(shortened(able.message)))


SEVERAL_HPAS = "Several HPAs target one workload"


def _inactive(
    hpa: Hpa, active: Condition, sources: Mapping[str, WatchHealth], now: datetime
) -> Notice:
    if active.reason == "ScalingDisabled":
        return Notice(
            Severity.WARN,
            "The autoscaler is off",
            "The number of pods was set to zero, and then the autoscaler leaves it there.",
            "Set at least one pod: the autoscaler takes over from there.",
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
    """Why a metric shows ``<unknown>``."""
    message = active.message if active and active.status == "False" else ""
    unknown = [_within(one.name) for one in hpa.metrics if one.current is None]
    what = " and ".join(unknown) or "its metrics"
    missing = re.search(r"missing request for (\w+)(?: in container (\S+) of)?", message)
    if missing:
        resource = _within(missing[1])
        where = f"the container {missing[2]}" if missing[2] else "a container"
        return Notice(
            Severity.BAD,
            f"No {resource} request, so no percentage",
            f"The target is a share of the {resource} request, and {where} has none.",
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
            "The cluster does not measure CPU and memory",
            f"The autoscaler cannot read {what}: the metrics API does not answer.",
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
            f"No reading of {what} yet",
            "New pods need up to a minute before they are measured; until then the autoscaler "
            "shows <unknown> and changes nothing.",
        )
    return Notice(
        Severity.WARN,
        f"The autoscaler gets no reading of {what}",
        sentence(shortened(_core(message))) or "It does not say why.",
        "Pods that are not ready are not measured: see to those first. Otherwise look at "
        "metrics-server.",
    )


def _core(message: str) -> str:
    """The end of a chain of "failed to …: unable to …:", which is what went wrong."""
    return message.rpartition("the HPA was unable to compute the replica count: ")[2]


_CONDITIONS: dict[tuple[str, str], tuple[str, Severity]] = {
    ("AbleToScale", "True"): ("Can scale", Severity.GOOD),
    ("AbleToScale", "False"): ("Cannot scale", Severity.BAD),
    ("ScalingActive", "True"): ("Reads its metrics", Severity.GOOD),
    ("ScalingActive", "False"): ("Does not read its metrics", Severity.WARN),
    ("ScalingLimited", "True"): ("At a limit", Severity.WARN),
    ("ScalingLimited", "False"): ("Within its bounds", Severity.QUIET),
}

_QUIET_LIMITS = {"TooFewReplicas"}
"""Sitting at the minimum is where an idle app belongs."""


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
