"""No schema of a chart makes Helm fetch anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from portal.catalog.chart import ChartProblem, read_chart
from portal.catalog.references import SchemaProblem, check_references, outside_references
from tests.unit.catalog.make import chart_archive
from tests.unit.catalog.outside import Schema, fetched, inside

SITE = "http://evil.example"
FILES: dict[str, Schema] = {
    "a file": {"$ref": "file:///etc/passwd"},
    "a relative file": {"$ref": "other.json"},
    "a rooted file": {"$ref": "/etc/passwd"},
    "a name": {"$ref": "urn:example:x"},
    "a device": {"$id": "/dev/zero?", "$ref": "#/$defs/x", "$defs": {"x": True}},
    "a dialect's file": {"$schema": "file:///dev/zero"},
    "a dialect that Helm does not have": {"$schema": "http://json-schema.org/draft-03/schema#"},
    "nearly a dialect": {"$schema": "http://json-schema.org.evil.example/draft-07/schema"},
    "a way out of the dialects": {"$schema": "https://json-schema.org/draft-07/../x"},
}


@pytest.mark.parametrize("schema", [*fetched(SITE).values(), *FILES.values()])
def test_what_leads_outside(schema: Schema) -> None:
    assert list(outside_references(schema))


@pytest.mark.parametrize("schema", inside(SITE).values())
def test_what_does_not(schema: Schema) -> None:
    assert list(outside_references(schema)) == []


@pytest.mark.parametrize("schema", [True, [], [{"$ref": 3}], {"$ref": None}, {"$schema": ["x"]}])
def test_what_is_no_reference(schema: object) -> None:
    assert list(outside_references(schema)) == []


def chart(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 1.0.0\n")
    return folder


BAD = json.dumps({"$schema": f"{SITE}/x"})


@pytest.mark.parametrize("place", [".", "charts/y", "charts/y/charts/z"])
def test_subcharts_are_looked_into(tmp_path: Path, place: str) -> None:
    top = chart(tmp_path / "top")
    within = top / place
    within.mkdir(parents=True, exist_ok=True)
    (within / "values.schema.json").write_text(BAD)
    with pytest.raises(ChartProblem, match="outside the chart"):
        read_chart(top, "here")


def test_packed_subcharts_are_looked_into(tmp_path: Path) -> None:
    top = chart(tmp_path / "top")
    (top / "charts").mkdir()
    packed = top / "charts" / "y-1.0.0.tgz"
    packed.write_bytes(chart_archive("y", values_DOT_schema_DOT_json="{}"))
    read_chart(top, "here")
    packed.write_bytes(chart_archive("y", values_DOT_schema_DOT_json=BAD))
    with pytest.raises(ChartProblem, match="outside the chart"):
        read_chart(top, "here")
    packed.write_bytes(b"no archive")
    with pytest.raises(ChartProblem, match=r"y-1.0.0.tgz in it cannot be read"):
        read_chart(top, "here")


def test_linked_subcharts_are_looked_into(tmp_path: Path) -> None:
    """Helm follows links."""
    top, elsewhere = chart(tmp_path / "top"), chart(tmp_path / "elsewhere")
    (elsewhere / "values.schema.json").write_text(BAD)
    (top / "charts").mkdir()
    (top / "charts" / "y").symlink_to(elsewhere)
    with pytest.raises(ChartProblem, match="outside the chart"):
        read_chart(top, "here")


def test_links_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    top = chart(tmp_path / "top")
    for name in ("a", "b"):
        (top / name).symlink_to(top)
    with pytest.raises(SchemaProblem, match="more than"):
        check_references(top)
