"""What somebody should read about an app, and what to do about it: the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from portal.domain.objects import Quota, ReleaseStatus
from portal.domain.operations import OperationPhase
from portal.domain.release import ReleaseRecord
from portal.state.model import AppState, WatchHealth
from portal.viewmodels.autoscaler import METRICS_ADVICE, SEVERAL_HPAS
from portal.viewmodels.freshness import METRICS, source_of
from portal.viewmodels.headline import Headline
from portal.viewmodels.leaving import blocked_removal
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.operation import failed, overtaken, running
from portal.viewmodels.quotas import quota_notice
from portal.viewmodels.scale import drift
from portal.viewmodels.words import count, moment, sentence, shortened
from portal.viewmodels.workloads import PodSummary

_ORDER = (Severity.BAD, Severity.WARN, Severity.BUSY, Severity.QUIET, Severity.GOOD)


def notices(
    state: AppState,
    known: PodSummary,
    head: Headline,
    sources: Mapping[str, WatchHealth],
    now: datetime,
    quotas: Sequence[Quota] = (),
) -> tuple[Notice, ...]:
    """All that applies, worst first. ``quotas`` are those of the app's namespace."""
    blocked = blocked_removal(state, now)
    found = [
        *([blocked] if blocked else []),
        *_operation(state),
        *_release(state, head),
        *_stored_elsewhere(state.release),
        *([known.blocked] if known.blocked else _quota(known, quotas)),
        *_pods(known),
        *_late(state, known),
        *_hpas(state),
        *_drift(state),
        *_metrics(state, sources),
        *_routes(state),
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
                or "The portal stopped while it was at work, so its outcome is not known.",
                operation.advice or "What you see here is what the cluster has. Try again.",
            )
        ]
    return []


def _stored_elsewhere(release: ReleaseRecord | None) -> list[Notice]:
    if release is None or not release.storage_namespace:
        return []
    return [
        Notice(
            Severity.QUIET,
            f"Helm keeps this release in the namespace {release.storage_namespace}",
            "The portal shows it, but does not change it: Helm's command line would lose either "
            "the record or the objects.",
            "Change it where it is managed, such as in its Flux HelmRelease.",
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
    if head.badge.text == "Stuck":
        when = f" since {moment(release.updated_at)}" if release.updated_at else ""
        undo = (
            f"Then unlock it: that marks revision {release.revision} as failed, and changes "
            "nothing that runs. After that it can be launched again, rolled back or uninstalled."
            if unlockable(release)
            else "Then uninstall it again."
        )
        return [
            Notice(
                Severity.BAD,
                "Helm's last operation never ended",
                f"The release is {release.status.value}{when}, and until that is undone Helm "
                "refuses every change.",
                f"First make sure that nobody is at work on it in a terminal. {undo}",
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


_AGAIN = "Correct what is wrong and launch again: nothing has to be removed first."


def _left_failed(state: AppState) -> bool:
    """Whether Helm has marked the newest revision as failed, and nobody has moved on from it."""
    release = state.release
    return (
        release is not None
        and release.status is ReleaseStatus.FAILED
        and not running(state.operation)
    )


def unlockable(release: ReleaseRecord | None) -> bool:
    """Whether Helm left a change half way that can be marked as failed."""
    return (
        release is not None
        and release.status.pending
        and release.status is not ReleaseStatus.UNINSTALLING
    )


def known_serving(head: Headline) -> bool:
    """Whether the headline of a failed release says that its pods still serve."""
    return head.badge.severity is Severity.WARN


def _quota(known: PodSummary, quotas: Sequence[Quota]) -> list[Notice]:
    """Unless Kubernetes has said already why it makes no more pods."""
    found = quota_notice(quotas) if len(known.pods) < known.desired else None
    return [found] if found else []


def _pods(known: PodSummary) -> list[Notice]:
    """One notice for each kind of trouble, however many pods have it."""
    grouped: dict[str, Notice] = {}
    amounts: dict[str, int] = {}
    for one in known.troubled:
        amounts[one.title] = amounts.get(one.title, 0) + 1
        grouped.setdefault(one.title, Notice(one.severity, one.title, one.reason, one.advice))
    return [
        notice
        if amounts[title] == 1
        else Notice(
            notice.severity, f"{title} ({count(amounts[title], 'pod')})", notice.body, notice.advice
        )
        for title, notice in grouped.items()
    ]


def _late(state: AppState, known: PodSummary) -> list[Notice]:
    if known.troubled or known.blocked or known.ready >= known.desired:
        return []
    late = any(
        one.reason == "ProgressDeadlineExceeded"
        for workload in state.workloads
        for one in workload.conditions
    )
    if not late:
        return []
    return [
        Notice(
            Severity.WARN,
            "This takes longer than usual",
            "Kubernetes has seen no progress for a while; it goes on trying all the same.",
            "A large image or a new node can be the reason. The pods below say more.",
        )
    ]


def _hpas(state: AppState) -> list[Notice]:
    targets = [(hpa.target_kind, hpa.target_name) for hpa in state.hpas]
    if len(set(targets)) == len(targets):
        return []
    names = ", ".join(hpa.key.name for hpa in state.hpas)
    return [
        Notice(
            Severity.BAD,
            SEVERAL_HPAS,
            f"They undo each other's decisions: {names}.",
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
            f"The release asks for {count(configured, 'pod')}, the cluster was told to run {live}.",
            f"The next change through Helm may bring it back to {configured}. Set the number here "
            "to keep it, or apply what is set to bring it back.",
        )
    ]


def _metrics(state: AppState, sources: Mapping[str, WatchHealth]) -> list[Notice]:
    source = source_of(sources, METRICS)
    if source is None or source.available or not state.workloads:
        return []
    needed = bool(state.hpas)
    body = "CPU and memory use cannot be shown"
    body += ", and the autoscaler cannot work." if needed else ", and an autoscaler could not work."
    return [
        Notice(
            Severity.WARN if needed else Severity.QUIET,
            "The cluster does not measure CPU and memory",
            body,
            METRICS_ADVICE,
        )
    ]


def _routes(state: AppState) -> list[Notice]:
    return [
        Notice(
            Severity.WARN,
            f"No gateway takes the route {route.key.name}",
            sentence(shortened(route.message)) or "The gateway refuses it.",
            "Check the host name, and ask an administrator which gateway the app may use.",
        )
        for route in state.routes
        if route.accepted is False
    ]
