from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from portal.domain.errors import ChartError, Conflict, InvalidInput, NotFound, PortalError
from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import OperationPhase
from portal.domain.proposals import VolumeClaim
from portal.domain.release import ReleaseRevision
from portal.releases.previews import Previews
from tests.unit.releases.test_actions import ANN, KEY, SPEC, World

OLD = ReleaseRevision(
    KEY,
    1,
    ReleaseStatus.SUPERSEDED,
    chart="dash-app",
    values={"replicaCount": 1},
    manifest="kind: Old\n",
)
NOW = replace(
    OLD,
    revision=2,
    status=ReleaseStatus.DEPLOYED,
    values={"replicaCount": 2, "extra": {"kept": True}},
    manifest="kind: Now\n",
)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    world.past.kept[KEY] = (NOW, OLD)
    world.cluster.release(KEY, 2, NOW.values)
    world.cluster.workload(KEY, 7, 7)
    yield world
    await world.close()


@pytest.fixture
def previews(world: World) -> Previews:
    return world.actions.previews


async def test_a_preview_renders_what_the_upgrade_then_asks_for(world: World) -> None:
    proposal = await world.actions.previews.upgrade(ANN, SPEC, expected_revision=2)
    assert (proposal.since, proposal.compared, proposal.live) == (2, 2, {"sales": 7})
    assert proposal.manifest == "kind: Now\n"
    assert proposal.values == NOW.values
    assert proposal.new_values["extra"] == {"kept": True}
    await world.ended(await world.actions.launch(ANN, SPEC, expected_revision=2))
    rendered = next(how for verb, _, how in world.helm.calls if verb == "render")
    upgraded = next(how for verb, _, how in world.helm.calls if verb == "upgrade")
    assert rendered["values"] == upgraded["values"] == proposal.new_values


async def test_after_a_failure_it_compares_with_what_was_deployed(
    world: World, previews: Previews
) -> None:
    failed = replace(NOW, revision=3, status=ReleaseStatus.FAILED, manifest="kind: Half\n")
    world.past.kept[KEY] = (failed, NOW, OLD)
    proposal = await previews.upgrade(ANN, SPEC)
    assert (proposal.since, proposal.compared, proposal.manifest) == (3, 2, "kind: Now\n")


async def test_a_rollback_takes_what_helm_has_kept(world: World, previews: Previews) -> None:
    proposal = await previews.rollback(ANN, KEY, 1)
    assert (proposal.new_manifest, proposal.new_values) == (OLD.manifest, OLD.values)
    assert world.helm.calls == []
    with pytest.raises(NotFound):
        await previews.rollback(ANN, KEY, 9)


async def test_a_rollback_holds_to_what_its_preview_saw(world: World) -> None:
    world.helm.past[KEY, 1] = OLD.values
    with pytest.raises(Conflict, match="revision 2 now"):
        await world.actions.rollback(ANN, KEY, 1, expected_revision=1)
    assert "rollback" not in [verb for verb, _, _ in world.helm.calls]
    await world.ended(await world.actions.rollback(ANN, KEY, 1, expected_revision=2))


async def test_what_is_not_there_or_not_ours_or_older(world: World, previews: Previews) -> None:
    with pytest.raises(Conflict, match="revision 2 now, and this shows revision 1"):
        await previews.upgrade(ANN, SPEC, expected_revision=1)
    world.past.kept[KEY] = (replace(NOW, chart="nginx"),)
    with pytest.raises(Conflict, match="another chart"):
        await previews.upgrade(ANN, SPEC)
    world.past.kept[KEY] = (replace(NOW, status=ReleaseStatus.UNINSTALLED),)
    with pytest.raises(NotFound):
        await previews.upgrade(ANN, SPEC)
    world.past.kept[KEY] = (replace(NOW, damaged="cut off"),)
    with pytest.raises(PortalError, match="cut off"):
        await previews.newest(ANN, KEY)
    assert world.helm.calls == []


async def test_the_charts_complaints_belong_to_fields(world: World, previews: Previews) -> None:
    world.helm.errors.append(ChartError("no", "", "", {"autoscaling.maxReplicas": "too many"}))
    with pytest.raises(InvalidInput) as refused:
        await previews.upgrade(ANN, SPEC)
    assert refused.value.fields == {"bounds": "too many"}
    world.helm.errors.append(ChartError("no", "", "", {"unheard.of": "odd"}))
    with pytest.raises(ChartError):
        await previews.upgrade(ANN, SPEC)
    with pytest.raises(InvalidInput):
        await previews.upgrade(ANN, replace(SPEC, replicas=99))


async def test_the_past_and_what_a_removal_is_about(world: World, previews: Previews) -> None:
    assert await previews.history(ANN, KEY) == (NOW, OLD)
    assert await previews.newest(ANN, KEY) == NOW
    world.past.volume_claims = None
    removal = await previews.removal(ANN, KEY)
    assert (removal.manifest, removal.claims) == ("kind: Now\n", None)


async def test_what_an_uninstall_leaves_is_recorded_with_it(world: World) -> None:
    await world.launched()
    stateful = (
        "kind: StatefulSet\nmetadata: {name: db}\n"
        "spec: {volumeClaimTemplates: [{metadata: {name: data}}]}\n"
    )
    world.past.kept[KEY] = (ReleaseRevision(KEY, 1, ReleaseStatus.DEPLOYED, manifest=stateful),)
    claims = (VolumeClaim(Key("apps", "data-db-0"), ""), VolumeClaim(Key("apps", "other"), ""))
    world.past.volume_claims = claims

    ended = await world.ended(await world.actions.uninstall(ANN, KEY))

    assert ended.phase is OperationPhase.SUCCEEDED
    assert ended.advice.startswith("Volumes stay, with their data: data-db-0. ")
