"""The provider in the demo's cluster: its users, its configuration, and its objects."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

NAME = "oidc-provider"
CLIENT_SECRET = "portal-oidc"
PORT = 8080

GROUPS = {"vera": "viewers", "dana": "data-science", "adam": "administrators"}
"""A viewer, a data scientist and an administrator, with the group of each."""


def configuration(issuer: str, portal: str, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the provider's configuration; passwords and secret are those of ``before``, if any."""
    known = {each["name"]: each["password"] for each in (before or {}).get("users", [])}
    client = (before or {}).get("client", {})
    portal = portal.rstrip("/")
    return {
        "issuer": issuer,
        "listen": f":{PORT}",
        "seconds": 300,
        "client": {
            "id": "dash-portal",
            "secret": client.get("secret") or secrets.token_urlsafe(32),
            "redirect_uris": [f"{portal}/auth/callback"],
            "signed_out_uris": [f"{portal}/auth/signed-out"],
            "back_channel": f"{portal}/auth/back-channel-logout",
        },
        "users": [
            {
                "name": name,
                "password": known.get(name) or secrets.token_hex(4),
                "email": f"{name}@example.com",
                "groups": [group],
            }
            for name, group in GROUPS.items()
        ],
    }


def values(configured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the portal's chart that make it sign people in here."""
    portal = configured["client"]["redirect_uris"][0].removesuffix("/auth/callback")
    return {
        "auth": {
            "mode": "oidc",
            "userClaim": "preferred_username",
            "adminGroups": [GROUPS["adam"]],
            "oidc": {
                "issuer": configured["issuer"],
                "clientId": configured["client"]["id"],
                "existingSecret": CLIENT_SECRET,
                "scopes": ["openid", "profile", "email", "offline_access"],
            },
        },
        "settings": {"publicUrl": portal},
    }


def service(name: str, namespace: str, port: int, release: str = "") -> str:
    """Return a Service, as JSON, that gets an address before there are pods.

    Helm takes over one of its ``release``.
    """
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if release:
        metadata["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
        metadata["annotations"] = {
            "meta.helm.sh/release-name": release,
            "meta.helm.sh/release-namespace": namespace,
        }
    ports = [{"name": "http", "port": port, "targetPort": "http"}]
    spec: dict[str, Any] = {"type": "LoadBalancer", "ports": ports}
    if not release:
        spec["selector"] = {"app.kubernetes.io/name": name}
    return json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})


def objects(configured: Mapping[str, Any], image: str, namespace: str) -> str:
    """Return the objects, as JSON: the provider, and the Secret of the portal's client."""
    labels = {"app.kubernetes.io/name": NAME}
    metadata = {"name": NAME, "namespace": namespace, "labels": labels}
    text = json.dumps(configured)
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "provider",
                "image": image,
                "command": ["/oidc-provider", "-config", "/etc/provider/provider.json"],
                "ports": [{"name": "http", "containerPort": PORT}],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "readinessProbe": {
                    "httpGet": {"path": "/ready", "port": "http"},
                    "periodSeconds": 1,
                },
                "resources": {"requests": {"cpu": "5m", "memory": "24Mi"}},
                "volumeMounts": [
                    {"name": "config", "mountPath": "/etc/provider", "readOnly": True}
                ],
            }
        ],
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "config", "secret": {"secretName": NAME}}],
    }
    mark = {"checksum/config": hashlib.sha256(text.encode()).hexdigest()}
    client = {"name": CLIENT_SECRET, "namespace": namespace, "labels": labels}
    items: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "stringData": {"provider.json": text},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": client,
            "stringData": {"client-secret": configured["client"]["secret"]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels, "annotations": mark}, "spec": pod},
            },
        },
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
