"""KEDA's ScaledObjects and ScaledJobs in words: how they scale, rest, pause and fail."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from portal.domain.objects import Hpa, Kind, Workload
from portal.domain.scalers import ScaledJob, ScaledObject, metric_title
from portal.domain.secrets import without_secret_patterns
from portal.state.model import AppState
from portal.state.workloads import keda_is_paused, scaled_by, scaled_object_of, target_of
from portal.viewmodels.conditions import condition
from portal.viewmodels.hpa_metrics import metric_view
from portal.viewmodels.model import Badge, Notice, ScalerView, Severity
from portal.viewmodels.words import count, joined, moment, sentence, shortened, span

SEVERAL_SCALERS = "Several scalers for one workload"

_OF_THE_HPA = {"HPAMetricsUnavailable", "ScalingDegraded"}
"""Reasons of Ready=False that are about the HPA, which has notices of its own: for a minute after
each rollout its new pods are not measured."""


_CHECKS = {"ScaledObjectCheckFailed", "ScaledJobCheckFailed"}
"""Reasons of Ready=False that are about the object itself."""


class Phase(StrEnum):
    """The phases of a ScaledObject."""

    PAUSED = "paused"
    ASLEEP = "asleep"
    WAKING = "waking"
    SCALING = "scaling"


def scaler_views(state: AppState) -> tuple[ScalerView, ...]:
    """The scalers of KEDA that an app has."""
    return (
        *(_scaled_object(state, each) for each in state.scaled_objects),
        *(_scaled_job(state, each) for each in state.scaled_jobs),
    )


def phase_of(state: AppState, scaled: ScaledObject) -> Phase:
    """Return the phase of a ScaledObject.

    A workload at zero counts as asleep only if KEDA may take it there, and as paused if KEDA adds
    no pods. Its annotation says whether it is paused: the condition may be left from before.
    """
    workload = target_of(state, scaled)
    if scaled.paused or (scaled.paused_out and workload is not None and not workload.desired):
        return Phase.PAUSED
    if workload is None or workload.desired or not rests_at_zero(scaled):
        return Phase.SCALING
    if workload.current:
        return Phase.SCALING  # on its way down
    return Phase.WAKING if _is(scaled, "Active", "True") else Phase.ASLEEP


def rests_at_zero(scaled: ScaledObject) -> bool:
    """Return True if KEDA takes away all pods while no trigger is active."""
    least = scaled.min_replicas if scaled.idle_replicas is None else scaled.idle_replicas
    return least == 0


def at_zero(state: AppState) -> Phase | None:
    """Return the phase of an app at zero by KEDA; None if it is there for another reason."""
    phases = [
        phase_of(state, scaled) if (scaled := scaled_object_of(state, each)) else None
        for each in state.workloads
    ]
    if not phases or None in phases or Phase.SCALING in phases:
        return None
    return next((each for each in Phase if each in phases), None)


def scaler_problem(state: AppState) -> Notice | None:
    """The worst problem of an app's scalers that needs attention, if there is one."""
    found = [
        notice
        for scaler in (*state.scaled_objects, *state.scaled_jobs)
        for notice in _failures(state, scaler)
        if notice.severity.troubled
    ]
    return min(found, key=lambda each: each.severity is not Severity.BAD, default=None)


def scale_words(state: AppState) -> str:
    """Say why replicas are not set by hand where KEDA scales; "" where it does not."""
    name = scaled_by(state)
    if not name:
        return ""
    if keda_is_paused(state):
        return (
            f"The number of pods is KEDA's (ScaledObject {name}), also while it is paused: its "
            "annotation autoscaling.keda.sh/paused-replicas sets it."
        )
    return (
        f"KEDA scales this app (ScaledObject {name}) and undoes a number that is set here. Change "
        "the ScaledObject's minReplicaCount and maxReplicaCount, or pause it."
    )


def several_scalers(state: AppState) -> Notice | None:
    """A notice about a workload that KEDA and another autoscaler scale; None without one."""
    for workload in state.workloads:
        names = scalers_of(state, workload)
        if len(names) > 1:
            return Notice(
                Severity.BAD,
                SEVERAL_SCALERS,
                f"{joined(names)} scale {workload.kind} {workload.key.name}, and override each "
                "other's decisions.",
                "Remove all but one. A ScaledObject may have triggers of CPU and memory, too.",
            )
    return None


def scalers_of(state: AppState, workload: Workload) -> list[str]:
    """Return what scales a workload, by kind and name; one at least is KEDA's, or there is none.

    An HPA that KEDA has made counts as its ScaledObject.
    """
    target = (workload.kind.value, workload.key.name)
    scaled = [
        f"the ScaledObject {each.key.name}"
        for each in state.scaled_objects
        if (each.target_kind, each.target_name) == target
    ]
    hpas = [
        f"the HorizontalPodAutoscaler {each.key.name}"
        for each in state.hpas
        if (each.target_kind, each.target_name) == target and not _made(each, state)
    ]
    return [*scaled, *hpas] if scaled else []


def _made(hpa: Hpa, state: AppState) -> bool:
    return any(each.key.name == hpa.scaled_object for each in state.scaled_objects)


def listed_words(state: AppState) -> str:
    """KEDA in the cell of a list: "KEDA 0–10, asleep"; "" where it does not scale the app."""
    return "; ".join(_listed(state, each) for each in state.scaled_objects)


def _listed(state: AppState, scaled: ScaledObject) -> str:
    phase = phase_of(state, scaled)
    words = f"KEDA {scaled.min_replicas}–{scaled.max_replicas}"
    if phase is not Phase.SCALING:
        return f"{words}, {phase.value}"
    hpa = next((each for each in state.hpas if each.scaled_object == scaled.key.name), None)
    views = map(metric_view, hpa.metrics if hpa else ())
    return ", ".join([words, *(f"{each.name} {each.current} / {each.target}" for each in views)])


def _scaled_object(state: AppState, scaled: ScaledObject) -> ScalerView:
    phase = phase_of(state, scaled)
    failures = _failures(state, scaled)
    badge = _BADGES[phase]
    if failures:
        badge = _failed(failures[0])
    return ScalerView(
        Kind.SCALED_OBJECT.value,
        scaled.key.name,
        scaled.target_name,
        badge,
        _words(state, scaled, phase, failures),
        _triggers(state, scaled),
        (*failures, *_unseen(scaled), *_unsure(state, scaled), *_annotated(scaled)),
    )


def _failed(failure: Notice) -> Badge:
    words = "Cannot scale" if failure.severity is Severity.BAD else "Trigger fails"
    return Badge(words, failure.severity, failure.title)


_BADGES = {
    Phase.PAUSED: Badge("Paused", Severity.QUIET),
    Phase.ASLEEP: Badge("Asleep", Severity.QUIET),
    Phase.WAKING: Badge("Waking", Severity.BUSY),
    Phase.SCALING: Badge("Scales", Severity.GOOD),
}


def _words(state: AppState, scaled: ScaledObject, phase: Phase, failures: Sequence[Notice]) -> str:
    workload = target_of(state, scaled)
    refused = any(each.severity is Severity.BAD for each in failures)
    who = f"KEDA {'is to scale' if refused else 'scales'} this app (ScaledObject {scaled.key.name})"
    if phase is Phase.PAUSED:
        live = workload.desired if workload else None
        at = scaled.paused_replicas if scaled.paused_replicas is not None else live
        words = f"{who}; it is paused" + (f" at {count(at, 'pod')}." if at is not None else ".")
        if live is not None and at is not None and live != at:
            words = f"{words} At present {count(live, 'pod')} {_are(live)} wanted."
        return words
    most = count(scaled.max_replicas, "pod")
    words = f"{who}, between {scaled.min_replicas} and {most}."
    if failures:
        return words  # it takes none away then, and its notices say more
    if phase is Phase.ASLEEP:
        last = scaled.last_active_at
        since = f" The last one was at {moment(last)}." if last else ""
        return f"{words} {ASLEEP}{since}"
    if phase is Phase.WAKING:
        return f"{words} A trigger is active: it starts pods."
    if workload is not None and not workload.desired:
        if not workload.current:
            return f"{words} The workload is at zero; KEDA brings it to its minimum."
        return f"{words} It takes the last pods away."
    if scaled.idle_replicas is not None:
        words = f"{words} While no trigger is active it keeps {scaled.idle_replicas}."
    if _is(scaled, "Active", "False") and rests_at_zero(scaled):
        if scaled.paused_in:
            return f"{words} No trigger is active."
        return (
            f"{words} No trigger is active: after {span(scaled.cooldown)} without one it takes all "
            "pods away (cooldown period)."
        )
    return words


ASLEEP = "No trigger is active, so it runs no pods; KEDA starts some when one is."
"""The sentence about an app that KEDA has scaled to zero."""


def _are(amount: int) -> str:
    return "is" if amount == 1 else "are"


def _triggers(state: AppState, scaled: ScaledObject) -> tuple[str, ...]:
    failing = () if scaled.paused else _failing(state, scaled)
    return tuple(
        f"{each.title}: cannot be read"
        if any(name.startswith(f"s{place}-") for name in failing)
        else each.title
        for place, each in enumerate(scaled.triggers)
    )


def _annotated(scaled: ScaledObject) -> list[Notice]:
    """The notices of what annotations have KEDA do."""
    if scaled.paused:
        return [
            Notice(
                Severity.QUIET,
                "KEDA is paused",
                "It neither adds pods nor takes any away, and has removed its "
                "HorizontalPodAutoscaler until it goes on.",
                f"It goes on when the annotation autoscaling.keda.sh/{scaled.paused_by} is removed "
                f"from the ScaledObject {scaled.key.name}.",
            )
        ]
    found = (
        (scaled.paused_in, Notice(Severity.QUIET, "KEDA takes no pods away", _BY + "in.")),
        (scaled.paused_out, Notice(Severity.QUIET, "KEDA adds no pods", _BY + "out.")),
        (
            scaled.forced,
            Notice(
                Severity.QUIET,
                "KEDA keeps the app active",
                "It does so whatever the triggers say, by the annotation "
                "autoscaling.keda.sh/force-activation.",
            ),
        ),
    )
    return [notice for on, notice in found if on]


_BY = "That is paused by the annotation autoscaling.keda.sh/paused-scale-"


def _unseen(scaler: ScaledObject | ScaledJob) -> list[Notice]:
    """A notice about an object that has no status: KEDA's operator writes one at once."""
    if scaler.conditions:
        return []
    return [
        Notice(
            Severity.QUIET,
            "KEDA has not taken it up yet",
            f"The {_kind(scaler)} {scaler.key.name} has no status.",
            "If it stays so, ask an administrator whether KEDA's operator runs and looks at this "
            "namespace.",
        )
    ]


def _failures(state: AppState, scaler: ScaledObject | ScaledJob) -> list[Notice]:
    """The failures that keep KEDA from scaling.

    While it is paused it looks at no trigger, and only its check of the object itself counts.
    """
    ready = condition(scaler, "Ready")
    reason = ready.reason if ready else ""
    if scaler.paused and reason not in _CHECKS:
        return []
    failing = _failing(state, scaler)
    wrong = ready is not None and ready.status == "False" and reason not in _OF_THE_HPA
    partial = reason == "PartialTriggerError" or bool(failing)
    if wrong and reason != "TriggerError" and ready is not None:
        return [
            Notice(
                Severity.BAD,
                "KEDA cannot scale the app",
                _message(ready.message) or "It gives no reason.",
                f"Correct the {_kind(scaler)} {scaler.key.name}, or what it names.",
            )
        ]
    if not (wrong or partial):
        return []
    names = joined(_metric(each, scaler) for each in failing)
    what = f"KEDA cannot read {names or ('its triggers' if wrong else 'some of its triggers')}."
    return [
        Notice(
            Severity.WARN,
            "KEDA cannot read a trigger",
            f"{what} {_consequence(state, scaler)}".strip(),
            "Check the address and the authentication of the trigger, and that what it reads "
            "answers; the events of the ScaledObject say more."
            if isinstance(scaler, ScaledObject)
            else "Check the address and the authentication of the trigger.",
        )
    ]


def _unsure(state: AppState, scaled: ScaledObject) -> list[Notice]:
    """A notice about metrics that the status of an app at zero says cannot be read.

    Such an app sleeps whether that still holds or not.
    """
    if scaled.paused or not scaled.failing or _failing(state, scaled) or _failures(state, scaled):
        return []
    names = joined(_metric(each, scaled) for each in scaled.failing)
    return [
        Notice(
            Severity.QUIET,
            "KEDA could not read a trigger",
            f"When it last counted, it could not read {names}. A KEDA older than 2.20 leaves that "
            "in the status of an app at zero.",
            "Unless that is why, check the address and the authentication of the trigger: the app "
            "may not be started for it.",
        )
    ]


def _failing(state: AppState, scaler: ScaledObject | ScaledJob) -> tuple[str, ...]:
    """The metrics that cannot be read.

    They are counted on the way to the HPA, which does not ask while there are no pods: what the
    status then says of them is from before, as its condition Fallback is.
    """
    if isinstance(scaler, ScaledJob):
        return ()
    workload = target_of(state, scaler)
    return () if workload is not None and not workload.desired else scaler.failing


def _consequence(state: AppState, scaler: ScaledObject | ScaledJob) -> str:
    if isinstance(scaler, ScaledJob):
        return "Until it can, no Job is started for it."
    workload = target_of(state, scaler)
    if workload is not None and not workload.desired:
        later = scaler.fallback_replicas is not None
        return "While it cannot, it may not start the app" + (
            "; from KEDA 2.19 on its fallback does, after more failures." if later else "."
        )
    if scaler.fallback_replicas is not None:
        using = _is(scaler, "Fallback", "True")
        return (
            f"{'It uses' if using else 'After more failures it uses'} its fallback for that "
            f"trigger: {_fallback(scaler.fallback_behavior, scaler.fallback_replicas)}."
        )
    return "Until it can, that trigger adds no pods, and none are taken away for it."


def _fallback(behavior: str, replicas: int) -> str:
    pods = count(replicas, "pod")
    match behavior:
        case "static":
            return pods
        case "currentReplicas":
            return "the number of pods that there is"
        case "currentReplicasIfHigher":
            return f"{pods}, or the number that there is if that is higher"
        case "currentReplicasIfLower":
            return f"{pods}, or the number that there is if that is lower"
        case "scalingModifiers":
            return "the formula of its scaling modifiers, without that trigger"
        case _:
            return f"{shortened(behavior, 40)}, which is not known to the portal"


def _metric(name: str, scaler: ScaledObject | ScaledJob) -> str:
    scaled = scaler if isinstance(scaler, ScaledObject) else None
    return metric_title(name, scaled) or name


def _message(text: str) -> str:
    return sentence(shortened(without_secret_patterns(text)))


def _kind(scaler: ScaledObject | ScaledJob) -> str:
    return "ScaledObject" if isinstance(scaler, ScaledObject) else "ScaledJob"


def _is(scaler: ScaledObject | ScaledJob, kind: str, status: str) -> bool:
    found = condition(scaler, kind)
    return found is not None and found.status == status


def _scaled_job(state: AppState, job: ScaledJob) -> ScalerView:
    failures = _failures(state, job)
    most = count(job.max_replicas, "Job")
    words = f"KEDA starts Jobs for this app (ScaledJob {job.key.name}), at most {most} at once."
    badge = Badge("Starts Jobs", Severity.GOOD)
    if job.paused:
        words, badge = f"{words} It is paused, and starts none.", _BADGES[Phase.PAUSED]
    elif _is(job, "Active", "False"):
        words, badge = f"{words} No trigger is active.", Badge("Waiting", Severity.QUIET)
    if failures:
        badge = _failed(failures[0])
    return ScalerView(
        Kind.SCALED_JOB.value,
        job.key.name,
        "",
        badge,
        words,
        tuple(each.title for each in job.triggers),
        (*failures, *_unseen(job)),
    )
