from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.load_tests import LoadTestPlan, Measured, Second, Shape
from portal.domain.objects import HpaMetric, Job
from portal.domain.scalers import ScaledObject, Vpa
from portal.state.history import History, PodHistory, Sample
from portal.state.model import AppState, LoadTest
from portal.state.timeline import Entry, EntryKind, Timeline
from portal.viewmodels.advice import advice_view, launch_findings
from portal.viewmodels.model import Severity
from portal.viewmodels.setup import observed
from tests.unit.viewmodels.make import KEY, NOW, deployment, detail, hpa, pod, sources, state
from tests.unit.viewmodels.test_setup import MI, SPEC, quota, running

MANIFEST = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec: {{replicas: 2}}
"""


def titles(app: object, **more: object) -> list[str]:
    view = advice_view(app, NOW, **more)  # pyright: ignore[reportArgumentType]
    return [each.title for each in view.findings]


def test_what_lint_finds_becomes_notices_with_their_fields() -> None:
    app = running(hpas=(hpa(max_replicas=1),), detail=detail())
    notice = advice_view(app, NOW, chart="dash-app").findings[0]

    assert notice.severity is Severity.WARN
    assert notice.title == "Minimum and maximum are equal"
    assert notice.fields == ("bounds",)
    assert advice_view(app, NOW, chart="other").findings[0].fields == ()


def test_what_the_page_says_anyway_is_not_said_twice() -> None:
    app = running()
    bare = replace(app, pods=(replace(app.pods[0], cpu_request=None, cpu_limit=None),))

    assert "No CPU request" not in titles(bare)


def test_replicas_beside_an_autoscaler_are_found_in_the_manifest() -> None:
    said = "The chart sets the replicas, too"

    assert said in titles(running(), manifest=MANIFEST.format(name="demo"))
    assert said not in titles(running(), manifest=MANIFEST.format(name="other"))
    assert said not in titles(running(), manifest="a: [b")
    assert said not in titles(running())


def test_of_several_autoscalers_each_is_named() -> None:
    app = running(hpas=(hpa(max_replicas=1), hpa(key=KEY._replace(name="second"), max_replicas=1)))

    assert [each.partition(":")[0] for each in titles(app) if each.endswith("equal")] == [
        "demo",
        "second",
    ]


def test_an_app_without_an_autoscaler() -> None:
    view = advice_view(state(), NOW)

    assert (view.autoscaled, view.findings) == (False, ())


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("bounds", "the quota small (requests.cpu) can hold 2 pods"),
        ("scale_down_window", "are lost"),
    ],
)
def test_before_a_launch_each_is_beside_its_field(field: str, words: str) -> None:
    found = launch_findings(SPEC, state(pods=()), sources(), (quota(requests_cpu="1"),))

    assert words in found[field]


def test_before_a_launch_without_metrics() -> None:
    silent = sources(metrics=replace(sources()["metrics"], available=False))

    assert "metrics-server" in launch_findings(SPEC, state(), silent)["autoscaling"]
    assert launch_findings(replace(SPEC, autoscaling=None), state(), silent) == {}


def test_other_metrics_are_left_alone() -> None:
    metrics = (HpaMetric("queue", "AverageValue", 5, 3),)

    assert titles(running(hpas=(hpa(metrics=metrics),))) == []


def idle(hours: float = 6, **fields: Any) -> AppState:
    """An app that reserves ten times what it uses."""
    history, of_pod = History(), PodHistory()
    for minute in range(int(hours * 60)):
        at = NOW + timedelta(minutes=minute)
        history = history.added(Sample(at, 1, 1, 1, 1, 4, {"cpu": (6.0, 70.0)}, 0.06, 90 * MI))
        of_pod = of_pod.added(at, 0.06 + minute % 7 / 1000, 90 * MI)
    one = pod(cpu_request=1.0, memory_request=128 * MI, memory_limit=128 * MI)
    return replace(
        running(pods=(one,), history=history, pod_history={one.key: of_pod}, detail=detail()),
        **fields,
    )


def test_recommendations_in_words_with_a_link_that_fills_them_in() -> None:
    found = advice_view(idle(), NOW, chart="dash-app").recommendations

    assert found is not None
    assert [(each.setting, each.now, each.value) for each in found.rows] == [
        ("CPU request", "1", "110m"),
        ("CPU target", "70 %", "85 %"),
    ]
    assert "high" in found.about
    assert "core-hours reserved instead of 5.98" in found.replayed
    assert found.use == {"cpu_request": "110m", "target_cpu": "85"}
    other = advice_view(idle(), NOW, chart="other").recommendations
    assert other is not None
    assert other.use == {}


def test_recommendations_for_an_app_without_an_autoscaler() -> None:
    found = advice_view(idle(hpas=()), NOW, chart="dash-app").recommendations

    assert found is not None
    assert found.use == {"cpu_request": "80m"}
    assert found.replayed == ""


def test_too_little_is_recorded_at_first() -> None:
    found = advice_view(idle(0.2), NOW).recommendations

    assert found is not None
    assert "Not enough data yet" in found.about
    assert found.rows == ()


def test_of_several_workloads_it_is_not_known_which_used_what() -> None:
    two = (deployment(), replace(deployment(), key=KEY._replace(name="second")))

    assert advice_view(idle(workloads=two), NOW).recommendations is None
    assert advice_view(idle(pods=()), NOW).recommendations is None


def test_containers_without_memory_and_minutes_at_the_maximum_are_counted() -> None:
    crash = Entry("a", EntryKind.CRASH, NOW, what="OOMKilled", count=2)
    other = Entry("b", EntryKind.CRASH, NOW, what="Error")
    history = History()
    for minute, (desired, reading) in enumerate([(4, 90.0), (4, 70.0), (3, 90.0), (4, None)]):
        at = NOW + timedelta(minutes=minute)
        history = history.added(Sample(at, desired, 4, 4, 1, 4, {"cpu": (reading, 70.0)}, 0.5))
    app = running(history=history, timeline=Timeline(NOW, (crash, other)))
    found = observed(app, hpa())

    assert (found.oom_kills, found.limited, found.seconds) == (2, 60, 180)
    assert observed(app, None).limited == 0


def test_what_else_scales_the_app_is_told_beside_the_form() -> None:
    keda = ScaledObject(Key("apps", "worker"), "", "Deployment", "demo")
    vpa = Vpa(Key("apps", "sizes"), "", "Deployment", "demo", "Auto")
    found = launch_findings(SPEC, state(scaled_objects=(keda,), vpas=(vpa,)), sources())
    assert "the ScaledObject worker" in found["autoscaling"]
    assert "VerticalPodAutoscaler sizes" in found["target_cpu"]
    quiet = state(vpas=(replace(vpa, update_mode="Off"),))
    assert "target_cpu" not in launch_findings(SPEC, quiet, sources())


def climbed(seconds: float, throughput: float) -> Second:
    """The answers of one second of a load test, an hour ago."""
    at = NOW - timedelta(seconds=3600 - seconds)
    return Second(seconds, 12, throughput, 1.0, 90, 180, 200, {"200": 12}, at=at, ready=1)


def test_what_a_load_test_measured_stands_before_the_recommendations() -> None:
    plan = LoadTestPlan("demo", 80, "/", 40, 30, Shape.CLIMB, ready=1)
    job = Job(KEY, "", 1, 1, 0, 0, (), NOW - timedelta(hours=1), uid="climb", load_test=plan)
    end = replace(climbed(31, 0), end=True, stopped="latency")
    known = {"climb": Measured(tuple(climbed(each, 12.0) for each in range(30)), end)}
    app = idle(load_tests=(LoadTest(job, plan),))
    found = advice_view(app, NOW, load_tests=known).recommendations
    assert found is not None
    assert found.throughput.startswith(
        "Measured at 06:30 UTC on 23 November by a load test: 12 requests/s a pod at p95 180 ms"
    )
    withheld = advice_view(app, NOW, load_tests=None).recommendations
    assert withheld is not None
    assert withheld.throughput == "", "who may not begin load tests sees none"
