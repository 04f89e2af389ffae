"""Values of any chart, by its form, as text or in a link: they reach Helm as shown, or not."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import strategies as st
from msgspec.structs import replace

from portal.catalog.chart import read_chart
from portal.catalog.draft import MAX_LINK, Draft, DraftEditor, values_from_link
from portal.catalog.edits import alike
from portal.catalog.reading import read_values
from portal.catalog.validate import Path
from portal.catalog.values import Values, to_yaml
from portal.domain.errors import InvalidInput
from portal.domain.keys import Key
from portal.releases.request import ReleaseRequest
from tests import strategies as some
from tests.tried import tried
from tests.unit.catalog.make import CHARTS, with_content
from tests.unit.fuzz.portal import ANN, CHART, Portal, finish, is_upgrade

KEY = Key("apps", "sales")
BARE, WEB, TASKS = (
    DraftEditor(read_chart(CHARTS / name, "local"))
    for name in ("bare", "web-server", "task-cluster")
)
OURS = DraftEditor(read_chart(CHART, "local"))
"""Our own chart in the catalogue, with all that its schema allows."""


def launched(editor: DraftEditor, draft: Draft) -> bool:
    """Launch what a draft says; whether that was accepted, and then that it was all of it.

    A client may send a text that its page would not: it is checked again.
    """
    chart, portal = editor.chart, Portal()
    sent = editor.values_for_helm(draft)
    assert alike(read_values(chart, sent).values, read_values(chart, draft.values).values)
    asked = portal.command(portal.actions.launch(ANN, ReleaseRequest(KEY, chart, sent)))
    if draft.problems:
        with pytest.raises(InvalidInput) as refused:
            finish(asked)
        assert list(refused.value.fields) == ["values"]
        assert refused.value.fields["values"]
        assert portal.commands.made == []
        return False
    made = finish(asked)
    is_upgrade(made, KEY, chart=chart.path, description="Launched by ann")
    assert alike(made.values, ReleaseRequest(KEY, chart, sent).new_values(None, ANN.user))
    return True


def told(draft: Draft) -> bool:
    """Return True if a draft cannot be launched, after checking that it says why and where."""
    if draft.launchable:
        return False
    if draft.error is not None:
        assert draft.error.message
        whole = ("too large", "too long", "nested too deeply")
        assert draft.error.line > 0 or any(each in draft.error.message for each in whole)
    else:
        assert draft.notes()
        assert all(draft.notes().values())
    return True


def submissions(editor: DraftEditor) -> st.SearchStrategy[list[tuple[Path, object]]]:
    form = editor.read("").form
    assert form is not None
    return some.submissions(form).map(lambda filled: [(each.path, raw) for each, raw in filled])


def launched_by_form(editor: DraftEditor, contents: list[tuple[Path, object]]) -> bool:
    draft = editor.fill("", contents)
    told(draft)
    again = editor.read(draft.text)
    assert again.error is None
    assert alike(again.values, draft.values)
    return launched(editor, again) and not draft.field_errors


@tried(800, accepting=0.2, contents=submissions(WEB))
def test_a_chart_s_form(contents: list[tuple[Path, object]]) -> bool:
    return launched_by_form(WEB, contents)


@tried(200, accepting=0.2, contents=submissions(TASKS))
def test_another_chart_s_form(contents: list[tuple[Path, object]]) -> bool:
    return launched_by_form(TASKS, contents)


@tried(150, accepting=0.2, contents=submissions(OURS))
def test_our_own_chart_s_form(contents: list[tuple[Path, object]]) -> bool:
    return launched_by_form(OURS, contents)


@tried(2000, accepting=0.3, editor=st.sampled_from([BARE, WEB, TASKS]), text=some.yaml_texts)
def test_values_as_text(editor: DraftEditor, text: str) -> bool:
    draft = editor.read(text)
    if told(draft) and draft.error is not None:
        return False
    return launched(editor, draft)


@tried(800, accepting=0.8, values=st.dictionaries(some.words, some.nasty_values, max_size=4))
def test_values_of_any_kind(values: Values) -> bool:
    """A form reads back what it writes into the text, and Helm gets the same."""
    draft = BARE.read(to_yaml(values))
    if told(draft):
        return False
    assert alike(draft.values, values)
    return launched(BARE, draft)


_packed = st.one_of(
    st.dictionaries(some.words, some.nasty_values, max_size=3).map(json.dumps),
    some.json_values.map(json.dumps),
    some.texts,
    st.sampled_from(['{"a": NaN}', '{"a": 1e999}', '{"\\ud800": 1}', "[" * 5000, "9" * 5000]),
)


@tried(800, accepting=0.15, packed=_packed, torn=st.sampled_from([0, 0, 0, 0, 1, 2, 3]))
def test_values_in_a_link(packed: str, torn: int) -> bool:
    link = base64.urlsafe_b64encode(packed.encode(errors="surrogatepass")).decode().rstrip("=")
    values = values_from_link(link[: len(link) - torn])
    if values is None:
        return False
    draft = BARE.read(BARE.initial_text(values))
    if told(draft):
        return False
    if values:
        assert alike(draft.values, values)
    assert len(BARE.link(draft)) <= MAX_LINK
    return launched(BARE, draft)


LOOSE = DraftEditor(
    with_content(
        replace(BARE.chart, values_text=""),
        values={"a": [], "image": {}},
        schema={"properties": {"a": {}, "image": {"type": "object"}}},
    )
)
"""A chart whose schema leaves open what its values are."""


@tried(400, accepting=0.3, text=some.yaml_texts)
def test_text_within_a_form(text: str) -> bool:
    """A part that a form cannot show is a small text of its own."""
    draft = LOOSE.fill("", [(("a",), text), (("image",), text)])
    told(draft)
    return launched(LOOSE, LOOSE.read(draft.text)) and not draft.field_errors
