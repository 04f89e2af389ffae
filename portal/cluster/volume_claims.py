"""Lists the volume claims of a namespace on demand."""

from __future__ import annotations

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import JsonObject, items, part, text
from portal.domain.errors import PortalError
from portal.domain.keys import HELM_RELEASE_NAME, Key
from portal.domain.proposals import VolumeClaim


async def volume_claims(client: ClusterClient, namespace: str) -> tuple[VolumeClaim, ...] | None:
    """The volume claims of a namespace; None where the portal may not list them."""
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    try:
        answer = await client.get(path, {"limit": "500"})
    except PortalError:
        return None
    return tuple(_claim(each) for each in items(answer, "items"))


def _claim(raw: JsonObject) -> VolumeClaim:
    meta = part(raw, "metadata")
    labels = part(meta, "labels")
    release = text(part(meta, "annotations"), HELM_RELEASE_NAME)
    return VolumeClaim(
        key=Key(text(meta, "namespace"), text(meta, "name")),
        release=release or text(labels, "app.kubernetes.io/instance"),
        size=text(raw, "status", "capacity", "storage")
        or text(raw, "spec", "resources", "requests", "storage"),
        owned=bool(items(meta, "ownerReferences")),
        modes=tuple(str(each) for each in part(raw, "spec").get("accessModes") or ()),
        phase=text(raw, "status", "phase"),
    )
