"""Lint of an autoscaler's setup: each rule, and setups that people have reported trouble with."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.autoscaling.lint import Amounts, Level, Room, Setup, lint, quantity

MI = 2**20
SOUND = Setup(
    1,
    4,
    {"cpu": 70.0},
    {
        "cpu": Amounts(0.2, 0.4, 0.01, 0.12, 0.3, 300),
        "memory": Amounts(256 * MI, 512 * MI, 100 * MI, 150 * MI, 200 * MI, 300),
    },
    room=(Room("the quota small", 4), Room("the nodes", 9)),
    start_up=20.0,
    readiness=True,
    delay=5.0,
    unready=2,
)
"""A setup that nothing is wrong with."""

MEMORY = {"memory": 80.0}


def resting(request: float | None, limit: float | None, use: float) -> dict[str, Amounts]:
    """A pod's memory, in MiB, of which it uses as much at rest."""
    return {
        "memory": Amounts(
            request and request * MI, limit and limit * MI, use * MI, use * MI, use * MI, 300
        )
    }


def rules(setup: Setup) -> list[str]:
    return [each.rule for each in lint(setup)]


def test_a_sound_setup_has_no_findings() -> None:
    assert lint(SOUND) == ()


@pytest.mark.parametrize(
    ("changes", "rule", "words"),
    [
        ({"resources": {"cpu": Amounts()}}, "no-request", "there is none"),
        ({"resources": {"cpu": Amounts(0.2, 0.14)}}, "out-of-reach", "limit (140m)"),
        ({"targets": MEMORY, "resources": {}}, "memory-alone", "little memory back"),
        ({"targets": MEMORY, "resources": resting(100, None, 60)}, "memory-stays", "below 40 %"),
        ({"max_replicas": 1}, "equal-bounds", "nothing to decide"),
        ({"room": (Room("the quota small", 2),)}, "no-room", "the quota small can hold 2 pods"),
        ({"room": (Room("the quota small", 0),)}, "no-room", "can hold 0 pods"),
        ({"metrics": False}, "no-metrics", "metrics.k8s.io"),
        ({"sessions": True}, "sessions-cut", "are lost"),
        ({"window": 15.0}, "short-window", "takes 20 s until it is ready"),
        ({"start_up": 301.0, "window": 900}, "slow-start", "After 300 s"),
        ({"readiness": False}, "no-readiness", "no readiness probe"),
        ({"delay": 60.0}, "long-delay", "60 s"),
        ({"unready": 3}, "unstable-readiness", "3 times"),
        (
            {"resources": {"cpu": Amounts(1.0, None, 0.01, 0.1, 0.2, 300)}},
            "unused-request",
            "never used more than 200m",
        ),
        (
            {"resources": {"memory": Amounts(256 * MI, 256 * MI, 0, 0, 240 * MI, 1)}},
            "limit-near",
            "used 240Mi of at most 256Mi",
        ),
        ({"fixed": True}, "replicas-in-chart", "beside the autoscaler"),
        (
            {"scalers": ("the ScaledObject worker",)},
            "several-scalers",
            "scaled by the ScaledObject worker already",
        ),
        ({"changed": {"cpu": "sizes"}}, "changed-request", "VerticalPodAutoscaler sizes changes"),
    ],
)
def test_each_rule(changes: dict[str, Any], rule: str, words: str) -> None:
    found = {each.rule: each for each in lint(replace(SOUND, **changes))}

    assert rule in found
    assert words in found[rule].reason
    assert found[rule].remedy.endswith(".")


@pytest.mark.parametrize(
    "changes",
    [
        {"resources": {}},  # not known
        {"changed": {"memory": "sizes"}},
        {"resources": {"cpu": Amounts(None, 1.0)}},  # the limit counts as the request
        {"resources": {"cpu": Amounts(0.2, 0.2)}, "targets": {"cpu": 99.0}},
        {"targets": MEMORY, "others": True},
        {"targets": {**MEMORY, "cpu": 70.0}, "resources": resting(100, None, 40)},
        {"targets": {**MEMORY, "cpu": 70.0}, "resources": {"memory": Amounts(1.0, None, 1.0)}},
        {"sessions": True, "min_replicas": 3, "max_replicas": 4, "targets": {}, "room": ()},
        {"start_up": None, "window": 0.0},
        {"start_up": 301.0, "window": 900, "targets": MEMORY, "others": True},
        {"resources": {"cpu": Amounts(1.0, None, 0.0, 0.0, 0.1, 29)}},  # too few readings
    ],
)
def test_what_is_no_mistake(changes: dict[str, Any]) -> None:
    found = rules(replace(SOUND, **changes))

    assert found == (["sessions-cut"] if changes.get("sessions") else [])


def test_the_worst_comes_first() -> None:
    setup = replace(SOUND, sessions=True, max_replicas=1, resources={"cpu": Amounts()}, fixed=True)
    levels = [each.level for each in lint(setup)]

    assert levels == sorted(levels, key=list(Level).index)
    assert levels[0] is Level.ERROR


def test_a_maximum_without_room_is_worse_if_the_minimum_has_none_either() -> None:
    def level(pods: int) -> Level:
        return lint(replace(SOUND, min_replicas=2, room=(Room("the nodes", pods),)))[0].level

    assert (level(3), level(2), level(1)) == (Level.HINT, Level.HINT, Level.WARNING)


REPORTED: dict[str, tuple[Setup, set[str]]] = {
    # 1 to 4 pods for 400 MiB each; 3 pods that use 300 stay for days: ceil(3 × 0.75) is 3.
    "memory fell below its target and nothing was taken away": (
        Setup(1, 4, {"memory": 100.0}, resting(400, None, 300)),
        {"memory-alone", "memory-stays"},
    ),
    # 4 pods at 68 % of 80 %.
    "memory is at 68 % of a target of 80 %, and there are 4 pods": (
        Setup(1, 4, MEMORY, resting(512, 512, 348)),
        {"memory-alone", "memory-stays"},
    ),
    # Two containers with limits of 512 MiB and no requests, beside a CPU metric at 0 %.
    "CPU is idle and memory below its target, with limits alone": (
        Setup(2, 5, {"memory": 50.0, "cpu": 50.0}, resting(None, 1024, 474)),
        {"memory-stays"},
    ),
    "a Java program starts as many pods as it may at each release": (
        Setup(1, 3, {"cpu": 80.0}, {"cpu": Amounts(0.5, 2.0)}, readiness=False, start_up=5.0),
        {"no-readiness"},
    ),
    "pods work hard for six minutes before they are ready": (
        Setup(3, 10, {"cpu": 50.0}, {"cpu": Amounts(0.1, 2.0)}, start_up=360.0),
        {"short-window", "slow-start"},
    ),
    "an app that starts for two minutes loses its pods in every lull": (
        Setup(2, 8, {"cpu": 80.0}, start_up=120.0, window=60.0),
        {"short-window"},
    ),
    "the autoscaler ends the pods that hold people's sessions": (
        Setup(2, 8, {"cpu": 70.0}, sessions=True),
        {"sessions-cut"},
    ),
    "an upgrade sets the replicas of the values, then the autoscaler its own": (
        Setup(5, 10, {"cpu": 70.0}, fixed=True),
        {"replicas-in-chart"},
    ),
    "CPU is throttled at a limit close to the request, and nothing is added": (
        Setup(1, 5, {"cpu": 100.0}, {"cpu": Amounts(0.25, 0.25)}),
        {"out-of-reach"},
    ),
}
"""Troubles that people have reported in public, in their smallest form."""


@pytest.mark.parametrize("case", REPORTED)
def test_reported_troubles_are_found(case: str) -> None:
    setup, expected = REPORTED[case]

    assert set(rules(setup)) == expected


def test_memory_that_stays_does_stay_and_else_comes_back() -> None:
    """The rule holds for the autoscaler's own arithmetic: ceil(pods × use ÷ target)."""
    for use in range(5, 100):
        setup = Setup(1, 4, MEMORY, resting(100, None, use))
        stays = -(-2 * use // 80) >= 2
        assert ("memory-stays" in rules(setup)) == stays, use


@pytest.mark.parametrize(
    ("resource", "amount", "text"),
    [
        ("cpu", 0.25, "250m"),
        ("cpu", 2.0, "2"),
        ("cpu", 0.0, "1m"),
        ("memory", 200 * MI, "200Mi"),
        ("memory", 2 * 2**30, "2Gi"),
        ("memory", 1.5 * 2**30, "1536Mi"),
        ("memory", 1.0, "1Mi"),
    ],
)
def test_quantities(resource: str, amount: float, text: str) -> None:
    assert quantity(resource, amount) == text
