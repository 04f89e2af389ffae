"""Gateways of the Gateway API."""

from __future__ import annotations

from portal.cluster.api_types import Meta, Part, from_json
from portal.cluster.decode import key
from portal.cluster.resource import GATEWAY_API, Resource
from portal.domain.keys import Key
from portal.domain.objects import Gateway, Kind


class _Listener(Part, frozen=True):
    protocol: str
    port: int


class _GatewaySpec(Part, frozen=True):
    listeners: tuple[_Listener, ...] | None = None


class _GatewayAddress(Part, frozen=True):
    value: str


class _GatewayStatus(Part, frozen=True):
    addresses: tuple[_GatewayAddress, ...] | None = None


class _Gateway(Part, frozen=True):
    """A Gateway of the Gateway API."""

    metadata: Meta
    spec: _GatewaySpec = _GatewaySpec()
    status: _GatewayStatus = _GatewayStatus()


@from_json(_Gateway)
def decode(found: _Gateway) -> tuple[Key, Gateway]:
    """A Gateway with the addresses in its status, and protocols and ports of its listeners."""
    own = key(found.metadata)
    return own, Gateway(
        key=own,
        addresses=tuple(each.value for each in found.status.addresses or ()),
        protocols=tuple((each.protocol, each.port) for each in found.spec.listeners or ()),
    )


RESOURCE = Resource(Kind.GATEWAY, "Gateways", GATEWAY_API, "gateways", decode, optional=True)
