"""KEDA on the pages, by objects as its operator (2.21) left them in a cluster, trimmed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal.cluster.kinds import scaled_job, scaled_object
from portal.domain.objects import HpaMetric, Workload
from portal.domain.scalers import ScaledJob, ScaledObject
from portal.state.event_kinds import kind_of
from portal.state.timeline import Entry, EntryKind, Timeline
from portal.viewmodels.model import AppView, ScaleMode, Severity
from portal.viewmodels.scalers import listed_words
from portal.viewmodels.timeline import timeline_view
from tests.unit.viewmodels.make import NOW, condition, deployment, event, state
from tests.unit.viewmodels.test_scalers import empty, made, page, titles

READY = {
    "message": "ScaledObject is defined correctly and is ready for scaling",
    "reason": "ScaledObjectReady",
    "status": "True",
    "type": "Ready",
}
INACTIVE = {
    "message": "Scaling is not performed because triggers are not active",
    "reason": "ScalerNotActive",
    "status": "False",
    "type": "Active",
}
ACTIVE = {
    "message": "Scaling is performed because triggers are active",
    "reason": "ScalerActive",
    "status": "True",
    "type": "Active",
}
QUEUE = {
    "type": "metrics-api",
    "metadata": {"targetValue": "5", "url": "http://queue/length", "valueLocation": "n"},
}
PODS = {"type": "kubernetes-workload", "metadata": {"podSelector": "app=late", "value": "1"}}


def found(
    *conditions: Any, notes: dict[str, str] | None = None, status: Any = None, **spec: Any
) -> ScaledObject:
    """A ScaledObject for the Deployment "demo", with annotations of KEDA."""
    raw = {
        "metadata": {
            "name": "worker",
            "namespace": "apps",
            "annotations": {
                f"autoscaling.keda.sh/{name}": at for name, at in (notes or {}).items()
            },
        },
        "spec": {
            "cooldownPeriod": 20,
            "pollingInterval": 10,
            "scaleTargetRef": {"name": "demo"},
            "triggers": [QUEUE],
            **spec,
        },
        "status": {"conditions": conditions, **(status or {})},
    }
    decoded = scaled_object.decode(json.dumps(raw))[1]
    assert isinstance(decoded, ScaledObject)
    return decoded


def running(scaled: ScaledObject, *hpas: Any, workload: Workload | None = None) -> AppView:
    return page(
        state(workloads=(workload or deployment(1, 1),), hpas=hpas, scaled_objects=(scaled,))
    )


def test_while_its_trigger_fails_it_takes_no_pods_away() -> None:
    failing = {
        "message": "Triggers defined in ScaledObject are not working correctly",
        "reason": "TriggerError",
        "status": "False",
        "type": "Ready",
    }
    (shown,) = running(found(failing, INACTIVE), made()).scalers
    assert shown.sentence == ("KEDA scales this app (ScaledObject worker), between 0 and 100 pods.")
    assert shown.triggers == ("Metrics API",)
    assert "none are taken away" in shown.notices[0].body


def test_a_trigger_without_what_it_needs() -> None:
    message = (
        "failed to ensure HPA is correctly created for ScaledObject: error parsing cron metadata: "
        'missing required parameter "timezone" in [triggerMetadata]'
    )
    refused = {
        "message": message,
        "reason": "ScaledObjectCheckFailed",
        "status": "False",
        "type": "Ready",
    }
    unknown = {
        "message": "ScaledObject check failed",
        "reason": "UnknownState",
        "status": "Unknown",
        "type": "Active",
    }
    schedule = {"desiredReplicas": "2", "end": "0 9 * * *", "start": "0 8 * * *"}
    triggers = [{"type": "cron", "metadata": schedule}]
    (shown,) = running(found(refused, unknown, triggers=triggers)).scalers
    assert shown.sentence.startswith("KEDA is to scale this app")
    assert shown.triggers == ("Schedule, 0 8 * * * to 0 9 * * *",)
    assert 'missing required parameter "timezone"' in shown.notices[0].body


def test_a_fallback_is_said_as_it_is_set() -> None:
    falling = {
        "message": "At least one trigger is falling back on this scaled object",
        "reason": "FallbackExists",
        "status": "True",
        "type": "Fallback",
    }
    health = {"health": {"s0-metric-api-n": {"numberOfFailures": 47, "status": "Failing"}}}
    fallback = {"behavior": "currentReplicasIfHigher", "failureThreshold": 2, "replicas": 3}
    (shown,) = running(
        found(READY, ACTIVE, falling, status=health, fallback=fallback, maxReplicaCount=5), made()
    ).scalers
    assert shown.triggers == ("Metrics API: cannot be read",)
    assert shown.notices[0].body == (
        "KEDA cannot read Metrics API. It uses its fallback for that trigger: 3 pods, or the "
        "number that there is if that is higher."
    )


@pytest.mark.parametrize(
    ("behavior", "words"),
    [
        ("static", "trigger: 3 pods."),
        ("currentReplicas", "the number of pods that there is."),
        ("currentReplicasIfLower", "3 pods, or the number that there is if that is lower."),
        ("scalingModifiers", "the formula of its scaling modifiers, without that trigger."),
        ("guess", "guess, which is not known to the portal."),
    ],
)
def test_fallbacks_in_words(behavior: str, words: str) -> None:
    fallback = {"behavior": behavior, "failureThreshold": 2, "replicas": 3}
    health = {"health": {"s0-metric-api-n": {"numberOfFailures": 1, "status": "Failing"}}}
    (shown,) = running(found(READY, status=health, fallback=fallback)).scalers
    assert shown.notices[0].body.endswith(words)


PAUSED = {
    "message": "ScaledObject is paused",
    "reason": "ScaledObjectPaused",
    "status": "True",
    "type": "Paused",
}


@pytest.mark.parametrize("active", [ACTIVE, INACTIVE])
def test_at_zero_with_scaling_out_paused_it_stays_there(active: Any) -> None:
    """The condition Active goes on being written, and KEDA starts nothing for it."""
    scaled = found(READY, active, PAUSED, notes={"paused-scale-out": "true"}, triggers=[PODS])
    idle = condition(
        "ScalingActive",
        "False",
        reason="ScalingDisabled",
        message="scaling is disabled since the replica count of the target is zero",
    )
    app = empty(scaled, made(conditions=(idle,), current=0, desired=0))
    view = page(app)
    assert view.headline.text == "Stopped"
    assert "KEDA is paused" in view.sentence
    assert view.scalers[0].sentence.endswith("it is paused at 0 pods.")
    assert view.scalers[0].triggers == ("Kubernetes workload, pods app=late",)
    assert titles(view) == ["KEDA adds no pods"]
    (notice,) = view.autoscalers[0].notices
    assert notice.body == "The ScaledObject worker says when KEDA starts pods again."
    assert listed_words(app) == "KEDA 0–100, paused"


def test_with_scaling_in_paused_it_does_not_go_to_zero() -> None:
    scaled = found(READY, INACTIVE, PAUSED, notes={"paused-scale-in": "true"})
    (shown,) = running(scaled, made()).scalers
    assert shown.sentence.endswith("100 pods. No trigger is active.")


def test_active_by_an_annotation() -> None:
    forced = {
        "message": "Scaling is performed because activation is being forced by annotation",
        "reason": "ScalerActive",
        "status": "True",
        "type": "Active",
    }
    view = running(found(READY, forced, notes={"force-activation": "true"}), made())
    assert titles(view) == ["KEDA keeps the app active"]


def test_triggers_of_cpu_and_memory_alone_keep_a_pod() -> None:
    """KEDA counts them as active all the time, and its HPA has a minimum of one."""
    cpu = [{"type": "cpu", "metricType": "Utilization", "metadata": {"value": "50"}}]
    scaled = found(READY, ACTIVE, triggers=cpu, maxReplicaCount=3, idleReplicaCount=0)
    assert "between 1 and 3 pods" in running(scaled).scalers[0].sentence
    both = found(READY, ACTIVE, triggers=[*cpu, QUEUE], maxReplicaCount=3)
    assert "between 0 and 3 pods" in running(both).scalers[0].sentence


def test_a_number_that_is_none_pauses_and_fails() -> None:
    message = (
        "failed to scale target to paused replica count: failed to parse paused replica count: "
        'strconv.ParseInt: parsing "two": invalid syntax'
    )
    refused = {
        "message": message,
        "reason": "ScaledObjectCheckFailed",
        "status": "False",
        "type": "Ready",
    }
    view = running(found(refused, PAUSED, notes={"paused-replicas": "two"}))
    failed, paused = view.scalers[0].notices
    assert (failed.severity, failed.title) == (Severity.BAD, "KEDA cannot scale the app")
    assert 'parsing "two": invalid syntax' in failed.body
    assert view.scalers[0].state.text == "Cannot scale"
    assert "autoscaling.keda.sh/paused-replicas is removed" in paused.advice


def test_while_it_is_paused_the_number_is_not_set_by_its_bounds() -> None:
    view = running(found(READY, PAUSED, notes={"paused": "true"}))
    assert view.scale.mode is ScaleMode.READ_ONLY
    assert "autoscaling.keda.sh/paused-replicas sets it" in view.scale.why
    assert "or pause it" not in view.scale.why


def test_without_its_operator_it_says_nothing_of_scaling() -> None:
    view = running(found())
    assert titles(view) == ["KEDA has not taken it up yet"]
    job = scaled_job.decode(
        json.dumps({"metadata": {"name": "work", "namespace": "apps"}, "spec": {}})
    )[1]
    assert isinstance(job, ScaledJob)
    assert titles(page(state(workloads=(), pods=(), scaled_jobs=(job,)))) == [
        "KEDA has not taken it up yet"
    ]


def test_the_adapter_of_its_metrics_is_its_own() -> None:
    message = (
        "the HPA was unable to compute the replica count: unable to get external metric "
        "apps/s0-metric-api-n/&LabelSelector{MatchLabels:map[string]string{"
        "scaledobject.keda.sh/name: worker,},MatchExpressions:[]LabelSelectorRequirement{},}: "
        "unable to fetch metrics from external metrics API: rpc error: code = Unknown desc = error "
        "when getting metric values metric:s0-metric-api-n encountered error"
    )
    broken = condition("ScalingActive", "False", reason="FailedGetExternalMetric", message=message)
    metric = made().metrics[0]
    unread = HpaMetric("s0-metric-api-n", metric.target_type, 5, None, metric.source)
    view = running(found(READY), made(conditions=(broken,), metrics=(unread,)))
    (notice,) = view.autoscalers[0].notices
    assert notice.advice == "KEDA serves it for the ScaledObject worker: check that one's trigger."


@pytest.mark.parametrize(
    ("reason", "message", "title", "text"),
    [
        (
            "KEDAScaleTargetDeactivated",
            "Deactivated apps/v1.Deployment apps/demo from 2 to 0",
            "2 → 0",
            "No trigger of KEDA was active.",
        ),
        (
            "KEDAScaleTargetActivated",
            "Scaled apps/v1.Deployment apps/demo from 0 to 1, triggered by s0-metric-api-n",
            "0 → 1",
            "KEDA has started it: triggered by s0-metric-api-n.",
        ),
        (
            "KEDAScaleTargetActivationFailed",
            "Failed to scale apps/v1.Deployment apps/demo from 0 to 1: forbidden",
            "KEDAScaleTargetActivationFailed",
            "Failed to scale apps/v1.Deployment apps/demo from 0 to 1: forbidden",
        ),
    ],
)
def test_scaling_to_zero_and_back_is_in_the_timeline(
    reason: str, message: str, title: str, text: str
) -> None:
    about = {"about_kind": "ScaledObject", "about_name": "worker", "type": "Normal"}
    assert kind_of(event(reason, message, **about)) is EntryKind.SCALING
    entry = Entry("event/x", EntryKind.SCALING, NOW, "ScaledObject worker", reason, message)
    (line,) = timeline_view(state(timeline=Timeline(NOW, (entry,)))).lines
    assert (line.title, line.text) == (title, text)
