"""The status conditions of an object."""

from __future__ import annotations

from portal.domain.objects import Condition, Hpa, Job, Pod


def condition(of: Hpa | Job | Pod, kind: str) -> Condition | None:
    """Return an object's condition of a type, None if it has none."""
    return next((one for one in of.conditions if one.type == kind), None)
