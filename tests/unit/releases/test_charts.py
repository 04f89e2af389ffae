"""Launching charts of the catalogue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from unittest.mock import ANY

import pytest
from msgspec.structs import replace

from portal.catalog.chart import read_chart
from portal.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Hpa, Kind, ReleaseStatus
from portal.domain.operations import OperationPhase
from portal.domain.release import ReleaseRevision
from portal.releases.request import ReleaseRequest, chart_problems
from tests.unit.catalog.make import CHARTS, with_content
from tests.unit.releases.test_actions import ANN, KEY, RULES, World

WEB = read_chart(CHARTS / "web-server", "local")
ORDER = ReleaseRequest(KEY, WEB, {"replicaCount": 2})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()


def there(world: World, chart: str, revision: int = 1) -> None:
    world.helm.charts[KEY] = chart
    world.cluster.release(KEY, revision, {"replicaCount": 1}, chart=chart)


async def test_a_chart_is_installed_with_just_these_values(world: World) -> None:
    ended = await world.ended(await world.actions.launch(ANN, ORDER, create_only=True))
    assert ended.phase is OperationPhase.SUCCEEDED, ended
    (call,) = [how for verb, _, how in world.helm.calls if verb == "upgrade"]
    assert call["chart"] == str(WEB.path)
    assert call["values"] == {"replicaCount": 2}
    assert world.helm.made_by[KEY]


async def test_a_release_of_the_same_chart_is_changed(world: World) -> None:
    there(world, "web-server")
    given = await world.actions.chart_values(ANN, KEY, "web-server")
    assert (given.values, given.revision) == ({"replicaCount": 1}, 1)
    ended = await world.ended(await world.actions.launch(ANN, ORDER, expected_revision=1))
    assert (ended.phase, ended.revision) == (OperationPhase.SUCCEEDED, 2)
    there(world, "web-server", 2)
    with pytest.raises(Conflict, match="was changed"):
        await world.actions.launch(ANN, ORDER, expected_revision=1)


@pytest.mark.parametrize("create_only", [True, False])
async def test_a_name_that_is_taken(world: World, create_only: bool) -> None:
    there(world, "web-server" if create_only else "postgresql")
    with pytest.raises(Conflict, match="exists already"):
        await world.actions.launch(ANN, ORDER, create_only=create_only)
    if not create_only:
        with pytest.raises(Conflict, match="another chart"):
            await world.actions.chart_values(ANN, KEY, "web-server")
    assert "upgrade" not in world.asked


async def test_nothing_is_known_of_a_release_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFound):
        await world.actions.chart_values(ANN, KEY, "web-server")


async def test_the_policy_comes_first(world: World) -> None:
    with pytest.raises(Forbidden):
        await world.actions.launch(ANN, replace(ORDER, key=Key("kube-system", "x")))


async def test_wrong_orders_are_refused_before_anything_began(world: World) -> None:
    wrong = ReleaseRequest(Key("apps", "--post-renderer"), WEB, {"replicaCount": "hunter2"})
    with pytest.raises(InvalidInput) as caught:
        await world.actions.launch(ANN, wrong)
    assert set(caught.value.fields) == {"name", "values"}
    assert "hunter2" not in str(caught.value)
    assert world.helm.calls == []
    assert set(chart_problems(replace(ORDER, key=Key("other", "x")), RULES)) == {"namespace"}
    assert chart_problems(ORDER, NamespaceRules(), ("docker.io/library/*",)) == {}
    assert (
        "docker.io/library/web"
        in chart_problems(ORDER, NamespaceRules(), ("r.example/*",))["image"]
    )


def test_who_launched_it_is_written_where_the_chart_has_a_place() -> None:
    assert ORDER.new_values(None, "ann") == {"replicaCount": 2}
    chart = with_content(WEB, values={**WEB.content.values, "commonAnnotations": {}})
    order = replace(ORDER, chart=chart)
    assert order.new_values(None, "ann")["commonAnnotations"] == {LAUNCHED_BY: "ann"}
    assert "commonAnnotations" not in order.new_values(None, "")
    assert replace(ORDER, values={"commonAnnotations": {LAUNCHED_BY: "bob"}}).new_values(
        None, "ann"
    ) == {"commonAnnotations": {LAUNCHED_BY: "ann"}}, "what is typed does not count"
    first = replace(order, values={"commonAnnotations": {LAUNCHED_BY: "bob", "team": "a"}})
    assert first.new_values(None, "")["commonAnnotations"] == {"team": "a"}, "nobody is told apart"
    copied = first.new_values(None, "ann")
    assert copied["commonAnnotations"] == {LAUNCHED_BY: "ann", "team": "a"}


NUMBERED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: sales}
spec: {replicas: 2, selector: s}
"""
SCALED = (
    NUMBERED
    + """---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: sales}
spec: {scaleTargetRef: {kind: Deployment, name: sales}}
"""
)
LEFT = {"Deployment/sales"}


def autoscaler(world: World, release: str = "sales") -> None:
    key = KEY if release == KEY.name else Key("apps", "by-hand")
    hpa = Hpa(key, release, "Deployment", KEY.name, 2, 5, 4, 4, (), ())
    world.store.apply(Kind.HPA, key, hpa)


async def changed(world: World) -> tuple[list[str], dict[str, object]]:
    """The request for a change to ``ORDER``, and how Helm was called."""
    world.helm.calls.clear()
    ended = await world.ended(await world.actions.launch(ANN, ORDER))
    assert ended.phase is OperationPhase.SUCCEEDED, ended
    how = next(how for verb, _, how in world.helm.calls if verb == "upgrade")
    assert ended.revision is not None
    there(world, "web-server", ended.revision)
    return world.asked, how


async def test_what_a_chart_renders_tells_who_decides(world: World) -> None:
    there(world, "web-server")
    world.cluster.workload(KEY, 4, 4)
    world.helm.manifest = SCALED
    assert await changed(world) == (["hand over", "upgrade"], ANY)
    autoscaler(world)
    # Its chart renders a number all the same, so Helm may own it.
    asked, how = await changed(world)
    assert asked == ["hand over", "upgrade"]
    assert how["leave"] == LEFT
    autoscaler(world)
    world.helm.manifest = SCALED.replace("replicas: 2, ", "")
    asked, how = await changed(world)
    assert asked == ["upgrade"]
    assert how["leave"] == set()
    autoscaler(world)
    world.helm.manifest = NUMBERED
    asked, how = await changed(world)
    assert asked == ["take back", "upgrade", "take back"]
    assert how["leave"] == set()


async def test_an_autoscaler_from_elsewhere_decides_as_well(world: World) -> None:
    there(world, "web-server")
    world.cluster.workload(KEY, 4, 4)
    autoscaler(world, "")
    world.helm.manifest = NUMBERED
    asked, how = await changed(world)
    assert asked == ["hand over", "upgrade"]
    assert how["leave"] == LEFT


async def test_what_stands_still_wakes_up_with_the_number_of_its_chart(world: World) -> None:
    there(world, "web-server")
    world.cluster.workload(KEY, 0, 0)
    world.helm.manifest = SCALED
    asked, how = await changed(world)
    assert asked == ["upgrade"]
    assert how["leave"] == set()


async def test_a_preview_leaves_out_what_the_upgrade_does(world: World) -> None:
    there(world, "web-server")
    now = ReleaseRevision(KEY, 1, ReleaseStatus.DEPLOYED, chart="web-server", manifest=SCALED)
    world.past.kept[KEY] = (replace(now, revision=2), now)
    world.cluster.workload(KEY, 4, 4)
    world.helm.manifest = SCALED
    ahead = await world.actions.previews.upgrade(ANN, ORDER)
    back = await world.actions.previews.rollback(ANN, KEY, 1)
    assert ahead.new_manifest == back.new_manifest == SCALED.replace("replicas: 2, ", "")


async def test_no_way_back_to_a_number_that_an_autoscaler_decides_about(world: World) -> None:
    there(world, "web-server", 2)
    kept = ReleaseRevision(KEY, 1, ReleaseStatus.SUPERSEDED, chart="web-server", manifest=SCALED)
    world.past.kept[KEY] = (kept,)
    world.helm.past[KEY, 1] = {"replicaCount": 2}
    world.records.files = {"Chart.yaml": b"{}", "templates/old.yaml": b"{}"}
    world.cluster.workload(KEY, 4, 4)
    world.helm.manifest = SCALED

    ended = await world.ended(await world.actions.rollback(ANN, KEY, 1))

    assert (ended.phase, ended.revision) == (OperationPhase.SUCCEEDED, 3)
    assert world.asked == ["values", "hand over", "upgrade"]
    how = world.helm.calls[-1][2]
    assert how["leave"] == LEFT
    assert how["templates"] == ["old.yaml"], "the chart of that revision"
    assert how["values"] == {"replicaCount": 2}
    assert how["description"] == "Rolled back to revision 1 by ann"
    assert world.records.asked == [1]
