"""VerticalPodAutoscalers."""

from __future__ import annotations

from portal.cluster.api_types import Conditions, Meta, Part, from_json
from portal.cluster.decode import conditions, key, quantity, release_of
from portal.cluster.resource import Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.domain.scalers import Amount, ContainerRecommendation, Vpa

RESOURCES = frozenset({"cpu", "memory"})
"""The resources that are recommended."""


class _Target(Part, frozen=True):
    kind: str
    name: str


class _UpdatePolicy(Part, frozen=True):
    update_mode: str | None = None
    min_replicas: int | None = None


class _ContainerPolicy(Part, frozen=True):
    mode: str | None = None
    controlled_resources: tuple[str, ...] | None = None
    container_name: str = "*"


class _ResourcePolicy(Part, frozen=True):
    container_policies: tuple[_ContainerPolicy, ...] | None = None


class _Spec(Part, frozen=True):
    target_ref: _Target
    update_policy: _UpdatePolicy | None = None
    resource_policy: _ResourcePolicy | None = None


class _Container(Part, frozen=True):
    """``containerRecommendations[]``."""

    container_name: str = ""
    target: dict[str, str] | None = None
    lower_bound: dict[str, str] | None = None
    upper_bound: dict[str, str] | None = None
    uncapped_target: dict[str, str] | None = None


class _Recommendation(Part, frozen=True):
    container_recommendations: tuple[_Container, ...] | None = None


class _Status(Conditions, frozen=True):
    recommendation: _Recommendation | None = None


class _Vpa(Part, frozen=True):
    """A VerticalPodAutoscaler of autoscaling.k8s.io/v1."""

    metadata: Meta
    spec: _Spec
    status: _Status = _Status()


@from_json(_Vpa)
def decode(found: _Vpa) -> tuple[Key, Vpa]:
    """A VerticalPodAutoscaler."""
    meta, spec, status = found.metadata, found.spec, found.status
    own = key(meta)
    advice = status.recommendation.container_recommendations if status.recommendation else None
    policies = spec.resource_policy.container_policies if spec.resource_policy else None
    return own, Vpa(
        key=own,
        release=release_of(meta),
        target_kind=spec.target_ref.kind,
        target_name=spec.target_ref.name,
        update_mode=(spec.update_policy.update_mode if spec.update_policy else None) or "",
        min_replicas=spec.update_policy.min_replicas if spec.update_policy else None,
        resources=_controlled(policies or ()),
        recommendations=tuple(map(_container, advice or ())),
        conditions=conditions(status.conditions),
        uid=meta.uid,
        created_at=meta.creation_timestamp,
    )


def _controlled(policies: tuple[_ContainerPolicy, ...]) -> frozenset[str]:
    """The resources that are controlled of at least one container.

    A policy for all the others ("*") leaves none to the default of both.
    """
    others = any(each.container_name == "*" for each in policies)
    found = [
        RESOURCES
        if each.controlled_resources is None
        else RESOURCES.intersection(each.controlled_resources)
        for each in policies
        if each.mode != "Off"
    ]
    return frozenset[str]().union(*found, *([] if others else [RESOURCES]))


def _container(found: _Container) -> ContainerRecommendation:
    return ContainerRecommendation(
        found.container_name,
        *map(
            _amount,
            (found.target, found.lower_bound, found.upper_bound, found.uncapped_target),
        ),
    )


def _amount(found: dict[str, str] | None) -> Amount:
    amounts = found or {}
    return Amount(quantity(amounts.get("cpu", "")), quantity(amounts.get("memory", "")))


RESOURCE = Resource(
    Kind.VPA,
    "VerticalPodAutoscalers",
    "/apis/autoscaling.k8s.io/v1",
    "verticalpodautoscalers",
    decode,
    optional=True,
)
