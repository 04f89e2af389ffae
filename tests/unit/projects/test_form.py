"""The form of a project: errors beside their fields, and what is probably not meant."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.guardrails.rules import Level
from portal.projects.form import FIELDS, check, filled
from portal.projects.model import Member
from tests import strategies as some
from tests.unit.projects.fakes import FORM, RULES, SITE


def errors(**changed: str) -> Mapping[str, str]:
    return check({**FORM, **changed}, RULES, SITE).errors


def test_the_defaults_make_a_project() -> None:
    project = check(FORM, RULES, SITE).project
    assert project is not None
    assert project.members["launchers"[:-1]] == (
        Member("user", "ann+test@example.org"),
        Member("group", "team-a"),
    )
    assert check(filled(project), RULES, SITE).project == project


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("name", "Sales", "lower case"),
        ("purpose", "x" * 201, "At most 200"),
        ("launchers", "ann", "user:NAME or group:NAME"),
        ("launchers", "user:ann, user:bob", "one per line"),
        ("viewers", "group:system:masters", "begins with “system:”"),
        ("viewers", "user:a\u200bnn", "cannot be seen"),
        ("quota_cpu", "4 cores", "Leave out the space"),
        ("quota_cpu", "-1", "zero or more"),
        ("quota_memory", "8GB", "8G"),
        ("quota_memory", "8", "8Gi"),
        ("quota_pods", "1.5", "whole number"),
        ("cpu_request", "0", "more than zero"),
        ("cpu_limit", "10m", "below the request"),
        ("level", "none", "restricted"),
        ("network", "closed", "restricted"),
        ("images", "a b", "space"),
        ("charts", "nginx", "source and the chart"),
        ("size", "huge", "no size huge"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(field: str, text: str, words: str) -> None:
    found = errors(**{field: text})
    assert list(found) == [field]
    assert words in found[field]


def test_a_name_of_a_directory_with_commas_is_one_name() -> None:
    project = check({**FORM, "viewers": "user:CN=Zoë, OU=people"}, RULES, SITE).project
    assert project is not None
    assert project.members["viewer"] == (Member("user", "CN=Zoë, OU=people"),)


@pytest.mark.parametrize(
    ("quota", "default"),
    [
        ("quota_cpu", "cpu_request"),
        ("quota_memory", "memory_request"),
        ("quota_cpu_limits", "cpu_limit"),
        ("quota_memory_limits", "memory_limit"),
    ],
)
def test_a_quota_without_a_default_would_have_pods_refused(quota: str, default: str) -> None:
    found = errors(**{quota: "4Gi" if "memory" in quota else "4", default: ""})
    assert "would be refused" in found[default]
    beyond = errors(**{quota: "1Mi" if "memory" in quota else "1m"})
    assert "no pod could start" in beyond[default]


def test_no_quota_needs_no_default() -> None:
    none = {each: "" for each in FIELDS if each.startswith(("quota", "cpu", "memory"))}
    assert errors(**none) == {}


def test_what_is_probably_not_meant_is_said() -> None:
    warnings = check(
        {**FORM, "viewers": "group:strangers", "level": "baseline"}, RULES, SITE
    ).warnings
    assert "does not tell Kubernetes of the group strangers" in warnings["viewers"]
    assert "guardrails stay" in warnings["level"]
    lonely = check({**FORM, "launchers": ""}, RULES, SITE).warnings
    assert "Nobody is named" in lonely["launchers"]


def test_the_name_and_the_user_of_a_project_stay() -> None:
    before = check(FORM, RULES, SITE).project
    assert before is not None
    after = check({**FORM, "name": "other", "level": "baseline"}, RULES, SITE, before=before)
    assert after.project is not None
    assert (after.project.name, after.project.level) == ("sales", Level.BASELINE)


@given(st.fixed_dictionaries(dict.fromkeys(FIELDS, some.raw_contents)))
def test_anything_at_all_is_answered(raw: dict[str, object]) -> None:
    checked = check(raw, RULES, SITE)
    assert (checked.project is None) == bool(checked.errors)
