"""The demo's namespaces: Pod Security restricted, and for apps no tokens, a quota, a LimitRange."""

from __future__ import annotations

import json
from typing import Any

QUOTA = {
    "pods": "60",
    "requests.cpu": "4",
    "requests.memory": "8Gi",
    "limits.memory": "16Gi",
    "services.loadbalancers": "20",
    "persistentvolumeclaims": "10",
}
"""Quota of all apps together: more than the demo's two cores hold at once."""

LIMITS = {
    "type": "Container",
    "defaultRequest": {"cpu": "25m", "memory": "64Mi"},
    "default": {"memory": "256Mi"},
}
"""Defaults for containers without resources."""


def objects(*, portal: str, apps: str) -> str:
    """The Kubernetes objects, as JSON: the portal's namespace, and the one that apps go into."""
    named = {"name": "demo", "namespace": apps}
    items: list[dict[str, Any]] = [
        *(restricted(name) for name in (portal, apps)),
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": apps},
            "automountServiceAccountToken": False,
        },
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": named, "spec": {"hard": QUOTA}},
        {"apiVersion": "v1", "kind": "LimitRange", "metadata": named, "spec": {"limits": [LIMITS]}},
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def restricted(name: str) -> dict[str, Any]:
    """A namespace that admits only pods that Pod Security's level ``restricted`` does."""
    levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": levels}}
