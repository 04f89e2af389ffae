"""One text of values and its form, in step both ways."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalog.chart import read_chart
from portal.catalog.draft import MAX_LINK, DraftEditor, path_id, path_of, values_from_link
from portal.catalog.edits import control_content
from portal.catalog.form import Control
from portal.catalog.validate import Path
from portal.catalog.values import Values
from tests.unit.catalog.make import CHARTS, with_content

WEB = DraftEditor(read_chart(CHARTS / "web-server", "local"))
BARE = DraftEditor(read_chart(CHARTS / "bare", "local"))


def test_the_form_edits_the_text() -> None:
    assert WEB.initial_text() == ""
    draft = WEB.fill("", [(("replicaCount",), 3), (("image", "tag"), "2.0")])
    assert draft.text == 'replicaCount: 3\nimage:\n  tag: "2.0"\n'
    assert draft.launchable
    back = WEB.fill(draft.text, [(("replicaCount",), 1), (("image", "tag"), "1.0")])
    assert back.text == ""


def test_the_text_edits_the_form() -> None:
    draft = WEB.read("replicaCount: 3\nautoscaling: {enabled: true}\n")
    assert draft.form
    fields = {each.path: each.value for each in draft.form.fields()}
    assert fields["replicaCount",] == 3
    assert ("autoscaling", "maxReplicas") in fields
    assert draft.structure != WEB.read("").structure
    assert WEB.read("replicaCount: 4").structure == WEB.read("").structure


def test_a_text_that_cannot_be_read_is_never_lost() -> None:
    broken = "replicaCount: [1\n"
    draft = WEB.fill(broken, [(("replicaCount",), 3)])
    assert (draft.text, draft.form) == (broken, None)
    assert draft.error
    assert draft.error.line == 2
    assert not draft.launchable
    assert WEB.add(broken, ("extraEnvVars",)).text == broken


def test_nothing_known_changes_no_text() -> None:
    text = "# my words\nreplicaCount: 3 # three\n"
    form = WEB.read(text).form
    assert form
    same: list[tuple[Path, object]] = [(each.path, control_content(each)) for each in form.fields()]
    assert WEB.fill(text, [*same, (("nowhere",), "x"), ((), 1)]).text == text


def test_rows_come_and_go() -> None:
    one = WEB.add("", ("extraEnvVars",))
    assert one.values == {"extraEnvVars": [{"name": ""}]}
    assert [each.path for each in one.problems] == [("extraEnvVars", 0, "name")]
    two = WEB.fill(one.text, [(("extraEnvVars", 0, "name"), "A")])
    assert two.launchable
    assert WEB.remove(two.text, ("extraEnvVars", 0)).text == ""
    assert WEB.remove(two.text, ("extraEnvVars",)).text == two.text
    assert WEB.add("", ("image",)).text == ""


def test_what_is_wrong_stands_beside_its_field() -> None:
    draft = WEB.fill(
        "commonLabels: {a: 1}\nserverNames: [a, a]\nodd: 1\n", [(("service", "port"), "x")]
    )
    notes = draft.notes()
    assert notes["service", "port"] == "Write a number."
    assert notes["commonLabels",].startswith("a: This has to be text")
    assert "twice" in notes["serverNames",]
    assert notes[()].startswith("odd: The chart does not know this name")
    assert not draft.launchable


def test_a_chart_without_a_schema_begins_with_its_own_words() -> None:
    text = BARE.initial_text()
    assert text == BARE.chart.values_text
    draft = BARE.read(text.replace("Hello", "Good morning"))
    assert draft.launchable
    assert BARE.values_for_helm(draft) == {"words": {"greeting": "Good morning"}}


def test_the_form_of_a_chart_without_a_schema_edits_its_own_words() -> None:
    text = BARE.initial_text()
    form = BARE.read(text).form
    assert form
    assert {each.path: (each.control, each.description) for each in form.fields()} == {
        ("words", "greeting"): (Control.TEXT, "Said first."),
        ("words", "farewell"): (Control.TEXT, "Said last."),
        ("times",): (Control.NUMBER, "How often it is said."),
    }
    changed = BARE.fill(text, [(("times",), 4)])
    assert changed.text == text.replace("times: 3", "times: 4")
    assert BARE.values_for_helm(changed) == {"times": 4}
    back = BARE.fill(changed.text, [(("times",), 3)])
    assert (back.text, back.kept) == (text, ())
    # A name that the text leaves out is the chart's own, until it is set.
    assert BARE.fill("words: {}\n", [(("times",), 3)]).text == "words: {}\n"


def test_a_release_keeps_what_it_was_given() -> None:
    given: Values = {"replicaCount": 1, "unknown": {"x": None}}
    editing = DraftEditor(WEB.chart, given)
    draft = editing.fill(editing.initial_text(), [(("containerPort",), 81)])
    assert editing.values_for_helm(draft) == {**given, "containerPort": 81}
    assert WEB.values_for_helm(draft) == {"unknown": {"x": None}, "containerPort": 81}


def test_a_link_carries_values_but_no_passwords() -> None:
    schema = {"properties": {"password": {"type": "string"}, "user": {"type": "string"}}}
    editor = DraftEditor(with_content(WEB.chart, schema=schema, values={}))
    link = editor.link(editor.read("password: hunter2\nuser: ada\n"))
    assert values_from_link(link) == {"user": "ada"}
    env = (
        "env: [{name: DB_PASSWORD, value: hunter2}, {name: A, value: b}]\nauth: {apiKey: hunter2}\n"
    )
    assert values_from_link(BARE.link(BARE.read(env))) == {
        "env": [{"name": "DB_PASSWORD"}, {"name": "A", "value": "b"}],
        "auth": {},
    }
    assert editor.link(editor.read("")) == ""
    assert editor.link(editor.read(f"user: {'x' * MAX_LINK}")) == ""


@pytest.mark.parametrize(
    "text", ["", "!", "a" * (MAX_LINK + 1), "W10", "bnVsbA", "e30=x", "_", "eyJcdWQ4MDAiOjF9"]
)
def test_a_link_that_carries_nothing(text: str) -> None:
    assert values_from_link(text) is None


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())))
def test_what_a_link_carries_is_read_again(values: Values) -> None:
    text = base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
    if text and len(text) <= MAX_LINK:
        assert values_from_link(text) == values


@given(st.lists(st.text(max_size=5) | st.integers(0, 10**6), max_size=4).map(tuple))
def test_paths_survive_ids(path: tuple[str | int, ...]) -> None:
    assert path_of(path_id(path)) == path


@given(st.text(max_size=20))
def test_any_id_is_a_path(text: str) -> None:
    assert isinstance(path_of(text), tuple)


SCHEMA = {
    "type": "object",
    "properties": {
        "password": {"type": "string", "minLength": 12},
        "pin": {"type": "integer", "title": "Pin"},
        "mark": {"type": "string", "format": "password"},
        "note": {"type": "string"},
    },
}
SAFE = with_content(read_chart(CHARTS / "web-server", "local"), schema=SCHEMA, values={})
KEPT: Values = {"password": "correct-horse-battery", "mark": "zebra-stripes", "note": "hello"}


def test_secrets_of_a_release_are_no_part_of_the_text() -> None:
    editor = DraftEditor(SAFE, KEPT)
    text = editor.initial_text()
    assert text == 'password: "(hidden)"\nmark: "(hidden)"\nnote: hello\n'
    draft = editor.read(text)
    assert draft.launchable, "the schema is asked about the secrets themselves"
    assert editor.restored(editor.values_for_helm(draft)).values == KEPT
    assert "hidden" not in str(values_from_link(editor.link(draft)))


def test_a_placeholder_for_nothing_is_refused_at_its_field() -> None:
    moved = DraftEditor(SAFE, KEPT).read('note: "(hidden)"\n')
    assert "stands for a secret that is not there" in moved.notes()["note",]
    assert not moved.launchable
    new = DraftEditor(SAFE).read('password: "(hidden)"\n')
    assert set(new.notes()) == {("password",)}
    bare = DraftEditor(with_content(SAFE, schema=None)).read('password: "(hidden)"\n')
    assert not bare.launchable


def test_block_text_and_comments_stay_through_an_edit() -> None:
    text = "# of the app\nreplicaCount: 2 # two\nnotes: |\n  one\n\n  # no comment\n  two\n"
    draft = WEB.fill(text, [(("containerPort",), 81)])
    assert draft.text == f"{text}containerPort: 81\n"
    again = WEB.fill(draft.text, [(("replicaCount",), 3)])
    assert again.text == draft.text.replace("replicaCount: 2", "replicaCount: 3")
