"""One person tries what is another's: every action and every question asks first."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from msgspec.structs import replace

from portal.auth.policy import Policy
from portal.catalog.chart import read_chart
from portal.catalog.values import get
from portal.domain.errors import Forbidden, HelmError, InvalidInput
from portal.domain.identity import Identity
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.launch import EnvVar
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import OperationPhase
from portal.domain.owners import SHARED_WITH, Role, label_of
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.domain.secrets import HIDDEN
from portal.releases.forms import ScaleRequest
from portal.releases.new_owner import HandOverRequest
from portal.releases.request import ReleaseRequest
from portal.viewmodels.preview import values_diff
from tests.unit.catalog.make import CHARTS, with_content
from tests.unit.releases.test_actions import ANN, BOB, KEY, SPEC, World

ROOT = Identity("root", ("admins",))
RULES = NamespaceRules(own="portal", excluded=("infra-*",))
CHART = read_chart(CHARTS / "web-server", "local")
SECRET = "hunter2-and-more"
WITH_SECRET = replace(SPEC, env=(EnvVar("GREETING", "hi"), EnvVar("DB_PASSWORD", SECRET)))

Ask = Callable[[World, Identity, Key], Awaitable[object]]


def order(key: Key) -> ReleaseRequest:
    return ReleaseRequest(key, CHART, {"replicaCount": 2})


ASKED: dict[str, Ask] = {
    "launch over it": lambda w, who, key: w.actions.launch(who, replace(SPEC, key=key)),
    "launch a chart over it": lambda w, who, key: w.actions.launch(who, order(key)),
    "change its version": lambda w, who, key: w.actions.change_version(who, key, CHART),
    "scale": lambda w, who, key: w.actions.scale(who, key, ScaleRequest(replicas=3)),
    "roll back": lambda w, who, key: w.actions.rollback(who, key, 1),
    "uninstall": lambda w, who, key: w.actions.uninstall(who, key),
    "unlock": lambda w, who, key: w.actions.unlock(who, key),
    "share": lambda w, who, key: w.actions.share(who, key, {Role.OPERATE: "user:bob"}),
    "hand over": lambda w, who, key: w.actions.hand_over(who, key, HandOverRequest("bob", "view")),
    "preview a hand-over": lambda w, who, key: w.actions.preview_hand_over(
        who, key, HandOverRequest("bob", "view")
    ),
    "cancel": lambda w, who, key: w.actions.cancel(who, key),
    "dismiss": lambda w, who, key: w.actions.dismiss(who, key),
    "preview an upgrade": lambda w, who, key: w.actions.previews.upgrade(
        who, replace(SPEC, key=key)
    ),
    "preview a chart": lambda w, who, key: w.actions.previews.upgrade(who, order(key)),
    "preview a version": lambda w, who, key: w.actions.previews.version(who, key, CHART),
    "preview a rollback": lambda w, who, key: w.actions.previews.rollback(who, key, 1),
    "preview a removal": lambda w, who, key: w.actions.previews.removal(who, key),
    "look for versions": lambda w, who, key: w.actions.check(who, Permission.READ_VERSIONS, key),
}
READ: dict[str, Ask] = {
    "read the edit form": lambda w, who, key: w.actions.edit_form(who, key),
    "read values": lambda w, who, key: w.actions.values(who, key),
    "read all values": lambda w, who, key: w.actions.own_values(who, key),
    "read a chart's values": lambda w, who, key: w.actions.chart_values(who, key, "dash-app"),
    "read the manifest": lambda w, who, key: w.actions.previews.newest(who, key),
    "read the history": lambda w, who, key: w.actions.previews.history(who, key),
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(
        policy=Policy(RULES, open_mode=False, admin_groups=("admins",)),
        rules=RULES,
    )
    yield world
    await world.close()


@pytest.mark.parametrize("what", [*ASKED, *READ])
async def test_another_persons_app_is_neither_changed_nor_read(
    world: World, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    await world.launched(WITH_SECRET)
    with (
        caplog.at_level(logging.WARNING, "portal.releases.access"),
        pytest.raises(Forbidden, match="sales belongs to ann"),
    ):
        await (ASKED | READ)[what](world, BOB, KEY)
    assert world.helm.calls == []
    (line,) = caplog.records
    told = vars(line)
    assert (told["actor"], told["namespace"], told["release"]) == ("bob", "apps", "sales")
    assert told["permission"] in {each.name.lower() for each in Permission}
    assert "sales belongs to ann" in told["reason"]


@pytest.mark.parametrize("what", [each for each in ASKED if each != "look for versions"])
@pytest.mark.parametrize("namespace", ["portal", "kube-system", "infra-x"])
async def test_nobody_changes_anything_in_a_protected_namespace(
    world: World, what: str, namespace: str
) -> None:
    key = Key(namespace, "sales")
    world.cluster.labels[key, 1] = {LAUNCHED_BY: label_of("root")}
    world.cluster.release(key, 1, {})
    with pytest.raises(Forbidden, match=f"changes nothing in {namespace}"):
        await ASKED[what](world, ROOT, key)
    assert world.helm.calls == []
    assert world.leases.now == {}


async def test_the_open_mode_is_limited_by_namespaces_all_the_same() -> None:
    world = World(policy=Policy(RULES), rules=RULES)
    with pytest.raises(Forbidden, match="where it runs itself"):
        await world.actions.uninstall(ANN, Key("portal", "portal"))
    await world.close()


async def test_an_administrator_changes_it_and_it_stays_whose_it_was(world: World) -> None:
    await world.launched()
    await world.ended(await world.actions.scale(ROOT, KEY, ScaleRequest(replicas=2)))
    await world.ended(await world.actions.launch(ROOT, replace(SPEC, tag="2")))
    _, values = world.cluster.shown[KEY]
    assert get(values, "commonAnnotations") == {LAUNCHED_BY: "ann"}
    assert world.cluster.labels[KEY, 3][LAUNCHED_BY] == label_of("ann")
    await world.ended(await world.actions.scale(ANN, KEY, ScaleRequest(replicas=1)))


async def test_nobody_becomes_an_owner_by_what_they_type(world: World) -> None:
    forged = {"commonAnnotations": {LAUNCHED_BY: "ann"}, "replicaCount": 2}
    anything = with_content(CHART, schema=None)
    await world.ended(await world.actions.launch(BOB, ReleaseRequest(KEY, anything, forged)))
    world.helm.charts[KEY] = CHART.name
    _, values = world.cluster.shown[KEY]
    assert get(values, "commonAnnotations") == {LAUNCHED_BY: "bob"}
    assert world.cluster.labels[KEY, 1][LAUNCHED_BY] == label_of("bob")
    with pytest.raises(Forbidden, match="sales belongs to bob"):
        await world.actions.uninstall(ANN, KEY)


async def test_a_chart_without_a_place_for_its_owner_has_one_all_the_same(world: World) -> None:
    await world.ended(await world.actions.launch(ANN, order(KEY)))
    _, values = world.cluster.shown[KEY]
    assert "commonAnnotations" not in values
    with pytest.raises(Forbidden, match="sales belongs to ann"):
        await world.actions.uninstall(BOB, KEY)
    await world.ended(await world.actions.uninstall(ANN, KEY))


async def test_what_was_made_before_belongs_to_whom_its_values_name(world: World) -> None:
    values = {"commonAnnotations": {LAUNCHED_BY: "ann"}, "image": {"repository": "r", "tag": "1"}}
    world.cluster.release(KEY, 4, values, decoded=False)
    with pytest.raises(Forbidden, match="sales belongs to ann"):
        await world.actions.scale(BOB, KEY, ScaleRequest(replicas=2))
    await world.ended(await world.actions.scale(ANN, KEY, ScaleRequest(replicas=2)))
    assert world.cluster.labels[KEY, 5][LAUNCHED_BY] == label_of("ann")


async def test_what_was_made_in_a_terminal_is_for_administrators(world: World) -> None:
    world.cluster.release(KEY, 1, {"image": {"repository": "r", "tag": "1"}})
    with pytest.raises(Forbidden, match="The owner of sales is not known"):
        await world.actions.scale(ANN, KEY, ScaleRequest(replicas=2))
    await world.ended(await world.actions.scale(ROOT, KEY, ScaleRequest(replicas=2)))
    with pytest.raises(Forbidden, match="owner of sales is not known"):
        await world.actions.scale(ANN, KEY, ScaleRequest(replicas=3))


async def test_the_owner_shares_and_takes_it_back(world: World) -> None:
    await world.launched()
    carl = Identity("carl", ("team",))
    ended = await world.ended(
        await world.actions.share(ANN, KEY, {Role.OPERATE: "user:bob, group:team"})
    )
    assert ended.phase is OperationPhase.SUCCEEDED, ended
    for who in (BOB, carl):
        await world.ended(await world.actions.scale(who, KEY, ScaleRequest(replicas=2)))
        with pytest.raises(Forbidden, match="Only owners and administrators can share it"):
            await world.actions.share(who, KEY, {Role.OPERATE: "user:bob, user:eve"})
    await world.ended(await world.actions.share(ANN, KEY, {}))
    for who in (BOB, carl):
        with pytest.raises(Forbidden):
            await world.actions.scale(who, KEY, ScaleRequest(replicas=3))
    # Nor does a way back bring them back.
    await world.ended(await world.actions.rollback(ANN, KEY, 2))
    labels = world.cluster.labels[KEY, 4]
    assert [name for name in labels if name.startswith(SHARED_WITH)] == []
    assert labels[LAUNCHED_BY] == label_of("ann")


async def test_nonsense_is_not_shared_with(world: World) -> None:
    await world.launched()
    with pytest.raises(InvalidInput) as refused:
        await world.actions.share(ANN, KEY, {Role.OWN: "user:eve", Role.VIEW: "bob"})
    assert set(refused.value.fields) == {"view"}
    many = {role: ",".join(f"user:u{n}" for n in range(8)) for role in Role}
    with pytest.raises(InvalidInput, match="at most 20"):
        await world.actions.share(ANN, KEY, many)
    assert not [name for name in world.cluster.labels[KEY, 1] if name.startswith(SHARED_WITH)]


async def test_each_role_may_do_its_part_and_an_owner_takes_it_back(world: World) -> None:
    """Also of somebody who is named twice: by themselves, and by a group."""
    await world.launched()
    ola, vic = Identity("ola"), Identity("vic", ("team",))
    asked = {Role.OWN: "user:ola", Role.OPERATE: "user:vic", Role.VIEW: "group:team"}
    await world.ended(await world.actions.share(ANN, KEY, asked))
    await world.ended(await world.actions.scale(vic, KEY, ScaleRequest(replicas=2)))
    with pytest.raises(Forbidden, match="Only owners and administrators"):
        await world.actions.share(vic, KEY, {})
    await world.ended(await world.actions.share(ola, KEY, asked | {Role.OPERATE: ""}))
    assert await world.actions.values(vic, KEY), "by the group, which may view it"
    with pytest.raises(Forbidden, match="to look at only"):
        await world.actions.scale(vic, KEY, ScaleRequest(replicas=3))
    await world.ended(await world.actions.share(ANN, KEY, {Role.OWN: "user:ola"}))
    with pytest.raises(Forbidden):
        await world.actions.values(vic, KEY)
    await world.ended(await world.actions.scale(ola, KEY, ScaleRequest(replicas=3)))


async def test_going_back_to_before_there_were_labels_keeps_the_owner(world: World) -> None:
    await world.launched()
    await world.ended(await world.actions.scale(ANN, KEY, ScaleRequest(replicas=2)))
    world.cluster.labels[KEY, 1] = {}
    await world.ended(await world.actions.rollback(ANN, KEY, 1))
    assert world.cluster.labels[KEY, 3][LAUNCHED_BY] == label_of("ann")


async def test_who_was_faster_keeps_the_name(world: World) -> None:
    """An owner that the snapshot has not shown yet is read once the lease is held."""
    world.helm.gate.clear()
    began = await world.actions.launch(BOB, SPEC)
    world.cluster.labels[KEY, 1] = {LAUNCHED_BY: label_of("ann")}
    world.cluster.release(KEY, 1, {})
    world.helm.gate.set()
    ended = await world.ended(began)
    assert ended.phase is OperationPhase.FAILED
    assert "sales belongs to ann" in ended.error
    assert world.helm.calls == []


async def test_a_launch_that_came_to_nothing_is_its_senders(world: World) -> None:
    world.helm.errors = [HelmError("no")]
    await world.ended(await world.actions.launch(ANN, WITH_SECRET))
    for ask in ("cancel", "dismiss"):
        with pytest.raises(Forbidden, match="sales belongs to ann"):
            await ASKED[ask](world, BOB, KEY)
    assert await world.actions.failed_form(BOB, KEY) is None
    assert world.actions.last_chart_errors(BOB, SPEC) == {}
    await world.actions.dismiss(ANN, KEY)


async def test_what_helm_keeps_of_a_removed_app_is_not_read_under_its_name(world: World) -> None:
    world.cluster.labels[KEY, 1] = {LAUNCHED_BY: label_of("ann")}
    world.cluster.release(KEY, 1, {}, status=ReleaseStatus.UNINSTALLED)
    world.past.kept[KEY] = (
        ReleaseRevision(KEY, 1, ReleaseStatus.UNINSTALLED, values={"password": SECRET}),
    )
    for ask in (ASKED["launch over it"], READ["read the history"]):
        with pytest.raises(Forbidden, match="sales belongs to ann"):
            await ask(world, BOB, KEY)


async def test_who_may_not_read_values_is_not_helped_to_them(world: World) -> None:
    await world.launched(WITH_SECRET)
    await world.rights.ask(BOB)
    assert world.actions.known_values(BOB, KEY) is None
    assert world.actions.known_values(ANN, KEY) is not None
    stolen = replace(SPEC, env=(EnvVar("DB_PASSWORD", HIDDEN),))
    for ask in (world.actions.launch, world.actions.previews.upgrade):
        with pytest.raises(Forbidden):
            await ask(BOB, stolen)
    values = ReleaseRequest(KEY, CHART, {"password": HIDDEN})
    for ask_chart in (world.actions.launch, world.actions.previews.upgrade):
        with pytest.raises(Forbidden):
            await ask_chart(BOB, values)


# Placeholders.


async def test_secrets_stay_here_and_are_kept_by_an_edit(world: World) -> None:
    await world.launched(WITH_SECRET)
    filled = await world.actions.edit_form(ANN, KEY)
    assert filled.raw["env"] == f"GREETING=hi\nDB_PASSWORD={HIDDEN}"
    spec = world.actions.forms.check({**filled.raw, "tag": "2"}).spec
    assert spec is not None
    assert world.actions.placeholder_problems(ANN, spec) == {}
    shown = world.actions.forms.preview(spec, world.actions.known_values(ANN, KEY))
    assert SECRET not in shown.values_yaml + shown.command
    assert HIDDEN in shown.command
    world.past.kept[KEY] = (
        ReleaseRevision(
            KEY, 1, ReleaseStatus.DEPLOYED, chart="dash-app", values=world.cluster.shown[KEY][1]
        ),
    )
    other = replace(spec, env=(spec.env[0], EnvVar("DB_PASSWORD", "another-one")))
    for asked, words in ((spec, HIDDEN), (other, "(hidden, changed)")):
        proposal = await world.actions.previews.upgrade(ANN, asked)
        said = "".join(values_diff(proposal.values, proposal.new_values))
        assert (words in said) is (asked is other), (
            "a secret that changes is said to, and not shown"
        )
        assert SECRET not in said
        assert "another-one" not in said
    await world.ended(await world.actions.launch(ANN, spec, expected_revision=filled.revision))
    _, values = world.cluster.shown[KEY]
    assert get(values, "image.tag") == "2"
    assert {"name": "DB_PASSWORD", "value": SECRET} in get(values, "extraEnvVars")  # type: ignore[operator]


async def test_a_placeholder_for_no_secret_is_refused_at_its_field(world: World) -> None:
    wrong = replace(SPEC, env=(EnvVar("NEW_PASSWORD", HIDDEN),))
    await world.rights.ask(ANN)
    assert set(world.actions.placeholder_problems(ANN, wrong)) == {"env"}
    with pytest.raises(InvalidInput, match="NEW_PASSWORD") as refused:
        await world.actions.launch(ANN, wrong)
    assert set(refused.value.fields) == {"env"}
    await world.launched(WITH_SECRET)
    # Under a name that hides nothing it would be shown.
    moved = replace(SPEC, env=(EnvVar("GREETING", HIDDEN),))
    for ask in (world.actions.launch, world.actions.previews.upgrade):
        with pytest.raises(InvalidInput, match="GREETING"):
            await ask(ANN, moved)


async def test_a_failed_form_comes_back_without_its_secrets_and_can_be_sent(world: World) -> None:
    world.helm.errors = [HelmError("no")]
    await world.ended(await world.actions.launch(ANN, WITH_SECRET))
    raw = await world.actions.failed_form(ANN, KEY)
    assert raw is not None
    assert SECRET not in str(raw)
    spec = world.actions.forms.check(raw).spec
    assert spec is not None
    await world.ended(await world.actions.launch(ANN, spec, create_only=True))
    _, values = world.cluster.shown[KEY]
    assert {"name": "DB_PASSWORD", "value": SECRET} in get(values, "extraEnvVars")  # type: ignore[operator]


async def test_a_charts_values_are_merged_as_well(world: World) -> None:
    given = {"replicaCount": 1, "auth": {"password": SECRET}}
    world.helm.charts[KEY] = CHART.name
    world.cluster.labels[KEY, 1] = {LAUNCHED_BY: label_of("ann")}
    world.cluster.release(KEY, 1, given, chart=CHART.name)
    sent = {"replicaCount": 2, "auth": {"password": HIDDEN}}
    changed = await world.actions._placeholders.restored(ANN, ReleaseRequest(KEY, CHART, sent))
    assert changed.values == {"replicaCount": 2, "auth": {"password": SECRET}}
    with pytest.raises(InvalidInput, match="note"):
        await world.actions.launch(ANN, ReleaseRequest(KEY, CHART, {**sent, "note": HIDDEN}))
