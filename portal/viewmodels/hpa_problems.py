"""Problems of a HorizontalPodAutoscaler, and advice on each.

The causes are the messages of its conditions and events, as the HPA controller writes them. A
condition names the first metric that failed; what an event says of each is newer or as new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from portal.autoscaling.spec import CUSTOM_METRICS, RESOURCE_METRICS, MetricSource
from portal.domain.objects import Condition, Event, Hpa, HpaMetric, Kind, Pod
from portal.state.model import AppState, WatchHealth
from portal.state.workloads import target_pods
from portal.viewmodels.conditions import condition
from portal.viewmodels.freshness import METRICS, source_of
from portal.viewmodels.hpa_metrics import RESOURCES, label_within, metric_label
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import sentence, shortened

PATIENCE = 180.0
"""Seconds for which missing metrics are normal: new pods take up to a minute, at times more."""

NO_METRICS = "The metrics API is not available"

METRICS_ADVICE = (
    "Ask an administrator to install metrics-server, or to see why it does not answer (the "
    "APIService v1beta1.metrics.k8s.io)."
)

SEVERAL_HPAS = "Several HPAs target one workload"

_WORKLOAD_APIS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "ReplicaSet": "apps/v1"}
"""The ``apiVersion`` of kinds that had others in older versions of Kubernetes."""


def failing_metrics(hpa: Hpa) -> list[HpaMetric]:
    """The metrics without a reading, in the order of the spec."""
    return [metric for metric in hpa.metrics if metric.failing]


def scaling_disabled(hpa: Hpa) -> bool:
    """Return True while it rests because its target is scaled to zero."""
    active = condition(hpa, "ScalingActive")
    return active is not None and active.status == "False" and active.reason == "ScalingDisabled"


def autoscaler_problem(state: AppState, now: datetime) -> Notice | None:
    """The worst problem of an app's autoscalers that needs attention, if there is one."""
    found = [
        notice
        for hpa in state.hpas
        if not scaling_disabled(hpa)
        for notice in problems(hpa, target_pods(state, hpa), state.events, {}, now)
        if notice.severity in _TROUBLE
    ]
    return min(found, key=lambda one: _TROUBLE.index(one.severity), default=None)


_TROUBLE = (Severity.BAD, Severity.WARN)


def awaits_readings(state: AppState) -> bool:
    """Return True if a metric has no reading, which time alone turns into a problem."""
    return any(metric.failing for hpa in state.hpas for metric in hpa.metrics)


def problems(
    hpa: Hpa,
    pods: Sequence[Pod],
    events: Sequence[Event],
    sources: Mapping[str, WatchHealth],
    now: datetime,
) -> tuple[Notice, ...]:
    """The problems of one HPA. ``events`` are those of its app, the newest first."""
    able, active = condition(hpa, "AbleToScale"), condition(hpa, "ScalingActive")
    found: list[Notice] = []
    if able and able.status == "False":
        found.append(_unable(hpa, able))
        if able.reason == "FailedGetScale":
            return tuple(found)  # it then reads no metrics, and its other conditions are old
    if active and active.status == "False":
        other = _without_metrics(hpa, active)
        if other:
            return (*found, other)
    by_title: dict[str, Notice] = {}
    for metric in failing_metrics(hpa):
        notice = _Failure(hpa, metric, pods, events, sources, now).notice()
        by_title.setdefault(notice.title, notice)
    if not by_title and active and active.status == "False":
        found.append(
            Notice(
                Severity.WARN,
                "The autoscaler cannot compute the replicas",
                _evidence(active.message),
            )
        )
    return (*found, *by_title.values())


def _unable(hpa: Hpa, able: Condition) -> Notice:
    """Explain the condition AbleToScale=False."""
    if able.reason == "FailedGetScale":
        return _no_scale(hpa, able.message)
    if able.reason.startswith("Backoff"):
        return Notice(Severity.BUSY, "The autoscaler waits", "It has just changed the replicas.")
    if able.reason == "FailedUpdateScale":
        return Notice(
            Severity.BAD,
            "The autoscaler cannot change the replicas",
            _evidence(able.message),
            "If this does not tell you what to change, ask an administrator.",
        )
    return Notice(Severity.BAD, "The autoscaler cannot scale", _evidence(able.message))


def _no_scale(hpa: Hpa, message: str) -> Notice:
    """Explain why the scale of its target cannot be read, by the message."""
    target = f"{hpa.target_kind} {hpa.target_name}"
    named = f"The autoscaler names {target}"
    title = "The autoscaler's target cannot be read"
    if re.search(r"no matches for kind|unexpected GroupVersion|no kind .* is registered", message):
        usual = _WORKLOAD_APIS.get(hpa.target_kind, "")
        where = (
            f"of {hpa.target_api}, which this Kubernetes does not have"
            if hpa.target_api
            else "without an apiVersion"
        )
        right = f": write apiVersion: {usual}" if usual else ""
        return Notice(
            Severity.BAD,
            title,
            f"{named} {where}{right}.",
            "Correct scaleTargetRef of the HorizontalPodAutoscaler, in the chart or its values.",
        )
    if re.search(r"forbidden|cannot get resource", message):
        return Notice(
            Severity.BAD,
            title,
            f"{named}, whose scale Kubernetes' HPA controller may not read: {_evidence(message)}",
            "Ask an administrator to let it read and change that scale (RBAC).",
        )
    if "could not find the requested resource" in message:
        return Notice(
            Severity.BAD,
            title,
            f"{named}, and objects of the kind {hpa.target_kind} have no scale.",
            "Only what has a scale, such as a Deployment or StatefulSet, can have an autoscaler.",
        )
    if "not found" in message:
        return Notice(
            Severity.BAD,
            "The autoscaler's target does not exist",
            f"{named}, which does not exist.",
            "Launch the app again, or remove the autoscaler.",
        )
    return Notice(
        Severity.BAD,
        title,
        f"{named}, whose scale it cannot read. {_evidence(message)}".strip(),
        "If this does not tell you what to change, ask an administrator.",
    )


def _without_metrics(hpa: Hpa, active: Condition) -> Notice | None:
    """Explain ScalingActive=False where it is not about a metric; else None."""
    if active.reason == "ScalingDisabled":
        if hpa.scaled_object:
            return Notice(
                Severity.QUIET,
                "Scaled to zero by KEDA",
                f"The ScaledObject {hpa.scaled_object} says when KEDA starts pods again.",
            )
        return Notice(
            Severity.WARN,
            "The autoscaler is disabled",
            "The workload is scaled to zero, which disables its autoscaler.",
            "Set at least one replica to enable the autoscaler again.",
        )
    if active.reason == "AmbiguousSelector" or "controlled by multiple HPAs" in active.message:
        return Notice(Severity.BAD, SEVERAL_HPAS, _evidence(active.message), "Remove one of them.")
    if active.reason == "InvalidSelector":
        return Notice(
            Severity.BAD,
            "The autoscaler's target has no usable selector",
            _evidence(active.message),
            f"Correct the selector of the {hpa.target_kind} {hpa.target_name}.",
        )
    if active.reason == "InvalidMetricSourceType":
        return Notice(
            Severity.BAD,
            "The autoscaler has a metric of an unknown type",
            _evidence(active.message),
            "Correct the metrics of the HorizontalPodAutoscaler, in the chart or its values.",
        )
    return None


class _Failure:
    """One metric that cannot be read: its cause, and for how long."""

    def __init__(
        self,
        hpa: Hpa,
        metric: HpaMetric,
        pods: Sequence[Pod],
        events: Sequence[Event],
        sources: Mapping[str, WatchHealth],
        now: datetime,
    ) -> None:
        self._hpa = hpa
        self._metric = metric
        self._pods = pods
        self._sources = sources
        self._now = now
        self._active = condition(hpa, "ScalingActive")
        self._label = label_within(metric)
        self._group = metric.source.api_group
        self._message = _core(_cause(hpa, metric, events))

    def notice(self) -> Notice:
        """Explain it by its message; without a known cause the message is the explanation."""
        resource = self._group == RESOURCE_METRICS
        return (
            (self._request() if resource else None)
            or (self._container() if resource else None)
            or self._unserved()
            or self._forbidden()
            or self._unread()
        )

    def _request(self) -> Notice | None:
        """Explain a target in percent of a request that is not set."""
        found = re.search(
            r"missing (?:pod-level )?request for (\w+)(?: in container (\S+?))?"
            r"(?: (?:of|in) Pod (\S+))?$",
            self._message.strip(),
        )
        if not found:
            return None
        resource = "CPU" if found[1] == "cpu" else found[1]
        if found[3] and self._foreign(found[3]):
            where = f"whose container {found[2]}" if found[2] else "which"
            return Notice(
                Severity.BAD,
                "The autoscaler counts a pod of something else",
                f"The selector of {self._hpa.target_kind} {self._hpa.target_name} also matches "
                f"the pod {found[3]}, {where} has no {resource} request.{self._consequence()}",
                "Give the app's pods a label of their own in the chart's selector, or set a "
                f"{resource} request in what made that pod.",
            )
        where = f"the container {found[2]}" if found[2] else "a container"
        where = "the pod" if "pod-level" in found[0] else where
        return Notice(
            Severity.BAD,
            f"No {resource} request",
            f"The target is a percentage of the {resource} request; {where} has none."
            f"{self._consequence()}",
            f"Set a {resource} request for the app.",
        )

    def _foreign(self, pod: str) -> bool:
        """Return True for a pod that is neither known nor named like those of the target."""
        made = {
            "Deployment": rf"-[{_HASH}]{{1,10}}-[{_HASH}]{{5}}",
            "ReplicaSet": rf"-[{_HASH}]{{5}}",
            "StatefulSet": r"-\d+",
        }.get(self._hpa.target_kind)
        known = any(each.key.name == pod for each in self._pods)
        named = made is None or re.fullmatch(re.escape(self._hpa.target_name) + made, pod)
        return not known and not named

    def _container(self) -> Notice | None:
        """Explain a metric of a container that the pods do not have."""
        found = re.search(r"container (\S+) not (?:found|present) in", self._message)
        name = found[1] if found else self._unknown_container()
        if not name:
            return None
        return Notice(
            Severity.BAD,
            f"There is no container {name}",
            f"The autoscaler is to read the {self._label}, but the pods have no container of that "
            f"name.{self._consequence()}",
            "Correct the container's name in the metrics of the HorizontalPodAutoscaler.",
        )

    def _unknown_container(self) -> str:
        """Return the name of the metric's container if no pod of the target has it; else ""."""
        if self._metric.source is not MetricSource.CONTAINER_RESOURCE or not self._pods:
            return ""
        name = self._metric.name.partition("/")[0]
        known = {one.name for pod in self._pods for one in pod.containers}
        return "" if name in known else name

    def _unserved(self) -> Notice | None:
        """Explain an API group that nothing serves, or whose server does not answer."""
        if self._group == RESOURCE_METRICS:
            source = source_of(self._sources, METRICS)
            absent = source is not None and not source.available
            absent = absent or "no matches for kind" in self._message
            if absent or _ABSENT.search(self._message) or _DOWN.search(self._message):
                return Notice(
                    Severity.BAD,
                    NO_METRICS,
                    f"The autoscaler cannot read {self._label} metrics: the metrics API "
                    f"({RESOURCE_METRICS}) does not answer.{self._consequence()}",
                    METRICS_ADVICE,
                )
        elif _ABSENT.search(self._message):
            return Notice(
                Severity.BAD,
                f"Nothing serves the metric {self._metric.name}",
                f"Nothing in the cluster serves the metric {self._metric.name} ({self._group})."
                f"{self._measured()}{self._consequence()}",
                f"Ask an administrator for a metrics adapter that serves it: {self._adapters()}. "
                "Or correct the metric's name.",
            )
        elif _DOWN.search(self._message):
            return Notice(
                Severity.BAD,
                f"The metrics adapter does not answer ({self._group})",
                f"The autoscaler cannot read {self._label}: {_evidence(self._message)}"
                f"{self._consequence()}",
                f"Ask an administrator to look at the metrics adapter: {self._adapters()}.",
            )
        return None

    def _forbidden(self) -> Notice | None:
        if not re.search(r"is forbidden|cannot (?:get|list) resource", self._message):
            return None
        return Notice(
            Severity.BAD,
            f"The autoscaler may not read {self._label}",
            f"{_evidence(self._message)}{self._consequence()}",
            f"Ask an administrator to let Kubernetes' HPA controller read {self._group} (RBAC).",
        )

    def _unread(self) -> Notice:
        """Explain a metric without a value, at first as normal."""
        resource = self._group == RESOURCE_METRICS
        what = f"{self._label} metrics" if resource else f"value of {self._label}"
        if (not self._message or _EMPTY.search(self._message)) and self._waiting():
            body = (
                "It takes about a minute until new pods are measured; until then the autoscaler "
                "shows <unknown>"
                if resource
                else f"Kubernetes has no value of it yet ({self._group})"
            )
            return Notice(Severity.BUSY, f"No {what} yet", f"{body}.{self._consequence()}")
        evidence = _evidence(self._message)
        if not evidence and not self._hpa.conditions:
            evidence = (
                "Kubernetes' HPA controller has not looked at this autoscaler since it was created."
            )
        advice = (
            "Pods that are not ready are not measured: check those first, then metrics-server."
            if resource
            else f"KEDA serves it for the ScaledObject {self._hpa.scaled_object}: check that "
            "one's trigger."
            if self._hpa.scaled_object
            else f"Check the metric's name and selector, then the metrics adapter that serves "
            f"{self._group or 'it'}."
        )
        return Notice(
            Severity.WARN,
            f"The autoscaler gets no {what}",
            f"{evidence or 'It gives no reason.'}{self._consequence()}",
            advice,
        )

    def _since(self) -> datetime | None:
        """The time since when it fails, as far as that is known."""
        active = self._active
        if active and active.status == "False":
            return active.changed_at or self._hpa.created_at
        times = [self._hpa.created_at, None if self._message else self._hpa.last_scale_at]
        return max((each for each in times if each), default=None)

    def _waiting(self) -> bool:
        since = self._since()
        return since is None or self._now - since <= timedelta(seconds=PATIENCE)

    def _measured(self) -> str:
        source = source_of(self._sources, METRICS)
        working = source is not None and source.available and source.synced and not source.error
        return " CPU and memory are measured." if working else ""

    def _consequence(self) -> str:
        """Return the effect of the metric's absence on the replicas."""
        others = [
            metric_label(each)
            for each in self._hpa.metrics
            if not each.failing and each.current is not None
        ]
        if not others:
            return " Until it is there the number of pods stays as it is."
        decide = f"{others[0]} decides" if len(others) == 1 else "The other metrics decide"
        return f" {decide} meanwhile: pods are added, but none is taken away until it is there."

    def _adapters(self) -> str:
        if self._hpa.scaled_object:
            return "KEDA's own"
        if self._group == CUSTOM_METRICS:
            return "the Prometheus adapter, or the cloud's own"
        return "the Prometheus adapter, KEDA, or the cloud's own"


_HASH = "bcdfghjklmnpqrstvwxz2456789"
"""The characters of the hashes and random suffixes in pods' names."""

_ABSENT = re.compile(
    r"could not find the requested resource|no custom metrics API|no external metrics API"
    r"|apiservice",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"unable to handle the request|connection refused|service unavailable|no endpoints available"
    r"|timeout|context deadline exceeded|no such host|unexpected EOF|x509|bad gateway"
    r"|error trying to reach service",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"no metrics returned|did not receive metrics|no recommendation|no pods returned by selector"
    r"|unable to fetch metrics from resource metrics API$"
)

_REASONS = {
    MetricSource.RESOURCE: "FailedGetResourceMetric",
    MetricSource.CONTAINER_RESOURCE: "FailedGetContainerResourceMetric",
    MetricSource.PODS: "FailedGetPodsMetric",
    MetricSource.OBJECT: "FailedGetObjectMetric",
    MetricSource.EXTERNAL: "FailedGetExternalMetric",
}


def _cause(hpa: Hpa, metric: HpaMetric, events: Sequence[Event]) -> str:
    """The message about a metric that failed: of the condition, else of the newest event."""
    reason = _REASONS.get(metric.source, "")
    active, failing = condition(hpa, "ScalingActive"), failing_metrics(hpa)
    inactive = active is not None and active.status == "False"
    if len(failing) == len(hpa.metrics) and not inactive:
        return ""  # its last sync read no metrics, as when the minimum alone decides
    if active and inactive and metric is failing[0]:
        return active.message
    words = _words(metric)
    return next(
        (
            each.message
            for each in events
            if each.about_kind == Kind.HPA
            and each.about_name == hpa.key.name
            and each.reason == reason
            and all(word in each.message for word in words)
        ),
        "",
    )


def _words(metric: HpaMetric) -> list[str]:
    """Return the words that occur in messages about this metric and no other of its name."""
    labels = re.findall(r"([^\s,=]+)=([^\s,]+)", metric.selector)
    expressions = re.findall(r"(\S+) (?:in|notin) \(([^)]*)\)", metric.selector)
    return [
        metric.name if metric.source not in RESOURCES else metric.name.rpartition("/")[2],
        # The controller prints selectors as Go structures.
        *(f"{key}: {value}," for key, value in labels),
        *(f"Key:{key}," for key, _ in expressions),
        *(f"Values:[{values.replace(', ', ' ')}]" for _, values in expressions),
        *metric.object.split(),
    ]


def _core(message: str) -> str:
    """The cause, at the end of a chain of "failed to …: unable to …:"."""
    message = message.rpartition("the HPA was unable to compute the replica count: ")[2]
    message = re.sub(r"^the HPA controller was unable to [^:]*: ", "", message)
    # The controller prints selectors as Go structures.
    return re.sub(r"/?&LabelSelector\{.*?\}(?=: )", "", message)


def _evidence(message: str) -> str:
    """The message as a sentence."""
    return sentence(shortened(_core(message)))
