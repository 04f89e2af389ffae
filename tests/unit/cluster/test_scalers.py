"""KEDA's objects and VerticalPodAutoscalers as the API sends them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal.cluster.api_types import Json
from portal.cluster.decode import unreadable
from portal.cluster.kinds import RESOURCES, scaled_job, scaled_object, vpa
from portal.cluster.resource import Decode
from portal.domain.objects import Kind, Unreadable
from portal.domain.scalers import Amount, ScaledJob, ScaledObject, Vpa


def raw(spec: Any, status: Any = None, **annotations: str) -> Json:
    meta = {"name": "worker", "namespace": "apps", "annotations": annotations}
    return json.dumps({"metadata": meta, "spec": spec, "status": status or {}})


def scaled(
    status: Any = None, triggers: Any = (), note: str = "", value: str = "", **spec: Any
) -> ScaledObject:
    notes = {f"autoscaling.keda.sh/{note}": value} if note else {}
    body = {"scaleTargetRef": {"name": "web"}, "triggers": triggers, **spec}
    found = scaled_object.decode(raw(body, status, **notes))[1]
    assert isinstance(found, ScaledObject)
    return found


def test_what_a_scaled_object_leaves_out_is_as_keda_takes_it() -> None:
    found = scaled()
    assert (found.target_kind, found.target_name) == ("Deployment", "web")
    assert (found.min_replicas, found.max_replicas, found.cooldown) == (0, 100, 300.0)
    assert (found.idle_replicas, found.fallback_replicas, found.paused) == (None, None, False)


@pytest.mark.parametrize(
    ("note", "value", "paused", "at"),
    [
        ("paused", "true", True, None),
        ("paused", "yes", True, None),
        ("paused", "false", False, None),
        ("paused-replicas", "3", True, 3),
        ("paused-replicas", "0", True, 0),
        ("paused-replicas", "three", True, None),
        ("paused-scale-in", "true", False, None),
    ],
)
def test_pausing(note: str, value: str, paused: bool, at: int | None) -> None:
    found = scaled(note=note, value=value)
    assert (found.paused, found.paused_replicas) == (paused, at)
    assert found.paused_in == (note == "paused-scale-in")


def test_failing_metrics() -> None:
    health = {"s0-kafka": {"status": "Failing", "numberOfFailures": 4}, "s1-x": {"status": "Happy"}}
    assert scaled({"health": health}).failing == ("s0-kafka",)
    assert scaled({"health": None}).failing == ()


@pytest.mark.parametrize(
    ("trigger", "title"),
    [
        ({"type": "kafka", "metadata": {"topic": "orders"}}, "Kafka, topic orders"),
        (
            {"type": "kafka", "name": "lag", "metadata": {"topic": "orders"}},
            "lag (Kafka, topic orders)",
        ),
        (
            {
                "type": "aws-sqs-queue",
                "metadata": {"queueURL": "https://sqs.eu.example.com/1234/jobs"},
            },
            "Amazon SQS, queue jobs",
        ),
        (
            {
                "type": "cron",
                "metadata": {"start": "0 8 * * *", "end": "0 18 * * *", "timezone": "Etc/UTC"},
            },
            "Schedule, 0 8 * * * to 0 18 * * *, Etc/UTC",
        ),
        ({"type": "cpu", "metadata": {"value": "60"}}, "CPU"),
        ({"type": "new-thing"}, "New thing"),
        ({"type": "prometheus", "metadata": {"query": "sum(x)"}}, "Prometheus"),
    ],
)
def test_triggers_in_words(trigger: dict[str, Any], title: str) -> None:
    assert [each.title for each in scaled(triggers=[trigger]).triggers] == [title]


@pytest.mark.parametrize(
    "metadata",
    [
        {"host": "amqp://ada:hunter2secret@mq/vhost"},
        {"queueName": "amqp://ada:hunter2secret@mq"},
        {"topic": "password=hunter2secret"},
    ],
)
def test_nothing_secret_of_a_trigger_is_read(metadata: dict[str, str]) -> None:
    found = scaled(triggers=[{"type": "rabbitmq", "metadata": metadata}])
    assert "hunter2" not in repr(found)


def test_a_scaled_job() -> None:
    found = scaled_job.decode(
        raw({"maxReplicaCount": 7, "triggers": [{"type": "rabbitmq"}], "jobTargetRef": {}})
    )[1]
    assert isinstance(found, ScaledJob)
    assert (found.max_replicas, found.triggers[0].title) == (7, "RabbitMQ")


def vertical(spec: Any = None, recommendations: Any = None) -> Vpa:
    body = {"targetRef": {"kind": "Deployment", "name": "web"}, **(spec or {})}
    status = {"recommendation": {"containerRecommendations": recommendations}}
    found = vpa.decode(raw(body, status))[1]
    assert isinstance(found, Vpa)
    return found


def test_the_least_replicas_of_a_vpa() -> None:
    assert vertical().min_replicas is None
    assert vertical({"updatePolicy": {"minReplicas": 1}}).min_replicas == 1


def test_recommendations() -> None:
    given = {
        "containerName": "app",
        "target": {"cpu": "250m", "memory": "262144k"},
        "lowerBound": {"cpu": "25m"},
        "upperBound": {"cpu": "2"},
        "uncappedTarget": {"cpu": "300m", "memory": "nonsense"},
    }
    (found,) = vertical(None, [given]).recommendations
    assert found.target == Amount(0.25, 262144000)
    assert (found.lower, found.upper) == (Amount(0.025), Amount(2.0))
    assert found.uncapped == Amount(0.3, None)
    assert vertical().recommendations == ()


@pytest.mark.parametrize(
    ("policies", "resources"),
    [
        (None, {"cpu", "memory"}),
        ([{"containerName": "*", "controlledResources": ["memory"]}], {"memory"}),
        ([{"containerName": "app", "controlledResources": ["memory"]}], {"cpu", "memory"}),
        ([{"containerName": "*", "mode": "Off"}], set()),
        (
            [
                {"containerName": "*", "mode": "Off"},
                {"containerName": "app", "controlledResources": ["cpu", "gpu"]},
            ],
            {"cpu"},
        ),
    ],
)
def test_the_resources_that_a_vpa_controls(policies: Any, resources: set[str]) -> None:
    assert vertical({"resourcePolicy": {"containerPolicies": policies}}).resources == resources


@pytest.mark.parametrize(
    ("mode", "applies"), [("Off", False), ("Initial", True), ("Auto", True), (None, True)]
)
def test_update_modes(mode: str | None, applies: bool) -> None:
    assert vertical({"updatePolicy": {"updateMode": mode}}).applies is applies
    assert vertical({"updatePolicy": None}).applies


def test_a_scaled_object_that_cannot_be_read_still_has_its_target() -> None:
    broken = raw({"scaleTargetRef": {"name": "web"}, "maxReplicaCount": "many"})
    with pytest.raises(ValueError, match="maxReplicaCount"):
        scaled_object.decode(broken)
    found = unreadable(Kind.SCALED_OBJECT, broken, ValueError("x"))
    assert isinstance(found, Unreadable)
    assert (found.target_kind, found.target_name) == ("Deployment", "web")


@pytest.mark.parametrize("kind", [Kind.SCALED_OBJECT, Kind.SCALED_JOB, Kind.VPA])
def test_a_cluster_need_not_have_them(kind: Kind) -> None:
    """Without the API, or without the permission, nothing is said of them."""
    (found,) = [each for each in RESOURCES if each.kind is kind]
    assert found.optional
    decode: Decode = found.decode
    with pytest.raises(ValueError):  # noqa: PT011
        decode("[]")
