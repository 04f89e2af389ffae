from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.scrubber import HIDDEN, Scrubber
from portal.logs.ansi import BOLD, MOST_RUNS, UNDERLINE, cleaned, style
from portal.logs.lines import (
    LONGEST,
    MOST_OF_KEY,
    WIDEST,
    Level,
    PrivateKeys,
    Splitter,
    level,
    lines_of,
    masked,
    stamped,
)

NOTHING = Scrubber(())


def shown(*texts: str, scrubber: Scrubber = NOTHING) -> list[str]:
    return [line.text for line in lines_of([1] * len(texts), [t.encode() for t in texts], scrubber)]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60)))
def test_however_bytes_arrive_the_lines_are_the_same(content: bytes, cuts: list[int]) -> None:
    splitter = Splitter()
    edges = sorted({0, len(content), *(min(each, len(content)) for each in cuts)})
    found: list[bytes] = []
    for start, end in itertools.pairwise(edges):
        found += splitter.feed(content[start:end])
    found += splitter.end()
    whole = content.split(b"\n")
    assert found == (whole if whole[-1] else whole[:-1])


def test_a_line_without_end_takes_no_memory() -> None:
    splitter = Splitter(longest=10)
    found = [line for _ in range(100) for line in splitter.feed(b"0123456789ab")]
    assert found == [b"0123456789"]
    assert splitter.feed(b"the rest\nnext\n") == [b"next"]
    assert splitter.end() == []


@pytest.mark.parametrize(
    ("raw", "at", "text"),
    [
        (b"1970-01-01T00:00:01.500000999Z hello world", 1_500_000, b"hello world"),
        (b"1970-01-01T01:00:01.500000999+01:00 hello", 1_500_000, b"hello"),
        (b"1970-01-01T00:00:01Z ", 1_000_000, b""),
        (b"failed to open the log", 0, b"failed to open the log"),
        (b"2026-01-01 a day", 0, b"2026-01-01 a day"),
        (b"", 0, b""),
    ],
)
def test_the_time_of_a_line(raw: bytes, at: int, text: bytes) -> None:
    assert stamped(raw) == (at, text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("plain\ttext", "plain\ttext"),
        ("bell\x07 null\x00 del\x7f c1\x85", "bell␇ null␀ del␡ c1\ufffd"),
        ("10 %\r50 %\r100 %\r", "100 %"),
        ("\x1b[2J\x1b[1;1Hcleared", "cleared"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice\x1b\\text", "text"),
        ("turned \u202ealigned", "turned \ufffdaligned"),
        ("an unfinished \x1b[31", "an unfinished 31"),
    ],
)
def test_control_characters_are_harmless(raw: str, text: str) -> None:
    assert cleaned(raw)[0] == text


@given(st.text(max_size=80))
def test_nothing_that_controls_is_left(text: str) -> None:
    plain, runs = cleaned(text.replace("\n", ""))
    assert not any(ord(each) < 0x20 and each != "\t" for each in plain)
    assert "\x1b" not in plain
    assert "\x9b" not in plain
    assert all(0 <= place <= len(plain) for place in (*runs[::3], *runs[1::3]))


def test_colours_become_runs() -> None:
    text, runs = cleaned("a \x1b[1;31mred\x1b[0m and \x1b[4mline\x1b[24m.")
    assert text == "a red and line."
    assert runs == (2, 5, BOLD | 2, 10, 14, UNDERLINE)


@pytest.mark.parametrize(
    ("codes", "number"),
    [
        ("", 0),
        ("32", 3),
        ("92", 11),
        ("42", 3 << 5),
        ("31;39", 0),
        ("41;49", 0),
        ("38;5;1", 2),
        ("38;5;196", 10),
        ("38;5;240", 9),
        ("38;2;0;200;0", 3),
        ("38;2", 8),
        ("48;5;4;1", 5 << 5 | BOLD),
        ("38;5", 8),
        ("999;1", BOLD),
        ("1;22", 0),
    ],
)
def test_the_number_of_a_style(codes: str, number: int) -> None:
    assert style(0, codes) == number


def test_a_long_line_is_cut() -> None:
    (text,) = shown("x" * (LONGEST + 7))
    assert len(text) < LONGEST + 40
    assert text.endswith("(7 more characters)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01 10:00:00,123 INFO  app started", Level.INFO),
        ("[2026-01-01 10:00:00 +0000] [7] [WARNING] slow", Level.WARN),
        ('{"ts": 1, "level": "error", "msg": "no"}', Level.ERROR),
        ('{"level":50,"msg":"pino"}', Level.ERROR),
        ('{"severity":"CRITICAL"}', Level.FATAL),
        ("time=2026 level=debug msg=x", Level.DEBUG),
        ("I0102 10:11:12.345678       1 main.go:1] klog", Level.INFO),
        ("E0102 10:11:12.345678       1 main.go:1] klog", Level.ERROR),
        ("error: no such file", Level.ERROR),
        ("[warn] careful", Level.WARN),
        ("10:00 app [error] no", Level.ERROR),
        ("Traceback (most recent call last):", Level.ERROR),
        ("ValueError: no", Level.ERROR),
        ("panic: runtime", Level.FATAL),
        ("GET /error HTTP/1.1 200", Level.NONE),
        ("no errors were found", Level.NONE),
        ("the information desk", Level.NONE),
        ("", Level.NONE),
    ],
)
def test_levels(text: str, expected: Level) -> None:
    assert level(text) is expected


def test_known_secrets_and_what_looks_like_one_are_hidden() -> None:
    scrubber = Scrubber(["correct-horse"])
    assert shown("it is correct-horse", "password=hunter2222", "fine", scrubber=scrubber) == [
        f"it is {HIDDEN}",
        f"password={HIDDEN}",
        "fine",
    ]


def test_colours_and_control_characters_break_no_secret_apart() -> None:
    scrubber = Scrubber(["correct-horse"])
    raw = b"\x1b[1mcorrect\x1b[31m-\x1b[0mhorse"
    (line,) = lines_of([1], [raw], scrubber)
    assert line.text == HIDDEN
    assert line.runs == ()
    (kept,) = lines_of([1], [b"\x1b[1mother\x1b[0m"], scrubber)
    assert kept.runs


def test_a_secret_of_several_lines_is_hidden_in_each() -> None:
    key = ["-----BEGIN PRIVATE KEY-----", "abcdefghijklmnopqrstuvwxyz", "-----END PRIVATE KEY-----"]
    assert shown("before", *key, "after") == ["before", HIDDEN, HIDDEN, HIDDEN, "after"]
    scrubber = Scrubber(["first line\nlast line"])
    assert shown("first line", "last line", "x", scrubber=scrubber) == [HIDDEN, HIDDEN, "x"]


def test_an_open_quote_hides_no_other_line() -> None:
    assert shown('password="abcdefgh', "innocent") == [f'password="{HIDDEN}', "innocent"]


@given(st.lists(st.text(st.sampled_from("ab=sword:passXY"), max_size=20), max_size=12))
def test_masking_keeps_the_number_of_lines(texts: list[str]) -> None:
    hidden, changed = masked(texts, Scrubber(["passab"]))
    assert len(hidden) == max(len(texts), 1) or hidden == texts
    for index, (before, now) in enumerate(zip(texts, hidden, strict=False)):
        assert before == now or index in changed
        assert "passab" not in now


@pytest.mark.parametrize("text", ["\u0131nfo: x", "cr\u0131t\u0131cal: x", "level=\u0131nfo x"])
def test_a_letter_that_folds_to_another_makes_no_level(text: str) -> None:
    assert level(text) is Level.NONE


SECRET = "correct-horse-battery"


@pytest.mark.parametrize("edge", [LONGEST, WIDEST])
@pytest.mark.parametrize("back", range(1, len(SECRET)))
def test_no_cut_of_a_line_shows_the_beginning_of_a_secret(edge: int, back: int) -> None:
    coloured = "\x1b[1m" * 6_000  # 24,000 bytes of nothing
    before = "x" * (edge - back) if edge == LONGEST else coloured + "x" * (edge - 24_000 - back)
    (raw,) = Splitter().feed(f"{before}{SECRET}{'y' * WIDEST}".encode())
    (line,) = lines_of([1], [raw], Scrubber([SECRET]))
    assert "xc" not in line.text


def test_the_runs_of_a_cut_line_end_with_it() -> None:
    (line,) = lines_of([1], [b"\x1b[1m" + b"x" * (LONGEST + 7)], NOTHING)
    assert line.runs == (0, LONGEST, BOLD)


def test_a_line_has_so_many_runs_at_most() -> None:
    text, runs = cleaned("\x1b[1mx\x1b[4my" * MOST_RUNS)
    assert len(runs) == 3 * MOST_RUNS
    assert text == "xy" * MOST_RUNS


def in_batches(*batches: list[str]) -> list[str]:
    keys = PrivateKeys()
    return [
        line.text
        for texts in batches
        for line in lines_of([1] * len(texts), [t.encode() for t in texts], NOTHING, keys)
    ]


def test_a_private_key_is_hidden_in_all_batches() -> None:
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    assert in_batches(["a", begin], ["MIIEow"], [], ["IBAAKC", end, "b"], ["c"]) == [
        "a", *[HIDDEN] * 4, "b", "c",
    ]  # fmt: skip
    assert in_batches([begin, "MIIEow", end], ["b"])[3:] == ["b"]
    assert in_batches(["-----BEGIN CERTIFICATE-----"], ["b"])[1:] == ["b"]
    assert in_batches([end, begin], ["MIIEow"])[1:] == [HIDDEN] * 2


def test_a_private_key_without_end_hides_so_many_lines() -> None:
    begin = "-----BEGIN PRIVATE KEY-----"
    found = in_batches([begin], *[["x"]] * (MOST_OF_KEY + 1))
    assert found == [HIDDEN] * (MOST_OF_KEY + 1) + ["x"]
