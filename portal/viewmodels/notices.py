"""The notices on an app's page: problems and what to do about them, worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from portal.domain.objects import Quota, ReleaseStatus
from portal.domain.operations import OperationPhase
from portal.domain.release import ReleaseRecord
from portal.state.elsewhere import managed_elsewhere, manager_of
from portal.state.failed_removal import removal_failed, unfinished_hook
from portal.state.model import AppState, WatchHealth
from portal.state.rollouts import Hold
from portal.state.workloads import unreadable_hpas
from portal.viewmodels.crashes import named, restarted
from portal.viewmodels.diagnosis import see_log
from portal.viewmodels.finalizers import blocked_removal
from portal.viewmodels.freshness import METRICS, source_of
from portal.viewmodels.headline import STUCK, Headline
from portal.viewmodels.hpa_problems import METRICS_ADVICE, NO_METRICS, SEVERAL_HPAS
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.operation import failed, overtaken, running
from portal.viewmodels.quotas import quota_notice
from portal.viewmodels.readiness import resize_failed, resize_waits, resizing
from portal.viewmodels.rollouts import RESUME, name_of
from portal.viewmodels.scale import drift
from portal.viewmodels.scalers import several_scalers
from portal.viewmodels.services import service_notices
from portal.viewmodels.unreadable import unreadable_notice
from portal.viewmodels.words import count, joined, moment, sentence, shortened
from portal.viewmodels.workloads import PodSummary, advice_on

_ORDER = (Severity.BAD, Severity.WARN, Severity.BUSY, Severity.QUIET, Severity.GOOD)


def notices(
    state: AppState,
    known: PodSummary,
    head: Headline,
    sources: Mapping[str, WatchHealth],
    now: datetime,
    quotas: Sequence[Quota] = (),
    chart: str = "",
) -> tuple[Notice, ...]:
    """All notices that apply, worst first. ``quotas`` are those of the app's namespace,
    ``chart`` is the chart that the launch form has fields for."""
    blocked, unread = blocked_removal(state, now), unreadable_notice(state)
    found = [
        *([blocked] if blocked else []),
        *_operation(state),
        *_removal(state, now),
        *_release(state, head),
        *_stored_elsewhere(state.release),
        *_managed_elsewhere(state),
        *([unread] if unread else []),
        *[each.notice for each in known.held],
        *([] if known.refused else _quota(known, quotas)),
        *_paused(known),
        *(each.notice for each in known.jobs if each.notice),
        *_pods(
            known, fields=bool(chart) and state.detail is not None and state.detail.chart == chart
        ),
        *(each.notice for each in known.failures),
        *_restarting(known),
        *_resizes(known),
        *_late(known),
        *_hpas(state),
        *_drift(state),
        *_metrics(state, sources),
        *_routes(state),
        *service_notices(state),
    ]
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.severity)))


def _operation(state: AppState) -> list[Notice]:
    operation = state.operation
    if operation is None or running(operation) or overtaken(operation, state.release):
        return []
    what = operation.verb.noun
    if operation.phase is OperationPhase.FAILED:
        return [
            Notice(
                Severity.BAD,
                f"The {what} failed",
                sentence(shortened(operation.error, 1000)),
                operation.advice or (_AGAIN if _left_failed(state) else ""),
            )
        ]
    if operation.phase is OperationPhase.INTERRUPTED:
        return [
            Notice(
                Severity.WARN,
                f"The {what} was interrupted",
                sentence(shortened(operation.error, 1000))
                or "The portal stopped while it ran, so its outcome is unknown.",
                operation.advice or "This page shows the present state of the cluster. Try again.",
            )
        ]
    return []


def _stored_elsewhere(release: ReleaseRecord | None) -> list[Notice]:
    if release is None or not release.storage_namespace:
        return []
    return [
        Notice(
            Severity.QUIET,
            f"Helm stores this release in the namespace {release.storage_namespace}",
            "The portal does not change it: the helm command uses one namespace for both the "
            "record and the objects.",
            "Change it where it is managed, such as in its Flux HelmRelease.",
        )
    ]


def _managed_elsewhere(state: AppState) -> list[Notice]:
    """A notice of the tool that manages the release, where that is not this portal."""
    found = managed_elsewhere(state)
    if found is None:
        manager = manager_of(state) if state.release else ""
        if not manager:
            return []
        return [
            Notice(
                Severity.QUIET,
                f"Managed by {manager}",
                "That tool may undo what is changed here.",
                "Change it where it is managed.",
            )
        ]
    where = f"in {found.manager}" if found.manager else "with the tool that installed it"
    return [
        Notice(
            Severity.QUIET,
            "Helm's record of it is not in this namespace's Secrets",
            f"These objects say that they belong to a Helm release of this name: "
            f"{joined(found.objects)}. Its record may be in a ConfigMap or a database "
            "(HELM_DRIVER), or in another namespace. The portal shows it, and changes nothing.",
            f"Change or remove it {where}. If nobody manages it any more, delete these objects.",
        )
    ]


def _removal(state: AppState, now: datetime) -> list[Notice]:
    """A notice of what a failed removal has left, and the ways out."""
    release, detail, operation = state.release, state.detail, state.operation
    if release is None or not removal_failed(state, now):
        return []
    hook = unfinished_hook(state)
    ours = operation is not None and operation.verb.removes and failed(operation, release)
    seen = f" The hook {hook} was started, and is not known to have succeeded." if hook else ""
    without = ""
    if detail is not None and detail.delete_hooks:
        named = joined(dict.fromkeys(map(str, detail.delete_hooks)))
        without = f" Or remove it without hooks: then {named} will not run."
    return [
        Notice(
            Severity.WARN if ours else Severity.BAD,
            "Its removal did not finish",
            f"The release has the status {release.status.value}, so Helm will neither upgrade it "
            f"nor roll it back. What is listed below still runs.{'' if ours else seen}",
            f"Correct the cause, then try again.{without}",
        )
    ]


def _release(state: AppState, head: Headline) -> list[Notice]:
    release, detail = state.release, state.detail
    if release is None:
        return []
    if detail and detail.damaged:
        return [
            Notice(
                Severity.BAD,
                "Helm's record of this release is damaged",
                sentence(shortened(detail.damaged)),
                "The app itself is not affected. An administrator can roll back to an earlier "
                f"revision, or restore the Secret {release.secret_name}.",
            )
        ]
    if head.badge.text == STUCK:
        when = f" since {moment(release.updated_at)}" if release.updated_at else ""
        return [
            Notice(
                Severity.BAD,
                "Helm's last operation did not finish",
                f"The release has the status {release.status.value}{when}. Until that is resolved, "
                "Helm refuses every change.",
                "First make sure that nobody is running Helm on it elsewhere. Then unlock it: that "
                f"marks revision {release.revision} as failed and leaves running pods alone. After "
                "that it can be launched again, rolled back or uninstalled.",
            )
        ]
    if _left_failed(state) and not failed(state.operation, release):
        return [
            Notice(
                Severity.WARN if known_serving(head) else Severity.BAD,
                "The last change failed",
                head.problem.removeprefix("The last change failed. "),
                _AGAIN,
            )
        ]
    return []


_AGAIN = "Correct the cause and launch again; nothing has to be removed first."


def _left_failed(state: AppState) -> bool:
    """Return True if the newest revision is marked as failed, and no operation is running."""
    release = state.release
    return (
        release is not None
        and release.status is ReleaseStatus.FAILED
        and not running(state.operation)
    )


def known_serving(head: Headline) -> bool:
    """Return True if the headline of a failed release says that its pods still serve."""
    return head.badge.severity is Severity.WARN


def _quota(known: PodSummary, quotas: Sequence[Quota]) -> list[Notice]:
    """A notice of a used-up quota, where pods are missing."""
    found = quota_notice(quotas) if len(known.pods) < known.desired else None
    return [found] if found else []


def _pods(known: PodSummary, *, fields: bool) -> list[Notice]:
    """One notice for each kind of problem, however many pods have it.

    ``fields``: the launch form has fields for the release's chart.
    """
    grouped: dict[str, Notice] = {}
    amounts: dict[str, int] = {}
    for one in (*known.troubled, *(each for each in known.progressing if each.fields)):
        amounts[one.title] = amounts.get(one.title, 0) + 1
        notice = Notice(
            one.severity,
            one.title,
            one.reason,
            advice_on(known, one),
            one.fields if fields else (),
            one.log,
        )
        grouped.setdefault(one.title, notice)
    return [
        notice
        if amounts[title] == 1
        else replace(notice, title=f"{title} ({count(amounts[title], 'pod')})")
        for title, notice in grouped.items()
    ]


def _restarting(known: PodSummary) -> list[Notice]:
    """A notice of each container that keeps ending in pods that are ready in between."""
    found: dict[str, Notice] = {}
    for pod, one in known.restarting:
        notice = Notice(
            Severity.WARN,
            f"{named(pod, one)} keeps restarting",
            restarted(pod),
            see_log(pod, one),
        )
        found.setdefault(one.name, notice)
    return list(found.values())


def _resizes(known: PodSummary) -> list[Notice]:
    """A notice of the first pod whose resize in place its node cannot do, or not yet."""
    for pod, _ in known.pods:
        if resize_failed(pod):
            return [
                Notice(
                    Severity.WARN,
                    f"{pod.key.name} cannot be resized",
                    f"{resizing(pod)} Until then the requests and limits of before are in force.",
                    "Ask for less, or launch the app again with the new amounts: new pods may be "
                    "placed on another node.",
                )
            ]
    for pod, _ in known.pods:
        if resize_waits(pod):
            return [
                Notice(
                    Severity.QUIET,
                    f"{pod.key.name} waits to be resized",
                    f"{resizing(pod)} Until then the requests and limits of before are in force.",
                    "It happens by itself when other pods leave the node. A restart may place the "
                    "pod on another node at once.",
                )
            ]
    return []


def _paused(known: PodSummary) -> list[Notice]:
    """A notice of each paused Deployment whose pods are all of the newest pod template."""
    return [
        Notice(
            Severity.QUIET,
            f"{name_of(each)} is paused",
            "Its next change will not be rolled out until it is resumed.",
            RESUME,
        )
        for each in known.rollouts
        if each.workload.paused and each.hold is Hold.NONE
    ]


def _late(known: PodSummary) -> list[Notice]:
    if known.troubled or known.held or not known.late:
        return []
    if known.ready >= known.desired and not known.outdated:
        return []
    return [
        Notice(
            Severity.WARN,
            "This takes longer than usual",
            "The rollout has exceeded its progress deadline; Kubernetes keeps trying.",
            "A large image or a new node can be the cause. The list of pods has details.",
        )
    ]


def _hpas(state: AppState) -> list[Notice]:
    several = several_scalers(state)
    if several is not None:
        return [several]
    targets = [(hpa.target_kind, hpa.target_name) for hpa in state.hpas]
    if len(set(targets)) == len(targets):
        return []
    names = ", ".join(hpa.key.name for hpa in state.hpas)
    return [
        Notice(
            Severity.BAD,
            SEVERAL_HPAS,
            f"They override each other's decisions: {names}.",
            "Remove all but one.",
        )
    ]


def _drift(state: AppState) -> list[Notice]:
    found = drift(state)
    if found is None:
        return []
    configured, live = found
    return [
        Notice(
            Severity.QUIET,
            "Scaled outside Helm",
            f"The release sets {count(configured, 'replica')}; the workload was scaled to {live}.",
            f"The next Helm upgrade may reset it to {configured}. To keep {live} or to reset it "
            "now, apply that number under Scale.",
        )
    ]


def _metrics(state: AppState, sources: Mapping[str, WatchHealth]) -> list[Notice]:
    source = source_of(sources, METRICS)
    if source is None or source.available or not state.workloads:
        return []
    needed = bool(state.hpas or unreadable_hpas(state))
    body = "CPU and memory use cannot be shown"
    body += ", and the autoscaler cannot work." if needed else ", and an autoscaler could not work."
    return [
        Notice(
            Severity.WARN if needed else Severity.QUIET,
            NO_METRICS,
            body,
            METRICS_ADVICE,
        )
    ]


def _routes(state: AppState) -> list[Notice]:
    return [
        Notice(
            Severity.WARN,
            f"No gateway accepts the route {route.key.name}",
            sentence(shortened(route.message)) or "The gateway refuses it.",
            "Check the host name, or ask an administrator which gateway the app may use.",
        )
        for route in state.routes
        if route.accepted is False
    ]
