"""A HorizontalPodAutoscaler's spec: its metrics, its bounds and its scaling behavior.

Quantities are in thousandths ("milli"), as the controller computes with them; utilization is in
percent; windows and periods are in seconds.
"""

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

    ``window`` is the stabilization window in seconds; None, on the way down, for the cluster's
    own, which is 300 by default. ``select`` is ``Max``, ``Min`` or ``Disabled``. ``tolerance`` is
    a fraction; None for the cluster's own, which is 0.1 by default.
    """

    window: int | None
    policies: tuple[ScalingPolicy, ...]
    select: str = "Max"
    tolerance: float | None = None

    @property
    def disabled(self) -> bool:
        """True if nothing is ever scaled in this direction."""
        return self.select == DISABLED


SCALE_UP = ScalingRules(0, (ScalingPolicy("Pods", 4, 15), ScalingPolicy("Percent", 100, 15)))
"""Kubernetes' defaults for scaling up."""

SCALE_DOWN = ScalingRules(None, (ScalingPolicy("Percent", 100, 15),))
"""Kubernetes' defaults for scaling down."""


class ScalingBehavior(Struct, frozen=True):
    """The rules of both directions (``spec.behavior``)."""

    up: ScalingRules = SCALE_UP
    down: ScalingRules = SCALE_DOWN


BEHAVIOR = ScalingBehavior()
"""Kubernetes' defaults."""


class TargetType(StrEnum):
    """The types of targets (``target.type``)."""

    UTILIZATION = "Utilization"
    """Percent of the pods' requests."""
    AVERAGE_VALUE = "AverageValue"
    """A value for each pod."""
    VALUE = "Value"
    """A value for all of them."""


class Metric(Struct, frozen=True):
    """One metric (``spec.metrics[]``).

    ``name`` is that of the resource for the types Resource and ContainerResource. ``target`` is
    greater than 0: percent for ``Utilization``, else thousandths.
    """

    source: MetricSource
    name: str
    target_type: TargetType
    target: int
    container: str = ""


class Spec(Struct, frozen=True):
    """The spec of an autoscaler, with Kubernetes' defaults filled in.

    ``behavior`` is None if there is none: the controller then follows older rules.
    """

    min_replicas: int
    max_replicas: int
    metrics: tuple[Metric, ...]
    behavior: ScalingBehavior | None = None

    @property
    def has_shared(self) -> bool:
        """True if a metric describes the app as a whole: it has a value with zero pods, too."""
        return any(each.source.shared for each in self.metrics)


class Flags(Struct, frozen=True):
    """The controller's flags (``--horizontal-pod-autoscaler-…``), with their defaults; in seconds.

    A managed cluster seldom shows them; ``inference`` tells some of them from decisions.
    """

    tolerance: float = 0.1
    downscale_stabilization: float = 300.0
    cpu_initialization_period: float = 300.0
    initial_readiness_delay: float = 30.0
    sync_period: float = 15.0


FLAGS = Flags()
"""Kubernetes' defaults."""


class Rules(Struct, frozen=True):
    """The differences between minor versions of Kubernetes, with their default feature gates.

    ``tolerances``: those of ``behavior`` are followed (1.35). ``strict_containers``: a pod without
    the metric's container makes the metric fail, instead of a request of 0 (1.35). ``capped``: a
    proposal too large for a 32-bit integer is cut to the largest one (1.35). ``wakes_by_itself``:
    zero replicas are left only if the autoscaler itself made them (1.36). ``scales_to_zero``: it
    remembers having done so, in the condition ScaledToZero (1.37).
    """

    tolerances: bool
    strict_containers: bool
    capped: bool
    wakes_by_itself: bool
    scales_to_zero: bool


LATEST = 37
"""The newest minor version of Kubernetes that the engine is proven equal to."""

OLDEST = 34
"""The oldest one."""


def rules_of(minor: int) -> Rules:
    """Return what holds in Kubernetes 1.``minor``."""
    return _RULES.get(minor) or _rules_of(minor)


def _rules_of(minor: int) -> Rules:
    return Rules(
        tolerances=minor >= 35,
        strict_containers=minor >= 35,
        capped=minor >= 35,
        wakes_by_itself=minor >= 36,
        scales_to_zero=minor >= 37,
    )


_RULES = {minor: _rules_of(minor) for minor in range(OLDEST, LATEST + 1)}
