"""Rollouts that do not go on by themselves, in words."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from portal.state.rollouts import Hold, WorkloadRollout
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.refusals import refusal
from portal.viewmodels.words import count, sentence, span


class HeldRollout(Struct, frozen=True):
    """A rollout that does not go on by itself.

    ``title`` is the app's headline then, ``words`` say how far it is and why it stops; ``notice``
    has the advice. ``refused`` is True if the cluster refuses pods, ``blocked`` if a pod has to be
    deleted first; both are False if it is held on purpose.
    """

    title: str
    severity: Severity
    words: str
    notice: Notice
    refused: bool
    blocked: bool = False

    @property
    def problem(self) -> str:
        """The sentence for lists."""
        return sentence(self.notice.title)


def held_rollouts(rollouts: Sequence[WorkloadRollout]) -> tuple[HeldRollout, ...]:
    """The rollouts that do not go on by themselves, refused ones first."""
    found = [
        _WORDS[each.hold](each, f"{name_of(each)}: " if len(rollouts) > 1 else "")
        for each in rollouts
        if each.hold is not Hold.NONE
    ]
    return tuple(sorted(found, key=lambda each: (not each.refused, not each.blocked)))


def name_of(rollout: WorkloadRollout) -> str:
    """Kind and name of the workload: "Deployment web"."""
    return f"{rollout.workload.kind} {rollout.workload.key.name}"


def _refused(rollout: WorkloadRollout, of: str) -> HeldRollout:
    why = refusal(rollout.refusal, rollout.workload.key.namespace)
    if not rollout.old_ready:
        ready = rollout.workload.ready > 0
        return HeldRollout(
            "Degraded" if ready else "Cannot start",
            Severity.WARN if ready else Severity.BAD,
            f"{of}{why.title}.",
            why,
            True,
        )
    serve = _serve_on(rollout)
    return HeldRollout(
        "Update stuck",
        Severity.WARN,
        f"{of}{serve}; the new one cannot be created. {why.body}",
        Notice(
            why.severity,
            f"Update stuck. {why.title}",
            f"{of}{serve}. {why.body}",
            f"{why.advice} Or roll back.",
        ),
        True,
    )


def settling(rollouts: Sequence[WorkloadRollout]) -> str:
    """A sentence about pods that are ready and do not count as available yet; "" if none are."""
    waits = max((each.workload.min_ready_seconds for each in rollouts if each.settling), default=0)
    if not waits:
        return ""
    return (
        f"A new pod counts as available when it has been ready for {span(waits)} "
        "(minReadySeconds); the rollout waits for that."
    )


def _serve_on(rollout: WorkloadRollout) -> str:
    serve = "serves" if rollout.old_ready == 1 else "serve"
    return f"{count(rollout.old_ready, 'old pod')} {serve} on"


def _before(rollout: WorkloadRollout) -> str:
    """The pods of the version before, in a sentence."""
    if not rollout.old_ready:
        return f"None of its {count(rollout.old, 'pod')} of the version before is ready."
    are = "is" if rollout.old_ready == 1 else "are"
    return f"{count(rollout.old_ready, 'pod')} of the version before {are} ready."


def _paused(rollout: WorkloadRollout, of: str) -> HeldRollout:
    if rollout.old:
        words = f"{of}Paused: changes are not rolled out. {_before(rollout)}"
    else:
        words = f"{of}Paused, so no pods are made."
    return HeldRollout(
        "Paused",
        Severity.WARN,
        words,
        Notice(Severity.WARN, f"{name_of(rollout)} is paused", words, RESUME),
        False,
    )


RESUME = (
    "Resume rolls out what is held back. Whoever paused it may have had a reason. If the chart's "
    "values pause it, change them too: else the next upgrade pauses it again."
)
"""Advice for a paused Deployment."""


def _on_delete(rollout: WorkloadRollout, of: str) -> HeldRollout:
    words = (
        f"{of}The new version is not rolled out. {_before(rollout)} The update strategy OnDelete "
        "replaces a pod only when somebody deletes it."
    )
    return HeldRollout(
        "Not rolled out",
        Severity.WARN,
        words,
        Notice(
            Severity.WARN,
            f"{name_of(rollout)} waits for its pods to be deleted",
            words,
            "Delete its pods one after another, or choose the update strategy RollingUpdate in "
            "the chart's values.",
        ),
        False,
    )


def _blocked(rollout: WorkloadRollout, of: str) -> HeldRollout:
    workload, pod = rollout.workload, rollout.blocking
    words = (
        f"{of}Kubernetes replaces a pod of this StatefulSet only while all others are ready, and "
        f"{pod} of the version before is not. Correcting the app alone does not mend that."
    )
    return HeldRollout(
        "Update stuck",
        Severity.WARN if workload.ready else Severity.BAD,
        words,
        Notice(
            Severity.BAD,
            f"The update waits for {pod}",
            words,
            f"It goes on when {pod} is deleted, by an administrator or whoever may delete pods. "
            "Its volume claims stay.",
        ),
        False,
        True,
    )


def _partition(rollout: WorkloadRollout, of: str) -> HeldRollout:
    workload = rollout.workload
    words = (
        f"{of}The new version is rolled out to {workload.updated} of {workload.current} pods. "
        f"{_before(rollout)} The partition of the rolling update keeps "
        f"{'it' if rollout.old == 1 else 'them'} as {'it is' if rollout.old == 1 else 'they are'}."
    )
    return HeldRollout(
        "Partly rolled out",
        Severity.WARN,
        words,
        Notice(
            Severity.WARN,
            f"{name_of(rollout)} is rolled out in part",
            words,
            "Lower the partition (spec.updateStrategy.rollingUpdate.partition) in the chart's "
            "values to update the others too.",
        ),
        False,
    )


_WORDS = {
    Hold.REFUSED: _refused,
    Hold.PAUSED: _paused,
    Hold.ON_DELETE: _on_delete,
    Hold.BLOCKED: _blocked,
    Hold.PARTITION: _partition,
}
