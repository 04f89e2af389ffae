from __future__ import annotations

import asyncio

import pytest

from portal.domain.errors import ClusterUnavailable, PortalError
from portal.domain.keys import Key
from portal.domain.release import ReleaseRevision
from portal.logs.secrets import AppSecrets
from tests.waiting import until

KEY = Key("apps", "web")
MANIFEST = """
apiVersion: v1
kind: Secret
metadata: {name: web}
stringData: {licence: kept-in-manifest}
"""


def revision(number: int, manifest: str = MANIFEST, **values: object) -> ReleaseRevision:
    return ReleaseRevision(key=KEY, revision=number, values=values, manifest=manifest)


class Site:
    def __init__(self) -> None:
        self.number = 1
        self.uid = "first"
        self.pause = asyncio.Event()
        self.pause.set()
        self.reads = 0
        self.records: tuple[ReleaseRevision, ...] = (
            revision(1, dbPassword="new-password"),
            revision(0, dbPassword="old-one-1"),
        )
        self.error: PortalError | None = None
        self.secrets = AppSecrets(lambda _: (self.uid, self.number), self.read, self.env)

    async def read(self, key: Key) -> tuple[ReleaseRevision, ...]:
        self.reads += 1
        records = self.records
        await self.pause.wait()
        if self.error is not None:
            raise self.error
        return records

    async def env(self, key: Key) -> tuple[str, ...]:
        return ("of-a-variable",)


async def test_values_manifest_and_variables_of_both_revisions_are_hidden() -> None:
    scrubber = await Site().secrets.scrubber(KEY)
    shown = scrubber.text("new-password old-one-1 kept-in-manifest of-a-variable fine")
    assert shown == "(hidden) (hidden) (hidden) (hidden) fine"


async def test_they_are_read_once_for_each_revision() -> None:
    site = Site()
    await asyncio.gather(*(site.secrets.scrubber(KEY) for _ in range(20)))
    assert site.reads == 1
    site.number = 2
    site.records = (revision(2, dbPassword="even-newer"),)
    assert (await site.secrets.scrubber(KEY)).text("even-newer") == "(hidden)"
    assert site.reads == 2


async def test_without_them_there_is_an_error_and_the_next_one_asks_again() -> None:
    site = Site()
    site.error = ClusterUnavailable("away")
    with pytest.raises(ClusterUnavailable):
        await site.secrets.scrubber(KEY)
    site.error = None
    assert (await site.secrets.scrubber(KEY)).text("new-password") == "(hidden)"


async def test_a_manifest_that_cannot_be_read_lets_nothing_be_shown() -> None:
    site = Site()
    site.records = (revision(1, manifest="a: [1\n---\n{"),)
    with pytest.raises(PortalError, match="secrets to hide"):
        await site.secrets.scrubber(KEY)


async def test_a_release_that_is_installed_again_has_its_own() -> None:
    site = Site()
    await site.secrets.scrubber(KEY)
    site.uid, site.records = "second", (revision(1, dbPassword="of-the-second"),)
    assert (await site.secrets.scrubber(KEY)).text("of-the-second") == "(hidden)"


async def test_a_question_about_another_release_is_not_shared() -> None:
    site = Site()
    site.pause.clear()
    first = asyncio.create_task(site.secrets.scrubber(KEY))
    await until(lambda: site.reads == 1)
    site.uid, site.records = "second", (revision(1, dbPassword="of-the-second"),)
    second = asyncio.create_task(site.secrets.scrubber(KEY))
    await asyncio.sleep(0)
    site.pause.set()
    await first
    assert (await second).text("of-the-second") == "(hidden)"
