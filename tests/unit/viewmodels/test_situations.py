"""Situations that pages of other products tell wrongly, from the API server's JSON to the words.

Each is as small as it can be; what is not said is as the API leaves it out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from portal.cluster.kinds import RESOURCES
from portal.domain.keys import Key
from portal.state.store import Store
from portal.viewmodels.app import app_view
from portal.viewmodels.model import AppView

from .make import NOW

Json = dict[str, Any]
KINDS = {each.kind.value: each for each in RESOURCES} | {
    "Secret": next(each for each in RESOURCES if each.kind.value == "Release")
}
HASH = "7d9c"


def at(seconds: float) -> str:
    """The time so many seconds ago, as Kubernetes writes it."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def meta(name: str, owner: tuple[str, str] | None = None, **more: Any) -> Json:
    found: Json = {"name": name, "namespace": "apps", "uid": name, "creationTimestamp": at(600)}
    if owner:
        kind, of = owner
        found["ownerReferences"] = [{"kind": kind, "name": of, "controller": True}]
    else:
        found["annotations"] = {
            "meta.helm.sh/release-name": "web",
            "meta.helm.sh/release-namespace": "apps",
        }
    return {**found, **more}


def release() -> Json:
    labels = {"owner": "helm", "name": "web", "version": "2", "status": "deployed"}
    return {"kind": "Secret", "metadata": meta("sh.helm.release.v1.web.v2", labels=labels)}


def node() -> Json:
    return {
        "kind": "Node",
        "metadata": {"name": "node-1"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def workload(kind: str = "Deployment", status: Json | None = None, **spec: Any) -> Json:
    counts = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 0}
    return {
        "kind": kind,
        "metadata": meta("web", generation=1),
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, **spec},
        "status": {**counts, **(status or {})},
    }


def replica_set() -> Json:
    return {
        "kind": "ReplicaSet",
        "metadata": meta(f"web-{HASH}", ("Deployment", "web")),
        "spec": {"replicas": 1},
    }


def pod(
    name: str = f"web-{HASH}-abcde",
    owner: tuple[str, str] = ("ReplicaSet", f"web-{HASH}"),
    *,
    spec: Json | None = None,
    ready: bool = False,
    labels: Json | None = None,
    **status: Any,
) -> Json:
    conditions = status.pop("conditions", [])
    return {
        "kind": "Pod",
        "metadata": meta(name, owner, labels={"app": "web", **(labels or {})}),
        "spec": {"containers": [{"name": "app"}], "nodeName": "node-1", **(spec or {})},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "Ready", "status": str(ready), "lastTransitionTime": at(500)},
                *conditions,
            ],
            **status,
        },
    }


def statuses(name: str = "app", *, ready: bool = False, restarts: int = 0, **state: Json) -> Json:
    last = state.pop("last", None)
    return {
        "name": name,
        "ready": ready,
        "restartCount": restarts,
        "state": state,
        "lastState": {"terminated": last} if last else {},
    }


def runs(name: str = "app", *, ready: bool = True, **more: Any) -> Json:
    return statuses(name, ready=ready, running={"startedAt": at(500)}, **more)


def event(reason: str, message: str, about: str = f"Pod/web-{HASH}-abcde", path: str = "") -> Json:
    kind, _, name = about.partition("/")
    return {
        "kind": "Event",
        "metadata": meta(f"{name}.{reason}", ("", "")),
        "involvedObject": {
            "kind": kind,
            "name": name,
            "namespace": "apps",
            "fieldPath": path,
        },
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": at(5),
    }


def page(objects: Iterable[Json]) -> AppView:
    store = Store(lambda: NOW)
    for name in KINDS:
        store.set_source(name, synced=True, alive_at=NOW)
    for raw in (release(), node(), *objects):
        resource = KINDS[raw["kind"]]
        key, obj = resource.decode(json.dumps(raw))
        store.apply(resource.kind, key, obj)
    snapshot = store.snapshot
    return app_view(snapshot.app(Key("apps", "web")), snapshot.sources, NOW, nodes=snapshot.nodes)


def said(view: AppView) -> str:
    """All that the page says of the state."""
    parts = [f"{view.headline.text}: {view.sentence}"]
    autoscalers = [each for hpa in view.autoscalers for each in hpa.notices]
    parts += [f"{each.title}. {each.body} {each.advice}" for each in (*view.notices, *autoscalers)]
    parts += [f"{each.status.text}: {each.reason} {each.advice}" for each in view.pods]
    parts += [f"{each.name}: {each.state.text}: {each.words}" for each in view.workloads]
    parts += [f"{each.text}: {each.state.text}: {each.state.detail}" for each in view.urls]
    parts += [each.words for hpa in view.autoscalers for each in hpa.metrics]
    return "\n".join(parts)


def app(*pods: Json, status: Json | None = None, **spec: Any) -> tuple[Json, ...]:
    return (workload(status=status, **spec), replica_set(), *pods)


def waiting(reason: str, message: str, **more: Any) -> Json:
    return pod(containerStatuses=[statuses(waiting={"reason": reason, "message": message}, **more)])


MOUNT = (
    "failed to create shim task: runc create failed: unable to start container process: error "
    'during container init: error mounting "/var/lib/kubelet/pods/0/volumes/data" to rootfs at '
    '"/etc/hosts/x": open o_path procfd: open /run/rootfs/etc/hosts/x: not a directory'
)
LISTENS = "dial tcp 198.18.0.9:9999: connect: connection refused"
SIDECAR = {
    "name": "proxy",
    "restartPolicy": "Always",
    "startupProbe": {"tcpSocket": {"port": 9999}, "failureThreshold": 60},
    "readinessProbe": {"tcpSocket": {"port": 9999}},
}
KILLED = {"exitCode": 137, "reason": "Error", "finishedAt": at(60)}

MOUNTS = {
    "nodeName": "",
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "d"}}],
}
UNBOUND = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
}
FULL = {**UNBOUND, "message": "0/1 nodes are available: 1 Insufficient cpu."}
OLD, NEW = {"controller-revision-hash": "web-1"}, {"controller-revision-hash": "web-2"}
READY = pod(ready=True, containerStatuses=[runs()])


def service(labels: Json | None, target: int | str = 8050) -> Json:
    ports = [{"port": 80, "targetPort": target}]
    return {
        "kind": "Service",
        "metadata": meta("web"),
        "spec": {"selector": labels, "ports": ports},
    }


def stateful_set(*pods: Json, **status: Any) -> tuple[Json, ...]:
    counts = {"replicas": 2, "updatedReplicas": 0, "updateRevision": "web-2", **status}
    return (
        workload("StatefulSet", counts, replicas=2, updateStrategy={"type": "RollingUpdate"}),
        *pods,
    )


def member(number: int, revision: Json, **more: Any) -> Json:
    return pod(f"web-{number}", ("StatefulSet", "web"), labels=revision, **more)


def job(**status: Any) -> Json:
    return {"kind": "Job", "metadata": meta("load"), "spec": {"completions": 1}, "status": status}


SITUATIONS: dict[str, tuple[tuple[Json, ...], list[str]]] = {
    "a mounted key that is missing": (
        (
            *app(
                pod(
                    phase="Pending",
                    containerStatuses=[statuses(waiting={"reason": "ContainerCreating"})],
                )
            ),
            event(
                "FailedMount",
                'MountVolume.SetUp failed for volume "data" : references non-existent secret key: '
                "tls.key",
            ),
        ),
        [
            "Cannot start:",
            "It mounts the volume data with the key tls.key, which its Secret does not have.",
        ],
    ),
    "a user that must not be root": (
        app(
            waiting(
                "CreateContainerConfigError",
                'container\'s runAsUser breaks non-root policy (pod: "web", container: app)',
            )
        ),
        ["Runs as root: It is to run as root (runAsUser: 0), which its security context forbids."],
    ),
    "a directory that is mounted over a file": (
        app(waiting("RunContainerError", MOUNT)),
        ["A volume cannot be mounted at /etc/hosts/x: not a directory.", "subPath"],
    ),
    "the same while it is tried again": (
        app(
            waiting(
                "CrashLoopBackOff",
                "back-off 1m20s restarting failed container=app pod=web",
                restarts=4,
                last={"exitCode": 128, "reason": "StartError", "message": MOUNT},
            )
        ),
        [
            "a volume cannot be mounted at /etc/hosts/x: not a directory.",
            "Kubernetes waits up to 80 s",
        ],
    ),
    "a postStart hook that fails": (
        (
            *app(
                waiting(
                    "CrashLoopBackOff",
                    "back-off 20s restarting failed container=app pod=web",
                    restarts=2,
                    last=KILLED,
                )
            ),
            event("FailedPostStartHook", "PostStartHook failed", path="spec.containers{app}"),
        ),
        ["Crashing: ", "it was ended because its postStart hook failed."],
    ),
    "another container's postStart hook": (
        (
            *app(
                pod(
                    containerStatuses=[
                        statuses(
                            waiting={"reason": "CrashLoopBackOff"},
                            restarts=2,
                            last={**KILLED, "exitCode": 1},
                        ),
                        runs("other"),
                    ],
                    spec={"containers": [{"name": "app"}, {"name": "other"}]},
                )
            ),
            event("FailedPostStartHook", "PostStartHook failed", path="spec.containers{other}"),
        ),
        ["Crashing: app", "its program ended with an error (exit code 1)"],
    ),
    "a probe that runs a command": (
        (
            *app(
                pod(
                    spec={
                        "containers": [
                            {"name": "app", "readinessProbe": {"exec": {"command": ["x"]}}}
                        ]
                    },
                    containerStatuses=[runs(ready=False)],
                )
            ),
            event(
                "Unhealthy",
                "Readiness probe failed: database is locked",
                path="spec.containers{app}",
            ),
        ),
        ["The command of its readiness probe fails: database is locked."],
    ),
    "a native sidecar that the others wait for": (
        (
            *app(
                pod(
                    phase="Pending",
                    spec={"initContainers": [SIDECAR]},
                    initContainerStatuses=[runs("proxy", ready=False)],
                    containerStatuses=[statuses(waiting={"reason": "PodInitializing"})],
                )
            ),
            event(
                "Unhealthy", f"Startup probe failed: {LISTENS}", path="spec.initContainers{proxy}"
            ),
        ),
        [
            "Fails its startup probe: ",
            "It waits for its sidecar proxy to start.",
            "Nothing listens on port 9999",
        ],
    ),
    "a native sidecar that is not ready": (
        (
            *app(
                pod(
                    spec={"initContainers": [SIDECAR]},
                    initContainerStatuses=[runs("proxy", ready=False)],
                    containerStatuses=[runs()],
                )
            ),
            event(
                "Unhealthy", f"Readiness probe failed: {LISTENS}", path="spec.initContainers{proxy}"
            ),
        ),
        ["Slow to start:", "Its sidecar proxy is not ready.", "Nothing listens on port 9999"],
    ),
    "a scheduler that does not exist": (
        app(pod(phase="Pending", spec={"nodeName": "", "schedulerName": "gpu-scheduler"})),
        ["No scheduler: ", "the scheduler gpu-scheduler, and none of that name has looked at it."],
    ),
    "a scheduler that has stopped": (
        app(pod(phase="Pending", spec={"nodeName": "", "schedulerName": "default-scheduler"})),
        ["Kubernetes' scheduler has not looked at it yet."],
    ),
    "a scheduling gate": (
        app(
            pod(
                phase="Pending",
                spec={"nodeName": "", "schedulingGates": [{"name": "example.com/quota"}]},
                conditions=[
                    {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
                ],
            )
        ),
        ["Starting:", "It has the scheduling gate example.com/quota"],
    ),
    "a node that does not exist": (
        app(pod(phase="Pending", spec={"nodeName": "node-9"})),
        ["Cannot start:", "It is assigned to the node node-9, which the cluster does not have."],
    ),
    "a node that pulls too much at once": (
        app(waiting("ErrImagePull", "pull QPS exceeded")),
        ["Node pulls many images: ", "nothing has to be changed"],
    ),
    "a resize that waits for room": (
        app(
            pod(
                ready=True,
                containerStatuses=[runs()],
                conditions=[
                    {
                        "type": "PodResizePending",
                        "status": "True",
                        "reason": "Deferred",
                        "message": "Node didn't have enough resource: cpu, requested: 1700, "
                        "used: 945, capacity: 1800",
                    }
                ],
            ),
            status={"readyReplicas": 1},
        ),
        ["waits to be resized", "not enough CPU (1.7 cores requested, 1.8 cores there"],
    ),
    "a claim of a storage class that does not exist": (
        (
            *app(pod(phase="Pending", spec=MOUNTS, conditions=[UNBOUND])),
            event(
                "ProvisioningFailed",
                'storageclass.storage.k8s.io "fast" not found',
                "PersistentVolumeClaim/d",
            ),
        ),
        ["Storage class missing: ", "The storage class fast that its volume claim d names"],
    ),
    "a claim without any storage class": (
        (
            *app(pod(phase="Pending", spec=MOUNTS, conditions=[UNBOUND])),
            event(
                "FailedBinding",
                "no persistent volumes available for this claim and no storage class is set",
                "PersistentVolumeClaim/d",
            ),
        ),
        ["No storage class: ", "the cluster has no default one, and no free volume fits."],
    ),
    "a claim whose provisioner fails": (
        (
            *app(pod(phase="Pending", spec=MOUNTS, conditions=[UNBOUND])),
            event("ProvisioningFailed", "out of quota", "PersistentVolumeClaim/d"),
            event("ProvisioningFailed", "no business of this app", "PersistentVolumeClaim/e"),
        ),
        ["The volume of its claim d cannot be provided: Out of quota."],
    ),
    "a claim whose provisioner does not run": (
        (
            *app(pod(phase="Pending", spec=MOUNTS, conditions=[UNBOUND])),
            event(
                "ExternalProvisioning",
                "Waiting for a volume to be created either by the external provisioner "
                "'csi.example.com' or manually by the system administrator.",
                "PersistentVolumeClaim/d",
            ),
        ),
        ["The provisioner csi.example.com has not created the volume of its claim d yet."],
    ),
    "a StatefulSet whose broken pod holds up its correction": (
        stateful_set(
            member(0, OLD, ready=True, containerStatuses=[runs()]),
            member(
                1,
                OLD,
                containerStatuses=[statuses(waiting={"reason": "ImagePullBackOff"})],
            ),
            readyReplicas=1,
        ),
        [
            "Update stuck: Kubernetes replaces a pod of this StatefulSet only while all others are "
            "ready, and web-1 of the version before is not.",
            "It goes on when web-1 is deleted",
        ],
    ),
    "a StatefulSet whose new pod is broken": (
        stateful_set(
            member(0, OLD, ready=True, containerStatuses=[runs()]),
            member(
                1,
                NEW,
                containerStatuses=[statuses(waiting={"reason": "ImagePullBackOff"})],
            ),
            readyReplicas=1,
            updatedReplicas=1,
        ),
        ["Degraded: 1 of 2 pods is ready; 1 is unable to start."],
    ),
    "pods that have to be ready for a while": (
        (
            workload(
                status={"replicas": 2, "readyReplicas": 2, "availableReplicas": 1},
                minReadySeconds=600,
            ),
            replica_set(),
            READY,
        ),
        ["A new pod counts as available when it has been ready for 10 min (minReadySeconds)"],
    ),
    "an update that finds no room beside the old pod": (
        (
            workload(status={"replicas": 2, "readyReplicas": 1}),
            replica_set(),
            READY,
            pod(f"web-{HASH}-new", phase="Pending", spec={"nodeName": ""}, conditions=[FULL]),
        ),
        ["Update stuck: ", "let the update end an old pod first: maxUnavailable: 1"],
    ),
    "a Service that selects nothing": (
        (*app(READY, status={"readyReplicas": 1}), service({"app": "shop"})),
        [
            "The Service web leads to no pod",
            "Its selector, app=shop, matches none of the app's pods.",
        ],
    ),
    "a Service whose port no container names": (
        (*app(READY, status={"readyReplicas": 1}), service({"app": "web"}, "http")),
        ["Its port 80 leads to the port named http, and no container of the pods has one"],
    ),
    "a Job that fails again and again": (
        (job(active=1, failed=3),),
        ["Retrying: The Job load is tried again: 3 pods have failed.", "until its backoff limit"],
    ),
    "a Job that succeeds after a failure": (
        (job(succeeded=1, failed=3, conditions=[{"type": "Complete", "status": "True"}]),),
        ["Succeeded: The Job load has succeeded."],
    ),
    "a CronJob that runs one at a time": (
        (
            {
                "kind": "CronJob",
                "metadata": meta("cron"),
                "spec": {"schedule": "* * * * *", "concurrencyPolicy": "Forbid"},
            },
            {
                "kind": "Job",
                "metadata": meta("cron-1", ("CronJob", "cron")),
                "status": {"active": 1, "startTime": at(500)},
            },
        ),
        ["No other run begins while it is at work (concurrencyPolicy Forbid)."],
    ),
    "a Job whose indexes failed": (
        (
            job(
                failed=1,
                conditions=[{"type": "Failed", "status": "True", "reason": "FailedIndexes"}],
            ),
        ),
        ["Failed: The Job load has failed: some of its indexes have failed."],
    ),
    "an autoscaler that reads a container that is not there": (
        (
            *app(pod(ready=True, containerStatuses=[runs()]), status={"readyReplicas": 1}),
            {
                "kind": "HorizontalPodAutoscaler",
                "metadata": meta("web"),
                "spec": {
                    "scaleTargetRef": {
                        "apiVersion": "apps/v1",
                        "kind": "Deployment",
                        "name": "web",
                    },
                    "maxReplicas": 3,
                    "metrics": [
                        {
                            "type": "ContainerResource",
                            "containerResource": {
                                "name": "cpu",
                                "container": "main",
                                "target": {"type": "AverageValue", "averageValue": "2500u"},
                            },
                        }
                    ],
                },
                "status": {
                    "conditions": [
                        {
                            "type": "ScalingActive",
                            "status": "False",
                            "reason": "FailedGetContainerResourceMetric",
                            "message": "failed to get cpu utilization: did not receive metrics for "
                            "targeted pods (pods might be unready)",
                        }
                    ]
                },
            },
        ),
        ["Autoscaler fails:", "There is no container main.", "target 0.0025 cores"],
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_page_tells_the_situation(name: str) -> None:
    objects, words = SITUATIONS[name]
    text = said(page(objects))
    assert [each for each in words if each not in text] == [], text


def test_a_service_that_leads_to_its_pods_is_no_trouble() -> None:
    named = pod(
        ready=True,
        spec={"containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 8050}]}]},
        containerStatuses=[runs()],
    )
    view = page((*app(named, status={"readyReplicas": 1}), service({"app": "web"}, "http")))
    assert (view.headline.text, view.notices) == ("Ready", ())


def test_an_old_pod_that_only_starts_holds_up_nothing() -> None:
    starts = member(
        1,
        OLD,
        phase="Pending",
        containerStatuses=[statuses(waiting={"reason": "ContainerCreating"})],
    )
    first = member(0, OLD, ready=True, containerStatuses=[runs()])
    assert "Update stuck" not in said(page(stateful_set(first, starts, readyReplicas=1)))
