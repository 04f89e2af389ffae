"""The lines of a log in the browser, in Node.js."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.ui.test_scripts import NODE, run

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js")


def play(steps: str, result: str) -> Any:
    """Return ``result`` after the steps, with ``lines`` and a way to write them."""
    before = "let at = 0;"
    tools = """
      const { Lines, segments, classes, unfolded, summary, rows } = window.portalLogs;
      const row = (text, level = 0, source = 1, time = ++at) => [source, time, level, text];
      const name = String;
    """
    return run("web/logs-lines.js", before, f"(() => {{ {tools} {steps}; return {result}; }})()")


def test_the_ring_is_bounded_and_counts_its_matches() -> None:
    steps = """
      const lines = new Lines(3, 1000);
      lines.narrow({ text: "B", level: 0, only: true });
      for (let n = 0; n < 5; n++) lines.add([row("a"), row("b" + n)], name);
    """
    shown = "[lines.length, lines.hits, lines.shown.slice(lines.shownHead).map((l) => l.text)]"
    assert play(steps, shown) == [3, 2, ["b3", "b4"]]
    long = "const lines = new Lines(9, 10); lines.add([row('123456'), row('78901234')], name);"
    assert play(long, "[lines.length, lines.characters]") == [1, 8]


def test_the_ring_stays_small_however_much_comes() -> None:
    steps = """
      const lines = new Lines(100);
      for (let n = 0; n < 300; n++) lines.add(Array.from({ length: 100 }, () => row("x")), name);
    """
    most = "[lines.length, lines.all.length < 5000, lines.shown.length < 5000]"
    assert play(steps, most) == [100, True, True]


def test_what_is_sent_again_after_a_break_is_left_out() -> None:
    steps = """
      const lines = new Lines();
      lines.add([row("a", 0, 1, 5), row("b", 0, 1, 6), row("c", 0, 1, 6), row("x", 0, 2, 9)], name);
      const again = [row("a", 0, 1, 5), row("b", 0, 1, 6), row("c", 0, 1, 6), row("d", 0, 1, 6),
                     row("e", 0, 1, 7), row("x", 0, 2, 9), row("y", 0, 2, 9), row("new", 0, 3, 1)];
      const added = lines.add(again, name, true);
    """
    assert play(steps, "added.map((each) => each.text)") == ["d", "e", "y", "new"]
    assert play(steps + "; const late = lines.add([row('z', 0, 1, 2)], name)", "late.length") == 1


def test_a_stack_trace_has_the_level_of_its_line() -> None:
    steps = """
      const lines = new Lines();
      lines.add([row("no", 5), row("  at main"), row("plain"), row("mark", 7)], name);
      lines.narrow({ text: "", level: 4, only: false });
    """
    assert play(steps, "lines.shown.map((each) => each.text)") == ["no", "  at main", "mark"]


def test_styles_and_matches_cut_a_text() -> None:
    parts = 'segments("a red Red", [2, 5, 2], "red")'
    assert play("", parts) == [
        ["a ", 0, False],
        ["red", 2, True],
        [" ", 0, False],
        ["Red", 0, True],
    ]
    assert play("", 'segments("overlap", [0, 4, 2], "rla")') == [
        ["ove", 2, False],
        ["r", 2, True],
        ["la", 0, True],
        ["p", 0, False],
    ]
    assert play("", "classes(2 | (3 << 5) | (1 << 10))") == "fg-1 bg-2 sgr-bold"


def test_json_becomes_a_message_and_fields() -> None:
    text = '{"level": "info", "msg": "done", "n": 1, "of": {"a": [2]}}'
    assert play("", f"summary(unfolded('{text}'))") == 'done  n=1  of={"a":[2]}'
    assert play("", "[unfolded('{not json}'), unfolded('x {}'), unfolded('[1]')]") == [None] * 3


@pytest.mark.parametrize(
    ("text", "number"), [("", 1), ("x" * 10, 1), ("x" * 11, 2), ("漢" * 6, 2), ("\\t\\tx", 2)]
)
def test_rows_of_a_wrapped_text(text: str, number: int) -> None:
    assert play("", f"rows('{text}', 10)") == number
