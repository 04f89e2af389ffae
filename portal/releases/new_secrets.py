"""New secret values of an app: a Secret of its own, made before Helm runs."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from portal.catalog.env_keys import with_secrets
from portal.domain.identity import Identity
from portal.releases.ports import EnvSecretStore
from portal.releases.request import ReleaseRequest

Values = Mapping[str, object]


class NewSecrets:
    """Keeps the secret values of a request where only the app's pods read them."""

    def __init__(self, store: EnvSecretStore | None) -> None:
        self._store = store

    def problems(self, request: ReleaseRequest) -> dict[str, str]:
        """Return why the values of a request cannot be kept, by field."""
        if request.secrets and self._store is None:
            return {"secrets": "This portal keeps no secret values. Use an existing Secret."}
        return {}

    @asynccontextmanager
    async def kept(
        self, identity: Identity, request: ReleaseRequest, values: Values
    ) -> AsyncGenerator[Values]:
        """Keep the secret values for the duration of the block, and after it while they are used.

        Yields ``values`` with variables from the new Secret. It is deleted after the block unless
        the release's Deployment uses it; earlier ones stay, for earlier revisions.
        """
        if not request.secrets or self._store is None:
            yield values
            return
        key = request.key
        name = f"{key.name}-env-{secrets.token_hex(3)}"
        content = {each.name: each.value for each in request.secrets}
        await self._store.create(key, name, content, identity=identity)
        try:
            yield with_secrets(values, name, content)
        finally:
            await self._store.settle(key, name, identity=identity)
