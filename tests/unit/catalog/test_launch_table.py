"""A simple field of the launch form is one entry of one table."""

from __future__ import annotations

import subprocess
import sys

import pytest

from portal.catalog.launch_field import FieldError, LaunchField
from portal.catalog.launch_fields import LAUNCH_FIELDS, SIMPLE_FIELDS, hidden_paths, split_changes

ADD_A_FIELD = """
from portal.catalog import launch_table
from portal.catalog.launch_field import Control, FieldError, LaunchField, Link, Section, text

def parse(raw):
    if text(raw) == "never":
        raise FieldError("Say another level.")
    return text(raw) or None

launch_table.LAUNCH_FIELDS = (
    *launch_table.LAUNCH_FIELDS,
    LaunchField(
        "level",
        "Log level",
        Section.ENVIRONMENT,
        paths=("podLabels.level", "podAnnotations.level"),
        parse=parse,
        link=Link.TEXT,
        preset=True,
        hint="How much it writes.",
        placeholder="info",
    ),
)
from portal.catalog.presets import Preset, preset_fields, read_presets
from portal.catalog.launch_fields import field_of
from portal.catalog.unmapped import unmapped
from portal.domain.keys import Key
from portal.releases.forms import ReleaseForms
from portal.releases.links import link_of, linked_form
from portal.ui.launch import callbacks
from portal.ui.launch.layout import layout

forms, key = ReleaseForms(), Key("default", "a")
raw = {**forms.defaults(), "name": "a", "repository": "r", "tag": "1", "level": "debug"}

drawn = str(layout(forms, raw, editing=None))
assert all(each in drawn for each in ("launch-level", "launch-note-level", "Log level"))
assert "How much it writes." in drawn and "debug" in drawn and "info" in drawn
assert callbacks.raw_form({"level": "x"}, {})["level"] == "x"

assert forms.check({**raw, "level": "never"}).errors == {"level": "Say another level."}
spec = forms.check(raw).spec
values = forms.values(spec, "")
assert values["podLabels"] == values["podAnnotations"] == {"level": "debug"}
assert forms.prefill(key, values)["level"] == "debug"
assert forms.check(forms.prefill(key, values)).spec == spec
refused = forms.check_values(key, {**values, "podLabels": {"level": "never"}})
assert refused.errors.keys() == {"level"}

assert linked_form(forms, link_of(raw))["level"] == "debug"
(preset,) = read_presets([{"name": "P", "repository": "r", "tag": "1", "level": "warn"}])
assert preset_fields(preset)["level"] == "warn"
assert preset_fields(Preset("Q", "r", "1"))["level"] == ""
assert field_of("podLabels.level") == "level"
assert unmapped(values, {}) == ()

without = forms.check({**raw, "level": ""}).spec
kept = forms.values(without, "", {"podLabels": {"level": "x", "a": "b"}})
assert kept["podLabels"] == {"a": "b"}
"""


def test_a_simple_field_is_added_in_one_place() -> None:
    added = subprocess.run(
        [sys.executable, "-W", "error", "-c", ADD_A_FIELD],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert added.returncode == 0, added.stderr


def test_names_and_paths_are_each_of_one_field() -> None:
    names = [each.name for each in LAUNCH_FIELDS]
    paths = [path for each in LAUNCH_FIELDS for path in each.owned]
    assert len(set(names)) == len(names)
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("field", SIMPLE_FIELDS, ids=lambda each: each.name)
def test_defaults_and_examples_are_accepted(field: LaunchField) -> None:
    for content in (field.default, field.placeholder or field.default):
        values: dict[str, object] = {}
        try:
            field.write(values, field.read(content))
        except FieldError as error:
            raise AssertionError(content) from error
        assert field.read(field.shown(values)) == field.read(content)


def test_a_field_that_is_left_alone_keeps_its_values_as_they_were_written() -> None:
    existing: dict[str, object] = {"containerPorts": {"http": 80}, "x": 1}
    assert split_changes(existing, {"containerPort": 80}) == (existing, {})
    assert split_changes(existing, {"containerPort": 81}) == ({"x": 1}, {"containerPort": 81})
    assert hidden_paths({"containerPort": 80, "containerPorts": {"http": 80}}) == []
    assert hidden_paths({"containerPort": 80, "containerPorts": {"http": 81}}) == ["containerPort"]
