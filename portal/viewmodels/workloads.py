"""Counts of an app's pods, and explanations of why its workloads cannot create any."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from portal.domain.objects import Condition, Kind, Node, Pod
from portal.state.model import AppState, WatchHealth
from portal.viewmodels.diagnosis import Diagnosis, Stage
from portal.viewmodels.freshness import source_of
from portal.viewmodels.model import Notice, ReplicasView, Severity
from portal.viewmodels.pods import diagnose
from portal.viewmodels.words import count, joined, sentence, shortened


class PodSummary(Struct, frozen=True):
    """Totals over the pods and workloads of an app.

    ``desired`` are the desired replicas, ``present`` the pods that count towards them, ``ready``
    those that are ready, ``updated`` those of the newest template. ``blocked`` explains why pods
    cannot be created.
    """

    desired: int
    present: int
    ready: int
    updated: int
    settled: bool
    pods: tuple[tuple[Pod, Diagnosis], ...]
    stages: Counter[Stage]
    blocked: Notice | None

    @property
    def troubled(self) -> list[Diagnosis]:
        """The diagnoses of the pods that need intervention, worst first."""
        found = [diagnosis for _, diagnosis in self.pods if diagnosis.stage.troubled]
        return sorted(found, key=lambda one: (_ORDER.index(one.stage), one.title))

    @property
    def progressing(self) -> list[Diagnosis]:
        """The diagnoses of the pods that are expected to become ready."""
        return [diagnosis for _, diagnosis in self.pods if diagnosis.stage.progressing]


_ORDER = (
    Stage.BLOCKED,
    Stage.CRASHING,
    Stage.NO_ROOM,
    Stage.LOST,
    Stage.SILENT,
    Stage.SLOW,
)


def pod_summary(
    state: AppState, sources: Mapping[str, WatchHealth], now: datetime, nodes: Sequence[Node] = ()
) -> PodSummary:
    """Count and diagnose the pods of an app."""
    pods = tuple((pod, diagnose(pod, state.events, nodes, now)) for pod in state.pods)
    stages = Counter(diagnosis.stage for _, diagnosis in pods)
    present = sum(number for stage, number in stages.items() if stage.present)
    ready = stages[Stage.READY]
    source = source_of(sources, Kind.POD)
    if not pods and not (source and source.synced):
        present = sum(workload.current for workload in state.workloads)
        ready = sum(workload.ready for workload in state.workloads)
    return PodSummary(
        desired=sum(workload.desired for workload in state.workloads),
        present=present,
        ready=ready,
        updated=sum(workload.updated for workload in state.workloads),
        settled=all(w.observed_generation >= w.generation for w in state.workloads),
        pods=pods,
        stages=stages,
        blocked=creation_problem(state, present),
    )


def replicas_view(known: PodSummary, has_workloads: bool) -> ReplicasView:
    """The counts and their sentence."""
    missing = known.desired - known.ready
    if not has_workloads:
        severity = Severity.QUIET
    elif missing <= 0:
        severity = Severity.GOOD if known.desired else Severity.QUIET
    elif known.blocked or known.troubled:
        severity = Severity.WARN if known.ready else Severity.BAD
    else:
        severity = Severity.BUSY
    return ReplicasView(
        desired=known.desired,
        current=known.present,
        ready=known.ready,
        words=counts_in_words(known) if has_workloads else "This release runs no pods.",
        severity=severity,
    )


def counts_in_words(known: PodSummary) -> str:
    """The counts as a sentence, such as "All 2 pods are ready"."""
    stages = known.stages
    if known.desired == 0 and known.ready == 0:
        begin = "It is scaled to zero"
    elif known.ready == known.desired:
        begin = (
            "Its one pod is ready" if known.desired == 1 else f"All {known.desired} pods are ready"
        )
    elif known.ready > known.desired:
        begin = f"{count(known.ready, 'pod')} {_are(known.ready)} ready, {known.desired} desired"
    elif known.desired == 1:
        begin = "Its pod is not ready"
    else:
        begin = f"{known.ready or 'None'} of {known.desired} pods {_are(known.ready)} ready"
    others = [
        f"{stages[stage]} {_are(stages[stage])} {stage.value}"
        for stage in Stage
        if stage is not Stage.READY and stage is not Stage.ENDED and stages[stage]
    ]
    unmade = known.desired - known.present
    if unmade > 0:
        how = "cannot be created" if known.blocked else "is yet to be created"
        if unmade > 1 and not known.blocked:
            how = "are yet to be created"
        others.append(f"{unmade} {how}")
    if known.desired == 1 and known.ready == 0 and len(others) == 1:
        return f"Its pod {others[0].removeprefix('1 ')}."
    return f"{begin}; {joined(others)}." if others else f"{begin}."


def _are(amount: int) -> str:
    return "is" if amount == 1 else "are"


def creation_problem(state: AppState, present: int) -> Notice | None:
    """A notice of why the cluster refuses to create pods, from conditions or events; else None."""
    wanted = sum(workload.desired for workload in state.workloads)
    if present >= wanted:
        return None
    for message in _refusals(state, present):
        return refusal(message, state.key.namespace)
    return None


def _refusals(state: AppState, present: int) -> list[str]:
    conditions: list[Condition] = [
        one for owner in (*state.replica_sets, *state.workloads) for one in owner.conditions
    ]
    found = [
        one.message
        for one in conditions
        if one.type == "ReplicaFailure" and one.status == "True" and one.message
    ]
    if found or present:
        return found
    # A StatefulSet has no such condition, only events.
    events = sorted(state.events, key=lambda one: one.last_at, reverse=True)
    newest = next(
        (
            one
            for one in events
            if one.about_kind in {Kind.REPLICA_SET, Kind.STATEFUL_SET}
            and one.reason in {"FailedCreate", "SuccessfulCreate"}
        ),
        None,
    )
    return [newest.message] if newest and newest.reason == "FailedCreate" else []


def refusal(message: str, namespace: str) -> Notice:
    """Explain why the API server refused a pod."""
    quota = re.search(
        r"exceeded quota: ([^,]+), requested: (.+?), used: (.+?), limited: (.+)$", message
    )
    if quota:
        return Notice(
            Severity.BAD,
            "The namespace's quota is used up",
            f"No more pods fit into the quota {quota[1]} of {namespace}: one more requests "
            f"{_amounts(quota[2])}, {_amounts(quota[3])} of {_amounts(quota[4])} are in use.",
            "Request less, run fewer pods, stop another app of this namespace, or ask an "
            "administrator for a larger quota.",
        )
    if "must specify" in message and "quota" in message:
        what = joined(re.findall(r"((?:limits|requests)\.\w+)", message)) or "requests and limits"
        return Notice(
            Severity.BAD,
            "The namespace's quota requires requests and limits",
            f"The quota of {namespace} refuses pods that do not set {what}.",
            "Set the CPU and memory requests and limits.",
        )
    if "violates PodSecurity" in message:
        return Notice(
            Severity.BAD,
            "Pod Security refuses the pods",
            sentence(shortened(message.partition("violates ")[2])),
            "Change the security context in the chart's values, or use another namespace.",
        )
    if "usage per" in message and ("maximum" in message or "minimum" in message):
        found = re.search(r"(m(?:ax|in)imum \w+ usage per \w+ is [^,.]+)", message)
        return Notice(
            Severity.BAD,
            "The namespace's LimitRange refuses the pods",
            sentence(f"In {namespace} the {found[1] if found else shortened(message)}"),
            "Change the CPU and memory requests and limits to fit.",
        )
    account = re.search(r'serviceaccount "([^"]+)" not found', message)
    if account:
        return Notice(
            Severity.BAD,
            "The service account is missing",
            f"The pods are to run as the service account {account[1]}, which does not exist.",
            "Create it, or name another in the app's values.",
        )
    return Notice(
        Severity.BAD,
        "Pods cannot be created",
        sentence(shortened(message)),
        "If this does not tell you what to change, ask an administrator.",
    )


def _amounts(text: str) -> str:
    """ "requests.cpu=200m,pods=1" → "requests.cpu 200m and pods 1"."""
    return joined(part.strip().replace("=", " ") for part in text.strip().split(","))
