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
from portal.state.elsewhere import managed_elsewhere
from portal.state.model import AppState, WatchHealth
from portal.state.workloads import unreadable_hpas
from portal.viewmodels.app import app_version, chart_name, launched_by
from portal.viewmodels.freshness import loading, source_of, stale_words, unread_words
from portal.viewmodels.headline import headline
from portal.viewmodels.hpa_metrics import hpa_words
from portal.viewmodels.hpa_problems import awaits_readings
from portal.viewmodels.listing import Entry, ListView, measurements, run_query, sorted_by_name
from portal.viewmodels.model import ReleaseRow, Severity
from portal.viewmodels.operation import running
from portal.viewmodels.query import EVERYTHING, Bucket, ListQuery
from portal.viewmodels.scalers import listed_words
from portal.viewmodels.urls import NOWHERE, ExternalAddresses, links
from portal.viewmodels.versions import NewerVersions
from portal.viewmodels.words import count
from portal.viewmodels.workloads import pod_summary

UNREAD = "…"
"""Shown where Helm's record of a release has not been read yet."""


def release_row(
    state: AppState,
    sources: Mapping[str, WatchHealth],
    now: datetime,
    *,
    nodes: Sequence[Node] = (),
    outside: ExternalAddresses = NOWHERE,
    newer: str = "",
) -> ReleaseRow:
    """The row of one release."""
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
        hpa=listed_words(state)
        or "; ".join(
            f"{hpa.target_name} {hpa_words(hpa)}" if len(state.hpas) > 1 else hpa_words(hpa)
            for hpa in state.hpas
        )
        or _unreadable_hpa(state),
        url=next((one.href for one in links(state, outside, nodes)), ""),
        launched_by=launched_by(state),
        problem=head.problem,
        newer=newer,
    )


def _unreadable_hpa(state: AppState) -> str:
    return "not readable" if unreadable_hpas(state) else ""


class ReleaseList(Struct, frozen=True, dict=True):
    """All releases in order, made once for all viewers.

    ``apps`` is read for the pods' use and the newest operations only, which everybody who sees a
    release may see.
    """

    entries: Sequence[Entry] = ()
    apps: Mapping[Key, AppState] = field(default_factory=dict[Key, AppState])

    def usage(self, key: Key) -> Mapping[Key, PodUsage]:
        """The present use of a release's pods."""
        state = self.apps.get(key)
        return state.usage if state else {}

    @cached_property
    def by_owner(self) -> Mapping[str, Sequence[Entry]]:
        """The entries by the user who launched them."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.row.launched_by, []).append(entry)
        return found

    @cached_property
    def begun_by(self) -> Mapping[str, Sequence[Key]]:
        """The apps by the user who began their newest operation."""
        found: dict[str, list[Key]] = {}
        for key, state in self.apps.items():
            if state.operation is not None:
                found.setdefault(state.operation.actor, []).append(key)
        return found

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """The namespaces of all entries."""
        return frozenset(entry.row.key.namespace for entry in self.entries)

    def within(self, sees: Callable[[str], bool]) -> ReleaseList:
        """The entries in the namespaces for which ``sees`` returns True."""
        seen = {namespace for namespace in self.namespaces if sees(namespace)}
        if len(seen) == len(self.namespaces):
            return self
        entries = [entry for entry in self.entries if entry.row.key.namespace in seen]
        return ReleaseList(entries, self.apps)


class RowCache:
    """Makes rows, and caches each until something in it changes.

    The cost of a long list is then that of its changes.
    """

    def __init__(
        self,
        outside: ExternalAddresses = NOWHERE,
        shown: Callable[[AppState], AppState] = lambda state: state,
    ) -> None:
        """``shown`` returns the part of a state that rows are made from."""
        self._outside = outside
        self._shown = shown
        self._made: dict[Key, _CachedRow] = {}
        self._aging: dict[Key, datetime] = {}
        """The times at which rows were made that time alone can change, the oldest first."""
        self._newer = NewerVersions()
        self._inputs = _RowInputs()
        self._apps: Mapping[Key, AppState] | None = None
        self._listed = ReleaseList()

    def release_list(
        self,
        apps: Mapping[Key, AppState],
        sources: Mapping[str, WatchHealth],
        now: datetime,
        nodes: Sequence[Node] = (),
        catalog: Sequence[Listing] = (),
    ) -> ReleaseList:
        """The list of ``apps``; the same object while nothing changes."""
        if self._newer.catalog != tuple(catalog):
            self._newer = NewerVersions(catalog)
        inputs = _RowInputs.of(sources, nodes, self._newer)
        aged = self._aged(now)
        if apps is self._apps and inputs == self._inputs and not aged:
            return self._listed
        if inputs != self._inputs:
            self._inputs = inputs
        for key in aged:
            self._made.pop(key, None)
        if len(self._made) > len(apps):
            self._made = {key: made for key, made in self._made.items() if key in apps}
        self._apps = apps
        self._listed = ReleaseList(
            sorted_by_name(
                self._entry(state, sources, now, nodes)
                for state in apps.values()
                if is_listed(state)
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
        made, inputs = self._made.get(state.key), self._inputs
        if made is not None:
            if made.state is state and made.inputs is inputs:
                return made.entry
            if made.about == inputs.about(state) and _SHOWN(made.state) == _SHOWN(state):
                made.state, made.inputs = state, inputs
                return made.entry
        entry = Entry.of(
            release_row(
                self._shown(state),
                sources,
                now,
                nodes=nodes,
                outside=self._outside,
                newer=inputs.newer.of(state.detail),
            )
        )
        self._made[state.key] = _CachedRow(state, inputs, inputs.about(state), entry)
        self._aging.pop(state.key, None)
        if (
            entry.row.status.severity not in _LASTING
            or not all(pod.node for pod in state.pods)
            or awaits_readings(state)
        ):
            self._aging[state.key] = now
        return entry

    def _aged(self, now: datetime) -> list[Key]:
        """Take the oldest rows that are due to be made again."""
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


class _RowInputs(Struct, frozen=True):
    """The inputs of rows that are not part of their own release's state."""

    counted: bool = False
    """True once the pods have been listed."""
    lost: frozenset[str] = frozenset()
    """Nodes that are not ready."""
    address: str = ""
    """The address at which NodePorts are reached."""
    newer: NewerVersions = field(default_factory=NewerVersions)

    @staticmethod
    def of(
        sources: Mapping[str, WatchHealth], nodes: Sequence[Node], newer: NewerVersions
    ) -> _RowInputs:
        pods = source_of(sources, Kind.POD)
        able = (node.internal_ip for node in nodes if node.ready and node.internal_ip)
        lost = frozenset(node.name for node in nodes if not node.ready)
        return _RowInputs(bool(pods and pods.synced), lost, next(able, ""), newer)

    def about(self, state: AppState) -> tuple[object, ...]:
        """The part of it that the row of ``state`` depends on."""
        exposed = any(service.type == "NodePort" for service in state.services)
        lost = self.lost and self.lost.intersection(pod.node for pod in state.pods)
        newer = self.newer.of(state.detail)
        return self.counted, lost, self.address if exposed else "", newer


class _CachedRow(Struct):
    state: AppState
    inputs: _RowInputs
    about: tuple[object, ...]
    entry: Entry


PATIENCE = 5.0
"""Seconds after which a row is made again that time alone can change."""

AT_ONCE = 50
"""The most rows that are refreshed at once, which takes a few milliseconds."""

_LASTING = {Severity.GOOD, Severity.QUIET}
"""Severities that do not change with time alone, unless a pod has no node yet."""

_SHOWN = attrgetter(
    *(
        field.name
        for field in fields(AppState)
        if field.name not in {"usage", "history", "pod_history"}
    )
)
"""The fields that a row may be made from: all but measurements and history, which always change."""


def list_view(
    listed: ReleaseList,
    sources: Mapping[str, WatchHealth],
    now: datetime,
    *,
    query: ListQuery = EVERYTHING,
    owner: str | None = None,
    unanswered: str = "",
    nowhere: bool = False,
) -> ListView:
    """The view of a query; with ``owner``, of the releases that user owns.

    ``unanswered`` explains why the viewer's rights are not known; "" if they are. ``nowhere``: they
    may see no namespace.
    """
    entries = listed.entries if owner is None else listed.by_owner.get(owner, ())
    unread = loading(sources, Kind.RELEASE)
    found = run_query(entries, query, listed.usage)
    return ListView(
        rows=found.rows,
        summary="" if unanswered else f"{_summary(entries, unread)}{_unsorted(entries, query)}",
        loading=unread,
        stale=(*stale_words(sources, now), *unread_words(sources, Kind.RELEASE)),
        query=query.at(found.page),
        total=len(entries),
        found=found.total,
        first=found.first,
        pages=found.pages,
        counts=tuple((each, found.buckets.get(each, 0)) for each in Bucket),
        namespaces=_choices({entry.row.key.namespace for entry in entries}, query.namespace),
        owners=_choices({entry.row.launched_by for entry in entries}, query.owner),
        measured=measurements(found.rows, listed.usage),
        unanswered=unanswered,
        nowhere=nowhere,
    )


def _choices(given: set[str], chosen: str) -> tuple[str, ...]:
    """The options of a filter, with the chosen one among them."""
    return tuple(sorted(each for each in given | {chosen} if each))


def is_listed(state: AppState) -> bool:
    """Return True for a release, here or elsewhere, and for an operation that will create one."""
    if state.release is not None or managed_elsewhere(state) is not None:
        return True
    operation = state.operation
    if operation is None:
        return False
    if running(operation):
        return True
    return operation.verb.creates and operation.phase is not OperationPhase.SUCCEEDED


def _unsorted(entries: Sequence[Entry], query: ListQuery) -> str:
    """A sentence about releases that the search or sort order does not cover yet; else ""."""
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
