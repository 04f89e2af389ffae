"""Docstrings begin with what the thing does or returns."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PORTAL = Path(__file__).parents[3] / "portal"

INDIRECT = {"What", "Whether", "Said", "Why", "Where", "How", "Who", "Whose", "Those", "When"}


def strings(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield every string that stands alone: docstrings, and those below an assignment."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str()) as text):
                yield text
            case _:
                pass


def indirect(text: str) -> list[str]:
    return [
        f"line {each.lineno}: {str(each.value).splitlines()[0]}"
        for each in strings(ast.parse(text))
        if str(each.value).split(" ", 1)[0] in INDIRECT
    ]


def test_an_indirect_docstring_is_found() -> None:
    text = 'def f():\n    """Whether it is."""\nA = 1\n"""A number."""'
    assert indirect(text) == ["line 2: Whether it is."]


def test_docstrings_begin_with_what_is_done_or_returned() -> None:
    found = {str(each): indirect(each.read_text()) for each in PORTAL.rglob("*.py")}
    assert not {name: lines for name, lines in found.items() if lines}
