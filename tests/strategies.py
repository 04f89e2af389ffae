"""What people, and hostile clients, may send for a chart's form."""

from __future__ import annotations

from hypothesis import strategies as st

from portal.catalog.form import Field, Form

NASTY = [
    "",
    " ",
    "{{ .Values }}",
    "--post-renderer=/bin/sh",
    "a,b=c",
    "line\nbreak",
    "!!python/object x",
    "&a [*a]",
    "'; drop",
    "𐀀",
    "1e999",
    "0x10",
    "null",
    "~",
    "true",
    "01",
    "-0",
    "9" * 30,
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.sampled_from(NASTY)
    | st.text(max_size=20)
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)

raw_contents = (
    scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=3), scalars)
)
"""What a browser may claim that a control holds."""


def submissions(form: Form) -> st.SearchStrategy[list[tuple[Field, object]]]:
    """Some fields of a form, each with what its control is said to hold."""
    fields = list(form.fields())
    return st.lists(st.tuples(st.sampled_from(fields), raw_contents), max_size=6)


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
