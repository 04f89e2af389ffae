"""Preconditions that protect a release from changes based on outdated state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from portal.catalog.chart import read_chart
from portal.domain.charts import BUILT_IN
from portal.domain.errors import ChartError, Conflict, Forbidden, HelmError, InvalidInput
from portal.domain.keys import (
    HELM_RELEASE_NAME,
    HELM_RELEASE_NAMESPACE,
    LAUNCHED_BY,
    Key,
)
from portal.domain.launch import Exposure
from portal.domain.management import Management
from portal.domain.objects import Kind
from portal.domain.operations import OperationPhase
from portal.domain.owners import label_of
from portal.domain.release import ReleaseRevision
from portal.releases.failed_forms import FailedForms
from portal.releases.forms import ScaleRequest
from portal.releases.pinned import own_chart
from portal.releases.request import ReleaseRequest
from tests.unit.catalog.make import CHARTS, with_content
from tests.unit.releases.test_actions import ANN, BOB, KEY, SPEC, World

OTHER = Key("apps", "database")
SECRET = {"auth": {"password": "hunter2"}}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()


@pytest.mark.parametrize("decoded", [True, False])
async def test_values_of_another_chart_stay_where_they_are(world: World, decoded: bool) -> None:
    world.helm.charts[OTHER] = "postgresql"
    world.cluster.release(OTHER, 1, SECRET, chart="postgresql", decoded=decoded)
    assert world.actions.known_values(ANN, OTHER) is None
    assert world.helm.calls == []
    with pytest.raises(Conflict, match="another chart"):
        await world.actions.values(ANN, OTHER)


async def test_known_values_are_those_of_the_snapshot(world: World) -> None:
    assert world.actions.known_values(ANN, KEY) is None
    await world.launched()
    known = world.actions.known_values(ANN, KEY)
    assert known is not None
    assert known["image"] == {"repository": "r/a", "tag": "1"}
    assert world.helm.calls == []

    world.store.put_detail(ReleaseRevision(KEY, 1, damaged="cut off"))
    assert world.actions.known_values(ANN, KEY) is None
    elsewhere = Key("other", "sales")
    world.cluster.release(elsewhere, 1, SECRET)
    assert world.actions.known_values(ANN, elsewhere) is None


async def test_helm_is_asked_while_the_watch_has_an_error(world: World) -> None:
    await world.launched()
    await world.actions.edit_form(ANN, KEY)
    assert world.records.looks == 0
    world.store.set_source(
        str(Kind.RELEASE), synced=True, alive_at=world.clock.now, error="connection refused"
    )
    await world.actions.edit_form(ANN, KEY)
    assert world.records.looks == 1


@pytest.mark.parametrize("rolled_back", [False, True])
async def test_a_change_is_not_undone_while_the_watch_lags(world: World, rolled_back: bool) -> None:
    await world.launched()
    _, before = world.cluster.shown[KEY]
    if rolled_back:
        await world.ended(await world.actions.launch(ANN, replace(SPEC, tag="2")))
        operation = await world.actions.rollback(ANN, KEY, 1)
    else:
        operation = await world.actions.launch(ANN, replace(SPEC, tag="2"))
    await world.ended(operation)
    revision, made = world.cluster.shown[KEY]
    # The watch goes back to before: Helm alone knows the newest.
    world.cluster.release(KEY, revision - 1, {**before, "podLabels": {"old": "yes"}})
    world.cluster.shown[KEY] = (revision, made)
    world.records.looks = 0

    assert await world.actions.values(ANN, KEY) == made
    assert world.records.looks == 1

    world.cluster.release(KEY, revision + 1, before)
    assert await world.actions.values(ANN, KEY) == before
    assert world.records.looks == 1


async def test_a_release_begun_again_by_somebody_else_is_believed(world: World) -> None:
    await world.launched()
    await world.ended(await world.actions.launch(ANN, replace(SPEC, tag="2")))
    world.cluster.remove(KEY)
    world.helm.calls.clear()
    assert await world.actions.values(ANN, KEY) is None
    assert world.records.looks == 1
    assert await world.actions.values(ANN, KEY) is None
    world.cluster.release(KEY, 1, {})
    assert await world.actions.values(ANN, KEY) == {}
    assert world.records.looks == 1


async def test_after_an_uninstall_a_name_is_new(world: World) -> None:
    await world.launched()
    await world.ended(await world.actions.uninstall(ANN, KEY))
    world.helm.calls.clear()
    assert await world.actions.values(ANN, KEY) is None
    assert world.asked == []


async def test_a_launch_that_left_nothing_can_be_corrected(world: World) -> None:
    spec = replace(SPEC, tag="no", replicas=3, exposure=Exposure.INGRESS, hostname="a.example.org")
    assert await world.actions.failed_form(ANN, KEY) is None
    world.helm.errors = [HelmError("no such namespace")]
    await world.ended(await world.actions.launch(ANN, spec))

    assert await world.actions.failed_form(BOB, KEY) is None
    raw = await world.actions.failed_form(ANN, KEY)
    assert raw is not None
    assert world.actions.forms.check(raw).spec == spec
    with pytest.raises(Forbidden):
        await world.actions.failed_form(ANN, Key("other", "sales"))

    await world.launched()
    assert await world.actions.failed_form(ANN, KEY) is None
    world.cluster.remove(KEY)
    assert await world.actions.failed_form(ANN, KEY) is None


async def test_an_asked_form_goes_with_its_operation(world: World) -> None:
    world.helm.errors = [HelmError("no")]
    await world.ended(await world.actions.launch(ANN, SPEC))
    await world.actions.dismiss(ANN, KEY)
    assert await world.actions.failed_form(ANN, KEY) is None
    assert KEY not in world.store.snapshot.apps

    await world.launched()
    world.helm.errors = [HelmError("no")]
    await world.ended(await world.actions.launch(ANN, SPEC))
    assert await world.actions.failed_form(ANN, KEY) is None  # there is a release to edit
    await world.ended(await world.actions.uninstall(ANN, KEY))
    assert await world.actions.failed_form(ANN, KEY) is None


def test_only_so_many_forms_are_kept() -> None:
    failed_forms = FailedForms(2)
    first, second, third = (Key("apps", name) for name in "abc")
    for key in (first, second, first, third):
        failed_forms.keep(key, "ann", ReleaseRequest(key, None, {"name": key.name}))
    assert failed_forms.get(second, "ann") is None
    assert failed_forms.get(first, "ann") == ReleaseRequest(first, None, {"name": "a"})
    assert failed_forms.get(third, "ann") == ReleaseRequest(third, None, {"name": "c"})


async def test_a_form_that_is_out_of_date_is_refused(world: World) -> None:
    await world.launched()
    opened = (await world.actions.edit_form(ANN, KEY)).revision
    await world.ended(await world.actions.scale(BOB, KEY, ScaleRequest(replicas=3)))
    world.helm.calls.clear()

    with pytest.raises(Conflict, match="by bob since you opened this form: it is at revision 2"):
        await world.actions.launch(ANN, SPEC, expected_revision=opened)
    assert world.asked == []

    opened = (await world.actions.edit_form(ANN, KEY)).revision
    ended = await world.ended(await world.actions.launch(ANN, SPEC, expected_revision=opened))
    assert (ended.phase, ended.revision) == (OperationPhase.SUCCEEDED, 3)

    world.cluster.release(KEY, 4, {})  # by somebody with helm
    with pytest.raises(Conflict, match="was changed since you opened this form"):
        await world.actions.launch(ANN, SPEC, expected_revision=3)
    await world.ended(await world.actions.uninstall(BOB, KEY))
    with pytest.raises(Conflict, match="was uninstalled since"):
        await world.actions.launch(ANN, SPEC, expected_revision=4)


async def test_a_change_at_the_last_moment_is_seen(world: World) -> None:
    await world.launched()
    operation = await world.actions.launch(ANN, SPEC, expected_revision=1)
    world.cluster.release(KEY, 2, {})  # before the operation had its first turn
    ended = await world.ended(operation)
    assert ended.phase is OperationPhase.FAILED
    assert "since you opened this form" in ended.error
    assert "upgrade" not in world.asked


async def test_a_namespace_that_is_not_there_is_refused_before_anything_begins(
    world: World,
) -> None:
    world.no_namespaces = {KEY.namespace}
    with pytest.raises(InvalidInput) as refused:
        await world.actions.launch(ANN, SPEC)
    assert "no namespace apps" in refused.value.fields["namespace"]
    assert world.store.snapshot.app(KEY).operation is None
    assert world.helm.calls == []


@pytest.mark.parametrize("asked", [False, True])
async def test_a_release_keeps_its_chart_unless_asked(tmp_path: Path, asked: bool) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: dash-app\nversion: 0.2.0\n")
    world = World(chart_path=tmp_path)
    world.records.files = {"Chart.yaml": b"{}", "templates/old.yaml": b"{}"}
    await world.launched()
    detail = ReleaseRevision(
        KEY, 1, chart="dash-app", chart_version="0.1.0", values=world.cluster.shown[KEY][1]
    )
    world.store.put_detail(detail)

    if asked:
        newer = read_chart(tmp_path, BUILT_IN)
        operation = await world.actions.change_version(ANN, KEY, newer, expected_revision=1)
    else:
        operation = await world.actions.launch(ANN, SPEC)
    await world.ended(operation)

    how = world.helm.calls[-1][2]
    assert how["templates"] == ([] if asked else ["old.yaml"])
    assert (how["chart"] == str(tmp_path)) is asked
    await world.close()


async def test_nothing_is_left_of_a_chart_that_was_written(world: World) -> None:
    world.records.files = {"Chart.yaml": b"{}", "templates/a/b.yaml": b"x"}
    async with own_chart(world.records, KEY, identity=ANN) as chart:
        content = await asyncio.to_thread((chart / "templates/a/b.yaml").read_bytes)
        assert content == b"x"
    assert not await asyncio.to_thread(chart.exists)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "templates/../../x"])
async def test_a_chart_cannot_write_elsewhere(world: World, name: str) -> None:
    world.records.files = {name: b"x"}
    with pytest.raises(ChartError, match="odd name"):
        async with own_chart(world.records, KEY, identity=ANN):
            pytest.fail("not reached")


@pytest.mark.parametrize("place", ["", "charts/y/"])
async def test_a_kept_chart_fetches_nothing(world: World, place: str) -> None:
    """Whoever made the release in a terminal chose its schema; the catalogue has not seen it."""
    schema = b'{"properties": {"a": {"$schema": "http://169.254.169.254/"}}}'
    world.records.files = {"Chart.yaml": b"{}", f"{place}values.schema.json": schema}
    with pytest.raises(ChartError, match=r"169\.254\.169\.254/, outside the chart"):
        async with own_chart(world.records, KEY, identity=ANN):
            pytest.fail("not reached")


async def test_what_the_chart_said_stays_beside_fields_that_did_not_change(world: World) -> None:
    assert world.actions.last_chart_errors(ANN, SPEC) == {}
    world.helm.errors = [ChartError("no", "", "", {"image.tag": "bad", "replicaCount": "odd"})]
    await world.ended(await world.actions.launch(ANN, SPEC))
    said = {"tag": "The last try failed here: bad", "replicas": "The last try failed here: odd"}
    assert world.actions.last_chart_errors(ANN, SPEC) == said
    changed = replace(SPEC, tag="2")
    assert world.actions.last_chart_errors(ANN, changed) == {
        "replicas": "The last try failed here: odd"
    }
    await world.ended(await world.actions.launch(ANN, changed))
    assert world.actions.last_chart_errors(ANN, changed) == {}


async def test_a_name_is_not_free_while_a_finalizer_holds_what_had_it(world: World) -> None:
    await world.launched()
    (workload,) = world.store.snapshot.app(KEY).workloads
    world.cluster.lingers = True
    world.cluster.remove(KEY)
    held = replace(
        workload, finalizers=("example.com/backup",), management=Management(deleting=True)
    )
    world.store.apply(Kind.DEPLOYMENT, KEY, held)

    with pytest.raises(Conflict, match=r"example.com/backup holds its Deployment sales"):
        await world.actions.launch(BOB, SPEC)
    world.store.delete(Kind.DEPLOYMENT, KEY)
    await world.launched()


@pytest.mark.parametrize("read", [True, False])
async def test_a_release_kept_in_another_namespace_is_looked_at_and_not_changed(
    world: World, read: bool
) -> None:
    # Shown by its own namespace once its body has been read, and by that of its record before.
    stored, own = (Key("flux", "sales"), KEY) if read else (KEY, Key("shop", "sales"))
    world.cluster.labels[stored, 1] = {LAUNCHED_BY: label_of("ann")}
    world.cluster.release(stored, 1, {}, decoded=False)
    revision = ReleaseRevision(own, 1, storage_namespace=stored.namespace, chart="dash-app")
    world.records.left[stored] = revision
    if read:
        world.store.put_detail(revision)
    told = f"in the namespace {stored.namespace}, and its objects in {own.namespace}"
    for ask in (
        lambda: world.actions.uninstall(ANN, KEY),
        lambda: world.actions.scale(ANN, KEY, ScaleRequest(2, None)),
        lambda: world.actions.launch(ANN, SPEC),
    ):
        if read:
            with pytest.raises((Conflict, InvalidInput), match=told):
                await ask()
        else:
            ended = await world.ended(await ask())
            assert ended.phase is OperationPhase.FAILED
            assert told in ended.error
    assert world.helm.calls == []


@pytest.mark.parametrize(
    ("notes", "taken"), [({}, True), ({"helm.sh/resource-policy": "keep"}, False)]
)
async def test_objects_that_no_watch_shows_are_not_taken_over(
    world: World, notes: dict[str, str], taken: bool
) -> None:
    owner = {HELM_RELEASE_NAME: "sales", HELM_RELEASE_NAMESPACE: "apps"}
    world.admission.live["Deployment", "sales"] = {"annotations": {**owner, **notes}}
    ended = await world.ended(await world.actions.launch(ANN, SPEC))
    if taken:
        assert ended.phase is OperationPhase.FAILED
        assert "Its Deployment sales is there" in ended.error
        assert world.helm.calls == []
    else:
        assert ended.phase is OperationPhase.SUCCEEDED


async def test_objects_without_a_record_are_not_taken_over(world: World) -> None:
    world.cluster.workload(KEY, 1, 1)
    with pytest.raises(InvalidInput) as refused:
        await world.actions.launch(ANN, SPEC)
    assert "Its Deployment sales is there, and no record of it" in refused.value.fields["name"]
    assert world.actions.overwrite_problem(ANN, KEY) == refused.value.fields["name"]
    assert world.helm.calls == []
    world.store.delete(Kind.DEPLOYMENT, KEY)
    world.records.others[KEY] = "ConfigMap sh.helm.release.v1.sales.v1"
    with pytest.raises(InvalidInput) as refused:
        await world.actions.launch(ANN, SPEC)
    assert "is the ConfigMap sh.helm.release.v1.sales.v1" in refused.value.fields["name"]
    assert world.helm.calls == []


async def test_a_record_that_appears_while_helm_renders_ends_the_launch(world: World) -> None:
    begun = await world.actions.launch(ANN, SPEC)
    world.records.others[KEY] = "ConfigMap sh.helm.release.v1.sales.v1"
    ended = await world.ended(begun)
    assert ended.phase is OperationPhase.FAILED
    assert "is the ConfigMap sh.helm.release.v1.sales.v1" in ended.error
    assert world.helm.calls == []
    del world.records.others[KEY]
    assert world.actions.overwrite_problem(ANN, KEY) == ""
    ended = await world.ended(await world.actions.launch(ANN, SPEC))
    assert ended.phase is OperationPhase.SUCCEEDED


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("", ""),
        (">=1.30", ""),
        (">=1.99.0-0", "for Kubernetes >=1.99.0-0, and this cluster has v1.37.2"),
        ("latest", "for Kubernetes latest"),
    ],
)
async def test_a_chart_for_another_kubernetes_is_refused_before(
    world: World, wanted: str, words: str
) -> None:
    chart = with_content(read_chart(CHARTS / "web-server", "local"), kube_version=wanted)
    order = ReleaseRequest(KEY, chart, {})
    if not words:
        await world.ended(await world.actions.launch(ANN, order))
        return
    with pytest.raises(InvalidInput) as refused:
        await world.actions.launch(ANN, order)
    assert words in refused.value.fields["chart"]
    assert world.helm.calls == []
