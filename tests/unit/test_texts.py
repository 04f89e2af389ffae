"""Nothing on the pages needs a terminal: no text for people names a command to run in one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import portal

ROOT = Path(portal.__file__).parent
COMMAND = re.compile(
    r"\bkubectl [a-z]|\b(?:use|run):? (?:kubectl|helm)\b|with helm\.|\bhelm [a-z]+ --?\w"
)

ALLOWED = {
    "settings/guardrails.py": "read by administrators where the portal is started, not on a page",
    "catalog/dash_app.py": "the same action as a command, for people who ask for it",
    "releases/changes.py": "the titles of steps that run Helm",
}


def texts(source: str) -> Iterator[str]:
    """The strings of a module, adjacent ones joined, without docstrings."""
    tree = ast.parse(source)
    documentation = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and node not in documentation
            and isinstance(node.value, str)
        ):
            yield node.value


def test_no_text_for_people_names_a_command() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in ROOT.rglob("*.py")
        if str(path.relative_to(ROOT)) not in ALLOWED
        for text in texts(path.read_text())
        if COMMAND.search(text)
    ]
    assert not found


def test_such_a_command_would_be_found() -> None:
    found = list(texts('"""kubectl get pods"""\nadvice = f"See it: kubectl logs -n {name}"'))
    assert [bool(COMMAND.search(each)) for each in found] == [True]
    assert not COMMAND.search("kubectl.kubernetes.io/restartedAt")
