from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain import quantities
from portal.domain.quantities import QuantityError, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("200m", "0.2"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+1", "1"),
        ("-1", "-1"),
        ("100u", "0.0001"),
        ("1n", "1e-9"),
        ("1k", "1000"),
        ("1M", "1e6"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1E", "1e18"),
        ("1Ei", str(2**60)),
        ("12e3", "12000"),
        ("12E-3", "0.012"),
        (" 256Mi ", "268435456"),
        (
            "999999999999999999.999999999999999999Ei",
            "1152921504606846975999999999999999998.847078495393153024",
        ),
    ],
)
def test_quantities_are_read_exactly(text: str, value: str) -> None:
    assert parse(text) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a quantity"),
        ("abc", "not a quantity"),
        ("1.2.3", "not a quantity"),
        ("1 Mi", "Leave out the space: 1Mi"),
        ("1,5", "with a point: 1.5"),
        ("1K", "You probably mean 1Ki"),
        ("1MB", "You probably mean 1Mi"),
        ("1gb", "You probably mean 1Gi"),
        ("1mi", "You probably mean 1Mi"),
        ("50%", "no unit “%”"),
        ("٣", "not a quantity"),
        ("1_000", "not a quantity"),
    ],
)
def test_what_is_no_quantity_is_explained(text: str, words: str) -> None:
    with pytest.raises(QuantityError, match=re.escape(words)):
        parse(text)


@pytest.mark.parametrize("text", ["", "  ", "1", "0.5", ".5", "100m", "1m", "64", "1e-1", "5000u"])
def test_cpu_that_is_fine(text: str) -> None:
    assert quantities.cpu_problem(text) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("200", "200 is 200 whole cores. You probably mean 200m, 0.2 cores."),
        ("2k", "2000 whole cores"),
        ("100Mi", "100Mi is a size for memory"),
        ("1G", "1G is a size for memory"),
        ("0", "more than zero"),
        ("-1", "more than zero"),
        ("1u", "less than a thousandth"),
        ("half", "not a quantity"),
    ],
)
def test_cpu_that_is_not(text: str, words: str) -> None:
    assert words in quantities.cpu_problem(text)


@pytest.mark.parametrize(
    "text", ["", "8Mi", "256Mi", "1.5Gi", "134217728", "1e9", "128974848", "1Ti"]
)
def test_memory_that_is_fine(text: str) -> None:
    assert quantities.memory_problem(text) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("200m", "200m is 0.2 bytes: m means thousandth. You probably mean 200Mi."),
        ("1000m", "is 1 byte:"),
        ("200", "200 is 200 bytes. You probably mean 200Mi."),
        ("200k", "too little"),
        ("7Mi", "7 MiB, too little"),
        ("1u", "fraction of a byte"),
        ("0", "more than zero"),
        ("-1Gi", "more than zero"),
        ("9Pi", "more than any node has"),
        ("1e99", "more than any node has"),
        ("lots", "not a quantity"),
    ],
)
def test_memory_that_is_not(text: str, words: str) -> None:
    assert words in quantities.memory_problem(text)


def test_little_memory_is_warned_of() -> None:
    assert "32 MiB is little" in quantities.memory_warning("32Mi")
    assert quantities.memory_warning("64Mi") == ""
    assert quantities.memory_warning("200m") == ""


def test_limits_below_requests() -> None:
    assert "below the request (100m)" in quantities.limit_problem("100m", "0.05", "CPU")
    assert quantities.limit_problem("100m", "0.1", "CPU") == ""
    assert (
        quantities.limit_problem("", "1", "CPU") == quantities.limit_problem("1", "", "CPU") == ""
    )


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("100m", "100m"),
        ("0.5", "0.5"),
        ("2", "2"),
        (".5", "500m"),
        ("1e-1", "100m"),
        ("1500u", "2m"),
        ("0.1234", "124m"),
        ("", ""),
        (" 1 ", "1"),
        ("0.0000", "0m"),
    ],
)
def test_cpu_is_written_as_charts_read_it(text: str, plain: str) -> None:
    assert quantities.plain_cpu(text) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("256Mi", "256Mi"),
        ("1.5Gi", "1.5Gi"),
        (".5Gi", "536870912"),
        ("1e9", "1000000000"),
        ("", ""),
        ("0.5Gi", "536870912"),
        ("1000000000000m", "1000000000"),
    ],
)
def test_memory_is_written_as_charts_read_it(text: str, plain: str) -> None:
    assert quantities.plain_memory(text) == plain


@given(st.text(max_size=12) | st.from_regex(r"[+-]?[0-9.]{1,6}[a-zA-Z]{0,2}", fullmatch=True))
def test_any_text_is_judged_without_failing(text: str) -> None:
    if not quantities.cpu_problem(text) and text.strip():
        assert parse(quantities.plain_cpu(text)) >= parse(text)
    if not quantities.memory_problem(text) and text.strip():
        assert parse(quantities.plain_memory(text)) >= parse(text)
    quantities.memory_warning(text)
