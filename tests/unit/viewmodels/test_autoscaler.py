# ruff: noqa: E501
"""The autoscaler in words, for conditions as the HPA controller writes them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from portal.autoscaling.spec import (
    SCALE_DOWN,
    SCALE_UP,
    MetricSource,
    ScalingBehavior,
    ScalingPolicy,
    ScalingRules,
)
from portal.domain.objects import Condition, Hpa, HpaMetric
from portal.state.model import WatchHealth
from portal.viewmodels.autoscaler import autoscaler_view
from portal.viewmodels.hpa_metrics import hpa_words
from portal.viewmodels.model import AutoscalerView, Severity

from .make import NOW, ago, condition, hpa, pod, pods, sources, unready


def view(one: Hpa, ready: int = 2, **changes: WatchHealth) -> AutoscalerView:
    """The view beside ``ready`` pods that have been ready for long enough to be measured."""
    return autoscaler_view(one, pods(*[pod()] * ready), sources(**changes), NOW)


def behaving(up: ScalingRules = SCALE_UP, down: ScalingRules = SCALE_DOWN) -> ScalingBehavior:
    return ScalingBehavior(up, down)


def limited(reason: str, status: str = "True") -> Condition:
    return condition("ScalingLimited", status, reason=reason)


def test_the_arithmetic_in_words() -> None:
    found = view(hpa(143, conditions=(limited("TooManyReplicas"),)))
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
    one = hpa(5, current=4, desired=4)
    assert view(one, ready=4).summary.endswith(
        "ceil(4 × 0.07) = 1. It scales down to 1 when the load has stayed this low for 5 min "
        "(scale-down stabilization window)."
    )
    short = replace(one, behavior=behaving(down=replace(SCALE_DOWN, window=15)))
    assert "for 15 s" in view(short, ready=4).summary
    none = replace(one, behavior=behaving(down=replace(SCALE_DOWN, window=0)))
    assert view(none, ready=4).summary.endswith(
        "It scales down to 1 at its next sync, every 15 s by default."
    )


def test_starting_pods_are_counted_as_idle() -> None:
    one = hpa(140, current=4, desired=4)
    assert "2 more that are starting share the load" in view(one, ready=2).summary


def test_growing_in_steps() -> None:
    one = hpa(900, current=1, desired=4, max_replicas=10, conditions=(limited("ScaleUpLimit"),))
    assert view(one, ready=1).summary.endswith(
        "Its scale-up policy limits each step: at each sync to twice as many pods, or to 4."
    )
    default = replace(one, behavior=behaving())
    assert view(default, ready=1).summary.endswith(
        "limits each step: 4 pods every 15 s or 100 % of the pods every 15 s, whichever is more."
    )
    assert view(one).conditions[0].text == "Scales up in steps"


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
        (HpaMetric("cpu", "Utilization", 70, None), "CPU: no reading, target 70 %"),
        (HpaMetric("cpu", "Utilization", 0, 7), "CPU 7 % of the request, target unknown"),
        (HpaMetric("cpu", "AverageValue", 0.5, 0.25), "CPU 0.25 cores a pod, target 0.5 cores"),
        (
            HpaMetric("memory", "AverageValue", 256 * 2**20, 64 * 2**20),
            "Memory 64 MiB a pod, target 256 MiB",
        ),
        (HpaMetric("app/cpu", "Utilization", 70, 7), "CPU of app 7 % of the request, target 70 %"),
        (HpaMetric("queue", "Value", 10, 12.5), "queue 12.5, target 10"),
        (
            HpaMetric("memory", "AverageValue", 10, 3, MetricSource.PODS),
            "memory 3 a pod, target 10",
        ),
        (
            HpaMetric("a/b", "AverageValue", 40, 300, MetricSource.EXTERNAL, "queue=invoices"),
            "a/b (queue=invoices) 300 a pod, target 40",
        ),
        (
            HpaMetric("rps", "Value", 2.5, 1.25, MetricSource.OBJECT, object="Service front"),
            "rps of Service front 1.25, target 2.5",
        ),
        (
            HpaMetric("queue", "AverageValue", 40, None, MetricSource.EXTERNAL, reported=True),
            "queue: no reading (an average over no pods), target 40",
        ),
    ],
)
def test_metrics(metric: HpaMetric, words: str) -> None:
    assert view(hpa(metrics=(metric,))).metrics[0].words == words


def test_table_cell() -> None:
    assert hpa_words(hpa(143)) == "1–4, CPU 143 % / 70 %"
    assert hpa_words(hpa(None)) == "1–4, CPU unknown / 70 %"


def test_a_condition_of_a_newer_kubernetes_is_shown_only_where_it_holds():
    found = hpa(
        conditions=(condition("ScaledBackwards", "False"), condition("ScaledSideways", "True"))
    )
    assert [badge.text for badge in view(found).conditions] == ["ScaledSideways: True"]


def test_seconds_after_a_scale_up_the_reading_is_of_the_pods_before_it() -> None:
    old, new = pod(ready_at=ago(600)), pod(ready_at=ago(5))
    scaled = hpa(972, current=1, desired=4, last_scale_at=ago(15))
    expected = "1 pod at 972 % of a 70 % target → ceil(1 × 13.89) = 14, capped at 4."
    for one in (scaled, replace(scaled, current=4)):
        found = autoscaler_view(one, pods(old, new, new, new), sources(), NOW)
        assert expected in found.summary
    later = autoscaler_view(
        replace(scaled, current=4, metrics=hpa(243).metrics),
        pods(old, new, new, new),
        sources(),
        NOW + timedelta(seconds=60),
    )
    assert "4 pods at 243 %" in later.summary


def test_a_pod_that_began_long_ago_is_measured_whenever_it_is_ready() -> None:
    again = pod(ready_at=ago(5), created_at=ago(900))
    found = autoscaler_view(hpa(143, desired=2), pods(pod(), again), sources(), NOW)
    assert "2 pods at 143 %" in found.summary


def test_seconds_after_a_scale_down_the_reading_is_of_the_pods_before_it() -> None:
    one = hpa(5, current=4, desired=1, last_scale_at=ago(5))
    assert "4 pods at 5 % of a 70 % target → ceil(4 × 0.07) = 1." in view(one, ready=1).summary


def test_pods_that_go_or_are_not_ready_are_not_counted() -> None:
    found = autoscaler_view(
        hpa(143, current=4), pods(pod(), unready(), pod(deleting=True)), sources(), NOW
    )
    assert "1 pod at 143 %" in found.summary


def test_a_maximum_that_only_the_stabilization_window_remembers() -> None:
    able = condition("AbleToScale", "True", reason="ScaleDownStabilized")
    one = hpa(1, current=4, desired=4, conditions=(able, limited("TooManyReplicas")))
    found = view(one, ready=4)
    assert found.notices == ()
    assert found.summary.endswith(
        "ceil(4 × 0.01) = 1. Within the last 5 min the load asked for more than the maximum of "
        "4; at present it does not. It scales down to 1 when the load has stayed this low for "
        "5 min (scale-down stabilization window)."
    )
    badge = found.conditions[1]
    assert (badge.text, badge.severity) == ("Was limited by the maximum", Severity.QUIET)
    on_target = view(replace(one, metrics=hpa(70).metrics), ready=4)
    assert on_target.notices == ()
    assert "at present it does not" in on_target.summary
    forgets = behaving(down=replace(SCALE_DOWN, window=0))
    assert view(replace(one, behavior=forgets), ready=4).notices != ()
    unread = view(replace(one, metrics=hpa(None).metrics), ready=4)
    assert all("maximum" not in each.title for each in unread.notices)


def test_a_maximum_that_is_too_low_now_as_well_as_before() -> None:
    able = condition("AbleToScale", "True", reason="ScaleDownStabilized")
    one = hpa(143, current=4, desired=4, conditions=(able, limited("TooManyReplicas")))
    found = view(one, ready=4)
    assert found.notices[0].title == "Limited by the maximum of 4 replicas"
    assert "at present" not in found.summary


def test_an_old_limit_is_not_said_of_an_autoscaler_that_does_not_work() -> None:
    old = limited("TooManyReplicas")
    for one in (
        condition("AbleToScale", reason="FailedGetScale"),
        condition("ScalingActive", reason="FailedGetResourceMetric"),
    ):
        found = view(hpa(143, conditions=(one, old)))
        assert all("maximum" not in each.title for each in found.notices)


ONE_POD = ScalingPolicy("Pods", 1, 120)
HALF = ScalingPolicy("Percent", 50, 60)


@pytest.mark.parametrize(
    ("up", "down", "words"),
    [
        (SCALE_UP, SCALE_DOWN, ""),
        (SCALE_UP, ScalingRules(15, SCALE_DOWN.policies, "Disabled"), " It never takes pods away."),
        (replace(SCALE_UP, select="Disabled"), SCALE_DOWN, " It never adds pods."),
        (ScalingRules(0, (ONE_POD,)), SCALE_DOWN, " It adds at most 1 pod every 2 min."),
        (ScalingRules(0, (ONE_POD,), "Min"), SCALE_DOWN, " It adds at most 1 pod every 2 min."),
        (
            ScalingRules(0, (ONE_POD, HALF), "Min"),
            SCALE_DOWN,
            " It adds at most 1 pod every 2 min or 50 % of the pods every 60 s, whichever is less.",
        ),
        (
            SCALE_UP,
            ScalingRules(300, (HALF, ONE_POD)),
            " It takes away at most 50 % of the pods every 60 s or 1 pod every 2 min, whichever "
            "is more.",
        ),
        (
            replace(SCALE_UP, window=60),
            SCALE_DOWN,
            " It adds pods when the load has stayed high for 60 s (scale-up stabilization window).",
        ),
        (replace(SCALE_UP, policies=tuple(reversed(SCALE_UP.policies))), SCALE_DOWN, ""),
    ],
)
def test_behavior(up: ScalingRules, down: ScalingRules, words: str) -> None:
    one = hpa(70, current=2, desired=2, behavior=behaving(up, down))
    assert view(one).summary.startswith(f"Keeps between 1 and 4 pods.{words} CPU:")


def test_what_never_shrinks_does_not_promise_to() -> None:
    never = behaving(down=ScalingRules(15, SCALE_DOWN.policies, "Disabled"))
    one = hpa(0, current=3, desired=3, behavior=never, conditions=(limited("ScaleDownLimit"),))
    found = view(one, ready=3)
    assert found.summary.endswith("raised to the minimum of 1. It stays at 3.")
    assert found.conditions[0].text == "Never scales down"


def test_what_never_grows_does_not_promise_to() -> None:
    never = behaving(up=replace(SCALE_UP, select="Disabled"))
    one = hpa(143, desired=2, behavior=never, conditions=(limited("ScaleUpLimit"),))
    found = view(one)
    assert found.summary.endswith("capped at 4. It stays at 2.")
    assert found.conditions[0].text == "Never scales up"


def test_steps_of_a_policy() -> None:
    slow = behaving(ScalingRules(0, (ONE_POD,)), ScalingRules(0, (ONE_POD,)))
    up = hpa(143, desired=2, behavior=slow)
    assert view(up).summary.endswith(
        "It scales up to 3 at its next sync, every 15 s by default, then to 4."
    )
    down = hpa(1, current=4, desired=4, behavior=slow)
    assert view(down, ready=4).summary.endswith(
        "It scales down to 3 at its next sync, every 15 s by default, then to 1."
    )
    waits = replace(down, conditions=(limited("ScaleDownLimit"),))
    assert view(waits, ready=4).summary.endswith(
        "Its scale-down policy limits each step: 1 pod every 2 min."
    )


def test_a_tolerance_of_its_own() -> None:
    wide = behaving(replace(SCALE_UP, tolerance=0.5))
    found = view(hpa(103, current=1, desired=1, behavior=wide), ready=1)
    assert "within 50 % of the target: no change" in found.summary


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (
            HpaMetric("queue", "AverageValue", 40, 300, MetricSource.EXTERNAL, "queue=invoices"),
            "queue (queue=invoices): 3 pods at 300 each, target 40 → ceil(3 × 7.50) = 23, capped at 4.",
        ),
        (
            HpaMetric("rps", "Value", 2.5, 5, MetricSource.OBJECT, object="Service front"),
            "rps of Service front: 5 of a target of 2.5, with 2 ready pods → ceil(2 × 2.00) = 4.",
        ),
        (
            HpaMetric("cpu", "AverageValue", 0.25, 0.5),
            "CPU: 2 pods at 0.5 cores each, target 0.25 cores → ceil(2 × 2.00) = 4.",
        ),
    ],
)
def test_the_arithmetic_of_other_metrics(metric: HpaMetric, words: str) -> None:
    assert words in view(hpa(metrics=(metric,), current=3, desired=4), ready=2).summary


def test_an_hpa_that_has_not_decided_wants_nothing() -> None:
    new = view(hpa(None, current=0, desired=0))
    assert new.desired is None
    assert new.summary == "Keeps between 1 and 4 pods. It has not decided yet."
    resting = condition("ScalingActive", reason="ScalingDisabled")
    assert view(hpa(None, current=0, desired=0, conditions=(resting,))).desired is None
    zero = hpa(None, current=1, desired=0, min_replicas=0, last_scale_at=ago(5))
    assert view(zero).desired == 0


def test_a_missing_metric_is_a_badge_while_others_decide() -> None:
    active = condition("ScalingActive", "True", reason="ValidMetricFound")
    broken = HpaMetric("rps", "Value", 2, None, MetricSource.OBJECT, object="Service front")
    one = hpa(1, current=2, desired=2, conditions=(active,))
    found = view(replace(one, metrics=(*one.metrics, broken)))
    assert (found.conditions[0].text, found.conditions[0].severity) == (
        "Some metrics are missing",
        Severity.WARN,
    )
    assert found.summary.endswith(
        "CPU decides: 2 pods at 1 % of a 70 % target → ceil(2 × 0.01) = 1. It takes no pods away "
        "while it cannot read rps of Service front."
    )
