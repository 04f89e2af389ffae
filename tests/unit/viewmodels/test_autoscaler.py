"""The autoscaler in words, for conditions as the HPA controller writes them."""

from __future__ import annotations

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
from portal.viewmodels.autoscaler import NOT_FOLLOWED, Decided, autoscaler_view
from portal.viewmodels.hpa_metrics import hpa_words
from portal.viewmodels.model import AutoscalerView, Severity

from .make import NOW, ago, condition, hpa, pod, pods, sources


def view(one: Hpa, decided: Decided = NOT_FOLLOWED) -> AutoscalerView:
    """The view of what the engine has decided, beside two pods."""
    return autoscaler_view(one, pods(pod(), pod()), sources(), NOW, decided=decided)


def behaving(up: ScalingRules = SCALE_UP, down: ScalingRules = SCALE_DOWN) -> ScalingBehavior:
    return ScalingBehavior(up, down)


def limited(reason: str, status: str = "True") -> Condition:
    return condition("ScalingLimited", status, reason=reason)


def test_the_decision_in_words() -> None:
    said = Decided("Adds 2, to 4 pods: so it is.", 5, "Rises to 5 pods", NOW)
    found = view(hpa(143, conditions=(limited("TooManyReplicas"),)), said)
    assert found.metrics[0].words == "CPU 143 % of the request, target 70 %"
    assert found.metrics[0].fraction == pytest.approx(143 / 70)
    assert found.summary == (
        "Keeps between 1 and 4 pods. Desired replicas: 4; current: 2. Adds 2, to 4 pods: so it is."
    )
    assert (found.change, found.change_at) == ("Rises to 5 pods", NOW)
    assert found.notices[0].title == "Limited by the maximum of 4 replicas"
    assert found.conditions[0].text == "At the maximum"


def test_growing_in_steps() -> None:
    one = hpa(900, current=1, desired=4, max_replicas=10, conditions=(limited("ScaleUpLimit"),))
    assert view(one).conditions[0].text == "Scales up in steps"


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


def test_a_maximum_that_only_the_stabilization_window_remembers() -> None:
    able = condition("AbleToScale", "True", reason="ScaleDownStabilized")
    one = hpa(1, current=4, desired=4, conditions=(able, limited("TooManyReplicas")))
    for decided in (Decided("", 1), Decided("", 4), NOT_FOLLOWED):
        found = view(one, decided)
        assert all("maximum" not in each.title for each in found.notices)
        badge = found.conditions[1]
        assert (badge.text, badge.severity) == ("Was limited by the maximum", Severity.QUIET)
    forgets = behaving(down=replace(SCALE_DOWN, window=0))
    assert view(replace(one, behavior=forgets), Decided("", 1)).notices != ()


def test_a_maximum_that_is_too_low_now_as_well_as_before() -> None:
    able = condition("AbleToScale", "True", reason="ScaleDownStabilized")
    one = hpa(143, current=4, desired=4, conditions=(able, limited("TooManyReplicas")))
    found = view(one, Decided("", 9))
    assert found.notices[0].title == "Limited by the maximum of 4 replicas"


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
    assert view(one).summary == f"Keeps between 1 and 4 pods.{words}"


def test_what_never_shrinks_does_not_promise_to() -> None:
    never = behaving(down=ScalingRules(15, SCALE_DOWN.policies, "Disabled"))
    one = hpa(0, current=3, desired=3, behavior=never, conditions=(limited("ScaleDownLimit"),))
    assert view(one).conditions[0].text == "Never scales down"


def test_what_never_grows_does_not_promise_to() -> None:
    never = behaving(up=replace(SCALE_UP, select="Disabled"))
    one = hpa(143, desired=2, behavior=never, conditions=(limited("ScaleUpLimit"),))
    assert view(one).conditions[0].text == "Never scales up"


def test_an_hpa_that_has_not_decided_wants_nothing() -> None:
    new = view(hpa(None, current=0, desired=0))
    assert new.desired is None
    assert new.summary == "Keeps between 1 and 4 pods."
    resting = condition("ScalingActive", reason="ScalingDisabled")
    assert view(hpa(None, current=0, desired=0, conditions=(resting,))).desired is None
    zero = hpa(None, current=1, desired=0, min_replicas=0, last_scale_at=ago(5))
    assert view(zero).desired == 0


def test_a_missing_metric_is_a_badge_while_others_decide() -> None:
    active = condition("ScalingActive", "True", reason="ValidMetricFound")
    broken = HpaMetric("rps", "Value", 2, None, MetricSource.OBJECT, object="Service front")
    one = hpa(1, current=2, desired=2, conditions=(active,))
    both = replace(one, metrics=(*one.metrics, broken))
    found = view(both, Decided("", 1))
    assert (found.conditions[0].text, found.conditions[0].severity) == (
        "Some metrics are missing",
        Severity.WARN,
    )
    assert view(both).conditions[0].text == "Has metrics", "nothing is known to have decided"
