"""The live controller's decisions, recorded and replayed.

Some Deployments with autoscalers of several kinds are put under a load that changes. Every quarter
of a second pods, metrics and autoscalers are read: where an autoscaler's status was written there
was a sync, and the engine decides from what was read just before or after. Syncs that changed
nothing are not written; they are taken to be a sync period after the one before.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from msgspec.structs import replace

from benchmarks.autoscaling import foreseen, objects, replays
from benchmarks.scale.api import Api, until
from benchmarks.scale.seed import MARK
from benchmarks.table import Row
from dev.demo import SAMPLE_IMAGE
from portal.autoscaling import inference
from portal.autoscaling.engine import Decision, decide
from portal.autoscaling.explain import answer_with
from portal.autoscaling.inference import Record
from portal.autoscaling.readings import PodUsage, of_container, of_resource
from portal.autoscaling.replay import Observation
from portal.autoscaling.spec import FLAGS, MetricSource, Spec
from portal.autoscaling.state import Answer, Condition, History, Pod, Scale, State

NAMESPACE = "bench-autoscaling"
EVERY = 0.25
LATENCY = 0.001
"""Seconds that a sync takes at least, after which the next is a period away."""
MINUTES = 8.0
CONDITIONS = ("AbleToScale", "ScalingActive", "ScalingLimited")

Json = dict[str, Any]


def _resource(name: str, target: Json) -> Json:
    return {"type": "Resource", "resource": {"name": name, "target": target}}


def _percent(percent: int) -> Json:
    return {"type": "Utilization", "averageUtilization": percent}


SPECS: dict[str, Json] = {
    "plain": {"metrics": [_resource("cpu", _percent(60))]},
    "quick": {
        "metrics": [_resource("cpu", _percent(60))],
        "behavior": {
            "scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 40}]},
            "scaleDown": {
                "stabilizationWindowSeconds": 40,
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 40}],
            },
        },
    },
    "tolerant": {
        "metrics": [
            _resource("cpu", {"type": "AverageValue", "averageValue": "15m"}),
            _resource("memory", _percent(90)),
        ],
        "behavior": {
            "scaleUp": {"stabilizationWindowSeconds": 40, "tolerance": "300m"},
            "scaleDown": {"stabilizationWindowSeconds": 50, "tolerance": "50m"},
        },
    },
    "container": {
        "metrics": [
            {
                "type": "ContainerResource",
                "containerResource": {"name": "cpu", "container": "app", "target": _percent(80)},
            }
        ],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    },
}
"""The autoscalers, by name; each has 1 to 5 replicas.

No window is a multiple of the sync period: with such a one it depends on milliseconds within the
controller if a recommendation still counts.
"""

LOAD = (0, 6, 2, 9, 0, 4, 1, 0)
"""Requests a second to each app, one phase after the other; each takes 10 ms of CPU."""


@dataclass(frozen=True)
class Poll:
    """What was read at a time."""

    at: float
    pods: dict[str, list[Pod]]
    usages: list[PodUsage] | None
    current: dict[str, int]
    hpas: dict[str, Json]


@dataclass
class Outcome:
    """Decisions replayed: how many, which differ and why, and what they were by."""

    decisions: int = 0
    unseen: int = 0
    """Those whose metrics had changed between two polls: the status tells what it read."""
    misses: list[str] = field(default_factory=list[str])
    constraints: Counter[str] = field(default_factory=Counter[str])


async def run(kubeconfig: Path, minutes: float = MINUTES) -> list[Row]:
    """Record, replay, and return the rows."""
    async with Api.connect(kubeconfig) as api:
        watchers = foreseen.watchers()
        polls = await record(api, minutes, watchers)
        return rows(polls) + replays.rows(polls) + foreseen.rows(watchers)


def rows(polls: Sequence[Poll]) -> list[Row]:
    """Return the rows of what was recorded."""
    outcome = Outcome()
    estimates: list[str] = []
    for name in SPECS:
        estimates.append(replayed(name, polls, outcome))
    share = 1 - len(outcome.misses) / max(1, outcome.decisions)
    what = ", ".join(f"{name} {count}" for name, count in outcome.constraints.most_common())
    return [
        Row(
            f"the engine: decisions of the live controller replayed, {len(SPECS)} autoscalers",
            f"{100 * share:.1f} % of {outcome.decisions}"
            + (f", {outcome.unseen} by the status's own reading" if outcome.unseen else "")
            + (f"; not: {'; '.join(outcome.misses)}" if outcome.misses else ""),
            beside=what,
            bar="≥ 99 %",
            met=share >= 0.99,
        ),
        Row(
            "the engine: the controller's flags inferred from these decisions",
            "; ".join(estimates),
            beside="tolerance 0.1, sync period 15 s, window 300 s",
        ),
    ]


async def record(api: Api, minutes: float, watchers: Sequence[foreseen.Watcher]) -> list[Poll]:
    """Return what was read while the load changed; what was made is removed.

    The watchers follow the autoscalers meanwhile.
    """
    await _remove(api)
    await api.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE, "labels": MARK}})
    polls: list[Poll] = []
    try:
        for name in SPECS:
            await _create(api, name)
        ends = time.time() + 60 * minutes
        load = asyncio.create_task(_load(api, ends))
        try:
            while time.time() < ends:
                begun = time.monotonic()
                polls.append(await _poll(api, watchers))
                await asyncio.sleep(max(0.0, EVERY - (time.monotonic() - begun)))
        finally:
            load.cancel()
    finally:
        await _remove(api)
    return polls


async def _remove(api: Api) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}"
    await api.call("DELETE", path, fine=(404,))

    async def gone() -> bool:
        found = await api.call("GET", path, fine=(404,))
        return found.get("code") == 404

    await until(gone, f"the namespace {NAMESPACE} is gone", patience=180, every=0.5)


async def _create(api: Api, name: str) -> None:
    labels = {"app": name}
    container = {
        "name": "app",
        "image": SAMPLE_IMAGE,
        "resources": {
            "requests": {"cpu": "20m", "memory": "64Mi"},
            "limits": {"cpu": "80m", "memory": "256Mi"},
        },
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8050}, "periodSeconds": 2},
    }
    meta = {"name": name, "labels": labels}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    hpa = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 5, **SPECS[name]}
    apps = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    await api.call("POST", apps, {"metadata": meta, "spec": spec})
    autoscalers = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers"
    await api.call("POST", autoscalers, {"metadata": meta, "spec": hpa})


async def _poll(api: Api, watchers: Sequence[foreseen.Watcher]) -> Poll:
    paths = (
        f"/apis/metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/pods",
        f"/api/v1/namespaces/{NAMESPACE}/pods",
        f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments",
        f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers",
    )
    metrics, pods, deployments, hpas = await asyncio.gather(
        *(api.call("GET", path, fine=(404, 503)) for path in paths)
    )
    at = time.time()
    found = (metrics.get("items") or [], pods["items"], deployments["items"], hpas["items"])
    for watcher in watchers:
        watcher.look(at, *found)
    by_app: dict[str, list[Pod]] = {}
    for each in pods["items"]:
        by_app.setdefault(each["metadata"]["labels"]["app"], []).append(objects.pod(each))
    return Poll(
        at,
        by_app,
        objects.usages(metrics["items"]) if metrics.get("items") else None,
        {
            each["metadata"]["name"]: each["status"].get("replicas", 0)
            for each in deployments["items"]
        },
        {each["metadata"]["name"]: each for each in hpas["items"]},
    )


async def _load(api: Api, ends: float) -> None:
    """Send the phase's requests to the pods that are ready, as a Service does."""
    begun = time.time()
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:

        async def send(address: str) -> None:
            try:
                async with session.get(f"http://{address}:8050/work?ms=10") as answer:
                    await answer.read()
            except (TimeoutError, aiohttp.ClientError):
                pass  # a pod that is gone, or too busy

        running: set[asyncio.Task[None]] = set()
        while time.time() < ends:
            phase = int((time.time() - begun) / (ends - begun) * len(LOAD))
            rate = LOAD[min(phase, len(LOAD) - 1)]
            found = (await api.call("GET", pods))["items"]
            addresses: dict[str, list[str]] = {}
            for each in found:
                address = each["status"].get("podIP")
                if address and _serves(each):
                    addresses.setdefault(each["metadata"]["labels"]["app"], []).append(address)
            for turn in range(rate):
                for own in addresses.values():
                    task = asyncio.create_task(send(own[turn % len(own)]))
                    running.add(task)
                    task.add_done_callback(running.discard)
                await asyncio.sleep(1 / rate)
            if not rate:
                await asyncio.sleep(1)


def _serves(pod: Json) -> bool:
    """Return True if a Service would send requests to a pod."""
    conditions = pod["status"].get("conditions", ())
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def replayed(name: str, polls: Sequence[Poll], outcome: Outcome) -> str:
    """Replay one autoscaler into the outcome; return what is inferred of the controller's flags."""
    history, conditions, desired = History(), dict[str, Condition](), 0
    spec: Spec | None = None
    last = 0.0
    observations: list[Observation] = []
    wanted: list[int] = []
    times: list[float] = []
    for before, after, written in _syncs(name, polls):
        # It was between the two, and at least a period after the one before.
        begun, ended = _second(after.hpas[name]) if written else (before.at, after.at)
        now = min(ended, max(begun, last + FLAGS.sync_period + LATENCY))
        last = now
        spec = objects.spec(after.hpas[name])
        status = after.hpas[name]["status"]
        scale = Scale(
            status.get("currentReplicas", 0) if written else _replicas(before, name),
            before.current.get(name, 0),
        )
        tried: list[tuple[State, Decision]] = []
        for metrics in (before, after):
            for pods in (before, after):
                state = State(
                    now,
                    spec,
                    scale,
                    pods.pods.get(name, []),
                    _answers(spec, metrics.usages, pods.pods.get(name, [])),
                    history,
                    conditions,
                    desired,
                )
                tried.append((state, decide(state)))
        if not written:
            history = tried[0][1].history
            continue
        seen = next((each for each in tried if _same(each[1], status)), None)
        state, decision = seen or _as_read(tried[0], status)
        outcome.decisions += 1
        outcome.unseen += seen is None
        outcome.constraints[decision.trace.constraint.value] += 1
        if not _same(decision, status):
            outcome.misses.append(f"{name}: {_why(decision, status)}")
        history, conditions, desired = (
            decision.history,
            dict(decision.conditions),
            status.get("desiredReplicas", 0),
        )
        observations.append(Observation(state.now, state.pods, state.answers, scale))
        wanted.append(desired)
        times.append(after.at)
    if spec is None:
        return f"{name}: never decided"
    return f"{name}: {_inferred(Record(spec, observations, wanted), times)}"


def _as_read(tried: tuple[State, Decision], status: Json) -> tuple[State, Decision]:
    """Return the decision from the readings that the status tells, which was not seen in time."""
    state, decision = tried
    readings = iter(_current(status))
    answers = [
        answer_with(state, at, each.pods, reading)
        if not each.failure and (reading := next(readings, None)) is not None
        else state.answers[at]
        for at, each in enumerate(decision.trace.metrics)
    ]
    if len(answers) != len(state.answers):
        return tried
    state = replace(state, answers=answers)
    return state, decide(state)


def _inferred(record: Record, times: Sequence[float]) -> str:
    found = [
        ("tolerance", inference.tolerance(record), ""),
        ("window", inference.downscale_stabilization(record), " s"),
        ("sync period", inference.sync_period(times), " s"),
    ]
    return ", ".join(
        f"{name} {each.value:g}{unit} ({each.confidence:.0%})" for name, each, unit in found
    )


def _syncs(name: str, polls: Sequence[Poll]) -> Iterator[tuple[Poll, Poll, bool]]:
    """Yield the polls before and after each sync, and if its status was written."""
    last: float | None = None
    version = ""
    for before, after in itertools.pairwise(polls):
        hpa = after.hpas.get(name)
        if hpa is None:
            continue
        written = hpa["metadata"]["resourceVersion"] != version and "status" in hpa
        version = hpa["metadata"]["resourceVersion"]
        if written and hpa["status"].get("conditions"):
            last = after.at
            yield before, after, True
        elif last is not None and after.at - last >= FLAGS.sync_period + 1:
            last += FLAGS.sync_period
            yield before, after, False


def _second(hpa: Json) -> tuple[float, float]:
    """Return the begin and the end of the second in which the status was written."""
    written = max(
        objects.time(each.get("time"))
        for each in hpa["metadata"]["managedFields"]
        if each.get("subresource") == "status"
    )
    return written, written + 1


def _replicas(poll: Poll, name: str) -> int:
    return poll.hpas[name]["status"].get("desiredReplicas", 0)


def _answers(spec: Spec, usages: list[PodUsage] | None, pods: Sequence[Pod]) -> list[Answer]:
    names = {each.name for each in pods}
    own = [each for each in usages or () if each.pod in names]
    return [
        None
        if not own
        else of_container(own, each.name, each.container)
        if each.source is MetricSource.CONTAINER_RESOURCE
        else of_resource(own, each.name)
        for each in spec.metrics
    ]


def _reasons(status: Json) -> dict[str, str]:
    found = {each["type"]: each["reason"] for each in status["conditions"]}
    return {name: found[name] for name in CONDITIONS if name in found}


def _same(decision: Decision, status: Json) -> bool:
    """Return True if the controller came to the same decision, from the same readings."""
    reasons = {name: decision.conditions[name].reason for name in decision.conditions}
    return (
        decision.desired == status.get("desiredReplicas", 0)
        and {name: reasons[name] for name in CONDITIONS if name in reasons} == _reasons(status)
        and _read(decision) == _current(status)
    )


def _read(decision: Decision) -> list[int]:
    return [each.current for each in decision.trace.metrics if not each.failure]


def _current(status: Json) -> list[int]:
    found: list[int] = []
    for each in status.get("currentMetrics") or ():
        given = each.get("resource") or each.get("containerResource")
        if given:
            current = given["current"]
            utilization = current.get("averageUtilization")
            found.append(
                objects.milli(current["averageValue"]) if utilization is None else utilization
            )
    return found


def _why(decision: Decision, status: Json) -> str:
    """Return how a decision differs."""
    read, current = _read(decision), _current(status)
    if read != current:
        return f"it read {current}, which was not to be seen from outside ({read})"
    return (
        f"desired {status.get('desiredReplicas', 0)} for {decision.desired}, "
        f"{_reasons(status)} for { {k: v.reason for k, v in decision.conditions.items()} }"
    )
