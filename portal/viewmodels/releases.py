"""The lists of releases: Apps (mine) and Admin (all)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from portal.domain.objects import Kind, Node
from portal.domain.operations import OperationPhase, Verb
from portal.state.model import AppState, Source
from portal.viewmodels.app import app_version, chart_name, launched_by
from portal.viewmodels.autoscaler import hpa_words
from portal.viewmodels.freshness import loading, stale_words
from portal.viewmodels.headline import headline
from portal.viewmodels.model import ListView, ReleaseRow
from portal.viewmodels.operation import running
from portal.viewmodels.urls import NOWHERE, Outside, links
from portal.viewmodels.words import count
from portal.viewmodels.workloads import facts


def release_row(
    state: AppState,
    sources: Mapping[str, Source],
    now: datetime,
    *,
    nodes: Sequence[Node] = (),
    outside: Outside = NOWHERE,
) -> ReleaseRow:
    """One release. ``problem`` is what somebody should see to, "" if nothing."""
    known = facts(state, sources, now, nodes)
    head = headline(state, known, now)
    release = state.release
    return ReleaseRow(
        key=state.key,
        chart=chart_name(state),
        app_version=app_version(state),
        revision=release.revision if release else 0,
        status=head.badge,
        helm_status=release.status.value if release else "",
        updated_at=release.updated_at if release else None,
        pods=f"{known.ready}/{known.desired}" if state.workloads else "",
        hpa="; ".join(hpa_words(hpa) for hpa in state.hpas),
        url=next((one.href for one in links(state, outside, nodes)), ""),
        launched_by=launched_by(state),
        problem=head.problem,
    )


def list_view(
    states: Iterable[AppState],
    sources: Mapping[str, Source],
    now: datetime,
    *,
    owner: str | None = None,
    nodes: Sequence[Node] = (),
    outside: Outside = NOWHERE,
) -> ListView:
    """All releases, by namespace and name; with ``owner`` only those that person launched."""
    rows = [
        release_row(state, sources, now, nodes=nodes, outside=outside)
        for state in states
        if listed(state)
    ]
    if owner is not None:
        rows = [row for row in rows if row.launched_by == owner]
    rows.sort(key=lambda row: row.key)
    unread = loading(sources, Kind.RELEASE)
    return ListView(
        rows=tuple(rows),
        summary=_summary(rows, unread),
        loading=unread,
        stale=stale_words(sources, now),
    )


def listed(state: AppState) -> bool:
    """Whether a key belongs in a list: a release, or an operation that has yet to make one."""
    if state.release is not None:
        return True
    operation = state.operation
    if operation is None:
        return False
    if running(operation):
        return True
    return operation.verb is Verb.LAUNCH and operation.phase is not OperationPhase.SUCCEEDED


def _summary(rows: list[ReleaseRow], unread: bool) -> str:
    if unread and not rows:
        return "Reading the releases…"
    total = count(len(rows), "release") if rows else "No releases"
    troubled = sum(1 for row in rows if row.problem)
    if not troubled:
        return f"{total}."
    return f"{total}, {troubled} {'needs' if troubled == 1 else 'need'} attention."
