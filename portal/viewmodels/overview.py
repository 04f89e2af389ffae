"""The autoscaling of all apps: who is at a limit, flaps, never scales, or reserves too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from msgspec import Struct

from portal.autoscaling.cost import HOURS, Prices, cost_of
from portal.autoscaling.recommend import MARGIN
from portal.domain.keys import Key
from portal.domain.objects import Hpa
from portal.domain.scalers import ScaledObject
from portal.state.model import AppState
from portal.state.timeline import EntryKind
from portal.state.workloads import endless
from portal.viewmodels.columns import MEDIUM, WIDE, Cell, Column
from portal.viewmodels.conditions import condition
from portal.viewmodels.cost import money_words
from portal.viewmodels.hpa_metrics import bounds, metric_view
from portal.viewmodels.hpa_problems import scaling_disabled
from portal.viewmodels.listing import PAGE_SIZE
from portal.viewmodels.model import Badge, ReleaseRow, Severity
from portal.viewmodels.query import ListQuery
from portal.viewmodels.releases import ReleaseList
from portal.viewmodels.scalers import ASLEEP, Phase, phase_of
from portal.viewmodels.setup import percentile
from portal.viewmodels.words import cores, count, moment, size

FLAPS = 4
"""Changes of direction within an hour from which on an app flaps."""

HOUR = timedelta(hours=1)
LONG = timedelta(hours=24)
"""The time without a decision after which an autoscaler counts as one that never scales."""

NOTICEABLE = 0.05, 64 * 2**20
"""Cores and bytes that an app could free from which on it is told."""

AT_ONCE = 25
"""Apps whose use is read at once, which takes a few milliseconds; the others follow."""

REFRESH = timedelta(minutes=5)
"""The time after which an app's use is read again."""


class OverviewState(StrEnum):
    """The states that the overview can be filtered by. Each app is in the first that applies."""

    TROUBLE = "trouble"
    LIMITED = "limited"
    FLAPPING = "flapping"
    UNUSED = "unused"
    PAUSED = "paused"
    ASLEEP = "asleep"
    STILL = "still"
    STEADY = "steady"
    FIXED = "fixed"


class Freed(Struct, frozen=True):
    """The cores and bytes that an app reserves and does not use, of all pods together."""

    cores: float = 0.0
    memory: float = 0.0


class OverviewRow(Struct, frozen=True):
    """One app in the overview.

    ``flaps`` are the changes of direction in the last hour, ``load`` is the largest reading of its
    metrics as a part of the target. ``freed`` is None until its use was read.
    """

    key: Key
    replicas: int
    bounds: str
    metric: str
    load: float
    state: OverviewState
    badge: Badge
    since: datetime | None
    flaps: int
    trouble: str
    freed: Freed | None
    money: float | None
    currency: str

    @property
    def text(self) -> str:
        """The text that searches match, in lower case."""
        shown = (self.key.name, self.key.namespace, self.badge.text, self.trouble)
        return "\n".join(shown).casefold()


class OverviewView(Struct, frozen=True):
    """One page of the overview, with totals as in ``ListView``; ``freed`` is of all that match."""

    rows: tuple[OverviewRow, ...]
    summary: str
    loading: bool
    stale: tuple[str, ...]
    query: ListQuery
    total: int
    found: int
    first: int
    pages: int
    counts: tuple[tuple[OverviewState, int], ...]
    namespaces: tuple[str, ...]
    unanswered: str = ""


class _Cached(Struct):
    state: AppState
    row: ReleaseRow
    made: OverviewRow
    at: datetime


class _Use(Struct):
    freed: Freed
    at: datetime


class OverviewCache:
    """Makes the overview's rows, and keeps each until something in it changes."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._made: dict[Key, _Cached] = {}
        self._use: dict[Key, _Use] = {}

    def rows(self, listed: ReleaseList, now: datetime) -> list[OverviewRow]:
        """Return the rows of a list of releases, in its order."""
        if len(self._made) > len(listed.apps):
            self._made = {key: each for key, each in self._made.items() if key in listed.apps}
            self._use = {key: each for key, each in self._use.items() if key in listed.apps}
        left = AT_ONCE
        found: list[OverviewRow] = []
        for entry in listed.entries:
            state = listed.apps.get(entry.row.key)
            if state is None:
                continue
            use = self._use.get(state.key)
            read = left > 0 and (use is None or now - use.at > REFRESH)
            if read:
                left -= 1
                use = self._use[state.key] = _Use(freed(state, now), now)
            cached = self._made.get(state.key)
            if cached is None or read or _changed(cached, state, entry.row, now):
                made = overview_row(state, entry.row, now, use.freed if use else None, self._prices)
                cached = self._made[state.key] = _Cached(state, entry.row, made, now)
            found.append(cached.made)
        return found


def _changed(cached: _Cached, state: AppState, row: ReleaseRow, now: datetime) -> bool:
    """Return True if a row has to be made again; what is measured of its pods does not count."""
    before = cached.state
    return (
        cached.row is not row
        or before.hpas is not state.hpas
        or before.scaled_objects is not state.scaled_objects
        or before.timeline is not state.timeline
        or before.workloads is not state.workloads
        or (cached.made.flaps > 0 and now - cached.at > timedelta(minutes=1))
    )


def overview_row(
    state: AppState,
    row: ReleaseRow,
    now: datetime,
    free: Freed | None = None,
    prices: Prices = Prices(),  # noqa: B008
) -> OverviewRow:
    """Return the row of one app; ``row`` is its row in the other lists, for the same viewers."""
    hpa = next(iter(state.hpas), None)
    keda = next(iter(state.scaled_objects), None)
    flaps = changes_of_direction(state, now)
    kind, badge, since = _state(state, hpa, keda, row, flaps, free, now)
    views = [metric_view(each) for each in hpa.metrics] if hpa else []
    worst = max(views, key=lambda each: each.fraction or 0.0, default=None)
    saved = free or Freed()
    return OverviewRow(
        key=state.key,
        replicas=sum(each.desired for each in state.workloads),
        bounds=f"{keda.min_replicas}–{keda.max_replicas}" if keda else bounds(hpa) if hpa else "",
        metric=f"{worst.name} {worst.current} / {worst.target}" if worst else "",
        load=(worst.fraction or 0.0) if worst else -1.0,
        state=kind,
        badge=badge,
        since=since,
        flaps=flaps,
        trouble=row.problem,
        freed=free,
        money=cost_of(HOURS, saved.cores, saved.memory).money(prices) if free else None,
        currency=prices.currency,
    )


def _state(
    state: AppState,
    hpa: Hpa | None,
    keda: ScaledObject | None,
    row: ReleaseRow,
    flaps: int,
    free: Freed | None,
    now: datetime,
) -> tuple[OverviewState, Badge, datetime | None]:
    """Return the first state that applies, its badge, and since when where that is known."""
    if row.problem or row.status.severity.troubled:
        return OverviewState.TROUBLE, row.status, None
    since = limited_since(hpa) if hpa else None
    if hpa and since:
        words = f"The load asks for more than {count(hpa.max_replicas, 'pod')}."
        return OverviewState.LIMITED, Badge("At its maximum", Severity.WARN, words), since
    if flaps >= FLAPS:
        words = f"The autoscaler changed direction {flaps} times in the last hour."
        return OverviewState.FLAPPING, Badge("Flaps", Severity.WARN, words), None
    if free and (free.cores >= NOTICEABLE[0] or free.memory >= NOTICEABLE[1]):
        words = "Less than half of what it reserves was used in the last hour."
        return OverviewState.UNUSED, Badge("Over-requested", Severity.BUSY, words), None
    if keda is not None:
        phase = phase_of(state, keda)
        if phase is Phase.PAUSED:
            return OverviewState.PAUSED, Badge("Paused", Severity.QUIET, "KEDA is paused."), None
        if phase is Phase.ASLEEP:
            return OverviewState.ASLEEP, Badge("Asleep", Severity.QUIET, ASLEEP), None
    if hpa is None and keda is None:
        return OverviewState.FIXED, Badge("No autoscaler", Severity.QUIET), None
    if hpa is not None and never_scales(hpa, now):
        last = f" since {moment(hpa.last_scale_at)}" if hpa.last_scale_at else ""
        words = f"The autoscaler has changed nothing{last}."
        return OverviewState.STILL, Badge("Never scales", Severity.QUIET, words), None
    return OverviewState.STEADY, Badge("Scales", Severity.GOOD), None


def limited_since(hpa: Hpa) -> datetime | None:
    """Return since when an autoscaler is held by its maximum; None if it is not."""
    limited, able = condition(hpa, "ScalingLimited"), condition(hpa, "ScalingActive")
    if scaling_disabled(hpa) or limited is None or (able is not None and able.status == "False"):
        return None
    held = limited.status == "True" and limited.reason == "TooManyReplicas"
    return limited.changed_at if held else None


def never_scales(hpa: Hpa, now: datetime) -> bool:
    """Return True if an autoscaler that is older than that has decided nothing for a day."""
    last = hpa.last_scale_at or hpa.created_at
    return last is not None and now - last > LONG and not scaling_disabled(hpa)


def changes_of_direction(state: AppState, now: datetime) -> int:
    """Return how often in the last hour an autoscaler that had added pods took some, or back."""
    ups = [
        each.new > each.old
        for each in state.timeline.of(EntryKind.SCALING)
        if each.new is not None
        and each.old is not None
        and each.new != each.old
        and now - each.at <= HOUR
    ]
    return sum(before != after for before, after in pairwise(ups))


def freed(state: AppState, now: datetime) -> Freed:
    """Return what an app could free: where less than half of a request was used for an hour.

    What stays is nine of ten readings of CPU, and the highest of memory, with 15 % more.
    """
    since = int((now - HOUR).timestamp())
    free = [0.0, 0.0]
    for pod in state.pods:
        history = state.pod_history.get(pod.key)
        if history is None or pod.deleting or not endless(pod):
            continue
        readings = history.since(since)
        if len(readings) < 30:
            continue
        cpu = percentile(sorted(each[1] for each in readings), 90) or 0.0
        memory = max(each[2] for each in readings)
        for place, (request, used) in enumerate(
            ((pod.cpu_request, cpu), (pod.memory_request, memory))
        ):
            if request is not None and 0 <= used * MARGIN < request / 2:
                free[place] += request - used * MARGIN
    return Freed(*free)


_SEVERITIES = list(OverviewState)


def _state_cell(row: OverviewRow) -> Cell:
    badge = row.badge
    below = f"since {moment(row.since)}" if row.since else ""
    return Cell(badge.text, badge.detail, severity=badge.severity.value, below=below)


def _freed_cell(row: OverviewRow) -> Cell | str:
    if row.freed is None:
        return "…"
    free = row.freed
    parts = [
        cores(free.cores) if free.cores >= NOTICEABLE[0] else "",
        size(free.memory) if free.memory >= NOTICEABLE[1] else "",
    ]
    told = ", ".join(filter(None, parts))
    money = money_words(row.money, Prices(currency=row.currency)) if told else ""
    return Cell(told, below=f"{money} a day" if money else "")


COLUMNS: Mapping[str, Column[OverviewRow]] = {
    each.name: each
    for each in (
        Column[OverviewRow](
            "name",
            "App",
            lambda row: Cell(row.key.name, below=row.key.namespace),
            order=lambda row: row.key.name,
            below_in="namespace",
            opens_app=True,
        ),
        Column[OverviewRow](
            "state",
            "State",
            _state_cell,
            order=lambda row: (_SEVERITIES.index(row.state), row.badge.text),
        ),
        Column[OverviewRow](
            "replicas",
            "Replicas",
            lambda row: Cell(str(row.replicas), below=f"of {row.bounds}" if row.bounds else ""),
            order=lambda row: row.replicas,
            largest_first=True,
            width="6rem",
        ),
        Column[OverviewRow](
            "metric",
            "Metric / target",
            lambda row: row.metric,
            order=lambda row: row.load,
            largest_first=True,
            from_width=MEDIUM,
        ),
        Column[OverviewRow](
            "flaps",
            "Flaps in 1 h",
            lambda row: str(row.flaps) if row.bounds else "",
            order=lambda row: row.flaps,
            largest_first=True,
            from_width=MEDIUM,
            width="7rem",
        ),
        Column[OverviewRow](
            "freed",
            "Could be freed",
            _freed_cell,
            order=lambda row: (row.money or 0.0, row.freed.cores if row.freed else -1.0),
            largest_first=True,
            from_width=MEDIUM,
        ),
        Column[OverviewRow](
            "namespace",
            "Namespace",
            lambda row: row.key.namespace,
            order=lambda row: row.key.namespace,
            from_width=WIDE,
        ),
        Column[OverviewRow](
            "trouble",
            "Trouble",
            lambda row: row.trouble,
            order=lambda row: (not row.trouble, row.trouble),
            from_width=WIDE,
        ),
    )
}
"""All columns by name, from left to right."""

SORTABLE = tuple(each.name for each in COLUMNS.values() if each.sortable)
"""The names of the columns that the overview can be sorted by."""

STATES = {each.value: each for each in OverviewState}


def parse(text: str | None) -> ListQuery:
    """Return the query of an address; what is unknown or malformed is ignored."""
    return ListQuery.parse(text, SORTABLE, STATES)


def overview_view(
    rows: Sequence[OverviewRow],
    query: ListQuery,
    *,
    loading: bool,
    stale: tuple[str, ...],
    unanswered: str = "",
) -> OverviewView:
    """Return the page of a query; one beyond the end is the last."""
    asked = [each for each in rows if not query.namespace or each.key.namespace == query.namespace]
    for word in query.q.casefold().split():
        asked = [each for each in asked if word in each.text]
    counts = Counter(each.state for each in asked)
    if query.status is not None:
        asked = [each for each in asked if each.state == query.status]
    order = COLUMNS[query.column].order
    if order is not None:
        asked.sort(key=order, reverse=query.downwards)
    pages = max(1, -(-len(asked) // PAGE_SIZE))
    page = min(query.page, pages)
    first = (page - 1) * PAGE_SIZE
    shown = tuple(asked[first : first + PAGE_SIZE])
    names = {each.key.namespace for each in rows} | {query.namespace}
    return OverviewView(
        rows=shown,
        summary="" if unanswered else _summary(rows, loading=loading),
        loading=loading,
        stale=stale,
        query=query.at(page),
        total=len(rows),
        found=len(asked),
        first=first + 1 if shown else 0,
        pages=pages,
        counts=tuple((each, counts[each]) for each in OverviewState),
        namespaces=tuple(sorted(each for each in names if each)),
        unanswered=unanswered,
    )


def _summary(rows: Sequence[OverviewRow], *, loading: bool) -> str:
    if not rows:
        return "Reading the releases…" if loading else "No apps."
    scaled = sum(1 for each in rows if each.bounds)
    free = sum(each.freed.cores for each in rows if each.freed)
    prices = Prices(currency=rows[0].currency)
    known = [each.money for each in rows if each.money is not None]
    money = f" ({money_words(sum(known), prices)} a day)" if known else ""
    could = f" {cores(free)} could be freed{money}." if free >= NOTICEABLE[0] else ""
    return f"{count(scaled, 'app')} of {len(rows):,} with an autoscaler.{could}"
