"""A change of roles is told of; so is that a change may have been missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from portal.cluster.api_types import Change
from portal.cluster.role_watch import RoleWatch, paths
from portal.domain.errors import ClusterUnavailable, Forbidden
from tests.unit.cluster.fake import FakeApi, added, bookmark, deleted, error, listing
from tests.waiting import until

BINDING = {"metadata": {"name": "ann", "namespace": "apps", "resourceVersion": "12"}}


class Each:
    """A fake for each collection, by its path; of others the watch is never open."""

    def __init__(self, **fakes: FakeApi) -> None:
        self.fakes = fakes
        self.other = FakeApi([])

    def _of(self, path: str) -> FakeApi:
        return self.fakes.get(path.rpartition("/")[2], self.other)

    async def read(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = ""
    ) -> bytes:
        assert "PartialObjectMetadata" in accept
        return await self._of(path).read(path, params, accept)

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str], accept: str = "", read_timeout: float = 0
    ) -> AsyncGenerator[AsyncIterator[Change]]:
        async with self._of(path).stream(path, params, accept, read_timeout) as events:
            yield events


@asynccontextmanager
async def watching(api: Any) -> AsyncGenerator[tuple[RoleWatch, list[int]]]:
    told: list[int] = []
    watch = RoleWatch(api, ["apps"], lambda: told.append(1), asked_after=(0.0,))
    task = asyncio.create_task(watch.run())
    try:
        yield watch, told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_what_is_watched_follows_the_namespaces() -> None:
    group = "/apis/rbac.authorization.k8s.io/v1"
    everywhere = (f"{group}/clusterrolebindings", f"{group}/clusterroles")
    assert paths([]) == (f"{group}/rolebindings", f"{group}/roles", *everywhere)
    assert paths(["a", "b"])[:4] == tuple(
        f"{group}/namespaces/{space}/{plural}"
        for space in "ab"
        for plural in ("rolebindings", "roles")
    )


async def test_a_change_is_told_of_and_a_bookmark_is_not() -> None:
    api = FakeApi([listing()], [[bookmark("11")], [deleted(BINDING)], [added(BINDING)]])
    async with watching(Each(rolebindings=api)) as (watch, told):
        await until(api.exhausted.is_set)
        await until(lambda: len(told) == 3)
        assert [each["resourceVersion"] for each in api.watched] == ["10", "11", "12", "12"]
        assert not watch.complete, "three other collections are not watched"


async def test_after_a_failure_a_change_may_have_been_missed() -> None:
    api = FakeApi(
        [listing(), ClusterUnavailable("gone"), listing(version="20")],
        [[error(410)], [bookmark("21")]],
    )
    async with watching(Each(rolebindings=api)) as (_, told):
        await until(api.exhausted.is_set)
        await until(lambda: len(told) == 2)
        assert api.watched[-1]["resourceVersion"] == "21"


async def test_it_is_complete_only_while_all_are_watched() -> None:
    quiet = {
        each: FakeApi([listing()], [[bookmark("11")]])
        for each in ("rolebindings", "roles", "clusterrolebindings", "clusterroles")
    }
    async with watching(Each(**quiet)) as (watch, _):
        await until(lambda: watch.complete)
    refused = {
        each: FakeApi([listing()], [[bookmark("11")]])
        for each in ("rolebindings", "roles", "clusterrolebindings")
    }
    refused["clusterroles"] = FakeApi([Forbidden("may not list clusterroles")])
    async with watching(Each(**refused)) as (watch, _):
        await until(lambda: all(each.asked for each in refused.values()))
        await until(lambda: all(each.watched for each in list(refused.values())[:3]))
        assert not watch.complete
