"""The columns of Apps and Admin: one declaration each."""

from __future__ import annotations

from importlib.resources import files
from typing import cast

import pytest
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.objects import PodUsage, ReleaseStatus
from portal.state.model import AppState
from portal.ui.apps.table import head
from portal.ui.apps.table import rows as table_rows
from portal.viewmodels import columns
from portal.viewmodels.columns import COLUMNS, Column, Measure, shown
from portal.viewmodels.listing import Entry, measurements, run_query
from portal.viewmodels.query import EVERYTHING, ListQuery
from portal.viewmodels.releases import RowCache, release_row

from .make import NOW, ago, hpa, list_view, release, service, sources, state

USED = {"a": (0.2, 0.1), "b": (0.5,), "c": ()}


def usage(key: Key) -> dict[Key, PodUsage]:
    """Return usage of the pods of a and b; that of c is unknown."""
    return {
        Key("apps", f"{key.name}-{number}"): PodUsage(key, cpu, 2**20, NOW, 15)
        for number, cpu in enumerate(USED[key.name])
    }


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_a_column_says_all_that_is_needed(column: Column) -> None:
    row = release_row(
        state(services=(service("LoadBalancer", "198.19.255.7"),), hpas=(hpa(20),)), sources(), NOW
    )
    assert column.title
    assert column.measure or column.cell(row)
    assert not (column.measure and column.search), "a search looks through what is kept"
    css = files("portal.ui").joinpath("assets", "web", "portal.css").read_text()
    assert not column.from_width or f".list .from-{column.from_width} " in css


def test_what_a_cell_folds_into_itself_is_a_column() -> None:
    assert {column.below_in for column in COLUMNS.values()} - {""} <= set(COLUMNS)


def test_everything_a_search_looks_through_is_in_lower_case() -> None:
    found = columns.search_text(release_row(state(), sources(), NOW))
    assert {"demo", "apps", "ready", "deployed", "ada"} <= set(found.split("\n"))


def test_apps_has_fewer_columns_than_admin() -> None:
    assert set(shown(False)) < set(shown(True))


def test_a_measure_adds_up_what_all_pods_use() -> None:
    measure = Measure(lambda pod: pod.cpu, lambda total: f"{total:.1f}")
    assert [measure.text(usage(Key("apps", name))) for name in USED] == ["0.3", "0.5", ""]


@pytest.fixture
def _measured(monkeypatch: pytest.MonkeyPatch) -> None:
    column = Column(
        "load", "Load", measure=Measure(lambda pod: pod.cpu, lambda used: f"{used:.1f}")
    )
    every = {**COLUMNS, "load": column}
    for module in ("columns", "listing", "query"):
        monkeypatch.setattr(f"portal.viewmodels.{module}.COLUMNS", every)
    monkeypatch.setattr("portal.viewmodels.query.SORTABLE", tuple(every))
    monkeypatch.setattr("portal.viewmodels.listing.MEASURED", ("load",))


@pytest.mark.usefixtures("_measured")
@pytest.mark.parametrize(("sort", "order"), [("load", "cab"), ("-load", "bac"), ("", "abc")])
def test_a_list_is_sorted_by_what_was_measured_and_the_unmeasured_is_least(
    sort: str, order: str
) -> None:
    row = release_row(state(), sources(), NOW)
    rows = [replace(row, key=Key("apps", name)) for name in USED]
    found = run_query([Entry.of(each) for each in rows], ListQuery.parse(f"sort={sort}"), usage)
    assert "".join(each.key.name for each in found.rows) == order
    texts = {"a": "0.3", "b": "0.5", "c": ""}
    assert [each["load"] for each in measurements(found.rows, usage)] == [texts[n] for n in order]


@pytest.mark.usefixtures("_measured")
def test_measurements_are_read_for_the_page_alone_unless_they_give_the_order() -> None:
    row = release_row(state(), sources(), NOW)
    rows = [replace(row, key=Key("apps", f"app-{number:03}")) for number in range(200)]
    asked: list[Key] = []

    def asking(key: Key) -> dict[Key, PodUsage]:
        asked.append(key)
        return {}

    for text, times in (("", 50), ("sort=-load", 250)):
        asked.clear()
        found = run_query([Entry.of(each) for each in rows], ListQuery.parse(text), asking)
        measurements(found.rows, asking)
        assert len(asked) == times


def used(name: str, cpu: float, memory: float) -> AppState:
    """An app with one pod that uses so much."""
    key = Key("apps", f"{name}-0")
    usage = {key: PodUsage(key, cpu, memory, NOW, 15)}
    return replace(state(usage=usage), key=Key("apps", name))


@pytest.mark.parametrize(
    ("sort", "order"),
    [("cpu", "idle busy big"), ("-cpu", "big busy idle"), ("-memory", "busy big idle")],
)
def test_lists_are_sorted_by_cpu_and_memory_that_pods_use(sort: str, order: str) -> None:
    apps = [
        used("busy", 1.25, 700 * 2**20),
        used("big", 2.5, 512 * 2**20),
        replace(state(), key=Key("apps", "idle")),
    ]
    view = list_view(apps, sources(), NOW, query=ListQuery.parse(f"sort={sort}"))
    assert [row.key.name for row in view.rows] == order.split()
    amounts = dict(zip(order.split(), view.measured, strict=True))
    assert amounts["busy"] == {"cpu": "1.25 cores", "memory": "700 MiB"}
    assert amounts["idle"] == {"cpu": "", "memory": ""}


def test_the_first_sort_by_use_begins_with_the_largest() -> None:
    assert [EVERYTHING.by(name).sort for name in ("cpu", "memory")] == ["-cpu", "-memory"]


def test_a_poll_of_the_metrics_changes_the_numbers_and_no_row() -> None:
    rows = RowCache()
    before, after = (
        list_view([used("demo", cpu, 2**20)], sources(), NOW, rows=rows) for cpu in (0.25, 0.5)
    )
    assert before.rows[0] is after.rows[0]
    assert [view.measured[0]["cpu"] for view in (before, after)] == ["0.25 cores", "0.5 cores"]


def test_the_table_shows_the_numbers_in_their_columns() -> None:
    view = list_view([used("demo", 0.25, 2**20)], sources(), NOW)
    names = [column["name"] for column in head(shown(False), view.query, str)]
    (drawn,) = table_rows(view.rows, view.measured, everyone=False)
    cells = cast("list[object]", drawn["cells"])
    assert cells[names.index("cpu")] == "0.25 cores"
    assert cells[names.index("memory")] == "1 MiB"


def test_a_time_in_the_second_line_is_apart_so_that_the_browser_shows_its_own() -> None:
    stuck = state(release=release(ReleaseStatus.PENDING_UPGRADE, updated_at=ago(7200)))
    view = list_view([stuck], sources(), NOW)
    names = [column["name"] for column in head(shown(False), view.query, str)]
    (drawn,) = table_rows(view.rows, view.measured, everyone=False)
    status = cast("list[dict[str, object]]", drawn["cells"])[names.index("status")]
    assert status["below"] == [
        "Stuck: pending-upgrade since ",
        "05:30 UTC on 23 November",
        "",
    ]
