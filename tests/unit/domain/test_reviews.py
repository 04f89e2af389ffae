"""What Kubernetes' rules allow."""

from __future__ import annotations

import pytest

from portal.domain.reviews import ResourceAttributes, ResourceRule, Rules, listed

GET_PODS = ResourceAttributes("get", "pods")
LOGS = ResourceAttributes("get", "pods/log")
SCALE = ResourceAttributes("patch", "deployments/scale", "apps")


def rule(verbs: str, groups: str, resources: str, *names: str) -> ResourceRule:
    return ResourceRule(
        tuple(verbs.split()),
        tuple("" if each == "core" else each for each in groups.split()),
        tuple(resources.split()),
        names,
    )


@pytest.mark.parametrize(
    ("one", "asked", "allowed"),
    [
        (rule("get list", "core", "pods"), GET_PODS, True),
        (rule("list", "core", "pods"), GET_PODS, False),
        (rule("get", "apps", "pods"), GET_PODS, False),
        (rule("*", "*", "*"), GET_PODS, True),
        (rule("*", "*", "*"), LOGS, True),
        (rule("get", "core", "pods"), LOGS, False),
        (rule("get", "core", "pods/log"), LOGS, True),
        (rule("get", "core", "pods/log"), GET_PODS, False),
        (rule("patch", "apps", "*/scale"), SCALE, True),
        (
            rule("patch", "apps", "*/scale"),
            ResourceAttributes("patch", "deployments", "apps"),
            False,
        ),
        (rule("get", "core", "pods", "one"), GET_PODS, False),
    ],
)
def test_a_rule(one: ResourceRule, asked: ResourceAttributes, allowed: bool) -> None:
    assert one.allows(asked) is allowed


def test_a_rule_for_one_object_is_for_that_object_alone() -> None:
    rules = Rules((rule("get", "core", "pods", "one"),))
    assert rules.allow(GET_PODS, "one")
    assert not rules.allow(GET_PODS, "other")
    assert rules.allowed([GET_PODS]) == frozenset()


def test_in_words() -> None:
    asked = [
        SCALE,
        ResourceAttributes("list", "secrets"),
        ResourceAttributes("get", "secrets"),
    ]
    assert listed(asked) == "get, list secrets; patch deployments/scale.apps"
