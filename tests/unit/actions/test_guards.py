"""What protects a release from being read, or changed, on a wrong understanding of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from portal.domain.errors import Conflict
from portal.domain.objects import ReleaseDetail
from tests.unit.actions.test_actions import ANN, KEY, Key, World

OTHER = Key("apps", "database")
SECRET = {"auth": {"password": "hunter2"}}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.actions.drain(5)


@pytest.mark.parametrize("decoded", [True, False])
async def test_values_of_another_chart_stay_where_they_are(world: World, decoded: bool) -> None:
    world.helm.charts[OTHER] = "postgresql"
    world.cluster.release(OTHER, 1, SECRET, chart="postgresql", decoded=decoded)
    assert await world.actions.known_values(ANN, OTHER) is None
    assert world.helm.calls == []
    with pytest.raises(Conflict, match="another chart"):
        await world.actions.values(ANN, OTHER)


async def test_known_values_are_those_of_the_snapshot(world: World) -> None:
    assert await world.actions.known_values(ANN, KEY) is None
    await world.launched()
    known = await world.actions.known_values(ANN, KEY)
    assert known is not None
    assert known["image"] == {"repository": "r/a", "tag": "1"}
    assert world.helm.calls == []

    world.store.put_detail(ReleaseDetail(KEY, 1, damaged="cut off"))
    assert await world.actions.known_values(ANN, KEY) is None
    elsewhere = Key("other", "sales")
    world.cluster.release(elsewhere, 1, SECRET)
    assert await world.actions.known_values(ANN, elsewhere) is None
