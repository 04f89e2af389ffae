"""Counts of an app's pods, and the rollouts that they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from portal.domain.objects import Container, Kind, Node, Pod
from portal.state.model import AppState, WatchHealth
from portal.state.rollouts import WorkloadRollout, rollouts
from portal.state.workloads import endless
from portal.viewmodels.crashes import restarting
from portal.viewmodels.diagnosis import Diagnosis, Stage
from portal.viewmodels.failures import Failures, repeated
from portal.viewmodels.freshness import source_of
from portal.viewmodels.jobs import JobSummary, job_summaries, job_views
from portal.viewmodels.model import Badge, Notice, ReplicasView, Severity, WorkloadView
from portal.viewmodels.pods import diagnose
from portal.viewmodels.rollouts import HeldRollout, held_rollouts
from portal.viewmodels.scheduling import UNSCHEDULABLE
from portal.viewmodels.words import count, joined


class PodSummary(Struct, frozen=True):
    """Totals over the pods and workloads of an app.

    ``desired`` are the desired replicas, ``present`` the pods that count towards them, ``ready``
    those that are ready. ``pods`` are all pods, those of Jobs too, which the counts and ``stages``
    leave out. ``held`` are the rollouts that do not go on by themselves, ``jobs`` the Jobs and
    CronJobs, worst first. ``failures`` are the causes for which several pods have failed recently.
    ``restarting`` are the containers that keep ending in pods that are ready in between.
    """

    desired: int
    present: int
    ready: int
    pods: tuple[tuple[Pod, Diagnosis], ...]
    stages: Counter[Stage]
    rollouts: tuple[WorkloadRollout, ...]
    held: tuple[HeldRollout, ...]
    jobs: tuple[JobSummary, ...]
    failures: tuple[Failures, ...] = ()
    restarting: tuple[tuple[Pod, Container], ...] = ()

    @property
    def refused(self) -> HeldRollout | None:
        """The rollout of which the cluster refuses pods, if there is one."""
        return next((each for each in self.held if each.refused), None)

    @property
    def blocked(self) -> HeldRollout | None:
        """The rollout that waits for an old pod which does not become ready, if there is one."""
        return next((each for each in self.held if each.blocked), None)

    @property
    def observed(self) -> bool:
        """True if the controllers have seen the newest generation of each workload."""
        return all(each.observed for each in self.rollouts)

    @property
    def outdated(self) -> bool:
        """True if there are pods of an earlier pod template."""
        return any(each.old for each in self.rollouts)

    @property
    def late(self) -> bool:
        """True if a rollout has exceeded its progress deadline."""
        return any(each.late for each in self.rollouts)

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
    stages = Counter(diagnosis.stage for pod, diagnosis in pods if endless(pod))
    present = sum(number for stage, number in stages.items() if stage.present)
    ready = stages[Stage.READY]
    source = source_of(sources, Kind.POD)
    if not pods and not (source and source.synced):
        present = sum(workload.current for workload in state.workloads)
        ready = sum(workload.ready for workload in state.workloads)
    found = rollouts(state)
    return PodSummary(
        desired=sum(workload.desired for workload in state.workloads),
        present=present,
        ready=ready,
        pods=pods,
        stages=stages,
        rollouts=found,
        held=held_rollouts(found),
        jobs=job_summaries(state, pods, now),
        failures=repeated(pods, now, rolled_out=all(each.complete for each in found)),
        restarting=tuple(
            (pod, one)
            for pod, diagnosis in pods
            if diagnosis.stage is Stage.READY and (one := restarting(pod, now))
        ),
    )


def replicas_view(known: PodSummary) -> ReplicasView:
    """The counts and their sentence."""
    missing = known.desired - known.ready
    if not known.rollouts:
        severity = Severity.QUIET
    elif missing <= 0:
        severity = Severity.GOOD if known.desired else Severity.QUIET
    elif known.refused or known.troubled or known.failures:
        severity = Severity.WARN if known.ready else Severity.BAD
    else:
        severity = Severity.BUSY
    return ReplicasView(
        desired=known.desired,
        current=known.present,
        ready=known.ready,
        words=counts_in_words(known) if known.rollouts else NO_ENDLESS_PODS,
        severity=severity,
    )


NO_ENDLESS_PODS = "It has no Deployment, StatefulSet or DaemonSet, whose pods run all the time."


def counts_in_words(known: PodSummary) -> str:
    """The counts as a sentence, such as "All 2 pods are ready"."""
    stages = known.stages
    if known.desired == 0 and known.ready == 0:
        begin = "It runs no pods" if on_nodes(known) else "It is scaled to zero"
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
        if stage is not Stage.READY and not stage.ended and stages[stage]
    ]
    unmade = known.desired - known.present
    if unmade > 0:
        how = "cannot be created" if known.refused else "is yet to be created"
        if unmade > 1 and not known.refused:
            how = "are yet to be created"
        others.append(f"{unmade} {how}")
    if known.desired == 1 and known.ready == 0 and len(others) == 1:
        return f"Its pod {others[0].removeprefix('1 ')}."
    return f"{begin}; {joined(others)}." if others else f"{begin}."


def _are(amount: int) -> str:
    return "is" if amount == 1 else "are"


def on_nodes(known: PodSummary) -> bool:
    """Return True if all its workloads are DaemonSets: the nodes decide how many pods it has."""
    return all(each.workload.kind is Kind.DAEMON_SET for each in known.rollouts)


def workload_views(known: PodSummary) -> tuple[WorkloadView, ...]:
    """A line for each workload, Jobs too; none if there is only one, without Jobs."""
    if len(known.rollouts) + len(known.jobs) < 2 and not known.jobs:
        return ()
    return (*map(workload_view, known.rollouts), *job_views(known.jobs))


def workload_view(rollout: WorkloadRollout) -> WorkloadView:
    """The line of one workload."""
    workload = rollout.workload
    held = held_rollouts((rollout,))
    words = f"{workload.ready} of {count(workload.desired, 'pod')} ready"
    if rollout.old and workload.updated:
        words = f"{words}, {rollout.old} of the version before"
    if held:
        return WorkloadView(
            workload.kind.value,
            workload.key.name,
            Badge(held[0].title, held[0].severity, held[0].words),
            f"{words}.",
        )
    if rollout.complete:
        severity = Severity.GOOD if workload.desired else Severity.QUIET
        state = Badge("Ready" if workload.desired else "No pods", severity)
    elif rollout.old or not rollout.observed:
        state = Badge("Updating", Severity.BUSY)
    else:
        state = Badge("Not ready", Severity.BUSY)
    return WorkloadView(workload.kind.value, workload.key.name, state, f"{words}.")


def advice_on(known: PodSummary, diagnosis: Diagnosis) -> str:
    """The advice on a pod in trouble, as part of its rollout."""
    beside_old = any(each.old_ready and not each.workload.partition for each in known.rollouts)
    if diagnosis.title != UNSCHEDULABLE or not beside_old:
        return diagnosis.advice
    return (
        f"{diagnosis.advice} If old and new pods do not fit beside each other, let the update end "
        "an old pod first: maxUnavailable: 1, or the strategy Recreate."
    )


def obstacle(known: PodSummary) -> Notice | None:
    """A notice of what keeps a rollout from going on: held pods first, then the worst pod's."""
    if stopped := known.refused or known.blocked:
        return stopped.notice
    troubled = known.troubled
    if troubled:
        worst = troubled[0]
        return Notice(worst.severity, worst.title, worst.reason, advice_on(known, worst))
    if known.held:
        return known.held[0].notice
    return known.failures[0].notice if known.failures else None
