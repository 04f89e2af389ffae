from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any, TypeVar

import pytest

from portal.autoscaling.spec import (
    SCALE_DOWN,
    MetricSource,
    ScalingBehavior,
    ScalingPolicy,
    ScalingRules,
)
from portal.cluster import decode, metrics
from portal.cluster.kinds import (
    cron_job,
    daemon_set,
    deployment,
    event,
    gateway,
    hpa,
    http_route,
    ingress,
    job,
    node,
    pod,
    quota,
    release,
    replica_set,
    service,
    stateful_set,
    workloads,
)
from portal.domain.keys import HELM_RELEASE_NAMESPACE, Key
from portal.domain.objects import (
    Condition,
    ContainerProbe,
    HpaMetric,
    Kind,
    Quota,
    ReleaseStatus,
    ServicePort,
)
from tests.unit.cluster import fake

JsonObject = dict[str, Any]
T = TypeVar("T")
CREATED = "2026-11-23T07:26:08Z"
AT = datetime(2026, 11, 23, 7, 26, 8, tzinfo=UTC)


def of(decoded: Callable[[str], T], raw: JsonObject) -> T:
    return decoded(json.dumps(raw))


def meta(name: str, **more: Any) -> JsonObject:
    return {
        "name": name,
        "namespace": "apps",
        "uid": f"uid-{name}",
        "creationTimestamp": CREATED,
        "resourceVersion": "7",
        **more,
    }


HELM: JsonObject = {
    "annotations": {
        "meta.helm.sh/release-name": "dash",
        "meta.helm.sh/release-namespace": "apps",
        "dash-portal.io/launched-by": "ann@example.com",
        "kubectl.kubernetes.io/last-applied-configuration": "{…a lot…}",
    }
}


def owned(kind: str, name: str) -> JsonObject:
    return {
        "ownerReferences": [
            {"kind": "Other", "name": "not-me", "uid": "1"},
            {"kind": kind, "name": name, "uid": "2", "controller": True},
        ]
    }


def test_a_deployment() -> None:
    key, found = of(
        deployment.decode,
        {
            "metadata": meta("dash", generation=8, **HELM),
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": {"app.kubernetes.io/instance": "dash"}},
                "template": {"spec": {"containers": [{"name": "app", "image": "sample:1.0"}]}},
            },
            "status": {
                "observedGeneration": 7,
                "replicas": 3,
                "readyReplicas": 1,
                "updatedReplicas": 2,
                "conditions": [
                    {
                        "type": "Available",
                        "status": "False",
                        "reason": "MinimumReplicasUnavailable",
                        "message": "Deployment does not have minimum availability.",
                        "lastTransitionTime": CREATED,
                    }
                ],
            },
        },
    )
    assert key == Key("apps", "dash")
    assert found.kind is Kind.DEPLOYMENT
    assert found.release == "dash"
    assert (found.desired, found.current, found.ready, found.updated) == (3, 3, 1, 2)
    assert (found.generation, found.observed_generation) == (8, 7)
    assert found.images == ("sample:1.0",)
    assert found.selector == {"app.kubernetes.io/instance": "dash"}
    assert found.annotations["dash-portal.io/launched-by"] == "ann@example.com"
    assert workloads.LAST_APPLIED not in found.annotations
    assert found.conditions[0].changed_at == AT


def test_a_deployment_without_status_or_replicas_yet() -> None:
    _, found = of(
        deployment.decode,
        {
            "metadata": meta("dash", annotations=None),
            "spec": {"selector": {}, "template": {"spec": {"containers": []}}},
        },
    )
    assert (found.desired, found.ready, found.release) == (1, 0, "")


def test_zero_replicas_are_zero() -> None:
    _, found = of(
        replica_set.decode,
        {"metadata": meta("dash-1", **owned("Deployment", "dash")), "spec": {"replicas": 0}},
    )
    assert (found.desired, found.current, found.owner) == (0, 0, "dash")


def test_a_replica_set_of_a_rollout() -> None:
    raw = meta("dash-1", **owned("Deployment", "dash"))
    raw["annotations"] = {"deployment.kubernetes.io/revision": "12"}
    status = {"replicas": 2, "readyReplicas": 1}
    _, found = of(replica_set.decode, {"metadata": raw, "spec": {}, "status": status})
    assert (found.revision, found.current, found.ready) == (12, 2, 1)
    raw |= owned("Rollout", "dash")
    _, found = of(replica_set.decode, {"metadata": raw, "spec": {}})
    assert found.owner == "", "a Deployment of that name is another workload"


def test_a_paused_deployment() -> None:
    raw = {"metadata": meta("dash"), "spec": {"paused": True, "strategy": {"type": "Recreate"}}}
    _, found = of(deployment.decode, raw)
    assert (found.paused, found.strategy) == (True, "Recreate")


def limited(name: str, **limits: str) -> dict[str, Any]:
    """A container with limits."""
    return {"name": name, "resources": {"limits": limits}}


@pytest.mark.parametrize(
    ("spec", "partition"),
    [
        ({}, 0),
        ({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}, 2),
        ({"updateStrategy": {"rollingUpdate": {"partition": 9}}}, 3),
        ({"updateStrategy": {"rollingUpdate": {"partition": 6}}, "ordinals": {"start": 5}}, 1),
        ({"updateStrategy": {"rollingUpdate": {"partition": 4}}, "ordinals": {"start": 5}}, 0),
        ({"updateStrategy": {"type": "OnDelete"}}, 0),
    ],
)
def test_the_pods_that_a_partition_keeps(spec: JsonObject, partition: int) -> None:
    raw = {"metadata": meta("db"), "spec": {"replicas": 3, **spec}}
    _, found = of(stateful_set.decode, raw)
    assert found.partition == partition
    assert found.strategy == spec.get("updateStrategy", {}).get("type", "")


@pytest.mark.parametrize(
    ("status", "updated"),
    [
        ({"currentRevision": "db-1", "updateRevision": "db-1"}, 3),
        ({"currentRevision": "db-1", "updateRevision": "db-2"}, 0),
        ({"currentRevision": "db-1", "updateRevision": "db-2", "updatedReplicas": 1}, 1),
    ],
)
def test_a_stateful_set_may_leave_the_updated_replicas_out(
    status: JsonObject, updated: int
) -> None:
    raw = {"metadata": meta("db"), "spec": {"replicas": 3}, "status": {"replicas": 3, **status}}
    assert of(stateful_set.decode, raw)[1].updated == updated


def test_a_daemon_set_is_counted_by_nodes() -> None:
    _, found = of(
        daemon_set.decode,
        {
            "metadata": meta("agent", generation=2, **HELM),
            "spec": {"updateStrategy": {"type": "OnDelete"}},
            "status": {
                "observedGeneration": 2,
                "desiredNumberScheduled": 4,
                "currentNumberScheduled": 3,
                "numberReady": 2,
                "updatedNumberScheduled": 1,
            },
        },
    )
    assert (found.kind, found.release, found.strategy) == (Kind.DAEMON_SET, "dash", "OnDelete")
    assert (found.desired, found.current, found.ready, found.updated) == (4, 3, 2, 1)


def test_a_job() -> None:
    raw = {
        "metadata": meta("load", **HELM, **owned("CronJob", "nightly")),
        "spec": {"completions": 3, "suspend": True},
        "status": {
            "active": 1,
            "succeeded": 2,
            "failed": 4,
            "startTime": CREATED,
            "completionTime": CREATED,
            "conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}],
        },
    }
    key, found = of(job.decode, raw)
    assert (key.name, found.release, found.owner) == ("load", "dash", "nightly")
    assert (found.completions, found.active, found.succeeded, found.failed) == (3, 1, 2, 4)
    assert (found.suspended, found.started_at, found.completed_at) == (True, AT, AT)
    assert found.conditions[0].reason == "DeadlineExceeded"
    _, bare = of(job.decode, {"metadata": meta("load", **owned("Workflow", "nightly"))})
    assert (bare.completions, bare.suspended, bare.owner) == (1, False, "")


def test_a_cron_job() -> None:
    raw = {
        "metadata": meta("nightly", **HELM),
        "spec": {"schedule": "0 2 * * *", "timeZone": "Europe/Berlin", "suspend": True},
        "status": {"lastScheduleTime": CREATED, "lastSuccessfulTime": CREATED},
    }
    _, found = of(cron_job.decode, raw)
    assert (found.release, found.schedule, found.time_zone) == (
        "dash",
        "0 2 * * *",
        "Europe/Berlin",
    )
    assert (found.suspended, found.last_scheduled_at, found.last_succeeded_at) == (True, AT, AT)
    _, bare = of(cron_job.decode, {"metadata": meta("nightly"), "spec": {"schedule": "@daily"}})
    assert (bare.time_zone, bare.suspended, bare.last_scheduled_at) == ("", False, None)


def test_an_object_of_a_release_in_another_namespace_is_not_this_namespaces_release() -> None:
    raw = {"metadata": meta("dash", annotations={HELM_RELEASE_NAMESPACE: "elsewhere"})}
    raw["metadata"]["annotations"]["meta.helm.sh/release-name"] = "dash"
    _, found = of(deployment.decode, raw | {"spec": {}})
    assert found.release == ""


@pytest.mark.parametrize("kind", [deployment, job])
def test_an_object_of_a_hook_is_beside_the_release(kind: ModuleType) -> None:
    marks = {"meta.helm.sh/release-name": "dash", "helm.sh/hook": "pre-install"}
    raw = {"metadata": meta("dash-check", annotations=marks), "spec": {}}
    assert of(kind.decode, raw)[1].release == ""
    left = decode.unreadable(Kind.JOB, json.dumps(raw).encode(), ValueError("odd"))
    assert left is not None
    assert left.release == ""


def running_pod() -> JsonObject:
    return {
        "metadata": meta("dash-1-x", labels={"app": "dash"}, **owned("ReplicaSet", "dash-1")),
        "spec": {
            "nodeName": "n1",
            "containers": [
                {
                    "name": "app",
                    "image": "sample:1.0",
                    "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}},
                },
                {"name": "side", "image": "s:1", "resources": {"requests": {"cpu": "50m"}}},
            ],
        },
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": CREATED},
                {"type": "Ready", "status": "True", "lastTransitionTime": CREATED},
            ],
            "containerStatuses": [
                {
                    "name": "app",
                    "ready": True,
                    "restartCount": 2,
                    "state": {"running": {"startedAt": CREATED}},
                    "lastState": {
                        "terminated": {
                            "exitCode": 137,
                            "reason": "OOMKilled",
                            "message": "the end of the log",
                        }
                    },
                },
                {"name": "side", "ready": True, "restartCount": 0, "state": {"running": {}}},
            ],
        },
    }


def test_a_running_pod() -> None:
    key, found = of(pod.decode, running_pod())
    assert key == Key("apps", "dash-1-x")
    assert (found.ready, found.ready_at, found.node, found.owner) == (True, AT, "n1", "dash-1")
    assert found.cpu_request == pytest.approx(0.3)
    assert sum(each.cpu_request or 0 for each in found.containers) == pytest.approx(0.3)
    assert found.memory_request == 256 * 2**20
    assert not found.deleting
    app = found.containers[0]
    assert (app.state, app.ready, app.restarts, app.started_at) == ("running", True, 2, AT)
    assert (app.last_reason, app.last_exit_code) == ("OOMKilled", 137)
    assert app.last_message == "the end of the log"


def test_a_pod_that_goes() -> None:
    raw = running_pod()
    raw["metadata"] |= {"finalizers": ["example.com/backup", "foregroundDeletion"]}
    assert of(pod.decode, raw)[1].finalizers == ()
    raw["metadata"] |= {"deletionTimestamp": CREATED, "deletionGracePeriodSeconds": 30}
    _, found = of(pod.decode, raw)
    assert found.deleting
    assert found.deleting_since == AT - timedelta(seconds=30)
    assert found.finalizers == ("example.com/backup",)


def test_a_deployment_that_goes() -> None:
    raw = {
        "metadata": meta("dash", deletionTimestamp=CREATED, finalizers=["a/b"]),
        "spec": {"selector": {}, "template": {"spec": {"containers": []}}},
    }
    _, found = of(deployment.decode, raw)
    assert (found.deleting_since, found.finalizers) == (AT, ("a/b",))


def test_a_pod_whose_image_cannot_be_pulled() -> None:
    raw = running_pod()
    raw["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": CREATED}],
        "containerStatuses": [
            {
                "name": "app",
                "ready": False,
                "restartCount": 0,
                "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}},
            }
        ],
    }
    _, found = of(pod.decode, raw)
    assert (found.ready, found.ready_at) == (False, None)
    app, side = found.containers
    assert (app.state, app.reason, app.message) == ("waiting", "ErrImagePull", "not found")
    assert (side.state, side.reason) == ("waiting", ""), "not yet mentioned by the kubelet"


def test_a_pod_that_no_node_takes() -> None:
    raw = running_pod()
    del raw["spec"]["nodeName"]
    raw["status"] = {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/1 nodes are available: 1 Insufficient cpu.",
            }
        ],
    }
    _, found = of(pod.decode, raw)
    assert found.node == ""
    assert found.conditions == (
        Condition(
            "PodScheduled", "False", "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu."
        ),
    )


def test_init_containers_are_kept_until_they_are_done_and_sidecars_count() -> None:
    raw = running_pod()
    raw["spec"]["initContainers"] = [
        {"name": "done", "image": "i", "resources": {"requests": {"cpu": "8"}}},
        {"name": "stuck", "image": "i"},
        {
            "name": "sidecar",
            "image": "i",
            "restartPolicy": "Always",
            "resources": {"requests": {"cpu": "100m"}},
        },
    ]
    raw["status"]["initContainerStatuses"] = [
        {
            "name": "done",
            "ready": True,
            "restartCount": 0,
            "state": {"terminated": {"exitCode": 0}},
        },
        {
            "name": "stuck",
            "ready": False,
            "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        },
    ]
    _, found = of(pod.decode, raw)
    assert [(each.name, each.init, each.sidecar) for each in found.containers] == [
        ("app", False, False),
        ("side", False, False),
        ("sidecar", False, True),
        ("stuck", True, False),
    ]
    assert found.cpu_request == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("spec", "statuses", "limits"),
    [
        ({"containers": [limited("a", cpu="1", memory="1Gi")]}, [], (1, 2**30)),
        ({"containers": [limited("a", cpu="1"), limited("b", cpu="500m")]}, [], (1.5, None)),
        ({"containers": [limited("a", cpu="1"), limited("b")]}, [], (None, None)),
        (
            {
                "containers": [limited("a", cpu="1")],
                "initContainers": [
                    {**limited("s", cpu="1"), "restartPolicy": "Always"},
                    limited("i"),
                ],
            },
            [],
            (2, None),
        ),
        ({"containers": [limited("a")], "resources": {"limits": {"cpu": "3"}}}, [], (3, None)),
        (
            {"containers": [limited("a", cpu="1")]},
            [{"name": "a", "resources": {"limits": {"cpu": "2"}}}],
            (2, None),
        ),
        ({"containers": [limited("a", cpu="many")]}, [], (None, None)),
        ({"containers": []}, [], (None, None)),
    ],
)
def test_the_limits_of_a_pod(
    spec: dict[str, Any],
    statuses: list[dict[str, Any]],
    limits: tuple[float | None, float | None],
) -> None:
    raw = {"metadata": meta("p"), "spec": spec, "status": {"containerStatuses": statuses}}
    found = of(pod.decode, raw)[1]

    assert (found.cpu_limit, found.memory_limit) == limits


def test_the_probes_of_a_container() -> None:
    http = {"httpGet": {"port": "http", "path": "/up"}, "periodSeconds": 2, "failureThreshold": 90}
    tcp = {"tcpSocket": {"port": 8050}, "initialDelaySeconds": 5}
    app = {"name": "app", "image": "a", "startupProbe": http, "readinessProbe": tcp}
    exec_only = {"name": "b", "image": "b", "livenessProbe": {"exec": {"command": ["true"]}}}
    said = {"containerStatuses": [{"name": "app"}, {"name": "b"}]}
    raw = {"metadata": meta("dash-1-x"), "spec": {"containers": [app, exec_only]}, "status": said}
    first, second = of(pod.decode, raw)[1].containers
    assert first.probes == (
        ContainerProbe("startup", "http", "/up", 180, period=2),
        ContainerProbe("readiness", "8050", "", 35, 5),
    )
    assert second.probes == (ContainerProbe("liveness", "", "", 30),)


def test_the_requests_in_force_count_and_what_a_pod_waits_for() -> None:
    raw = running_pod()
    names = [each["name"] for each in raw["spec"]["containers"]]
    raw["status"]["containerStatuses"] = [
        {"name": names[0], "resources": {"requests": {"cpu": "2"}}},
        {"name": names[1], "allocatedResources": {"cpu": "1"}},
    ]
    raw["spec"]["readinessGates"] = [{"conditionType": "example.com/ready"}]
    raw["status"]["nominatedNodeName"] = "node-2"
    _, found = of(pod.decode, raw)
    assert found.cpu_request == 3
    assert (found.readiness_gates, found.nominated_node) == (("example.com/ready",), "node-2")


def test_a_sum_of_requests_with_one_that_cannot_be_read_is_unknown() -> None:
    raw = running_pod()
    raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "a lot"}}
    assert of(pod.decode, raw)[1].cpu_request is None


def test_a_pod_without_requests_and_one_that_requests_as_a_whole() -> None:
    raw = running_pod()
    for container in raw["spec"]["containers"]:
        del container["resources"]
    assert of(pod.decode, raw)[1].cpu_request is None
    raw["spec"]["resources"] = {"requests": {"cpu": "2"}}
    assert of(pod.decode, raw)[1].cpu_request == 2


def raw_hpa(metrics: list[JsonObject], current: list[JsonObject] | None, **spec: Any) -> JsonObject:
    return {
        "metadata": meta("dash", **HELM),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "dash"},
            "minReplicas": 2,
            "maxReplicas": 5,
            "metrics": metrics,
            **spec,
        },
        "status": {"currentReplicas": 2, "desiredReplicas": 3, "currentMetrics": current}
        | {"lastScaleTime": CREATED},
    }


CPU: JsonObject = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
}


def test_an_hpa_with_a_reading() -> None:
    current = {
        "type": "Resource",
        "resource": {"name": "cpu", "current": {"averageUtilization": 143, "averageValue": "143m"}},
    }
    key, found = of(
        hpa.decode,
        raw_hpa([CPU], [current], behavior={"scaleDown": {"stabilizationWindowSeconds": 0}}),
    )
    assert key == Key("apps", "dash")
    assert (found.release, found.target_kind, found.target_name) == ("dash", "Deployment", "dash")
    assert (found.min_replicas, found.max_replicas) == (2, 5)
    assert (found.current, found.desired, found.last_scale_at) == (2, 3, AT)
    assert found.metrics == (HpaMetric("cpu", "Utilization", 70, 143, reported=True),)
    assert found.behavior is not None
    assert found.behavior.down.window == 0, "none is not the default of 300"
    assert found.target_api == "apps/v1"
    assert found.created_at == AT


@pytest.mark.parametrize("current", [None, [], [{"type": ""}]])
def test_an_hpa_without_a_reading_says_unknown(current: list[JsonObject] | None) -> None:
    _, found = of(hpa.decode, raw_hpa([CPU], current))
    assert found.metrics[0].failing
    assert found.behavior is None


def test_an_hpas_other_metrics() -> None:
    metrics: list[JsonObject] = [
        {
            "type": "Resource",
            "resource": {
                "name": "memory",
                "target": {"type": "AverageValue", "averageValue": "500Mi"},
            },
        },
        {
            "type": "ContainerResource",
            "containerResource": {
                "container": "app",
                "name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": 50},
            },
        },
        {
            "type": "External",
            "external": {
                "metric": {"name": "queue_length"},
                "target": {"type": "Value", "value": "10"},
            },
        },
    ]
    current: list[JsonObject] = [
        {"type": ""},
        {
            "type": "ContainerResource",
            "containerResource": {
                "container": "app",
                "name": "cpu",
                "current": {"averageUtilization": 0, "averageValue": "0"},
            },
        },
        {
            "type": "Resource",
            "resource": {"name": "memory", "current": {"averageValue": "250Mi"}},
        },
    ]
    _, found = of(hpa.decode, raw_hpa(metrics, current))
    memory, container, queue = found.metrics
    assert (memory.name, memory.target_type) == ("memory", "AverageValue")
    assert (memory.target, memory.current) == (500 * 2**20, 250 * 2**20)
    assert (container.name, container.current) == ("app/cpu", 0)
    assert (queue.name, queue.target, queue.current) == ("queue_length", 10, None)


def external(value: str, queue: str = "orders", part: str = "target") -> JsonObject:
    """A metric of a spec; with ``part`` "current" of a status."""
    metric: JsonObject = {"name": "queue", "selector": {"matchLabels": {"queue": queue}}}
    kind = {"type": "AverageValue"} if part == "target" else {}
    return {
        "type": "External",
        "external": {"metric": metric, part: {**kind, "averageValue": value}},
    }


def readings(metrics: list[JsonObject], current: list[JsonObject] | None) -> list[float | None]:
    return [each.current for each in of(hpa.decode, raw_hpa(metrics, current))[1].metrics]


def test_metrics_of_one_name_are_told_apart() -> None:
    rps: JsonObject = {"name": "rps"}
    front = {"kind": "Service", "name": "front"}
    labels: JsonObject = {
        "matchLabels": {"b": "2", "a": "1"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["x", "y"]},
            {"key": "new", "operator": "Exists"},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }
    metrics: list[JsonObject] = [
        external("40", "invoices"),
        external("40", "mails"),
        external("500m", "gone"),
        {"type": "Object", "object": {"metric": rps, "describedObject": front}
         | {"target": {"type": "Value", "value": "2500m"}}},
        {"type": "Pods", "pods": {"metric": rps | {"selector": labels}}
         | {"target": {"type": "AverageValue", "averageValue": "2"}}},
    ]  # fmt: skip
    current: list[JsonObject] = [
        external("300", "invoices", "current"),
        external("4", "mails", "current"),
        {"type": ""},
        {"type": "Object", "object": {"metric": rps, "describedObject": front}
         | {"current": {"value": "1250m"}}},
        {"type": "Pods", "pods": {"metric": rps | {"selector": labels}}
         | {"current": {"averageValue": "417m"}}},
    ]  # fmt: skip
    _, found = of(hpa.decode, raw_hpa(metrics, current))
    assert [(each.source, each.selector, each.object, each.current) for each in found.metrics] == [
        ("External", "queue=invoices", "", 300),
        ("External", "queue=mails", "", 4),
        ("External", "queue=gone", "", None),
        ("Object", "", "Service front", 1.25),
        ("Pods", "a=1, b=2, tier in (x, y), new, !old", "", 0.417),
    ]
    assert [each.failing for each in found.metrics] == [False, False, True, False, False]


def test_the_same_metric_twice_is_matched_by_its_place() -> None:
    metrics = [external("10"), external("20")]
    assert readings(metrics, [{"type": ""}, external("7", part="current")]) == [None, 7]


@pytest.mark.parametrize(
    ("queues", "expected"),
    [
        (["b", "a"], [1, 2]),  # the spec's order was changed since
        (["b"], [None, 2]),
        (["c", "a"], [1, None]),
    ],
)
def test_a_status_of_another_spec_is_matched_by_identity(
    queues: list[str], expected: list[float | None]
) -> None:
    values = {"a": "1", "b": "2", "c": "3"}
    current = [external(values[queue], queue, "current") for queue in queues]
    assert readings([external("5", "a"), external("5", "b")], current) == expected


def test_an_average_over_no_pods_is_no_reading() -> None:
    for value in ("-9223372036854775808m", "9223372036854775807m"):
        _, found = of(
            hpa.decode, raw_hpa([external("40")], [external(value, part="current")], minReplicas=0)
        )
        (metric,) = found.metrics
        assert (metric.current, metric.reported, metric.failing) == (None, True, False)
        assert (found.min_replicas, found.max_replicas) == (0, 5)


def test_the_field_that_is_set_decides_how_a_metric_is_read() -> None:
    metric: JsonObject = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageValue": "500m"}},
    }
    current: JsonObject = {
        "type": "Resource",
        "resource": {"name": "cpu", "current": {"averageUtilization": 143, "averageValue": "250m"}},
    }
    (found,) = of(hpa.decode, raw_hpa([metric], [current]))[1].metrics
    assert (found.target_type, found.target, found.current) == ("AverageValue", 0.5, 0.25)
    # A reading in another unit than the target's is none.
    assert readings(
        [CPU], [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageValue": "1"}}}]
    ) == [None]


def test_a_type_of_metrics_that_is_not_known() -> None:
    (found,) = of(hpa.decode, raw_hpa([{"type": "Tarot"}], None))[1].metrics
    assert (found.source, found.target, found.failing) == (MetricSource.UNKNOWN, 0, True)


def test_scaling_behavior() -> None:
    up: JsonObject = {
        "stabilizationWindowSeconds": 60,
        "selectPolicy": "Min",
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
        "tolerance": "50m",
    }
    behavior = {"scaleUp": up, "scaleDown": {"selectPolicy": "Disabled"}}
    found = of(hpa.decode, raw_hpa([CPU], None, behavior=behavior))[1].behavior
    assert found == ScalingBehavior(
        ScalingRules(60, (ScalingPolicy("Pods", 1, 120),), "Min", 0.05),
        ScalingRules(None, SCALE_DOWN.policies, "Disabled"),
    )
    assert of(hpa.decode, raw_hpa([CPU], None, behavior={}))[1].behavior == ScalingBehavior()


def test_an_hpa_that_keda_made() -> None:
    raw = raw_hpa([CPU], None)
    raw["metadata"]["ownerReferences"] = [
        {"kind": "ScaledObject", "name": "worker", "controller": True}
    ]
    assert of(hpa.decode, raw)[1].scaled_object == "worker"


def test_min_replicas_default_to_one() -> None:
    raw = raw_hpa([], None)
    del raw["spec"]["minReplicas"]
    assert of(hpa.decode, raw)[1].min_replicas == 1


def test_a_node() -> None:
    _, found = of(
        node.decode,
        {
            "metadata": {"name": "n1", "creationTimestamp": CREATED},
            "spec": {"unschedulable": True},
            "status": {
                "allocatable": {"cpu": "1930m", "memory": "4Gi"},
                "addresses": [
                    {"type": "Hostname", "address": "n1"},
                    {"type": "InternalIP", "address": "198.19.254.1"},
                ],
                "conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {"operatingSystem": "linux", "architecture": "arm64"},
            },
        },
    )
    assert (found.name, found.ready, found.unschedulable) == ("n1", True, True)
    assert (found.os, found.architecture) == ("linux", "arm64")
    assert (found.internal_ip, found.cpu, found.memory) == ("198.19.254.1", 1.93, 4 * 2**30)


@pytest.mark.parametrize(
    ("times", "count"),
    [
        ({"lastTimestamp": CREATED, "count": 4}, 4),
        ({"lastTimestamp": None, "eventTime": "2026-11-23T07:26:08.000000Z"}, 1),
        ({"series": {"lastObservedTime": CREATED, "count": 9}, "eventTime": fake.T0}, 9),
        ({}, 1),
    ],
)
def test_an_event_in_each_style(times: JsonObject, count: int) -> None:
    _, found = of(
        event.decode,
        {
            "metadata": meta("dash.1"),
            "involvedObject": {"kind": "Pod", "name": "dash-1-x", "uid": "u"},
            "type": "Warning",
            "reason": "BackOff",
            "message": "Back-off",
            **times,
        },
    )
    assert (found.about_kind, found.about_name, found.about_uid) == ("Pod", "dash-1-x", "u")
    assert (found.last_at, found.count, found.type) == (AT, count, "Warning")


def test_a_quota_as_counted_and_before() -> None:
    raw = {
        "metadata": meta("team"),
        "spec": {"hard": {"pods": "20"}},
        "status": {"hard": {"pods": "10", "cpu": "4"}, "used": {"pods": "10", "cpu": "250m"}},
    }
    key, found = of(quota.decode, raw)
    assert key == found.key == Key("apps", "team")
    assert found.hard == {"pods": "10", "cpu": "4"}, "what is in force, not what is asked for"
    assert found.used == {"pods": "10", "cpu": "250m"}
    assert of(quota.decode, raw | {"status": {}})[1] == Quota(key, {}, {})


def test_a_release_from_its_secrets_metadata() -> None:
    raw = fake.secret("dash", 12, "pending-upgrade")
    raw["metadata"]["managedFields"] = [{"manager": "helm", "time": CREATED}]
    key, found = of(release.decode, raw)
    assert key == Key("apps", "sh.helm.release.v1.dash.v12"), "revisions stand beside each other"
    assert found.key == Key("apps", "dash")
    assert (found.revision, found.status) == (12, ReleaseStatus.PENDING_UPGRADE)
    assert found.updated_at == AT, "the newest write, not Helm's label"
    assert of(release.decode, raw | {"metadata": raw["metadata"] | {"uid": "u1"}})[1].uid == "u1"
    whose = {**raw["metadata"]["labels"], "dash-portal.io/launched-by": "u.ann.u"}
    owned = raw | {"metadata": raw["metadata"] | {"labels": whose}}
    assert of(release.decode, owned)[1].owners.owner == "u.ann.u"


def test_a_release_in_a_state_of_a_later_helm_is_unknown() -> None:
    assert of(release.decode, fake.secret("a", 1, "levitating"))[1].status is ReleaseStatus.UNKNOWN


def test_a_secret_that_is_no_release_is_refused() -> None:
    with pytest.raises(KeyError):
        of(release.decode, {"metadata": meta("x", labels={})})


def test_a_service() -> None:
    _, found = of(
        service.decode,
        {
            "metadata": meta("dash", **HELM),
            "spec": {
                "type": "LoadBalancer",
                "clusterIP": "198.19.0.9",
                "sessionAffinity": "ClientIP",
                "ports": [
                    {"name": "http", "port": 80, "nodePort": 30080, "protocol": "TCP"},
                    {"name": "dns", "port": 53, "protocol": "UDP"},
                ],
            },
            "status": {
                "loadBalancer": {"ingress": [{"hostname": "a.elb"}, {"ip": "198.19.255.2"}]}
            },
        },
    )
    assert found.ports == (ServicePort(80, 30080, "http"),)
    assert found.addresses == ("a.elb", "198.19.255.2")
    assert found.session_affinity
    assert found.release == "dash"


@pytest.mark.parametrize(
    ("paths", "path"),
    [
        ((), ""),
        (("/",), ""),
        (("/sales/",), "/sales"),
        (("/sales", "/sales"), "/sales"),
        (("/sales", "/"), ""),
        (("/sales(/|$)(.*)",), ""),
    ],
)
def test_the_path_below_which_an_app_is_served(paths: tuple[str, ...], path: str) -> None:
    rules = [{"host": "web.test", "http": {"paths": [{"path": each} for each in paths] or None}}]
    _, found = of(ingress.decode, {"metadata": meta("dash", **HELM), "spec": {"rules": rules}})
    matches = [{"path": {"type": "PathPrefix", "value": each}} for each in paths]
    rules = [{"matches": matches or None}]
    _, below = of(http_route.decode, {"metadata": meta("dash", **HELM), "spec": {"rules": rules}})
    assert (found.path, below.path) == (path, path)


def test_an_ingress() -> None:
    _, found = of(
        ingress.decode,
        {
            "metadata": meta("dash", **HELM),
            "spec": {
                "ingressClassName": "traefik",
                "rules": [{"host": "web.test"}, {"http": {}}],
                "tls": [{"hosts": ["web.test"], "secretName": "t"}, {"secretName": "all"}],
            },
            "status": {"loadBalancer": {}},
        },
    )
    assert (found.hosts, found.tls_hosts) == (("web.test",), ("web.test",))
    assert (found.class_name, found.addresses) == ("traefik", ())


def route(*conditions: JsonObject) -> JsonObject:
    return {
        "metadata": meta("dash", **HELM),
        "spec": {
            "hostnames": ["gw.test"],
            "parentRefs": [
                {"name": "traefik", "namespace": "kube-system"},
                {"name": "own"},
                {"kind": "Service", "name": "mesh"},
            ],
        },
        "status": {"parents": [{"conditions": list(conditions)}]},
    }


def test_a_route() -> None:
    accepted = {"type": "Accepted", "status": "True"}
    unresolved = {"type": "ResolvedRefs", "status": "False", "message": "no such service"}
    _, found = of(http_route.decode, route(accepted))
    assert found.gateways == (Key("kube-system", "traefik"), Key("apps", "own"))
    assert (found.hosts, found.accepted) == (("gw.test",), True)
    assert of(http_route.decode, route())[1].accepted is None
    _, found = of(http_route.decode, route(accepted, unresolved))
    assert (found.accepted, found.message) == (False, "no such service")


def test_a_gateway() -> None:
    _, found = of(
        gateway.decode,
        {
            "metadata": meta("traefik"),
            "spec": {"listeners": [{"name": "web", "protocol": "HTTP", "port": 80}]},
            "status": {"addresses": [{"type": "IPAddress", "value": "198.19.255.1"}]},
        },
    )
    assert (found.addresses, found.protocols) == (("198.19.255.1",), (("HTTP", 80),))


@pytest.mark.parametrize("wrong", [{}, {"spec": None}, {"spec": {"replicas": "three"}}])
def test_what_is_of_another_shape_is_refused(wrong: JsonObject) -> None:
    with pytest.raises(ValueError, match=r"missing|Expected"):
        of(deployment.decode, {"metadata": meta("dash")} | wrong)


def test_pod_usage() -> None:
    found = of(
        metrics.pod_usage,
        {
            "metadata": {"name": "dash-1-x", "namespace": "apps"},
            "timestamp": CREATED,
            "window": "10.038s",
            "containers": [
                {"name": "app", "usage": {"cpu": "2131000n", "memory": "120Mi"}},
                {"name": "side", "usage": {"cpu": "0", "memory": "1024Ki"}},
            ],
        },
    )
    assert found.cpu == pytest.approx(0.002131)
    assert found.memory == 121 * 2**20
    assert (found.at, found.window) == (AT, 10.038)


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("", 0)]
)
def test_go_durations(text: str, seconds: float) -> None:
    assert metrics.seconds(text) == pytest.approx(seconds)
