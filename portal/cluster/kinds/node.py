"""Nodes, with their allocatable resources."""

from __future__ import annotations

from portal.cluster.api_types import Conditions, Meta, Part, from_json
from portal.cluster.decode import key, quantity
from portal.cluster.resource import CORE, Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind, Node


class _NodeSpec(Part, frozen=True):
    unschedulable: bool = False


class _NodeAddress(Part, frozen=True):
    type: str
    address: str


class _NodeInfo(Part, frozen=True):
    operating_system: str = ""
    architecture: str = ""


class _NodeStatus(Conditions, frozen=True):
    allocatable: dict[str, str] | None = None
    addresses: tuple[_NodeAddress, ...] | None = None
    node_info: _NodeInfo | None = None


class _Node(Part, frozen=True):
    """A Node."""

    metadata: Meta
    spec: _NodeSpec = _NodeSpec()
    status: _NodeStatus = _NodeStatus()


@from_json(_Node)
def decode(found: _Node) -> tuple[Key, Node]:
    """A Node; CPU and memory are allocatable."""
    status = found.status
    room = status.allocatable or {}
    info = status.node_info or _NodeInfo()
    own = key(found.metadata)
    return own, Node(
        name=own.name,
        ready=any(
            each.type == "Ready" and each.status == "True" for each in status.conditions or ()
        ),
        unschedulable=found.spec.unschedulable,
        internal_ip=next(
            (each.address for each in status.addresses or () if each.type == "InternalIP"), ""
        ),
        cpu=quantity(room.get("cpu", "")),
        memory=quantity(room.get("memory", "")),
        os=info.operating_system,
        architecture=info.architecture,
    )


RESOURCE = Resource(Kind.NODE, "Nodes", CORE, "nodes", decode, namespaced=False)
