"""Values as Helm makes them of a chart, its subcharts, and what is given."""

from __future__ import annotations

import pytest

from portal.catalog.coalesce import ChartContent, Dependency, ValuesProblem, read
from portal.catalog.values import Values


def sub(name: str = "store", **values: object) -> ChartContent:
    return ChartContent(name, "1.2.0", values)


def chart(
    *subcharts: ChartContent, dependencies: tuple[Dependency, ...] | None = None, **values: object
) -> ChartContent:
    return ChartContent("web", "1.0.0", values, dependencies=dependencies, subcharts=subcharts)


def seen(content: ChartContent, **given: object) -> Values:
    return read(content, given).values


def test_a_subchart_brings_its_own_defaults() -> None:
    made = read(
        chart(sub(size="1Gi", keep=True), store={"size": "2Gi"}), {"store": {"keep": False}}
    )
    assert made.values == {"store": {"size": "2Gi", "keep": False, "global": {}}}
    assert made.defaults == {"store": {"size": "2Gi", "keep": True, "global": {}}}
    assert [each.path for each in made.charts] == [(), ("store",)]


def test_null_takes_a_default_away() -> None:
    content = chart(sub(a=1, b={"c": 2}), labels={"x": "1", "y": "2"}, off=None)
    assert seen(content, labels={"x": None}) == {
        "labels": {"y": "2"},
        "store": {"a": 1, "b": {"c": 2}, "global": {}},
    }
    assert seen(content, store={"a": None, "b": None})["store"] == {"global": {}}
    assert seen(content, unknown=None)["unknown"] is None, "where there is no default it stays"


@pytest.mark.parametrize(
    ("condition", "tags", "given", "on"),
    [
        ("", (), {}, True),
        ("store.on", (), {"store": {"on": False}}, False),
        ("no.such,store.on", (), {"store": {"on": False}}, False),
        ("store.on", (), {"store": {"on": "no"}}, True),
        ("", ("data",), {"tags": {"data": False}}, False),
        ("", ("data", "all"), {"tags": {"data": False, "all": True}}, True),
        ("store.on", ("data",), {"tags": {"data": False}, "store": {"on": True}}, True),
    ],
)
def test_conditions_and_tags_switch_a_subchart(
    condition: str, tags: tuple[str, ...], given: Values, on: bool
) -> None:
    wanted = Dependency("store", ">=1.0", condition=condition, tags=tags)
    made = read(chart(sub(size=1), dependencies=(wanted,)), given)
    assert (len(made.charts) == 2) is on
    assert ("size" in str(made.values)) is on


def test_an_alias_is_a_subchart_of_its_own() -> None:
    first = Dependency("store", "1.x", alias="hot")
    second = Dependency("store", "^1.1", alias="cold")
    made = seen(chart(sub(size=1), dependencies=(first, second)), hot={"size": 2})
    assert made == {"hot": {"size": 2, "global": {}}, "cold": {"size": 1, "global": {}}}


def test_a_version_out_of_range_is_left_out() -> None:
    content = chart(sub(size=1), dependencies=(Dependency("store", "^2"),))
    assert seen(content) == {"store": {"size": 1, "global": {}}}, "it is there, but not meant"


def test_values_are_lifted_into_the_chart_above() -> None:
    store = sub(exports={"web": {"port": 80, "mode": "a"}}, auth={"user": "u"})
    imports = (("exports.web", "."), ("auth", "login.store"), ("no.such", "."))
    content = chart(store, dependencies=(Dependency("store", "*", imports=imports),), mode="own")
    made = seen(content)
    assert (made["port"], made["mode"]) == (80, "own")
    assert made["login"] == {"store": {"user": "u"}}
    assert seen(content, port=1)["port"] == 1


def test_global_is_passed_down() -> None:
    inner = ChartContent("inner", "1.0.0", {"global": {"own": 1}})
    outer = ChartContent("outer", "1.0.0", {}, subcharts=(inner,))
    made = seen(
        ChartContent("web", "1", {"global": {"host": "a", "tls": {"on": True}}}, subcharts=(outer,))
    )
    assert made["outer"] == {
        "global": {"host": "a", "tls": {"on": True}},
        "inner": {"global": {"host": "a", "tls": {"on": True}, "own": 1}},
    }


def test_something_else_in_the_place_of_a_subchart() -> None:
    with pytest.raises(ValuesProblem) as problem:
        seen(chart(sub()), store="large")
    assert problem.value.path == ("store",)


def test_what_is_given_is_left_as_it_is() -> None:
    given: Values = {"store": {"a": {"b": 1}}}
    read(chart(sub(a={"c": 2})), given)
    assert given == {"store": {"a": {"b": 1}}}
