"""Asks Kubernetes what people may do, as these people (``authorization.k8s.io``)."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import JsonObject, part
from portal.domain.errors import ClusterUnavailable
from portal.domain.identity import Identity
from portal.domain.reviews import ResourceAttributes, ResourceRule, Rules

_GROUP = "/apis/authorization.k8s.io/v1"
_API_VERSION = "authorization.k8s.io/v1"


class _RulesStatus(Struct, rename="camel"):
    resource_rules: tuple[ResourceRule, ...] | None = None
    incomplete: bool = False


class SubjectReviews:
    """Reviews of the permissions of people; implements ``portal.domain.reviews.Reviews``.

    They are asked as the person, by impersonation, so that the answer is about exactly what the
    portal could do as that person: a person whom it may not impersonate may do nothing.
    """

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def rules(self, identity: Identity, namespace: str) -> Rules:
        """Return the rules for ``identity`` in a namespace (SelfSubjectRulesReview).

        Raises:
            PortalError: there is no answer, or the portal may not impersonate ``identity``.
        """
        status = await self._ask(identity, "SelfSubjectRulesReview", {"namespace": namespace})
        try:
            found = msgspec.convert(status, _RulesStatus)
        except msgspec.ValidationError as error:
            raise ClusterUnavailable(
                f"The Kubernetes API sent a review that cannot be read: {error}"
            ) from error
        return Rules(found.resource_rules or (), found.incomplete)

    async def allowed(
        self, identity: Identity, asked: ResourceAttributes, namespace: str, name: str = ""
    ) -> bool:
        """Return True if this is allowed (SelfSubjectAccessReview).

        In all namespaces if ``namespace`` is empty.
        """
        resource, _, subresource = asked.resource.partition("/")
        wanted: JsonObject = {
            "verb": asked.verb,
            "group": asked.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": namespace,
            "name": name,
        }
        status = await self._ask(
            identity, "SelfSubjectAccessReview", {"resourceAttributes": wanted}
        )
        return status.get("allowed") is True

    async def _ask(self, identity: Identity, kind: str, spec: JsonObject) -> JsonObject:
        client = self._client.acting_for(identity)
        body: JsonObject = {"apiVersion": _API_VERSION, "kind": kind, "spec": spec}
        answer = await client.post(f"{_GROUP}/{kind.lower()}s", body)
        return part(answer, "status")
