"""Launching charts of the catalogue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from portal.actions.charts import ChartOrder, order_problems, signed
from portal.catalog.chart import read_chart
from portal.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.operations import OperationPhase
from tests.unit.actions.test_actions import ANN, KEY, World
from tests.unit.catalog.make import CHARTS

WEB = read_chart(CHARTS / "web-server", "local")
ORDER = ChartOrder(KEY, WEB, {"replicaCount": 2})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()


def there(world: World, chart: str, revision: int = 1) -> None:
    world.helm.charts[KEY] = chart
    world.cluster.release(KEY, revision, {"replicaCount": 1}, chart=chart)


async def test_a_chart_is_installed_with_just_these_values(world: World) -> None:
    ended = await world.ended(await world.actions.launch_chart(ANN, ORDER, only_new=True))
    assert ended.phase is OperationPhase.SUCCEEDED, ended
    (call,) = [how for verb, _, how in world.helm.calls if verb == "upgrade"]
    assert call["chart"] == str(WEB.path)
    assert call["values"] == {"replicaCount": 2}
    assert world.helm.made_by[KEY]


async def test_a_release_of_the_same_chart_is_changed(world: World) -> None:
    there(world, "web-server")
    given = await world.actions.chart_values(ANN, KEY, "web-server")
    assert (given.values, given.revision) == ({"replicaCount": 1}, 1)
    ended = await world.ended(await world.actions.launch_chart(ANN, ORDER, since=1))
    assert (ended.phase, ended.revision) == (OperationPhase.SUCCEEDED, 2)
    there(world, "web-server", 2)
    with pytest.raises(Conflict, match="was changed"):
        await world.actions.launch_chart(ANN, ORDER, since=1)


@pytest.mark.parametrize("only_new", [True, False])
async def test_a_name_that_is_taken(world: World, only_new: bool) -> None:
    there(world, "web-server" if only_new else "postgresql")
    with pytest.raises(Conflict, match="exists already"):
        await world.actions.launch_chart(ANN, ORDER, only_new=only_new)
    if not only_new:
        with pytest.raises(Conflict, match="another chart"):
            await world.actions.chart_values(ANN, KEY, "web-server")
    assert "upgrade" not in world.asked


async def test_nothing_is_known_of_a_release_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFound):
        await world.actions.chart_values(ANN, KEY, "web-server")


async def test_the_policy_comes_first(world: World) -> None:
    with pytest.raises(Forbidden):
        await world.actions.launch_chart(ANN, replace(ORDER, key=Key("kube-system", "x")))


async def test_wrong_orders_are_refused_before_anything_began(world: World) -> None:
    wrong = ChartOrder(Key("apps", "--post-renderer"), WEB, {"replicaCount": "hunter2"})
    with pytest.raises(InvalidInput) as caught:
        await world.actions.launch_chart(ANN, wrong)
    assert set(caught.value.fields) == {"name", "values"}
    assert "hunter2" not in str(caught.value)
    assert world.helm.calls == []
    assert set(order_problems(replace(ORDER, key=Key("other", "x")), ("apps",))) == {"namespace"}
    assert order_problems(ORDER, (), ("docker.io/library/*",)) == {}
    assert "docker.io/library/web" in order_problems(ORDER, (), ("r.example/*",))["image"]


def test_who_launched_it_is_written_where_the_chart_has_a_place() -> None:
    assert signed(ORDER, "ann") == {"replicaCount": 2}
    chart = replace(WEB, defaults={**WEB.defaults, "commonAnnotations": {}})
    order = replace(ORDER, chart=chart)
    assert signed(order, "ann")["commonAnnotations"] == {LAUNCHED_BY: "ann"}
    assert "commonAnnotations" not in signed(order, "")
    first = replace(order, values={"commonAnnotations": {LAUNCHED_BY: "bob"}})
    assert signed(first, "ann") == first.values
