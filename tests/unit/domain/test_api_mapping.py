"""The APIs that a recorded manifest names, mapped to those of today."""

from __future__ import annotations

import pytest

from portal.domain.api_mapping import apis_of, mapped
from portal.domain.errors import PortalError
from portal.domain.manifests import objects

OLD, NEW = "example.com/v1beta1", "example.com/v1"
MANIFEST = f"""---
# Source: c/templates/w.yaml
kind: Widget # größer
metadata: {{name: web, labels: {{text: "apiVersion: {OLD}"}}}}
apiVersion: "{OLD}"   # the old one
---
# Source: c/templates/policy.yaml
apiVersion: policy/v1beta1
kind: PodSecurityPolicy
metadata:
  name: strict
---
# Source: c/templates/cm.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  note: |
    apiVersion: {OLD}
    kind: Widget
"""
SUCCESSORS = {(OLD, "Widget"): NEW, ("policy/v1beta1", "PodSecurityPolicy"): ""}


def test_only_the_api_changes_and_all_else_stays_to_the_letter() -> None:
    text, changes = mapped(MANIFEST, {(OLD, "Widget"): NEW})
    assert text == MANIFEST.replace(f'apiVersion: "{OLD}"   #', f"apiVersion: {NEW}   #")
    assert [str(each) for each in changes] == [f"Widget web: {OLD} becomes {NEW}."]


def test_what_has_no_successor_is_left_out() -> None:
    text, changes = mapped(MANIFEST, SUCCESSORS)
    assert [(ref.kind, ref.name) for ref in objects(text, "apps")] == [
        ("Widget", "web"),
        ("ConfigMap", "web"),
    ]
    assert "is left out: this cluster has no such kind" in str(changes[1])


def test_items_of_lists_are_mapped_too() -> None:
    listed = (
        "apiVersion: v1\nkind: List\nitems:\n"
        f"- apiVersion: {OLD}\n  kind: Widget\n  metadata: {{name: a}}\n"
        "- apiVersion: policy/v1beta1\n  kind: PodSecurityPolicy\n  metadata: {name: b}\n"
    )
    text, changes = mapped(listed, {(OLD, "Widget"): NEW})
    assert text == listed.replace(OLD, NEW)
    assert len(changes) == 1
    text, changes = mapped(listed, SUCCESSORS)
    ((ref, tree),) = objects(text, "apps").items()
    assert (ref.name, tree["apiVersion"]) == ("a", NEW)
    assert len(changes) == 2


def test_other_kinds_of_the_group_are_not_touched() -> None:
    assert mapped(MANIFEST, {(OLD, "Gadget"): NEW}) == (MANIFEST, ())


def test_what_is_not_yaml_is_told() -> None:
    with pytest.raises(PortalError, match="not YAML"):
        mapped("a: [", SUCCESSORS)


def test_each_api_is_named_once() -> None:
    assert apis_of(iter(objects(MANIFEST * 2, "apps").values())) == (
        (OLD, "Widget"),
        ("policy/v1beta1", "PodSecurityPolicy"),
        ("v1", "ConfigMap"),
    )
