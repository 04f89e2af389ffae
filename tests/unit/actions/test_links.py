"""Links that fill in the launch form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.actions.forms import Forms
from portal.actions.links import LINKABLE, linked_form

FORMS = Forms(("apps",), "apps", max_replicas=5)


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
        ({"replicas": "many", "env": "A=1", "odd": "x"}, {}),
    ],
)
def test_a_link_fills_in_the_form(link: dict[str, str], filled: dict[str, object]) -> None:
    assert linked_form(FORMS, link) == {**FORMS.defaults(), **filled}


@given(st.dictionaries(st.sampled_from(LINKABLE), st.text()))
def test_any_link_is_a_form_that_can_be_checked(link: dict[str, str]) -> None:
    FORMS.check(linked_form(FORMS, link))
