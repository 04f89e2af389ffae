from __future__ import annotations

from itertools import pairwise

import pytest
import yaml

from portal.domain import yaml_text
from portal.domain.errors import PortalError
from portal.domain.manifests import (
    MAX_MANIFEST,
    ChangeType,
    Ref,
    changes,
    has_keep_policy,
    independent,
    objects,
)
from portal.domain.replica_ownership import without_replicas

TWO = """---
# Source: demo/templates/service.yaml
apiVersion: v1
kind: Service
metadata: {name: web}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: other}
---
"""


def test_objects_are_told_apart_by_kind_name_and_namespace() -> None:
    assert list(objects(TWO, "apps")) == [
        Ref("Service", "web", "apps"),
        Ref("Deployment", "web", "other", "apps"),
    ]


def test_a_list_is_its_items() -> None:
    text = "kind: ConfigMapList\nitems: [{kind: ConfigMap, metadata: {name: a}}]"
    assert list(objects(text, "apps")) == [Ref("ConfigMap", "a", "apps")]


@pytest.mark.parametrize("text", ["a: [", "a: !!python/object/apply:os.getcwd []"])
def test_what_is_not_plain_yaml_is_refused(text: str) -> None:
    with pytest.raises(PortalError, match="not YAML"):
        objects(text, "apps")


def test_another_version_is_the_same_object() -> None:
    before = objects("apiVersion: autoscaling/v1\nkind: HPA\nmetadata: {name: a}", "apps")
    after = objects("apiVersion: autoscaling/v2\nkind: HPA\nmetadata: {name: a}", "apps")
    (found,) = changes(before, after)
    assert found.change is ChangeType.CHANGED


def test_added_changed_removed_and_nothing() -> None:
    before = objects(TWO, "apps")
    assert changes(before, before) == ()
    after = objects(TWO.replace("kind: Service", "kind: Service\nspec: {type: NodePort}"), "apps")
    after.pop(Ref("Deployment", "web", "other", "apps"))
    after[Ref("Ingress", "web", "apps")] = {"kind": "Ingress"}
    assert [(each.ref.kind, each.change) for each in changes(before, after)] == [
        ("Service", ChangeType.CHANGED),
        ("Ingress", ChangeType.ADDED),
        ("Deployment", ChangeType.REMOVED),
    ]


def test_kept() -> None:
    annotations = {"helm.sh/resource-policy": "keep"}
    assert has_keep_policy({"metadata": {"annotations": annotations}})
    assert not has_keep_policy({"metadata": {}})
    assert not has_keep_policy({"metadata": None})


def test_documents_that_share_anchors_are_made_independent() -> None:
    split = "kind: A\ndata: &shared\n  key: 'on'\n  b: [1, 2]\n---\nkind: B\ndata: *shared\n"
    first, second = yaml.safe_load_all(independent(split))
    assert first == {"kind": "A", "data": {"key": "on", "b": [1, 2]}}
    assert second == {"kind": "B", "data": {"key": "on", "b": [1, 2]}}
    for whole in ("a: &x 1\nb: *x\n", "a: '*'\n", "a: [", "# *\n"):
        assert independent(whole) == whole


@pytest.mark.parametrize(
    "manifest",
    [
        "a: " + "[" * 200_000 + "]" * 200_000,
        "- " * 5_000 + "a",
        "{a: " * 5_000,
        "? " * 5_000,
        "a:\n" + "- b\n" * 500_000,
        "a: [" + "b," * 500_000 + "]",
        "a: &a [x, x, x, x, x, x, x, x]\n"
        + "".join(f"{n}: &{n} [{', '.join([f'*{m}'] * 9)}]\n" for m, n in pairwise("abcdefghij")),
        "a" * (MAX_MANIFEST + 1),
    ],
)
def test_what_is_too_much_is_not_built(manifest: str) -> None:
    """libyaml's builder ends the whole process where it is too deep."""
    with pytest.raises(PortalError):
        objects(manifest, "apps")
    if len(manifest) <= MAX_MANIFEST and "&a" not in manifest:
        with pytest.raises(yaml_text.TooLarge):
            without_replicas(manifest, {"Deployment/web"})
