"""Asks Kubernetes who may do what: it is the authority."""

from __future__ import annotations

import time
from collections.abc import Callable

from portal.cluster.client import ClusterClient
from portal.cluster.raw import Raw, part
from portal.domain.errors import NotFound, PortalError
from portal.domain.identity import Identity


class Access:
    """Permissions by SubjectAccessReview. The seam where answers may be cached later."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def may(
        self,
        identity: Identity,
        verb: str,
        group: str,
        resource: str,
        namespace: str,
        name: str = "",
    ) -> bool:
        """Whether ``identity`` may do ``verb`` on a resource ("" as group is the core group).

        Raises:
            ClusterUnavailable: the API does not answer. Take that as no.
            Forbidden: the portal itself may not ask.
        """
        attributes: Raw = {
            "verb": verb,
            "group": group,
            "resource": resource,
            "namespace": namespace,
            "name": name,
        }
        review: Raw = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": identity.user,
                "groups": list(identity.groups),
                "resourceAttributes": attributes,
            },
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        answer = await self._client.post(path, review)
        status = part(answer, "status")
        return bool(status.get("allowed")) and not status.get("denied")


async def namespace_exists(client: ClusterClient, name: str) -> bool:
    """Whether there is such a namespace. Raises ``Forbidden`` where that may not be asked."""
    try:
        await client.get(f"/api/v1/namespaces/{name}")
    except NotFound:
        return False
    return True


class Namespaces:
    """Which namespaces there are: asked one by one, and remembered for ``memory`` seconds.

    A form asks while somebody types, and a portal limited to some namespaces may not list.
    """

    def __init__(
        self,
        client: ClusterClient,
        *,
        memory: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._memory = memory
        self._clock = clock
        self._known: dict[str, tuple[float, bool]] = {}

    async def missing(self, name: str) -> bool:
        """Whether there surely is no such namespace; False where that cannot be told."""
        now = self._clock()
        self._known = {key: each for key, each in self._known.items() if each[0] > now}
        if name not in self._known:
            try:
                missing = not await namespace_exists(self._client, name)
            except PortalError:
                return False
            self._known[name] = (now + self._memory, missing)
        return self._known[name][1]
