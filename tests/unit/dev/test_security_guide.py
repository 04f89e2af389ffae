"""The security guide's claims: every test that it names is there, and every attack has one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "security.md").read_text()
FILES = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "tests").rglob("test_*.py")}
FUNCTION = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)
TESTS = {name: frozenset(FUNCTION.findall(path.read_text())) for name, path in FILES.items()}

NAMED = sorted(
    each
    for each in set(re.findall(r"`([^`\n]+)`", GUIDE))
    if re.fullmatch(r"(?:tests/)?(?:[\w/]*/)?test_\w+(?:\.py)?(?:::test_\w+)?", each)
)
"""Files and functions, with or without their folder."""


def problem(named: str) -> str:
    """Return why a test that the guide names is none, "" if it is there."""
    file, _, function = named.partition("::")
    if not file.endswith(".py"):
        found = [name for name, functions in TESTS.items() if file in functions]
        return "" if found else "no test has this name"
    found = [name for name in TESTS if name == file or name.endswith(f"/{file}")]
    if not found:
        return "there is no such file"
    if function and not any(function in TESTS[name] for name in found):
        return "the file has no such test"
    return ""


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_is_named_is_there(named: str) -> None:
    assert problem(named) == ""


def test_what_is_not_there_is_found() -> None:
    for gone in (
        "tests/unit/web/test_nothing.py",
        "test_nothing_like_it",
        "test_matrix.py::test_x",
    ):
        assert problem(gone)
    assert len(NAMED) > 80


def tables() -> list[list[str]]:
    """The rows of every table of the guide whose last column is called Test, by cell."""
    rows: list[list[str]] = []
    inside = False
    for line in GUIDE.splitlines():
        cells = (
            [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        )
        if not cells:
            inside = False
        elif not inside and cells[-1] == "Test":
            inside = True
        elif inside and not set(line) <= set("|- "):
            rows.append(cells)
    return rows


@pytest.mark.parametrize("row", tables(), ids=lambda row: row[0][:60])
def test_every_attack_has_a_test(row: list[str]) -> None:
    said = re.findall(r"`([^`]+)`", row[-1])
    known = [each for each in said if each in NAMED or "bench" in each]
    assert known or row[-1].startswith("the same"), row


def test_there_are_attacks() -> None:
    assert len(tables()) > 80
