"""Every way in which a program may write a secret is hidden."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.scrubber import Scrubber
from portal.domain.secrets import HIDDEN, scrubbed, scrubbed_text

SECRET = "p&ss \"wörd\"\\<7>\t'x'/+=?"
RAW = SECRET.encode()
GO = r"p&ss \"wörd\"\\<7>\t" + "'x'/+=?"
"""The output of Go 1.26's ``strconv.Quote``, without the enclosing quotes."""

SPELLINGS = {
    "as it is": SECRET,
    "%q": f'"{GO}"',
    "%+q": r'"p&ss \"w\u00f6rd\"\\<7>\t' + "'x'/+=?\"",
    "%q twice": json.dumps(GO, ensure_ascii=False),
    "of Helm's schema library": r"'p&ss " + r'"wörd"\\<7>\t' + r"\'x\'/+=?'",
    "Go's JSON": r'"p\u0026ss \"wörd\"\\\u003c7\u003e\t' + "'x'/+=?\"",
    "JSON": json.dumps(SECRET),
    "JSON in letters of its own": json.dumps(SECRET, ensure_ascii=False),
    "JSON in JSON": json.dumps(json.dumps({"a": SECRET}, ensure_ascii=False), ensure_ascii=False),
    "YAML": yaml.safe_dump({"a": SECRET}, allow_unicode=True, width=1000),
    "YAML in quotes": yaml.safe_dump({"a": "it's " + SECRET.replace("\t", " ")}, width=1000),
    "base64": base64.b64encode(RAW).decode(),
    "base64 without padding": base64.b64encode(RAW).decode().rstrip("="),
    "base64 for addresses": base64.urlsafe_b64encode(RAW).decode(),
    "base64 for addresses, bare": base64.urlsafe_b64encode(RAW).decode().rstrip("="),
    "an address": quote(SECRET, safe=""),
    "a path": quote(SECRET),
    "a query": quote_plus(SECRET),
    "hex": RAW.hex(),
    "%X": RAW.hex().upper(),
    "%v of bytes": str(list(RAW)).replace(",", ""),
}


@pytest.mark.parametrize("name", sorted(set(SPELLINGS) - {"YAML in quotes"}))
def test_a_spelling_is_hidden(name: str) -> None:
    shown = scrubbed_text(f"before {SPELLINGS[name]} after", [SECRET])
    assert HIDDEN in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    left = shown.replace(HIDDEN, "").replace("before", "").replace("after", "")
    assert len("".join(each for each in left if each.isalnum())) <= 3, shown


def test_yaml_doubles_a_quote() -> None:
    shown = scrubbed_text(yaml.safe_dump({"a": "it's-secret: x"}), ["it's-secret: x"])
    assert shown == f"a: '{HIDDEN}'\n"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("after", ["", "\n", "yz", "xyz"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_of_something_longer(
    before: str, after: str, encode: Callable[[bytes], bytes]
) -> None:
    whole = encode(f"{before}{SECRET}{after}".encode()).decode()
    shown = scrubbed_text(f'"{whole}"', [SECRET])
    kept = shown.replace(HIDDEN, "").strip('"')
    assert HIDDEN in shown
    # What is before the secret may stay, and no more.
    assert len(kept) <= len(before) * 4 // 3 + 3, shown
    assert base64.b64encode(RAW[1:-2]).decode()[4:-6] not in shown


def test_lines_of_a_long_secret_are_hidden_when_it_is_indented() -> None:
    lines = ["-----BEGIN X-----", "MIIEowIBAAKCAQEA", "abcdefghijklmnopqrst", "end"]
    text = "  key: |\n" + "".join(f"    {each}\n" for each in lines)
    shown = Scrubber(["\n".join(lines)]).text(text)
    assert "MIIEowIBAAKCAQEA" not in shown
    assert "abcdefghijklmnopqrst" not in shown


def test_the_longest_of_several_is_hidden_first() -> None:
    shown = scrubbed({"a": ["longer-secret-2 longer-secret"]}, ["longer-secret", "longer-secret-2"])
    assert shown == {"a": [f"{HIDDEN} {HIDDEN}"]}


def test_short_ones_are_left_alone() -> None:
    assert scrubbed_text("abc admin", ["abc", "admin", ""]) == "abc admin"


@given(st.text(min_size=6).filter(str.strip), st.text(), st.text())
def test_any_secret_is_hidden(secret: str, before: str, after: str) -> None:
    for spelled in (secret, json.dumps(secret)[1:-1]):
        assert Scrubber([secret]).text(f"{before}{spelled}{after}") != f"{before}{spelled}{after}"


def test_many_secrets_that_begin_alike_take_no_longer() -> None:
    secrets = [f"secret{number:05}" for number in range(20_000)]
    scrubber = Scrubber(secrets)
    text = "secret99999 " * 10_000
    began = time.process_time()
    shown = scrubber.text(text + secrets[7])
    assert time.process_time() - began < 2
    assert secrets[7] not in shown
