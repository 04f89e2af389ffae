"""What Kubernetes' answers mean for a portal, and how few of them are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from portal.auth.authorizer import KnownRights, Rights
from portal.auth.kubernetes import (
    ASKED,
    AT_ONCE,
    HIDDEN_FOR,
    MOST_NAMESPACES,
    NEEDS,
    NOWHERE,
    ROLES,
    Attributes,
    KubernetesAuthorizer,
    KubernetesRights,
    permissions,
)
from portal.cluster.kinds import RESOURCES
from portal.domain.errors import ClusterUnavailable, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.names import namespace_problem
from portal.domain.namespaces import NamespaceRules
from portal.domain.owners import NOBODY, Owners, label_of
from portal.domain.permissions import ALL, READING, Permission
from portal.domain.reviews import ResourceAttributes, ResourceRule, Rules
from tests.waiting import until

ANN, BOB = Identity("ann", ("team",)), Identity("bob")
SEEN = NEEDS[Permission.SEE]
LAUNCHER: Attributes = frozenset[ResourceAttributes]().union(
    *(NEEDS[each] for each in ROLES["launcher"])
)


def rules(allowed: Collection[ResourceAttributes], *, incomplete: bool = False) -> Rules:
    return Rules(
        tuple(ResourceRule((each.verb,), (each.group,), (each.resource,)) for each in allowed),
        incomplete,
    )


class FakeReviews:
    """``allowed_in`` is by namespace, with "" for all. With ``webhook`` no rules are told."""

    def __init__(self, allowed_in: Mapping[str, Attributes]) -> None:
        self.allowed_in = dict(allowed_in)
        self.webhook = False
        self.error: PortalError | None = None
        self.asked: list[str] = []
        self.single = 0
        self.running = self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def _here(self, namespace: str) -> Attributes:
        everywhere = self.allowed_in.get("", frozenset[ResourceAttributes]())
        return everywhere | self.allowed_in.get(namespace, frozenset[ResourceAttributes]())

    async def rules(self, identity: Identity, namespace: str) -> Rules:
        self.asked.append(namespace)
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.wait()
        self.running -= 1
        if self.error:
            raise self.error
        return rules(() if self.webhook else self._here(namespace), incomplete=self.webhook)

    async def allowed(
        self, identity: Identity, asked: ResourceAttributes, namespace: str, name: str = ""
    ) -> bool:
        self.single += 1
        return asked in self._here(namespace)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def authorizer(
    reviews: FakeReviews,
    *listed: str,
    names: Collection[str] = ("a", "b", "c"),
    clock: Clock | None = None,
    allow_exec: bool = True,
) -> KubernetesAuthorizer:
    async def namespaces() -> Collection[str]:
        return names

    return KubernetesAuthorizer(
        reviews,
        namespaces,
        NamespaceRules(listed, excluded=("quiet",)),
        allow_exec=allow_exec,
        clock=clock or Clock(),
    )


# The table.


def test_every_permission_but_sharing_has_its_needs() -> None:
    assert set(NEEDS) == ALL - {Permission.SHARE}
    assert all(each >= SEEN for each in NEEDS.values())


def test_to_see_a_namespace_takes_a_list_of_every_watched_kind() -> None:
    """All but those of custom resources (the Gateway API, KEDA, VerticalPodAutoscaler), which no
    built-in role has; and Helm's Secrets (metadata)."""
    custom = ("gateway.networking.k8s.io", "keda.sh", "autoscaling.k8s.io")
    api = {(each.group, each.plural) for each in RESOURCES if each.namespaced}
    watched = {
        ("" if path == "/api/v1" else path.split("/")[2], plural)
        for path, plural in api
        if plural != "secrets" and not any(f"/{each}/" in path for each in custom)
    }
    assert watched == {(each.group, each.resource) for each in SEEN}
    assert {each.verb for each in SEEN} == {"list"}


def test_reading_permissions_need_no_write() -> None:
    for permission in READING | {Permission.PREVIEW}:
        assert {each.verb for each in NEEDS[permission]} <= {"get", "list"}, permission


def test_what_somebody_may_change_they_may_preview() -> None:
    for permission in (Permission.LAUNCH, Permission.UPGRADE, Permission.ROLLBACK):
        assert Permission.PREVIEW in permissions(NEEDS[permission])
    assert Permission.UPGRADE in permissions(NEEDS[Permission.LAUNCH])


def test_no_namespace_has_the_name_that_stands_for_all() -> None:
    assert namespace_problem(NOWHERE)


# Rights.


def rights(**allowed: Attributes) -> KubernetesRights:
    return KubernetesRights(NamespaceRules(excluded=("quiet",)), allowed)


@pytest.mark.parametrize("permission", sorted(NEEDS))
def test_without_one_of_its_needs_a_permission_is_refused_and_the_need_named(
    permission: Permission,
) -> None:
    key = Key("a", "sales")
    assert rights(a=NEEDS[permission]).refusal(permission, key, NOBODY) is None
    for missing in NEEDS[permission] - SEEN:
        refusal = rights(a=NEEDS[permission] - {missing}).refusal(permission, key, NOBODY)
        assert refusal is not None
        assert f"You may not {permission} sales in a." in str(refusal)
        assert str(missing) in str(refusal)


def test_a_hidden_namespace_is_refused_in_the_words_of_one_that_is_not_there() -> None:
    mine = rights(a=LAUNCHER)
    for permission in ALL:
        there = mine.refusal(permission, Key("b", "sales"), Owners(label_of("ann")))
        nowhere = mine.refusal(permission, Key("b", "sales"), None)
        assert str(there) == str(nowhere)
        assert "There is no namespace b in which you may see apps." in str(there)
    assert mine.scope(Key("b", "sales"), None).permissions == frozenset()


def test_who_launched_it_does_not_matter() -> None:
    mine = rights(a=LAUNCHER)
    for owners in (None, NOBODY, Owners(label_of("somebody"))):
        assert mine.scope(Key("a", "x"), owners).permissions == ROLES["launcher"]
    assert not mine.by_owner
    refusal = mine.refusal(Permission.SHARE, Key("a", "x"), Owners(label_of("ann")))
    assert refusal is not None
    assert "Kubernetes decides" in str(refusal)


def test_nothing_is_changed_where_the_portal_changes_nothing() -> None:
    mine = rights(quiet=ASKED, a=ASKED)
    assert mine.granted("quiet") == frozenset(NEEDS) & READING
    refusal = mine.refusal(Permission.LAUNCH, Key("quiet", "x"), None)
    assert refusal is not None
    assert "an administrator has excluded it" in str(refusal)


def test_a_list_shows_values_only_if_they_may_be_read_in_all_it_shows() -> None:
    both = rights(a=LAUNCHER, b=SEEN)
    assert both.namespaces == {"a", "b"}
    assert both.list_scope(None).permissions == {Permission.SEE}
    assert Permission.READ_VALUES in rights(a=LAUNCHER).list_scope("ann").permissions
    nothing = rights().list_scope(None)
    assert (nothing.permissions, nothing.namespaces) == (frozenset(), frozenset())


def test_a_part_of_what_a_page_shows_is_not_enough_to_see_it() -> None:
    for missing in SEEN:
        partly = rights(a=LAUNCHER - {missing})
        assert partly.namespaces == frozenset()
        assert partly.granted("a") == frozenset()


# Asking.


async def test_one_review_for_each_listed_namespace() -> None:
    reviews = FakeReviews({"a": LAUNCHER, "b": SEEN, "other": ASKED})
    found = await authorizer(reviews, "a", "b", "c").rights(ANN)
    assert sorted(reviews.asked) == ["a", "b", "c"]
    assert found.namespaces == {"a", "b"}
    assert found.granted("a") == ROLES["launcher"]
    assert found.granted("b") == {Permission.SEE}
    assert found.granted("other") == frozenset()


async def test_whoever_may_do_all_everywhere_is_asked_about_once() -> None:
    reviews = FakeReviews({"": ASKED})
    found = await authorizer(reviews).rights(ANN)
    assert reviews.asked == [NOWHERE]
    assert found.namespaces is None
    assert found.granted("brand-new") == ROLES["administrator"]


async def test_who_sees_all_and_launches_in_one() -> None:
    reviews = FakeReviews({"": SEEN, "b": LAUNCHER})
    found = await authorizer(reviews).rights(ANN)
    assert found.namespaces is None
    assert found.granted("b") == ROLES["launcher"]
    assert found.granted("a") == found.granted("brand-new") == {Permission.SEE}
    assert found.list_scope(None).permissions == {Permission.SEE}


async def test_namespaces_without_rights_are_asked_about_seldom_and_the_others_each_time() -> None:
    reviews, clock = FakeReviews({"a": LAUNCHER}), Clock()
    asked = authorizer(reviews, "a", "b", clock=clock)
    await asked.rights(ANN)
    reviews.asked.clear()
    reviews.allowed_in["b"] = SEEN
    clock.now += HIDDEN_FOR - 1
    assert (await asked.rights(ANN)).namespaces == {"a"}
    assert reviews.asked == ["a"]
    clock.now += 2
    assert (await asked.rights(ANN)).namespaces == {"a", "b"}
    reviews.allowed_in.clear()
    assert (await asked.rights(ANN)).namespaces == frozenset(), "a right that is gone is gone now"


async def test_one_persons_hidden_namespaces_are_not_anothers() -> None:
    reviews = FakeReviews({})
    asked = authorizer(reviews, "a")
    await asked.rights(ANN)
    reviews.allowed_in["a"] = SEEN
    assert (await asked.rights(ANN)).namespaces == frozenset()
    assert (await asked.rights(BOB)).namespaces == {"a"}


async def test_what_a_webhook_decides_is_asked_one_by_one() -> None:
    reviews = FakeReviews({"a": LAUNCHER})
    reviews.webhook = True
    found = await authorizer(reviews, "a", "b").rights(ANN)
    assert found.granted("a") == ROLES["launcher"]
    assert found.granted("b") == frozenset()
    assert reviews.single == len(ASKED) + 1, "the first no hides a namespace"

    reviews.allowed_in, reviews.single = {"": ASKED}, 0
    assert (await authorizer(reviews).rights(ANN)).namespaces is None


async def test_only_so_many_reviews_are_under_way_at_the_same_time() -> None:
    names = [f"n{number}" for number in range(AT_ONCE * 5)]
    reviews = FakeReviews({})
    reviews.gate.clear()
    asked = authorizer(reviews, *names)
    asking = [asyncio.create_task(asked.rights(each)) for each in (ANN, BOB)]
    await until(lambda: reviews.running == AT_ONCE)
    reviews.gate.set()
    await asyncio.gather(*asking)
    assert reviews.most == AT_ONCE
    assert len(reviews.asked) == 2 * len(names)


async def test_so_many_namespaces_are_asked_about_for_one_person(
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = [f"n{number:05}" for number in range(MOST_NAMESPACES + 5)]
    reviews = FakeReviews({})
    await authorizer(reviews, *names).rights(ANN)
    assert len(reviews.asked) == MOST_NAMESPACES
    assert f"in {MOST_NAMESPACES} namespaces only" in caplog.text


async def test_without_one_answer_nothing_is_allowed() -> None:
    reviews = FakeReviews({"a": ASKED})
    known = KnownRights(authorizer(reviews, "a", "b"))
    assert (await known.ask(ANN)).namespaces == {"a"}
    reviews.error = ClusterUnavailable("The Kubernetes API does not answer.")
    refused: Rights = await known.ask_again(ANN)
    assert refused.namespaces == frozenset()
    assert "could not be found out: The Kubernetes API does not answer." in str(
        refused.refusal(Permission.SEE, Key("a", "x"), None)
    )


async def test_what_is_switched_off_is_off() -> None:
    found = await authorizer(FakeReviews({"a": ASKED}), "a", allow_exec=False).rights(ANN)
    assert found.granted("a") == ROLES["administrator"] - {Permission.EXEC}
    refusal = found.refusal(Permission.EXEC, Key("a", "x"), None)
    assert refusal is not None
    assert "switched off" in str(refusal)
