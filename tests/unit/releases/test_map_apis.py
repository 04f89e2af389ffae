"""Helm's record of a release mapped to the APIs that the cluster serves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from portal.auth.policy import Policy
from portal.domain.errors import ClusterUnavailable, Conflict, Forbidden, RemovedApi
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import OperationPhase
from portal.domain.permissions import Permission
from portal.domain.release import DeleteHook, ReleaseRevision
from portal.releases.map_apis import MAP_APIS
from tests.unit.releases.test_actions import ANN, BOB, KEY, RULES, SPEC, World

OLD, NEW = "example.com/v1beta1", "example.com/v1"
MANIFEST = f"apiVersion: {OLD}\nkind: Widget\nmetadata: {{name: sales}}\n"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()


def recorded(world: World, status: ReleaseStatus = ReleaseStatus.DEPLOYED) -> ReleaseRevision:
    revision = ReleaseRevision(KEY, 1, status, chart="dash-app", manifest=MANIFEST)
    world.past.kept[KEY] = (revision,)
    world.apis.moved["example.com", "Widget"] = (NEW,)
    return revision


async def test_the_record_names_the_api_of_today(world: World) -> None:
    await world.launched()
    recorded(world)
    words = await world.actions.preview_plain(ANN, MAP_APIS.name, KEY)
    assert words[0] == f"Widget sales: {OLD} becomes {NEW}."
    ended = await world.ended(await world.actions.begin_plain(ANN, MAP_APIS.name, KEY))
    assert ended.phase is OperationPhase.SUCCEEDED
    assert ended.revision == 2
    assert world.records.mapped == [
        (1, {(OLD, "Widget"): NEW}, "Record mapped to the cluster's APIs by ann")
    ]
    left = await world.records.newest(KEY)
    assert left is not None
    assert left.operation == ended.id


async def test_what_no_api_takes_the_place_of_is_left_out(world: World) -> None:
    await world.launched()
    recorded(world)
    world.apis.moved["example.com", "Widget"] = ()
    words = await world.actions.preview_plain(ANN, MAP_APIS.name, KEY)
    assert "is left out" in words[0]


async def test_a_kind_that_has_moved_is_found_in_its_new_group(world: World) -> None:
    await world.launched()
    old = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: sales}\n"
    world.past.kept[KEY] = (replace(recorded(world), manifest=old),)
    world.apis.moved["extensions", "Ingress"] = ()
    (first, *_) = await world.actions.preview_plain(ANN, MAP_APIS.name, KEY)
    assert first == "Ingress sales: extensions/v1beta1 becomes networking.k8s.io/v1."


async def test_a_record_in_order_is_left_alone(world: World) -> None:
    await world.launched()
    recorded(world)
    world.apis.moved.clear()
    world.past.kept[KEY] = (replace(recorded(world), manifest=MANIFEST.replace(OLD, NEW)),)
    with pytest.raises(Conflict, match="serves every API"):
        await world.actions.preview_plain(ANN, MAP_APIS.name, KEY)
    ended = await world.ended(await world.actions.begin_plain(ANN, MAP_APIS.name, KEY))
    assert ended.phase is OperationPhase.FAILED
    assert world.records.mapped == []


async def test_an_api_server_that_does_not_answer_is_not_taken_for_one_without_the_kind(
    world: World,
) -> None:
    await world.launched()
    recorded(world)
    world.apis.errors = [ClusterUnavailable("no answer")]
    with pytest.raises(ClusterUnavailable):
        await world.actions.preview_plain(ANN, MAP_APIS.name, KEY)


async def test_an_upgrade_that_fails_at_it_offers_it(world: World) -> None:
    await world.launched()

    def offered() -> bool:
        state = world.store.snapshot.app(KEY)
        return MAP_APIS.name in world.actions.offered(state, world.clock.now)

    assert not offered()
    world.helm.errors = [RemovedApi("names Widget", "Update the record.")]
    ended = await world.ended(await world.actions.launch(ANN, replace(SPEC, tag="2")))
    assert (ended.phase, ended.cause) == (OperationPhase.FAILED, "RemovedApi")
    assert offered()
    recorded(world)
    await world.ended(await world.actions.begin_plain(ANN, MAP_APIS.name, KEY))
    assert not offered()


async def test_a_preview_that_fails_at_it_offers_it(world: World) -> None:
    await world.launched()
    recorded(world)
    world.helm.errors = [RemovedApi("names Widget", "Update the record.")]
    with pytest.raises(RemovedApi):
        await world.actions.previews.upgrade(ANN, replace(SPEC, tag="2"))
    state = world.store.snapshot.app(KEY)
    assert MAP_APIS.name in world.actions.offered(state, world.clock.now)


async def test_a_removal_maps_the_record_first(world: World) -> None:
    await world.launched()
    recorded(world)
    ended = await world.ended(await world.actions.uninstall(ANN, KEY))
    assert ended.phase is OperationPhase.SUCCEEDED
    titles = [each.title for each in ended.steps]
    assert titles.index("Update Helm's record") < titles.index("Run helm uninstall")


async def test_it_needs_a_permission_of_its_own() -> None:
    world = World(policy=Policy(RULES, open_mode=False))
    await world.launched()
    recorded(world)
    for ask in (world.actions.preview_plain, world.actions.begin_plain):
        with pytest.raises(Forbidden):
            await ask(BOB, MAP_APIS.name, KEY)
    assert world.actions.plain[MAP_APIS.name].permission is Permission.MAP_APIS
    await world.close()


async def test_a_failed_removal_can_be_repeated_without_hooks(world: World) -> None:
    name = "uninstall-without-hooks"
    await world.launched()
    values = world.cluster.shown[KEY][1]
    world.cluster.release(KEY, 1, values, status=ReleaseStatus.UNINSTALLING)
    state = world.store.snapshot.app(KEY)
    later = world.clock.now + timedelta(hours=1)
    assert name not in world.actions.offered(state, later), "it has no hooks"
    assert state.detail is not None
    hook = DeleteHook("Job", "sales-guard", "pre-delete", unfinished=True)
    world.store.put_detail(replace(state.detail, delete_hooks=(hook,)))
    state = world.store.snapshot.app(KEY)
    assert name in world.actions.offered(state, later)
    assert name not in world.actions.offered(state, world.clock.now), "somebody may be at work"
    words = await world.actions.preview_plain(ANN, name, KEY)
    assert "Job sales-guard (pre-delete)" in words[1]

    ended = await world.ended(await world.actions.begin_plain(ANN, name, KEY))
    assert ended.phase is OperationPhase.SUCCEEDED
    assert ("uninstall", KEY, {"hooks": False}) in world.helm.calls
    assert "Its hooks were not run." in ended.advice
