"""Objects of a fresh cluster: services for the processes beside it, and their RBAC."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from dev.cluster import settings

Manifest = dict[str, Any]
SYSTEM = "kube-system"
_RBAC = "rbac.authorization.k8s.io"
_LABELS = {"app.kubernetes.io/part-of": "dash-portal-cluster"}


def manifests(authority: bytes) -> list[Manifest]:
    """Everything except Gateway API, whose types have to exist first.

    ``authority`` is the certificate of the cluster's own authority, in PEM.
    """
    return [*_dns(), *_metrics(authority), *_traefik(), *_loadbalancer(), *_policies()]


def gateway() -> list[Manifest]:
    """The gateway class and one gateway that takes routes of every namespace."""
    group = "gateway.networking.k8s.io"
    listener = {
        "name": "web",
        "protocol": "HTTP",
        # Routes are reached at this port; Traefik wants an entry point of the same number.
        "port": settings.TRAEFIK_HTTP_PORT,
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    return [
        _object(
            f"{group}/v1",
            "GatewayClass",
            "traefik",
            None,
            spec={"controllerName": "traefik.io/gateway-controller"},
        ),
        _object(
            f"{group}/v1",
            "Gateway",
            "traefik",
            SYSTEM,
            spec={"gatewayClassName": "traefik", "listeners": [listener]},
        ),
    ]


def gateway_types(directory: Path) -> list[Manifest]:
    """Gateway API's standard types, from its published module."""
    out: list[Manifest] = []
    for path in sorted((directory / "config/crd/standard").glob("*.yaml")):
        out += [doc for doc in yaml.safe_load_all(path.read_text()) if doc]
    return [doc for doc in out if doc.get("kind") == "CustomResourceDefinition"]


def _object(api: str, kind: str, name: str, namespace: str | None, **rest: Any) -> Manifest:
    metadata: dict[str, Any] = {"name": name, "labels": dict(_LABELS)}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def _rule(groups: list[str], resources: list[str], verbs: str) -> dict[str, Any]:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs.split()}


def _rights(user: str, rules: list[dict[str, Any]]) -> list[Manifest]:
    """A cluster role of its own for one process's user."""
    name = f"dash-portal:{user}"
    return [
        _object(f"{_RBAC}/v1", "ClusterRole", name, None, rules=rules),
        _binding("ClusterRoleBinding", name, None, user, "ClusterRole", name),
    ]


def _binding(
    kind: str, name: str, namespace: str | None, user: str, role_kind: str, role: str
) -> Manifest:
    subject = {"kind": "User", "name": f"dash-portal:{user}", "apiGroup": _RBAC}
    reference = {"apiGroup": _RBAC, "kind": role_kind, "name": role}
    return _object(f"{_RBAC}/v1", kind, name, namespace, subjects=[subject], roleRef=reference)


def _service_of_process(
    name: str, ports: list[tuple[str, int, int, str]], **spec: Any
) -> list[Manifest]:
    """A Service whose only endpoint is a process on this node: (name, port, target, protocol)."""
    service_ports = [
        {"name": label, "port": port, "targetPort": target, "protocol": protocol}
        for label, port, target, protocol in ports
    ]
    endpoint_ports = [
        {"name": label, "port": target, "protocol": protocol}
        for label, _port, target, protocol in ports
    ]
    service = _object("v1", "Service", name, SYSTEM, spec={"ports": service_ports, **spec})
    endpoints = _object(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        f"{name}-node",
        SYSTEM,
        addressType="IPv4",
        ports=endpoint_ports,
        endpoints=[{"addresses": [settings.NODE_IP], "conditions": {"ready": True}}],
    )
    endpoints["metadata"]["labels"] |= {
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "dash-portal-cluster",
    }
    return [service, endpoints]


def _dns() -> list[Manifest]:
    port = settings.DNS_PORT
    ports = [("dns", 53, port, "UDP"), ("dns-tcp", 53, port, "TCP")]
    rules = [
        _rule([""], ["services", "namespaces", "pods", "nodes"], "get list watch"),
        _rule(["discovery.k8s.io"], ["endpointslices"], "list watch"),
    ]
    return [
        *_service_of_process("kube-dns", ports, clusterIP=settings.DNS_SERVICE_IP),
        *_rights("coredns", rules),
    ]


def _metrics(authority: bytes) -> list[Manifest]:
    name = "metrics-server"
    rules = [
        _rule([""], ["nodes/metrics"], "get"),
        _rule([""], ["pods", "nodes", "namespaces", "configmaps"], "get list watch"),
    ]
    reader = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    metrics_reader = _object(
        f"{_RBAC}/v1",
        "ClusterRole",
        "dash-portal:metrics-reader",
        None,
        rules=[_rule(["metrics.k8s.io"], ["pods", "nodes"], "get list watch")],
    )
    # As the real one does: whoever may view a namespace may see what its pods use.
    metrics_reader["metadata"]["labels"] |= reader | {
        "rbac.authorization.k8s.io/aggregate-to-edit": "true",
        "rbac.authorization.k8s.io/aggregate-to-admin": "true",
    }
    api = _object(
        "apiregistration.k8s.io/v1",
        "APIService",
        "v1beta1.metrics.k8s.io",
        None,
        spec={
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": base64.b64encode(authority).decode(),
            "service": {"name": name, "namespace": SYSTEM, "port": 443},
        },
    )
    return [
        *_service_of_process(
            name,
            [("https", 443, settings.METRICS_PORT, "TCP")],
            clusterIP=settings.METRICS_SERVICE_IP,
        ),
        *_rights(name, rules),
        metrics_reader,
        _binding(
            "ClusterRoleBinding",
            f"dash-portal:{name}:auth-delegator",
            None,
            name,
            "ClusterRole",
            "system:auth-delegator",
        ),
        _binding(
            "RoleBinding",
            f"dash-portal:{name}:auth-reader",
            SYSTEM,
            name,
            "Role",
            "extension-apiserver-authentication-reader",
        ),
        api,
    ]


def _traefik() -> list[Manifest]:
    ports = [
        ("web", 80, settings.TRAEFIK_HTTP_PORT, "TCP"),
        ("websecure", 443, settings.TRAEFIK_HTTPS_PORT, "TCP"),
    ]
    gateway_group = "gateway.networking.k8s.io"
    routes = ["gatewayclasses", "gateways", "httproutes", "grpcroutes", "referencegrants"]
    routes += ["backendtlspolicies", "tlsroutes", "tcproutes", "listenersets"]
    rules = [
        _rule([""], ["services", "secrets", "nodes", "namespaces", "configmaps"], "get list watch"),
        _rule(["discovery.k8s.io"], ["endpointslices"], "list watch"),
        _rule(["networking.k8s.io"], ["ingresses", "ingressclasses"], "get list watch"),
        _rule(["networking.k8s.io"], ["ingresses/status"], "update"),
        _rule([gateway_group], routes, "get list watch"),
        _rule([gateway_group], [f"{route}/status" for route in routes], "update patch"),
        _rule(["apiextensions.k8s.io"], ["customresourcedefinitions"], "get list watch"),
    ]
    ingress_class = _object(
        "networking.k8s.io/v1",
        "IngressClass",
        "traefik",
        None,
        spec={"controller": "traefik.io/ingress-controller"},
    )
    return [
        *_service_of_process("traefik", ports, type="LoadBalancer"),
        *_rights("traefik", rules),
        ingress_class,
    ]


def _loadbalancer() -> list[Manifest]:
    rules = [
        _rule([""], ["services"], "get list watch"),
        _rule([""], ["services/status"], "patch update"),
    ]
    return _rights("loadbalancer", rules)


def _policies() -> list[Manifest]:
    rules = [
        _rule([""], ["namespaces", "pods"], "get list watch"),
        _rule(["networking.k8s.io"], ["networkpolicies"], "get list watch"),
    ]
    return _rights("network-policies", rules)
