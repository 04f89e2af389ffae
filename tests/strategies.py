"""Input of users and of hostile clients: names, images, values, forms, texts.

One place for all tests that generate input. ``tried`` says how many of each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TypeVar

from hypothesis import strategies as st

from portal.catalog.form import Field, Form
from portal.catalog.launch_field import Control, LaunchField
from portal.catalog.launch_fields import SIMPLE_FIELDS
from portal.domain.names import survives_helm

OPTIONS = [
    "--post-renderer=/bin/sh",
    "--post-renderer",
    "--set=image.tag=x",
    "-f/etc/passwd",
    "--kube-apiserver=http://evil.example",
    "--namespace=kube-system",
    "-n",
    "--",
    "-",
]
"""Texts that Helm would take for an option."""

NASTY = [
    *OPTIONS,
    "",
    " ",
    "a,b=c",
    "a={b,c}",
    "line\nbreak",
    "\r\n",
    "\t",
    "x\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: evil, namespace: kube-system}\n",
    "x\n  namespace: kube-system\nkind: Secret",
    '"\nkind: Secret\nx: "',
    "'; drop",
    "$(id)",
    "`id`",
    "${HOME}",
    "\\",
    '\\"',
    "# no comment",
    "{{ .Values }}",
    '{{ include "x" . }}',
    "{{- fail `x` -}}",
    "}}",
    "{%",
    "!!python/object/apply:os.system [id]",
    "!!bool maybe",
    "!!binary aGk=",
    "!foo x",
    "&a [*a]",
    "*a",
    "<<",
    "? x",
    "- x",
    "x: y",
    "| x",
    "> x",
    "@x",
    "%YAML 1.1",
    "[",
    "{",
    "EOF",
    "EOF\n",
    "../../etc/passwd",
    "apps/../kube-system",
    "kube-system",
    "a\0b",
    "\0",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "\u2028",
    "\ufeff",
    "\ufffe",
    "\ud800",
    "𐀀",
    "😀",
    "e\u0301",
    "\u202egnp",
    "²",
    "٣",
    "５０００",
    "1e999",
    "0x10",
    "0o7",
    "1_000",
    "null",
    "~",
    "true",
    "yes",
    "01",
    "-0",
    "--5",
    ".inf",
    ".nan",
    "9" * 30,
    "9007199254740993",
    "1:30",
    "2026-01-01",
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "a" * 70,
    "x" * 300,
]
"""Texts that have broken something somewhere."""

T = TypeVar("T")

nasty = st.sampled_from(NASTY)


def halves(good: st.SearchStrategy[T], bad: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """As much of the one as of the other: ``one_of`` counts what its parts are made of."""
    return st.booleans().flatmap(lambda chosen: good if chosen else bad)


words = st.sampled_from(["a", "app", "sales", "1.0", "x-y", "Ä"])
texts = st.one_of(
    nasty,
    nasty,
    st.builds(str.__add__, words | nasty, nasty),
    st.text(max_size=12),
)
"""A text of any kind; in tests of what is accepted, mixed with ``words``."""

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.sampled_from([2**53 + 1, 10**30, -(10**400)]),
    st.floats(allow_nan=True, allow_infinity=True),
    nasty,
    texts,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)

fit_texts = texts.filter(survives_helm)
"""Texts that Helm passes on."""
nasty_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        fit_texts,
        fit_texts,
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(fit_texts | words, inner, max_size=3)
    ),
    max_leaves=6,
)
"""Values that can be sent, however odd their names and texts."""

raw_contents = (
    scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=3), scalars)
)
"""Values that a browser may claim for a control."""


def submissions(form: Form) -> st.SearchStrategy[list[tuple[Field, object]]]:
    """Some fields of a form, each with what its control is said to hold.

    Half of the time only a few: each of many has to be good for the whole to be accepted.
    """
    filled = st.tuples(st.sampled_from(list(form.fields())), raw_contents)
    return halves(st.lists(filled, max_size=2), st.lists(filled, max_size=6))


# Names and images.

good_names = st.text("abz019-", min_size=1, max_size=12).map(lambda text: f"x{text}x")
names = halves(
    good_names,
    st.one_of(
        st.sampled_from(["sales", "apps", "lab", "a", "x" * 53, "x" * 54, "sales-2"]),
        texts,
        st.builds("{}{}".format, words, texts),
    ),
)
"""Names of releases and namespaces: about half of them are good."""

_pieces = st.sampled_from(
    [
        *("a", "team", "app", "r.io", "localhost", "R.io", "[::1]", ":5000", ":0", ":²", "1.0"),
        *("latest", "sha256:" + "0a" * 32, "sha256:zz", "_", "__", ".", "-", "", *OPTIONS[:3]),
    ]
)
references = halves(
    st.builds(
        "{}{}/{}:{}".format,
        st.sampled_from(["r.io", "localhost", "a-b.example", "R.IO", "[::1]"]),
        st.sampled_from(["", ":5000"]),
        st.text("abz09", min_size=1, max_size=9) | st.sampled_from(["team/app", "a/b__c/d-e"]),
        st.text("abzA09_", min_size=1, max_size=5) | st.sampled_from(["1.0", "v1_2-3"]),
    ),
    st.one_of(
        st.lists(st.tuples(_pieces, st.sampled_from(["/", ":", "@", "", ""])), max_size=5).map(
            lambda parts: "".join(piece + mark for piece, mark in parts)
        ),
        st.builds("{}/{}".format, _pieces, texts),
        texts,
    ),
)
"""References to images: good ones, good pieces in any order, and anything."""

# The launch form, as a page gives it.

_whole_numbers = st.one_of(
    st.integers(-3, 12), st.sampled_from([70, 8050, 65536, 8050.0, "8050", "3"]), scalars
)
_quantities = st.sampled_from(
    ["", "100m", "0.5", "1", "250m", "256Mi", ".5Gi", "1e9", "1e-1", "200m", "1e99", "９"]
)


def _or_anything(usual: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return halves(usual, raw_contents)


_variables = st.lists(
    st.builds(
        "{}={}".format,
        st.sampled_from(["A", "B", "GREETING", "DB_PASSWORD", "--set", "A B", ""]),
        st.one_of(words, texts),
    ),
    max_size=4,
).map("\n".join)

_by_control: dict[Control, st.SearchStrategy[object]] = {
    Control.TEXT: texts,
    Control.NUMBER: _whole_numbers,
    Control.SWITCH: st.booleans(),
    Control.CHOICE: texts,
    Control.LINES: st.lists(texts, max_size=3).map("\n".join),
}


def _contents(field: LaunchField) -> st.SearchStrategy[object]:
    """Good and bad contents of a simple field."""
    return _or_anything(halves(valid_contents(field), _by_control[field.control]))


def valid_contents(field: LaunchField) -> st.SearchStrategy[object]:
    """Contents that a simple field accepts."""
    if field.control is Control.SWITCH:
        return st.booleans()
    choices = [each.value for each in field.choices]
    return st.sampled_from([field.default, field.placeholder or field.default, *choices])


simple_fields: dict[str, st.SearchStrategy[object]] = {
    each.name: valid_contents(each) for each in SIMPLE_FIELDS
} | {"port": st.integers(1, 65535)}
"""What each simple field of the launch form accepts."""

launch_fields: dict[str, st.SearchStrategy[object]] = {
    **{each.name: _contents(each) for each in SIMPLE_FIELDS},
    "size": st.sampled_from(["", "", "S", "GPU"]) | texts,
    "name": names,
    "namespace": st.one_of(st.just("apps"), names),
    "repository": _or_anything(st.sampled_from(["a", "r.io:5000/team/app"]) | references),
    "tag": _or_anything(st.sampled_from(["1.0", "latest", "sha256:" + "0a" * 32]) | texts),
    "port": _whole_numbers,
    "env": _or_anything(_variables),
    "replicas": _whole_numbers,
    "autoscaling": _or_anything(st.booleans()),
    "bounds": _or_anything(
        st.lists(st.integers(0, 6), min_size=2, max_size=2) | st.lists(_whole_numbers, max_size=3)
    ),
    "target_cpu": _whole_numbers,
    "target_memory": _whole_numbers,
    "scale_down_window": _whole_numbers,
    "cpu_request": _or_anything(_quantities | texts),
    "cpu_limit": _or_anything(_quantities | texts),
    "memory_request": _or_anything(_quantities | texts),
    "memory_limit": _or_anything(_quantities | texts),
    "exposure": _or_anything(
        st.sampled_from(["LoadBalancer", "NodePort", "ClusterIP", "Ingress", "HTTPRoute"])
    ),
    "hostname": _or_anything(st.sampled_from(["app.example.com", "a.b"]) | texts),
}
"""Values that a browser may claim for each field of the launch form."""


@st.composite
def forms(
    draw: st.DrawFn, usual: dict[str, object], fields: Iterable[str] = launch_fields
) -> dict[str, object]:
    """A form of which some ``fields`` hold anything, and the others what is ``usual``."""
    changed = draw(st.lists(st.sampled_from(list(fields)), max_size=5, unique=True))
    return {**usual, **{field: draw(launch_fields[field]) for field in changed}}


# Values as text.

_scalar_texts = st.one_of(
    nasty,
    nasty.map(lambda text: f'"{text}"'),
    nasty.map(lambda text: f"'{text}'"),
    st.sampled_from(["1", "2.5", "x", "[1, {a: b}]", "{a: {b: [c]}}", "[" * 60, "{a: " * 60]),
    st.sampled_from(["&a {x: 1}", "&a [1, 2]", "*a", "*b", "&b {<<: *a, y: 2}", "{<<: [*a, *b]}"]),
    st.sampled_from(["!!str 1", "!!int 1", "!!float x", "!!timestamp x", "!!set {x}", "!!merge x"]),
    st.sampled_from(["0x1F", "0o17", "012", "08", "1_0", "+1", "1e3", "-.5", ".5e-3", "1.", "0b1"]),
    st.sampled_from(["|\n  a\n  b", ">-\n  a\n  b", '"\\ud800"', '"\\U0001F600"', '"\\0"']),
    st.text(max_size=8),
)
_key_texts = st.sampled_from(
    [
        *("a", "b", "image", "replicaCount", "<<", "1", "true", "yes", "~", "1.5", '"--set"'),
        *("'{{ x }}'", "&k x", "*a", "!!bool x", "[a]", "{a: 1}", "9007199254740993", "k" * 1100),
        *("? k\n", '"😀"', "0x1", "'<<'"),
    ]
)
_lines = st.builds(
    "{}{}: {}".format,
    st.sampled_from(["", "", "", "  ", "- ", "\t"]),
    st.one_of(st.sampled_from(["a", "b", "c", "d", "e"]), _key_texts),
    _scalar_texts,
)
numbers_and_words = st.sampled_from(
    [
        *("0x1F", "0X1f", "0o17", "0O7", "012", "08", "1_0", "1__0", "0_1", "0x_", "+1", "0b1"),
        *("1e3", "-.5", ".5_5", "1.", "1_0.5", "1.e3", ".e3", "e3", "1e", "0.1e1", "1:30"),
        *("y", "N", "yes", "yEs", "on", "OFF", "true", "tRue", "~", "null", "nUll", "<<", "="),
        *("2026-01-01", "2026-01-01T00:00:00Z", "190:20:30", "12:30.5", "1,000", "-", "+"),
    ]
)
"""Bare words that one YAML takes for numbers or booleans, and another for text."""

_good_texts = st.one_of(
    st.sampled_from(
        [
            *("1", "2.5", "x", "[1, {a: b}]", "{a: {b: [c]}}", "!!str 1", "|\n  a\n  b", "~", ""),
            *("{{ .x }}", "--post-renderer", "a,b=c", "'😀'"),
        ]
    ),
    numbers_and_words,
    nasty.map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(["&a {x: 1}", "&b {<<: {y: 2}, z: [1]}"]),
)
_good_lines = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d", "1", "--set", "'{{ x }}'", '"😀"', "y", "'<<'", "no"]),
    _good_texts,
    max_size=5,
).map(lambda pairs: "\n".join(f"{name}: {value}" for name, value in pairs.items()))
yaml_texts = halves(
    _good_lines,
    st.one_of(
        st.builds("{}\n{}".format, _good_lines, _lines),
        st.lists(_lines, max_size=5).map("\n".join),
        _good_lines.map("---\n{}\n...".format),
        texts,
    ),
)
"""Texts that are YAML, or nearly: about half of them can be read."""

_keywords = st.one_of(
    st.sampled_from(
        ["type", "properties", "items", "enum", "const", "required", "$ref", "pattern"]
    ),
    st.sampled_from(["oneOf", "anyOf", "allOf", "if", "then", "else", "not", "default", "title"]),
    st.sampled_from(["minimum", "maximum", "multipleOf", "minLength", "additionalProperties"]),
)

schemas = st.recursive(
    json_values
    | st.fixed_dictionaries(
        {
            "type": st.sampled_from(
                ["string", "integer", "number", "boolean", "object", "array", "null"]
            )
        }
    )
    | st.fixed_dictionaries(
        {"$ref": st.sampled_from(["#", "#/a", "#/properties/a", "x", "#/$defs/a"])}
    ),
    lambda inner: st.dictionaries(
        _keywords,
        inner | st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
        max_size=5,
    ),
    max_leaves=25,
)
"""Things that look like schemas, few of which are any good."""
