"""The kinds that the portal watches, and where the API has them."""

from __future__ import annotations

from portal.cluster import decode, decode_network, decode_pods
from portal.cluster.client import METADATA, METADATA_LIST
from portal.cluster.reflector import Resource
from portal.domain.objects import Kind

APPS = "/apis/apps/v1"
GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"

RESOURCES: tuple[Resource, ...] = (
    Resource(
        Kind.RELEASE,
        "/api/v1",
        "secrets",
        decode.release,
        selector="owner=helm,status!=superseded",
        list_accept=METADATA_LIST,
        watch_accept=METADATA,
    ),
    Resource(Kind.DEPLOYMENT, APPS, "deployments", decode.deployment),
    Resource(Kind.STATEFUL_SET, APPS, "statefulsets", decode.stateful_set),
    Resource(Kind.REPLICA_SET, APPS, "replicasets", decode.replica_set),
    Resource(Kind.POD, "/api/v1", "pods", decode_pods.pod),
    Resource(Kind.HPA, "/apis/autoscaling/v2", "horizontalpodautoscalers", decode.hpa),
    Resource(Kind.SERVICE, "/api/v1", "services", decode_network.service),
    Resource(
        Kind.INGRESS,
        "/apis/networking.k8s.io/v1",
        "ingresses",
        decode_network.ingress,
        optional=True,
    ),
    Resource(Kind.HTTP_ROUTE, GATEWAY_API, "httproutes", decode_network.http_route, optional=True),
    Resource(Kind.GATEWAY, GATEWAY_API, "gateways", decode_network.gateway, optional=True),
    # There may be more of them than of all else, and they only explain what the others show.
    Resource(Kind.EVENT, "/api/v1", "events", decode.event, last=True),
    Resource(Kind.QUOTA, "/api/v1", "resourcequotas", decode.quota),
    Resource(Kind.NODE, "/api/v1", "nodes", decode.node, namespaced=False),
)
