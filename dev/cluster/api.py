"""The few questions ``up`` and ``status`` ask the API server."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any

from dev.cluster import settings
from dev.cluster.paths import Layout


class Api:
    """Asks as the cluster's administrator; every answer may be None: not there (yet)."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._context: ssl.SSLContext | None = None

    def get(self, path: str) -> Any:
        """The decoded JSON at ``path``, None when it cannot be had."""
        text = self.text(path)
        try:
            return None if text is None else json.loads(text)
        except ValueError:
            return None

    def text(self, path: str) -> str | None:
        """The body at ``path``, None unless the answer is 200."""
        try:
            if self._context is None:
                pki = self._layout.pki
                context = ssl.create_default_context(cafile=pki / "ca.crt")
                context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
                self._context = context
            connection = http.client.HTTPSConnection(
                settings.NODE_IP, settings.API_PORT, timeout=5, context=self._context
            )
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read().decode()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return None
        return body if answer.status == 200 else None

    def ready(self) -> bool:
        """Return True if the API server is ready."""
        return self.text("/readyz") == "ok"

    def node_ready(self) -> bool:
        """Return True if the node is ready."""
        node = self.get(f"/api/v1/nodes/{settings.NODE_NAME}")
        conditions: list[Any] = node["status"].get("conditions", []) if node else []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def node_metrics(self) -> bool:
        """Return True if the metrics API has figures for the node."""
        found = self.get("/apis/metrics.k8s.io/v1beta1/nodes")
        return bool(found and found.get("items"))

    def address_of(self, namespace: str, service: str) -> str | None:
        """A LoadBalancer service's address."""
        found = self.get(f"/api/v1/namespaces/{namespace}/services/{service}")
        entries: list[Any] = (
            found["status"].get("loadBalancer", {}).get("ingress", []) if found else []
        )
        return entries[0].get("ip") if entries else None
