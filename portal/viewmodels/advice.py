"""Advice on an app's autoscaling, made when somebody asks for it: it reads all of its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from portal.autoscaling.cost import Prices
from portal.autoscaling.lint import Finding, Level, Setup, lint, quantity
from portal.autoscaling.recommend import Capacity, Confidence, Recommendation, recommend
from portal.autoscaling.simulation import Figures
from portal.domain.errors import PortalError
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.load_tests import Measured
from portal.domain.manifests import objects
from portal.domain.objects import Hpa, Node, Quota
from portal.domain.replica_ownership import replica_ownership, workload_name
from portal.state.model import AppState, WatchHealth
from portal.state.workloads import endless
from portal.viewmodels.capacity import capacity, capacity_words
from portal.viewmodels.cost import actual_words, requests_of
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.setup import amounts, live_setup, observed, planned_setup
from portal.viewmodels.words import count, hours_of, joined, percent, precise, span

SAID_ELSEWHERE = {"no-request", "no-metrics", "several-scalers", "changed-request"}
"""Rules about which the page of an app has notices anyway."""

_SEVERITY = {
    Level.ERROR: Severity.BAD,
    Level.WARNING: Severity.WARN,
    Level.HINT: Severity.QUIET,
}


class RecommendationView(Struct, frozen=True):
    """A recommended setting in words: its name, the present value, the recommended one, and why."""

    setting: str
    now: str
    value: str
    why: str


class RecommendationsView(Struct, frozen=True):
    """Recommendations for an app, and a sentence about how sure they are.

    ``replayed`` says what the recorded load would have been like with it, "" if the autoscaler is
    left as it is. ``use`` are the parameters of a link to the form with all of it filled in.
    ``throughput`` is what a load test has measured of one pod, "" if none has.
    """

    about: str
    rows: tuple[RecommendationView, ...] = ()
    replayed: str = ""
    use: Mapping[str, str] = {}
    throughput: str = ""


class AdviceView(Struct, frozen=True):
    """The advice on an app: what lint has found, what it reserved, and what is recommended."""

    key: Key
    autoscaled: bool
    findings: tuple[Notice, ...] = ()
    cost: str = ""
    recommendations: RecommendationsView | None = None


def advice_view(
    state: AppState,
    now: datetime,
    *,
    nodes: Sequence[Node] = (),
    quotas: Sequence[Quota] = (),
    manifest: str = "",
    chart: str = "",
    prices: Prices = Prices(),  # noqa: B008
    load_tests: Mapping[str, Measured] | None = None,
) -> AdviceView:
    """Return the advice on an app.

    ``manifest`` is that of its newest revision, "" where the viewer may not read it. ``chart`` is
    the chart that the launch form has fields for. ``load_tests`` are what load tests have measured,
    by the uid of their Jobs; None if the viewer may have none.
    """
    fixed = _fixed(manifest, state.key.namespace, state.hpas)
    known = bool(chart) and state.detail is not None and state.detail.chart == chart
    setups = {
        hpa: live_setup(
            state,
            hpa,
            quotas,
            nodes,
            fixed=workload_name(hpa.target_kind, hpa.target_name) in fixed,
        )
        for hpa in state.hpas
    }
    return AdviceView(
        state.key,
        bool(state.hpas),
        tuple(
            _notice(each, setup, hpa.key.name if len(setups) > 1 else "", fields=known)
            for hpa, setup in setups.items()
            for each in lint(setup)
            if each.rule not in SAID_ELSEWHERE
        ),
        actual_words(state.history, *requests_of(state.pods), prices),
        _recommendations(state, setups, capacity(state, load_tests or {}), fields=known),
    )


def _recommendations(
    state: AppState, setups: Mapping[Hpa, Setup], one_pod: Capacity | None, *, fields: bool
) -> RecommendationsView | None:
    """Return what is recommended; None for an app of several workloads, or without pods.

    ``fields``: the launch form has fields for the release's chart.
    """
    pods = [each for each in state.pods if endless(each) and not each.deleting]
    if len(state.workloads) != 1 or len(setups) > 1 or not pods:
        return None
    setup = next(iter(setups.values()), None)
    hpa = next(iter(setups), None)
    known = setup or Setup(
        1, 1, {}, {name: amounts(state, pods, name) for name in ("cpu", "memory")}
    )
    record = observed(state, hpa)
    found = recommend(setup, known, record, one_pod)
    throughput = ""
    if one_pod is not None:
        at = datetime.fromtimestamp(one_pod.at, UTC)
        throughput = capacity_words(one_pod, at, hpa, known.amounts("cpu").request)
    rows = tuple(_row(each) for each in found.recommendations)
    use = _use(found.recommendations, known) if fields else {}
    if found.confidence is Confidence.NONE:
        return RecommendationsView(
            "Not enough data yet: it takes half an hour of measurements. They begin when the "
            "portal starts, and a pod's when it does.",
            rows,
            use=use,
            throughput=throughput,
        )
    left = joined(_LABELS[each].lower() for each in found.dropped)
    about = f"Confidence: {found.confidence.value}, from {span(record.seconds)} of record."
    if not rows:
        about = f"The present requests, limits and bounds fit what was recorded. {about}"
    if left:
        about += f" Left out, since the recorded load would have gone worse with it: {left}."
    return RecommendationsView(
        about,
        rows,
        _replayed(found.before, found.after),
        use,
        throughput,
    )


_LABELS = {
    "cpu_request": "CPU request",
    "cpu_limit": "CPU limit",
    "memory_request": "Memory request",
    "memory_limit": "Memory limit",
    "target_cpu": "CPU target",
    "minimum": "Minimum replicas",
    "maximum": "Maximum replicas",
}


def _written(setting: str, value: float | None) -> str:
    if value is None:
        return "none"
    if setting == "target_cpu":
        return percent(value)
    if setting in {"minimum", "maximum"}:
        return str(int(value))
    return quantity(setting.partition("_")[0], value)


def _row(each: Recommendation) -> RecommendationView:
    return RecommendationView(
        _LABELS[each.setting],
        _written(each.setting, each.now),
        _written(each.setting, each.value),
        each.evidence,
    )


def _replayed(before: Figures | None, after: Figures | None) -> str:
    """Say how the recorded load would have gone, before and after."""
    if before is None or after is None:
        return ""
    return (
        f"Replayed on the recorded load, pods would have done more than their present request for "
        f"{span(after.over)} instead of {span(before.over)}, with "
        f"{hours_of(after.core_hours, 'core')} reserved instead of "
        f"{precise(before.core_hours)}, and at most "
        f"{count(after.most, 'pod')} instead of {before.most}."
    )


def _use(found: Sequence[Recommendation], setup: Setup) -> dict[str, str]:
    """Return the parameters of a link that fills them all in."""
    values = {each.setting: each.value for each in found}
    use = {
        setting: _written(setting, value)
        for setting, value in values.items()
        if setting not in {"minimum", "maximum", "target_cpu"}
    }
    if "target_cpu" in values:
        use["target_cpu"] = str(int(values["target_cpu"]))
    if values.keys() & {"minimum", "maximum"}:
        low = int(values.get("minimum", setup.min_replicas))
        high = int(values.get("maximum", setup.max_replicas))
        use |= {"min": str(low), "max": str(max(low, high))}
    return use


def launch_findings(
    spec: LaunchSpec,
    state: AppState,
    sources: Mapping[str, WatchHealth],
    quotas: Sequence[Quota] = (),
    nodes: Sequence[Node] = (),
) -> dict[str, str]:
    """Return the findings about an app to be launched, by the field beside which each is shown.

    ``state`` is that of the app which exists under its name.
    """
    setup = planned_setup(spec, state, sources, quotas, nodes)
    found: dict[str, str] = {}
    for each in lint(setup) if setup else ():
        if each.fields:
            found.setdefault(each.fields[0], f"{each.reason} {each.remedy}")
    return found


def _notice(finding: Finding, setup: Setup, name: str, *, fields: bool) -> Notice:
    title = f"{name}: {finding.title}" if name else finding.title
    return Notice(
        _SEVERITY[finding.level],
        title,
        finding.reason,
        finding.remedy,
        finding.fields if fields else (),
    )


def _fixed(manifest: str, namespace: str, hpas: Sequence[Hpa]) -> frozenset[str]:
    """Return the autoscaled workloads whose replicas the manifest sets."""
    scaled = [workload_name(each.target_kind, each.target_name) for each in hpas]
    if not manifest or not scaled:
        return frozenset()
    try:
        return replica_ownership(objects(manifest, namespace), scaled).conflicting
    except PortalError:
        return frozenset()
