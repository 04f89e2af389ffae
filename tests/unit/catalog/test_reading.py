"""Charts read from folders, and values read as Helm will read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from portal.catalog.chart import Chart, ChartProblem, read_chart
from portal.catalog.draft import DraftEditor
from portal.catalog.form import Control
from portal.catalog.helmignore import IgnoreProblem, IgnoreRules
from portal.catalog.own_text import own_text
from portal.catalog.reading import read_values
from portal.catalog.text import load_values
from portal.catalog.values import Values
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.releases.request import ReleaseRequest, chart_problems

STORE = {
    "title": "Values",
    "properties": {"size": {"$ref": "#/definitions/size"}, "nodes": {"type": "integer"}},
    "definitions": {"size": {"type": "string", "title": "Size", "pattern": "^[0-9]+Gi$"}},
}


def write(folder: Path, name: str = "web", more: str = "", **files: str | dict[str, Any]) -> Path:
    """A chart's folder; a file's name has “__” for “/” and “_” for “.”."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n{more}")
    for path, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / path.replace("_", ".")).write_text(text)
    return folder


@pytest.fixture
def umbrella(tmp_path: Path) -> Chart:
    more = "dependencies: [{name: store, version: 1.x, alias: db, condition: db.enabled}]\n"
    schema: Values = {
        "required": ["db"],
        "properties": {"db": {"required": ["size"], "properties": {"size": {"minLength": 1}}}},
    }
    top = write(tmp_path / "web", more=more, values_yaml="title: x\n", values_schema_json=schema)
    values = "size: 8Gi\nenabled: true\nimage: {registry: r.example, repository: store}\n"
    write(top / "charts" / "store", "store", values_yaml=values, values_schema_json=STORE)
    return read_chart(top, "here")


def test_a_subchart_is_part_of_the_form_and_of_the_check(umbrella: Chart) -> None:
    drafting = DraftEditor(umbrella)
    draft = drafting.read("")
    assert draft.launchable, draft.problems
    assert draft.form is not None
    fields = {each.path: each for each in draft.form.fields()}
    assert fields["db", "size"].title == "Size"
    assert (fields["db", "size"].value, fields["db", "size"].required) == ("8Gi", True)
    assert ("db", "global") not in fields
    edited = drafting.fill("", [(("db", "size"), "9Gi")])
    assert drafting.values_for_helm(edited) == {"db": {"size": "9Gi"}}
    assert drafting.fill(edited.text, [(("db", "size"), "8Gi")]).values == {}


def test_a_chart_without_a_schema_has_the_fields_of_its_subcharts(tmp_path: Path) -> None:
    more = (
        "dependencies:\n"
        "  - {name: store, version: 1.x, condition: store.enabled}\n"
        "  - {name: extra, version: 1.x, condition: extra.use}\n"
    )
    top = write(tmp_path / "web", more=more, values_yaml="title: x\nextra: {use: false}\n")
    store = write(top / "charts" / "store", "store", values_yaml="size: 8Gi\nport: 80\n")
    write(store, "store", values_schema_json={"properties": {"size": {"title": "How large"}}})
    write(top / "charts" / "extra", "extra", values_yaml="words: hello\n")
    editor = DraftEditor(read_chart(top, "here"))

    def fields(text: str) -> dict[tuple[str | int, ...], tuple[str, Control, object]]:
        form = editor.read(text).form
        assert form is not None
        return {each.path: (each.title, each.control, each.value) for each in form.fields()}

    text = editor.initial_text()
    assert fields(text) == {
        ("store", "enabled"): ("Enabled", Control.CHOICE, None),  # not set: it is on
        ("store", "size"): ("How large", Control.TEXT, "8Gi"),
        ("store", "port"): ("Port", Control.NUMBER, 80),
        ("extra", "use"): ("Use", Control.SWITCH, False),
        ("title",): ("Title", Control.TEXT, "x"),
    }
    switched = editor.fill(text, [(("store", "enabled"), "1"), (("extra", "use"), True)])
    assert editor.values_for_helm(switched) == {"store": {"enabled": False}, "extra": {"use": True}}
    assert fields(switched.text) == {
        ("store", "enabled"): ("Enabled", Control.CHOICE, False),
        ("extra", "use"): ("Use", Control.SWITCH, True),
        ("extra", "words"): ("Words", Control.TEXT, "hello"),
        ("title",): ("Title", Control.TEXT, "x"),
    }


def test_a_closed_schema_gets_no_switch_that_it_refuses(tmp_path: Path) -> None:
    more = "dependencies: [{name: store, version: 1.x, condition: store.enabled}]\n"
    schema: Values = {"properties": {"title": {"type": "string"}}, "additionalProperties": False}
    top = write(tmp_path / "web", more=more, values_yaml="", values_schema_json=schema)
    write(top / "charts" / "store", "store", values_yaml="")
    draft = DraftEditor(read_chart(top, "here")).read("")
    assert draft.form is not None
    assert ("store", "enabled") not in {each.path for each in draft.form.fields()}


def test_complaints_name_the_subchart(umbrella: Chart) -> None:
    draft = DraftEditor(umbrella).read("db: {size: large, nodes: x}\n")
    told = draft.notes()
    assert set(told) == {("db", "size"), ("db", "nodes")}
    assert all("(The subchart db asks for this.)" in each for each in told.values())
    assert DraftEditor(umbrella).read("db: {enabled: false, nodes: x}\n").problems != ()


def test_images_are_those_that_helm_will_see(umbrella: Chart) -> None:
    def refused(**values: object) -> str:
        order = ReleaseRequest(Key("apps", "x"), umbrella, values)
        return chart_problems(order, NamespaceRules(), ("docker.io/*",)).get("image", "")

    assert "r.example/store" in refused()
    assert refused(db={"enabled": False, "size": "1Gi", "image": {"registry": "docker.io"}}) == ""


def test_a_subchart_that_takes_no_global_is_the_charts_mistake(tmp_path: Path) -> None:
    top = write(tmp_path / "web")
    write(top / "charts" / "store", "store", values_schema_json={"additionalProperties": False})
    (problem,) = read_values(read_chart(top, "here"), {}).verdict.problems
    assert "mistake of the chart" in problem.message


def test_windows_files_are_read(tmp_path: Path) -> None:
    top = write(tmp_path / "web")
    (top / "values.yaml").write_bytes(b"\xef\xbb\xbf# first\r\nscript: |\r\n  a\r\n  b\r\n")
    (top / "values.schema.json").write_bytes(b'\xef\xbb\xbf{"properties": {"script": {}}}')
    (top / "Chart.yaml").write_bytes(b"\xef\xbb\xbf" + (top / "Chart.yaml").read_bytes())
    chart = read_chart(top, "here")
    assert chart.defaults == {"script": "a\nb\n"}
    assert chart.values_text.startswith("# first\n")
    assert chart.schema


def test_a_name_that_is_there_twice_in_the_charts_own_file(tmp_path: Path) -> None:
    text = "# labels\nlabels: {}\nport: 1\nsome:\n  a: 1\n  a: 2\n# again\nlabels:\n  a: b\n"
    chart = read_chart(write(tmp_path / "web", values_yaml=text), "here")
    begun = own_text(chart)
    assert load_values(begun, strict=True) == {
        "port": 1,
        "some": {"a": 2},
        "labels": {"a": "b"},
    }
    assert "# labels was here, and again below: Helm takes the last one." in begun
    assert "# again" in begun
    drafting = DraftEditor(chart)
    assert drafting.values_for_helm(drafting.read(drafting.initial_text())) == {}


def test_a_number_that_helm_rounds_in_the_charts_own_file_is_left_to_the_chart(
    tmp_path: Path,
) -> None:
    editor = DraftEditor(
        read_chart(write(tmp_path / "w", values_yaml="id: 12345678901234567890\nport: 80\n"), "x")
    )
    draft = editor.read(editor.initial_text())
    assert draft.launchable
    assert draft.kept == (("id",), ("port",))
    changed = editor.fill(draft.text, [(("port",), 81)])
    assert changed.launchable
    assert editor.values_for_helm(changed) == {"port": 81}


def test_a_text_may_take_the_place_of_a_mapping(tmp_path: Path) -> None:
    """As a chart has it that takes the name of a Secret or what is to be in it."""
    folder = write(tmp_path / "w", values_yaml="login:\n  token: ''\nurl: ''\n")
    editor = DraftEditor(read_chart(folder, "x"))
    draft = editor.read("login: team-login\nurl: https://git.example.com\n")
    assert draft.launchable
    assert draft.form is not None
    assert draft.form.find(("login",)).value == "team-login"  # type: ignore[union-attr]
    assert editor.values_for_helm(draft)["login"] == "team-login"


@pytest.mark.parametrize(
    "draft", ["draft-07/schema#", "draft/2019-09/schema", "draft/2020-12/schema"]
)
def test_a_schema_may_name_any_published_dialect(tmp_path: Path, draft: str) -> None:
    schema: Values = {
        "$schema": f"{'http' if '07' in draft else 'https'}://json-schema.org/{draft}",
        "properties": {"port": {"type": "integer"}},
    }
    folder = write(tmp_path / "w", values_yaml="port: 80\n", values_schema_json=schema)
    editor = DraftEditor(read_chart(folder, "x"))
    assert editor.read("").launchable
    assert not editor.read("port: x\n").launchable


def test_several_documents_are_one_file_of_values(tmp_path: Path) -> None:
    text = "a: {x: 1, z: 1}\n---\na: {z: 2}\nb: 3\n"
    chart = read_chart(write(tmp_path / "web", values_yaml=text), "here")
    assert chart.defaults == {"a": {"x": 1, "z": 2}, "b": 3}
    assert DraftEditor(chart).read(own_text(chart)).launchable


def test_what_a_text_leaves_out_is_told(tmp_path: Path) -> None:
    text = "selector:\n  os: linux\n  disk: ssd\nreplicas: 1\n"
    drafting = DraftEditor(read_chart(write(tmp_path / "web", values_yaml=text), "here"))
    assert drafting.read(text).kept == ()
    shorter = drafting.read("selector:\n  os: linux\n")
    assert shorter.kept == (("selector", "disk"), ("replicas",))
    gone = drafting.read("selector:\n  os: linux\n  disk: null\nreplicas: 1\n")
    assert gone.kept == ()
    assert drafting.values_for_helm(gone) == {"selector": {"disk": None}}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("dependencies: [{name: store, version: 1.x}]\n", "missing in charts/: store"),
        (
            "dependencies: [{name: a, version: '1'}, {name: b, alias: a, version: '1'}]\n",
            "two dependencies named a",
        ),
        ("type: plugin\n", "neither “application” nor “library”"),
    ],
)
def test_what_helm_refuses_is_told_before(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(ChartProblem, match=words):
        read_chart(write(tmp_path / "web", more=more), "here")


def test_a_schema_is_held_against_its_own_dialect(tmp_path: Path) -> None:
    bound = {"properties": {"port": {"minimum": 1, "exclusiveMinimum": True}}}
    with pytest.raises(ChartProblem, match="no valid one"):
        read_chart(write(tmp_path / "new", values_schema_json=bound), "here")
    old: Values = {"$schema": "http://json-schema.org/draft-04/schema#", **bound}
    chart = read_chart(write(tmp_path / "old", values_schema_json=old), "here")
    (problem,) = read_values(chart, {"port": 1}).verdict.problems
    assert problem.message == "Choose more than 1."


def test_ignored_files_are_not_there() -> None:
    rules = IgnoreRules("# words\n*.bak\n/top.txt\ncharts/extra/\n[a-b]?.md\n")
    hidden = ("x/y.bak", "top.txt", "charts/extra/values.yaml", "b1.md", "templates/.x")
    seen = ("x/top.txt", "charts/extras/values.yaml", "c1.md", "values.yaml")
    assert [rules.hides(each) for each in (*hidden, *seen)] == [True] * 5 + [False] * 4
    assert IgnoreRules("!*.yaml\n").hides("README.md"), "as Helm has it: all that is not named"
    for odd in ("a/**/b", "[a"):
        with pytest.raises(IgnoreProblem):
            IgnoreRules(odd)
