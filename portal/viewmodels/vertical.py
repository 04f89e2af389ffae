"""VerticalPodAutoscalers in words: what they recommend, and what they do with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from portal.autoscaling.spec import MetricSource
from portal.domain.objects import Container, Hpa
from portal.domain.scalers import Amount, ContainerRecommendation, Vpa
from portal.state.model import AppState
from portal.state.workloads import endless, target_of
from portal.viewmodels.conditions import condition
from portal.viewmodels.hpa_metrics import metric_name
from portal.viewmodels.model import Badge, Notice, Severity, VerticalRow, VerticalView
from portal.viewmodels.words import joined, precise_cores, sentence, shortened, size


def vertical_views(state: AppState) -> tuple[VerticalView, ...]:
    """The VerticalPodAutoscalers of an app."""
    return tuple(_view(state, each) for each in state.vpas)


_RECREATE = "It replaces pods to give them what it recommends."
_MODES = {
    "": _RECREATE,
    "Auto": _RECREATE,
    "Recreate": _RECREATE,
    "Off": "It only recommends: pods keep their requests.",
    "Initial": "New pods get what it recommends; running ones keep their requests.",
    "InPlaceOrRecreate": "It gives running pods what it recommends, and replaces those that "
    "cannot be resized.",
    "InPlace": "It gives running pods what it recommends, and replaces none.",
}


def _view(state: AppState, vpa: Vpa) -> VerticalView:
    mode = vpa.update_mode or "Recreate"
    return VerticalView(
        vpa.key.name,
        vpa.target_name,
        Badge(f"Update mode {shortened(mode, 40)}", Severity.QUIET),
        _mode(state, vpa),
        tuple(row for each in vpa.recommendations for row in _rows(state, vpa, each)),
        tuple(_notices(state, vpa)),
    )


USUAL_LEAST = 2
"""The replicas below which the updater changes no running pod, unless it is told otherwise."""


def _mode(state: AppState, vpa: Vpa) -> str:
    words = _MODES.get(vpa.update_mode, "Its update mode is not known to the portal.")
    workload = target_of(state, vpa)
    least = USUAL_LEAST if vpa.min_replicas is None else vpa.min_replicas
    if workload is None or not vpa.replaces or workload.desired >= least:
        return words
    usual = " by default" if vpa.min_replicas is None else ""
    return (
        f"{words} But of fewer than {least} pods its updater{usual} leaves all as they are "
        "(minReplicas); there "
        + ("is one." if workload.desired == 1 else f"are {workload.desired}.")
    )


def _rows(state: AppState, vpa: Vpa, found: ContainerRecommendation) -> Iterator[VerticalRow]:
    own = _container(state, vpa, found.container)
    parts: tuple[tuple[str, Callable[[Amount], float | None], Callable[[float], str]], ...] = (
        ("cpu", lambda each: each.cpu, precise_cores),
        ("memory", lambda each: each.memory, size),
    )
    for name, of, words in parts:
        target, uncapped = of(found.target), of(found.uncapped)
        if target is None:
            continue
        now = None if own is None else own.cpu_request if name == "cpu" else own.memory_request
        bounds = [words(each) for each in (of(found.lower), of(found.upper)) if each is not None]
        yield VerticalRow(
            found.container,
            metric_name(name),
            "not known" if own is None else "none" if now is None else words(now),
            words(target),
            " to ".join(bounds),
            words(uncapped) if uncapped is not None and uncapped != target else "",
        )


def _container(state: AppState, vpa: Vpa, name: str) -> Container | None:
    """Return the container of a name in the newest pod; None if no pod is known."""
    pods = [each for each in state.pods if endless(each) and not each.deleting]
    for pod in sorted(pods, key=lambda each: each.created_at, reverse=True):
        found = next((each for each in pod.containers if each.name == name), None)
        if found is not None:
            return found
    return None


def _notices(state: AppState, vpa: Vpa) -> Iterator[Notice]:
    yield from _conditions(vpa)
    others = [
        each.key.name
        for each in state.vpas
        if each.applies
        and vpa.applies
        and each is not vpa
        and (each.target_kind, each.target_name) == (vpa.target_kind, vpa.target_name)
    ]
    if others:
        yield Notice(
            Severity.WARN,
            "Several VerticalPodAutoscalers change one workload",
            f"{joined([vpa.key.name, *others])} change the requests of the same pods; which one "
            "counts is not defined.",
            "Remove all but one, or set the update mode of the others to Off.",
        )
    for hpa, resource in conflicts(state, vpa):
        name = metric_name(resource)
        name = name.lower() if resource == "memory" else name
        yield Notice(
            Severity.WARN,
            f"Two autoscalers work by the {name} request",
            f"The HorizontalPodAutoscaler {hpa.key.name} holds {name} use at a percentage of the "
            f"request, and the VerticalPodAutoscaler {vpa.key.name} changes that request: each "
            "undoes what the other has done.",
            "Set the VerticalPodAutoscaler's update mode to Off, take the resource out of its "
            "controlledResources, or give the HorizontalPodAutoscaler an average value or another "
            "metric.",
        )


def conflicts(state: AppState, vpa: Vpa) -> list[tuple[Hpa, str]]:
    """Return the HPAs that a VPA works against, with the resource ("cpu", "memory").

    A target in percent of the request moves as the request does; an average value does not.
    """
    if not vpa.applies:
        return []
    return [
        (hpa, resource)
        for hpa in state.hpas
        if (hpa.target_kind, hpa.target_name) == (vpa.target_kind, vpa.target_name)
        for resource in sorted(vpa.resources)
        if any(
            each.target_type == "Utilization"
            and each.source in {MetricSource.RESOURCE, MetricSource.CONTAINER_RESOURCE}
            and each.name.rpartition("/")[2] == resource
            for each in hpa.metrics
        )
    ]


def changed_requests(state: AppState, kind: str, name: str) -> dict[str, str]:
    """Return the resources of a workload whose requests a VPA changes, with the VPA's name."""
    return {
        resource: each.key.name
        for each in state.vpas
        if each.applies and (each.target_kind, each.target_name) == (kind, name)
        for resource in each.resources
    }


def _conditions(vpa: Vpa) -> Iterator[Notice]:
    for kind, severity, title, advice in (
        (
            "ConfigUnsupported",
            Severity.BAD,
            "The VerticalPodAutoscaler cannot work with its target",
            "Correct targetRef, or remove the VerticalPodAutoscaler.",
        ),
        (
            "ConfigDeprecated",
            Severity.WARN,
            "The VerticalPodAutoscaler is set up in an old way",
            "",
        ),
        (
            "NoPodsMatched",
            Severity.WARN,
            "The VerticalPodAutoscaler matches no pods",
            "Check its targetRef.",
        ),
        ("LowConfidence", Severity.QUIET, "Its recommendations are of low confidence", ""),
    ):
        found = condition(vpa, kind)
        if found is not None and found.status == "True":
            yield Notice(severity, title, sentence(shortened(found.message)), advice)
    if not vpa.recommendations:
        provided = condition(vpa, "RecommendationProvided")
        said = sentence(shortened(provided.message)) if provided else ""
        yield Notice(
            Severity.QUIET,
            "There is no recommendation yet",
            said or "The VerticalPodAutoscaler's recommender has written none.",
            "If it stays so, ask an administrator whether the recommender runs."
            if provided is None
            else "",
        )
