from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.objects import Event, HpaMetric
from portal.state.timeline import Entry, EntryKind, Timeline
from portal.viewmodels.model import Severity, TimelineLine, TimelineView
from portal.viewmodels.timeline import LABELS, MAX_ROUTINE, timeline_view

from .make import ago, event, state


def view(*entries: Entry, events: tuple[Event, ...] = ()) -> TimelineView:
    return timeline_view(state(timeline=Timeline(ago(3600), entries), events=events))


def line(kind: EntryKind, **fields: Any) -> TimelineLine:
    (one,) = view(Entry("one", kind, ago(60), **fields)).lines
    return one


def metric(name: str, reading: float | None, target: float = 70) -> HpaMetric:
    return HpaMetric(name, "Utilization", target, reading)


def test_a_decision_of_the_autoscaler_is_a_headline() -> None:
    one = line(
        EntryKind.SCALING,
        about="Deployment demo",
        what="SuccessfulRescale",
        old=1,
        new=4,
        metrics=(metric("cpu", 972), metric("memory", None)),
    )
    assert (one.title, one.text) == ("1 → 4", "CPU 972 % of 70 % and Memory: no reading.")
    assert (one.kind, one.about, one.severity) == ("scaling", "Deployment demo", Severity.BUSY)


def test_what_is_not_known_of_a_decision_is_said() -> None:
    one = line(EntryKind.SCALING, new=4, detail="New size: 4; reason: cpu above target")
    assert one.title == "Scaled to 4"
    assert one.text == "Cpu above target. The number before is not known."
    selector = "&LabelSelector{MatchLabels:map[string]string{scaledobject.keda.sh/name: web,},}"
    external = f"New size: 2; reason: external metric s0-kafka({selector}) above target"
    one = line(EntryKind.SCALING, old=1, new=2, detail=external)
    assert one.text == "External metric s0-kafka above target."
    assert "reading behind this decision is not known" in line(EntryKind.SCALING, new=4).text


@pytest.mark.parametrize(
    ("fields", "title", "text", "severity"),
    [
        (
            {"what": "deployed", "new": 3, "actor": "ada"},
            "Revision 3 by ada",
            "Helm's status",
            "good",
        ),
        (
            {"what": "deployed", "new": 3, "detail": "Scaled to 2 by bob"},
            "Revision 3 by bob",
            "Scaled to 2.",
            "good",
        ),
        (
            {"what": "deployed", "new": 3, "detail": "Upgrade complete"},
            "Revision 3",
            "with helm",
            "good",
        ),
        (
            {"what": "failed", "new": 3, "detail": "x: secret"},
            "Revision 3",
            "It has failed.",
            "bad",
        ),
        (
            {"what": "uninstalling", "new": 3, "detail": "Deletion in progress (or silently ..."},
            "Revision 3",
            "Its removal began.",
            "warn",
        ),
        ({"what": "pending-upgrade", "new": 3}, "Revision 3", "pending-upgrade", "busy"),
        ({"what": "restart", "detail": "succeeded", "actor": "ada"}, "Restart by ada", "", "good"),
        (
            {"what": "restart", "detail": "failed", "actor": "anonymous"},
            "Restart",
            "Failed.",
            "warn",
        ),
    ],
)
def test_changes_and_who_made_them(
    fields: dict[str, Any], title: str, text: str, severity: str
) -> None:
    one = line(EntryKind.CHANGE, **fields)
    assert (one.title, one.severity) == (title, severity)
    assert text in one.text


def test_rollouts() -> None:
    assert line(EntryKind.ROLLOUT).title == "Rollout began"
    done = line(EntryKind.ROLLOUT, ended_at=ago(48), old=3)
    assert (done.title, done.text) == ("Rolled out", "After 12 s 3 pods are ready.")


def test_crashes() -> None:
    one = line(EntryKind.CRASH, about="Pod a", what="OOMKilled", new=137, detail="app")
    assert one.title == "Out of memory (OOMKilled)"
    assert one.text.startswith("Container app: ")
    assert line(EntryKind.CRASH, what="Error", new=3).title == "Crashed"
    assert "exit code 3" in line(EntryKind.CRASH, what="Error", new=3).text
    assert line(EntryKind.CRASH, what="Completed", new=0).severity is Severity.WARN


def test_what_says_the_same_is_one_line_with_a_count() -> None:
    first = Entry("1", EntryKind.IMAGE, ago(90), "Pod a", "Failed", "no such image", warning=True)
    second = replace(first, id="2", at=ago(30), about="Pod b", count=4, first_at=ago(200))
    (one,) = view(first, second).lines
    assert (one.count, one.first_at, one.at) == (5, ago(200), ago(30))
    assert one.about == "Pod b and 1 other"


def test_addresses_and_names_of_pods_do_not_keep_lines_apart() -> None:
    def refused(number: int) -> Entry:
        why = f"Readiness probe failed: dial tcp 198.18.0.{number}:8050: connection refused"
        about = f"Pod demo-{number}"
        return Entry(str(number), EntryKind.WARNING, ago(number), about, "Unhealthy", why)

    (one,) = view(refused(1), refused(2)).lines
    assert (one.count, one.about) == (2, "Pod demo-1 and 1 other")


def test_reasons_that_people_meet_have_plain_words_beside_them() -> None:
    uid = "31406d45-b240-4d3a-8656-e589150df5be"
    why = f"Back-off restarting failed container app in pod web-1_apps({uid})"
    (one,) = view(
        Entry("event/1", EntryKind.CRASH, ago(9), "Pod web-1", "BackOff", why, warning=True)
    ).lines
    assert one.title == "Waits before it starts again (BackOff)"
    assert one.text == "Back-off restarting failed container app"


def test_decisions_that_say_the_same_stay_apart() -> None:
    first = Entry("1", EntryKind.SCALING, ago(900), old=1, new=4, metrics=(metric("cpu", 90),))
    assert len(view(first, replace(first, id="2", at=ago(30))).lines) == 2


def test_newest_first_with_routine_events_among_them() -> None:
    pulled = event("Pulled", "Successfully pulled image", type="Normal", last_at=ago(20))
    crash = Entry("1", EntryKind.CRASH, ago(90), "Pod a", "Error", new=1)
    url = Entry("2", EntryKind.URL, ago(10), what="answers", new=200, detail="http://demo")
    found = view(crash, url, events=(pulled,)).lines
    assert [(one.kind, one.title) for one in found] == [
        ("url", "URL answers (HTTP 200)"),
        ("routine", "Pulled"),
        ("crash", "Crashed"),
    ]


def test_routine_events_are_bounded() -> None:
    many = tuple(
        event("Started", f"Started container {each}", f"demo-{each}", type="Normal")
        for each in range(60)
    )
    assert len(view(events=many).lines) == MAX_ROUTINE


@pytest.mark.parametrize("kind", [each for each in EntryKind if each is not EntryKind.ROUTINE])
def test_every_kind_has_words_and_a_name(kind: EntryKind) -> None:
    one = line(kind, what="Reason", about="Pod a", detail="why", warning=True)
    assert one.title
    assert LABELS[kind]


def test_the_filter_has_a_rule_in_the_style_sheet_for_each_kind() -> None:
    from portal.ui.static import ASSETS

    rules = (ASSETS / "web" / "portal.css").read_text()
    for kind in EntryKind:
        assert f"[value={kind.value}]:not(:checked)) [data-kind={kind.value}]" in rules
