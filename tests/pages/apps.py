"""The apps of the pages' tests: each state that the view models' tests know, under a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from portal.domain.compressed import CompressedText
from portal.domain.keys import Key
from portal.domain.load_tests import CONTAINER, LoadTestPlan, Shape
from portal.domain.objects import (
    Container,
    ContainerProbe,
    Job,
    Kind,
    Pod,
    PodUsage,
    Probe,
    ReleaseStatus,
    ReplicaSet,
)
from portal.domain.operations import OperationPhase, Step
from portal.domain.redaction import values_yaml
from portal.domain.scalers import Trigger, titled
from portal.releases.install import LAUNCH
from portal.releases.load_test import LOAD_TEST
from portal.releases.restart import RESTART
from portal.releases.scale import SCALE
from portal.releases.uninstall import UNINSTALL
from portal.releases.upgrade import UPGRADE
from portal.state.history import History, Sample
from portal.state.model import AppState, LoadTest
from portal.state.timeline import Entry, EntryKind, Timeline
from tests.unit.autoscalers import test_reaction
from tests.unit.ui.fixtures import NOTES, VALUES, series
from tests.unit.viewmodels import (
    test_advice,
    test_failures,
    test_headline,
    test_hpa_problems,
    test_jobs,
    test_pods,
    test_rollouts,
    test_scalers,
    test_unreadable,
    test_urls,
)
from tests.unit.viewmodels.make import (
    KEY,
    NOW,
    ago,
    condition,
    container,
    deployment,
    detail,
    event,
    hpa,
    operation,
    pending,
    pod,
    pods,
    release,
    service,
    state,
    unready,
    waiting,
)


def cases(test: Callable[..., None]) -> list[tuple[Any, ...]]:
    """The parameters that a test is run with."""
    marks = getattr(test, "pytestmark", [])
    return [
        row if isinstance(row, tuple) else (row,)
        for mark in marks
        if mark.name == "parametrize"
        for row in mark.args[1]
    ]


def named(prefix: str, states: Iterable[tuple[AppState, str]]) -> dict[str, AppState]:
    """The states, each under a name made of a prefix, its number and its badge."""
    return {
        re.sub(r"\W+", "-", f"{prefix}-{number}-{badge}".lower()): each
        for number, (each, badge) in enumerate(states, 1)
    }


VALUES_TEXT = CompressedText(values_yaml(VALUES))
WELL = state(
    release=release(revision=3),
    detail=detail(revision=3, notes=NOTES, values=VALUES, shown=VALUES_TEXT),
    workloads=(deployment(2, 2),),
    pods=pods(pod(), pod()),
    services=(service("LoadBalancer", "198.19.255.7"),),
    probe=Probe("http://198.19.255.7", 200, "", NOW),
    history=series(autoscaled=False),
)
"""An app that nothing is wrong with."""

PULLED = (
    'Successfully pulled image "x:1" in 4.1s (6.2s including waiting). Image size: 94371840 bytes.'
)


def reaction_pod(name: str, made: float, began: float, ready: float, *, held: bool = False) -> Pod:
    """A pod of a scale-up, so many seconds ago; a ``held`` one waited for a node."""
    node = condition("PodScheduled", "True", changed_at=ago(began + 7 if held else made))
    probe = ContainerProbe("readiness", "8050", "/", 35, 5, 10)
    return replace(
        pod(name),
        created_at=ago(made),
        ready_at=ago(ready),
        conditions=(node,),
        containers=(replace(container(), started_at=ago(began), probes=(probe,)),),
    )


def scaling_entry(old: int, new: int, seconds: float) -> Entry:
    """A decision of the autoscaler."""
    return Entry(
        f"scaled/demo/{seconds}",
        EntryKind.SCALING,
        ago(seconds),
        "Deployment demo",
        "SuccessfulRescale",
        old=old,
        new=new,
    )


def rising() -> History:
    """Samples of two pods whose load rises two minutes ago, and is read 20 s later."""
    history = History()
    for seconds in range(600, 0, -10):
        used, read = (0.08, 40) if seconds > 120 else (0.28, 40 if seconds > 100 else 140)
        pods, metrics = 4 if seconds < 90 else 2, {"cpu": (float(read), 70.0)}
        used += seconds % 20 / 1000
        sample = Sample(ago(seconds), pods, pods, 2, 1, 4, metrics, used, 3e8, used, 2)
        history = history.added(sample)
    return history


def crash_entry(why: str, code: int, seconds: float) -> Entry:
    """The end of a container."""
    made = Entry(f"crash/{why}", EntryKind.CRASH, ago(seconds), "Pod demo-0", why, new=code)
    return replace(made, warning=True)


def revision_entry(number: int, seconds: float) -> Entry:
    """A revision of the release."""
    return Entry(
        f"revision/{number}", EntryKind.CHANGE, ago(seconds), what="deployed", actor="ada",
        new=number,
    )  # fmt: skip


SCALED = replace(
    WELL,
    hpas=(
        hpa(
            143,
            conditions=(
                condition("AbleToScale", "True", reason="SucceededRescale"),
                condition("ScalingActive", "True", reason="ValidMetricFound"),
                condition("ScalingLimited", "True", reason="TooManyReplicas"),
            ),
        ),
    ),
    workloads=(deployment(4, 3),),
    pods=pods(pod(), pod(), pod(), test_headline.STARTING),
    usage={
        key: PodUsage(key, 0.07, 1e8, NOW, 15)
        for key in (Key("apps", f"demo-{number}") for number in range(3))
    },
    history=series(),
    events=(
        event("SuccessfulRescale", "New size: 4; reason: cpu above target", "demo",
              about_kind="HorizontalPodAutoscaler", type="Normal", count=3),
        event("Unhealthy", "Startup probe failed: connection refused", last_at=ago(190)),
        event("Started", "Started container demo", type="Normal", last_at=ago(7)),
    ),
)  # fmt: skip
"""An app under load, whose autoscaler is at its maximum."""

REACTED = replace(
    SCALED,
    pods=(
        *SCALED.pods[:2],
        reaction_pod("demo-new-1", 91, 84, 77),
        reaction_pod("demo-new-2", 91, 44, 36, held=True),
    ),
    history=rising(),
    timeline=Timeline(
        ago(900),
        (
            revision_entry(3, 700),
            crash_entry("Error", 1, 520),
            crash_entry("OOMKilled", 137, 330),
            scaling_entry(1, 2, 400),
            scaling_entry(2, 4, 92),
        ),
    ),
    events=(
        event("FailedScheduling", test_reaction.FULL, "demo-new-2", last_at=ago(91)),
        event("Pulled", PULLED, "demo-new-1", type="Normal", last_at=ago(86)),
        event("Pulled", PULLED, "demo-new-2", type="Normal", last_at=ago(50)),
    ),
)
"""An app that was scaled up twice; of the second time all is known."""

TWO_AUTOSCALERS = replace(
    SCALED,
    hpas=(
        hpa(
            20,
            current=4,
            desired=4,
            conditions=(
                condition("AbleToScale", "True", reason="ScaleDownStabilized"),
                condition("ScalingActive", "True", reason="ValidMetricFound"),
                condition("ScalingLimited", "False", reason="DesiredWithinRange"),
            ),
        ),
        hpa(
            None,
            key=Key("apps", "worker"),
            target_name="worker",
            conditions=(condition("ScalingActive", reason="FailedGetResourceMetric"),),
        ),
    ),
    workloads=(deployment(4, 3), deployment(1, 1, key=Key("apps", "worker"))),
    pods=tuple(replace(each, owner="demo-7d9c") for each in SCALED.pods),
    usage={key: replace(each, cpu=0.02) for key, each in SCALED.usage.items()},
    replica_sets=(ReplicaSet(Key("apps", "demo-7d9c"), "demo", 4, 4, ()),),
)
"""An app with two autoscalers: one waits for its window, the other has no metrics."""

WITH_KEDA = replace(
    SCALED,
    hpas=titled((test_scalers.made(),), (test_scalers.keda(),)),
    scaled_objects=(
        test_scalers.keda(
            condition("Ready", "True"),
            condition("Active", "True"),
            failing=("s0-kafka-orders",),
            fallback_replicas=4,
            paused_in=True,
            triggers=(
                test_scalers.KAFKA,
                Trigger("aws-sqs-queue", "a-long-name-" * 5, "queue " + "jobs-" * 12),
            ),
        ),
    ),
    vpas=(test_scalers.vpa(update_mode="Auto"), test_scalers.vpa(key=Key("apps", "only"))),
)
"""An app that KEDA scales, with a trigger that fails, and with VerticalPodAutoscalers."""

KEDA_PAUSED = replace(
    WELL, scaled_objects=(test_scalers.keda(paused=True, paused_replicas=3),), hpas=()
)
KEDA_ASLEEP = test_scalers.empty(test_scalers.keda(last_active_at=ago(7200)))

STEPS = (
    Step("Checked", ago(20), ago(19)),
    Step("helm upgrade --install", ago(19), ago(17)),
    Step("Waiting until every pod runs the new version", ago(17)),
)
LOST = state(release=None, detail=None, workloads=(), pods=())
LONG = "a-name-as-long-as-helm-lets-it-be-for-any-release-abc"
HOSTILE = "<b>&amp;" + "wwwwwwwwww" * 30


def every(*found: Pod) -> AppState:
    """An app with all these pods, and nothing ready."""
    return replace(WELL, workloads=(deployment(len(found), 0),), pods=pods(*found), probe=None)


def crashing_pods() -> list[Pod]:
    return [test_pods.crashed(code, reason) for code, reason, *_ in cases(test_pods.test_crashes)]


def last_words() -> list[Pod]:
    said = cases(test_pods.test_last_words_give_the_advice)
    return [test_pods.crashed(1, last_message=message) for message, _ in said]


def blocked_pods() -> list[Pod]:
    tests = (test_pods.test_images, test_pods.test_containers_that_cannot_be_made)
    return [
        unready(waiting(reason, message), phase="Pending")
        for each in tests
        for reason, message, _ in cases(each)
    ]


def pods_without_room() -> list[Pod]:
    return [
        pending(condition("PodScheduled", reason="Unschedulable", message=message))
        for message, *_ in cases(test_pods.test_no_room)
    ]


def troubled_autoscalers() -> AppState:
    """An app with an autoscaler for each reason that keeps one from working."""
    found = tuple(
        hpa(None, key=Key("apps", f"demo-{n}"), target_name=f"demo-{n}", conditions=(why,))
        for n, (why, *_) in enumerate(cases(test_hpa_problems.test_why_it_does_nothing))
    )
    targets = tuple(deployment(1, 1, key=each.key) for each in found)
    return replace(WELL, hpas=found, workloads=targets)


OPERATIONS = {
    "launching": replace(LOST, operation=operation(LAUNCH, steps=STEPS)),
    "queued": replace(WELL, operation=operation(UPGRADE, OperationPhase.QUEUED)),
    "upgrading": replace(WELL, operation=operation(UPGRADE, steps=STEPS)),
    "scaling": replace(WELL, operation=operation(SCALE, OperationPhase.WAITING, steps=STEPS)),
    "stuck-upgrade": replace(
        test_rollouts.refused(test_rollouts.SEATS),
        operation=operation(UPGRADE, OperationPhase.WAITING, revision=2, steps=STEPS),
    ),
    "failed-upgrade": replace(
        WELL,
        release=release(ReleaseStatus.FAILED),
        operation=operation(
            UPGRADE,
            OperationPhase.FAILED,
            error="The rollout did not finish: no pod became ready.\n" + HOSTILE,
            advice="Correct the image and launch again; the old pods keep serving.",
            steps=(*STEPS[:2], Step("Waiting", ago(17), ago(1), "No pod became ready.")),
        ),
    ),
    "failed-launch": replace(
        LOST,
        operation=operation(
            LAUNCH, OperationPhase.FAILED, error="The chart refuses the values", steps=STEPS[:2]
        ),
    ),
    "succeeded": replace(
        WELL, operation=operation(RESTART, OperationPhase.SUCCEEDED, steps=STEPS[:2])
    ),
    "interrupted": replace(
        WELL, operation=operation(UPGRADE, OperationPhase.INTERRUPTED, steps=STEPS)
    ),
    "cancelled": replace(WELL, operation=operation(UPGRADE, OperationPhase.CANCELLED)),
    "removing": replace(WELL, operation=operation(UNINSTALL, steps=STEPS)),
    "removed": replace(LOST, operation=operation(UNINSTALL, OperationPhase.SUCCEEDED)),
    "removal-failed": state(
        release=test_headline.UNINSTALLING,
        operation=operation(UNINSTALL, OperationPhase.FAILED, error="The hook failed"),
        detail=detail(delete_hooks=(test_headline.GUARD,)),
    ),
    "removal-blocked": replace(
        LOST,
        workloads=(
            deployment(
                0,
                0,
                deleting_since=ago(60),
                finalizers=("example.com/backup",),
                management=test_headline.DELETING,
            ),
        ),
        operation=operation(UNINSTALL, OperationPhase.WAITING),
    ),
}

PLAN = LoadTestPlan("demo", 80, "/health", 20, 30, Shape.STEPS, "ada", ready=2, expected=3)


def load_test(plan: LoadTestPlan, name: str, *containers: Container, **job: Any) -> LoadTest:
    """A load test whose Job is called ``name``; what it measured is in ``site.MEASURED``."""
    own = Key("apps", name)
    made = Job(own, "", 1, 1, 0, 0, (), ago(60), uid=name, load_test_of=KEY.name, load_test=plan)
    found = pod(containers=containers) if containers else None
    return LoadTest(replace(made, **job), plan, found)


SENDING = replace(container(), name=CONTAINER)
LOAD_TESTED = replace(
    WELL,
    load_tests=(
        load_test(PLAN, "newest", SENDING, completed_at=ago(20)),
        load_test(replace(PLAN, shape=Shape.CLIMB), "climb", SENDING, completed_at=ago(600)),
        load_test(replace(PLAN, stopped_by="grace"), "gone", completed_at=ago(900)),
    ),
)

APPS: dict[str, AppState] = {
    "well": WELL,
    "load-tested": LOAD_TESTED,
    "load-testing": replace(
        WELL,
        load_tests=(load_test(PLAN, "going", SENDING),),
        operation=operation(LOAD_TEST, OperationPhase.WAITING),
    ),
    "load-test-starting": replace(
        WELL,
        load_tests=(
            load_test(PLAN, "pulled", replace(waiting("ImagePullBackOff"), name=CONTAINER)),
        ),
    ),
    "scaled": SCALED,
    "reacted": replace(
        REACTED, load_tests=(load_test(PLAN, "newest", SENDING, completed_at=ago(20)),)
    ),
    "idle": test_advice.idle(),
    "two-autoscalers": TWO_AUTOSCALERS,
    "with-keda": WITH_KEDA,
    "keda-paused": KEDA_PAUSED,
    "keda-asleep": KEDA_ASLEEP,
    "lost": LOST,
    "damaged": state(detail=detail(damaged="the record is not gzip")),
    "unread": state(detail=None),
    "stuck": state(release=release(ReleaseStatus.PENDING_UPGRADE, updated_at=ago(7200))),
    "elsewhere": state(release=None, detail=None),
    "other-chart": replace(WELL, detail=detail(chart="prometheus", notes="")),
    "old-chart": replace(
        WELL,
        detail=detail(chart="web-server", chart_version="1.2.0", source="team", values=VALUES),
    ),
    "deprecated-chart": replace(
        WELL, detail=detail(chart="bare", chart_version="0.1.0", source="samples")
    ),
    "unreadable": state(
        unreadable=tuple(test_unreadable.lost(kind) for kind in (Kind.HPA, Kind.DEPLOYMENT))
    ),
    LONG: replace(
        SCALED,
        detail=detail(description=HOSTILE, notes=f"{HOSTILE} http://{HOSTILE}/", shown=VALUES_TEXT),
        events=(event("Failed", HOSTILE, HOSTILE),),
        services=(service("LoadBalancer", "a-long-name-of-a-load-balancer" * 3 + ".example.org"),),
        pods=(
            unready(
                waiting("ErrImagePull", HOSTILE),
                key=Key("apps", f"{LONG}-7d9c8f6b5d-2xkqp"),
                node="ip-198-18-100-100.eu-central-1.compute.internal",
            ),
        ),
    ),
    "many-pods": replace(
        WELL,
        workloads=(deployment(300, 300),),
        pods=pods(*[pod()] * 300),
        events=tuple(event(f"Reason{n}", "A message", last_at=ago(n)) for n in range(60)),
    ),
    "crashing-pods": every(*crashing_pods()),
    "last-words": every(*last_words()),
    "blocked-pods": every(*blocked_pods()),
    "pods-without-room": every(*pods_without_room()),
    "failed-pods": replace(WELL, pods=(*test_failures.evicted(92), *WELL.pods)),
    "troubled-autoscalers": troubled_autoscalers(),
    "paused-update": replace(
        test_rollouts.updating(paused=True), services=WELL.services, history=WELL.history
    ),
    "waiting-address": replace(WELL, services=(service("LoadBalancer"),)),
    "inner-address": replace(WELL, services=(service("ClusterIP"),)),
    "refused-ingress": replace(WELL, ingresses=(test_urls.ingress(),)),
    **OPERATIONS,
    **named("pods", ((one, text) for one, text, *_ in cases(test_headline.test_by_pods))),
    **named(
        "held",
        (
            (one, text)
            for one, text, *_ in cases(test_rollouts.test_an_update_that_is_held_needs_attention)
        ),
    ),
    **named("jobs", ((one, text) for one, text, *_ in cases(test_jobs.test_a_release_of_jobs))),
}
"""Each state of an app, by the name of its release."""

MANY = {
    f"app-{number:04}": replace(WELL, key=KEY, pods=WELL.pods[: number % 3])
    for number in range(1000)
}
"""A thousand releases."""
