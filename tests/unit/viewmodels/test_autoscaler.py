# ruff: noqa: E501
"""The autoscaler in words, for conditions as the HPA controller writes them."""

from __future__ import annotations

import pytest

from portal.domain.objects import Condition, Hpa, HpaMetric
from portal.state.model import WatchHealth
from portal.viewmodels.autoscaler import autoscaler_view, hpa_words
from portal.viewmodels.model import AutoscalerView, Severity

from .make import NOW, ago, condition, hpa, sources, watched


def view(one: Hpa, ready: int = 2, **changes: WatchHealth) -> AutoscalerView:
    return autoscaler_view(one, ready, sources(**changes), NOW)


UNABLE = "the HPA was unable to compute the replica count: failed to get cpu utilization: "


def inactive(message: str, reason: str = "FailedGetResourceMetric", age: float = 20) -> Condition:
    return condition("ScalingActive", reason=reason, message=message, changed_at=ago(age))


def test_the_arithmetic_in_words() -> None:
    limited = condition("ScalingLimited", "True", reason="TooManyReplicas")
    found = view(hpa(143, conditions=(limited,)))
    assert found.metrics[0].words == "CPU 143 % of the request, target 70 %"
    assert found.metrics[0].fraction == pytest.approx(143 / 70)
    assert found.summary == (
        "Keeps between 1 and 4 pods. Desired replicas: 4; current: 2. CPU: 2 pods at 143 % of a "
        "70 % target → ceil(2 × 2.04) = 5, capped at 4. It is limited by its maximum of 4."
    )
    assert found.notices[0].title == "Limited by the maximum of 4 replicas"
    assert found.conditions[0].text == "At the maximum"


def test_within_tolerance() -> None:
    found = view(hpa(74, current=2, desired=2))
    assert found.summary == (
        "Keeps between 1 and 4 pods. CPU: 2 pods at 74 % of a 70 % target → within 10 % of the "
        "target: no change."
    )


def test_waiting_for_the_stabilization_window() -> None:
    one = hpa(5, current=4, desired=4, scale_down_window=300)
    assert view(one, ready=4).summary.endswith(
        "ceil(4 × 0.07) = 1. It scales down to 1 when the load has stayed this low for 5 min "
        "(scale-down stabilization window)."
    )
    short = hpa(5, current=4, desired=4, scale_down_window=15)
    assert "for 15 s" in view(short, ready=4).summary


def test_starting_pods_are_counted_as_idle() -> None:
    one = hpa(140, current=4, desired=4)
    assert "2 more that are starting share the load" in view(one, ready=2).summary


def test_growing_in_steps() -> None:
    limited = condition("ScalingLimited", "True", reason="ScaleUpLimit")
    one = hpa(900, current=1, desired=5, max_replicas=10, conditions=(limited,))
    assert "scale-up policy limits each step" in view(one, ready=1).summary


def test_two_metrics() -> None:
    metrics = (
        HpaMetric("cpu", "Utilization", 70, 20),
        HpaMetric("memory", "Utilization", 80, 150),
    )
    found = view(hpa(metrics=metrics, desired=4, max_replicas=8))
    assert "Memory decides: 2 pods at 150 % of an 80 % target" in found.summary


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (HpaMetric("cpu", "Utilization", 70, None), "CPU: no metrics yet, target 70 %"),
        (HpaMetric("cpu", "AverageValue", 0.5, 0.25), "CPU 0.25 cores a pod, target 0.5 cores"),
        (
            HpaMetric("memory", "AverageValue", 256 * 2**20, 64 * 2**20),
            "Memory 64 MiB a pod, target 256 MiB",
        ),
        (HpaMetric("app/cpu", "Utilization", 70, 7), "CPU of app 7 % of the request, target 70 %"),
        (HpaMetric("queue", "Value", 10, 12.5), "queue 12.5, target 10"),
    ],
)
def test_metrics(metric: HpaMetric, words: str) -> None:
    assert view(hpa(metrics=(metric,))).metrics[0].words == words


@pytest.mark.parametrize(
    ("one", "severity", "title", "advice"),
    [
        (
            inactive(f"{UNABLE}missing request for cpu in container demo of Pod demo-7d9c-abcde"),
            Severity.BAD,
            "No CPU request",
            "Set a CPU request",
        ),
        (inactive(f"{UNABLE}missing request for memory"), Severity.BAD, "No memory request", "Set a memory request"),
        (
            inactive(
                f"{UNABLE}unable to get metrics for resource cpu: unable to fetch metrics from "
                "resource metrics API: the server could not find the requested resource (get "
                "pods.metrics.k8s.io)"
            ),
            Severity.BAD,
            "The metrics API is not available",
            "install metrics-server",
        ),
        (
            inactive(
                f"{UNABLE}unable to fetch metrics from resource metrics API: the server is "
                "currently unable to handle the request (get pods.metrics.k8s.io)"
            ),
            Severity.BAD,
            "The metrics API is not available",
            "install metrics-server",
        ),
        (
            inactive(f"{UNABLE}unable to get metrics for resource cpu: no metrics returned from resource metrics API"),
            Severity.BUSY,
            "No CPU metrics yet",
            "",
        ),
        (
            inactive(f"{UNABLE}did not receive metrics for targeted pods (pods might be unready)"),
            Severity.BUSY,
            "No CPU metrics yet",
            "",
        ),
        (
            inactive(f"{UNABLE}did not receive metrics for targeted pods (pods might be unready)", age=900),
            Severity.WARN,
            "The autoscaler gets no CPU metrics",
            "not ready are not measured",
        ),
        (
            inactive("scaling is disabled since the replica count of the target is zero", "ScalingDisabled"),
            Severity.WARN,
            "The autoscaler is disabled",
            "at least one replica",
        ),
        (
            inactive("pods by selector app=demo are controlled by multiple HPAs: [a b]", "AmbiguousSelector"),
            Severity.BAD,
            "Several HPAs target one workload",
            "Remove one",
        ),
        (
            condition(
                "AbleToScale",
                reason="FailedGetScale",
                message='the HPA controller was unable to get the target\'s current scale: '
                'deployments.apps "demo" not found',
            ),
            Severity.BAD,
            "The autoscaler's target cannot be read",
            "Launch",
        ),
    ],
)  # fmt: skip
def test_why_it_does_nothing(one: Condition, severity: Severity, title: str, advice: str) -> None:
    found = view(hpa(None, conditions=(one,))).notices[0]
    assert (found.severity, found.title) == (severity, title)
    assert advice in found.advice


def test_both_conditions_are_read() -> None:
    able = condition("AbleToScale", "True", reason="SucceededGetScale")
    one = hpa(None, conditions=(able, inactive(f"{UNABLE}missing request for cpu")))
    found = view(one)
    assert [each.severity for each in found.conditions] == [Severity.GOOD, Severity.WARN]
    assert found.notices
    assert "cannot compute the replicas" in found.summary


def test_no_conditions_yet() -> None:
    found = view(hpa(None, conditions=()))
    assert found.notices[0].title == "No CPU metrics yet"


def test_the_metrics_api_is_known_to_be_missing() -> None:
    gone = watched("metrics", synced=True, available=False, error="not installed")
    assert "is not available" in view(hpa(None), metrics=gone).notices[0].title


def test_table_cell() -> None:
    assert hpa_words(hpa(143)) == "1–4, CPU 143 % / 70 %"
    assert hpa_words(hpa(None)) == "1–4, CPU unknown / 70 %"


def test_a_condition_of_a_newer_kubernetes_is_shown_only_where_it_holds():
    found = hpa(
        conditions=(condition("ScaledToZero", "False"), condition("ScaledSideways", "True"))
    )
    view = autoscaler_view(found, 1, sources(), NOW)
    assert [badge.text for badge in view.conditions] == ["ScaledSideways: True"]
