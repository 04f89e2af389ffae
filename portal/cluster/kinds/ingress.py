"""Ingresses of networking.k8s.io/v1."""

from __future__ import annotations

from portal.cluster.api_types import LoadBalancerStatus, Meta, Part, from_json
from portal.cluster.decode import key, load_balancer_addresses, management_of, only_path, release_of
from portal.cluster.resource import Resource
from portal.domain.keys import Key
from portal.domain.objects import Ingress, Kind


class _Path(Part, frozen=True):
    path: str = ""


class _Http(Part, frozen=True):
    paths: tuple[_Path, ...] | None = None


class _Rule(Part, frozen=True):
    host: str = ""
    http: _Http | None = None


class _Tls(Part, frozen=True):
    hosts: tuple[str, ...] | None = None


class _IngressSpec(Part, frozen=True):
    ingress_class_name: str | None = None
    rules: tuple[_Rule, ...] | None = None
    tls: tuple[_Tls, ...] | None = None


class _Ingress(Part, frozen=True):
    """An Ingress of networking.k8s.io/v1."""

    metadata: Meta
    spec: _IngressSpec = _IngressSpec()
    status: LoadBalancerStatus = LoadBalancerStatus()


@from_json(_Ingress)
def decode(found: _Ingress) -> tuple[Key, Ingress]:
    """An Ingress of networking.k8s.io/v1."""
    spec = found.spec
    notes = found.metadata.annotations or {}
    own = key(found.metadata)
    return own, Ingress(
        key=own,
        release=release_of(found.metadata),
        class_name=spec.ingress_class_name or notes.get("kubernetes.io/ingress.class", ""),
        hosts=tuple(each.host for each in spec.rules or () if each.host),
        tls_hosts=tuple(host for each in spec.tls or () for host in each.hosts or ()),
        addresses=load_balancer_addresses(found.status),
        management=management_of(found.metadata),
        path=only_path(
            path.path
            for rule in spec.rules or ()
            for path in (rule.http and rule.http.paths) or (_Path(),)
        ),
    )


RESOURCE = Resource(
    Kind.INGRESS, "Ingresses", "/apis/networking.k8s.io/v1", "ingresses", decode, optional=True
)
