"""HTTPRoutes of the Gateway API."""

from __future__ import annotations

from portal.cluster.api_types import Conditions, Meta, Part, from_json
from portal.cluster.decode import key, management_of, only_path, release_of
from portal.cluster.resource import GATEWAY_API, Resource
from portal.domain.keys import Key
from portal.domain.objects import HttpRoute, Kind


class _ParentRef(Part, frozen=True):
    name: str
    namespace: str | None = None
    kind: str = "Gateway"


class _Path(Part, frozen=True):
    value: str = "/"


class _Match(Part, frozen=True):
    path: _Path | None = None


class _Rule(Part, frozen=True):
    matches: tuple[_Match, ...] | None = None


class _RouteSpec(Part, frozen=True):
    hostnames: tuple[str, ...] | None = None
    parent_refs: tuple[_ParentRef, ...] | None = None
    rules: tuple[_Rule, ...] | None = None


class _RouteStatus(Part, frozen=True):
    parents: tuple[Conditions, ...] | None = None


class _HttpRoute(Part, frozen=True):
    """An HTTPRoute of the Gateway API."""

    metadata: Meta
    spec: _RouteSpec = _RouteSpec()
    status: _RouteStatus = _RouteStatus()


@from_json(_HttpRoute)
def decode(found: _HttpRoute) -> tuple[Key, HttpRoute]:
    """An HTTPRoute; it is accepted if a gateway accepts it and none rejects it."""
    spec = found.spec
    own = key(found.metadata)
    said = [
        condition
        for parent in found.status.parents or ()
        for condition in parent.conditions or ()
        if condition.type in {"Accepted", "ResolvedRefs"}
    ]
    refused = [each for each in said if each.status == "False"]
    taken = any(each.type == "Accepted" and each.status == "True" for each in said)
    return own, HttpRoute(
        key=own,
        release=release_of(found.metadata),
        hosts=spec.hostnames or (),
        gateways=tuple(
            Key(each.namespace or own.namespace, each.name)
            for each in spec.parent_refs or ()
            if each.kind == "Gateway"
        ),
        accepted=False if refused else True if taken else None,
        message="; ".join(each.message or each.reason for each in refused),
        management=management_of(found.metadata),
        path=only_path(
            (match.path or _Path()).value
            for rule in spec.rules or ()
            for match in rule.matches or (_Match(),)
        ),
    )


RESOURCE = Resource(Kind.HTTP_ROUTE, "HTTPRoutes", GATEWAY_API, "httproutes", decode, optional=True)
