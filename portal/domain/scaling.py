"""Settings of a HorizontalPodAutoscaler: the sources of its metrics, and its scaling behavior."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class MetricSource(StrEnum):
    """The types of metrics (``spec.metrics[].type``)."""

    RESOURCE = "Resource"
    CONTAINER_RESOURCE = "ContainerResource"
    PODS = "Pods"
    OBJECT = "Object"
    EXTERNAL = "External"
    UNKNOWN = ""
    """A type that a newer Kubernetes may have added."""

    @property
    def api_group(self) -> str:
        """The API group that serves such metrics; "" for an unknown type."""
        return _GROUPS.get(self, "")

    @property
    def shared(self) -> bool:
        """True if its value describes the app as a whole, not each of its pods."""
        return self in {MetricSource.OBJECT, MetricSource.EXTERNAL}


RESOURCE_METRICS = "metrics.k8s.io"
CUSTOM_METRICS = "custom.metrics.k8s.io"
EXTERNAL_METRICS = "external.metrics.k8s.io"

_GROUPS = {
    MetricSource.RESOURCE: RESOURCE_METRICS,
    MetricSource.CONTAINER_RESOURCE: RESOURCE_METRICS,
    MetricSource.PODS: CUSTOM_METRICS,
    MetricSource.OBJECT: CUSTOM_METRICS,
    MetricSource.EXTERNAL: EXTERNAL_METRICS,
}

DISABLED = "Disabled"
"""The ``selectPolicy`` that forbids scaling in its direction."""


class ScalingPolicy(Struct, frozen=True):
    """The most that may change within ``period`` seconds: ``value`` pods, or percent of them."""

    type: str
    value: int
    period: int


class ScalingRules(Struct, frozen=True):
    """The rules of one direction (``HPAScalingRules``), with Kubernetes' defaults filled in.

    ``window`` is the stabilization window in seconds. ``select`` is ``Max``, ``Min`` or
    ``Disabled``. ``tolerance`` is a fraction; None for the cluster's own, which is 0.1 by default.
    """

    window: int
    policies: tuple[ScalingPolicy, ...]
    select: str = "Max"
    tolerance: float | None = None

    @property
    def disabled(self) -> bool:
        """True if nothing is ever scaled in this direction."""
        return self.select == DISABLED


SCALE_UP = ScalingRules(0, (ScalingPolicy("Pods", 4, 15), ScalingPolicy("Percent", 100, 15)))
"""Kubernetes' defaults for scaling up."""

SCALE_DOWN = ScalingRules(300, (ScalingPolicy("Percent", 100, 15),))
"""Kubernetes' defaults for scaling down; the window is that of the cluster, 300 s by default."""


class ScalingBehavior(Struct, frozen=True):
    """The rules of both directions (``spec.behavior``)."""

    up: ScalingRules = SCALE_UP
    down: ScalingRules = SCALE_DOWN


BEHAVIOR = ScalingBehavior()
"""Kubernetes' defaults."""
