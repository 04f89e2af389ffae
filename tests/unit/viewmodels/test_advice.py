from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.domain.objects import HpaMetric
from portal.viewmodels.advice import advice_view, launch_findings
from portal.viewmodels.model import Severity
from tests.unit.viewmodels.make import KEY, NOW, detail, hpa, sources, state
from tests.unit.viewmodels.test_setup import SPEC, quota, running

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
