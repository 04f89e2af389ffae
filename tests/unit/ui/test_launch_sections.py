"""Sections of the launch form that are folded away until they matter."""

from __future__ import annotations

from typing import Any

import pytest

from portal.catalog.launch_field import Section
from portal.catalog.launch_fields import FIELDS, fields_in
from portal.domain.sizes import Size
from portal.releases.forms import ReleaseForms
from portal.ui import ids
from portal.ui.launch.fields import FOLDED, section_mark
from portal.ui.launch.layout import layout
from portal.ui.launch.sizes import SIZED, size_words
from tests.unit.ui.test_pages import walk

SMALL = Size("S", {"cpu": "100m", "memory": "256Mi"}, {"memory": "1Gi"}, {"disk": "ssd"})
FORMS = ReleaseForms(sizes=(SMALL,))


def page(**changes: object) -> dict[str, Any]:
    """The form's components by id; sections by that of their mark."""
    found: dict[str, Any] = {}
    for each in walk(layout(FORMS, {**FORMS.defaults(), **changes}, editing=None)):
        if getattr(each, "id", None):
            found[str(each.id)] = each
        if "fold" in str(getattr(each, "className", "")).split():
            (mark,) = [one.id for one in walk(each) if getattr(one, "className", "") == "fold-mark"]
            found[f"section {mark}"] = each
    return found


def is_open(found: dict[str, Any], section: Section) -> bool:
    return bool(found[f"section {ids.launch_mark(section.name)}"].open)


def test_a_new_form_has_them_closed_and_unmarked() -> None:
    found = page()
    for section in FOLDED:
        assert not is_open(found, section)
        assert not found[ids.launch_mark(section.name)].children
        assert all(ids.launch(name) in found for name in fields_in(section))


@pytest.mark.parametrize(
    ("field", "content", "section"),
    [
        ("health_path", "", Section.HEALTH),
        ("start_time", 600, Section.HEALTH),
        ("writable_root", True, Section.FILES),
        ("writable_folders", "/app", Section.FILES),
        ("runs_as", "image", Section.PROCESS),
        ("env_keys", "A=s/k", Section.KEYS),
        ("labels", "a=b", Section.REGISTRY),
    ],
)
def test_one_that_is_filled_in_is_open_and_marked(
    field: str, content: object, section: Section
) -> None:
    found = page(**{field: content})
    assert [each for each in FOLDED if is_open(found, each)] == [section]
    assert found[ids.launch_mark(section.name)].children == "Filled in"


def test_one_with_a_message_is_marked() -> None:
    raw = FORMS.defaults()
    assert section_mark(Section.FILES, raw, {"shared_memory"}) == "Look here"
    assert section_mark(Section.FILES, raw, set(FIELDS) - {*fields_in(Section.FILES)}) == ""
    assert section_mark(Section.HEALTH, {**raw, "start_time": "180"}, ()) == ""


def test_a_size_fills_in_and_locks_the_amounts() -> None:
    chosen, custom = page(size="S"), page(size="")
    assert all(chosen[ids.launch(name)].disabled for name in SIZED)
    assert not any(custom[ids.launch(name)].disabled for name in SIZED)
    assert [each["value"] for each in chosen[ids.launch("size")].options] == ["S", ""]
    assert chosen[ids.LAUNCH_SIZES].data == {"S": ["100m", "", "256Mi", "1Gi"]}
    assert "nodes with disk=ssd" in size_words(SMALL)
