"""The headline of an app: its state as one word and one sentence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from portal.domain.objects import ReleaseStatus
from portal.domain.operations import DEAD_AFTER, OperationPhase
from portal.state.elsewhere import left_behind, managed_elsewhere
from portal.state.failed_removal import removal_failed, unfinished_hook
from portal.state.model import AppState
from portal.state.workloads import unreadable_workloads
from portal.viewmodels.crashes import named, restarted
from portal.viewmodels.diagnosis import Diagnosis, Stage
from portal.viewmodels.failures import Failures
from portal.viewmodels.finalizers import blocked_removal
from portal.viewmodels.hpa_problems import autoscaler_problem
from portal.viewmodels.model import Badge, Severity
from portal.viewmodels.operation import failed, moved, progressive, running
from portal.viewmodels.rollouts import HeldRollout, settling
from portal.viewmodels.scalers import ASLEEP, Phase, at_zero, scaler_problem
from portal.viewmodels.unreadable import NAMED, name_of
from portal.viewmodels.words import joined, moment, sentence, shortened
from portal.viewmodels.workloads import PodSummary, counts_in_words, on_nodes

STUCK = "Stuck"
"""The badge of a release that Helm left pending, with nobody working on it any more."""

NOT_FOUND = "Not found"
LATE = "Takes longer than usual."
STILL_TO_COME = "Pods of the new version are still to come."

AUTOSCALER_PROBLEM = "Autoscaler fails"
"""The badge of an app that is in order but for its autoscaler."""

ELSEWHERE = "Managed elsewhere"
"""The badge of a release whose record is not in a Secret of its namespace."""


class Headline(Struct, frozen=True):
    """The state of an app. ``problem`` is what the list shows; "" when nothing needs attention."""

    badge: Badge
    sentence: str
    since: datetime | None = None
    problem: str = ""


def headline(
    state: AppState, known: PodSummary, now: datetime, *, loading: bool = False
) -> Headline:
    """The headline by the first rule that applies; ``loading`` while releases are unread."""
    for rule in (_removing, _absent, _elsewhere, _requested, _damaged, _pending, _failed):
        found = rule(state, known, now) if rule is not _absent or not loading else _loading(state)
        if found:
            return found
    found = _by_pods(state, known)
    return _autoscaled(state, found, now) if found.badge.severity in _IN_ORDER else found


_IN_ORDER = {Severity.GOOD, Severity.QUIET}


Rule = Callable[[AppState, PodSummary, datetime], Headline | None]


def _made(
    text: str, severity: Severity, words: str, since: datetime | None = None, problem: str = ""
) -> Headline:
    return Headline(Badge(text, severity), words, since, problem)


def _loading(state: AppState) -> Headline | None:
    if state.release is not None:
        return None
    return _made("Loading", Severity.BUSY, "The portal is still reading the cluster's releases.")


def _removing(state: AppState, known: PodSummary, now: datetime) -> Headline | None:
    operation, release = state.operation, state.release
    ours = operation is not None and operation.verb.removes and running(operation)
    blocked = blocked_removal(state, now)
    if blocked:
        words = f"It was uninstalled, but some of its objects remain. {blocked.body}"
        since = operation.created_at if ours and operation else None
        return _made("Removal blocked", Severity.BAD, words, since, sentence(blocked.title))
    if removal_failed(state, now):
        return _removal_failed(state, known)
    if ours or (release and release.status is ReleaseStatus.UNINSTALLING):
        since = operation.created_at if ours and operation else None
        if not ours and release:
            since = release.updated_at
        left = len(known.pods)
        words = f"It is being removed. {counts_left(left)}" if left else "It is being removed."
        return _made("Removing", Severity.BUSY, words, since)
    left = release is None and known.pods and not running(operation)
    if left and managed_elsewhere(state) is None and not left_behind(state):
        return _made(
            "Removing",
            Severity.BUSY,
            f"Helm's record of it is deleted. {counts_left(len(known.pods))}",
        )
    return None


def _removal_failed(state: AppState, known: PodSummary) -> Headline:
    """The headline of a release whose removal has ended without removing it."""
    release, operation = state.release, state.operation
    hook = unfinished_hook(state)
    why = f"Its hook {hook} did not succeed." if hook else ""
    if operation and operation.verb.removes and operation.error:
        why = sentence(shortened(operation.error))
    pods = counts_left(len(known.pods)) if known.pods else ""
    return _made(
        "Removal failed",
        Severity.BAD,
        " ".join(filter(None, ("Its removal has failed.", why, pods))),
        release.updated_at if release else None,
        f"Its removal has failed. {why}".strip(),
    )


def counts_left(pods: int) -> str:
    """A sentence that says how many pods are still there."""
    return "1 pod is still there." if pods == 1 else f"{pods} pods are still there."


def _absent(state: AppState, known: PodSummary, now: datetime) -> Headline | None:
    operation = state.operation
    if state.release is not None or running(operation) or managed_elsewhere(state):
        return None
    kept = left_behind(state)
    if kept:
        return _made(
            "Removed",
            Severity.QUIET,
            f"It was removed. Kept in the cluster (resource policy keep): {joined(kept)}.",
        )
    if operation and operation.verb.removes:
        if operation.phase is OperationPhase.FAILED:
            why = sentence(shortened(operation.error))
            words = f"It was removed. The removal has reported an error: {why}"
            return _made("Removed", Severity.WARN, words, operation.updated_at, why)
        if operation.phase is OperationPhase.SUCCEEDED:
            left = operation.advice or "No pod and no Helm record of it remain."
            return _made("Removed", Severity.QUIET, f"It was removed. {left}", operation.updated_at)
        return _made(NOT_FOUND, Severity.QUIET, "There is no such release.")
    if operation and operation.phase is not OperationPhase.SUCCEEDED:
        why = sentence(shortened(operation.error)) or "It left no release."
        return _made(
            "Failed",
            Severity.BAD,
            f"The {operation.verb.noun} did not succeed. {why}",
            operation.updated_at,
            why,
        )
    return _made(
        NOT_FOUND,
        Severity.QUIET,
        f"There is no release named {state.key.name} in the namespace {state.key.namespace}.",
    )


def _elsewhere(state: AppState, known: PodSummary, now: datetime) -> Headline | None:
    """The headline of a release that the portal finds no record of, by the state of its pods."""
    found = managed_elsewhere(state)
    if found is None or running(state.operation):
        return None
    pods = _by_pods(state, known)
    troubled = pods.badge.severity.troubled
    by = f" by {found.manager}" if found.manager else ""
    words = pods.sentence if state.workloads else ""
    return _made(
        ELSEWHERE,
        pods.badge.severity if troubled else Severity.QUIET,
        f"It is managed{by} outside this portal. {words}".strip(),
        problem=pods.problem,
    )


def _requested(state: AppState, known: PodSummary, now: datetime) -> Headline | None:
    operation = state.operation
    if operation is None or not running(operation) or moved(operation, state.release):
        return None
    words = f"Requested: {operation.verb.noun}. It has not reached the cluster yet."
    if state.release is not None and known.desired:
        words = f"{words} {counts_in_words(known)}"
    return _made(progressive(operation.verb), Severity.BUSY, words, operation.created_at)


def _damaged(state: AppState, known: PodSummary, now: datetime) -> Headline | None:
    if not state.detail or not state.detail.damaged:
        return None
    why = shortened(state.detail.damaged)
    words = f"Helm's record of revision {state.detail.revision} cannot be read: {why}"
    return _made(
        "Damaged",
        Severity.BAD,
        f"{sentence(words)} {counts_in_words(known) if known.desired else ''}".strip(),
        problem=sentence(words),
    )


def _pending(state: AppState, known: PodSummary, now: datetime) -> Headline | None:
    release = state.release
    if release is None or not release.status.pending or running(state.operation):
        return None
    since = release.updated_at
    status = release.status.value
    if since and (now - since).total_seconds() <= DEAD_AFTER:
        return _made(
            "Updating" if release.status is not ReleaseStatus.PENDING_INSTALL else "Starting",
            Severity.BUSY,
            f"Helm is working on it ({status}), started outside this portal. "
            f"{counts_in_words(known) if known.desired else ''}".strip(),
            since,
        )
    when = f" since {moment(since)}" if since else ""
    pods = f" {counts_in_words(known)}" if known.desired else ""
    return _made(
        STUCK,
        Severity.BAD,
        f"Helm's last operation on it did not finish: {status}{when}.{pods}",
        since,
        f"Stuck: {status}{when}",
    )


def _failed(state: AppState, known: PodSummary, now: datetime) -> Headline | None:
    release = state.release
    if release is None or release.status is not ReleaseStatus.FAILED or running(state.operation):
        return None
    current = state.detail is not None and state.detail.revision == release.revision
    why = shortened(state.detail.description) if state.detail and current else ""
    if state.operation and failed(state.operation, release):
        why = shortened(state.operation.error)  # more specific than Helm's description
    why = sentence(why) or "Helm gives no reason."
    serving = known.ready > 0 and known.ready >= known.desired
    pods = f" {counts_in_words(known)}" if state.workloads else " It runs no pods."
    return _made(
        "Update failed" if known.ready else "Failed",
        Severity.WARN if serving else Severity.BAD,
        f"The last change failed. {why}{pods}",
        release.updated_at,
        f"The last change failed. {why}",
    )


def _by_pods(state: AppState, known: PodSummary) -> Headline:
    """The headline of a release that is in order, from its pods."""
    words = counts_in_words(known)
    if unreadable_workloads(state):
        return _unread(state, words if state.workloads else "")
    if not state.workloads:
        return _without_workloads(state, known)
    if known.failures and not known.troubled and known.ready < known.desired:
        # Before a quota that refuses further pods: those that have failed may fill it.
        return _failing(known, known.failures[0], words)
    if known.refused:
        return _held(known.refused, words)
    if known.desired == 0:
        return _at_zero(state, known, words)
    if known.blocked:
        return _held(known.blocked, words)
    troubled = known.troubled
    if troubled:
        return _in_trouble(known, troubled, words)
    if known.held:
        return _held(known.held[0], "")
    if known.failures:
        return _failing(known, known.failures[0], words)
    if known.ready == known.desired == known.present and known.observed:
        return _steady(state, known, words)
    return _under_way(state, known, words)


def _unread(state: AppState, words: str) -> Headline:
    """The headline of a release with workloads that cannot be read."""
    names = joined([name_of(each) for each in unreadable_workloads(state)[:NAMED]])
    text = f"The portal cannot read {names}, so that its state is not known. {words}".strip()
    return _made("Not known", Severity.WARN, text, problem="A workload cannot be read.")


def _held(held: HeldRollout, words: str) -> Headline:
    """The headline of a rollout that does not go on by itself."""
    text = held.words if held.title == "Update stuck" else f"{words} {held.words}".strip()
    return _made(held.title, held.severity, text, problem=held.problem)


def _at_zero(state: AppState, known: PodSummary, words: str) -> Headline:
    if known.present:
        return _made("Scaling", Severity.BUSY, f"It is being scaled to zero. {words}")
    if on_nodes(known):
        return _made("No pods", Severity.QUIET, "No node matches it, so it runs no pods.")
    match at_zero(state):
        case Phase.ASLEEP:
            why = "" if scaler_problem(state) else f" {ASLEEP}"
            return _made("Asleep", Severity.QUIET, f"KEDA has scaled it to zero.{why}")
        case Phase.WAKING:
            words = "KEDA had scaled it to zero. A trigger is active: it starts pods."
            return _made("Waking", Severity.BUSY, words)
        case Phase.PAUSED:
            words = "KEDA is paused while it is scaled to zero, so it runs no pods."
            return _made("Stopped", Severity.QUIET, words)
        case _:
            pass
    return _made("Stopped", Severity.QUIET, "It is scaled to zero, so it runs no pods.")


def _without_workloads(state: AppState, known: PodSummary) -> Headline:
    if running(state.operation) and state.operation:
        return _made(
            progressive(state.operation.verb),
            Severity.BUSY,
            "Helm is working; there are no pods yet.",
            state.operation.created_at,
        )
    if known.jobs:
        return _by_jobs(known)
    return _made(
        "Installed",
        Severity.QUIET,
        "It has no Deployment, StatefulSet, DaemonSet, Job or CronJob; this page does not follow "
        "the pods of others.",
    )


def _by_jobs(known: PodSummary) -> Headline:
    """The headline of a release that has only Jobs and CronJobs: that of the worst one."""
    worst = known.jobs[0]
    if worst.state.severity is not Severity.BAD and known.troubled:
        return _in_trouble(known, known.troubled, worst.words)
    problem = sentence(worst.notice.title) if worst.notice else ""
    words = " ".join(each.words for each in known.jobs[:MOST_JOBS])
    return _made(worst.state.text, worst.state.severity, words, problem=problem)


MOST_JOBS = 3
"""The most Jobs in the sentence of a headline."""


def _in_trouble(known: PodSummary, troubled: list[Diagnosis], words: str) -> Headline:
    worst = troubled[0]
    problem = sentence(worst.title)
    text = f"{words} {worst.reason}".strip()
    if known.ready:
        # Enough old pods are ready, but the new ones do not become ready.
        name = "Update stuck" if known.ready >= known.desired else "Degraded"
        return _made(name, Severity.WARN, text, worst.since, problem)
    if worst.stage in {Stage.SILENT, Stage.SLOW, Stage.LOST}:
        # A slow one that answers says what.
        return _made(
            {Stage.SILENT: "Not answering", Stage.SLOW: worst.title}.get(
                worst.stage, "Node does not answer"
            ),
            Severity.WARN if worst.stage is Stage.SLOW else Severity.BAD,
            text,
            worst.since,
            problem,
        )
    if worst.stage is Stage.CRASHING:
        return _made("Crashing", Severity.BAD, text, worst.since, problem)
    return _made("Cannot start", Severity.BAD, text, worst.since, problem)


def _steady(state: AppState, known: PodSummary, words: str) -> Headline:
    """The headline of an app whose pods are all there and ready."""
    operation = state.operation
    if operation and running(operation) and operation.phase is not OperationPhase.WAITING:
        return _made(progressive(operation.verb), Severity.BUSY, words, operation.created_at)
    if known.outdated:
        return _made(
            "Updating",
            Severity.BUSY,
            f"{words} {settling(known.rollouts) or STILL_TO_COME}",
            problem=LATE if known.late else "",
        )
    failed = next((each for each in known.jobs if each.notice), None)
    if failed and failed.notice:
        return _made(
            "Job failed" if failed.state.text == "Failed" else "Degraded",
            Severity.WARN,
            f"{words} {failed.words}",
            problem=sentence(failed.notice.title),
        )
    if known.restarting:
        pod, one = known.restarting[0]
        problem = f"{named(pod, one)} keeps restarting."
        return _made("Degraded", Severity.WARN, f"{words} {restarted(pod)}", problem=problem)
    return _made("Ready", Severity.GOOD, words, _ready_since(known))


def _autoscaled(state: AppState, found: Headline, now: datetime) -> Headline:
    """The headline of an app that is in order but for its autoscaler."""
    problem = autoscaler_problem(state, now) or scaler_problem(state)
    if problem is None:
        return found
    return _made(
        AUTOSCALER_PROBLEM,
        Severity.WARN,
        f"{found.sentence} {sentence(problem.title)}",
        problem=sentence(problem.title),
    )


def _failing(known: PodSummary, failures: Failures, words: str) -> Headline:
    """The headline of an app whose pods fail again and again."""
    return _made(
        "Degraded" if known.ready else "Pods fail",
        Severity.WARN if known.ready else Severity.BAD,
        f"{words} {failures.words}",
        failures.since,
        sentence(failures.title),
    )


def _ready_since(known: PodSummary) -> datetime | None:
    times = [pod.ready_at for pod, found in known.pods if found.stage is Stage.READY]
    dated = [time for time in times if time is not None]
    return max(dated) if dated and len(dated) == len(times) else None


def _under_way(state: AppState, known: PodSummary, words: str) -> Headline:
    """The headline of an app that is changing without a problem."""
    operation = state.operation
    late = LATE if known.late else ""
    if waits := settling(known.rollouts):
        words = f"{words} {waits}"
    elif late:
        words = f"{words} This takes longer than usual."
    since = min((one.since for one in known.progressing if one.since), default=None)
    if known.ready == 0:
        return _made("Starting", Severity.BUSY, words, since, late)
    if operation and running(operation) and not operation.verb.creates:
        return _made(progressive(operation.verb), Severity.BUSY, words, operation.created_at, late)
    if known.outdated or not known.observed:
        return _made("Updating", Severity.BUSY, words, since, late)
    return _made("Scaling", Severity.BUSY, words, since, late)
