"""Help stands beside each control, and its terms are in the glossary."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from portal.catalog.launch_fields import LAUNCH_FIELDS
from portal.ui import ids
from portal.ui.app.scale import scale_card
from portal.ui.app.version import version_dialog
from portal.ui.apps.layout import layout as list_layout
from portal.ui.router import page_for
from portal.ui.routes import parse
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import ADA, context
from tests.unit.ui.test_components import walk

GLOSSARY = (Path(__file__).parents[3] / "docs" / "glossary.md").read_text(encoding="utf-8")

CONTROLS = {"Input", "Select", "Switch", "Textarea", "RadioItems", "Slider", "RangeSlider"}

TERMS = {
    "namespace": "namespace",
    "repository": "repository",
    "tag": "tag",
    "replicas": "replicas",
    "autoscaling": "autoscaler",
    "bounds": "minimum and maximum replicas",
    "target_cpu": "target",
    "target_memory": "target",
    "scale_down_window": "stabilization window",
    "size": "size",
    "cpu_request": "requests and limits",
    "memory_limit": "requests and limits",
    "exposure": "exposure",
    "base_path": "base path",
    "session_affinity": "session affinity",
    "claim": "volume claim",
    "env_secret": "Secret",
    "env_config_map": "ConfigMap",
    "writable_folders": "writable folder",
    "health_path": "startup, readiness, liveness probe",
    "pull_secrets": "pull secret",
}
"""Terms of Kubernetes and the portal behind fields of the launch form."""


def test_each_field_of_the_launch_form_has_a_hint() -> None:
    explained = [
        each for each in LAUNCH_FIELDS if each.choices and all(_.about for _ in each.choices)
    ]
    assert [each for each in LAUNCH_FIELDS if not each.hint and each not in explained] == []


@pytest.mark.parametrize("name", TERMS)
def test_the_term_of_a_field_is_in_the_glossary(name: str) -> None:
    assert name in {each.name for each in LAUNCH_FIELDS}
    rows = [line.split("|")[1] for line in GLOSSARY.splitlines() if line.startswith("| ")]
    assert any(TERMS[name] in row for row in rows)


def test_kinds_that_hints_name_are_in_the_glossary() -> None:
    words = " ".join(f"{each.label} {each.hint}" for each in LAUNCH_FIELDS)
    kinds = set(re.findall(r"\b[A-Z][a-z]+[A-Z]\w+\b", words)) - {"PyTorch"}
    assert "HorizontalPodAutoscaler" in kinds
    assert [each for each in sorted(kinds) if each not in GLOSSARY] == []


def without_help(tree: Any) -> list[str]:
    """The controls of a page that have neither a hint, nor help, nor those of their group."""
    found = list(walk(tree))
    known = {str(getattr(each, "id", "")) for each in found}
    helped = {str(getattr(each, "data-help", "")) for each in found}
    return [
        name
        for each in found
        if type(each).__name__ in CONTROLS
        and (name := str(getattr(each, "id", "")))
        and not {f"{name}-hint"} & known
        and name not in helped
    ]


def test_help_is_missed_where_there_is_none() -> None:
    import dash_bootstrap_components as dbc

    assert without_help(dbc.Input(id="alone")) == ["alone"]


def test_each_control_of_the_scale_card_has_help() -> None:
    scale = {
        "mode": "autoscaled",
        "replicas": 2,
        "min_replicas": 1,
        "max_replicas": 4,
        "target_cpu": 70,
        "target_memory": 80,
        "why": "",
    }
    switches = {str(ids.scale_target_on(each)) for each in ("cpu", "memory")}
    assert set(without_help(scale_card(scale, 10))) == switches, "they share that of their slider"


def test_the_lists_and_the_versions_have_help() -> None:
    ui, _ = context(fixtures.healthy())
    page = list_layout(ui, ADA, parse("/", ""))
    assert set(without_help(page)) == {ids.RELEASES_NAMESPACE}, "it shares that of the search"
    assert without_help(version_dialog(fixtures.healthy().key)) == []


async def test_each_control_of_the_launch_form_has_a_hint_or_help() -> None:
    ui, _ = context(fixtures.healthy())
    page = await page_for(ui, parse("/launch", ""), ADA)
    own = {ids.launch_on(each) for each in ("target_cpu", "target_memory")}
    choices = {ids.launch("exposure")}
    assert set(without_help(page)) == own | choices, "its choices are explained one by one"
