"""Answers of the metrics APIs in the form that the engine takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from portal.autoscaling.state import Sample


class PodUsage(Struct, frozen=True):
    """A pod's usage as metrics.k8s.io has it (PodMetrics), in thousandths.

    ``containers`` maps the name of each container to its usage, by resource.
    """

    pod: str
    at: float
    window: float
    containers: Mapping[str, Mapping[str, int]]


def of_resource(usages: Iterable[PodUsage], resource: str) -> dict[str, Sample]:
    """Return the samples of a Resource metric: the sum over the containers of each pod.

    A pod of which one container was not measured has none.
    """
    found: dict[str, Sample] = {}
    for each in usages:
        values = [amounts.get(resource) for amounts in each.containers.values()]
        measured = [value for value in values if value is not None]
        if values and len(measured) == len(values):
            found[each.pod] = Sample(sum(measured), each.at, each.window)
    return found


def of_container(usages: Iterable[PodUsage], resource: str, container: str) -> dict[str, Sample]:
    """Return the samples of a ContainerResource metric."""
    found: dict[str, Sample] = {}
    for each in usages:
        value = each.containers.get(container, {}).get(resource)
        if value is not None:
            found[each.pod] = Sample(value, each.at, each.window)
    return found
