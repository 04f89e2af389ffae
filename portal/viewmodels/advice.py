"""Advice on an app's autoscaling, made when somebody asks for it: it reads all of its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from portal.autoscaling.lint import Finding, Level, Setup, lint
from portal.domain.errors import PortalError
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.manifests import objects
from portal.domain.objects import Hpa, Node, Quota
from portal.domain.replica_ownership import replica_ownership, workload_name
from portal.state.model import AppState, WatchHealth
from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.setup import live_setup, planned_setup

SAID_ELSEWHERE = {"no-request", "no-metrics"}
"""Rules about which the page of an app has notices anyway."""

_SEVERITY = {
    Level.ERROR: Severity.BAD,
    Level.WARNING: Severity.WARN,
    Level.HINT: Severity.QUIET,
}


class AdviceView(Struct, frozen=True):
    """The advice on an app: what lint has found of its autoscalers."""

    key: Key
    autoscaled: bool
    findings: tuple[Notice, ...] = ()


def advice_view(
    state: AppState,
    now: datetime,
    *,
    nodes: Sequence[Node] = (),
    quotas: Sequence[Quota] = (),
    manifest: str = "",
    chart: str = "",
) -> AdviceView:
    """Return the advice on an app.

    ``manifest`` is that of its newest revision, "" where the viewer may not read it. ``chart`` is
    the chart that the launch form has fields for.
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
    )


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
