"""A failed operation names field and rule, and no value."""

from __future__ import annotations

import pytest

from portal.domain.error_redaction import without_values
from portal.domain.secrets import HIDDEN

PW = r"hunter\"2: [x], 'y'"

SAID = [
    # Helm's schema library.
    (
        r"- at '/a': 'hunter\"2\'x' does not match pattern '^[0-9]+$'",
        "- at '/a': value does not match pattern '^[0-9]+$'",
    ),
    ("- at '/a': 'hunter2' is not valid email: missing @", "- at '/a': value is not valid email"),
    ("- at '/a': 7.5 is not valid ipv4: no", "- at '/a': value is not valid ipv4"),
    ("- at '/pin': maximum: got 20, want 8", "- at '/pin': maximum: want 8"),
    ("- at '/pin': exclusiveMinimum: got -1, want 0", "- at '/pin': exclusiveMinimum: want 0"),
    ("- at '/pin': multipleOf: got 7, want 2", "- at '/pin': multipleOf: want 2"),
    ("- at '/a': minLength: got 3, want 5", "- at '/a': minLength: want 5"),
    ("- at '/a': got 'hunter2', want string", "- at '/a': want string"),
    # The API server.
    (
        f'spec.x: Invalid value: "{PW}": must be a name, spec.y: Required value',
        "spec.x: Invalid value: (hidden): must be a name, spec.y: Required value",
    ),
    ("spec.replicas: Invalid value: -1: must be positive", "spec.replicas: Invalid value: "
     "(hidden): must be positive"),
    ("spec.replicas: Invalid value: -1", "spec.replicas: Invalid value: (hidden)"),
    (
        '[a: Invalid value: "x": no, b.c[0]: Duplicate value: "y"]',
        "[a: Invalid value: (hidden): no, b.c[0]: Duplicate value: (hidden)]",
    ),
    (
        'x: Unsupported value: "hunter2": supported values: "A", "B"',
        'x: Unsupported value: (hidden): supported values: "A", "B"',
    ),
    (
        'spec.selector: Invalid value: {"matchLabels":{"a":"b: c"}}: field is immutable',
        "spec.selector: Invalid value: (hidden): field is immutable",
    ),
    (
        'x: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{"a":"}"}}: no',
        "x: Invalid value: (hidden): no",
    ),
    ('volumes[0].name: Not found: "hunter2"', "volumes[0].name: Not found: (hidden)"),
    (
        '.spec.env[name="A"].value: expected string, got &value.valueUnstructured{Value:8080}',
        '.spec.env[name="A"].value: expected string, got another',
    ),
    # Go.
    ('strconv.ParseInt: parsing "hunter2": invalid syntax', "strconv.ParseInt: parsing: invalid "
     "syntax"),
    ("cannot unmarshal !!str `hunter2` into int", "cannot unmarshal !!str into int"),
    ("json: cannot unmarshal number -1.5 into Go struct field X.y of type int32",
     "json: cannot unmarshal number into Go struct field X.y of type int32"),
    ('time: invalid duration "hunter2"', "time: invalid duration"),
    ('time: unknown unit "x" in duration "5x"', "time: unknown unit in duration"),
    ('parse "hunter2\\n": first path segment', "parse: first path segment"),
    ('trying to unmarshal "\\"hunter2\\"" into Number', "trying to unmarshal into Number"),
    ("error found in #10 byte of ...|hunter2\"}|..., bigger context ...|hunter2|...",
     "error found in the JSON"),
]  # fmt: skip

KEPT = [
    "- at '/a': got string, want integer",
    "- at '/a': value must be one of 'A', 'B'",
    "- at '/resources/requests/memory': value must be 'an amount of memory, such as 200Mi'",
    "- at '': additional properties 'bogus' not allowed",
    'Deployment.apps "sales" is invalid: spec.x: Required value',
    'no matches for kind "Widget" in version "e.com/v1"',
    'User "ann" cannot create resource "pods" in the namespace "apps"',
    'invalid type: got "string", expected "integer"',
    "nothing: at all",
    "",
]


@pytest.mark.parametrize(("said", "left"), SAID)
def test_the_value_goes_and_field_and_rule_stay(said: str, left: str) -> None:
    assert without_values(said) == left
    assert without_values(f"Error: x\n{said}\nmore") == f"Error: x\n{left}\nmore"
    assert without_values(left) == left


@pytest.mark.parametrize("said", KEPT)
def test_what_is_no_value_stays(said: str) -> None:
    assert without_values(said, ["a value"]) == said


def test_given_values_are_hidden_wherever_they_are_quoted() -> None:
    given = ["a value", 'with "quotes"', "abc", "ClusterIP"]
    said = 'x: "a value", \'a value\', `a value`, "with \\"quotes\\"", a value, "abc"'
    assert without_values(said, given) == (
        f'x: "{HIDDEN}", \'{HIDDEN}\', `{HIDDEN}`, "{HIDDEN}", a value, "abc"'
    )
    rule = "- at '/type': value must be one of 'ClusterIP', 'NodePort'"
    assert without_values(rule, given) == rule


def test_what_a_chart_says_of_a_value_is_hidden_unquoted_too() -> None:
    said = "Error: execution error at (x/templates/a value.yaml:1:4): a value is too weak"
    shown = without_values(said, ["a value"])
    assert (
        shown == f"Error: execution error at (x/templates/a value.yaml:1:4): {HIDDEN} is too weak"
    )


@pytest.mark.parametrize("piece", ["Invalid value: ", "Invalid value: {", '"', "'", "`", "{", "\\"])
def test_odd_texts_come_to_an_end(piece: str) -> None:
    without_values(piece * 20_000, ["value"])


def test_what_helm_logs_besides_does_not_hide_the_error() -> None:
    said = (
        'Deployment.apps \\"web\\" is invalid: spec.selector: Invalid value: '
        '{\\"a\\":\\"b\\"}: field is immutable'
    )
    logged = f'level=WARN msg="upgrade failed" error="{said}"'
    error = f"Error: UPGRADE FAILED: {said}".replace(chr(92), "")
    shown = without_values(f"{logged}\n{error}")
    assert shown == (
        'Error: UPGRADE FAILED: Deployment.apps "web" is invalid: spec.selector: Invalid value: '
        "(hidden): field is immutable"
    )
