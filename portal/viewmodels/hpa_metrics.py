"""The metrics of a HorizontalPodAutoscaler: their names, amounts and readings in words."""

from __future__ import annotations

import math

from msgspec import Struct

from portal.autoscaling.spec import MetricSource
from portal.domain.objects import Hpa, HpaMetric
from portal.state.history import A_POD, IN_ALL
from portal.viewmodels.model import MetricView
from portal.viewmodels.words import percent, precise, precise_cores, size

UNKNOWN = "unknown"

RESOURCES = {MetricSource.RESOURCE, MetricSource.CONTAINER_RESOURCE}
"""The sources of CPU and memory."""


def metric_name(name: str) -> str:
    """The display name of a resource's metric: "cpu" → "CPU", "app/cpu" → "CPU of app"."""
    container, _, metric = name.rpartition("/")
    shown = {"cpu": "CPU", "memory": "Memory"}.get(metric.lower(), metric)
    return f"{shown} of {container}" if container else shown


class SampledMetric(Struct, frozen=True):
    """A metric of a history's samples: its display name, its unit, and the factor to it.

    ``unit`` is "" for percent of the request.
    """

    name: str
    unit: str = ""
    factor: float = 1.0


def sampled_metric(name: str) -> SampledMetric:
    """Return what a name in samples says of its metric."""
    for ending in (A_POD, IN_ALL):
        if name.endswith(ending):
            plain = name.removesuffix(ending)
            shown = metric_name(plain) + ending
            unit, factor = _UNITS.get(plain.lower().rpartition("/")[2], (shown, 1.0))
            return SampledMetric(shown, unit if unit == shown else unit + ending, factor)
    return SampledMetric(metric_name(name))


_UNITS = {"cpu": ("cores", 1.0), "memory": ("MiB", 2.0**-20)}


def metric_label(metric: HpaMetric) -> str:
    """The display name of a metric, with what tells it apart from others of its name."""
    if metric.source in RESOURCES:
        return metric_name(metric.name)
    subject = f" of {metric.object}" if metric.object else ""
    selector = f" ({metric.selector})" if metric.selector else ""
    return f"{metric.name}{subject}{selector}"


def label_within(metric: HpaMetric) -> str:
    """The display name of a metric in the middle of a sentence."""
    label = metric_label(metric)
    return label.replace("Memory", "memory", 1) if metric.source in RESOURCES else label


def amount(metric: HpaMetric, value: float) -> str:
    """A value of the metric with its unit."""
    if metric.target_type == "Utilization":
        return percent(value)
    if metric.source in RESOURCES:
        resource = metric.name.lower().rpartition("/")[2]
        if resource == "cpu":
            return precise_cores(value)
        if resource == "memory":
            return size(value)
    return precise(value)


def metric_view(metric: HpaMetric) -> MetricView:
    """One metric against its target."""
    name = metric_label(metric)
    target = amount(metric, metric.target) if metric.target > 0 else UNKNOWN
    current, fraction = UNKNOWN, None
    if metric.current is not None and math.isfinite(metric.current):
        current = amount(metric, metric.current)
        fraction = metric.current / metric.target if metric.target > 0 else None
    if current == UNKNOWN:
        why = " (an average over no pods)" if metric.reported else ""
        words = f"{name}: no reading{why}, target {target}"
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
