"""Services."""

from __future__ import annotations

from msgspec import field

from portal.cluster.api_types import LoadBalancerStatus, Meta, Part, from_json
from portal.cluster.decode import key, load_balancer_addresses, management_of, release_of
from portal.cluster.resource import CORE, Resource
from portal.domain.keys import Key
from portal.domain.objects import Kind, Service, ServicePort


class _Port(Part, frozen=True):
    port: int
    name: str = ""
    node_port: int | None = None
    protocol: str = "TCP"
    target_port: int | str = ""


class _ServiceSpec(Part, frozen=True):
    type: str = "ClusterIP"
    cluster_ip: str = field(default="", name="clusterIP")
    ports: tuple[_Port, ...] | None = None
    selector: dict[str, str] | None = None


class _Service(Part, frozen=True):
    """A Service."""

    metadata: Meta
    spec: _ServiceSpec
    status: LoadBalancerStatus = LoadBalancerStatus()


@from_json(_Service)
def decode(found: _Service) -> tuple[Key, Service]:
    """A Service; ``cluster_ip`` is "None" for a headless one."""
    spec = found.spec
    own = key(found.metadata)
    return own, Service(
        key=own,
        release=release_of(found.metadata),
        type=spec.type,
        cluster_ip=spec.cluster_ip,
        ports=tuple(
            ServicePort(
                each.port,
                each.node_port,
                each.name,
                each.target_port if isinstance(each.target_port, str) else "",
            )
            for each in spec.ports or ()
            if each.protocol == "TCP"
        ),
        addresses=load_balancer_addresses(found.status),
        management=management_of(found.metadata),
        selector=spec.selector or {},
    )


RESOURCE = Resource(Kind.SERVICE, "Services", CORE, "services", decode)
