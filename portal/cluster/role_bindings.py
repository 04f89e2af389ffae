"""Reads and writes RoleBindings, as the person who asks for it."""

from __future__ import annotations

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import JsonObject, items, part, text
from portal.domain.errors import NotFound
from portal.domain.identity import Identity
from portal.domain.role_bindings import RoleBinding, Subject

GROUP = "rbac.authorization.k8s.io"
MADE_BY = "dash-portal.io/granted"
"""Label of the RoleBindings that the portal has made."""
MOST = 500


class KubernetesRoleBindings:
    """RoleBindings by the Kubernetes API."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def listed(self, namespace: str, *, identity: Identity) -> list[RoleBinding]:
        """Return those of a namespace, ``MOST`` at most; see ``RoleBindings.listed``."""
        client = self._client.acting_for(identity)
        answer = await client.get(_path(namespace), {"limit": str(MOST)})
        return [_binding(each) for each in items(answer, "items")]

    async def bind(self, namespace: str, binding: RoleBinding, *, identity: Identity) -> None:
        """Make a binding; see ``RoleBindings.bind``."""
        body: JsonObject = {
            "apiVersion": f"{GROUP}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": binding.name, "labels": {MADE_BY: "true"}},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": binding.role},
            "subjects": [
                {"apiGroup": GROUP, "kind": each.kind.capitalize(), "name": each.name}
                for each in binding.subjects
            ],
        }
        await self._client.acting_for(identity).post(_path(namespace), body)

    async def unbind(self, namespace: str, name: str, *, identity: Identity) -> None:
        """Delete one that the portal has made; see ``RoleBindings.unbind``."""
        client, path = self._client.acting_for(identity), f"{_path(namespace)}/{name}"
        found = await client.get(path)
        if not _binding(found).made:
            raise NotFound(f"The portal has not made the RoleBinding {name}.")
        await client.delete(
            path,
            {
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "preconditions": {"uid": text(found, "metadata", "uid")},
            },
        )


def _path(namespace: str) -> str:
    return f"/apis/{GROUP}/v1/namespaces/{namespace}/rolebindings"


def _binding(found: JsonObject) -> RoleBinding:
    return RoleBinding(
        text(found, "metadata", "name"),
        text(found, "roleRef", "name"),
        tuple(_subject(each) for each in items(found, "subjects")),
        made=part(found, "metadata", "labels").get(MADE_BY) == "true",
    )


def _subject(found: JsonObject) -> Subject:
    kind, name = text(found, "kind").lower(), text(found, "name")
    namespace = text(found, "namespace")
    return Subject(kind, f"{namespace}/{name}" if namespace else name)
