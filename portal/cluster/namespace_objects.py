"""Lists the objects of a namespace that may outlive a release, on demand, as metadata."""

from __future__ import annotations

from collections.abc import Iterator

from portal.cluster.client import METADATA_LIST, ClusterClient
from portal.cluster.json_object import JsonObject, items, part, text
from portal.domain.errors import PortalError
from portal.domain.keys import HELM_RELEASE_NAME
from portal.domain.proposals import NamespaceObject, NamespaceObjects

_KINDS = (
    ("Secret", "/api/v1", "secrets", "owner!=helm"),
    ("ConfigMap", "/api/v1", "configmaps", "owner!=helm"),
    ("Job", "/apis/batch/v1", "jobs", ""),
    ("Pod", "/api/v1", "pods", ""),
)
"""Kind, path, plural and label selector of what is listed."""

PAGE = 250
"""Objects in a page: they are decoded on the event loop."""
PAGES = 8
"""The most pages of a kind; what is beyond is told as unlisted."""

_INSTANCE = "app.kubernetes.io/instance"
_CERTIFICATE = "cert-manager.io/certificate-name"
_SERVICE_ACCOUNT = "kubernetes.io/service-account.name"


async def namespace_objects(client: ClusterClient, namespace: str) -> NamespaceObjects:
    """The Secrets, ConfigMaps, Jobs and pods of a namespace."""
    found: list[NamespaceObject] = []
    unlisted: list[str] = []
    for kind, group, plural, selector in _KINDS:
        path = f"{group}/namespaces/{namespace}/{plural}"
        params = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        more = ""
        for _ in range(PAGES):
            try:
                answer = await client.get(
                    path, params | ({"continue": more} if more else {}), METADATA_LIST
                )
            except PortalError:
                more = kind
                break
            found += _objects(kind, answer)
            more = text(answer, "metadata", "continue")
            if not more:
                break
        if more:
            unlisted.append(kind)
    return NamespaceObjects(tuple(found), tuple(unlisted))


def _objects(kind: str, answer: JsonObject) -> Iterator[NamespaceObject]:
    for each in items(answer, "items"):
        meta = part(each, "metadata")
        if meta.get("deletionTimestamp"):
            continue
        labels, annotations = part(meta, "labels"), part(meta, "annotations")
        yield NamespaceObject(
            kind=kind,
            name=text(meta, "name"),
            owner=_owner(meta, annotations),
            release=text(annotations, HELM_RELEASE_NAME) or text(labels, _INSTANCE),
            labels=frozenset(map(str, labels.values())),
            maker=_maker(annotations),
        )


def _owner(meta: JsonObject, annotations: JsonObject) -> str:
    owners = items(meta, "ownerReferences")
    owner = next((each for each in owners if each.get("controller")), owners[0] if owners else None)
    if owner is not None:
        return f"{text(owner, 'kind')} {text(owner, 'name')}"
    # Kubernetes deletes the token of a ServiceAccount with it.
    account = text(annotations, _SERVICE_ACCOUNT)
    return f"ServiceAccount {account}" if account else ""


def _maker(annotations: JsonObject) -> str:
    certificate = text(annotations, _CERTIFICATE)
    return f"cert-manager for the Certificate {certificate}" if certificate else ""
