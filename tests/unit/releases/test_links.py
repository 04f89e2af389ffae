"""Links that fill in the launch form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalog.presets import Preset
from portal.domain.namespaces import NamespaceRules
from portal.releases.forms import ReleaseForms
from portal.releases.links import LINKABLE, adjusted_form, link_of, linked_form

FORMS = ReleaseForms(NamespaceRules(("apps",)), "apps", max_replicas=5)


@pytest.mark.parametrize(
    ("link", "filled"),
    [
        ({}, {}),
        (
            {"image": "r.example:5000/team/app:1.0", "replicas": "3", "port": "80"},
            {"repository": "r.example:5000/team/app", "tag": "1.0", "replicas": 3, "port": 80},
        ),
        ({"image": "app"}, {"repository": "app", "tag": "latest"}),
        ({"min": "2"}, {"autoscaling": True, "bounds": [2, 5]}),
        ({"min": "2", "max": "3"}, {"autoscaling": True, "bounds": [2, 3]}),
        ({"name": "x", "memory_limit": "1Gi"}, {"name": "x", "memory_limit": "1Gi"}),
        ({"target_cpu": "", "target_memory": "80"}, {"target_cpu": None, "target_memory": 80}),
        ({"target_cpu": "x", "read_only": "yes"}, {}),
        (
            {"claim": "d", "mount_path": "/x", "read_only": "true"},
            {"claim": "d", "mount_path": "/x", "read_only": True},
        ),
        ({"replicas": "many", "env": "A=1", "odd": "x"}, {}),
    ],
)
def test_a_link_fills_in_the_form(link: dict[str, str], filled: dict[str, object]) -> None:
    assert linked_form(FORMS, link) == {**FORMS.defaults(), **filled}


@given(st.dictionaries(st.sampled_from(LINKABLE), st.text()))
def test_any_link_is_a_form_that_can_be_checked(link: dict[str, str]) -> None:
    FORMS.check(linked_form(FORMS, link))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"repository": "r.example/app", "tag": "sha256:" + "0a" * 32, "port": 80, "replicas": 4},
        {"autoscaling": True, "bounds": [2, 4], "target_cpu": None, "target_memory": 60},
        {"autoscaling": True, "bounds": [1, 5], "scale_down_window": 30},
        {"cpu_request": "", "memory_request": "", "memory_limit": "", "cpu_limit": "2"},
        {"exposure": "Ingress", "hostname": "a.example.com", "session_affinity": True},
        {"claim": "shared", "mount_path": "/srv", "read_only": True},
    ],
)
def test_a_link_gives_the_same_form_again(changed: dict[str, object]) -> None:
    raw = {**FORMS.defaults(), "repository": "a", "tag": "1", **changed}
    other = ReleaseForms(
        NamespaceRules(("apps",)),
        "apps",
        5,
        presets=(Preset("P", "b", "2", fields={"memory_limit": "9Gi"}),),
    )
    assert linked_form(other, link_of(raw)) == raw


def test_a_link_carries_no_variables_and_no_name() -> None:
    link = link_of({**FORMS.defaults(), "name": "x", "env": "TOKEN=t"})
    assert not {"name", "env"} & link.keys()
    assert link.keys() <= set(LINKABLE)


@pytest.mark.parametrize(
    ("link", "changed"),
    [
        ({}, {}),
        ({"min": "2", "max": "3"}, {"autoscaling": True, "bounds": [2, 3]}),
        ({"target_cpu": "65"}, {"target_cpu": 65}),
        ({"target_cpu": ""}, {}),
        ({"cpu_request": "250m"}, {"cpu_request": "250m", "size": ""}),
        ({"name": "x", "image": "evil", "command": "sh"}, {}),
    ],
)
def test_a_link_changes_an_apps_form(link: dict[str, str], changed: dict[str, object]) -> None:
    raw: dict[str, object] = {**FORMS.defaults(), "name": "there", "size": "large"}

    assert adjusted_form(FORMS, raw, link) == {**raw, **changed}
