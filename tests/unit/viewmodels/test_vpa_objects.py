"""VerticalPodAutoscalers on the pages, by objects as its programs (1.8) left them, trimmed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal.cluster.kinds import vpa
from portal.domain.scalers import Vpa
from portal.state.event_kinds import kind_of
from portal.state.timeline import Entry, EntryKind, Timeline
from portal.viewmodels.model import VerticalView
from portal.viewmodels.timeline import timeline_view
from portal.viewmodels.vertical import vertical_views
from tests.unit.viewmodels.make import NOW, container, deployment, event, pod, state


def shown(status: Any, **spec: Any) -> VerticalView:
    raw = {
        "metadata": {"name": "sizes", "namespace": "apps"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "demo"}}
        | spec,
        "status": status,
    }
    found = vpa.decode(json.dumps(raw))[1]
    assert isinstance(found, Vpa)
    resized = container(name="app", cpu_request=0.025, memory_request=250 * 2**20)
    app = state(workloads=(deployment(2, 2),), pods=(pod(containers=(resized,)),), vpas=(found,))
    (view,) = vertical_views(app)
    return view


def test_requests_that_were_changed_in_place() -> None:
    recommendation = {
        "containerName": "app",
        "lowerBound": {"cpu": "25m", "memory": "250Mi"},
        "target": {"cpu": "25m", "memory": "250Mi"},
        "uncappedTarget": {"cpu": "25m", "memory": "250Mi"},
        "upperBound": {"cpu": "9515m", "memory": "67662027405"},
    }
    status = {
        "conditions": [{"status": "True", "type": "RecommendationProvided"}],
        "recommendation": {"containerRecommendations": [recommendation]},
    }
    view = shown(status, updatePolicy={"updateMode": "InPlaceOrRecreate"})
    assert view.sentence.startswith("It gives running pods what it recommends")
    cpu, memory = view.rows
    assert (cpu.now, cpu.target, cpu.uncapped) == ("0.025 cores", "0.025 cores", "")
    assert (memory.now, memory.target) == ("250 MiB", "250 MiB")
    assert not view.notices


def test_a_target_that_does_not_exist() -> None:
    none = {"message": "No pods match this VPA object", "reason": "NoPodsMatched"}
    status = {
        "conditions": [
            {
                "message": "Cannot read targetRef. Reason: Deployment apps/gone does not exist",
                "status": "True",
                "type": "ConfigUnsupported",
            },
            {**none, "status": "True", "type": "NoPodsMatched"},
            {**none, "status": "False", "type": "RecommendationProvided"},
        ],
        "recommendation": {},
    }
    assert [each.title for each in shown(status).notices] == [
        "The VerticalPodAutoscaler cannot work with its target",
        "The VerticalPodAutoscaler matches no pods",
        "There is no recommendation yet",
    ]


@pytest.mark.parametrize(
    ("reason", "message", "title"),
    [
        (
            "EvictedByVPA",
            "Pod was evicted by VPA Updater to apply resource recommendation.",
            "Replaced to change its requests (EvictedByVPA)",
        ),
        (
            "InPlaceResizedByVPA",
            "Pod was resized in place by VPA Updater.",
            "Requests changed in place (InPlaceResizedByVPA)",
        ),
    ],
)
def test_pods_that_it_changes_are_in_the_timeline(reason: str, message: str, title: str) -> None:
    assert kind_of(event(reason, message, type="Normal")) is EntryKind.POD
    entry = Entry("event/x", EntryKind.POD, NOW, "Pod demo", reason, message)
    (line,) = timeline_view(state(timeline=Timeline(NOW, (entry,)))).lines
    assert line.title == title
