"""Services that lead to no pod, in words."""

from __future__ import annotations

from collections.abc import Sequence

from portal.domain.objects import Pod, Service
from portal.state.model import AppState
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import joined

_ENDED = {"Succeeded", "Failed"}


def service_notices(state: AppState) -> list[Notice]:
    """A notice of each Service whose selector or port names nothing that the app's pods have."""
    pods = [each for each in state.pods if each.phase not in _ENDED]
    if not pods:
        return []
    found = (_notice(each, pods) for each in state.services if each.selector)
    return [each for each in found if each]


def _notice(service: Service, pods: Sequence[Pod]) -> Notice | None:
    name = service.key.name
    wanted = service.selector.items()
    chosen = [each for each in pods if wanted <= each.labels.items()]
    if not chosen:
        labels = joined(f"{label}={value}" for label, value in service.selector.items())
        return Notice(
            Severity.WARN,
            f"The Service {name} leads to no pod",
            f"Its selector, {labels}, matches none of the app's pods.",
            "Correct the Service's selector or the pods' labels in the chart, unless it is meant "
            "for pods of something else.",
        )
    for port in service.ports:
        if port.target and not any(port.target in each.port_names for each in chosen):
            return Notice(
                Severity.WARN,
                f"The Service {name} leads to a port that no pod has",
                f"Its port {port.port} leads to the port named {port.target}, and no container of "
                "the pods has one of that name.",
                "Correct the Service's targetPort, or name the container's port, in the chart.",
            )
    return None
