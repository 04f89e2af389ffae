"""Checking against schemas, within limits."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.catalog.patterns import matches
from portal.catalog.validate import Checker, Verdict


def messages(schema: dict[str, object], value: object) -> dict[str, str]:
    verdict = Checker(schema).check(value)
    assert verdict.complete
    return {"/".join(map(str, each.path)): each.message for each in verdict.problems}


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        ({"type": "integer"}, "hunter2", "a whole number"),
        ({"type": ["string", "null"]}, 3, "text or nothing"),
        ({"enum": ["a", 1, None]}, "hunter2", "Choose one of: a, 1, nothing."),
        ({"const": True}, "hunter2", "This has to be true."),
        ({"minimum": 3}, 2, "Choose 3 or more."),
        ({"exclusiveMaximum": 3}, 3, "Choose less than 3."),
        ({"multipleOf": 3}, 2, "a multiple of 3"),
        ({"minLength": 1}, "", "must not be empty"),
        ({"maxLength": 3}, "hunter2", "at most 3 characters"),
        ({"pattern": "^[a-z]+$"}, "hunter2", "asks for it. Its pattern is ^[a-z]+$"),
        (
            {"pattern": "^[0-9]+m$", "examples": ["a lot", "500m"], "default": "9m"},
            "hunter2",
            "asks for it, for example 500m. Its pattern is ^[0-9]+m$",
        ),
        ({"pattern": "^[0-9]+m$", "default": "9m"}, "hunter2", "for example 9m."),
        ({"pattern": "^[0-9]+m$", "default": "none"}, "hunter2", "asks for it. Its pattern"),
        ({"minItems": 2}, ["hunter2"], "at least 2"),
        ({"uniqueItems": True}, ["hunter2", "hunter2"], "twice"),
        ({"oneOf": [{"type": "integer"}, {"type": "boolean"}]}, "hunter2", "none of the forms"),
        ({"oneOf": [{}, {}]}, "hunter2", "keep to one"),
        ({"anyOf": [{"type": "integer"}, {"maxLength": 1}]}, "hunter2", "at most 1 characters"),
        ({"not": {}}, "hunter2", "does not allow this"),
    ],
)
def test_sentences_say_what_to_do_and_quote_no_value(
    schema: object, value: object, words: str
) -> None:
    told = messages({"properties": {"a": schema}}, {"a": value})
    assert words in told["a"]
    assert "hunter2" not in told["a"]


def test_problems_are_where_they_belong() -> None:
    schema: dict[str, object] = {
        "required": ["a", "b"],
        "additionalProperties": False,
        "properties": {
            "a": {},
            "list": {"items": {"$ref": "#/definitions/row"}},
            "x": {"if": {"type": "string"}, "then": {"minLength": 3}},
        },
        "patternProperties": {"^x-": {"type": "integer"}},
        "definitions": {"row": {"required": ["name"]}},
    }
    told = messages(schema, {"a": 1, "list": [{"name": 1}, {}], "c": 1, "x": "a", "x-y": ""})
    assert set(told) == {"b", "list/1/name", "c", "x", "x-y"}


BOMB = {"$ref": "#/$defs/a0"} | {
    "$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
}


@pytest.mark.parametrize(
    "schema",
    [
        BOMB,
        {"$ref": "#"},
        {"properties": 3},
        {"type": "nope"},
        {"$ref": "http://127.0.0.1:1/x"},
        {"properties": {"a": {"$ref": "#/nowhere"}}},
        {"allOf": [{"required": 3}]},
    ],
)
def test_odd_schemas_are_left_to_helm(schema: dict[str, object]) -> None:
    checker = Checker(schema)
    assert checker.check({"a": 1}) == Verdict((), complete=False)
    assert checker.holds(schema, {"a": 1}) is False


def test_a_part_cannot_choose_another_dialect_to_escape_the_limits() -> None:
    part = {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": "^(a+)+$"}
    verdict = Checker({"properties": {"a": part}}).check({"a": "a" * 60 + "b"})
    assert [problem.path for problem in verdict.problems] == [("a",)]


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "my-app", True),
        ("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "-app", False),
        ("^[0-9.]+[a-zA-Z]*$", "128Mi", True),
        ("^(a|b)$", "b", True),
        (r"^\d{1,3}$", "12", True),
        (r"^[\]x]$", "]", True),
        ("^(a+)+$", "a" * 4_000 + "b", False),
        ("(a*|b)*", "ab", True),
        ("^(a|aa)+$", "aab", False),
        ("[[:alpha:]]", "a", True),
        (r"^\p{L}+$", "Ä1", False),
        ("^a$", "a\n", False),
        ("^" + "x" * 300, "x", False),
        ("^x$", "x" * 300, False),
    ],
)
def test_patterns_mean_what_they_mean_to_helm(pattern: str, text: str, found: bool) -> None:
    assert matches(pattern, text) is found


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(a)\1", "aa"),
        ("(?=a)", "a"),
        ("(", "a"),
        ("a{1001}", "a"),
        (r"[\pL\pN]{900}", "a"),
        ("x" * 3_000, "x"),
        ("^x$", "x" * 5_000),
        ("\ud800", "x"),
        ("x", "\ud800"),
    ],
)
def test_patterns_that_helm_refuses_or_that_are_too_large_are_left_to_it(
    pattern: str, text: str
) -> None:
    assert matches(pattern, text) is None


def test_large_patterns_are_counted() -> None:
    large = {"pattern": "(a?){900}b"}
    schema = {"properties": {f"a{n}": large for n in range(20)}}
    assert Checker(schema).check({"a0": "a" * 100}).complete
    verdict = Checker(schema).check({f"a{n}": "a" * 4_000 for n in range(20)})
    assert not verdict.complete
    names = {f"n{n}": 1 for n in range(1_000)}
    many = {"patternProperties": {f"x{n}": {} for n in range(1_000)}}
    assert not Checker(many).check(names).complete


@example("[]--")
@example("[^]--a]")
@example(r"[\]--a]")
@given(st.text(alphabet="ab()*+?{}|[]^$\\.,12:-", max_size=25))
def test_every_pattern_comes_to_an_end(pattern: str) -> None:
    assert matches(pattern, "ab" * 127 + "!") in {True, False, None}
