"""All rules about a manifest. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from portal.domain.manifests import Ref
from portal.guardrails import ownership, pods, traffic
from portal.guardrails.rules import Rule, Violation
from portal.guardrails.subject import Check, ClusterFacts, Subject

CHECKS: Mapping[Rule, Check] = {**ownership.CHECKS, **pods.CHECKS, **traffic.CHECKS}
"""Every rule about a manifest."""


def violations(
    subject: Subject, facts: ClusterFacts, allowed: frozenset[Rule]
) -> tuple[Violation, ...]:
    """The violations of all rules but the ``allowed`` ones, without duplicates."""
    found: dict[tuple[Ref, Rule, str], Violation] = {}
    for rule, check in CHECKS.items():
        if rule not in allowed:
            for each in check(subject, facts):
                found.setdefault((each.ref, rule, each.message), each)
    return tuple(found.values())
