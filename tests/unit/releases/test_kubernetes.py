"""Every action and every question, where Kubernetes decides: nothing is told of hidden apps."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from portal.auth.kubernetes import KubernetesAuthorizer
from portal.domain.errors import Forbidden
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import OperationPhase
from portal.domain.release import ReleaseRevision
from portal.domain.reviews import ResourceAttributes
from tests.unit.auth.test_kubernetes import LAUNCHER, SEEN, FakeReviews
from tests.unit.releases.test_actions import ANN, BOB, KEY, SPEC, World
from tests.unit.releases.test_permissions import ASKED, READ

RULES = NamespaceRules(("apps", "elsewhere"))
HIDDEN = Key("apps", "not-there")


class Reviewed(World):
    """Actions where Kubernetes decides; the reviews can be changed."""

    def __init__(self) -> None:
        self.reviews = FakeReviews({"apps": LAUNCHER})

        async def names() -> tuple[str, ...]:
            return RULES.listed

        super().__init__(policy=KubernetesAuthorizer(self.reviews, names, RULES), rules=RULES)


@pytest.fixture
async def world() -> AsyncIterator[Reviewed]:
    world = Reviewed()
    await world.launched(SPEC)
    world.helm.calls.clear()
    yield world
    await world.close()


async def refused(world: Reviewed, what: str, key: Key) -> str:
    with pytest.raises(Forbidden) as error:
        await (ASKED | READ)[what](world, BOB, key)
    return str(error.value).replace(key.name, "NAME")


@pytest.mark.parametrize("what", [*ASKED, *READ])
async def test_who_may_not_see_a_namespace_learns_nothing_of_its_apps(
    world: Reviewed, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def newest(key: Key) -> None:
        raise AssertionError("how long this takes would tell that there is no such app")

    monkeypatch.setattr(world.records, "newest", newest)
    world.reviews.allowed_in = {"elsewhere": LAUNCHER}
    there, nowhere = await refused(world, what, KEY), await refused(world, what, HIDDEN)
    assert there == nowhere
    assert "There is no namespace apps in which you may see apps." in there
    assert "ann" not in there
    assert world.helm.calls == []


@pytest.mark.parametrize("what", [*ASKED, *READ])
async def test_a_viewer_changes_nothing_and_reads_no_record(world: Reviewed, what: str) -> None:
    world.reviews.allowed_in = {"apps": SEEN}
    words = await refused(world, what, KEY)
    assert "Kubernetes permission" in words or what == "share"
    assert world.helm.calls == []


async def test_a_launcher_changes_what_somebody_else_has_launched(world: Reviewed) -> None:
    operation = await world.ended(await world.actions.launch(BOB, replace(SPEC, replicas=2)))
    assert operation.phase is OperationPhase.SUCCEEDED
    assert world.cluster.shown[KEY][1]["replicaCount"] == 2


async def test_the_rights_are_asked_for_again_when_the_work_begins(world: Reviewed) -> None:
    await world.rights.ask(ANN)
    world.reviews.allowed_in = {"apps": SEEN}
    operation = await world.ended(await world.actions.uninstall(ANN, KEY))
    assert operation.phase is OperationPhase.FAILED
    assert "You may not uninstall sales in apps." in operation.error
    assert world.helm.calls == []


async def test_forms_tell_whether_a_namespace_exists_only_to_who_may_launch(
    world: Reviewed,
) -> None:
    world.no_namespaces = {"elsewhere"}
    world.reviews.allowed_in = {"apps": LAUNCHER}
    told = await world.actions.namespace_problem(BOB, "elsewhere")
    world.no_namespaces = set()
    assert told == await world.actions.namespace_problem(BOB, "elsewhere")
    assert await world.actions.namespace_problem(BOB, "apps") == ""
    hidden = Key("elsewhere", "sales")
    assert world.actions.existing(BOB, hidden) is None
    assert world.actions.overwrite_problem(BOB, hidden) == told
    world.reviews.allowed_in = {"apps": SEEN}
    await world.rights.ask_again(BOB)
    assert "You may not launch apps in apps." in await world.actions.namespace_problem(BOB, "apps")


async def test_objects_that_may_not_be_made_are_named_and_nothing_is_half_made(
    world: Reviewed,
) -> None:
    world.admission.denials = frozenset({ResourceAttributes("create", "services")})
    new = replace(SPEC, key=Key("apps", "new"))
    operation = await world.ended(await world.actions.launch(BOB, new))
    assert operation.phase is OperationPhase.FAILED
    assert "It needs the Kubernetes permission to create services." in operation.error
    assert ("apps", "new") not in {tuple(each) for each in world.cluster.shown}
    world.past.kept[KEY] = (
        ReleaseRevision(KEY, 1, ReleaseStatus.DEPLOYED, chart="dash-app", values={}),
    )
    with pytest.raises(Forbidden, match="create services"):
        await world.actions.previews.upgrade(BOB, SPEC)
