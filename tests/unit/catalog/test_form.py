"""Forms from schemas, and values from forms."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portal.catalog import coalesce
from portal.catalog.chart import Chart, read_chart
from portal.catalog.coalesce import ChartContent
from portal.catalog.edits import (
    UNSET,
    FieldError,
    added,
    alike,
    at,
    changed,
    control_content,
    minimal,
    parse_input,
    removed,
)
from portal.catalog.form import Alternatives, Control, Field, Form, Group, Rows, build, humanised
from portal.catalog.text import TextError, comments, load_values
from portal.catalog.validate import Checker
from portal.catalog.values import Values, to_yaml
from tests.strategies import json_values, schemas, submissions
from tests.unit.catalog.make import CHARTS

REPOSITORY = Path(__file__).parents[3]


def opened(path: Path) -> tuple[Chart, Checker]:
    chart = read_chart(path, "here")
    return chart, Checker(chart.schema or {})


WEB, WEB_CHECKER = opened(CHARTS / "web-server")


def drawn(checker: Checker, defaults: Values, values: Values) -> Form:
    """The form of a chart without subcharts."""
    return build(checker, defaults, seen(defaults, values))


def seen(defaults: Values, values: Values) -> Values:
    return coalesce.read(ChartContent("x", "1.0.0", defaults), values).values


def form_of(schema: dict[str, object], values: Values | None = None, **defaults: object) -> Form:
    return drawn(Checker({"properties": schema}), defaults, values or {})


def only(schema: object, value: object = None, default: object = None) -> Field:
    form = form_of(
        {"a": schema},
        {} if value is None else {"a": value},
        **({} if default is None else {"a": default}),
    )
    (field,) = form.fields()
    return field


@pytest.mark.parametrize(
    ("schema", "value", "control"),
    [
        ({"type": "string"}, "x", Control.TEXT),
        ({"type": "string"}, "x\ny", Control.YAML),
        ({"type": "string"}, ["x"], Control.YAML),
        ({"type": ["string", "integer"]}, 5, Control.TEXT),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "50%", Control.TEXT),
        ({"type": "integer", "minimum": 0, "maximum": 10}, 5, Control.SLIDER),
        ({"type": "integer", "minimum": 0, "maximum": 10}, 11, Control.NUMBER),
        ({"type": "integer", "minimum": 0, "maximum": 10}, None, Control.NUMBER),
        ({"type": "integer", "minimum": 1, "maximum": 65535}, 80, Control.NUMBER),
        ({"type": ["integer", "null"], "minimum": 0, "maximum": 10}, 5, Control.NUMBER),
        ({"type": "number", "minimum": 0, "maximum": 1}, 0.5, Control.SLIDER),
        ({"type": "number", "minimum": 0, "maximum": 1, "multipleOf": 0}, 0.5, Control.SLIDER),
        ({"type": "boolean"}, True, Control.SWITCH),
        ({"type": ["boolean", "null"]}, True, Control.CHOICE),
        ({"type": "array"}, ["a"], Control.YAML),
        ({"type": "array", "items": {}}, [], Control.YAML),
        ({"type": "array", "items": True}, ["a"], Control.YAML),
        ({"type": "boolean"}, "yes", Control.YAML),
        ({"enum": ["a", 1, None, True]}, 1, Control.CHOICE),
        ({"oneOf": [{"const": "a", "title": "A"}, {"enum": ["b"]}]}, "a", Control.CHOICE),
        ({"type": "array", "items": {"type": "string"}}, ["a", "b"], Control.LINES),
        ({"type": "array", "items": {"type": "string"}}, ["a\nb"], Control.YAML),
        ({"type": "array", "items": {"type": "integer"}}, [1], Control.LINES),
        ({"type": "array", "items": {"type": "array"}}, [[1]], Control.YAML),
        ({"type": "object"}, {}, Control.YAML),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {}, Control.YAML),
        ({}, "x", Control.TEXT),
        (True, 3, Control.NUMBER),
        ({"$ref": "#/nowhere"}, False, Control.SWITCH),
        ({"$ref": "#/properties/a"}, "x", Control.YAML),
    ],
)
def test_each_type_has_its_control(schema: object, value: object, control: Control) -> None:
    assert only(schema, value, default=value).control is control


def test_the_form_of_a_chart() -> None:
    form = build(WEB_CHECKER, WEB.defaults, WEB.defaults, comments(WEB.values_text))
    fields = {field.path: field for field in form.fields()}
    tag = fields["image", "tag"]
    assert (tag.title, tag.description) == ("Tag", 'Tag; a version is safer than "latest".')
    assert fields["image", "repository"].required
    assert fields["replicaCount",].control is Control.SLIDER
    assert [each.label for each in fields["service", "type"].choices][1] == "A port on every node"
    assert fields["resources", "limits", "cpu"].title == "CPU"
    assert isinstance(form.find(("extraEnvVars",)), Rows)
    assert WEB_CHECKER.check(WEB.defaults).problems == ()


def test_a_condition_decides_what_is_shown() -> None:
    schema: dict[str, object] = {
        "kind": {"enum": ["small", "large"]},
    }
    whole = {
        "properties": schema,
        "if": {"properties": {"kind": {"const": "large"}}, "required": ["kind"]},
        "then": {"properties": {"size": {"type": "integer", "title": "How large"}}},
        "else": {"properties": {"note": {"type": "string"}}},
    }
    checker = Checker(whole)
    small, large = (drawn(checker, {"kind": "small"}, {"kind": k}) for k in ("small", "large"))
    assert [each.path for each in small.fields()] == [("kind",), ("note",)]
    assert [each.path for each in large.fields()] == [("kind",), ("size",)]
    assert small.structure != large.structure
    assert build(checker, {}, {"kind": "large", "size": 3}).structure == large.structure
    defaults: Values = {"kind": "small", "size": 3, "other": True}
    with_defaults = drawn(checker, defaults, {})
    assert [each.path for each in with_defaults.fields()] == [("kind",), ("note",), ("other",)]


def test_one_of_several_forms_is_chosen() -> None:
    schema = {
        "title": "Storage",
        "oneOf": [
            {
                "title": "None",
                "type": "object",
                "properties": {"kind": {"const": "none"}},
                "required": ["kind"],
            },
            {
                "title": "A claim",
                "type": "object",
                "properties": {"kind": {"const": "claim"}, "name": {"type": "string"}},
                "required": ["kind", "name"],
            },
        ],
    }
    form = form_of({"storage": schema}, storage={"kind": "none"})
    storage = form.find(("storage",))
    assert isinstance(storage, Alternatives)
    assert (storage.titles, storage.chosen) == (("None", "A claim"), 0)
    values = changed({}, {"storage": {"kind": "none"}}, ("storage",), storage.starts[1])
    assert values == {"storage": {"kind": "claim", "name": ""}}
    again = form_of({"storage": schema}, values, storage={"kind": "none"})
    assert [each.path for each in again.fields()] == [("storage", "name")]


def test_a_form_is_bounded() -> None:
    wide = Checker({"properties": {f"p{n}": {"type": "string"} for n in range(5_000)}})
    assert len(list(build(wide, {}, {}).fields())) <= 800
    deep: dict[str, object] = {"type": "string"}
    for _ in range(60):
        deep = {"properties": {"a": deep}}
    assert [each.control for each in build(Checker(deep), {}, {}).fields()] == [Control.YAML]
    twice = {"$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}}
    form = build(Checker({**twice, "properties": {"x": {"$ref": "#/$defs/a0"}}}), {}, {})
    assert [each.control for each in form.fields()] == [Control.YAML]


@given(schemas, json_values, json_values)
@example({"type": [], "oneOf": [{"type": "string"}, {"type": [[]]}]}, None, None)
@settings(max_examples=150, deadline=None)
def test_no_schema_crashes_the_form(schema: object, defaults: object, values: object) -> None:
    whole = {"properties": {"a": schema}, "a": schema}
    checker = Checker(whole)
    form = drawn(checker, {"a": defaults}, {"a": values})
    for field in form.fields():
        try:
            parse_input(field, control_content(field))
        except FieldError:
            continue
    checker.check(seen({"a": defaults}, {"a": values}))


CHARTS_WITH_SCHEMA = [
    opened(CHARTS / "web-server"),
    opened(CHARTS / "task-cluster"),
    opened(REPOSITORY / "charts" / "dash-app"),
    opened(REPOSITORY / "helm" / "portal"),
]
OWN: Values = {"unknown": {"kept": [1, {"x": None}]}, "image": {"secondTag": "kept"}}


@pytest.mark.parametrize(("chart", "checker"), CHARTS_WITH_SCHEMA)
def test_what_a_form_shows_changes_nothing(chart: Chart, checker: Checker) -> None:
    form = drawn(checker, chart.defaults, OWN)
    assert len(list(form.fields())) > 5
    for field in form.fields():
        assert (
            changed(OWN, chart.defaults, field.path, parse_input(field, control_content(field)))
            == OWN
        ), field


@pytest.mark.parametrize(("chart", "checker"), CHARTS_WITH_SCHEMA)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_submission_becomes_values_or_a_message(
    chart: Chart, checker: Checker, data: st.DataObject
) -> None:
    values: Values = copy.deepcopy(OWN)
    form = drawn(checker, chart.defaults, values)
    for field, raw in data.draw(submissions(form)):
        try:
            value = parse_input(field, raw)
        except FieldError:
            continue
        values = changed(values, chart.defaults, field.path, value)
        if value is not UNSET:
            assert alike(at(seen(chart.defaults, values), field.path), seen({}, {"x": value})["x"])
    assert values["unknown"] == OWN["unknown"]
    assert at(values, ("image", "secondTag")) == "kept"
    sent = minimal(values, chart.defaults)
    assert alike(seen(chart.defaults, sent), seen(chart.defaults, values))
    try:
        assert alike(load_values(to_yaml(sent)), sent)
    except TextError as error:
        assert "character" in str(error)  # noqa: PT017
    checker.check(seen(chart.defaults, values))
    assert set(values) <= set(OWN) | set(chart.defaults) | {each.path[0] for each in form.fields()}


def test_only_what_differs_is_written() -> None:
    defaults: Values = {"a": {"b": 1, "c": "x"}, "list": [1, 2], "n": None}
    assert changed({}, defaults, ("a", "b"), 2) == {"a": {"b": 2}}
    assert changed({"a": {"b": 2}}, defaults, ("a", "b"), 1) == {}
    assert changed({"a": {"b": 2, "own": 1}}, defaults, ("a", "b"), UNSET) == {"a": {"own": 1}}
    assert changed({}, defaults, ("list", 1), 3) == {"list": [1, 3]}
    assert added({}, defaults, ("list",), 9) == {"list": [1, 2, 9]}
    assert removed({}, defaults, ("list", 0)) == {"list": [2]}
    assert removed({"list": [1, 2, 9]}, defaults, ("list", 2)) == {}
    assert minimal({"a": {"b": 1, "c": None}, "list": [1, 2], "x": {}}, defaults) == {
        "a": {"c": None},
        "x": {},
    }
    assert minimal({"a": {"b": True}}, defaults) == {"a": {"b": True}}


@given(
    st.dictionaries(st.sampled_from("abc"), json_values),
    st.dictionaries(st.sampled_from("abc"), json_values),
)
def test_leaving_out_defaults_changes_nothing(values: Values, defaults: Values) -> None:
    defaults = seen(defaults, {})  # no null, as a form sees them
    sent = minimal(values, defaults)
    assert alike(seen(defaults, sent), seen(defaults, values))
    assert minimal(sent, defaults) == sent


@pytest.mark.parametrize(
    ("schema", "default", "raw", "value"),
    [
        ({"type": "string"}, "x", "", ""),
        ({"type": "string"}, None, "", UNSET),
        ({"type": "string", "minLength": 1}, "x", "", UNSET),
        ({"type": ["string", "null"]}, "x", "", None),
        ({"type": "string"}, "x", "12", "12"),
        ({"type": ["string", "integer"]}, "x", "12", 12),
        ({"type": ["string", "integer"]}, "x", "012", "012"),
        ({"type": ["string", "integer"]}, "x", "123456789012345678", "123456789012345678"),
        ({"type": "integer"}, 1, 3.0, 3),
        ({"type": "integer"}, 1, "", UNSET),
        ({"type": ["integer", "null"]}, 1, None, None),
        ({"type": "array", "items": {"type": "integer"}}, [1], " 1\n\n2 ", [1, 2]),
        ({"type": "object"}, {}, "a: [1]", {"a": [1]}),
        ({"enum": ["a", False]}, "a", "1", False),
        ({"enum": ["a", False]}, "a", "7", UNSET),
    ],
)
def test_controls_are_read(schema: object, default: object, raw: object, value: object) -> None:
    assert parse_input(only(schema, default=default), raw) == value


@pytest.mark.parametrize(
    ("schema", "default", "raw"),
    [
        ({"type": "integer"}, 1, "hunter2"),
        ({"type": "integer"}, 1, 1.5),
        ({"type": "integer"}, 1, float("nan")),
        ({"type": "string"}, "x", "hunter2\ud83d"),
        ({"type": "string"}, "x", "hunter2\x7f"),
        ({"type": "array", "items": {"type": "string"}}, ["x"], "a\n\ude00"),
        ({"type": "number"}, 1, float("nan")),
        ({"type": "number"}, 1, float("-inf")),
        ({"type": "number"}, 1, 10**400),
        ({"type": "integer"}, 1, "123456789012345678"),
        ({"type": "array", "items": {"type": "integer"}}, [1], "123456789012345678"),
        ({"type": "array", "items": {"type": "integer"}}, [1], "hunter2"),
        ({"type": "object"}, {}, "a: 'hunter2"),
        ({"type": "object"}, {}, "a: 1\na: 2"),
    ],
)
def test_what_cannot_be_read_is_refused_without_quoting_it(
    schema: object, default: object, raw: object
) -> None:
    with pytest.raises(FieldError) as caught:
        parse_input(only(schema, default=default), raw)
    assert "hunter2" not in str(caught.value)


def test_passwords_are_recognised() -> None:
    assert only({"type": "string", "format": "password"}).secret
    names = {
        "adminPassword": True,
        "apiKey": True,
        "clientSecret": True,
        "tokenName": False,
        "secretRef": False,
        "existingSecret": False,
        "secretHeader": False,
        "tlsSecretName": False,
    }
    form = form_of({name: {"type": "string"} for name in names})
    assert {str(each.path[0]): each.secret for each in form.fields()} == names


def test_names_become_words() -> None:
    assert humanised("targetCPU") == "Target CPU"
    assert humanised("httpRoute") == "Http route"
    assert humanised("image_pull-policy") == "Image pull policy"


def test_groups_have_their_fields() -> None:
    form = drawn(WEB_CHECKER, WEB.defaults, {})
    assert [each.title for each in form.items if isinstance(each, Group)][:2] == [
        "Image",
        "Autoscaling",
    ]
    json.dumps([str(each.path) for each in form.fields()])


def test_a_switch_that_is_not_set_is_not_off() -> None:
    schema = {"type": "boolean"}
    unset, off = only(schema), only(schema, False)
    assert (unset.control, control_content(unset)) == (Control.CHOICE, "")
    assert [each.label for each in unset.choices] == ["On", "Off"]
    assert control_content(off) == "1"
    assert (parse_input(unset, "0"), parse_input(unset, "")) == (True, UNSET)
    assert only(schema, False, default=True).control is Control.SWITCH


def test_names_that_are_the_users_own_are_one_text() -> None:
    disk = {"disk": "ssd"}
    texts = {"additionalProperties": {"type": "string"}}
    for schema, name in (({}, "nodeSelector"), ({}, "podAnnotations"), (texts, "hosts")):
        defaults: Values = {name: disk}
        (field,) = drawn(Checker({"properties": {name: schema}}), defaults, defaults).fields()
        assert (field.path, field.control) == ((name,), Control.YAML)
        emptied = changed({}, defaults, (name,), parse_input(field, "os: linux"))
        assert emptied == {name: {"os": "linux", "disk": None}}
    # What has parts that are known, or parts with parts, stays a group of fields.
    parts: list[Values] = [{"resources": {"cpu": 1}}, {"labels": {"a": {"b": 1}}}]
    for defaults in parts:
        (field,) = drawn(Checker({}), defaults, defaults).fields()
        assert field.control is Control.NUMBER


def test_a_name_that_is_taken_out_of_a_default_becomes_null() -> None:
    defaults: Values = {"selector": {"os": "linux", "disk": {"kind": "ssd", "size": 1}}}
    made = changed({}, defaults, ("selector",), {"disk": {"kind": "ssd"}})
    assert made == {"selector": {"os": None, "disk": {"kind": "ssd", "size": None}}}
    assert seen(defaults, made) == {"selector": {"disk": {"kind": "ssd"}}}
    assert changed({}, defaults, ("selector",), {}) == {"selector": {"os": None, "disk": None}}
    assert changed(made, defaults, ("selector",), defaults["selector"]) == {}
