# ruff: noqa: E501
"""What keeps an autoscaler from working, for messages as the HPA controller writes them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.autoscaling.spec import MetricSource
from portal.domain.objects import Condition, Event, Hpa, HpaMetric, Pod
from portal.state.model import WatchHealth
from portal.viewmodels.app import app_view
from portal.viewmodels.autoscaler import autoscaler_view
from portal.viewmodels.model import AutoscalerView, Notice, Severity
from portal.viewmodels.query import Bucket
from portal.viewmodels.releases import RowCache

from .make import (
    NOW,
    ago,
    condition,
    deployment,
    event,
    hpa,
    list_view,
    pod,
    sources,
    state,
    watched,
)


def view(
    one: Hpa, *events: Event, pods: tuple[Pod, ...] = (), **changes: WatchHealth
) -> AutoscalerView:
    return autoscaler_view(one, pods, sources(**changes), NOW, events)


UNABLE = "the HPA was unable to compute the replica count: failed to get cpu utilization: "


def inactive(message: str, reason: str = "FailedGetResourceMetric", age: float = 20) -> Condition:
    return condition("ScalingActive", reason=reason, message=message, changed_at=ago(age))


@pytest.mark.parametrize(
    ("one", "severity", "title", "advice"),
    [
        (
            inactive(f"{UNABLE}missing request for cpu in container demo of Pod demo-7d9c-x2x4z"),
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
            "The autoscaler's target does not exist",
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


def test_no_conditions_yet() -> None:
    found = view(hpa(None, conditions=()))
    assert found.notices[0].title == "No CPU metrics yet"


def test_the_metrics_api_is_known_to_be_missing() -> None:
    gone = watched("metrics", synced=True, available=False, error="not installed")
    assert "is not available" in view(hpa(None), metrics=gone).notices[0].title


GONE = "failed to get messages external metric: unable to get external metric apps/messages/&LabelSelector{MatchLabels:map[string]string{queue: gone,},MatchExpressions:[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: "
NOT_SERVED = (
    "the server could not find the requested resource (get messages.external.metrics.k8s.io)"
)
NO_CUSTOM = "unable to get metric rps on Service apps/front: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered"

CPU = HpaMetric("cpu", "Utilization", 70, 20)
NO_CPU = replace(CPU, current=None)
MESSAGES = HpaMetric("messages", "AverageValue", 40, None, MetricSource.EXTERNAL, "queue=gone")
RPS = HpaMetric("rps", "Value", 100, None, MetricSource.OBJECT, object="Service front")
LATENCY = HpaMetric("latency", "AverageValue", 1, None, MetricSource.PODS)


def about(reason: str, message: str, **fields: Any) -> Event:
    return event(reason, message, about="demo", about_kind="HorizontalPodAutoscaler", **fields)


def only(found: AutoscalerView) -> Notice:
    (notice,) = found.notices
    return notice


def test_a_metric_that_nothing_serves() -> None:
    one = hpa(
        metrics=(MESSAGES,),
        current=1,
        desired=0,
        conditions=(inactive(f"{UNABLE}{GONE}{NOT_SERVED}", "FailedGetExternalMetric"),),
    )
    found = view(one)
    notice = only(found)
    assert notice.severity is Severity.BAD
    assert notice.title == "Nothing serves the metric messages"
    assert notice.body == (
        "Nothing in the cluster serves the metric messages (external.metrics.k8s.io). CPU and "
        "memory are measured. Until it is there the number of pods stays as it is."
    )
    assert "metrics adapter" in notice.advice
    assert "metrics-server" not in notice.advice
    assert found.desired is None
    down = watched("metrics", synced=True, available=False)
    assert "are measured" not in only(view(one, metrics=down)).body


@pytest.mark.parametrize("busy", [True, False])
def test_one_metric_of_two_is_broken(busy: bool) -> None:
    """Whether the other asks for more pods, or for fewer, which it then cannot have."""
    active = (
        condition("ScalingActive", "True", reason="ValidMetricFound")
        if busy
        else inactive(f"{UNABLE}{NO_CUSTOM}", "FailedGetObjectMetric")
    )
    one = hpa(metrics=(CPU, RPS), conditions=(active,), created_at=ago(600))
    said = about("FailedGetObjectMetric", NO_CUSTOM)
    notice = only(view(one, *([said] if busy else [])))
    assert notice.title == "Nothing serves the metric rps"
    assert "(custom.metrics.k8s.io)" in notice.body
    assert notice.body.endswith(
        "CPU decides meanwhile: pods are added, but none is taken away until it is there."
    )


def test_each_broken_metric_has_its_own_cause() -> None:
    other = replace(MESSAGES, selector="queue=lost")
    active = condition("ScalingActive", "True", reason="ValidMetricFound")
    one = hpa(metrics=(MESSAGES, other, RPS, CPU), conditions=(active,), created_at=ago(600))
    lost = GONE.replace("queue: gone", "queue: lost")
    found = view(
        one,
        about("FailedGetExternalMetric", f"{lost}no series for queue=lost"),
        about("FailedGetExternalMetric", f"{GONE}Unauthorized"),
        about("FailedGetObjectMetric", "unable to get metric rps on Service apps/other: nothing"),
        about(
            "FailedGetObjectMetric",
            'unable to get metric rps on Service apps/front: services "front" not found',
        ),
    )
    bodies = {each.title: each.body for each in found.notices}
    assert "Unauthorized" in bodies["The autoscaler gets no value of messages (queue=gone)"]
    assert "no series for" in bodies["The autoscaler gets no value of messages (queue=lost)"]
    assert (
        'services "front" not found'
        in bodies["The autoscaler gets no value of rps of Service front"]
    )
    assert all("LabelSelector" not in body for body in bodies.values())


def test_metrics_that_differ_in_an_expression_have_their_own_causes() -> None:
    active = condition("ScalingActive", "True", reason="ValidMetricFound")
    metrics = [replace(MESSAGES, selector=f"tier in ({tier}), new") for tier in ("a, b", "c")]
    one = hpa(metrics=(CPU, *metrics), conditions=(active,), created_at=ago(600))
    found = view(
        one,
        *(
            about(
                "FailedGetExternalMetric",
                "unable to get external metric apps/messages/&LabelSelector{MatchLabels:map[string]string{},"
                f"MatchExpressions:[]LabelSelectorRequirement{{LabelSelectorRequirement{{Key:tier,Operator:In,Values:[{tier}],}},}},}}: no {tier}",
            )
            for tier in ("a b", "c")
        ),
    )
    assert [each.body.partition(". ")[0] for each in found.notices] == [
        "Unable to get external metric apps/messages: no a b",
        "Unable to get external metric apps/messages: no c",
    ]


@pytest.mark.parametrize(
    ("metric", "reason", "message", "title", "advice"),
    [
        (MESSAGES, "FailedGetExternalMetric", f"{GONE}the server is currently unable to handle the request", "The metrics adapter does not answer (external.metrics.k8s.io)", "look at the metrics adapter"),
        (LATENCY, "FailedGetPodsMetric", "unable to get metric latency: unable to fetch metrics from custom metrics API: Internal error occurred: context deadline exceeded", "The metrics adapter does not answer (custom.metrics.k8s.io)", "look at the metrics adapter"),
        (LATENCY, "FailedGetPodsMetric", "unable to get metric latency: unable to fetch metrics from custom metrics API: the server could not find the metric latency for pods", "The autoscaler gets no value of latency", "name and selector"),
        (MESSAGES, "FailedGetExternalMetric", f'{GONE}messages.external.metrics.k8s.io is forbidden: User "system:serviceaccount:kube-system:horizontal-pod-autoscaler" cannot list resource', "The autoscaler may not read messages (queue=gone)", "RBAC"),
        (RPS, "FailedGetObjectMetric", 'unable to map kind: no matches for kind "Service" in group "example.org"', "The autoscaler gets no value of rps of Service front", "name and selector"),
        (replace(NO_CPU, name="app/cpu", source=MetricSource.CONTAINER_RESOURCE), "FailedGetContainerResourceMetric", "failed to get cpu utilization: container app not found in Pod demo-1", "There is no container app", "container's name"),
        (NO_CPU, "FailedGetResourceMetric", "failed to get cpu utilization: missing pod-level request for cpu in Pod demo-7d9cb-x2x4z", "No CPU request", "Set a CPU request"),
        (NO_CPU, "FailedGetResourceMetric", "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: dial tcp: i/o timeout", "The metrics API is not available", "metrics-server"),
        (NO_CPU, "FailedGetResourceMetric", "failed to get cpu utilization: something new", "The autoscaler gets no CPU metrics", "metrics-server"),
        (HpaMetric("omens", "Value", 1, None, MetricSource.UNKNOWN), "InvalidMetricSourceType", 'unknown metric source type "Omen"', "The autoscaler has a metric of an unknown type", "Correct the metrics"),
    ],
)  # fmt: skip
def test_causes(metric: HpaMetric, reason: str, message: str, title: str, advice: str) -> None:
    cause = inactive(f"the HPA was unable to compute the replica count: {message}", reason)
    notice = only(view(hpa(metrics=(metric,), conditions=(cause,), created_at=ago(600))))
    assert notice.title == title
    assert notice.severity in {Severity.BAD, Severity.WARN}
    assert advice in notice.advice


def test_a_cause_that_is_not_known_is_shown_as_it_is() -> None:
    cause = inactive(f"{UNABLE}something new", "FailedGetResourceMetric")
    assert (
        "Failed to get cpu utilization: something new."
        in only(view(hpa(None, conditions=(cause,)))).body
    )
    odd = condition("ScalingActive", reason="FailedSomehow", message="it went wrong")
    notice = only(view(hpa(50, conditions=(odd,))))
    assert (notice.severity, notice.title) == (
        Severity.WARN,
        "The autoscaler cannot compute the replicas",
    )
    assert notice.body == "It went wrong."


@pytest.mark.parametrize(
    ("name", "foreign"),
    [
        ("demo-migrate-x2x4z", True),  # a Job's pod with the app's label
        ("other-7d9cb-x2x4z", True),
        ("demo-7d9cb-x2x4z", False),  # of an older ReplicaSet
        ("known", False),
    ],
)
def test_a_pod_of_something_else_that_the_selector_matches(name: str, foreign: bool) -> None:
    cause = inactive(f"{UNABLE}missing request for cpu in container main of Pod {name}")
    own = (pod("known"),)
    notice = only(view(hpa(None, conditions=(cause,)), pods=own))
    assert (notice.title == "The autoscaler counts a pod of something else") is foreign
    assert (f"the pod {name}, whose container main" in notice.body) is foreign


@pytest.mark.parametrize(
    ("api", "kind", "message", "body"),
    [
        (
            "extensions/v1beta1",
            "Deployment",
            'no matches for kind "Deployment" in group "extensions"',
            "The autoscaler names Deployment demo of extensions/v1beta1, which this Kubernetes does not have: write apiVersion: apps/v1.",
        ),
        (
            "",
            "StatefulSet",
            'no matches for kind "StatefulSet" in group ""',
            "The autoscaler names StatefulSet demo without an apiVersion: write apiVersion: apps/v1.",
        ),
        (
            "argoproj.io/v1alpha1",
            "Rollout",
            'no matches for kind "Rollout" in group "argoproj.io"',
            "The autoscaler names Rollout demo of argoproj.io/v1alpha1, which this Kubernetes does not have.",
        ),
        (
            "apps/v1",
            "DaemonSet",
            "the server could not find the requested resource",
            "The autoscaler names DaemonSet demo, and objects of the kind DaemonSet have no scale.",
        ),
        (
            "example.org/v1",
            "Shop",
            'shops.example.org "demo" is forbidden: User "system:serviceaccount:kube-system:horizontal-pod-autoscaler" cannot get resource "shops/scale"',
            "may not read: ",
        ),
        ("apps/v1", "Deployment", 'deployments.apps "demo" not found', "which does not exist."),
        ("apps/v1", "Deployment", "something new", "whose scale it cannot read. Something new."),
    ],
)
def test_a_target_whose_scale_cannot_be_read(api: str, kind: str, message: str, body: str) -> None:
    """There is one notice, and none about new pods that are to be measured."""
    able = condition(
        "AbleToScale",
        reason="FailedGetScale",
        message=f"the HPA controller was unable to get the target's current scale: {message}",
    )
    one = hpa(None, current=0, desired=0, target_api=api, target_kind=kind, conditions=(able,))
    found = view(one)
    notice = only(found)
    assert notice.severity is Severity.BAD
    assert body in notice.body


@pytest.mark.parametrize(
    ("one", "severity", "title"),
    [
        (condition("AbleToScale", reason="FailedUpdateScale", message="the HPA controller was unable to update the target scale: denied"), Severity.BAD, "The autoscaler cannot change the replicas"),
        (condition("AbleToScale", reason="BackoffBoth", message="the time since the previous scale is still within both windows"), Severity.BUSY, "The autoscaler waits"),
        (condition("AbleToScale", reason="SomethingNew", message="no"), Severity.BAD, "The autoscaler cannot scale"),
        (inactive("the HPA target's scale is missing a selector", "InvalidSelector"), Severity.BAD, "The autoscaler's target has no usable selector"),
        (inactive("pods by selector app=demo are controlled by more than one HPA (e.g. [a b])", "AmbiguousSelector"), Severity.BAD, "Several HPAs target one workload"),
    ],
)  # fmt: skip
def test_conditions_that_are_not_about_metrics(
    one: Condition, severity: Severity, title: str
) -> None:
    notice = only(view(hpa(50, conditions=(one,))))
    assert (notice.severity, notice.title) == (severity, title)


@pytest.mark.parametrize(
    "one",
    [
        condition("AbleToScale", "True", reason=reason)
        for reason in ("SucceededRescale", "SucceededGetScale", "ReadyForNewScale", "ScaleDownStabilized", "ScaleUpStabilized")
    ]
    + [condition("ScalingActive", "True", reason="ValidMetricFound")]
    + [condition("ScalingLimited", "False", reason="DesiredWithinRange")]
    + [
        condition("ScalingLimited", "True", reason=reason)
        for reason in ("TooFewReplicas", "ScaleUpLimit", "ScaleDownLimit")
    ]
    + [condition("ScaledToZero", "True", reason="ScaledToZero")],
    ids=lambda one: one.reason,
)  # fmt: skip
def test_what_is_in_order_has_no_notice(one: Condition) -> None:
    assert view(hpa(50, conditions=(one,))).notices == ()


def test_scaled_to_zero_by_keda() -> None:
    off = inactive(
        "scaling is disabled since the replica count of the target is zero", "ScalingDisabled"
    )
    one = hpa(None, current=0, desired=0, scaled_object="worker", conditions=(off,))
    found = view(one)
    notice = only(found)
    assert (notice.severity, notice.title) == (Severity.QUIET, "Scaled to zero by KEDA")
    assert found.conditions[0].text == "Disabled at zero replicas"


def test_an_average_over_no_pods_is_no_problem() -> None:
    metric = replace(MESSAGES, reported=True)
    active = condition("ScalingActive", "True", reason="ValidMetricFound")
    found = view(
        hpa(metrics=(metric,), current=1, desired=1, conditions=(active,), created_at=ago(9000))
    )
    assert found.notices == ()


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ({"created_at": ago(20)}, Severity.BUSY),
        ({"created_at": ago(900)}, Severity.WARN),
        ({"created_at": ago(900), "last_scale_at": ago(15)}, Severity.BUSY),
    ],
)
def test_no_reading_yet_expires(fields: dict[str, Any], severity: Severity) -> None:
    """Without any word from the controller the times of the HPA decide."""
    notice = only(view(hpa(None, conditions=(), **fields)))
    assert notice.severity is severity
    if severity is Severity.WARN:
        assert "has not looked at this autoscaler" in notice.body


def test_an_old_event_is_not_the_cause_of_a_sync_without_metrics() -> None:
    able = condition("AbleToScale", "True", reason="SucceededRescale")
    one = hpa(None, conditions=(able,), created_at=ago(900), last_scale_at=ago(10))
    old = about(
        "FailedGetResourceMetric",
        "unable to get metrics for resource cpu: no metrics returned from resource metrics API",
    )
    assert only(view(one, old)).severity is Severity.BUSY


def test_a_partial_failure_that_may_be_about_new_pods_is_waited_for() -> None:
    active = condition("ScalingActive", "True", reason="ValidMetricFound")
    memory = HpaMetric("memory", "Utilization", 70, None)
    said = about(
        "FailedGetResourceMetric",
        "failed to get memory utilization: did not receive metrics for targeted pods (pods might be unready)",
    )
    one = hpa(metrics=(CPU, memory), conditions=(active,), created_at=ago(60))
    assert only(view(one, said)).title == "No memory metrics yet"
    assert (
        only(view(replace(one, created_at=ago(900)), said)).title
        == "The autoscaler gets no memory metrics"
    )


def test_the_problem_reaches_headline_and_list() -> None:
    broken = hpa(
        metrics=(CPU, RPS),
        current=1,
        desired=1,
        conditions=(inactive(f"{UNABLE}{NO_CUSTOM}", "FailedGetObjectMetric"),),
    )
    one = state(hpas=(broken,))
    page = app_view(one, sources(), NOW)
    assert (page.headline.text, page.headline.severity) == ("Autoscaler fails", Severity.WARN)
    assert page.sentence == "Its one pod is ready. Nothing serves the metric rps."
    listed = list_view([one], sources(), NOW)
    assert listed.rows[0].problem == "Nothing serves the metric rps."
    assert dict(listed.counts)[Bucket.ATTENTION] == 1


def test_an_app_at_zero_that_cannot_wake() -> None:
    able = condition("AbleToScale", "True", reason="ReadyForNewScale")
    active = inactive(f"{UNABLE}{GONE}{NOT_SERVED}", "FailedGetExternalMetric")
    asleep = hpa(metrics=(MESSAGES,), min_replicas=0, current=0, conditions=(able, active))
    one = state(workloads=(deployment(0, 0),), pods=(), hpas=(asleep,))
    assert app_view(one, sources(), NOW).headline.text == "Autoscaler fails"


@pytest.mark.parametrize(
    "one",
    [
        hpa(50),
        hpa(143, conditions=(condition("ScalingLimited", "True", reason="TooManyReplicas"),)),
        hpa(None, created_at=ago(20)),
        hpa(None, conditions=(inactive("scaling is disabled", "ScalingDisabled"),)),
    ],
    ids=["in order", "at its maximum", "new", "at zero"],
)
def test_an_app_is_ready_beside_an_autoscaler_without_a_problem(one: Hpa) -> None:
    assert app_view(state(hpas=(one,)), sources(), NOW).headline.text == "Ready"


def test_a_row_is_made_anew_when_no_reading_yet_expires() -> None:
    one, rows = state(hpas=(hpa(None, created_at=ago(0)),)), RowCache()
    assert list_view([one], sources(), NOW, rows=rows).rows[0].status.text == "Ready"
    later = NOW.replace(hour=NOW.hour + 1)
    assert list_view([one], sources(), later, rows=rows).rows[0].status.text == "Autoscaler fails"
