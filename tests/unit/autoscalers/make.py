"""An app with an autoscaler, over time: what the portal sees of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from portal.domain.objects import Hpa, HpaMetric, Pod, PodUsage
from portal.state.model import AppState
from tests.unit.viewmodels.make import NOW, condition, deployment, hpa, pod, state


def at(seconds: float) -> datetime:
    """A time, so many seconds after the beginning."""
    return NOW + timedelta(seconds=seconds)


def ready_pods(count: int, first: int = 0) -> tuple[Pod, ...]:
    """Pods that have been ready for long, each with a request of 0.1 cores."""
    long_ago = NOW - timedelta(hours=1)
    return tuple(
        pod(
            f"demo-{number}",
            created_at=long_ago,
            started_at=long_ago,
            ready_at=long_ago,
            conditions=(condition("Ready", "True", changed_at=long_ago),),
        )
        for number in range(first, first + count)
    )


def told(reading: float | None, current: int, desired: int, **fields: Any) -> Hpa:
    """An autoscaler between 1 and 10 pods, with a target of 70 %, whose status says so."""
    able = fields.pop("able", "SucceededRescale" if current != desired else "ReadyForNewScale")
    limited = fields.pop("limited", "DesiredWithinRange")
    conditions = (
        condition("AbleToScale", "True", reason=able),
        condition("ScalingActive", "True", reason="ValidMetricFound"),
        condition("ScalingLimited", str(limited != "DesiredWithinRange"), reason=limited),
    )
    return replace(
        hpa(
            reading,
            max_replicas=10,
            current=current,
            desired=desired,
            metrics=(HpaMetric("cpu", "Utilization", 70, reading),),
            conditions=conditions,
            uid="uid-hpa",
        ),
        **fields,
    )


def app(found: Hpa, percents: Sequence[float], now: datetime, **fields: Any) -> AppState:
    """An app whose pods use so many percent of their request, measured at ``now``."""
    pods = fields.pop("pods", ready_pods(len(percents)))
    usage = {
        each.key: PodUsage(each.key, percent / 1000, 1e8, now, 15.0)
        for each, percent in zip(pods, percents, strict=False)
    }
    return state(
        hpas=(found,),
        workloads=(deployment(fields.pop("desired", len(pods)), len(pods)),),
        pods=pods,
        usage=usage,
        **fields,
    )
