"""The owner of the number of replicas, and the initial values of the scale control."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

from portal.domain.objects import Hpa
from portal.domain.release import ReleaseRevision
from portal.state.elsewhere import managed_elsewhere
from portal.state.model import AppState
from portal.state.workloads import autoscaler_of, scaled_by, target_of, unreadable_hpas
from portal.viewmodels.cost import requests_of
from portal.viewmodels.model import ScaleMode, ScaleView
from portal.viewmodels.operation import running
from portal.viewmodels.scalers import scale_words
from portal.viewmodels.unreadable import autoscaler_unknown

DEFAULT_MAXIMUM = 4
"""The maximum that the range slider starts with where neither values nor an HPA set one."""


def scale_view(state: AppState, chart: str, forbidden: str = "") -> ScaleView:
    """The initial values of the control; ``chart`` is the chart whose values the portal knows.

    ``forbidden`` is the reason why the viewer may not scale it, "" if they may.
    """
    detail = current_detail(state)
    values: Mapping[str, object] = detail.values if detail else {}
    hpas = (autoscaler_of(state, each) for each in state.workloads)
    hpa = next((each for each in hpas if each), state.hpas[0] if state.hpas else None)
    target = target_of(state, hpa) if hpa else None
    live = target.desired if target else sum(each.desired for each in state.workloads)
    configured = _whole(values.get("replicaCount"))
    replicas = live if hpa or configured is None else configured
    minimum = _first(_setting(values, "minReplicas"), hpa.min_replicas if hpa else None, 1)
    fallback = max(DEFAULT_MAXIMUM, replicas, minimum)
    maximum = _first(_setting(values, "maxReplicas"), hpa.max_replicas if hpa else None, fallback)
    why = _read_only(state, hpa, chart)
    if forbidden and state.release is not None:
        why = forbidden
    why = why or autoscaler_unknown(state)
    mode = ScaleMode.AUTOSCALED if hpa else ScaleMode.FIXED
    cpu, memory = requests_of(state.pods)
    return ScaleView(
        mode=ScaleMode.READ_ONLY if why else mode,
        replicas=replicas,
        min_replicas=minimum,
        max_replicas=max(minimum, maximum),
        target_cpu=_target(values, hpa, "targetCPU", "cpu"),
        target_memory=_target(values, hpa, "targetMemory", "memory"),
        why=why,
        drifted=not why and drift(state) is not None,
        cpu_request=cpu,
        memory_request=memory,
    )


def current_detail(state: AppState) -> ReleaseRevision | None:
    """The decoded body, if it is that of the newest revision and in order."""
    detail, release = state.detail, state.release
    if detail is None or detail.damaged:
        return None
    return detail if release is None or detail.revision == release.revision else None


def drift(state: AppState) -> tuple[int, int] | None:
    """(configured, live) replicas of a workload that was scaled outside Helm; else None."""
    detail = current_detail(state)
    autoscaled = state.hpas or unreadable_hpas(state) or scaled_by(state)
    if detail is None or autoscaled or running(state.operation) or len(state.workloads) != 1:
        return None
    if state.release is None or state.release.status.pending:
        return None
    configured = _whole(detail.values.get("replicaCount"))
    live = state.workloads[0].desired
    return (configured, live) if configured is not None and configured != live else None


def _read_only(state: AppState, hpa: Hpa | None, chart: str) -> str:
    release = state.release
    if release is None:
        if managed_elsewhere(state):
            return "This release is managed elsewhere: scale it there."
        return "There is no release to scale yet."
    if state.detail and state.detail.damaged:
        return "Helm's record of this release is damaged, so it cannot be changed from here."
    if release.status.pending and not running(state.operation):
        return f"Helm's last operation has not ended ({release.status.value})."
    if state.detail is None:
        return "The portal is still reading this release's values."
    if words := scale_words(state):
        return words
    if state.detail.chart != chart:
        return (
            "The number of replicas is set by the values of its chart, "
            f"{state.detail.chart or '(unknown)'}: change it under Edit, if the catalogue has that "
            "chart."
        )
    if hpa and hpa.release and hpa.release != state.key.name:
        return f"The autoscaler {hpa.key.name} belongs to another release, {hpa.release}."
    if hpa and not hpa.release:
        return (
            f"The autoscaler {hpa.key.name} was created outside Helm and controls the replicas. "
            "Change it with the tool that created it, or remove it."
        )
    return ""


def _first(*values: int | None) -> int:
    return next((value for value in values if value is not None), 1)


def _whole(value: object) -> int | None:
    """A whole number from JSON or text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return None


def _setting(values: Mapping[str, object], name: str) -> int | None:
    autoscaling = values.get("autoscaling")
    if not isinstance(autoscaling, Mapping):
        return None
    return _whole(cast("Mapping[str, object]", autoscaling).get(name))


def _target(values: Mapping[str, object], hpa: Hpa | None, name: str, metric: str) -> int | None:
    """The configured target; else the live one; None for off."""
    configured = _setting(values, name)
    if configured is not None and configured > 0:
        return configured
    for one in hpa.metrics if hpa else ():
        percentage = one.target_type == "Utilization" and math.isfinite(one.target)
        if one.name.lower() == metric and percentage:
            return round(one.target)
    return None
