from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus
from portal.domain.release import ReleaseRevision
from portal.viewmodels.history import history_view

KEY = Key("apps", "demo")
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAST = ReleaseStatus.SUPERSEDED


def revision(number: int, values: dict[str, Any], **rest: Any) -> ReleaseRevision:
    told = {"status": PAST, "chart": "dash-app", "chart_version": "0.1.0", "updated_at": AT}
    return ReleaseRevision(KEY, number, values=values, **(told | rest))


def test_who_changed_what() -> None:
    now, before, first = history_view(
        [
            revision(
                3,
                {"image": {"tag": "2"}, "replicaCount": 3},
                description="Changed by ann@example.com",
                status=ReleaseStatus.DEPLOYED,
            ),
            revision(2, {"image": {"tag": "1"}, "replicaCount": 3}, description="Scaled to 3 by B"),
            revision(1, {"image": {"tag": "1"}}, description="Launched by anonymous"),
        ]
    )
    assert (now.what, now.who, now.changed) == ("Changed", "ann@example.com", "image.tag")
    assert [line.strip() for line in now.diff if line[0] in "+-"] == ["-  tag: '1'", "+  tag: '2'"]
    assert (before.what, before.who, before.changed) == ("Scaled to 3", "B", "replicaCount")
    assert (first.what, first.who, first.changed) == ("Launched", "", "First revision.")
    assert [each.back for each in (now, before, first)] == [False, True, True]
    assert now.at == AT
    assert now.chart == "dash-app-0.1.0"


@pytest.mark.parametrize(
    ("description", "what"),
    [
        ("Install complete", "Installed with helm"),
        ("Upgrade complete", "Upgraded with helm"),
        ("Rollback to 3", "Rolled back to revision 3 with helm"),
        ("Rolled back to revision 3", "Rolled back to revision 3"),
        ("", "Changed"),
    ],
)
def test_what_others_wrote(description: str, what: str) -> None:
    (view,) = history_view([revision(4, {}, description=description)])
    assert (view.what, view.who, view.changed) == (what, "", "")


def test_a_failed_one_says_why_without_secrets() -> None:
    values = {"auth": {"password": "hunter22"}}
    said = 'Upgrade "a" failed: env hunter22 is invalid'
    failed, _ = history_view(
        [
            revision(2, values, description=said, status=ReleaseStatus.FAILED),
            revision(1, {"auth": {"password": "hunter11"}}),
        ]
    )
    assert failed.what == "Failed"
    assert failed.problem == 'Upgrade "a" failed: env (hidden) is invalid'
    assert failed.changed == "auth.password"
    assert "hunter" not in str(failed)


def test_another_chart_and_many_values() -> None:
    new, _ = history_view(
        [
            revision(2, dict.fromkeys("abcdef", 1), chart_version="0.2.0"),
            revision(1, {}),
        ]
    )
    assert new.changed == "the chart: 0.1.0 → 0.2.0 and a, b, c, d and 2 others"


def test_the_same_again_and_a_damaged_one() -> None:
    again, damaged, first = history_view(
        [
            revision(3, {"a": 1}),
            ReleaseRevision(KEY, 2, PAST, damaged="it is cut off"),
            revision(1, {"a": 1}),
        ]
    )
    assert (damaged.problem, damaged.back, damaged.changed) == ("it is cut off", False, "")
    assert again.changed == ""
    assert first.back
    same, _ = history_view([revision(2, {"a": 1}), revision(1, {"a": 1})])
    assert same.changed == "No changes to the values."
    assert history_view([]) == ()
