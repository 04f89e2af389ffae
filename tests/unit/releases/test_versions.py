"""Moving a release to another version of its chart, with the values that it has."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from portal.catalog.chart import Chart, read_chart
from portal.domain.charts import BUILT_IN, fingerprint
from portal.domain.errors import ClusterUnavailable, Conflict, Forbidden, InvalidInput, NotFound
from portal.domain.keys import ORIGIN_LABEL, Key
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import Operation, OperationPhase
from portal.domain.release import ReleaseRevision
from portal.releases.previews import Previews
from portal.releases.upgrade import UPGRADE
from portal.viewmodels.preview import preview_view
from tests.unit.catalog.make import CHARTS, with_content
from tests.unit.releases.fakes import until
from tests.unit.releases.test_actions import ANN, KEY, SPEC, World

VALUES = {"replicaCount": 2, "image": {"repository": "r/a", "tag": "1.0"}}
ROOT = Path(__file__).parents[3]


def web(version: str) -> Chart:
    chart = read_chart(CHARTS / "web-server", "team")
    return replace(chart, version=replace(chart.version, version=version, fingerprint="f" * 12))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    there(world, "web-server")
    yield world
    await world.close()


def there(world: World, chart: str) -> None:
    """A release of a chart, at version 1.2.0."""
    world.cluster.release(KEY, 3, VALUES, chart=chart)
    world.store.put_detail(
        ReleaseRevision(KEY, 3, chart=chart, chart_version="1.2.0", values=VALUES)
    )
    world.past.kept[KEY] = (
        ReleaseRevision(
            KEY, 3, ReleaseStatus.DEPLOYED, chart=chart, chart_version="1.2.0", values=VALUES
        ),
    )


async def moved(world: World, chart: Chart, since: int = 3) -> Operation:
    return await world.ended(
        await world.actions.change_version(ANN, KEY, chart, expected_revision=since)
    )


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("1.4.0", "Upgraded to chart 1.4.0 by ann"),
        ("1.1.0", "Downgraded to chart 1.1.0 by ann"),
    ],
)
async def test_the_values_stay_and_the_chart_changes(
    world: World, version: str, words: str
) -> None:
    chart = web(version)
    operation = await moved(world, chart)
    assert (operation.phase, operation.verb) == (OperationPhase.SUCCEEDED, UPGRADE)
    (how,) = [how for verb, _, how in world.helm.calls if verb == "upgrade"]
    assert how["values"] == VALUES
    assert how["chart"] == str(chart.path)
    assert how["description"] == words
    labels = how["labels"]
    assert isinstance(labels, dict)
    assert labels[ORIGIN_LABEL] == f"team.{'f' * 12}"


async def test_the_preview_renders_what_is_then_done(world: World) -> None:
    previews: Previews = world.actions.previews
    proposal = await previews.version(ANN, KEY, web("1.4.0"), expected_revision=3)
    assert (proposal.since, proposal.values, proposal.new_values) == (3, VALUES, VALUES)
    await moved(world, web("1.4.0"), proposal.since)
    rendered, upgraded = (how for verb, _, how in world.helm.calls if verb != "hand over")
    assert (rendered["values"], str(rendered["chart"])) == (upgraded["values"], upgraded["chart"])


async def test_the_built_in_chart_is_taken_too_and_its_pods_are_waited_for(world: World) -> None:
    there(world, "dash-app")
    world.cluster.workload(KEY, 2, 2)
    newer = read_chart(ROOT / "charts" / "dash-app", BUILT_IN)
    world.cluster.rolls_out = False
    operation = await world.actions.change_version(ANN, KEY, newer, expected_revision=3)
    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)
    world.cluster.workload(KEY, 2, 2, "r/a:1.0")
    ended = await world.ended(operation)
    assert ended.phase is OperationPhase.SUCCEEDED
    (how,) = [how for verb, _, how in world.helm.calls if verb == "upgrade"]
    assert how["values"] == VALUES


async def test_values_that_the_version_does_not_take_are_refused_before_anything(
    world: World,
) -> None:
    chart = web("1.4.0")
    strict = with_content(chart, schema={"properties": {"replicaCount": {"type": "string"}}})
    with pytest.raises(InvalidInput, match="replicaCount"):
        await world.actions.previews.version(ANN, KEY, strict)
    with pytest.raises(InvalidInput, match="replicaCount"):
        await world.actions.change_version(ANN, KEY, strict, expected_revision=3)
    assert world.helm.calls == []


async def test_it_is_refused_where_any_change_is(world: World) -> None:
    with pytest.raises(Conflict, match="was changed"):
        await world.actions.change_version(ANN, KEY, web("1.4.0"), expected_revision=2)
    with pytest.raises(Conflict, match="was changed"):
        await world.actions.previews.version(ANN, KEY, web("1.4.0"), expected_revision=2)
    with pytest.raises(Conflict, match="another chart"):
        await world.actions.change_version(
            ANN, KEY, with_content(web("1.4.0"), name="other"), expected_revision=3
        )
    for elsewhere, error in ((Key("kube-system", "x"), Forbidden), (Key("apps", "no"), NotFound)):
        with pytest.raises(error):
            await world.actions.change_version(ANN, elsewhere, web("1.4.0"), expected_revision=3)
    assert world.helm.calls == []


async def test_where_a_chart_came_from_is_noted_when_it_is_taken_and_then_left(
    tmp_path: Path,
) -> None:
    about = "apiVersion: v2\nname: dash-app\nversion: 0.2.0\n"
    (tmp_path / "Chart.yaml").write_text(about)
    world = World(chart_path=tmp_path)
    world.records.files = {"Chart.yaml": b"{}"}
    await world.ended(await world.actions.launch(ANN, SPEC))
    noted = fingerprint({"name": "dash-app", "version": "0.2.0"})
    assert origins(world) == [f"built-in.{noted}"]
    world.store.put_detail(
        ReleaseRevision(KEY, 1, chart="dash-app", chart_version="0.1.0", values=VALUES)
    )
    await world.ended(await world.actions.launch(ANN, SPEC))  # with the chart it was made with
    assert origins(world) == [f"built-in.{noted}", None]
    await world.close()


def origins(world: World) -> list[object]:
    found = [how["labels"] for verb, _, how in world.helm.calls if verb == "upgrade"]
    return [each.get(ORIGIN_LABEL) for each in found if isinstance(each, dict)]


CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget}
  versions: [{name: v1, served: true, storage: true}]
"""


@pytest.mark.parametrize(
    ("recorded", "served", "found"),
    [
        (CRD, ("example.com/v1",), ()),
        (CRD.replace("storage: true", "storage: false"), ("example.com/v1",), (False,)),
        (CRD, ("example.com/v1beta1",), (False,)),  # what the one before brought was not applied
        ("", ("example.com/v1",), ()),
        ("", (), (True,)),
    ],
)
async def test_definitions_that_an_upgrade_does_not_apply_are_named(
    world: World, tmp_path: Path, recorded: str, served: tuple[str, ...], found: tuple[bool, ...]
) -> None:
    path = shutil.copytree(web("1.4.0").path, tmp_path / "chart")
    (path / "crds").mkdir()
    (path / "crds" / "w.yaml").write_text(CRD)
    world.apis.moved["example.com", "Widget"] = served
    world.past.kept[KEY] = (replace(world.past.kept[KEY][0], crds=recorded),)
    chart = replace(web("1.4.0"), path=path)
    proposal = await world.actions.previews.version(ANN, KEY, chart, expected_revision=3)
    assert [each.missing for each in proposal.crds] == list(found)
    words = preview_view(proposal).words
    assert any("widgets.example.com" in each.title for each in words) == bool(found)


async def test_an_api_server_that_does_not_answer_spoils_no_preview(
    world: World, tmp_path: Path
) -> None:
    path = shutil.copytree(web("1.4.0").path, tmp_path / "chart")
    (path / "crds").mkdir()
    (path / "crds" / "w.yaml").write_text(CRD)
    world.apis.errors = [ClusterUnavailable("no answer")]
    chart = replace(web("1.4.0"), path=path)
    assert (await world.actions.previews.version(ANN, KEY, chart)).crds == ()
