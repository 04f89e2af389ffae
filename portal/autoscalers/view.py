"""The page of an app's autoscalers: one of them in detail. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from portal.autoscalers.controller import Controller, flag_words
from portal.autoscalers.counted import CountedPod, counted_pods
from portal.autoscalers.decided import decided_of
from portal.autoscalers.following import Followed, needs_samples
from portal.autoscalers.forecast import NextView, next_view
from portal.autoscalers.reaction_view import NOTHING, ReactionView, reaction_view
from portal.autoscalers.sentences import turn_words
from portal.autoscalers.steps import StepView, steps
from portal.autoscalers.variants import present_settings
from portal.autoscalers.what_if import Settings
from portal.autoscaling.explain import Turn
from portal.autoscaling.metrics import tolerance_of
from portal.domain.keys import Key
from portal.domain.objects import Hpa, Kind, Node
from portal.domain.permissions import Permission, Scope
from portal.state.assemble import sampled_name
from portal.state.history import History
from portal.state.model import AppState, WatchHealth
from portal.state.workloads import target_pods
from portal.viewmodels.app import CHART
from portal.viewmodels.autoscaler import Decided, autoscaler_view
from portal.viewmodels.freshness import loading, stale_words
from portal.viewmodels.headline import headline
from portal.viewmodels.hpa_metrics import sampled_metric
from portal.viewmodels.marks import DECISION, load_test_marks, together
from portal.viewmodels.model import (
    AutoscalerView,
    Badge,
    ChartMark,
    Notice,
    ScalerView,
    Severity,
    VerticalView,
)
from portal.viewmodels.scalers import scaler_views, several_scalers
from portal.viewmodels.timeline import timeline_view
from portal.viewmodels.vertical import vertical_views
from portal.viewmodels.withheld import without_values
from portal.viewmodels.workloads import pod_summary


class WhyView(Struct, frozen=True):
    """The last decision: a sentence, its steps, what would change it, and the pods it counted.

    ``source`` says what it is known by. ``agreement`` says how often the engine and the controller
    came to the same, and ``differs`` how they did not the last time.
    """

    sentence: str
    at: datetime
    source: str
    turns: tuple[str, ...]
    steps: tuple[StepView, ...]
    pods: tuple[CountedPod, ...]
    more_pods: int
    metric: str
    agreement: str
    differs: Notice | None = None


class AutoscalersView(Struct, frozen=True):
    """The page of one autoscaler of an app.

    ``name`` is the one that is shown, of all ``names``; "" if there is none. ``known`` is False
    where the app itself is not known. ``own`` is what the app's page says of it. ``why`` and
    ``next`` are None while it is not followed, which ``missing`` then explains. ``settings`` are
    what a replay begins with, ``flags`` what is known of the controller's. ``changes`` is
    True if the viewer may change the app by its form. ``scalers`` are KEDA's, ``vertical`` the
    VerticalPodAutoscalers; ``several`` warns of what works against each other.
    """

    key: Key
    state: Badge
    headline: str
    stale: tuple[str, ...] = ()
    known: bool = True
    names: tuple[tuple[str, str], ...] = ()
    name: str = ""
    own: AutoscalerView | None = None
    missing: str = ""
    why: WhyView | None = None
    next: NextView | None = None
    settled: History = History()
    unsettled: History = History()
    marks: tuple[ChartMark, ...] = ()
    reaction: ReactionView = NOTHING
    tolerances: Mapping[str, tuple[float, float]] = {}
    settings: Settings | None = None
    flags: tuple[str, ...] = ()
    changes: bool = False
    unanswered: bool = False
    scalers: tuple[ScalerView, ...] = ()
    vertical: tuple[VerticalView, ...] = ()
    several: Notice | None = None


def autoscalers_view(
    state: AppState,
    following: Mapping[Key, Followed],
    sources: Mapping[str, WatchHealth],
    now: datetime,
    *,
    chosen: str = "",
    nodes: Sequence[Node] = (),
    scope: Scope,
    turns: Sequence[Turn] = (),
    controller: Controller = Controller(),  # noqa: B008
) -> AutoscalersView:
    """The page for viewers with ``scope``; ``chosen`` is the name of an autoscaler.

    ``turns`` are what would change the decision of that one, and ``controller`` is what is known of
    the flags of the one that decides.
    """
    if scope.unanswered:
        return AutoscalersView(
            state.key,
            Badge("Not known", Severity.WARN),
            scope.unanswered,
            known=False,
            unanswered=True,
        )
    if not scope.may(Permission.READ_VALUES):
        state = without_values(state)
    head = headline(
        state,
        pod_summary(state, sources, now, nodes),
        now,
        loading=loading(sources, Kind.RELEASE),
    )
    hpa = chosen_of(state, chosen)
    base = AutoscalersView(
        key=state.key,
        state=head.badge,
        headline=head.sentence,
        stale=stale_words(sources, now),
        known=bool(state.release or state.workloads or state.hpas or state.scaled_objects),
        names=tuple((each.key.name, each.target_name) for each in state.hpas),
        settled=state.history.settled,
        unsettled=state.history.unsettled,
        scalers=scaler_views(state),
        vertical=vertical_views(state),
        several=several_scalers(state),
        changes=scope.may(Permission.UPGRADE)
        and state.detail is not None
        and state.detail.chart == CHART,
    )
    if hpa is None:
        return base
    found = following.get(hpa.key)
    decided = decided_of(hpa, found)
    pods = target_pods(state, hpa)
    own = autoscaler_view(hpa, pods, sources, now, state.events, decided)
    base = replace(base, name=hpa.key.name, own=own, flags=flag_words(controller))
    if found is None:
        return replace(base, missing=decided.sentence)
    base = replace(
        base,
        reaction=reaction_view(found.scale_ups, state.load_tests, by_keda=bool(hpa.scaled_object)),
        marks=_marks(state, hpa, found, details=scope.may(Permission.UPGRADE)),
    )
    return _detailed(base, hpa, decided, found, turns, samples=needs_samples(state))


def chosen_of(state: AppState, chosen: str) -> Hpa | None:
    """Return the autoscaler of a name, else the first one; None if there is none."""
    first = state.hpas[0] if state.hpas else None
    return next((each for each in state.hpas if each.key.name == chosen), first)


def _detailed(
    base: AutoscalersView,
    hpa: Hpa,
    decided: Decided,
    found: Followed,
    turns: Sequence[Turn],
    *,
    samples: bool,
) -> AutoscalersView:
    if samples:
        base = replace(base, settled=found.samples.settled, unsettled=found.samples.unsettled)
    tolerance = tolerance_of(found.spec, found.state.flags, found.state.minor)
    return replace(
        base,
        why=_why(found, decided, turns),
        next=next_view(found),
        settings=present_settings(found),
        tolerances={
            sampled_metric(sampled_name(each)).name: (tolerance.down, tolerance.up)
            for each in hpa.metrics
        },
    )


def _marks(state: AppState, hpa: Hpa, found: Followed, *, details: bool) -> tuple[ChartMark, ...]:
    """Return the marks of the chart: decisions as they were followed, earlier ones as noted."""
    own = tuple(ChartMark(int(each.at), DECISION, each.words) for each in found.marks)
    first = own[0].at if own else found.since
    noted = (
        each
        for each in timeline_view(state).marks
        if each.kind != DECISION
        or (each.at < first - SAME and each.id.startswith(f"scaled/{hpa.key.name}/"))
    )
    return together((*noted, *own), load_test_marks(state.load_tests, details=details))


SAME = 20
"""Seconds within which a decision that is followed and one that is noted are the same."""


def _why(found: Followed, decided: Decided, turns: Sequence[Turn]) -> WhyView:
    trace = found.decision.trace
    decisive = trace.decisive
    pods, more = counted_pods(found)
    return WhyView(
        sentence=decided.sentence,
        at=datetime.fromtimestamp(found.synced, UTC),
        source=_source(found),
        turns=tuple(
            turn_words(
                each,
                decisive.metric if decisive else None,
                decisive.current if decisive else 0,
                found.state.now,
            )
            for each in turns
        ),
        steps=steps(found.state, found.decision),
        pods=pods,
        more_pods=more,
        metric=decisive.metric.name if decisive else "",
        agreement=_agreement(found),
        differs=_differs(found),
    )


def _source(found: Followed) -> str:
    if found.told:
        return "as its status tells"
    if found.compared:
        return "computed here: its status has not changed since"
    return "computed here from its status, which has not changed since the portal follows it"


def _agreement(found: Followed) -> str:
    if not found.compared:
        return "Nothing to compare with the controller's own decisions yet."
    share = f"{found.agreed} of {found.compared}"
    return (
        f"Of the decisions that the controller told of, {share} are as computed here "
        "(replicas, readings and conditions)."
    )


def _differs(found: Followed) -> Notice | None:
    if not found.differs:
        return None
    return Notice(
        Severity.WARN,
        "This explanation differs from what the controller says.",
        f"At its last sync {found.differs}.",
        "Both see pods and metrics at slightly different times. If it stays so, the controller may "
        "run with other flags or another version of Kubernetes than is assumed here.",
    )
