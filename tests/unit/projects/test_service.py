"""Making, changing, deleting and showing projects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest
from msgspec.structs import replace

from portal.domain.audit import Outcome
from portal.domain.errors import (
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    InvalidInput,
    NotFound,
)
from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.keys import Key
from portal.domain.objects import Quota
from portal.domain.projects import INCOMPLETE, PROJECT_LABEL
from portal.domain.request import current_operation
from portal.projects.manifests import parts
from portal.projects.service import ProjectUnfinished
from tests.unit.projects.fakes import ANN, FORM, ROOT, SITE, Cluster, namespace_path, projects
from tests.unit.recorder import Kept

CONFLICT = (
    'Kubernetes: Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: '
    ".spec.hard.pods"
)


async def test_a_project_is_made_as_the_administrator_and_recorded() -> None:
    cluster, kept = Cluster(), Kept()
    await projects(cluster, kept).create(ROOT, FORM)
    assert set(cluster.objects) == {each.path for each in parts("sales")}
    assert {who for who, _ in cluster.applied} == {"root"}
    assert INCOMPLETE not in cluster.objects[namespace_path()]["metadata"]["annotations"]
    assert kept.told() == [
        ("project-create", "begun", "root"),
        ("project-create", "succeeded", "root"),
    ]
    assert kept.events[0].key == Key("sales", "")
    assert kept.events[0].detail["members"] == {
        "launcher": ["user:ann+test@example.org", "group:team-a"]
    }


async def test_every_call_of_a_change_tells_the_id_that_is_recorded() -> None:
    """Those before anything is written as well: reading what is there, and the rehearsal."""
    cluster, kept = Cluster(), Kept()
    admin = projects(cluster, kept)
    ids: list[str] = []

    async def told(change: Awaitable[object]) -> None:
        cluster.operations.clear()
        kept.events.clear()
        await change
        (id,) = {each.operation for each in kept.events}
        assert id
        assert set(cluster.operations) == {id}
        assert current_operation() == "", "what asked for it goes on outside of it"
        ids.append(id)

    await told(admin.create(ROOT, FORM))
    await told(admin.change(ROOT, "sales", {**FORM, "purpose": "Another one"}))
    await told(admin.hide(ROOT, "sales"))
    cluster.objects.clear()
    await told(admin.create(ROOT, FORM))
    await told(admin.delete(ROOT, "sales", "sales"))
    assert len(set(ids)) == len(ids)


async def test_nothing_is_made_that_cannot_be_recorded() -> None:
    cluster = Cluster()
    with pytest.raises(DatabaseUnavailable):
        await projects(cluster, Kept(Outcome.BEGUN)).create(ROOT, FORM)
    assert not cluster.objects


@pytest.mark.parametrize("person", [ANN, ANONYMOUS], ids=["person", "nobody"])
async def test_to_others_projects_do_not_exist(person: Identity) -> None:
    cluster = Cluster()
    admin = projects(cluster)
    await admin.create(ROOT, FORM)
    for name in ("sales", "none"):
        with pytest.raises(NotFound, match=f"There is no project {name}"):
            await admin.open(person, name)
    for act in (
        admin.change(person, "sales", FORM),
        admin.delete(person, "sales", "sales"),
        admin.hide(person, "sales"),
    ):
        with pytest.raises(NotFound):
            await act
    for forbidden in (admin.every(person), admin.create(person, {**FORM, "name": "b"})):
        with pytest.raises(Forbidden):
            await forbidden
    assert set(cluster.objects) == {each.path for each in parts("sales")}


async def test_a_person_sees_their_own_with_what_is_left() -> None:
    cluster = Cluster()
    quota = Quota(Key("sales", "q"), {"pods": "4"}, {"pods": "1"})
    admin = projects(cluster, seen=frozenset({"sales"}), quotas=(quota,))
    await admin.create(ROOT, FORM)
    await admin.create(ROOT, {**FORM, "name": "hidden"})
    (mine,) = await admin.own(ANN)
    assert (mine.name, mine.quotas) == ("sales", (quota,))
    assert [each.name for each in await admin.every(ROOT)] == ["hidden", "sales"]


async def test_a_namespace_that_is_no_project_is_none() -> None:
    cluster = Cluster()
    cluster.put(namespace_path())
    with pytest.raises(NotFound):
        await projects(cluster).open(ROOT, "sales")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({}, "There is a namespace sales already"),
        ({"labels": {PROJECT_LABEL: "true"}}, "There is a namespace sales already"),
        ({"deletionTimestamp": "2026-11-29T12:00:00Z"}, "still being deleted"),
    ],
)
async def test_a_name_that_is_taken(metadata: dict[str, object], words: str) -> None:
    cluster = Cluster()
    cluster.put(namespace_path(), **metadata)
    with pytest.raises(InvalidInput) as refused:
        await projects(cluster).create(ROOT, FORM)
    assert words in refused.value.fields["name"]
    assert not cluster.applied


@pytest.mark.parametrize("kind", ["NetworkPolicy", "LimitRange", "ResourceQuota", "RoleBinding"])
async def test_what_fails_half_way_says_so_and_goes_on(kind: str) -> None:
    cluster, kept = Cluster(), Kept()
    admin = projects(cluster, kept)
    cluster.failing[kind] = Forbidden(f"You may not patch {kind}.")
    with pytest.raises(ProjectUnfinished, match=f"The {kind} .*could not be applied") as failed:
        await admin.create(ROOT, FORM)
    assert failed.value.done[0].kind == "Namespace"
    assert "Made so far: Namespace sales" in failed.value.message
    assert kept.events[-1].outcome is Outcome.FAILED
    now = (await admin.open(ROOT, "sales")).found
    assert now.incomplete
    assert kind in {each.kind for each in now.missing}
    assert (await admin.every(ROOT))[0].state == "not finished"
    # Nobody was let in before the limits were there.
    assert kind == "RoleBinding" or not any("rolebindings" in path for path in cluster.objects)

    cluster.failing.clear()
    await admin.create(ROOT, FORM)
    now = (await admin.open(ROOT, "sales")).found
    assert not now.incomplete
    assert not now.missing


async def test_a_change_with_a_conflict_changes_nothing() -> None:
    cluster = Cluster()
    admin = projects(cluster)
    await admin.create(ROOT, FORM)
    before = len(cluster.applied)
    cluster.failing["ResourceQuota"] = Conflict(CONFLICT)
    with pytest.raises(InvalidInput) as refused:
        await admin.change(ROOT, "sales", {**FORM, "quota_pods": "30"})
    assert list(refused.value.fields) == ["quota_pods"]
    assert "kubectl-edit manages this field" in refused.value.fields["quota_pods"]
    assert len(cluster.applied) == before


async def test_a_change_is_applied_and_recorded_by_its_fields() -> None:
    cluster, kept = Cluster(), Kept()
    admin = projects(cluster, kept)
    await admin.create(ROOT, FORM)
    await admin.change(ROOT, "sales", {**FORM, "quota_pods": "30", "viewers": "user:bob"})
    now = (await admin.open(ROOT, "sales")).found.project
    assert now.quota["quota_pods"] == "30"
    assert [str(each) for each in now.members["viewer"]] == ["user:bob"]
    assert kept.events[-1].action == "project-change"
    assert kept.events[-1].detail["fields"] == ["viewers", "quota_pods"]


async def test_what_comes_from_git_is_shown_and_never_written() -> None:
    cluster = Cluster()
    admin = projects(cluster)
    await admin.create(ROOT, FORM)
    for path in (namespace_path(), parts("sales")[3].path):
        entries = [{"manager": "kustomize-controller", "operation": "Apply"}]
        cluster.objects[path]["metadata"]["managedFields"] = entries
    cluster.applied.clear()
    with pytest.raises(InvalidInput) as refused:
        await admin.change(ROOT, "sales", {**FORM, "quota_pods": "30"})
    assert refused.value.fields == {
        "quota_pods": "kustomize-controller manages this: change it there."
    }
    await admin.change(ROOT, "sales", {**FORM, "viewers": "user:bob"})
    assert {kind for _, kind in cluster.applied} == {"NetworkPolicy", "LimitRange", "RoleBinding"}
    for act in (admin.delete(ROOT, "sales", "sales"), admin.hide(ROOT, "sales")):
        with pytest.raises(Conflict, match="kustomize-controller manages the namespace"):
            await act


async def test_a_deletion_asks_for_the_name() -> None:
    cluster, kept = Cluster(), Kept()
    admin = projects(cluster, kept, releases=("dashboard",))
    await admin.create(ROOT, FORM)
    assert (await admin.open(ROOT, "sales")).releases == ("dashboard",)
    with pytest.raises(InvalidInput, match="Type sales"):
        await admin.delete(ROOT, "sales", "sale")
    await admin.delete(ROOT, "sales", " sales ")
    assert kept.told()[-1] == ("project-delete", "succeeded", "root")
    assert (await admin.open(ROOT, "sales")).found.terminating
    with pytest.raises(Conflict, match="being deleted"):
        await admin.change(ROOT, "sales", FORM)


async def test_one_that_is_not_shown_any_more_stays_as_it_is() -> None:
    cluster = Cluster()
    admin = projects(cluster)
    await admin.create(ROOT, FORM)
    await admin.hide(ROOT, "sales")
    with pytest.raises(NotFound):
        await admin.open(ROOT, "sales")
    assert len(cluster.objects) == len(parts("sales"))


async def test_where_owners_decide_there_are_no_roles() -> None:
    cluster = Cluster()
    admin = projects(cluster, site=replace(SITE, by_role=False))
    await admin.create(ROOT, FORM)
    assert not any("rolebindings" in path for path in cluster.objects)
    now = (await admin.open(ROOT, "sales")).found
    assert (now.missing, now.incomplete) == ((), False)
    await admin.change(ROOT, "sales", {**FORM, "quota_pods": "30", "launchers": ""})
    assert (await admin.open(ROOT, "sales")).found.project.quota["quota_pods"] == "30"


async def test_two_changes_of_one_project_do_not_meet() -> None:
    cluster = Cluster()
    admin = projects(cluster)
    together = await asyncio.gather(
        admin.create(ROOT, FORM), admin.create(ROOT, FORM), return_exceptions=True
    )
    assert [isinstance(each, Conflict) for each in together].count(True) == 1
