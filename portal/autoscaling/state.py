"""The state that a sync of the HorizontalPodAutoscaler controller begins with.

Times are seconds since any common start, such as the Unix epoch. Quantities are in thousandths.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from portal.autoscaling.spec import FLAGS, LATEST, Flags, Spec

NEVER = -math.inf
"""The time of what has no time."""


class ContainerRole(StrEnum):
    """The roles of a pod's containers."""

    MAIN = "container"
    SIDECAR = "sidecar"
    """An init container with ``restartPolicy: Always``."""
    INIT = "init container"


class Container(Struct, frozen=True):
    """A container of a pod, with its requests: by resource, in thousandths."""

    name: str
    requests: Mapping[str, int]
    role: ContainerRole = ContainerRole.MAIN


class Pod(Struct, frozen=True):
    """A pod of the scale target.

    ``ready`` is the status of its condition Ready ("True", "False" or "Unknown"), which it has had
    since ``ready_since``; None without the condition. ``requests`` are those of the pod as a whole
    (``spec.resources``); None without any. Pods made from one template should share one tuple of
    ``containers``: its requests are then added up once. ``replicas`` are so many pods that differ
    in nothing but the name and use the same: a simulation has them counted as one.
    """

    name: str
    containers: tuple[Container, ...] = ()
    phase: str = "Running"
    ready: str | None = "True"
    ready_since: float = NEVER
    started: float | None = NEVER
    deleting: bool = False
    requests: Mapping[str, int] | None = None
    overhead: Mapping[str, int] = {}
    replicas: int = 1


class Sample(Struct, frozen=True):
    """A pod's usage: the mean over the ``window`` seconds that ended at the time ``at``."""

    value: int
    at: float = 0.0
    window: float = 0.0


Samples = Mapping[str, Sample]
"""Samples by the names of pods; those that are missing were not measured."""

Answer = Samples | Sequence[int] | None
"""A metrics API's answer for one metric.

Samples for the types Resource, ContainerResource and Pods; values for External, one value for
Object. None if the API failed, or knows no such metric.
"""


class Scale(Struct, frozen=True):
    """The scale target, as its scale subresource describes it.

    ``replicas`` is ``spec.replicas``, ``current`` is ``status.replicas``. ``selector_problem`` is
    the reason why the controller does not use the selector: "InvalidSelector" without one,
    "AmbiguousSelector" if another autoscaler selects the same pods. ``readable`` and ``writable``
    tell if the API server lets the controller read and change it.
    """

    replicas: int
    current: int
    selector_problem: str = ""
    readable: bool = True
    writable: bool = True


class Recommendation(Struct, frozen=True):
    """The replicas that the metrics asked for at the time ``at``, before any window or bound."""

    replicas: int
    at: float


class ScaleEvent(Struct, frozen=True):
    """A change by ``change`` pods, up or down; ``outdated`` if its place may be used anew."""

    change: int
    at: float
    outdated: bool = False


class History(Struct, frozen=True):
    """The controller's memory of an autoscaler between two syncs."""

    recommendations: tuple[Recommendation, ...] = ()
    ups: tuple[ScaleEvent, ...] = ()
    downs: tuple[ScaleEvent, ...] = ()


class Condition(Struct, frozen=True):
    """A condition of the autoscaler."""

    status: bool
    reason: str


Conditions = Mapping[str, Condition]
"""Conditions by their type: AbleToScale, ScalingActive, ScalingLimited, ScaledToZero."""


class State(Struct, frozen=True):
    """All that one sync depends on.

    ``answers`` are for the metrics of ``spec``, in their order. ``conditions`` and ``desired`` are
    those of the autoscaler's status before the sync. ``minor`` is the minor version of Kubernetes.
    """

    now: float
    spec: Spec
    scale: Scale
    pods: Sequence[Pod]
    answers: Sequence[Answer]
    history: History = History()
    conditions: Conditions = {}
    desired: int = 0
    flags: Flags = FLAGS
    minor: int = LATEST
