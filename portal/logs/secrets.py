"""The secrets of an app that are hidden in its logs, its objects and its processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from portal.domain.errors import PortalError
from portal.domain.keys import Key
from portal.domain.manifests import objects
from portal.domain.release import ReleaseRevision
from portal.domain.scrubber import Scrubber
from portal.threads import in_thread
from portal.viewmodels.manifest import secrets_of

MOST_APPS = 100
"""The most apps whose secrets are kept."""

EnvValues = Callable[[Key], Awaitable[Sequence[str]]]
Records = Callable[[Key], Awaitable[Sequence[ReleaseRevision] | None]]
Version = tuple[str, int]
"""The uid of the Secret of a release's newest record, and its revision: a release that is installed
again begins with the same revisions."""


class AppSecrets:
    """Scrubbers of apps' secrets, each made anew for each revision of its release.

    These are the secrets among its values, the data of the Secrets in its manifest, and those in
    the Secrets that the portal made for its variables: ``env_values``. ``records`` reads Helm's
    newest record and the deployed one, and ``version`` returns that of the newest as far as it is
    known, without waiting.
    """

    def __init__(
        self, version: Callable[[Key], Version], records: Records, env_values: EnvValues
    ) -> None:
        self._version = version
        self._records = records
        self._env_values = env_values
        self._known: dict[Key, tuple[Version, Scrubber]] = {}
        self._asking: dict[tuple[Key, Version], asyncio.Task[Scrubber]] = {}

    async def scrubber(self, key: Key) -> Scrubber:
        """Return what hides the secrets of a release; who asks meanwhile shares the answer.

        Raises:
            PortalError: they cannot be read, so that nothing may be shown.
        """
        version = self._version(key)
        known = self._known.get(key)
        if known is not None and known[0] == version:
            return known[1]
        task = self._asking.get((key, version))
        if task is None:
            task = asyncio.create_task(self._read(key, version))
            self._asking[key, version] = task
        return await asyncio.shield(task)

    async def _read(self, key: Key, version: Version) -> Scrubber:
        try:
            records = await self._records(key) or ()
            kept = await self._env_values(key)
            scrubber = await in_thread(_scrubber, records, kept)
        finally:
            del self._asking[key, version]
        self._known.pop(key, None)
        self._known[key] = version, scrubber
        while len(self._known) > MOST_APPS:
            del self._known[next(iter(self._known))]
        return scrubber


def _scrubber(records: Sequence[ReleaseRevision], kept: Sequence[str]) -> Scrubber:
    try:
        trees = [
            tree
            for each in {each.revision: each for each in records}.values()
            for tree in objects(each.whole, each.key.namespace).values()
        ]
        return Scrubber([*secrets_of([each.values for each in records], trees), *kept])
    except PortalError as error:
        raise PortalError(f"The secrets to hide in it are not known: {error}") from error
