"""New pods for all workloads of a release."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.testclient import TestClient

from portal.auth.policy import Policy
from portal.cluster.client import ClusterClient
from portal.cluster.restarts import FIELD_MANAGER, RESTARTED_AT, Restarts
from portal.domain.errors import Conflict, Forbidden, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Job, Kind, Pod, ReplicaSet
from portal.domain.operations import Operation, OperationLease, OperationPhase
from portal.domain.permissions import Permission
from portal.operations.progress import Progress
from portal.releases.restart import RESTART, Restart, restarted
from portal.state.assemble import nothing
from portal.ui import ids
from portal.ui.app.live import app_parts, app_patches
from portal.ui.app.plain import plain_buttons
from portal.ui.build import ASSETS, build_ui
from tests.unit.releases.fakes import T0, until
from tests.unit.releases.test_actions import ANN, BOB, KEY, RULES, World
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import FakeActions, context
from tests.unit.ui.test_pages import Browser, text
from tests.unit.viewmodels import make

DEPLOYMENT = (Kind.DEPLOYMENT, KEY)


class FakeRestarts:
    """Notes what is restarted; ``generation`` is what the API answers with."""

    def __init__(self) -> None:
        self.asked: list[tuple[Kind, Key, datetime]] = []
        self.generation = 0
        self.errors: list[Exception] = []
        self.acted_for: list[Identity | None] = []

    async def restart(
        self, key: Key, kind: Kind, at: datetime, *, identity: Identity | None
    ) -> int:
        self.acted_for.append(identity)
        if self.errors:
            raise self.errors.pop(0)
        self.asked.append((kind, key, at))
        return self.generation


class Restartable(World):
    """A world whose pages offer a restart."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.restarts = FakeRestarts()
        self.restart = Restart(self.store, self.restarts)
        self.actions.plain = {RESTART.name: self.restart}
        self.operations.declare([self.restart])


@pytest.fixture
async def world() -> AsyncIterator[Restartable]:
    world = Restartable()
    yield world
    await world.close()


def owned(name: str) -> Pod:
    return replace(make.pod(), key=Key("apps", name), owner="sales-1")


async def test_every_workload_is_restarted_for_the_moment_it_was_asked(world: Restartable) -> None:
    await world.launched()
    begun = await world.actions.begin_plain(ANN, "restart", KEY)
    ended = await world.ended(begun)
    assert (ended.phase, ended.verb) == (OperationPhase.SUCCEEDED, RESTART)
    assert ended.description == "Restart by ann"
    assert world.restarts.asked == [(*DEPLOYMENT, begun.created_at)]
    assert [each.title for each in ended.steps] == [
        "Restart Deployment sales",
        "Wait for the rollout",
    ]
    assert world.helm.calls == [], "Helm has no part in it"


async def test_it_waits_for_the_generation_that_it_made(world: Restartable) -> None:
    await world.launched()
    world.restarts.generation = 2
    await world.actions.begin_plain(ANN, "restart", KEY)
    await until(world.store, lambda: world.phase() is OperationPhase.WAITING)
    (old,) = world.store.snapshot.app(KEY).workloads
    new = replace(old, generation=2, observed_generation=2)
    world.store.apply(Kind.DEPLOYMENT, KEY, new)
    await until(world.store, lambda: world.phase() is OperationPhase.SUCCEEDED)


async def test_what_must_be_seen(world: Restartable) -> None:
    await world.launched()
    state = world.store.snapshot.app(KEY)
    (workload,) = state.workloads

    def seen(wanted: int, **changes: Any) -> bool:
        new = replace(state, workloads=(replace(workload, **changes),))
        return restarted(new, {DEPLOYMENT: wanted}, True).done

    assert seen(0)
    assert not seen(1)
    assert seen(1, generation=1, observed_generation=1)
    assert not seen(1, generation=1)
    assert not seen(1, generation=1, observed_generation=1, updated=0)
    assert not seen(1, generation=1, observed_generation=1, ready=0)
    other = {(Kind.STATEFUL_SET, KEY): 1}
    assert restarted(state, other, True).lost == (
        "StatefulSet sales was removed by somebody else in the meantime."
    )
    gone = nothing(KEY)
    assert "release was removed" in restarted(gone, {DEPLOYMENT: 1}, True).lost


JOB = Job(Key("apps", "load"), "sales", 1, 1, 0, 0, (), T0)


async def test_the_preview_names_the_pods(world: Restartable) -> None:
    await world.launched()
    assert "No pod runs now" in (await world.actions.preview_plain(ANN, "restart", KEY))[0]
    replica_set = ReplicaSet(Key("apps", "sales-1"), "sales", 2, 2, ())
    world.store.apply(Kind.REPLICA_SET, replica_set.key, replica_set)
    for name in ("sales-b", "sales-a"):
        world.store.apply(Kind.POD, Key("apps", name), owned(name))
    world.store.apply(Kind.JOB, Key("apps", "load"), JOB)
    of_job = replace(owned("load-x"), owner="load", owner_kind=Kind.JOB)
    world.store.apply(Kind.POD, of_job.key, of_job)
    words = await world.actions.preview_plain(ANN, "restart", KEY)
    assert words[0] == "2 pods are replaced: sales-a, sales-b."
    with pytest.raises(NotFound, match="no such action"):
        await world.actions.preview_plain(ANN, "format", KEY)


async def test_nothing_to_restart_is_refused_at_once(world: Restartable) -> None:
    with pytest.raises(NotFound, match="no release sales"):
        await world.actions.begin_plain(ANN, "restart", KEY)
    await world.launched()
    world.store.delete(Kind.DEPLOYMENT, KEY)
    with pytest.raises(Conflict, match="nothing to restart"):
        await world.actions.begin_plain(ANN, "restart", KEY)
    assert world.restarts.asked == []


async def test_what_goes_wrong_is_the_end_of_it(world: Restartable) -> None:
    await world.launched()
    world.restarts.errors = [Conflict("Deployment sales is paused: its pods are not replaced.")]
    ended = await world.ended(await world.actions.begin_plain(ANN, "restart", KEY))
    assert ended.phase is OperationPhase.FAILED
    assert "is paused" in ended.error
    assert world.records.failed == [], "no revision is marked as failed"


async def test_it_needs_its_own_permission() -> None:
    world = Restartable(policy=Policy(RULES, open_mode=False))
    await world.launched()
    for ask in (world.actions.preview_plain, world.actions.begin_plain):
        with pytest.raises(Forbidden):
            await ask(BOB, "restart", KEY)
    assert world.restart.permission is Permission.RESTART
    await world.ended(await world.actions.begin_plain(ANN, "restart", KEY))
    await world.close()


async def test_another_portal_completes_it_for_the_same_moment(world: Restartable) -> None:
    await world.launched()
    begun = Operation("r1", KEY, RESTART, "ann", OperationPhase.RUNNING, T0, T0, base=1)
    world.leases.now[KEY] = lease = OperationLease(begun, "", "100")
    world.operations.registry.apply(Kind.LEASE, KEY, lease)
    await until(world.store, lambda: world.phase() is OperationPhase.SUCCEEDED)
    assert world.restarts.asked == [(*DEPLOYMENT, T0)]
    assert world.records.failed == []


class FakeClient(ClusterClient):
    """One workload."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.applied: list[tuple[Any, ...]] = []
        self.acted_for: list[Identity | None] = []

    def acting_for(self, identity: Identity | None) -> FakeClient:
        self.acted_for.append(identity)
        return self

    async def get(self, path: str, *_: Any, **__: Any) -> Any:
        return {"metadata": {"uid": "u1"}, "spec": self.spec}

    async def apply(
        self,
        path: str,
        body: Any,
        field_manager: str,
        *,
        force: bool = False,
        dry_run: bool = False,
    ) -> Any:
        assert not dry_run
        self.applied.append((path, body, field_manager, force))
        return {"metadata": {"generation": 7}}


async def test_only_the_annotation_of_the_pod_template_is_written() -> None:
    client = FakeClient({})
    assert await Restarts(client).restart(KEY, Kind.STATEFUL_SET, T0, identity=ANN) == 7
    assert client.acted_for == [ANN]
    ((path, body, manager, force),) = client.applied
    assert path == "/apis/apps/v1/namespaces/apps/statefulsets/sales"
    assert (manager, force) == (FIELD_MANAGER, True)
    assert body["metadata"] == {"name": "sales", "uid": "u1"}
    assert body["spec"] == {
        "template": {"metadata": {"annotations": {RESTARTED_AT: "2026-01-01T00:00:00+00:00"}}}
    }
    paused = FakeClient({"paused": True})
    with pytest.raises(Conflict, match="Deployment sales is paused"):
        await Restarts(paused).restart(KEY, Kind.DEPLOYMENT, T0)
    assert paused.applied == []


# On the page.


class OnPage(Restart):
    """Says what it would do, and notes that it was asked to."""

    def __init__(self) -> None:
        self.begun: list[Key] = []

    async def preview(self, key: Key, identity: Identity) -> tuple[str, ...]:
        return ("2 pods are replaced: iris-1, iris-2.",)

    async def run(self, progress: Progress) -> Any:
        raise NotImplementedError


@pytest.fixture
def browser() -> Iterator[tuple[Browser, FakeActions]]:
    ui, actions = context(fixtures.healthy())
    actions.plain = {RESTART.name: OnPage()}
    server = FastAPI()
    build_ui(server, ui)
    with TestClient(server) as client:
        yield Browser(client), actions


def test_the_dialog_begins_what_it_asked_about(
    browser: tuple[Browser, FakeActions], monkeypatch: pytest.MonkeyPatch
) -> None:
    page, actions = browser
    begun: list[tuple[str, Key]] = []

    async def begin(identity: Any, name: str, key: Key) -> None:
        begun.append((name, key))

    monkeypatch.setattr(actions, "begin_plain", begin)
    key = Key("apps", "iris")
    values = {f"{ids.PLAIN_CONFIRM}.n_clicks": 1, f"{ids.APP_KEY}.data": list(key)}
    page.call(
        f"...{ids.PLAIN_FAILURE}.children..",
        values | {f"{ids.PLAIN_NAME}.data": "restart"},
        f"{ids.PLAIN_CONFIRM}.n_clicks",
    )
    assert begun == [("restart", key)]


async def test_the_page_has_a_button_for_who_may() -> None:
    ui, actions = context(fixtures.healthy())
    actions.plain = {RESTART.name: OnPage()}
    view = replace(fixtures.healthy(), offered=frozenset({"restart"}))
    parts = app_parts(ui)
    (part,) = plain_buttons(ui, app_patches(view, parts))
    assert text(part) == "Restart"
    assert json.dumps(part.children.id) == '{"type": "plain-action", "name": "restart"}'
    assert parts[part.id](view) == {"className": ""}
    assert parts[part.id](replace(view, permissions=frozenset())) == {"className": "gone"}
    assert parts[part.id](replace(view, offered=frozenset())) == {"className": "gone"}


def test_its_button_has_an_icon_that_is_there() -> None:
    icons = (ASSETS / "vendor" / "icons.css").read_text(encoding="utf-8")
    assert f".icon-{Restart.icon}{{" in icons
