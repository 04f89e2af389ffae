from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from portal.autoscaling.cost import Prices
from portal.domain.keys import Key
from portal.domain.objects import Hpa, ReleaseStatus
from portal.state.history import PodHistory
from portal.state.model import AppState
from portal.state.timeline import Entry, EntryKind, Timeline
from portal.ui.overview.live import NAMES
from portal.viewmodels import overview
from portal.viewmodels.columns import Cell
from portal.viewmodels.overview import (
    COLUMNS,
    Freed,
    OverviewCache,
    OverviewRow,
    OverviewState,
    OverviewView,
    changes_of_direction,
    freed,
    overview_row,
    overview_view,
    parse,
)
from portal.viewmodels.releases import RowCache, release_row
from tests.unit.viewmodels.make import NOW, ago, condition, hpa, pod, release, sources, state

GIB = 2**30
DAY = 86400


def steady(**fields: Any) -> Hpa:
    return hpa(60, **{"created_at": ago(9 * DAY), "last_scale_at": ago(3600), **fields})


def scaled(*replicas: int, every: float = 300) -> Timeline:
    """A timeline of decisions, the newest now."""
    entries = tuple(
        Entry(
            f"s{number}",
            EntryKind.SCALING,
            ago(every * (len(replicas) - 2 - number)),
            old=old,
            new=new,
        )
        for number, (old, new) in enumerate(pairwise(replicas))
    )
    return Timeline(ago(9 * DAY), entries)


def of(app: AppState, free: Freed | None = None, prices: Prices = Prices()) -> OverviewRow:  # noqa: B008
    return overview_row(app, release_row(app, sources(), NOW), NOW, free, prices)


AT_MAXIMUM = condition("ScalingLimited", "True", reason="TooManyReplicas", changed_at=ago(600))
FLAPPING = scaled(1, 2, 1, 2, 1, 2)


@pytest.mark.parametrize(
    ("app", "free", "expected", "words"),
    [
        (
            state(release=release(ReleaseStatus.FAILED), hpas=(steady(conditions=(AT_MAXIMUM,)),)),
            None,
            "trouble",
            "",
        ),
        (state(hpas=(steady(conditions=(AT_MAXIMUM,)),)), None, "limited", "At its maximum"),
        (state(hpas=(steady(),), timeline=FLAPPING), Freed(9), "flapping", "Flaps"),
        (state(hpas=(steady(),)), Freed(0.5), "unused", "Over-requested"),
        (state(hpas=(steady(),)), Freed(0.0, GIB), "unused", "Over-requested"),
        (state(hpas=(steady(),)), Freed(0.01, 2**20), "steady", "Scales"),
        (state(hpas=(steady(last_scale_at=None),)), None, "still", "Never scales"),
        (state(hpas=(steady(last_scale_at=ago(2 * DAY)),)), None, "still", "Never scales"),
        (state(hpas=(steady(last_scale_at=None, created_at=ago(60)),)), None, "steady", "Scales"),
        (state(), None, "fixed", "No autoscaler"),
        (state(), Freed(2.0), "unused", "Over-requested"),
    ],
)
def test_the_first_state_that_applies(
    app: AppState, free: Freed | None, expected: str, words: str
) -> None:
    found = of(app, free)

    assert found.state == expected
    assert words in found.badge.text


def test_since_when_it_is_at_its_maximum() -> None:
    found = of(state(hpas=(steady(conditions=(AT_MAXIMUM,)),)))

    assert found.since == ago(600)
    old = condition("ScalingActive", "False", reason="FailedGetResourceMetric")
    assert of(state(hpas=(steady(conditions=(AT_MAXIMUM, old)),))).since is None


@pytest.mark.parametrize(
    ("timeline", "changes"),
    [
        (scaled(1, 2, 3, 4), 0),
        (scaled(1, 3, 2, 4), 2),
        (FLAPPING, 4),
        (scaled(1, 2, 1, 2, 1, 2, every=1000), 3),  # only the last hour counts
        (scaled(2, 2, 2), 0),
    ],
)
def test_changes_of_direction(timeline: Timeline, changes: int) -> None:
    assert changes_of_direction(state(timeline=timeline), NOW) == changes


def used(cores: float, memory: float, minutes: int = 40) -> PodHistory:
    history = PodHistory()
    for minute in range(minutes):
        history = history.added(NOW - timedelta(minutes=minutes - minute), cores, memory)
    return history


def reserving(cores: float, memory: float, use: PodHistory, **fields: Any) -> AppState:
    one = pod(cpu_request=cores, memory_request=memory, **fields)
    return state(pods=(one,), pod_history={one.key: use}, hpas=(steady(),))


def test_what_could_be_freed() -> None:
    found = freed(reserving(1.0, GIB, used(0.1, GIB / 4)), NOW)

    assert found.cores == pytest.approx(1 - 0.115)
    assert found.memory == pytest.approx(GIB * (1 - 0.25 * 1.15))


@pytest.mark.parametrize(
    "app",
    [
        reserving(1.0, GIB, used(0.45, GIB / 2)),  # with 15 % more, over half of it
        reserving(1.0, GIB, used(0.1, GIB / 9, minutes=20)),
        reserving(1.0, GIB, used(0.1, GIB / 9), deleting=True),
        reserving(1.0, GIB, used(0.1, GIB / 9), owner_kind="Job"),
        state(),
    ],
)
def test_what_could_not(app: AppState) -> None:
    assert freed(app, NOW) == Freed()


def test_the_cells_of_a_row() -> None:
    found = of(
        state(hpas=(steady(conditions=(AT_MAXIMUM,)),)), Freed(2.0, 0.0), Prices(0.1, None, "EUR")
    )
    cells = {name: column.cell(found) for name, column in COLUMNS.items()}

    assert cells["replicas"] == Cell("1", below="of 1–4")
    assert cells["metric"] == "CPU 60 % / 70 %"
    assert cells["freed"] == Cell("2 cores", below="4.80 EUR a day")
    badge = cells["state"]
    assert isinstance(badge, Cell)
    assert badge.below.startswith("since 07:20 UTC")
    assert COLUMNS["freed"].cell(of(state())) == "…"


def named(*names: str, **fields: Any) -> list[AppState]:
    return [state(key=Key("apps", name), hpas=(steady(),), **fields) for name in names]


def view(rows: Iterable[OverviewRow], query: str = "") -> OverviewView:
    return overview_view(tuple(rows), parse(query), loading=False, stale=())


def test_search_filter_sort_and_pages() -> None:
    rows = [of(each) for each in named(*(f"app-{number:03}" for number in range(60)))]
    rows[7] = replace(rows[7], state=OverviewState.LIMITED, replicas=9)

    assert [each.key.name for each in view(rows, "?q=app-01").rows][:2] == ["app-010", "app-011"]
    assert [each.key.name for each in view(rows, "?status=limited").rows] == ["app-007"]
    assert view(rows, "?sort=-replicas").rows[0].key.name == "app-007"
    last = view(rows, "?page=9")
    assert (last.query.page, last.first, len(last.rows), last.found, last.total) == (
        2,
        51,
        10,
        60,
        60,
    )
    assert view(rows, "?namespace=other").rows == ()
    assert dict(view(rows).counts)[OverviewState.LIMITED] == 1
    assert parse("?status=attention&sort=updated").encode() == ""


def test_the_summary_counts_and_adds_up() -> None:
    rows = [of(each, Freed(1.5), Prices(0.1, None, "EUR")) for each in named("a", "b")]

    assert view(rows).summary == (
        "2 apps of 2 with an autoscaler. 3 cores could be freed (7.20 EUR a day)."
    )
    assert view(()).summary == "No apps."


def test_rows_are_kept_until_something_in_them_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "AT_ONCE", 2)
    apps = {each.key: each for each in named("a", "b", "c")}
    cache, releases = OverviewCache(Prices()), RowCache()

    def rows(now: Any = NOW) -> list[OverviewRow]:
        return cache.rows(releases.release_list(apps, sources(), now), now)

    first = rows()
    assert [each.freed is not None for each in first] == [True, True, False], "not all at once"
    second = rows()
    assert [a is b for a, b in zip(first, second, strict=True)] == [True, True, False]
    key = Key("apps", "a")
    apps = {**apps, key: replace(apps[key], usage={})}
    assert rows()[0] is second[0], "what is measured does not count"
    apps = {**apps, key: replace(apps[key], hpas=(steady(max_replicas=9),))}
    assert rows()[0].bounds == "1–9"
    apps = {key: apps[key]}
    assert [each.key for each in rows()] == [key]


def test_every_state_has_a_filter() -> None:
    assert set(NAMES) == {None, *OverviewState}
