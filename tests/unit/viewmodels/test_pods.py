# ruff: noqa: E501
"""Descriptions of pods, for messages of kubelets, schedulers and runtimes."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from portal.catalog.launch_fields import LABELS
from portal.domain.objects import ContainerProbe, Event, Pod, PodUsage
from portal.viewmodels.crashes import CODES, HINTS, ending, last_words
from portal.viewmodels.diagnosis import Diagnosis, Stage
from portal.viewmodels.model import Severity
from portal.viewmodels.pods import diagnose, foremost, pod_view
from tests.images.corpus import CORPUS

from .make import (
    IMAGE,
    NOW,
    ago,
    condition,
    container,
    event,
    node,
    pending,
    pod,
    unready,
    waiting,
)


def told(one: Pod, *events: Event) -> Diagnosis:
    return diagnose(one, events, (node(), node("node-2")), NOW)


PULL = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '


@pytest.mark.parametrize(
    ("reason", "message", "title"),
    [
        ("ErrImagePull", f"rpc error: code = NotFound desc = {PULL}{IMAGE}: not found", "Image not found"),
        ("ImagePullBackOff", f'Back-off pulling image "{IMAGE}": ErrImagePull: {PULL}not found', "Image not found"),
        ("ErrImagePull", f"{PULL}manifest unknown: manifest unknown", "Image not found"),
        (
            "ErrImagePull",
            f"{PULL}pull access denied, repository does not exist or may require authorization: "
            "server message: insufficient_scope: authorization failed",
            "Image not found or private",
        ),
        ("ErrImagePull", f"{PULL}unexpected status from HEAD request: 401 Unauthorized", "Image: access denied"),
        ("ErrImagePull", f"{PULL}unexpected status from HEAD request: 403 Forbidden", "Image: access denied"),
        (
            "ErrImagePull",
            f'{PULL}failed to do request: Head "https://registry.example.org/v2/": dial tcp: '
            "lookup registry.example.org on 198.19.0.10:53: no such host",
            "Registry not reachable",
        ),
        (
            "ErrImagePull",
            f'{PULL}failed to do request: Head "http://localhost:5000/v2/": dial tcp '
            "127.0.0.1:5000: connect: connection refused",
            "Registry not reachable",
        ),
        ("ErrImagePull", f"{PULL}dial tcp 198.51.100.7:443: i/o timeout", "Registry not reachable"),
        (
            "ErrImagePull",
            f"{PULL}tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "Registry not trusted",
        ),
        ("ErrImagePull", f"{PULL}http: server gave HTTP response to HTTPS client", "Registry not trusted"),
        ("ErrImagePull", f"{PULL}unexpected status code 429 Too Many Requests", "Registry rate limit reached"),
        ("ErrImagePull", "no match for platform in manifest: not found", "Wrong CPU architecture"),
        ("ErrImagePull", "write /var/lib/x: no space left on device", "Node's disk is full"),
        ("ErrImagePull", "", "Image cannot be pulled"),
        ("InvalidImageName", 'Failed to apply default image tag "Demo:": invalid reference format', "Image name is invalid"),
        ("ErrImageNeverPull", f'Container image "{IMAGE}" is not present with pull policy of Never', "Image not on the node"),
    ],
)  # fmt: skip
def test_images(reason: str, message: str, title: str) -> None:
    found = told(unready(waiting(reason, message), phase="Pending"))
    assert (found.stage, found.severity, found.title) == (Stage.BLOCKED, Severity.BAD, title)
    assert IMAGE in found.reason
    assert found.advice
    assert found.detail.startswith(reason)


def test_a_short_back_off_is_explained_by_the_event() -> None:
    short = unready(waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"'))
    assert told(short).title == "Image cannot be pulled"
    failed = event("Failed", f'Failed to pull image "{IMAGE}": {PULL}not found')
    assert told(short, failed).title == "Image not found"


def test_another_pods_event_explains_nothing() -> None:
    short = unready(waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"'))
    other = event("Failed", f"{PULL}not found", about="other")
    earlier = event("Failed", f"{PULL}not found", about_uid="uid-of-an-earlier-pod")
    assert told(short, other, earlier).title == "Image cannot be pulled"


def crashed(code: int | None, reason: str = "Error", **fields: object) -> Pod:
    back_off = "back-off 5m0s restarting failed container=demo pod=demo-7d9c-abcde_apps(uid)"
    return unready(
        waiting(
            "CrashLoopBackOff",
            back_off,
            restarts=4,
            last_exit_code=code,
            last_reason=reason,
            **fields,
        )
    )


@pytest.mark.parametrize(
    ("code", "reason", "title", "words"),
    [
        (137, "OOMKilled", "Out of memory", "used more memory than its limit"),
        (137, "Error", "Crashing", "SIGKILL, exit code 137"),
        (139, "Error", "Crashing", "SIGSEGV"),
        (143, "Error", "Crashing", "told to stop (SIGTERM"),
        (0, "Completed", "Crashing", "ended by itself, without an error"),
        (1, "Error", "Crashing", "exit code 1"),
        (2, "Error", "Crashing", "exit code 2"),
        (3, "Error", "Crashing", "ended with exit code 3"),
        (126, "Error", "Crashing", "cannot be run (exit code 126)"),
        (127, "Error", "Crashing", "not found in the image (exit code 127)"),
        (128, "StartError", "Cannot be started", "could not be started"),
        (134, "Error", "Crashing", "SIGABRT"),
        (77, "Error", "Crashing", "exit code 77"),
        (None, "", "Crashing", "it ended"),
    ],
)
def test_crashes(code: int | None, reason: str, title: str, words: str) -> None:
    found = told(crashed(code, reason))
    assert (found.stage, found.severity, found.title) == (Stage.CRASHING, Severity.BAD, title)
    assert words in found.reason
    assert "5 times" in found.reason
    assert "waits up to 5 min" in found.reason
    assert "See the previous run under Logs." in found.advice


def test_no_secret_is_in_the_last_words() -> None:
    said = "Traceback\nOperationalError: postgres://ada:hunter2-hunter2@db/x refused"
    assert last_words(said) == "OperationalError: postgres://ada:(hidden)@db/x refused"
    assert "hunter2" not in ending("StartError", 128, said).clause


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("Traceback…\nModuleNotFoundError: No module named 'pandas'", "Python package pandas"),
        ("OSError: [Errno 30] Read-only file system: '/app/cache'", "below /tmp"),
        ("OSError: [Errno 24] inotify instance limit reached", "FILE_WATCHER_TYPE=none"),
        (
            "RuntimeError: cannot cache function 'f': no locator available for file '/app/a.py'",
            "NUMBA_CACHE_DIR",
        ),
        ("sh: 1: streamlit: not found", "streamlit is not in the image"),
        ("/bin/sh: 1: serve: Permission denied", "below /root"),
        ("bash: line 1: panel: command not found", "panel is not in the image"),
        ('exec: "serve": executable file not found in $PATH', "only root may read"),
        ("PermissionError: [Errno 13] Permission denied: '/data'", "does not run as root"),
        ("exec /usr/bin/gunicorn: exec format error", "another CPU architecture"),
        ("Failed to find attribute 'server' in 'app'.", "app.server"),
        ("sqlite3.OperationalError: unable to open database file", "SQLite"),
        ("sqlite3.OperationalError: attempt to write a readonly database", "SQLite"),
        ("OSError: [Errno 28] No space left on device", "/dev/shm"),
        ("RuntimeError: DataLoader worker is killed by signal: Bus error.", "/dev/shm"),
        ("nginx: setgid(101) failed (1: Operation not permitted)", "only root may"),
        ("KeyError: 'getpwuid(): uid not found: 1001'", "number 1001"),
        ("KeyError: 'DATABASE_URL'", "It reads DATABASE_URL"),
        ("Error: environment variable API_TOKEN is not set", "API_TOKEN"),
        (
            "URLError: <urlopen error [Errno -3] Temporary failure in name resolution>",
            "Another server",
        ),
        ("exec /app/start.sh: no such file or directory", "CRLF"),
        ("start.sh: 2: exec: python3\r: not found", "CRLF"),
        (
            "[ERROR] Worker (pid:9) was sent SIGKILL! Perhaps out of memory?",
            "raise the memory limit",
        ),
    ],
)
def test_last_words_give_the_advice(message: str, advice: str) -> None:
    found = told(crashed(1, last_message=message))
    assert advice in found.advice
    assert message.splitlines()[-1] in found.reason


def test_between_crash_and_back_off() -> None:
    found = told(
        unready(container(ready=False, state="terminated", reason="OOMKilled", exit_code=137))
    )
    assert found.title == "Out of memory"
    assert "starting it again" in found.reason


@pytest.mark.parametrize(
    ("reason", "message", "title"),
    [
        (
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root (pod: "
            '"demo_apps(uid)", container: demo)',
            "Image runs as root",
        ),
        (
            "CreateContainerConfigError",
            "container has runAsNonRoot and image has non-numeric user (app), cannot verify user "
            "is non-root",
            "Image runs as root",
        ),
        ("CreateContainerConfigError", 'secret "database" not found', "Secret missing"),
        ("CreateContainerConfigError", 'configmap "settings" not found', "ConfigMap missing"),
        (
            "CreateContainerConfigError",
            "couldn't find key url in Secret apps/db",
            "Key missing",
        ),
        (
            "RunContainerError",
            'failed to create containerd task: exec: "gunicorn": executable file not found in '
            "$PATH: unknown",
            "Command not found",
        ),
        ("CreateContainerError", "context deadline exceeded", "Cannot be started"),
    ],
)
def test_containers_that_cannot_be_made(reason: str, message: str, title: str) -> None:
    found = told(unready(waiting(reason, message)))
    assert (found.stage, found.title) == (Stage.BLOCKED, title)
    assert found.reason.endswith(".")


PREEMPTION = " preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."


@pytest.mark.parametrize(
    ("message", "title", "words"),
    [
        (
            f"0/3 nodes are available: 3 Insufficient cpu.{PREEMPTION}",
            "Unschedulable",
            "It requests 0.1 cores and 128 MiB of memory, but all 3 nodes have too little CPU left.",
        ),
        (
            "0/3 nodes are available: 1 node(s) had untolerated taint {gpu: only}, 2 Insufficient "
            f"memory.{PREEMPTION}",
            "Unschedulable",
            "1 of 3 nodes has a taint that the app does not tolerate (gpu) and 2 of 3 nodes have too little memory left.",
        ),
        ("0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.", "Unschedulable", "the only node has too little CPU left and it has too little memory left."),
        ("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.", "Unschedulable", "All 2 nodes do not match the app's node selector"),
        ("0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.", "Unschedulable", "anti-affinity"),
        ("0/2 nodes are available: 2 node(s) were unschedulable.", "Unschedulable", "cordoned"),
        ("0/1 nodes are available: 1 Too many pods.", "Unschedulable", "already runs as many pods"),
        ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "Unschedulable", "has no nvidia.com/gpu free"),
        ("0/1 nodes are available: 1 node(s) were very odd.", "Unschedulable", "The only node: node(s) were very odd"),
        ("no nodes available to schedule pods", "No nodes", "has no node"),
        ('0/1 nodes are available: persistentvolumeclaim "data" not found. preemption: …', "Volume missing", "The volume claim data"),
        ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. …", "Waiting for its volume", "has not been provisioned"),
        ("something new", "Waiting for a node", "something new"),
    ],
)  # fmt: skip
def test_no_room(message: str, title: str, words: str) -> None:
    unschedulable = condition("PodScheduled", reason="Unschedulable", message=message)
    found = told(pending(unschedulable))
    assert (found.stage, found.severity, found.title) == (Stage.NO_ROOM, Severity.WARN, title)
    assert words in found.reason
    assert found.advice
    assert found.since == unschedulable.changed_at


def test_larger_than_any_node() -> None:
    message = "0/1 nodes are available: 1 Insufficient cpu."
    found = told(pending(condition("PodScheduled", message=message), cpu_request=6.0))
    assert found.advice == "No node is that large: request less than 4 cores of CPU."


def test_a_new_node_is_progress() -> None:
    message = "0/1 nodes are available: 1 Insufficient cpu."
    waits = pending(condition("PodScheduled", message=message))
    up = event("TriggeredScaleUp", "pod triggered scale-up: [{workers 1->2 (max: 4)}]")
    found = told(waits, up)
    assert (found.stage, found.severity) == (Stage.WAITING, Severity.BUSY)
    assert "cluster autoscaler is adding one" in found.reason
    limit = event("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached")
    assert "cannot add a node" in told(waits, limit).advice


def test_not_looked_at_by_the_scheduler_yet() -> None:
    assert told(pending(created_at=ago(20))).stage is Stage.WAITING


def creating(**fields: object) -> Pod:
    return unready(waiting("ContainerCreating"), phase="Pending", **fields)


def test_a_long_pull_is_progress() -> None:
    pulling = event("Pulling", f'Pulling image "{IMAGE}"', type="Normal", last_at=ago(1500))
    found = told(creating(created_at=ago(1510)), pulling)
    assert (found.stage, found.severity) == (Stage.PULLING, Severity.BUSY)
    assert found.title == "Downloading the image"
    assert found.since == ago(1500)


def test_after_the_pull_it_is_starting() -> None:
    pulling = event("Pulling", "Pulling image", last_at=ago(50))
    pulled = event("Pulled", "Successfully pulled image in 48.1s", last_at=ago(2))
    assert told(creating(), pulling, pulled).stage is Stage.STARTING
    assert told(creating()).stage is Stage.STARTING


def test_nothing_heard_for_long() -> None:
    assert told(creating(created_at=ago(600))).stage is Stage.SLOW


@pytest.mark.parametrize(
    ("reason", "message", "title"),
    [
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "data" : mount failed: exit status 32',
            "Waiting for its volume",
        ),
        ("FailedMount", 'MountVolume.SetUp failed for volume "x" : secret "tls" not found', "Secret missing"),
        (
            "FailedAttachVolume",
            'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) demo-1',
            "Waiting for its volume",
        ),
        ("FailedCreatePodSandBox", "Failed to create pod sandbox: plugin type=bridge", "Waiting for its network"),
    ],
)  # fmt: skip
def test_setting_up_goes_wrong(reason: str, message: str, title: str) -> None:
    found = told(creating(), event(reason, message))
    assert found.title == title
    assert found.stage.troubled


def running(started: float, **fields: object) -> Pod:
    one = container(ready=False, started_at=ago(started))
    conditions = (
        condition("Initialized", "True", changed_at=ago(started + 1)),
        condition("Ready", reason="ContainersNotReady", changed_at=ago(started + 1)),
    )
    return unready(one, conditions=conditions, **fields)


REFUSED = (
    'Readiness probe failed: Get "http://198.18.0.9:8050/": dial tcp 198.18.0.9:8050: connect: '
    "connection refused"
)


def test_starting_is_no_trouble() -> None:
    found = told(running(8), event("Unhealthy", REFUSED))
    assert (found.stage, found.severity, found.title) == (Stage.STARTING, Severity.BUSY, "Starting")
    assert found.since == ago(8)
    assert not found.fields


STARTUP = ContainerProbe("startup", "http", "/healthz", 180)


@pytest.mark.parametrize(
    ("message", "stage", "words", "fields"),
    [
        (
            'Startup probe failed: Get "http://198.18.0.9:8050/healthz": dial tcp 198.18.0.9:8050: '
            "connect: connection refused",
            Stage.STARTING,
            "Its startup probe gets /healthz on port 8050. Nothing listens on port 8050 of the "
            "pod's address: it is not listening yet, or on another port, or on 127.0.0.1 only.",
            ("port", "start_time"),
        ),
        (
            "Startup probe failed: dial tcp 198.18.0.9:8050: connect: connection refused",
            Stage.STARTING,
            "Its startup probe gets /healthz on port 8050. Nothing listens on port 8050",
            ("port", "start_time"),
        ),
        (
            "Startup probe failed: HTTP probe failed with statuscode: 404",
            Stage.SLOW,
            "Its startup probe gets /healthz on port http. It gets HTTP 404.",
            ("health_path", "port"),
        ),
        (
            "Startup probe failed: HTTP probe failed with statuscode: 401",
            Stage.SLOW,
            "It gets HTTP 401. The app wants a sign-in for that path.",
            ("health_path",),
        ),
        (
            "Startup probe failed: HTTP probe failed with statuscode: 302",
            Stage.SLOW,
            "It gets HTTP 302.",
            ("health_path", "port"),
        ),
        (
            "Startup probe failed: HTTP probe failed with statuscode: 503",
            Stage.STARTING,
            "It gets HTTP 503.",
            (),
        ),
        (
            'Startup probe failed: Get "http://198.18.0.9:8050/healthz": context deadline exceeded '
            "(Client.Timeout exceeded while awaiting headers)",
            Stage.STARTING,
            "It accepts connections on port 8050 but answers too slowly.",
            ("start_time",),
        ),
        (
            'Startup probe failed: Get "http://198.18.0.9:8050/healthz": dial tcp 198.18.0.9:8050: '
            "i/o timeout",
            Stage.STARTING,
            "No connection on port 8050 comes about.",
            ("start_time",),
        ),
        (
            'Startup probe failed: Get "http://198.18.0.9:8050/healthz": EOF',
            Stage.STARTING,
            "Connections to it are closed without an answer.",
            ("port",),
        ),
        (
            'Startup probe failed: Get "https://198.18.0.9:8050/": http: server gave HTTP response '
            "to HTTPS client",
            Stage.STARTING,
            "What answers on port 8050 speaks another protocol.",
            ("port",),
        ),
        ("Startup probe failed: no such file", Stage.STARTING, "The probe failed: ", ()),
    ],
)
def test_a_probe_that_fails_is_named_within_seconds(
    message: str, stage: Stage, words: str, fields: tuple[str, ...]
) -> None:
    one = container(ready=False, started_at=ago(15), probes=(STARTUP,))
    found = told(replace(running(15), containers=(one,)), event("Unhealthy", message))
    answered = re.search(r"gets (HTTP [1-4]\d\d)|in a circle", found.reason)
    title = "Fails its startup probe"
    if answered:
        how = f"gets {answered[1]}" if answered[1] else "is redirected in a circle"
        title = f"Startup probe {how}"
    assert (found.stage, found.title) == (stage, title)
    assert words in found.reason
    assert found.fields == fields
    assert ("allow a longer start" in found.advice) is ("start_time" in fields)


def test_of_several_containers_the_probe_of_the_one_that_is_not_ready_is_told() -> None:
    fine = container(name="proxy", probes=(ContainerProbe("startup", "15021", "/ready", 30),))
    one = container(ready=False, started_at=ago(15), probes=(STARTUP,))
    message = "Startup probe failed: HTTP probe failed with statuscode: 404"
    found = told(replace(running(15), containers=(fine, one)), event("Unhealthy", message))
    assert "/healthz" in found.reason


def test_killed_by_its_startup_probe() -> None:
    one = container(ready=False, restarts=1, started_at=ago(3), probes=(STARTUP,))
    killing = event("Killing", "Container demo failed startup probe, will be restarted")
    refused = event("Unhealthy", REFUSED.replace("Readiness", "Startup"))
    found = told(replace(running(3), containers=(one,)), killing, refused)
    assert (found.stage, found.title) == (Stage.SILENT, "Restarted: startup probe failed")
    assert "restarted after 3 min, so allow a longer start" in found.advice


def test_a_long_pull_before_does_not_make_the_start_slow() -> None:
    slow_pull = running(20, created_at=ago(900))
    assert told(slow_pull).stage is Stage.STARTING


@pytest.mark.parametrize(
    ("message", "words", "advice"),
    [
        (REFUSED, "Nothing listens on port 8050", "0.0.0.0"),
        ("Readiness probe failed: HTTP probe failed with statuscode: 500", "HTTP 500", "log"),
        (
            'Readiness probe failed: Get "http://198.18.0.9:8050/": context deadline exceeded '
            "(Client.Timeout exceeded while awaiting headers)",
            "too slowly",
            "more CPU",
        ),
    ],
)
def test_slow_to_start(message: str, words: str, advice: str) -> None:
    found = told(running(400), event("Unhealthy", message))
    assert (found.stage, found.title) == (Stage.SLOW, "Slow to start")
    assert words in found.reason
    assert advice in found.advice


AT_ROOT = ContainerProbe("startup", "http", "/", 180.0)


def starting(seconds: float, **fields: object) -> Pod:
    """A pod whose startup probe has not succeeded yet."""
    known = {"ready": False, "started_at": ago(seconds), "probes": (AT_ROOT,), **fields}
    return unready(container(**known), conditions=running(seconds).conditions)


@pytest.mark.parametrize(
    ("failure", "words", "advice"),
    [
        ("HTTP probe failed with statuscode: 400", "HTTP 400", "ALLOWED_HOSTS"),
        ("HTTP probe failed with statuscode: 426", "HTTP 426", "WebSockets"),
        ('Get "http://198.18.0.9:8050/": stopped after 10 redirects', "in a circle", "by itself"),
    ],
)
def test_an_answer_that_only_the_probe_gets(failure: str, words: str, advice: str) -> None:
    found = told(starting(12), event("Unhealthy", f"Startup probe failed: {failure}"))
    assert found.stage.troubled
    assert words in found.reason
    assert advice in found.advice
    assert "an open port is enough" in found.advice
    assert "health_path" in found.fields


KILLED = event("Killing", "Container demo failed startup probe, will be restarted")


@pytest.mark.parametrize(
    "again",
    [
        starting(3, restarts=2, last_exit_code=137, last_reason="Error"),
        unready(
            waiting(
                "CrashLoopBackOff",
                restarts=2,
                last_exit_code=143,
                last_reason="Error",
                probes=(AT_ROOT,),
            )
        ),
    ],
)
def test_a_start_that_takes_too_long_is_no_crash(again: Pod) -> None:
    found = told(again, event("Unhealthy", REFUSED.replace("Readiness", "Startup")), KILLED)
    assert (found.stage, found.title) == (Stage.SILENT, "Restarted: startup probe failed")
    assert "its startup probe failed, 2 times so far" in found.reason
    assert "Nothing listens on port 8050" in found.reason
    assert found.fields == ("start_time", "port")


def test_a_crash_is_told_while_it_runs_again() -> None:
    found = told(starting(3, restarts=1, last_exit_code=1, last_message="KeyError: 'DATABASE_URL'"))
    assert found.stage is Stage.CRASHING
    assert "It crashed: its program ended" in found.reason
    assert "It runs again" in found.reason
    assert "DATABASE_URL" in found.advice


def test_no_longer_ready() -> None:
    one = unready(
        container(ready=False, started_at=ago(500)),
        conditions=(
            condition("Initialized", "True", changed_at=ago(500)),
            condition("Ready", changed_at=ago(10)),
        ),
    )
    found = told(one, event("Unhealthy", REFUSED))
    assert (found.stage, found.title) == (Stage.SILENT, "Not answering")
    assert "was ready before" in found.reason


def test_killed_by_its_liveness_probe() -> None:
    one = running(30)
    one = unready(container(ready=False, restarts=2, started_at=ago(30)), conditions=one.conditions)
    killing = event("Killing", "Container demo failed liveness probe, will be restarted")
    found = told(one, killing)
    assert found.stage is Stage.SILENT
    assert "liveness" in found.reason


@pytest.mark.parametrize(
    ("one", "stage", "title"),
    [
        (pod(), Stage.READY, "Ready"),
        (pod(deleting=True), Stage.LEAVING, "Shutting down"),
        (pod(phase="Succeeded", ready=False), Stage.ENDED, "Finished"),
        (
            pod(
                phase="Failed", ready=False, reason="Evicted", message="The node was low on memory."
            ),
            Stage.FAILED,
            "Evicted",
        ),
        (pod(phase="Failed", ready=False, reason="OutOfcpu"), Stage.FAILED, "Refused by its node"),
        (pod(phase="Unknown", ready=False), Stage.LOST, "Node does not answer"),
        (pod(ready=False, reason="NodeLost"), Stage.LOST, "Node does not answer"),
    ],
)
def test_ends(one: Pod, stage: Stage, title: str) -> None:
    found = told(one)
    assert (found.stage, found.title) == (stage, title)


def test_a_finalizer_that_holds_a_pod_is_named() -> None:
    held = pod(deleting=True, deleting_since=ago(50), finalizers=("a/b", "c/d"))
    assert told(held).title == "Shutting down"
    found = told(replace(held, containers=(container(state="terminated"),)))
    assert (found.title, found.since) == ("Kept by a finalizer", ago(50))
    assert "a/b and c/d" in found.reason


def test_on_a_node_that_is_gone() -> None:
    found = diagnose(pod(ready=False), (), (node(ready=False),), NOW)
    assert found.stage is Stage.LOST
    assert "node-1" in found.reason


def test_row() -> None:
    one = pod(containers=(container(restarts=2), container(name="side", ready=False)))
    used = PodUsage(one.key, 0.12, 64 * 2**20, NOW, 15)
    row = pod_view(one, told(one), used)
    assert (row.ready, row.restarts) == ("1/2", 2)
    assert row.cpu == "0.12 cores (120 %)"
    assert row.memory == "64 MiB (50 %)"
    assert pod_view(one, told(one), None).cpu == ""
    assert row.reason == ""


def test_words_do_not_change_with_every_second() -> None:
    pulling = event("Pulling", "Pulling image", last_at=ago(50))
    later = datetime(2026, 11, 23, 7, 30, 1, tzinfo=UTC)
    for one in (creating(), running(20), crashed(1), pending()):
        assert diagnose(one, [pulling], (), NOW) == diagnose(one, [pulling], (), later)


def test_earlier_crashes_are_not_forgotten() -> None:
    before = {"restarts": 2, "last_exit_code": 137, "last_reason": "OOMKilled"}
    words = "It was restarted 2 times: it used more memory than its limit allows and was killed."
    again = told(unready(container(ready=False, started_at=ago(5), **before)))
    assert again.stage is Stage.CRASHING
    assert "used more memory" in again.reason
    assert "It runs again" in again.reason
    well = told(pod(containers=(container(**before),)))
    assert (well.stage, well.reason, well.detail) == (Stage.READY, "", words)


@pytest.mark.parametrize(
    ("ready", "broken", "more"),
    [
        (50, 0, ""),
        (500, 0, "450 more pods, all ready"),
        (497, 3, "450 more pods, all ready"),
        (49, 51, "50 more pods: 49 ready and 1 crashing"),
    ],
)
def test_of_many_pods_those_in_trouble_are_shown(ready: int, broken: int, more: str) -> None:
    well = Diagnosis(Stage.READY, "Ready", Severity.GOOD)
    ill = Diagnosis(Stage.CRASHING, "Crashing", Severity.BAD)
    known = [(pod(f"p-{n}", created_at=ago(n)), well) for n in range(ready)]
    known += [(pod(f"x-{n}", created_at=ago(9999)), ill) for n in range(broken)]
    shown, words = foremost(known)
    assert len(shown) == 50
    assert sum(found is ill for _, found in shown) == min(broken, 50)
    if 0 < broken < 50:
        assert shown[broken][0].key.name == "p-0", "then the newest"
    assert words == more


def test_only_the_last_known_line_gives_the_advice() -> None:
    log = "mkdir -p failed: Read-only file system: '/.config'\nKeyError: 'TOKEN'\nexit"
    advice = told(crashed(1, last_message=log)).advice
    assert "TOKEN" in advice
    assert "read-only" not in advice
    assert "CRLF" not in told(crashed(1, last_message="10 %\r20 %\r30 %")).advice


def test_what_mends_a_crash_is_a_field_of_the_form() -> None:
    named = {name for _, _, fields in HINTS for name in fields}
    named |= {name for _, _, fields in CODES.values() for name in fields}
    for case in CORPUS.values():
        named |= {*case.form, *(case.told.fields if case.told else ())}
    assert named <= set(LABELS)


def test_the_runtimes_parts_are_left_out() -> None:
    said = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
        'runc create failed: unable to start container process: exec: "/app/start.sh": permission '
        "denied"
    )
    found = told(crashed(128, "StartError", last_message=said))
    assert "runc" not in found.reason
    assert found.reason.count("permission denied") == 1
    assert "chmod +x" in found.advice
    assert found.fields == ("command",)


def test_an_image_without_a_command() -> None:
    said = "failed to generate spec: no command specified"
    found = told(unready(waiting("CreateContainerError", said)))
    assert (found.title, found.fields) == ("No command", ("command",))
