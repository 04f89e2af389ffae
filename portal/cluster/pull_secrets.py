"""Reads what a namespace's pods pull images with, when somebody asks about an image."""

from __future__ import annotations

import base64
import binascii

from portal.cluster.client import ClusterClient
from portal.cluster.json_object import items, part, text
from portal.domain.errors import NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.pull_secrets import DOCKER_CFG, DOCKER_CONFIG_JSON, PullSecret

_KEYS = {DOCKER_CONFIG_JSON: ".dockerconfigjson", DOCKER_CFG: ".dockercfg"}


class PullSecrets:
    """Secrets and ServiceAccounts, each got by its name. Nothing is kept."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    async def of_account(
        self, account: Key, *, identity: Identity | None = None
    ) -> tuple[str, ...]:
        """Return the names of the pull secrets that a ServiceAccount gives its pods.

        Raises:
            PortalError: it cannot be read.
        """
        path = f"/api/v1/namespaces/{account.namespace}/serviceaccounts/{account.name}"
        try:
            found = await self._client.acting_for(identity).get(path)
        except NotFound:
            return ()
        return tuple(text(each, "name") for each in items(found, "imagePullSecrets"))

    async def secret(self, key: Key, *, identity: Identity | None = None) -> PullSecret | None:
        """Return a Secret; None if there is none of that name.

        Raises:
            PortalError: it cannot be read.
        """
        try:
            path = f"/api/v1/namespaces/{key.namespace}/secrets/{key.name}"
            found = await self._client.acting_for(identity).get(path)
        except NotFound:
            return None
        kind = text(found, "type")
        packed = text(found, "data", _KEYS.get(kind, ""))
        try:
            config = base64.b64decode(packed, validate=True) if packed else None
        except binascii.Error:
            config = None
        return PullSecret(key.name, kind, config, part(found, "metadata", "labels"))
