"""The page of one release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from portal.domain.charts import Listing
from portal.domain.compressed import CompressedText
from portal.domain.images import is_digest, split_reference
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.load_tests import Measured
from portal.domain.objects import Kind, Node, Quota, ReleaseStatus
from portal.domain.owners import NOBODY, Role
from portal.domain.permissions import UNLIMITED, Permission, Scope
from portal.state.elsewhere import managed_elsewhere
from portal.state.failed_removal import removal_failed
from portal.state.model import AppState, WatchHealth
from portal.state.ownership import annotated, owner_name, owners_of
from portal.state.workloads import target_pods
from portal.viewmodels.autoscaler import NOT_FOLLOWED, Decided, autoscaler_view
from portal.viewmodels.freshness import loading, stale_words
from portal.viewmodels.headline import STUCK, Headline, headline
from portal.viewmodels.load_test import load_test_view
from portal.viewmodels.marks import load_test_marks, together
from portal.viewmodels.model import AppView, Badge, Notice, Severity
from portal.viewmodels.notices import notices
from portal.viewmodels.operation import operation_view
from portal.viewmodels.pods import foremost, pod_view
from portal.viewmodels.scale import scale_view
from portal.viewmodels.scalers import scaler_views
from portal.viewmodels.stages import stages
from portal.viewmodels.timeline import timeline_view
from portal.viewmodels.unreadable import autoscaler_unknown, unlisted
from portal.viewmodels.urls import NOWHERE, ExternalAddresses, url_views
from portal.viewmodels.versions import version_view
from portal.viewmodels.vertical import vertical_views
from portal.viewmodels.withheld import without_values
from portal.viewmodels.workloads import (
    obstacle,
    pod_summary,
    replicas_view,
    workload_views,
)

CHART = "dash-app"
"""The built-in chart, whose values the scale card can change."""

SHORT_DIGEST = len("sha256:") + 12
"""The characters of a digest that are shown."""

_STATUS_TONES = {
    ReleaseStatus.DEPLOYED: Severity.GOOD,
    ReleaseStatus.FAILED: Severity.BAD,
    ReleaseStatus.SUPERSEDED: Severity.QUIET,
    ReleaseStatus.UNINSTALLED: Severity.QUIET,
    ReleaseStatus.UNKNOWN: Severity.WARN,
}


def app_view(
    state: AppState,
    sources: Mapping[str, WatchHealth],
    now: datetime,
    *,
    nodes: Sequence[Node] = (),
    quotas: Sequence[Quota] = (),
    outside: ExternalAddresses = NOWHERE,
    chart: str = CHART,
    catalog: Sequence[Listing] = (),
    scope: Scope = UNLIMITED,
    offered: frozenset[str] = frozenset(),
    load_tests: Mapping[str, Measured] | None = None,
    decided: Mapping[Key, Decided] = {},
) -> AppView:
    """The page of a release for viewers with ``scope``.

    Never raises: odd data gives an odd page, not none.

    ``offered`` are the names of plain actions that are of use in this state. ``load_tests`` are
    what load tests have measured, by the uid of their Jobs; None if the viewer may have none.
    ``decided`` are the last decisions of the autoscalers.

    ``now`` only decides how long is too long, in coarse steps: views of an unchanged state are
    equal, so it is enough to make a new one every few seconds while nothing changes.
    """
    by, owners = launched_by(state), owners_of(state) or NOBODY
    if not scope.may(Permission.READ_VALUES):
        state = without_values(state)
    known = pod_summary(state, sources, now, nodes)
    head = headline(state, known, now, loading=loading(sources, Kind.RELEASE))
    if scope.unanswered:
        head = Headline(Badge("Not known", Severity.WARN), scope.unanswered)
    release, detail = state.release, state.detail
    shown, more = foremost(known.pods)
    hindrance = obstacle(known)
    addresses = url_views(state, outside, nodes)
    timeline = timeline_view(state)
    return AppView(
        key=state.key,
        exists=release is not None,
        elsewhere=managed_elsewhere(state) is not None,
        offered=offered,
        removal_failed=removal_failed(state, now) and scope.may(Permission.UNINSTALL),
        headline=head.badge,
        sentence=head.sentence,
        helm_status=helm_badge(release.status if release else None),
        revision=release.revision if release else 0,
        chart=chart_name(state),
        app_version=app_version(state, chart),
        launched_by=by,
        updated_at=release.updated_at if release else None,
        urls=addresses,
        replicas=replicas_view(known),
        pods=tuple(
            pod_view(pod, found, state.usage.get(pod.key), state.pod_history.get(pod.key))
            for pod, found in shown
        ),
        autoscalers=tuple(
            autoscaler_view(
                hpa,
                target_pods(state, hpa),
                sources,
                now,
                state.events,
                decided.get(hpa.key, NOT_FOLLOWED),
            )
            for hpa in state.hpas
        ),
        settled=state.history.settled,
        unsettled=state.history.unsettled,
        scale=scale_view(state, chart, "" if scope.may(Permission.SCALE) else scope.why),
        operation=operation_view(
            state.operation,
            cancels=scope.may(Permission.CANCEL),
            obstacle=hindrance,
            stages=stages(state, known, addresses),
            now=now,
        )
        if state.operation
        else None,
        notices=notices(state, known, head, sources, now, quotas, chart),
        timeline=timeline,
        marks=together(
            timeline.marks, load_test_marks(state.load_tests, details=load_tests is not None)
        ),
        notes=detail.notes if detail else "",
        values=detail.shown if detail else CompressedText(),
        stale=stale_words(sources, now),
        since=head.since,
        more_pods=more,
        workloads=workload_views(known),
        back_to=_back_to(state, hindrance),
        autoscaler_unknown=autoscaler_unknown(state) or unlisted(sources),
        unlock=head.badge.text == STUCK and scope.may(Permission.UNLOCK),
        version=version_view(detail, catalog),
        permissions=scope.permissions,
        unanswered=bool(scope.unanswered),
        shared={role: owners.shared_as(role) for role in Role},
        load_test=load_test_view(state, load_tests),
        scalers=scaler_views(state),
        vertical=vertical_views(state),
    )


def _back_to(state: AppState, hindrance: Notice | None) -> int:
    """The revision to roll back to, 0 if the rollout goes on or there is none.

    A restart makes no revision, so that going back would not undo it.
    """
    release, operation = state.release, state.operation
    if release is None or release.status.pending or hindrance is None:
        return 0
    restarting = operation is not None and not operation.phase.terminal and not operation.revision
    return 0 if restarting else release.revision - 1


def helm_badge(status: ReleaseStatus | None) -> Badge:
    """Helm's status of the release; "" where there is no release."""
    if status is None:
        return Badge("", Severity.QUIET)
    severity = Severity.BUSY if status.pending else _STATUS_TONES.get(status, Severity.QUIET)
    return Badge(status.value, severity)


def chart_name(state: AppState) -> str:
    """Chart and version, as Helm writes them: "dash-app-1.2.0"; "" while not known."""
    detail = state.detail
    if detail is None or not detail.chart:
        return ""
    return f"{detail.chart}-{detail.chart_version}" if detail.chart_version else detail.chart


def app_version(state: AppState, chart: str = CHART) -> str:
    """The app's version: the chart's appVersion; for ``chart``, which has none, the image's.

    That is its tag, or the beginning of its digest where it has one; "" while not known.
    """
    detail = state.detail
    if detail is None:
        return ""
    if detail.app_version or detail.chart != chart:
        return detail.app_version
    tag = _tag(detail.values.get("image"))
    if not tag:
        tag = next(
            (split_reference(image)[1] for one in state.workloads for image in one.images), ""
        )
    return tag[:SHORT_DIGEST] if is_digest(tag) else tag


def _tag(image: object) -> str:
    """The tag in the values, unless a digest decides."""
    if not isinstance(image, Mapping):
        return ""
    fields = cast("Mapping[object, object]", image)
    return "" if fields.get("digest") else str(fields.get("tag") or "")


def launched_by(state: AppState) -> str:
    """The user who launched it, from Helm's record, else its Deployment, its values, or a running
    operation."""
    values: Mapping[str, object] = state.detail.values if state.detail else {}
    if state.release is not None and state.release.owners.owner:
        return owner_name(state.release.owners, values)
    for workload in state.workloads:
        if workload.annotations.get(LAUNCHED_BY):
            return workload.annotations[LAUNCHED_BY]
    if named := annotated(values):
        return named
    if state.operation and state.operation.verb.creates and not state.workloads:
        return state.operation.actor
    return ""
