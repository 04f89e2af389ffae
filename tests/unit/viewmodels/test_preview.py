from __future__ import annotations

from typing import Any

import pytest
import yaml

from portal.domain.keys import Key
from portal.domain.proposals import Proposal
from portal.viewmodels.model import Severity
from portal.viewmodels.preview import (
    CHANGED,
    MAX_DIFF_LINES,
    MAX_OBJECTS,
    PreviewView,
    preview_view,
    values_diff,
)

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "demo"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "demo"}},
        "template": {"spec": {"containers": [{"name": "app", "image": "a:1"}]}},
    },
}
HPA: dict[str, Any] = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "demo"},
    "spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "demo"},
        "minReplicas": 2,
        "maxReplicas": 8,
    },
}
CLAIM: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"]},
}


def preview(before: list[dict[str, Any]], after: list[dict[str, Any]], live: int) -> PreviewView:
    return preview_view(
        Proposal(
            Key("apps", "demo"),
            since=3,
            compared=3,
            manifest=yaml.safe_dump_all(before),
            new_manifest=yaml.safe_dump_all(after),
            values={},
            new_values={},
            live={"demo": live},
        )
    )


def edited(tree: dict[str, Any], **spec: object) -> dict[str, Any]:
    spec = {**tree["spec"], **spec}
    return {**tree, "spec": {name: value for name, value in spec.items() if value is not None}}


def said(view: PreviewView) -> list[str]:
    return [each.title for each in view.words]


def test_nothing_changes() -> None:
    view = preview([DEPLOYMENT], [DEPLOYMENT], live=3)
    assert view.nothing
    assert said(view) == [
        "Nothing in the cluster changes.",
        "No pod is restarted.",
        "3 replicas now; stays 3.",
    ]


def test_an_upgrade_while_scaled_up_keeps_its_pods() -> None:
    scaled = edited(DEPLOYMENT, replicas=None)
    image = {"spec": {"containers": [{"name": "app", "image": "a:2"}]}}
    view = preview([scaled, HPA], [edited(scaled, template=image), HPA], live=7)
    assert said(view) == [
        "Deployment demo: all 7 pods are replaced in a rolling update.",
        "7 replicas now; stays 7.",
    ]
    assert [each.title for each in view.objects] == ["Deployment demo"]
    assert any(line.startswith("-") and "a:1" in line for line in view.objects[0].diff)
    assert any(line.startswith("+") and "a:2" in line for line in view.objects[0].diff)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"maxReplicas": 4}, "7 replicas now; becomes 4, the autoscaler's new maximum."),
        (
            {"minReplicas": 9, "maxReplicas": 12},
            "7 replicas now; becomes 9, the autoscaler's new minimum.",
        ),
    ],
)
def test_other_bounds_move_the_pods(bounds: dict[str, int], words: str) -> None:
    scaled = edited(DEPLOYMENT, replicas=None)
    view = preview([scaled, HPA], [scaled, edited(HPA, **bounds)], live=7)
    assert said(view) == ["No pod is restarted.", words]


def test_from_the_autoscaler_back_to_a_number() -> None:
    view = preview([edited(DEPLOYMENT, replicas=None), HPA], [DEPLOYMENT], live=7)
    assert said(view)[1:] == [
        "7 replicas now; becomes 3.",
        "Deleted: HorizontalPodAutoscaler demo.",
    ]


def test_what_is_immutable_is_said_before() -> None:
    other = edited(DEPLOYMENT, selector={"matchLabels": {"app": "x"}})
    view = preview([DEPLOYMENT], [other], live=3)
    assert not view.possible
    assert view.words[0].title == "spec.selector of Deployment demo cannot be changed."
    assert view.words[0].advice


def test_a_stateful_set_may_change_little() -> None:
    one = {**DEPLOYMENT, "kind": "StatefulSet"}
    assert preview([one], [edited(one, replicas=5)], live=3).possible
    assert not preview([one], [edited(one, serviceName="x")], live=3).possible


def test_stops_first() -> None:
    one = edited(DEPLOYMENT, strategy={"type": "Recreate"})
    view = preview([one], [edited(one, template={"spec": {}})], live=1)
    assert (
        view.words[0].title
        == "Deployment demo: the pod is replaced; old pods stop before new ones start."
    )
    assert view.words[0].severity is Severity.WARN


def test_a_claim_that_goes_and_one_that_is_kept() -> None:
    view = preview([DEPLOYMENT, CLAIM], [DEPLOYMENT], live=3)
    assert "Deleted with its data: PersistentVolumeClaim data." in said(view)
    keep = {"name": "data", "annotations": {"helm.sh/resource-policy": "keep"}}
    view = preview([DEPLOYMENT, {**CLAIM, "metadata": keep}], [DEPLOYMENT], live=3)
    assert said(view)[-1] == (
        "Kept in the cluster (resource policy keep): PersistentVolumeClaim data."
    )


def test_secrets_are_hidden_and_still_seen_to_change() -> None:
    before = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"anything": "aHVudGVyMg=="}}
    after = {**before, "data": {"anything": "b3RoZXI=", "more": "eA=="}}
    view = preview([before], [after], live=1)
    text = "\n".join(view.objects[0].diff)
    assert CHANGED in text
    assert "more" in text
    assert not any(secret in text for secret in ("aHVudGVyMg", "b3RoZXI", "eA=="))


def test_values_differ_by_line() -> None:
    before = {"image": {"tag": "1"}, "env": [{"name": "DB_PASSWORD", "value": "hunter1"}]}
    after = {"image": {"tag": "2"}, "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}
    lines = values_diff(before, after)
    assert "-  tag: '1'" in lines
    assert "+  tag: '2'" in lines
    assert any(CHANGED in line for line in lines)
    assert not any("hunter" in line for line in lines)
    assert values_diff(before, before) == ()


def proposal(**changes: Any) -> Proposal:
    told: dict[str, Any] = {
        "since": 3,
        "compared": 3,
        "manifest": "",
        "new_manifest": "",
        "values": {},
        "new_values": {},
    }
    return Proposal(Key("apps", "demo"), **(told | changes))


def test_a_secret_is_hidden_wherever_the_chart_puts_it() -> None:
    config = "kind: ConfigMap\nmetadata: {{name: c}}\ndata: {{app.ini: 'pw={} and more'}}\n"
    view = preview_view(
        proposal(
            values={"auth": {"password": "hunter2-old"}},
            new_values={"auth": {"password": "hunter2-new"}},
            manifest=config.format("hunter2-old"),
            new_manifest=config.format("hunter2-new"),
        )
    )
    assert "hunter2" not in str(view)
    assert any(CHANGED in line for line in view.values)
    assert any(f"pw={CHANGED} and more" in line for line in view.objects[0].diff)


def test_what_a_secret_holds_is_hidden_everywhere_too() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"x": "aHVudGVyMg=="}}
    pod = edited(DEPLOYMENT, template={"env": [{"name": "PLAIN", "value": "hunter2"}]})
    view = preview([DEPLOYMENT], [pod, secret], live=1)
    assert "hunter2" not in str(view)
    assert "aHVudGVyMg" not in str(view)


def test_after_a_failure_it_says_what_it_compares_with() -> None:
    view = preview_view(proposal(since=4, compared=2))
    assert view.words[0].title == "Revision 4 failed and may be applied in part."
    assert "revision 2" in view.words[0].body


def test_a_number_that_nobody_renders_stays() -> None:
    bare = edited(DEPLOYMENT, replicas=None)
    assert said(preview([bare], [bare], live=5))[-1] == "5 replicas now; stays 5."
    assert said(preview([DEPLOYMENT], [bare], live=5))[-1] == "5 replicas now; becomes 1."


def test_an_endless_object_is_cut() -> None:
    long = {
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {str(n): "x" for n in range(2000)},
    }
    other = {**long, "data": {str(n): "y" for n in range(2000)}}
    (diff,) = preview([long], [other], live=1).objects
    assert len(diff.diff) == 401
    assert "more lines" in diff.diff[-1]


def test_the_order_of_values_means_nothing() -> None:
    assert values_diff({"b": 1, "a": {"d": 2, "c": 3}}, {"a": {"c": 3, "d": 2}, "b": 1}) == ()


def test_a_long_difference_is_cut_and_counted() -> None:
    many = {f"k{n}": n for n in range(6000)}
    lines = values_diff({}, many)
    assert len(lines) == MAX_DIFF_LINES + 1
    assert lines[-1] == "  … 5,600 more lines"
    (line,) = values_diff({}, {"a": "b" * 5000})
    assert line.endswith(" … 4,004 more")
    assert len(line) < 1100


def test_of_many_objects_the_rest_is_counted() -> None:
    objects = "---\n".join(f"kind: A\nmetadata: {{name: n{n}}}\n" for n in range(250))
    view = preview_view(Proposal(Key("apps", "a"), 1, 1, "", objects, {}, {}))
    assert len(view.objects) == MAX_OBJECTS + 1
    assert view.objects[-1].title == "… and 50 more objects"
