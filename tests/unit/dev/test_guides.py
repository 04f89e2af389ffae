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
from portal.viewmodels import (
    crashes,
    device_claims,
    headline,
    hpa_problems,
    images,
    operation,
    refusals,
)

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
    Page.AUTOSCALING: "Autoscaling",
    Page.PROCESSES: "Processes",
    Page.SHELL: "Shell",
    Page.LOGS: "Logs",
    Page.ADMIN: "Admin",
    Page.OVERVIEW: "Autoscaling",
    Page.AUDIT: "Audit trail",
    Page.TRAIL: "My audit trail",
    Page.PROJECTS: "Projects",
    Page.PROJECT: "Projects",
    Page.NEW_PROJECT: "New project",
    Page.OWN_PROJECTS: "My projects",
    Page.SESSIONS: "Sessions",
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


SELF_EXPLAINING = {"preview.py", "removal.py", "versions.py"}
"""Modules whose notices are previews: they say what a change will do."""

NAMED_TITLES = {hpa_problems.NO_METRICS, hpa_problems.SEVERAL_HPAS}
"""Titles of notices that stand in a constant."""


def title(node: ast.expr) -> Iterator[str]:
    """The titles that an expression may be, with "…" for each name and amount in them."""
    match node:
        case ast.JoinedStr(values=values):
            parts = (str(v.value) if isinstance(v, ast.Constant) else "…" for v in values)
            yield "".join(parts)
        case ast.IfExp():
            yield from title(node.body)
            yield from title(node.orelse)
        case _:
            yield from literals(node)


def notices() -> set[str]:
    """The titles of all notices that view models give."""
    found = NAMED_TITLES | {rule[1] for rule in refusals._REFUSALS}
    for file in sorted(VIEW_MODELS.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="Notice"), args=[_, named, *_]) if (
                    file.name not in SELF_EXPLAINING
                ):
                    found.update(title(named))
                case ast.Assign(targets=[ast.Name(id="title")], value=value) if (
                    file.name == "hpa_problems.py"
                ):
                    found.update(title(value))
                case _:
                    pass
    return found


def test_there_are_notices_to_look_for():
    assert {"… keeps restarting", "The last change failed", "No … yet"} <= notices()
    assert "The autoscaler's target cannot be read" in notices()


@pytest.mark.parametrize("words", sorted(notices()))
def test_troubleshooting_names_the_notice(words: str):
    assert f"*{words}*" in read("troubleshooting.md")


@pytest.mark.parametrize("code", sorted(crashes.CODES))
def test_troubleshooting_names_the_exit_code(code: int):
    assert f"`{code}`" in read("troubleshooting.md")


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
