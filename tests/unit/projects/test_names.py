"""Names of projects, and of people's own."""

from __future__ import annotations

import pytest
from hypothesis import given

from portal.domain.names import namespace_problem
from portal.projects.names import personal_name, project_name_problem, template_problem
from tests import strategies as some
from tests.unit.projects.fakes import RULES


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "Give the project a name"),
        ("Sales", "lower case"),
        ("sales_team", "only lower-case letters"),
        ("-sales", "begins and ends"),
        ("a" * 64, "at most 63"),
        ("münchen", "only lower-case letters"),
        ("default", "kept for Kubernetes"),
        ("kube-system", "kept for Kubernetes"),
        ("openshift-apps", "kept for Kubernetes"),
        ("dash-portal", "where it runs itself"),
        ("infra-db", "excluded"),
    ],
)
def test_a_name_that_no_project_may_have(name: str, words: str) -> None:
    assert words in project_name_problem(name, RULES)


@pytest.mark.parametrize("name", ["sales", "1st", "a", "new", "kubeflow"])
def test_a_name_that_one_may_have(name: str) -> None:
    assert project_name_problem(name, RULES) == ""


@pytest.mark.parametrize(
    "user",
    [
        "_@example.org",  # escaped to a leading dash elsewhere: no valid name
        "-ann",
        "12345",
        "ann+test@example.org",
        "Zoë Müller",
        "王芳",
        "ann" * 100,
        "CN=ann,OU=people",
    ],
)
def test_strangers_names_become_names_of_namespaces(user: str) -> None:
    assert namespace_problem(personal_name("user-{user}", user)) == ""
    assert namespace_problem(personal_name("{user}", user)) == ""


def test_people_whose_names_look_alike_get_different_projects() -> None:
    users = [
        "ann",
        "Ann",
        "ann@x.org",
        "ann.x@org",
        "ann-x-org",
        "änn",
        "a_nn",
        "a-nn",
        "王芳",
        "王",
    ]
    assert len({personal_name("{user}", each) for each in users}) == len(users)


def test_nobody_chooses_a_name_that_is_anothers_hash() -> None:
    theirs = personal_name("{user}", "ann@example.org")
    assert personal_name("{user}", theirs) != theirs


@given(some.texts)
def test_every_name_of_a_user_makes_a_name(user: str) -> None:
    assert namespace_problem(personal_name("user-{user}", user)) == ""


@pytest.mark.parametrize(
    "template", ["", "user", "{user}{user}", "User-{user}", "{user}-", "a" * 60]
)
def test_a_template_that_makes_no_names(template: str) -> None:
    assert template_problem(template)
