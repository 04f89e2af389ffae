"""The status conditions of an object."""

from __future__ import annotations

from portal.domain.objects import Condition, Hpa, Job, Pod
from portal.domain.scalers import ScaledJob, ScaledObject, Vpa


def condition(of: Hpa | Job | Pod | ScaledJob | ScaledObject | Vpa, kind: str) -> Condition | None:
    """Return an object's condition of a type, None if it has none."""
    return next((one for one in of.conditions if one.type == kind), None)
