from __future__ import annotations

import pytest

from portal.domain.namespaces import NamespaceRules, listed_problem, pattern_problem

RULES = NamespaceRules(("apps", "lab", "infra-x"), own="portal", excluded=("infra-*",))


def test_where_something_may_be_changed() -> None:
    assert RULES.problem("apps") == ""
    assert RULES.open == ("apps", "lab")
    assert "excluded it" in RULES.problem("infra-x")
    assert "does not work in other" in RULES.problem("other")
    whole = NamespaceRules(own="portal")
    assert "runs itself" in whole.problem("portal")
    assert "Kubernetes' own" in whole.problem("kube-node-lease")
    assert whole.problem("kubeless") == ""


def test_lists_that_make_no_sense() -> None:
    assert listed_problem(("apps",), "portal") == ""
    assert "portal's own" in listed_problem(("apps", "portal"), "portal")
    assert "Kubernetes' own" in listed_problem(("kube-system",), "")
    assert "not a namespace" in listed_problem(("a/b",), "")


@pytest.mark.parametrize("pattern", ["infra-*", "*", "a", "*-prod", "team-*-x"])
def test_patterns(pattern: str) -> None:
    assert pattern_problem(pattern) == ""


@pytest.mark.parametrize("pattern", ["", "A*", "a?", "[ab]", "-a", "a b", "x" * 64])
def test_what_is_no_pattern(pattern: str) -> None:
    assert "neither" in pattern_problem(pattern)
