"""KEDA and VerticalPodAutoscalers on the pages.

Tests that name an issue are what people have reported of dashboards and deployers, in its
smallest form.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from portal.autoscaling.spec import MetricSource
from portal.domain.keys import Key
from portal.domain.objects import HpaMetric, Kind
from portal.domain.scalers import (
    Amount,
    ContainerRecommendation,
    ScaledJob,
    ScaledObject,
    Trigger,
    Vpa,
    titled,
)
from portal.state.model import AppState
from portal.viewmodels.app import app_view
from portal.viewmodels.headline import AUTOSCALER_PROBLEM
from portal.viewmodels.model import AppView, ScaleMode, Severity
from portal.viewmodels.overview import OverviewState, overview_row
from portal.viewmodels.releases import release_row
from portal.viewmodels.scalers import SEVERAL_SCALERS, scaler_views
from portal.viewmodels.vertical import vertical_views
from portal.viewmodels.withheld import without_values
from tests.unit.viewmodels.make import (
    KEY,
    NOW,
    ago,
    condition,
    container,
    deployment,
    hpa,
    pod,
    sources,
    state,
)

KAFKA = Trigger("kafka", subject="topic orders")
READY = condition("Ready", "True", reason="ScaledObjectReady")


def keda(*conditions: Any, **fields: Any) -> ScaledObject:
    base = ScaledObject(
        Key("apps", "worker"),
        "",
        "Deployment",
        "demo",
        max_replicas=10,
        triggers=(KAFKA,),
        conditions=conditions or (READY,),
    )
    return replace(base, **fields)


def made(**fields: Any) -> Any:
    """The HPA that KEDA has made."""
    external = HpaMetric("s0-kafka-orders", "AverageValue", 5, 12, MetricSource.EXTERNAL)
    own = {"key": Key("apps", "keda-hpa-worker"), "release": "", "scaled_object": "worker"}
    return hpa(**{**own, "metrics": (external,), "max_replicas": 10, **fields})


def empty(scaled: ScaledObject, *hpas: Any, **fields: Any) -> AppState:
    """An app without pods."""
    return state(
        workloads=(deployment(0, 0),), pods=(), hpas=hpas, scaled_objects=(scaled,), **fields
    )


def page(app: AppState) -> AppView:
    return app_view(app, sources(), NOW)


def titles(view: AppView) -> list[str]:
    return [each.title for scaler in view.scalers for each in scaler.notices]


def test_keda_scales_the_app() -> None:
    app = state(hpas=(made(),), scaled_objects=(keda(),))
    view = page(app)
    (shown,) = view.scalers
    assert shown.sentence.startswith(
        "KEDA scales this app (ScaledObject worker), between 0 and 10 pods."
    )
    assert (shown.state.text, shown.triggers) == ("Scales", ("Kafka, topic orders",))
    assert release_row(app, sources(), NOW).hpa.startswith("KEDA 0–10")


def test_metrics_of_keda_have_the_names_of_their_triggers() -> None:
    cpu = HpaMetric("cpu", "Utilization", 70, 50)
    odd = HpaMetric("s7-gone", "Value", 5, 1, MetricSource.EXTERNAL)
    all_of = HpaMetric("composite-metric", "Value", 5, 1, MetricSource.EXTERNAL)
    own = made(metrics=(*made().metrics, cpu, odd, all_of))
    (found,) = titled([own], [keda()])
    shown = [
        each.name
        for each in page(state(hpas=(found,), scaled_objects=(keda(),))).autoscalers[0].metrics
    ]
    assert shown == [
        "Kafka, topic orders",
        "CPU",
        "gone",
        "All triggers together (scaling modifiers)",
    ]
    assert titled([hpa()], [keda()]) == (hpa(),), "others keep theirs"


def test_at_zero_it_is_asleep_not_degraded() -> None:
    """keda 3052, openchoreo 4227: scaled to zero is in order."""
    app = empty(keda(READY, condition("Active", "False")), made(current=0, desired=0))
    view = page(app)
    assert (view.headline.text, view.headline.severity) == ("Asleep", Severity.QUIET)
    assert not view.notices
    assert release_row(app, sources(), NOW).problem == ""
    assert release_row(app, sources(), NOW).hpa == "KEDA 0–10, asleep"


def test_on_its_way_to_zero_it_is_not_asleep_yet() -> None:
    """openchoreo 4227: spec.replicas is 0 while pods still serve."""
    app = state(workloads=(deployment(0, 1, current=1),), pods=(pod(),), scaled_objects=(keda(),))
    view = page(app)
    assert view.headline.text == "Scaling"
    assert view.scalers[0].state.text == "Scales"


def test_waking() -> None:
    view = page(empty(keda(READY, condition("Active", "True"))))
    assert (view.headline.text, view.headline.severity) == ("Waking", Severity.BUSY)


def test_at_zero_by_hand_it_is_not_asleep() -> None:
    """keda 2917: the ScaledObject's minimum is one, so KEDA has not scaled it to zero."""
    view = page(empty(keda(min_replicas=1)))
    assert view.headline.text == "Stopped"
    assert "KEDA brings it to its minimum" in view.scalers[0].sentence


def test_the_idle_number_counts_for_rest() -> None:
    assert page(empty(keda(min_replicas=2, idle_replicas=0))).headline.text == "Asleep"
    assert page(empty(keda(min_replicas=0, idle_replicas=1))).headline.text == "Stopped"


def test_paused_at_a_number() -> None:
    """keda 4253: KEDA has removed its HPA; the number is not "fixed", and not to be set here."""
    app = state(
        workloads=(deployment(3, 3),),
        pods=(),
        scaled_objects=(keda(paused=True, paused_replicas=3),),
    )
    view = page(app)
    assert view.scalers[0].sentence == (
        "KEDA scales this app (ScaledObject worker); it is paused at 3 pods."
    )
    assert titles(view) == ["KEDA is paused"]
    assert view.scale.mode is ScaleMode.READ_ONLY
    assert "paused-replicas sets it" in view.scale.why
    assert "No autoscaler" not in release_row(app, sources(), NOW).hpa


def test_paused_where_it_is() -> None:
    app = state(workloads=(deployment(2, 2),), scaled_objects=(keda(paused=True),))
    assert "paused at 2 pods" in page(app).scalers[0].sentence
    other = state(
        workloads=(deployment(2, 2),), scaled_objects=(keda(paused=True, paused_replicas=5),)
    )
    assert "At present 2 pods are wanted" in page(other).scalers[0].sentence


def test_paused_at_zero() -> None:
    view = page(empty(keda(paused=True, paused_replicas=0)))
    assert (view.headline.text, view.headline.severity) == ("Stopped", Severity.QUIET)
    assert "KEDA is paused" in view.sentence


def test_a_condition_that_is_left_from_a_pause_counts_for_nothing() -> None:
    """keda 6982: Paused=True stays although the annotation is gone, and its HPA is back."""
    app = state(hpas=(made(),), scaled_objects=(keda(READY, condition("Paused", "True")),))
    assert page(app).scalers[0].state.text == "Scales"
    assert not titles(page(app))


@pytest.mark.parametrize(
    ("fields", "title"),
    [({"paused_in": True}, "KEDA takes no pods away"), ({"paused_out": True}, "KEDA adds no pods")],
)
def test_paused_in_one_direction(fields: Any, title: str) -> None:
    view = page(state(hpas=(made(),), scaled_objects=(keda(**fields),)))
    assert titles(view) == [title]
    assert view.scalers[0].state.text == "Scales"


def test_readings_that_are_missing_after_a_rollout_are_no_failure_of_keda() -> None:
    """argo-cd 28522: Ready=False HPAMetricsUnavailable for a minute after each rollout."""
    ready = condition("Ready", "False", reason="HPAMetricsUnavailable", message="no metrics")
    view = page(state(hpas=(made(),), scaled_objects=(keda(ready),)))
    assert view.headline.text == "Ready"
    assert not titles(view)


def test_a_fallback_that_is_left_from_before_counts_for_nothing() -> None:
    """keda 7488: Fallback=True and failures stay in the status after it has gone to zero."""
    left = keda(
        READY, condition("Fallback", "True"), failing=("s0-kafka-orders",), fallback_replicas=4
    )
    view = page(empty(left))
    assert view.headline.text == "Asleep"
    (notice,) = view.scalers[0].notices
    assert (notice.severity, notice.title) == (Severity.QUIET, "KEDA could not read a trigger")
    assert "could not read Kafka, topic orders" in notice.body


def test_a_trigger_that_fails() -> None:
    scaled = keda(READY, condition("Fallback", "True"), failing=("s0-kafka-orders",))
    view = page(state(hpas=(made(),), scaled_objects=(replace(scaled, fallback_replicas=4),)))
    (found,) = view.scalers[0].notices
    assert found.title == "KEDA cannot read a trigger"
    assert "Kafka, topic orders" in found.body
    assert "It uses its fallback for that trigger: 4 pods." in found.body
    assert view.scalers[0].triggers == ("Kafka, topic orders: cannot be read",)
    assert view.headline.text == AUTOSCALER_PROBLEM


def test_asleep_with_a_trigger_that_fails() -> None:
    """keda 7239: until 2.19 a fallback starts no first pod: the app sleeps through its work."""
    ready = condition("Ready", "False", reason="TriggerError", message="not working correctly")
    view = page(empty(keda(ready, fallback_replicas=2)))
    assert (view.headline.text, view.headline.severity) == (AUTOSCALER_PROBLEM, Severity.WARN)
    body = view.scalers[0].notices[0].body
    assert "it may not start the app; from KEDA 2.19 on its fallback does" in body
    assert "No trigger is active" not in view.sentence
    (alone,) = page(empty(keda(ready))).scalers[0].notices
    assert alone.body.endswith("it may not start the app.")


def test_a_scaled_object_that_is_not_right() -> None:
    """argo-cd 16714: healthy although the ScaledObject has errors."""
    message = "cannot reach amqp://ada:hunter2secret@mq:5672"
    ready = condition("Ready", "False", reason="ScaledObjectCheckFailed", message=message)
    app = state(scaled_objects=(keda(ready),))
    (found,) = page(app).scalers[0].notices
    assert (found.severity, found.title) == (Severity.BAD, "KEDA cannot scale the app")
    assert "Cannot reach" in found.body
    assert "hunter2" not in found.body
    (hidden,) = page(without_values(app)).scalers[0].notices
    assert hidden.body == "It gives no reason."


def test_a_second_autoscaler() -> None:
    """keda 3087, http-add-on 1273: an HPA of the chart beside the ScaledObject."""
    app = state(hpas=(hpa(), made()), scaled_objects=(keda(),))
    found = next(each for each in page(app).notices if each.title == SEVERAL_SCALERS)
    assert "the ScaledObject worker and the HorizontalPodAutoscaler demo scale" in found.body
    alone = state(hpas=(made(),), scaled_objects=(keda(),))
    assert not [each for each in page(alone).notices if each.title.startswith("Several")]


def test_two_scaled_objects() -> None:
    """keda 3755."""
    other = keda(key=Key("apps", "other"))
    app = state(scaled_objects=(keda(), other))
    assert SEVERAL_SCALERS in [each.title for each in page(app).notices]


def test_replicas_that_keda_has_set_are_no_drift() -> None:
    """argo-cd 3002, openclaw 200: the values say 1, KEDA has set 4."""
    app = state(workloads=(deployment(4, 4),), pods=(), scaled_objects=(keda(),))
    from_values = replace(app.detail, values={"replicaCount": 1}) if app.detail else None
    app = replace(app, detail=from_values)
    assert page(replace(app, scaled_objects=())).scale.drifted
    assert not page(app).scale.drifted


def test_a_scaled_job() -> None:
    job = ScaledJob(KEY, "demo", 5, (Trigger("rabbitmq"),), conditions=(READY,))
    app = state(workloads=(), pods=(), scaled_jobs=(job,))
    view = page(app)
    assert view.headline.text == "Waiting"
    assert view.scalers[0].sentence == (
        "KEDA starts Jobs for this app (ScaledJob demo), at most 5 Jobs at once."
    )
    assert [(each.kind, each.name) for each in view.workloads] == [("ScaledJob", "demo")]
    paused = replace(app, scaled_jobs=(replace(job, paused=True),))
    assert page(paused).headline.text == "Paused"


@pytest.mark.parametrize(
    ("app", "found"),
    [
        (empty(keda()), OverviewState.ASLEEP),
        (state(scaled_objects=(keda(paused=True),)), OverviewState.PAUSED),
        (state(scaled_objects=(keda(),)), OverviewState.STEADY),
        (state(), OverviewState.FIXED),
    ],
)
def test_in_the_overview(app: AppState, found: OverviewState) -> None:
    row = overview_row(app, release_row(app, sources(), NOW), NOW)
    assert row.state is found
    assert row.bounds == ("0–10" if app.scaled_objects else "")


# VerticalPodAutoscalers.


def vpa(**fields: Any) -> Vpa:
    base = Vpa(
        Key("apps", "sizes"),
        "",
        "Deployment",
        "demo",
        "Off",
        recommendations=(
            ContainerRecommendation(
                "app",
                Amount(0.25, 256 * 2**20),
                Amount(0.025, 128 * 2**20),
                Amount(2.0, 2**30),
                Amount(0.3, 256 * 2**20),
            ),
        ),
    )
    return replace(base, **fields)


def test_recommendations_beside_the_requests() -> None:
    one = container(name="app", cpu_request=0.1)
    app = state(pods=(pod(containers=(one,)),), vpas=(vpa(),))
    (view,) = page(app).vertical
    assert "only recommends" in view.sentence
    cpu, memory = view.rows
    assert (cpu.now, cpu.target, cpu.range, cpu.uncapped) == (
        "0.1 cores",
        "0.25 cores",
        "0.025 cores to 2 cores",
        "0.3 cores",
    )
    assert (memory.now, memory.target, memory.uncapped) == ("none", "256 MiB", "")
    gone = state(pods=(), vpas=(vpa(),))
    assert page(gone).vertical[0].rows[0].now == "not known"


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("", "replaces pods"),
        ("Auto", "replaces pods"),
        ("Initial", "New pods get"),
        ("InPlaceOrRecreate", "replaces those that cannot be resized"),
        ("InPlace", "replaces none"),
        ("Tarot", "not known to the portal"),
    ],
)
def test_update_modes_in_words(mode: str, words: str) -> None:
    (view,) = vertical_views(state(vpas=(vpa(update_mode=mode),)))
    assert words in view.sentence


@pytest.mark.parametrize(
    ("mode", "desired", "least", "words"),
    [
        ("Recreate", 1, None, "of fewer than 2 pods its updater by default leaves all as they are"),
        ("InPlaceOrRecreate", 1, None, "there is one."),
        (
            "",
            2,
            3,
            "of fewer than 3 pods its updater leaves all as they are (minReplicas); there are 2.",
        ),
        ("Recreate", 2, None, "what it recommends."),
        ("Auto", 1, 1, "what it recommends."),
        ("Off", 1, None, "keep their requests."),
        ("Initial", 1, None, "keep their requests."),
    ],
)
def test_the_updater_leaves_a_few_pods_alone(
    mode: str, desired: int, least: int | None, words: str
) -> None:
    """As the updater of 1.8 does: "Too few replicas"."""
    app = state(
        workloads=(deployment(desired, desired),),
        vpas=(vpa(update_mode=mode, min_replicas=least),),
    )
    assert words in vertical_views(app)[0].sentence


@pytest.mark.parametrize(
    ("vertical", "autoscaler", "resources"),
    [
        ({"update_mode": "Auto"}, hpa(), ["CPU"]),
        ({"update_mode": ""}, hpa(), ["CPU"]),
        ({"update_mode": "Initial"}, hpa(), ["CPU"]),
        ({"update_mode": "Off"}, hpa(), []),
        ({"update_mode": "Auto", "resources": frozenset({"memory"})}, hpa(), []),
        (
            {"update_mode": "Auto"},
            hpa(
                metrics=(
                    HpaMetric("app/memory", "Utilization", 70, 5, MetricSource.CONTAINER_RESOURCE),
                )
            ),
            ["memory"],
        ),
        # autoscaler 6060: an average value does not move with the request.
        ({"update_mode": "Auto"}, hpa(metrics=(HpaMetric("cpu", "AverageValue", 1, 1),)), []),
        ({"update_mode": "Auto"}, made(), []),
        ({"update_mode": "Auto"}, hpa(target_name="other"), []),
    ],
)
def test_a_vpa_against_an_hpa(vertical: Any, autoscaler: Any, resources: list[str]) -> None:
    """autoscaler 2939: an HPA by percent of the request, which a VPA changes."""
    (view,) = vertical_views(state(hpas=(autoscaler,), vpas=(vpa(**vertical),)))
    assert [each.title for each in view.notices] == [
        f"Two autoscalers work by the {each} request" for each in resources
    ]


def test_several_vpas() -> None:
    """autoscaler 10135: two that change the requests of the same pods."""
    active = vpa(update_mode="Auto")
    other = replace(active, key=Key("apps", "other"))
    found = vertical_views(state(vpas=(active, other)))
    assert all("Several" in each.notices[0].title for each in found)
    quiet = vertical_views(state(vpas=(active, replace(other, update_mode="Off"))))
    assert not any(each.notices for each in quiet)


@pytest.mark.parametrize(
    ("conditions", "title"),
    [
        ((), "There is no recommendation yet"),
        ((condition("RecommendationProvided", "False"),), "There is no recommendation yet"),
        ((condition("NoPodsMatched", "True"),), "The VerticalPodAutoscaler matches no pods"),
        (
            (condition("ConfigUnsupported", "True", message="no such kind"),),
            "The VerticalPodAutoscaler cannot work with its target",
        ),
    ],
)
def test_a_vpa_without_recommendations(conditions: Any, title: str) -> None:
    (view,) = vertical_views(state(vpas=(vpa(recommendations=(), conditions=conditions),)))
    assert view.notices[0].title == title
    assert not view.rows


def test_a_cluster_without_them_says_nothing() -> None:
    view = page(state())
    assert (view.scalers, view.vertical) == ((), ())
    assert scaler_views(state()) == ()
    absent = {
        name: replace(each, available=False, synced=False, error="404")
        if name in {Kind.SCALED_OBJECT, Kind.SCALED_JOB, Kind.VPA}
        else each
        for name, each in sources().items()
    }
    assert app_view(state(), absent, NOW).stale == ()


def test_the_last_time_that_it_worked() -> None:
    view = page(empty(keda(last_active_at=ago(3600))))
    assert "The last one was at" in view.scalers[0].sentence
