"""An edit of values leaves everything else in their text as it is."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalog.chart import read_chart
from portal.catalog.draft import DraftEditor
from portal.catalog.edits import alike
from portal.catalog.rewrite import rewritten
from portal.catalog.text import TextError, load_values
from portal.catalog.values import to_yaml
from tests.strategies import fit_texts, nasty_values, words, yaml_texts
from tests.unit.catalog.make import CHARTS

TEXT = """\
# Top
replicas: 2  # how many

# About the image
image:
  repository: "a/b"  # quoted
  tag: '1.0'
  empty:

# About env
env:
  - name: A  # first
    value: x
  # second
  - name: B
    value: y

script: |
  # part of the text
  echo a

# Odd spellings
mode: 0o17
when: 2026-01-01
flow: {a: 1, b: [1, 2]}
on: yes
# the end
"""


def put(*path: Any, to: object) -> Callable[[Any], None]:
    def change(values: Any) -> None:
        for part in path[:-1]:
            values = values[part]
        values[path[-1]] = to

    return change


def drop(*path: Any) -> Callable[[Any], None]:
    def change(values: Any) -> None:
        for part in path[:-1]:
            values = values[part]
        del values[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (put("replicas", to=3), ["-replicas: 2  # how many", "+replicas: 3  # how many"]),
        (put("image", "tag", to="2.0"), ["-  tag: '1.0'", "+  tag: '2.0'"]),
        (put("image", "tag", to=5), ["-  tag: '1.0'", "+  tag: 5"]),
        (put("image", "empty", to=True), ["-  empty:", "+  empty: true"]),
        (put("image", "pull", to="a: b"), ['+  pull: "a: b"']),
        (put("image", "pull", to="yes"), ['+  pull: "yes"']),
        (drop("image", "repository"), ['-  repository: "a/b"  # quoted']),
        (drop("replicas"), ["-replicas: 2  # how many"]),
        (
            drop("image"),
            ["-image:", '-  repository: "a/b"  # quoted', "-  tag: '1.0'", "-  empty:"],
        ),
        (put("script", to="echo b\necho c\n"), [
            "-  # part of the text", "-  echo a", "+  echo b", "+  echo c",
        ]),
        (put("env", 1, "value", to="z"), ["-    value: y", "+    value: z"]),
        (lambda values: values["env"].append({"name": "C"}), ["+  - name: C"]),
        (drop("env", 0), ["-  - name: A  # first", "-    value: x"]),
        (drop("env", 1), ["-  - name: B", "-    value: y"]),
        (drop("env", 0, "name"), ["-  - name: A  # first", "-    value: x", "+  - value: x"]),
        (put("flow", "c", to=1), [
            "-flow: {a: 1, b: [1, 2]}", "+flow: {a: 1, b: [1, 2], c: 1}",
        ]),
        (drop("flow", "a"), ["-flow: {a: 1, b: [1, 2]}", "+flow: {b: [1, 2]}"]),
        (put("new", to={"a": [1, {"b": None}]}), [
            "+new:", "+  a:", "+    - 1", "+    - b: null",
        ]),
        (put("mode", to=True), ["-mode: 0o17", "+mode: true"]),
        (lambda values: None, []),
    ],
)  # fmt: skip
def test_only_the_lines_of_the_change_change(
    change: Callable[[Any], None], lines: list[str]
) -> None:
    before = load_values(TEXT, strict=True)
    after = copy.deepcopy(before)
    change(after)
    text = rewritten(TEXT, before, after)
    told = difflib.unified_diff(TEXT.splitlines(), text.splitlines(), n=0, lineterm="")
    assert [line for line in list(told)[2:] if not line.startswith("@@")] == lines


@pytest.mark.parametrize(
    "text",
    [
        "a:\n- x\n- y\n",
        "a:\n    b: 1\n    c:\n    - x\n",
        "a:\n  - x\n",
        "---\na: [x]\nb: >-\n  x\n  y\n",
    ],
)
def test_the_indentation_is_the_texts_own(text: str) -> None:
    values = load_values(text, strict=True)
    assert rewritten(text, values, {**values, "z": 1}) == f"{text}z: 1\n"


def test_comments_stay_when_there_is_nothing_else() -> None:
    assert rewritten("# a\n", {}, {"x": 1}) == "# a\nx: 1\n"
    assert rewritten("# a\nx: 1\n", {"x": 1}, {}) == "# a\n"
    assert rewritten("", {}, {"x": 1}) == "x: 1\n"
    assert rewritten("x: 1\n", {"x": 1}, {}) == ""


def test_quotes_around_nothing_are_not_kept() -> None:
    assert rewritten('name: ""\n', {"name": ""}, {"name": "a"}) == "name: a\n"
    assert rewritten('name: "x"\n', {"name": "x"}, {"name": "a"}) == 'name: "a"\n'


def test_what_is_written_once_and_used_twice_is_written_anew() -> None:
    text = "a: &x {p: 1}\nb: *x  # same\n"
    assert rewritten(text, {"a": {"p": 1}, "b": {"p": 1}}, {"a": {"p": 1}, "b": {"p": 2}}) == (
        to_yaml({"a": {"p": 1}, "b": {"p": 2}})
    )


@given(yaml_texts, st.dictionaries(words | fit_texts, nasty_values, max_size=3), st.data())
def test_whatever_the_text_it_means_what_it_should(
    text: str, more: dict[str, object], data: st.DataObject
) -> None:
    try:
        before = load_values(text, strict=True)
        load_values(to_yaml(more), strict=True)
    except TextError:
        return
    dropped = data.draw(st.sets(st.sampled_from([*before, ""]), max_size=2))
    after = {name: each for name, each in before.items() if name not in dropped} | more
    assert alike(load_values(rewritten(text, before, after), strict=True), after)


def test_a_field_of_the_form_changes_its_line_in_the_text() -> None:
    editor = DraftEditor(read_chart(CHARTS / "web-server", "local"))
    text = "# how many\nreplicaCount: 2\n# more\nextra: |\n  one\n  two\n"
    assert editor.fill(text, [(("replicaCount",), 3)]).text == text.replace("2", "3")
