"""The benchmark that compares replays with what other settings did under the same requests."""

from __future__ import annotations

import pytest

from benchmarks.autoscaling.live import Poll
from benchmarks.autoscaling.replays import error, samples_of, start_up_of
from portal.autoscaling.readings import PodUsage
from portal.autoscaling.state import Container, Pod

FIRST = 1_700_000_100.0


def polls(cores: float, replicas: dict[str, int], count: int = 41) -> list[Poll]:
    """Return polls each 15 s, of apps that are at rest with these replicas."""

    def pods(name: str) -> list[Pod]:
        container = (Container("app", {"cpu": 20}),)
        return [
            Pod(f"{name}-{at}", container, ready="True", ready_since=30.0, started=10.0)
            for at in range(replicas[name])
        ]

    target = {"type": "Utilization", "averageUtilization": 50}
    hpa = {
        "spec": {
            "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        }
    }
    found: list[Poll] = []
    for at in (FIRST + 15 * number for number in range(count)):
        by_app = {name: pods(name) for name in replicas}
        usages = [
            PodUsage(each.name, at, 15, {"app": {"cpu": round(1000 * cores / replicas[name])}})
            for name, own in by_app.items()
            for each in own
        ]
        found.append(Poll(at, by_app, usages, replicas, dict.fromkeys(replicas, hpa)))
    return found


def test_what_is_as_replayed_has_no_error() -> None:
    same = polls(0.02, {"plain": 2, "quick": 2})
    assert error("plain", "plain", same) == error("plain", "quick", same) == 0


def test_an_error_is_a_share_of_what_was() -> None:
    more = polls(0.02, {"plain": 2, "quick": 4})
    # For the window of five minutes it stays with the four that it begins with, then it has two.
    assert error("plain", "quick", more) == pytest.approx(-0.25, abs=0.02)


def test_what_is_recorded_is_what_the_portal_records() -> None:
    found = samples_of("quick", polls(0.02, {"plain": 1, "quick": 4}))
    assert {(each.cpu, each.measured, each.ready) for each in found} == {(0.02, 4, 4)}
    assert {each.ready_cpu for each in found} == {0.02}
    assert len(found) == 11, "of equal readings one a minute is kept"


def test_the_start_of_pods_is_measured() -> None:
    assert start_up_of("plain", polls(0.02, {"plain": 1})) == 20
    assert start_up_of("none", polls(0.02, {"plain": 1})) == 30
