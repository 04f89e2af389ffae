"""The lists of releases."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import OperationPhase, Verb
from portal.releases.install import LAUNCH
from portal.releases.uninstall import UNINSTALL
from portal.state.assemble import nothing
from portal.state.model import AppState
from portal.viewmodels.app import app_view
from portal.viewmodels.releases import is_listed, release_row

from .make import (
    NOW,
    ago,
    deployment,
    detail,
    hpa,
    list_view,
    operation,
    pods,
    release,
    service,
    sources,
    state,
    unready,
    waiting,
    watched,
)


def named(name: str, one: AppState) -> AppState:
    return replace(one, key=Key("apps", name))


BROKEN = state(pods=pods(unready(waiting("ErrImagePull", "not found"))))


def test_a_row() -> None:
    row = release_row(
        state(services=(service("LoadBalancer", "198.19.255.7"),), hpas=(hpa(20),)), sources(), NOW
    )
    assert row.chart == "dash-app-1.2.0"
    assert (row.pods, row.hpa) == ("1/1", "1–4, CPU 20 % / 70 %")
    assert (row.status.text, row.helm_status, row.problem) == ("Ready", "deployed", "")
    assert row.url == "http://198.19.255.7"
    assert row.launched_by == "ada"


@pytest.mark.parametrize(
    ("one", "problem"),
    [
        (BROKEN, "Image not found."),
        (state(release=release(ReleaseStatus.FAILED)), "The last change failed. "),
        (
            state(release=release(ReleaseStatus.PENDING_UPGRADE, updated_at=ago(9000))),
            "Stuck: pending-upgrade since 05:00 UTC on 23 November",
        ),
        (state(detail=detail(damaged="not base64")), "Helm's record of revision 1 cannot be read"),
    ],
)
def test_problems(one: AppState, problem: str) -> None:
    assert release_row(one, sources(), NOW).problem.startswith(problem)


DIGEST = "sha256:" + "0123456789abcdef" * 4
TAGGED = {"image": {"tag": "2.1"}}
NO_VERSION = {"chart": "dash-app", "app_version": ""}


@pytest.mark.parametrize(
    ("fields", "image", "version"),
    [
        ({"app_version": "3", "values": TAGGED}, "r.io/a:1", "3"),
        ({**NO_VERSION, "values": TAGGED}, "r.io/a:1", "2.1"),
        ({**NO_VERSION, "values": {"image": {"tag": 1.0}}}, "r.io/a:1", "1.0"),
        ({**NO_VERSION, "values": {"image": "odd"}}, "r.io:5000/a:1", "1"),
        (NO_VERSION, "r.io:5000/a", ""),
        (
            {**NO_VERSION, "values": {"image": {"tag": "2.1", "digest": DIGEST}}},
            f"r.io/a:2.1@{DIGEST}",
            "sha256:0123456789ab",
        ),
        ({"chart": "nginx", "app_version": "", "values": TAGGED}, "r.io/a:1", ""),
    ],
)
def test_the_version_is_the_charts_or_the_images(
    fields: dict[str, object], image: str, version: str
) -> None:
    one = state(detail=detail(**fields), workloads=(deployment(images=(image,)),))
    assert release_row(one, sources(), NOW).app_version == version
    assert app_view(one, sources(), NOW).app_version == version


def test_the_version_is_not_known_before_the_release_is_read() -> None:
    assert release_row(state(detail=None), sources(), NOW).app_version == ""


def test_an_address_inside_the_cluster_is_no_link() -> None:
    assert release_row(state(services=(service("ClusterIP"),)), sources(), NOW).url == ""


def test_releases_of_any_chart_without_pods() -> None:
    other = state(workloads=(), pods=(), detail=detail(chart="prometheus", chart_version=""))
    row = release_row(other, sources(), NOW)
    assert (row.chart, row.pods, row.status.text, row.launched_by) == (
        "prometheus",
        "",
        "Installed",
        "",
    )


def test_the_summary_counts_what_needs_attention() -> None:
    found = list_view(
        [named("b", BROKEN), named("a", state()), named("c", state())], sources(), NOW
    )
    assert [row.key.name for row in found.rows] == ["a", "b", "c"]
    assert found.summary == "3 releases, 1 needs attention."
    assert list_view([state()], sources(), NOW).summary == "1 release."
    assert list_view([], sources(), NOW).summary == "No releases."


def test_mine() -> None:
    theirs = named("x", state(workloads=(deployment(annotations={LAUNCHED_BY: "bob"}),)))
    pending = detail(values={"commonAnnotations": {LAUNCHED_BY: "ada"}})
    young = named("y", state(workloads=(), pods=(), detail=pending))
    states = [state(), theirs, young]
    assert [row.key.name for row in list_view(states, sources(), NOW, owner="ada").rows] == [
        "demo",
        "y",
    ]
    assert len(list_view(states, sources(), NOW).rows) == 3
    assert list_view(states, sources(), NOW, owner="").rows == ()


@pytest.mark.parametrize(
    ("verb", "phase", "expected"),
    [
        (LAUNCH, OperationPhase.RUNNING, True),
        (LAUNCH, OperationPhase.FAILED, True),
        (LAUNCH, OperationPhase.SUCCEEDED, False),
        (UNINSTALL, OperationPhase.RUNNING, True),
        (UNINSTALL, OperationPhase.SUCCEEDED, False),
    ],
)
def test_operations_without_a_release(verb: Verb, phase: OperationPhase, expected: bool) -> None:
    one = replace(nothing(Key("apps", "demo")), operation=operation(verb, phase))
    assert is_listed(one) is expected
    assert len(list_view([one], sources(), NOW).rows) == expected


def test_loading() -> None:
    found = list_view([], sources(Release=watched("Release")), NOW)
    assert found.loading
    assert found.summary == "Reading the releases…"
    assert list_view([], {}, NOW).loading
    assert not list_view([], sources(), NOW).loading


def test_many_releases_are_quick_to_list() -> None:
    """Not a benchmark: a guard against doing per row what belongs outside the loop."""
    states = [named(f"app-{number}", state()) for number in range(1000)]
    assert list_view(states, sources(), NOW).summary == "1,000 releases."
