from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from dash.development.base_component import Component
from msgspec.structs import replace

from portal.ui import ids
from portal.ui.app import header as release
from portal.ui.app import pods, replicas
from portal.ui.app.live import app_patches
from portal.ui.components import sliders
from portal.ui.components.basics import badge, notice, outside_link, safe_href
from portal.ui.encoding import encode
from portal.viewmodels.model import AppView, Badge, Notice, Severity, WorkloadView
from tests.unit.ui import fixtures


def walk(node: Any) -> Iterator[Any]:
    """Every component and text below ``node``."""
    if isinstance(node, (list, tuple)):
        for each in node:
            yield from walk(each)
        return
    yield node
    if isinstance(node, Component):
        yield from walk(getattr(node, "children", None))
    if isinstance(node, dict):  # a component of ours, as data
        yield from walk([node["props"].get(name) for name in ("children", "content")])


def text(node: Any) -> str:
    return " ".join(str(each) for each in walk(node) if isinstance(each, (str, int, float)))


def hrefs(node: Any) -> list[str]:
    return [each.href for each in walk(node) if getattr(each, "href", None)]


@pytest.mark.parametrize("severity", list(Severity))
def test_every_severity_has_a_badge_and_a_notice(severity: Severity) -> None:
    shown: Any = badge(Badge("word", severity, "a sentence"))
    assert f"severity-{severity.value}" in shown.className
    assert shown.title == "a sentence"
    assert f"severity-{severity.value}" in str(
        notice(Notice(severity, "title", "body", "advice")).to_plotly_json()
    )
    assert json.loads(encode(shown))["t"] == "Span"


def test_every_severity_has_an_icon() -> None:
    from portal.ui.build import ASSETS

    icons = (ASSETS / "vendor" / "icons.css").read_text()
    for severity in Severity:
        assert f".icon-{severity.value}{{" in icons


@pytest.mark.parametrize(
    ("href", "safe"),
    [
        ("http://app.example/", True),
        ("https://app.example/x?y=z", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//app.example", False),
        ("http://", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_only_http_addresses_are_links(href: str, safe: bool) -> None:
    assert bool(safe_href(href)) is safe
    assert bool(hrefs(outside_link(href, "text"))) is safe


def test_notes_are_text_with_links() -> None:
    shown = release.notes(fixtures.NOTES)
    assert hrefs(shown) == ["http://198.19.255.12:8050/"]
    assert "<b>not bold</b>" in text(shown)


def test_notes_leave_punctuation_out_of_links() -> None:
    assert hrefs(release.notes("see (http://a.example/b).")) == ["http://a.example/b"]


def test_a_pod_that_is_not_ready_says_why() -> None:
    shown = text(pods.pods(fixtures.broken().pods, fixtures.broken().key))
    assert "manifest unknown" in shown
    assert "use Edit to correct" in shown


def test_a_ready_pod_has_no_row_of_reasons() -> None:
    rows = [
        each
        for each in walk(pods.pods(fixtures.healthy().pods, fixtures.healthy().key))
        if type(each).__name__ == "Tr"
    ]
    assert len(rows) == 1 + 2


def test_the_metric_bar_ends_at_twice_the_target() -> None:
    views = fixtures.autoscaled().autoscalers
    fills = [
        each.style["width"]
        for each in walk(replicas.autoscalers(views))
        if getattr(each, "className", "") == "metric-fill"
    ]
    assert fills == ["100%", "30%"]


def test_an_autoscaler_that_has_not_decided_shows_no_number() -> None:
    (view,) = fixtures.autoscaled().autoscalers
    assert f"desired {view.desired}" in text(replicas.autoscalers((view,)))
    assert "desired" not in text(replicas.autoscalers((replace(view, desired=None, summary=""),)))


def test_without_an_autoscaler_it_says_so() -> None:
    assert "fixed" in text(replicas.autoscalers(()))


def test_each_of_several_autoscalers_is_named_by_its_workload() -> None:
    (view,) = fixtures.autoscaled().autoscalers
    assert [
        each for each in walk(replicas.autoscalers((view,))) if type(each).__name__ == "H3"
    ] == []
    shown = replicas.autoscalers((view, replace(view, workload="worker")))
    titles = [each.children for each in walk(shown) if type(each).__name__ == "H3"]
    assert titles == ["sales-dashboard", "worker"]


def test_workloads_are_listed_with_their_state() -> None:
    line = WorkloadView("Job", "load", Badge("Failed", Severity.BAD), "The Job load has failed.")
    shown = text(replicas.workloads((line,)))
    assert all(each in shown for each in ("Job", "load", "Failed", "The Job load has failed."))
    assert replicas.workloads(()) is None


OBSTACLE = Notice(Severity.WARN, "Deployment sales is paused", "Changes wait.", "Resume it.")
WAITS = replace(fixtures.operation(), obstacle=OBSTACLE)


@pytest.mark.parametrize(
    ("view", "offered", "back"),
    [
        (fixtures.autoscaled(), False, False),
        (replace(fixtures.autoscaled(), operation=WAITS), True, False),
        (replace(fixtures.autoscaled(), back_to=3), True, True),
        (replace(fixtures.autoscaled(), back_to=3, permissions=frozenset()), False, False),
    ],
)
def test_a_stuck_update_offers_to_correct_it_and_to_go_back(
    view: AppView, offered: bool, back: bool
) -> None:
    patches = app_patches(view)
    assert (patches[ids.APP_WAYS_OUT]["className"] != "gone") is offered
    assert (patches[ids.APP_BACK]["className"] != "d-none") is back
    said = text(patches[ids.APP_OPERATION]["content"])
    assert ("Deployment sales is paused" in said) is (view.operation is WAITS)


@pytest.mark.parametrize("state", ["running", "failed", "succeeded"])
def test_an_operation_tells_its_state(state: str) -> None:
    error = "It broke." if state == "failed" else ""
    shown = release.operation(fixtures.operation(running=state == "running", error=error))
    assert json.loads(encode(shown))["p"]["data-state"] == state
    assert ("It broke." in text(shown)) is (state == "failed")


@pytest.mark.parametrize(("low", "high"), [(1, 1), (1, 2), (1, 10), (1, 20), (1, 1000), (5, 7)])
def test_marks_are_few_and_hold_both_ends(low: int, high: int) -> None:
    marks = sliders.marks(low, high)
    assert {low, high} <= set(marks)
    assert len(marks) <= 8


def test_an_error_goes_before_a_warning() -> None:
    shown = sliders.message({"tag": "wrong"}, {"tag": "odd"}, "tag")
    assert json.loads(encode(shown))["p"]["data-kind"] == "error"
    assert "wrong" in text(shown)
    assert sliders.message({}, {}, "tag") is None


def test_a_notice_leads_to_the_fields_that_mend_it() -> None:
    said = Notice(Severity.BUSY, "Fails its startup probe", fields=("port", "no_such_field"))
    shown = release.notices([said], fixtures.IRIS)
    assert hrefs(shown) == ["/launch?namespace=apps&name=iris#launch-port"]
    assert hrefs(release.notices([said], fixtures.IRIS, edits=False)) == []
