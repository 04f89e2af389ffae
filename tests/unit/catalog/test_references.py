"""No schema of a chart makes Helm fetch anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from portal.catalog.chart import ChartProblem, read_chart
from portal.catalog.reading import read_values
from portal.catalog.references import SchemaProblem, self_contained
from portal.catalog.values import Values
from tests.unit.catalog.make import chart_archive
from tests.unit.catalog.outside import Schema, fetched, inside

SITE = "http://evil.example"
FILES: dict[str, Schema] = {
    "a file": {"$ref": "file:///etc/passwd"},
    "a relative file": {"$ref": "other.json"},
    "a rooted file": {"$ref": "/etc/passwd"},
    "a place in a name": {"$ref": "urn:example:x#/y"},
    "a device": {"$id": "/dev/zero?", "$ref": "#/$defs/x", "$defs": {"x": True}},
    "a dialect's file": {"$schema": "file:///dev/zero"},
    "a dialect that Helm does not have": {"$schema": "http://json-schema.org/draft-03/schema#"},
    "nearly a dialect": {"$schema": "http://json-schema.org.evil.example/draft-07/schema"},
    "a way out of the dialects": {"$schema": "https://json-schema.org/draft-07/../x"},
}


@pytest.mark.parametrize("schema", [*fetched(SITE).values(), *FILES.values()])
def test_what_leads_outside(schema: Schema) -> None:
    with pytest.raises(SchemaProblem, match="outside the chart"):
        self_contained(schema)


@pytest.mark.parametrize("schema", inside(SITE).values())
def test_what_does_not(schema: Schema) -> None:
    self_contained(schema)


@pytest.mark.parametrize("schema", [True, [], [{"$ref": 3}], {"$ref": None}, {"$schema": ["x"]}])
def test_what_is_no_reference(schema: object) -> None:
    self_contained(schema)


def chart(folder: Path, name: str = "x") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n")
    return folder


BAD = json.dumps({"$schema": f"{SITE}/x"})


def refused(top: Path, values: Values | None = None) -> bool:
    """Whether something is said against a chart because its schemas lead outside."""
    found = read_values(read_chart(top, "here"), values or {}).verdict.problems
    return any("outside the chart" in each.message for each in found)


@pytest.mark.parametrize("place", ["charts/y", "charts/y/charts/z"])
def test_subcharts_are_looked_into(tmp_path: Path, place: str) -> None:
    top = chart(tmp_path / "top")
    chart(top / "charts/y")
    within = chart(top / place)
    assert not refused(top)
    (within / "values.schema.json").write_text(BAD)
    assert refused(top)


def test_a_schema_of_the_chart_itself_makes_it_unusable(tmp_path: Path) -> None:
    top = chart(tmp_path / "top")
    (top / "values.schema.json").write_text(BAD)
    with pytest.raises(ChartProblem, match="outside the chart"):
        read_chart(top, "here")
    (top / ".helmignore").write_text("*.json\n")
    assert not refused(top), "Helm does not see what is ignored"


def test_a_subchart_counts_while_it_is_switched_on(tmp_path: Path) -> None:
    top = chart(tmp_path / "top")
    (top / "Chart.yaml").write_text(
        "apiVersion: v2\nname: x\nversion: 1.0.0\n"
        "dependencies: [{name: sub, version: 1.x, condition: sub.wanted}]\n"
    )
    (top / "values.yaml").write_text("sub: {wanted: false}\n")
    (chart(top / "charts" / "sub", "sub") / "values.schema.json").write_text(BAD)
    assert not refused(top)
    assert refused(top, {"sub": {"wanted": True}})
    (problem,) = read_values(read_chart(top, "here"), {"sub": {"wanted": True}}).verdict.problems
    assert problem.path == ("sub", "wanted"), "beside the switch"


def test_packed_subcharts_are_looked_into(tmp_path: Path) -> None:
    top = chart(tmp_path / "top")
    (top / "charts").mkdir()
    packed = top / "charts" / "sub-1.0.0.tgz"
    packed.write_bytes(chart_archive("sub", values_DOT_schema_DOT_json="{}"))
    assert not refused(top)
    packed.write_bytes(chart_archive("sub", values_DOT_schema_DOT_json=BAD))
    assert refused(top)
    packed.write_bytes(b"no archive")
    with pytest.raises(ChartProblem, match=r"sub-1.0.0.tgz in it cannot be read"):
        read_chart(top, "here")


def test_linked_subcharts_are_looked_into(tmp_path: Path) -> None:
    """Helm follows links."""
    top, elsewhere = chart(tmp_path / "top"), chart(tmp_path / "elsewhere")
    (elsewhere / "values.schema.json").write_text(BAD)
    (top / "charts").mkdir()
    (top / "charts" / "y").symlink_to(elsewhere)
    assert refused(top)


def test_links_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    top = chart(tmp_path / "top")
    for name in ("a", "b"):
        (top / name).symlink_to(top)
    with pytest.raises(ChartProblem, match="more than"):
        read_chart(top, "here")
