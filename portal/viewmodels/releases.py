"""The lists of releases: Apps (mine) and Admin (all)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from operator import attrgetter

from msgspec import Struct, field
from msgspec.structs import fields

from portal.domain.charts import Listing
from portal.domain.keys import Key
from portal.domain.objects import Kind, Node, PodUsage
from portal.domain.operations import OperationPhase
from portal.state.model import AppState, WatchHealth
from portal.viewmodels.app import app_version, chart_name, launched_by
from portal.viewmodels.autoscaler import hpa_words
from portal.viewmodels.freshness import loading, source_of, stale_words
from portal.viewmodels.headline import headline
from portal.viewmodels.listing import Entry, ListView, in_order, look, measurements
from portal.viewmodels.model import ReleaseRow, Severity
from portal.viewmodels.operation import running
from portal.viewmodels.query import EVERYTHING, Bucket, ListQuery
from portal.viewmodels.urls import NOWHERE, ExternalAddresses, links
from portal.viewmodels.versions import Newer
from portal.viewmodels.words import count
from portal.viewmodels.workloads import pod_summary

UNREAD = "…"
"""Stands where Helm's record of a release has not been read yet."""


def release_row(
    state: AppState,
    sources: Mapping[str, WatchHealth],
    now: datetime,
    *,
    nodes: Sequence[Node] = (),
    outside: ExternalAddresses = NOWHERE,
    newer: str = "",
) -> ReleaseRow:
    """One release. ``problem`` is what somebody should see to, "" if nothing."""
    known = pod_summary(state, sources, now, nodes)
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
        newer=newer,
    )


class Listed(Struct, frozen=True, dict=True):
    """Every release there is to list, in order, made once for all who look.

    ``apps`` is only asked what pods use now: whoever may see a release in a list may see that.
    """

    entries: Sequence[Entry] = ()
    apps: Mapping[Key, AppState] = field(default_factory=dict[Key, AppState])

    def usage(self, key: Key) -> Mapping[Key, PodUsage]:
        """What the pods of a release use now."""
        state = self.apps.get(key)
        return state.usage if state else {}

    @cached_property
    def by_owner(self) -> Mapping[str, Sequence[Entry]]:
        """Those that each person launched."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.row.launched_by, []).append(entry)
        return found

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """Where they are."""
        return frozenset(entry.row.key.namespace for entry in self.entries)

    def within(self, sees: Callable[[str], bool]) -> Listed:
        """What is left for somebody who sees only some of the namespaces."""
        seen = {namespace for namespace in self.namespaces if sees(namespace)}
        if len(seen) == len(self.namespaces):
            return self
        entries = [entry for entry in self.entries if entry.row.key.namespace in seen]
        return Listed(entries, self.apps)


class Rows:
    """Makes rows, and keeps each for as long as nothing that it shows is different.

    A list of a thousand then costs what has changed.
    """

    def __init__(
        self,
        outside: ExternalAddresses = NOWHERE,
        shown: Callable[[AppState], AppState] = lambda state: state,
    ) -> None:
        """``shown`` gives what a row is made of."""
        self._outside = outside
        self._shown = shown
        self._made: dict[Key, _CachedRow] = {}
        self._aging: dict[Key, datetime] = {}
        """When each row was made that time alone may change, the oldest first."""
        self._newer = Newer()
        self._around = _Around()
        self._apps: Mapping[Key, AppState] | None = None
        self._listed = Listed()

    def listed(
        self,
        apps: Mapping[Key, AppState],
        sources: Mapping[str, WatchHealth],
        now: datetime,
        nodes: Sequence[Node] = (),
        catalog: Sequence[Listing] = (),
    ) -> Listed:
        """All of ``apps`` that belong in a list; the same object while nothing differs."""
        if self._newer.catalog != tuple(catalog):
            self._newer = Newer(catalog)
        around = _Around.of(sources, nodes, self._newer)
        aged = self._aged(now)
        if apps is self._apps and around == self._around and not aged:
            return self._listed
        if around != self._around:
            self._around = around
        for key in aged:
            self._made.pop(key, None)
        if len(self._made) > len(apps):
            self._made = {key: made for key, made in self._made.items() if key in apps}
        self._apps = apps
        self._listed = Listed(
            in_order(
                self._entry(state, sources, now, nodes) for state in apps.values() if listed(state)
            ),
            apps,
        )
        return self._listed

    def _entry(
        self,
        state: AppState,
        sources: Mapping[str, WatchHealth],
        now: datetime,
        nodes: Sequence[Node],
    ) -> Entry:
        made, around = self._made.get(state.key), self._around
        if made is not None:
            if made.state is state and made.around is around:
                return made.entry
            if made.about == around.about(state) and _SHOWN(made.state) == _SHOWN(state):
                made.state, made.around = state, around
                return made.entry
        entry = Entry.of(
            release_row(
                self._shown(state),
                sources,
                now,
                nodes=nodes,
                outside=self._outside,
                newer=around.newer.than(state.detail),
            )
        )
        self._made[state.key] = _CachedRow(state, around, around.about(state), entry)
        self._aging.pop(state.key, None)
        if entry.row.status.severity not in _LASTING or not all(pod.node for pod in state.pods):
            self._aging[state.key] = now
        return entry

    def _aged(self, now: datetime) -> list[Key]:
        """The few oldest rows that are to be made again, taken from those that age."""
        aged: list[Key] = []
        for key, made_at in self._aging.items():
            if abs((now - made_at).total_seconds()) < PATIENCE or len(aged) == AT_ONCE:
                break
            aged.append(key)
        for key in aged:
            del self._aging[key]
        return aged

    def __len__(self) -> int:
        return len(self._made)


class _Around(Struct, frozen=True):
    """What rows depend on beside their own releases."""

    counted: bool = False
    """Whether the pods have been read."""
    lost: frozenset[str] = frozenset()
    """Nodes that do not answer."""
    address: str = ""
    """Where NodePorts are reached."""
    newer: Newer = field(default_factory=Newer)

    @staticmethod
    def of(sources: Mapping[str, WatchHealth], nodes: Sequence[Node], newer: Newer) -> _Around:
        pods = source_of(sources, Kind.POD)
        able = (node.internal_ip for node in nodes if node.ready and node.internal_ip)
        lost = frozenset(node.name for node in nodes if not node.ready)
        return _Around(bool(pods and pods.synced), lost, next(able, ""), newer)

    def about(self, state: AppState) -> tuple[object, ...]:
        """As much of it as the row of ``state`` may show."""
        exposed = any(service.type == "NodePort" for service in state.services)
        lost = self.lost and self.lost.intersection(pod.node for pod in state.pods)
        newer = self.newer.than(state.detail)
        return self.counted, lost, self.address if exposed else "", newer


class _CachedRow(Struct):
    state: AppState
    around: _Around
    about: tuple[object, ...]
    entry: Entry


PATIENCE = 5.0
"""Seconds after which a row is made again that time alone may change."""

AT_ONCE = 50
"""How many of those are made in one go: a few milliseconds, whatever state the cluster is in."""

_LASTING = {Severity.GOOD, Severity.QUIET}
"""What is well or at rest stays so by itself, unless a pod of it still looks for a node."""

_SHOWN = attrgetter(
    *(
        field.name
        for field in fields(AppState)
        if field.name not in {"usage", "history", "pod_history"}
    )
)
"""All that a row may be made from: readings and history, which always move, are not shown."""


def list_view(
    listed: Listed,
    sources: Mapping[str, WatchHealth],
    now: datetime,
    *,
    query: ListQuery = EVERYTHING,
    owner: str | None = None,
) -> ListView:
    """The releases that ``query`` asks for; with ``owner`` only those that person launched."""
    entries = listed.entries if owner is None else listed.by_owner.get(owner, ())
    unread = loading(sources, Kind.RELEASE)
    found = look(entries, query, listed.usage)
    return ListView(
        rows=found.rows,
        summary=f"{_summary(entries, unread)}{_unsorted(entries, query)}",
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
        measured=measurements(found.rows, listed.usage),
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
    return operation.verb.creates and operation.phase is not OperationPhase.SUCCEEDED


def _unsorted(entries: Sequence[Entry], query: ListQuery) -> str:
    """What the order, or what was found, does not go by yet."""
    if not query.q and query.column not in {"chart", "version"}:
        return ""
    unread = sum(1 for entry in entries if entry.row.chart == UNREAD)
    return f" The charts of {count(unread, 'release')} are still being read." if unread else ""


def _summary(entries: Sequence[Entry], unread: bool) -> str:
    if unread and not entries:
        return "Reading the releases…"
    total = count(len(entries), "release") if entries else "No releases"
    troubled = sum(1 for entry in entries if entry.bucket is Bucket.ATTENTION)
    if not troubled:
        return f"{total}."
    return f"{total}, {troubled:,} {'needs' if troubled == 1 else 'need'} attention."
