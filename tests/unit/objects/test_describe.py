from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.domain.scrubber import Scrubber
from portal.objects.describe import (
    LAST_APPLIED,
    MOST_LINKS,
    MOST_ROWS,
    ObjectView,
    object_view,
    shown_tree,
)
from portal.objects.states import secret_keys, state_of
from portal.viewmodels.model import Severity
from tests.unit.objects.make import tree

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PASSWORD = "hunter2-hunter2"


def view(given: dict[str, Any], *events: dict[str, Any], **changes: Any) -> ObjectView:
    usual: dict[str, Any] = {
        "scrubber": Scrubber((PASSWORD,)),
        "opens": lambda kind, name: kind == "ReplicaSet",
        "pods": {},
        "read_at": NOW,
    }
    return object_view(given, events, **(usual | changes))


MANAGED = [
    {"manager": "helm", "fieldsV1": {"f:data": {".": {}, "f:password": {}, "f:user": {}}}},
    {"manager": "other", "fieldsV1": {"f:data": {"f:token": {}}, "f:metadata": {}}},
]


def test_a_secret_shows_the_names_of_its_keys_and_nothing_else_of_its_data() -> None:
    meta = {"managedFields": MANAGED, "annotations": {LAST_APPLIED: f'{{"data": "{PASSWORD}"}}'}}
    given = tree("Secret", "env", metadata=meta, data={"password": "c2VjcmV0LXNlY3JldA=="})
    assert secret_keys(given) == ("password", "token", "user")
    found = view(given)
    assert "keys:\n- password\n- token\n- user\n" in found.yaml
    assert [each.path for each in found.rest] == ["keys"]
    for hidden in (PASSWORD, "c2VjcmV0LXNlY3JldA", "managedFields", LAST_APPLIED, "helm.sh/x"):
        assert hidden not in repr(found)


def test_secrets_are_hidden_wherever_they_are() -> None:
    spec = {
        "containers": [
            {
                "name": "app",
                "env": [
                    {"name": "DB_PASSWORD", "value": "another-secret"},
                    {"name": "URL", "value": f"postgres://ada:{PASSWORD}@db/x"},
                    {"name": "PLAIN", "value": "shown"},
                ],
                "args": ["--token", "third-secret"],
            }
        ]
    }
    meta = {"managedFields": MANAGED, "annotations": {LAST_APPLIED: "another-secret", "a": "b"}}
    given = tree("Pod", "web-1", metadata=meta, spec=spec, status={"message": f"said {PASSWORD}"})
    told = {"message": f"failed with {PASSWORD}", "lastTimestamp": "2026-01-01T01:00:00Z"}
    found = view(given, told)
    for hidden in (PASSWORD, "another-secret", "third-secret", "managedFields", LAST_APPLIED):
        assert hidden not in repr(found)
    rows = {each.path: each.value for each in found.spec}
    assert rows["containers[app].env[DB_PASSWORD]"] == "(hidden)"
    assert rows["containers[app].env[PLAIN]"] == "shown"
    assert found.events[0].text == "failed with (hidden)"


def test_names_of_labels_and_taints_are_no_secrets() -> None:
    spec = {
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}],
        "topologySpreadConstraints": [{"matchLabelKeys": ["pod-template-hash"]}],
        "volumes": [{"key": "kept-secret"}],
    }
    shown = shown_tree(tree("Pod", "x", spec=spec), Scrubber(()))
    assert "node.kubernetes.io/not-ready" in str(shown)
    assert "pod-template-hash" in str(shown)
    assert "kept-secret" not in str(shown), "a key that is none of these stays hidden"


def test_status_comes_first_with_conditions_apart() -> None:
    status = {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/1 nodes",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            },
            "odd",
        ],
    }
    found = view(tree("Pod", "x", status=status))
    assert [(each.type, each.reason) for each in found.conditions] == [
        ("PodScheduled", "Unschedulable")
    ]
    assert [(each.path, each.value) for each in found.status] == [("phase", "Pending")]


def test_events_are_newest_first_by_whichever_time_they_have() -> None:
    events = (
        {"reason": "Old", "lastTimestamp": "2026-01-01T00:00:00Z", "count": 3},
        {"reason": "New", "eventTime": "2026-01-01T05:00:00.123456Z", "type": "Warning"},
        {"reason": "Odd", "lastTimestamp": "soon", "count": "many"},
    )
    found = view(tree("Pod", "x"), *events).events
    assert [each.title for each in found] == ["New", "Old", "Odd"]
    assert [each.count for each in found] == [1, 3, 1]
    assert found[0].severity is Severity.WARN


def test_links_open_only_what_is_of_the_release_and_are_bounded() -> None:
    meta = {"ownerReferences": [{"kind": "ReplicaSet", "name": "web"}]}
    found = view(tree("Pod", "x", metadata=meta, spec={"nodeName": "node-1"}))
    assert [(each.kind, each.opens) for each in found.links] == [
        ("ReplicaSet", True),
        ("Node", False),
    ]
    pods = {f"web-{each}": {"app": "web"} for each in range(MOST_LINKS + 7)}
    found = view(tree("Service", "x", spec={"selector": {"app": "web"}}), pods=pods)
    assert len(found.links) == MOST_LINKS
    assert found.more_links == 7


def test_a_large_object_is_cut() -> None:
    found = view(tree("ConfigMap", "x", data={f"k{each}": "v" * 5000 for each in range(500)}))
    assert len(found.rest) == MOST_ROWS + 1
    assert len(found.yaml) < 600_000
    assert "go on" in found.yaml[-200:]
    binary = view(tree("ConfigMap", "x", binaryData={"picture": "AAAA" * 1000}))
    assert "3,000 bytes" in binary.yaml
    assert "AAAA" not in binary.yaml


@pytest.mark.parametrize(
    ("given", "text", "severity", "words"),
    [
        (
            tree(
                "PersistentVolumeClaim",
                "x",
                status={"phase": "Bound", "capacity": {"storage": "1Gi"}},
            ),
            "Bound",
            Severity.GOOD,
            "1Gi",
        ),
        (tree("PersistentVolumeClaim", "x", status={"phase": "Lost"}), "Lost", Severity.BAD, ""),
        (tree("PersistentVolumeClaim", "x"), "Pending", Severity.BUSY, ""),
        (
            tree(
                "PodDisruptionBudget",
                "x",
                status={"disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1},
            ),
            "Kept",
            Severity.GOOD,
            "1 pod may be evicted now",
        ),
        (
            tree(
                "PodDisruptionBudget",
                "x",
                status={"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 1},
            ),
            "Too few healthy pods",
            Severity.WARN,
            "0 pods may be evicted now",
        ),
        (
            tree("ConfigMap", "x", data={"a": "1"}, binaryData={"b": ""}),
            "Exists",
            Severity.QUIET,
            "2 keys",
        ),
        (
            tree("Secret", "x", metadata={"managedFields": MANAGED}),
            "Exists",
            Severity.QUIET,
            "3 keys",
        ),
        (tree("ServiceAccount", "x"), "Exists", Severity.QUIET, ""),
        (
            tree("ConfigMap", "x", metadata={"deletionTimestamp": "now"}),
            "Being deleted",
            Severity.WARN,
            "",
        ),
    ],
)
def test_states(given: dict[str, Any], text: str, severity: Severity, words: str) -> None:
    found = state_of(given)
    assert (found.state.text, found.state.severity, found.words) == (text, severity, words)


@pytest.mark.parametrize("odd", [None, 5, "x", [], [1], {"f:data": 3}])
def test_odd_objects_are_shown_all_the_same(odd: Any) -> None:
    for kind in ("Pod", "Secret", "ConfigMap", "PersistentVolumeClaim", "PodDisruptionBudget"):
        given = tree(kind, "x", spec=odd, status=odd, data=odd, binaryData=odd)
        given["metadata"]["managedFields"] = odd
        assert view(given, {"message": odd, "series": odd}).kind == kind
