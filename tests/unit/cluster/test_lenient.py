from __future__ import annotations

import json
from typing import Any

import pytest

from portal.cluster.decode import quantity, unreadable
from portal.cluster.kinds import deployment, hpa, node, pod, quota
from portal.cluster.lenient import decode_leniently
from portal.domain.keys import Key
from portal.domain.objects import UNDATED, Kind, Unreadable

from .test_decode import AT, CREATED, HELM, meta, of, running_pod

JsonObject = dict[str, Any]


def web(**changes: Any) -> JsonObject:
    raw = {"metadata": meta("web", **HELM), "spec": {"replicas": 3}, "status": {"readyReplicas": 2}}
    return {**raw, **changes}


@pytest.mark.parametrize(
    "time", ["0000-01-01T00:00:00Z", "2016-12-31T23:59:60Z", "2026-13-01T00:00:00Z", "now", None]
)
def test_a_time_that_cannot_be_read_costs_its_field(time: str | None) -> None:
    raw = web(metadata={**meta("web", **HELM), "creationTimestamp": time})
    raw["status"]["conditions"] = [
        {"type": "Available", "status": "True", "lastTransitionTime": time},
        {"type": "Progressing", "status": "True", "lastTransitionTime": CREATED},
    ]
    _, found = of(deployment.decode, raw)
    assert (found.desired, found.ready, found.created_at) == (3, 2, UNDATED)
    assert [each.changed_at for each in found.conditions] == [None, AT]


def test_a_time_without_offset_is_none() -> None:
    raw = web(metadata={**meta("web"), "creationTimestamp": "2026-11-23T07:26:08"})
    assert of(deployment.decode, raw)[1].created_at == UNDATED


def test_null_stands_for_what_is_left_out() -> None:
    raw = running_pod()
    raw["status"] |= {"conditions": None, "reason": None, "initContainerStatuses": [None]}
    raw["spec"] |= {"nodeName": None, "initContainers": None}
    _, found = of(pod.decode, raw)
    assert (found.conditions, found.reason, found.node) == ((), "", "")
    assert len(found.containers) == 2


def test_null_stands_for_a_port_that_is_left_out() -> None:
    raw = running_pod()
    raw["spec"]["containers"][0]["livenessProbe"] = {"httpGet": {"port": None}}
    _, found = of(pod.decode, raw)
    assert [each.port for each in found.containers[0].probes if each.kind == "liveness"] == [""]


def test_a_quantity_may_be_a_number() -> None:
    raw = {"metadata": meta("q"), "status": {"hard": {"pods": 4, "cpu": 1.5}, "used": {"pods": 0}}}
    _, found = of(quota.decode, raw)
    assert (found.hard, found.used) == ({"pods": "4", "cpu": "1.5"}, {"pods": "0"})


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("-9223372036854775808m", -9223372036854775.808),
        ("123456789012345678901234", 1.2345678901234568e23),
        ("15e-3", 0.015),
        ("209715200500m", 209715200.5),
        ("", None),
        ("many", None),
        ("1e999", None),
    ],
)
def test_quantities(text: str, amount: float | None) -> None:
    assert quantity(text) == amount


def test_room_that_cannot_be_read_is_not_none() -> None:
    raw = {"metadata": meta("n"), "status": {"allocatable": {"cpu": "lots", "memory": "0"}}}
    _, found = of(node.decode, raw)
    assert (found.cpu, found.memory) == (None, 0.0)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"spec": {"replicas": "three"}}, "spec.replicas"),
        ({"status": {"readyReplicas": {}}}, "status.readyReplicas"),
        ({"spec": {"paused": "no"}}, "spec.paused"),
        ({"status": {"conditions": [1]}}, r"status.conditions\[0\]"),
    ],
)
def test_a_count_or_a_flag_never_gets_its_default(changes: JsonObject, where: str) -> None:
    text = json.dumps(web(**changes))
    with pytest.raises(ValueError, match=where) as error:
        deployment.decode(text)
    assert unreadable(Kind.DEPLOYMENT, text, error.value) == Unreadable(
        Kind.DEPLOYMENT, Key("apps", "web"), "dash", "uid-web", error=str(error.value)
    )


def test_what_an_unreadable_object_belongs_to_is_read_as_far_as_it_can_be() -> None:
    owner = {"kind": "ReplicaSet", "name": "web-1", "controller": True}
    raw = {
        "metadata": {"name": "x", "namespace": "apps", "uid": 7, "ownerReferences": [owner]},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": "many"},
    }
    with pytest.raises(ValueError, match="maxReplicas") as error:
        hpa.decode(json.dumps(raw))
    found = unreadable(Kind.HPA, json.dumps(raw), error.value)
    assert found
    assert (found.owner_kind, found.owner) == ("ReplicaSet", "web-1")
    assert (found.target_kind, found.target_name) == ("Deployment", "web")
    assert (found.release, found.uid) == ("", "7")


def test_a_record_of_helm_is_found_by_its_secrets_name() -> None:
    raw = json.dumps({"metadata": {"name": "sh.helm.release.v1.my.app.v12", "namespace": "apps"}})
    found = unreadable(Kind.RELEASE, raw, KeyError("name"))
    assert found
    assert found.release == "my.app"


@pytest.mark.parametrize("raw", ["[]", "1", '{"metadata": {}}', '{"metadata": []}'])
def test_without_a_name_there_is_nothing_to_say(raw: str) -> None:
    assert unreadable(Kind.POD, raw, ValueError("no")) is None


def test_text_is_decoded_as_it_is() -> None:
    assert decode_leniently(dict[str, str], '{"a": "b", "c": null, "d": 1}') == {"a": "b", "d": "1"}
