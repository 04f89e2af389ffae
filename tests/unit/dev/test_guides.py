"""The guides name every word that pages show for a state, and every page.

That every setting is documented is held by ``dev.docs --check``, which generates its table.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.ui.routes import Page
from portal.viewmodels import device_claims, headline, images, operation

ROOT = Path(__file__).resolve().parents[3]
VIEW_MODELS = ROOT / "portal" / "viewmodels"
OBJECTS = ROOT / "portal" / "objects"

NAMES_A_STATE = {
    "_made": 0,
    "Badge": 0,
    "HeldRollout": 0,
    "NoRoom": 0,
    "PullProblem": 0,
    "MissingClaim": 0,
    "Ending": 0,
    "_ended": 0,
    "Diagnosis": 1,
}
"""Calls that name a state, with the position of its name."""

ASSIGNED = {"containers.py": "title"}
"""Modules that give names of states to a variable first."""

TABLES = (images._RULES, device_claims._RULES)
"""Tables of rules whose second column names a state."""

PREVIEW = {"added", "changed", "removed"}
"""Badges of the preview of a change, which say what they mean."""

PAGES = {
    Page.APPS: "Apps",
    Page.LAUNCH: "Launch",
    Page.APP: "the app's page",
    Page.OBJECTS: "Objects",
    Page.PROCESSES: "Processes",
    Page.SHELL: "Shell",
    Page.LOGS: "Logs",
    Page.ADMIN: "Admin",
    Page.AUDIT: "Audit trail",
    Page.TRAIL: "My audit trail",
    Page.CATALOG: "Catalogue",
    Page.CHART: "a chart's page",
}
"""The names of the pages in the guides."""


def literals(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be, as far as they are written out."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp():
            yield from literals(node.body)
            yield from literals(node.orelse)
        case _:
            return


def states() -> set[str]:
    """All names of states that view models give."""
    found = {headline.STUCK, headline.NOT_FOUND, headline.AUTOSCALER_PROBLEM, headline.ELSEWHERE}
    found |= {text for text, _ in operation.STATES.values()}
    found |= {rule[1] for table in TABLES for rule in table}
    for file in sorted((*VIEW_MODELS.glob("*.py"), *OBJECTS.glob("*.py"))):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=args) if name in NAMES_A_STATE:
                    found.update(*map(literals, args[NAMES_A_STATE[name] :][:1]))
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == ASSIGNED.get(
                    file.name
                ):
                    found.update(literals(value))
                case _:
                    pass
    return found


def read(name: str) -> str:
    """A document, with its line breaks as blanks."""
    return re.sub(r"\s+", " ", (ROOT / "docs" / name).read_text(encoding="utf-8"))


def test_there_are_states_to_look_for():
    assert {"Ready", "Update stuck", "Waiting for a gateway", "Preempted"} <= states()
    assert {"Registry not trusted", "Key missing", "Device in use", "No resource claim"} <= states()


@pytest.mark.parametrize("word", sorted(states() - PREVIEW - {""}))
def test_troubleshooting_names_the_state(word: str):
    assert f"**{word}**" in read("troubleshooting.md")


@pytest.mark.parametrize("page", sorted(set(Page) - {Page.NOT_FOUND}))
def test_a_guide_describes_the_page(page: Page):
    guides = read("users.md") + read("administrators.md")
    assert f"**{PAGES[page]}**" in guides
