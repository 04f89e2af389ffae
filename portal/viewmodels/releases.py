"""The lists of releases: Apps (mine) and Admin (all)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter

from portal.domain.keys import Key
from portal.domain.objects import Kind, Node
from portal.domain.operations import OperationPhase, Verb
from portal.state.model import AppState, Source
from portal.viewmodels.app import app_version, chart_name, launched_by
from portal.viewmodels.autoscaler import hpa_words
from portal.viewmodels.freshness import loading, source_of, stale_words
from portal.viewmodels.headline import headline
from portal.viewmodels.listing import Entry, look
from portal.viewmodels.model import ListView, ReleaseRow, Tone
from portal.viewmodels.operation import running
from portal.viewmodels.query import EVERYTHING, Bucket, ListQuery
from portal.viewmodels.urls import NOWHERE, Outside, links
from portal.viewmodels.words import count
from portal.viewmodels.workloads import facts

UNREAD = "…"
"""Stands where Helm's record of a release has not been read yet."""


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
        chart=chart_name(state) or (UNREAD if release and not state.detail else ""),
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


class Rows:
    """Makes rows, and keeps each for as long as nothing that it shows is different.

    A list of a thousand then costs what has changed. Whoever owns it calls ``forget`` so that
    releases which are gone do not stay.
    """

    def __init__(self, outside: Outside = NOWHERE) -> None:
        self._outside = outside
        self._made: dict[Key, _Made] = {}

    def entry(
        self,
        state: AppState,
        sources: Mapping[str, Source],
        now: datetime,
        *,
        nodes: Sequence[Node],
        counted: bool,
    ) -> Entry:
        """The row of ``state``. ``counted`` says whether the pods have been read."""
        made = self._made.get(state.key)
        if made is not None and made.fits(nodes, counted) and made.current(now):
            if made.state is state:
                return made.entry
            if _SHOWN(made.state) == _SHOWN(state):
                made.state = state
                return made.entry
        entry = Entry.of(release_row(state, sources, now, nodes=nodes, outside=self._outside))
        self._made[state.key] = _Made(state, nodes, counted, now, entry)
        return entry

    def forget(self, known: Mapping[Key, object]) -> None:
        """Drop what is not ``known`` any more, once there is more than that."""
        if len(self._made) > len(known):
            self._made = {key: made for key, made in self._made.items() if key in known}

    def __len__(self) -> int:
        return len(self._made)


@dataclass(slots=True)
class _Made:
    state: AppState
    nodes: Sequence[Node]
    counted: bool
    at: datetime
    entry: Entry

    def fits(self, nodes: Sequence[Node], counted: bool) -> bool:
        """Whether what is not the release's own is as it was."""
        return self.nodes is nodes and self.counted is counted

    def current(self, now: datetime) -> bool:
        """What is well or at rest stays so by itself; all else may one day take too long."""
        if self.entry.row.status.tone in _LASTING:
            return True
        return abs((now - self.at).total_seconds()) < PATIENCE


PATIENCE = 5.0
"""Seconds after which a row is made again that time alone may change."""

_LASTING = {Tone.GOOD, Tone.QUIET}

_SHOWN = attrgetter(
    *(
        field.name
        for field in fields(AppState)
        if field.name not in {"usage", "history", "pod_history"}
    )
)
"""All that a row may be made from: readings and history, which always move, are not shown."""


def list_view(
    states: Iterable[AppState],
    sources: Mapping[str, Source],
    now: datetime,
    *,
    query: ListQuery = EVERYTHING,
    owner: str | None = None,
    nodes: Sequence[Node] = (),
    rows: Rows | None = None,
) -> ListView:
    """The releases that ``query`` asks for; with ``owner`` only those that person launched."""
    rows = Rows() if rows is None else rows
    pods = source_of(sources, Kind.POD)
    counted = bool(pods and pods.synced)
    entries = [
        rows.entry(state, sources, now, nodes=nodes, counted=counted)
        for state in states
        if listed(state)
    ]
    if owner is not None:
        entries = [entry for entry in entries if entry.row.launched_by == owner]
    unread = loading(sources, Kind.RELEASE)
    found = look(entries, query)
    return ListView(
        rows=found.rows,
        summary=_summary(entries, unread),
        loading=unread,
        stale=stale_words(sources, now),
        query=query.at(found.page),
        total=len(entries),
        found=found.total,
        first=found.first,
        pages=found.pages,
        counts=tuple((each, found.buckets.get(each, 0)) for each in Bucket),
        namespaces=_choices({entry.row.key.namespace for entry in entries}, query.namespace),
        owners=_choices({entry.row.launched_by for entry in entries}, query.owner),
    )


def _choices(given: set[str], chosen: str) -> tuple[str, ...]:
    """What there is to choose from, what is chosen included."""
    return tuple(sorted(each for each in given | {chosen} if each))


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


def _summary(entries: Sequence[Entry], unread: bool) -> str:
    if unread and not entries:
        return "Reading the releases…"
    total = count(len(entries), "release") if entries else "No releases"
    troubled = sum(1 for entry in entries if entry.bucket is Bucket.ATTENTION)
    if not troubled:
        return f"{total}."
    return f"{total}, {troubled:,} {'needs' if troubled == 1 else 'need'} attention."
