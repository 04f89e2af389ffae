"""The columns of Apps and Admin: one declaration each."""

from __future__ import annotations

from importlib.resources import files

import pytest
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.objects import PodUsage
from portal.viewmodels import columns
from portal.viewmodels.columns import COLUMNS, Cell, Column, Measure, shown
from portal.viewmodels.listing import Entry, look, measurements
from portal.viewmodels.query import ListQuery
from portal.viewmodels.releases import release_row

from .make import NOW, hpa, service, sources, state

USED = {"a": (0.2, 0.1), "b": (0.5,), "c": ()}


def usage(key: Key) -> dict[Key, PodUsage]:
    """What the pods of a, b and c use: of c nothing is known."""
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
    row = release_row(state(), sources(), NOW)
    cells = [column.cell(row) for column in COLUMNS.values()]
    assert {cell.below_in for cell in cells if isinstance(cell, Cell)} - {""} <= set(COLUMNS)


def test_everything_a_search_looks_through_is_in_lower_case() -> None:
    found = columns.searched(release_row(state(), sources(), NOW))
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
    found = look([Entry.of(each) for each in rows], ListQuery.parse(f"sort={sort}"), usage)
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
        found = look([Entry.of(each) for each in rows], ListQuery.parse(text), asking)
        measurements(found.rows, asking)
        assert len(asked) == times
