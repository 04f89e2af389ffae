"""Handing an app over: who has what before, meanwhile and after, in both ways of deciding.

Some are the smallest forms of what was reported of other products: access that stays although the
dialog said otherwise, one's own old role that is in the way, a new owner who stays in the list of
those it is shared with, roles of which one stays or comes back, names in another case, and limits
that a gift goes round.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from portal.auth.kubernetes import KubernetesAuthorizer
from portal.auth.policy import Policy
from portal.domain.errors import ClusterUnavailable, Conflict, Forbidden, InvalidInput, PortalError
from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.limits import LIMITS
from portal.domain.namespaces import NamespaceRules
from portal.domain.operations import Operation, OperationPhase
from portal.domain.owners import Owners, Role, label_of
from portal.domain.role_bindings import RoleBinding, Subject
from portal.releases.forms import ScaleRequest
from portal.releases.hand_over import HAND_OVER
from portal.releases.namespace_roles import NamespaceRoles
from portal.releases.new_owner import (
    NOTHING,
    ROLES_KEPT,
    HandOverRequest,
    known_words,
    read_person,
)
from portal.releases.share import share_doubts
from portal.state.ownership import owners_of
from tests.unit.auth.test_kubernetes import LAUNCHER, FakeReviews
from tests.unit.recorder import Kept
from tests.unit.releases.fakes import until
from tests.unit.releases.test_actions import ANN, BOB, KEY, RULES, SPEC, World
from tests.unit.releases.test_people import Bindings

ROOT, EVE = Identity("root", ("admins",)), Identity("eve", ("team",))
POLICY = Policy(RULES, open_mode=False, admin_groups=("admins",))


def to(name: str = "bob", keep: str = NOTHING, role: str = "") -> HandOverRequest:
    return HandOverRequest(name, keep, role)


async def hand(
    world: World, who: Identity = ANN, asked: HandOverRequest | None = None
) -> Operation:
    return await world.ended(await world.actions.hand_over(who, KEY, asked or to()))


async def told(
    world: World, who: Identity, key: Key, asked: HandOverRequest, *, links: bool = False
) -> str:
    """What the dialog says of a hand-over."""
    found = await world.actions.preview_hand_over(who, key, asked, links=links)
    return " ".join(found.words)


async def share(world: World, who: Identity, **roles: str) -> None:
    await world.ended(
        await world.actions.share(who, KEY, {Role(role): text for role, text in roles.items()})
    )


def owners(world: World) -> Owners:
    found = owners_of(world.store.snapshot.app(KEY))
    assert found is not None
    return found


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(policy=POLICY, recorder=Kept())
    await world.launched()
    yield world
    await world.close()


async def fields(world: World, asked: HandOverRequest, who: Identity = ANN) -> dict[str, str]:
    """What is refused beside which field, by the dialog and by the operation alike."""
    with pytest.raises(InvalidInput) as seen:
        await world.actions.preview_hand_over(who, KEY, asked)
    with pytest.raises(InvalidInput) as refused:
        await world.actions.hand_over(who, KEY, asked)
    assert refused.value.fields == seen.value.fields
    return refused.value.fields


# By owners.


async def test_the_new_owner_has_it_and_the_one_before_has_nothing(world: World) -> None:
    words = await world.actions.preview_hand_over(ANN, KEY, to(), links=True)
    assert words.doubt == (
        "bob has no app here yet: check the spelling. The portal cannot look people up."
    )
    assert words.words == (
        "bob becomes the owner of sales: may change, share, hand over and remove it.",
        "You can then no longer change or share it, read its values and logs, or take it back.",
        "Only bob, those who may own it and administrators can give it back.",
        "Read-only links that you made stop working.",
        "It counts as one of bob's apps (limits.apps), no longer of ann's.",
    )
    assert world.records.written == [], "looking changes nothing"
    ended = await hand(world)
    assert (ended.verb, ended.phase) == (HAND_OVER, OperationPhase.SUCCEEDED)
    assert ended.advice == "bob is the owner now; ann keeps nothing by themselves."
    assert owners(world) == Owners(label_of("bob"))
    for refused in (
        world.actions.scale(ANN, KEY, ScaleRequest(replicas=2)),
        world.actions.values(ANN, KEY),
        world.actions.hand_over(ANN, KEY, to("ann")),
    ):
        with pytest.raises(Forbidden, match="sales belongs to bob"):
            await refused
    await world.ended(await world.actions.launch(BOB, replace(SPEC, replicas=2)))
    assert world.cluster.labels[KEY, 2][LAUNCHED_BY] == label_of("bob")
    assert world.cluster.shown[KEY][1]["commonAnnotations"] == {LAUNCHED_BY: "bob"}


async def test_neither_a_revision_nor_a_way_back_brings_the_former_owner_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another portal's watch is behind: what it believes is not written."""
    await world.ended(await world.actions.scale(ANN, KEY, ScaleRequest(replicas=2)))
    await hand(world)
    anns = Owners(label_of("ann"))
    find = world.actions._changes.releases.find

    async def behind(key: Key) -> Any:
        found = await find(key)
        return found and replace(found, owners=anns)

    monkeypatch.setattr(world.actions._changes.releases, "find", behind)
    await world.ended(await world.actions.scale(BOB, KEY, ScaleRequest(replicas=3)))
    assert owners(world) == Owners(label_of("bob"))
    await world.ended(await world.actions.rollback(BOB, KEY, 1))
    assert owners(world) == Owners(label_of("bob"))
    await share(world, BOB, view="user:eve")
    assert owners(world).owner == label_of("bob")


@pytest.mark.parametrize("keep", Role)
async def test_the_former_owner_keeps_what_was_chosen_and_what_was_said(
    world: World, keep: Role
) -> None:
    words = await told(world, ANN, KEY, to(keep=keep), links=True)
    ended = await hand(world, asked=to(keep=keep))
    assert owners(world).role(ANN) is keep
    assert ended.advice.startswith("bob is the owner now; ann can still ")
    assert ended.advice.removeprefix("bob is the owner now; ann can still ") in words
    assert {
        Role.OWN: "You can still do all with it.",
        Role.OPERATE: "You can still change it and read it (operate)",
        Role.VIEW: "You can still read its values, logs and objects (view)",
    }[keep] in words
    assert ("links that you made stop working" in words) is (keep is not Role.OWN)
    assert ("can give it back" in words) is (keep is not Role.OWN)
    if keep is Role.OWN:
        await hand(world, asked=to("ann", keep=NOTHING))
        assert owners(world) == Owners(label_of("ann")), "and can take it back"


async def test_what_a_dialog_says_is_lost_is_lost_and_what_groups_may_is_said(world: World) -> None:
    """An old role of one's own does not stay; one by a group does, and the dialog says so."""
    await share(world, ANN, own="user:ann", operate="user:ann, group:team", view="user:bob")
    words = await told(world, ANN, KEY, to())
    assert "You can then no longer" in words
    assert "It stays shared (operate: group:team)." in words
    await hand(world)
    assert owners(world) == Owners(label_of("bob"), (label_of("group:team"),))
    # The new owner shares it with the former one again: the old role is not in the way.
    await share(world, BOB, view="user:ann")
    assert owners(world).role(ANN) is Role.VIEW
    await share(world, BOB, operate="group:team")

    team = Identity("bob", ("team",))
    words = await told(world, team, KEY, to("carl"))
    assert "You can still change it and read it (operate)" in words
    words = await told(world, ROOT, KEY, to("carl"))
    assert "bob can then no longer" in words
    assert "What a group of bob's may, bob may still." in words


async def test_an_administrator_who_gives_it_away_is_not_told_to_lose_it(world: World) -> None:
    await hand(world, ROOT, to("root"))
    words = await told(world, ROOT, KEY, to("bob"))
    assert "You can still do all with it." in words


async def test_who_may_own_it_hands_it_over_and_who_may_operate_it_does_not(world: World) -> None:
    await share(world, ANN, own="user:bob", operate="user:eve")
    with pytest.raises(Forbidden, match="Only owners and administrators can share it"):
        await world.actions.hand_over(EVE, KEY, to("eve"))
    await hand(world, BOB, to("bob", keep="view"))
    assert owners(world) == Owners(
        label_of("bob"), (label_of("user:eve"), label_of("view:user:ann"))
    )


async def test_an_app_without_a_known_owner_gets_one(world: World) -> None:
    world.cluster.labels[KEY, 1].clear()
    world.cluster.release(KEY, 1, {})
    words = await told(world, ROOT, KEY, to(keep="own"))
    assert "Its owner until now is not known." in words
    await hand(world, ROOT, to(keep="own"))
    assert owners(world) == Owners(label_of("bob"))


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        (to(""), "to", "Name the person"),
        (to("user:"), "to", "Name the person"),
        (to(ANONYMOUS.user), "to", "Name the person"),
        (to("group:team"), "to", "one person"),
        (to("system:admin"), "to", "begins with"),
        (to("b\u200bob"), "to", "cannot be seen"),
        (to(70 * "b"), "to", "too long"),
        (to("ann"), "to", "ann is the owner already"),
        (to(keep="administrator"), "keep", "Choose one"),
        (to(keep=ROLES_KEPT), "keep", "Choose one"),
    ],
)
async def test_what_cannot_be_is_refused_beside_its_field(
    world: World, asked: HandOverRequest, field: str, words: str
) -> None:
    found = await fields(world, asked)
    assert words in found.pop(field)
    assert found == {}
    assert world.records.written == []
    assert owners(world) == Owners(label_of("ann"))


async def test_a_role_that_is_kept_needs_a_place_and_a_name_that_can_be_kept(world: World) -> None:
    await share(world, ANN, view=",".join(f"user:u{n}" for n in range(20)))
    assert "at most 20" in (await fields(world, to(keep="view")))["keep"]
    await hand(world, asked=to("u3", keep="view"))
    assert len(owners(world).shared) == 20, "the new owner's own entry has gone"

    long = Identity(70 * "x")
    key = Key("apps", "long")
    await world.ended(await world.actions.launch(long, replace(SPEC, key=key)))
    with pytest.raises(InvalidInput, match="too long to be kept"):
        await world.actions.hand_over(long, key, to(keep="own"))
    await world.ended(await world.actions.hand_over(long, key, to()))


async def test_it_counts_as_one_of_the_new_owners_apps() -> None:
    world = World(policy=POLICY, limits=LIMITS.with_most(apps=2, operations=0))
    await world.launched()
    for name in ("one", "two"):
        key = Key("apps", name)
        await world.ended(await world.actions.launch(BOB, replace(SPEC, key=key)))
    assert await fields(world, to()) == {
        "to": "bob has as many apps as one person may have (limits.apps): they have to uninstall "
        "one first."
    }
    assert "to" in await fields(world, to(), ROOT), "nobody gives more than that, nor takes it"
    other = await world.actions.hand_over(BOB, Key("apps", "one"), to("ann", keep="operate"))
    await world.ended(other)
    assert "ann" in (await fields(world, to("ann"), ROOT))["to"], "who owns it is told first"
    await hand(world)
    with pytest.raises(PortalError, match="You have 2 apps"):
        await world.actions.launch(BOB, replace(SPEC, key=Key("apps", "more")))
    await world.ended(await world.actions.launch(ANN, replace(SPEC, key=Key("apps", "more"))))
    await world.close()


async def test_two_gifts_at_once_do_not_go_past_the_limit() -> None:
    world = World(policy=POLICY, limits=LIMITS.with_most(apps=1, operations=0))
    other = Key("apps", "other")
    await world.launched()
    await world.ended(await world.actions.launch(EVE, replace(SPEC, key=other)))
    begun = [
        await world.actions.hand_over(ANN, KEY, to()),
        await world.actions.hand_over(EVE, other, to()),
    ]
    ended = [await world.ended(each) for each in begun]
    assert sorted(str(each.phase) for each in ended) == ["failed", "succeeded"]
    held = [owners_of(world.store.snapshot.app(each)) for each in (KEY, other)]
    assert held.count(Owners(label_of("bob"))) == 1
    await world.close()


async def test_the_trail_has_before_and_after(world: World) -> None:
    kept = world.operations.recorder
    assert isinstance(kept, Kept)
    kept.events.clear()
    await share(world, ANN, view="user:bob")
    kept.events.clear()
    await hand(world, asked=to(keep="operate"))
    assert [each[:2] for each in kept.told()] == [
        ("hand-over", "begun"),
        ("hand-over", "applying"),
        ("hand-over", "succeeded"),
    ]
    changes: Any = kept.events[1].detail["changes"]
    assert changes == [
        {"path": "owner", "before": "ann", "after": "bob"},
        {"path": "shared_with", "before": "view:user:bob", "after": "user:ann"},
    ]


async def test_labels_that_could_not_all_be_written_are_written_back(world: World) -> None:
    write = world.records.set_owners
    left = [ClusterUnavailable("The API server does not answer.")]

    async def broken(key: Key, owners: Owners, *, identity: Identity | None) -> None:
        await write(key, owners, identity=identity)
        if left:
            raise left.pop()

    world.records.set_owners = broken  # type: ignore[method-assign]
    ended = await hand(world)
    assert ended.phase is OperationPhase.FAILED
    assert owners(world) == Owners(label_of("ann"))
    left[:] = 2 * [ClusterUnavailable("The API server does not answer.")]
    ended = await hand(world)
    assert "Not all could be undone: bob may be noted as the owner." in ended.error


def test_names_that_nobody_here_has_are_doubted() -> None:
    known = {label_of("Bob"), label_of("ann@example.org")}
    assert known_words("ann@example.org", known) == ""
    assert "Bob has: upper and lower case count" in known_words("bob", known)
    assert "check the spelling" in known_words("bop", known)
    assert read_person("user:https://issuer#1")[0] == "https://issuer#1"


def test_another_case_of_a_name_is_doubted_where_an_app_is_shared() -> None:
    """Whoever is named so sees nothing of it, and nobody else says why."""
    known = {label_of("Ann@example.org"), label_of("bob")}
    asked = {
        Role.OWN: "user:bob, group:TEAM, user:new",
        Role.VIEW: "group:bob, user:ann@example.org",
        Role.OPERATE: "?",
    }
    (doubt,) = share_doubts(asked, known).items()
    assert doubt[0] == "view"
    assert doubt[1] == (
        "ann@example.org has no app here, but Ann@example.org has: upper and lower case count."
    )


# By Kubernetes.


class Held(Bindings):
    """RoleBindings; ``failing`` are the names that cannot be written."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: set[str] = set()

    async def bind(self, namespace: str, binding: RoleBinding, *, identity: Identity) -> None:
        if binding.name in self.failing:
            raise Forbidden("rolebindings is forbidden")
        await super().bind(namespace, binding, identity=identity)

    async def unbind(self, namespace: str, name: str, *, identity: Identity) -> None:
        if name in self.failing:
            raise ClusterUnavailable("The API server does not answer.")
        await super().unbind(namespace, name, identity=identity)


class Decided(World):
    """Actions where Kubernetes decides; ann has roles that she was given in the portal."""

    def __init__(self, *given: str) -> None:
        rules = NamespaceRules(("apps",))
        self.bindings = Held()
        self.reviews = FakeReviews({"apps": LAUNCHER})
        self.names = NamespaceRoles(self.bindings, "p")

        async def names() -> tuple[str, ...]:
            return rules.listed

        authorizer = KubernetesAuthorizer(self.reviews, names, rules)
        super().__init__(policy=authorizer, rules=rules, recorder=Kept(), roles=self.names)
        for role in given:
            binding = self.names.binding(role, Subject("user", "ann"))
            self.bindings.now[binding.name] = binding

    def held(self, who: str) -> set[str]:
        subject = Subject("user", who)
        return {
            self.names.role(each) for each in self.bindings.now.values() if subject in each.subjects
        }

    def name(self, role: str, who: str) -> str:
        return self.names.binding(role, Subject("user", who)).name


@pytest.fixture
async def decided() -> AsyncIterator[Decided]:
    world = Decided("viewer", "administrator", "launcher")
    await world.launched()
    world.bindings.asked.clear()
    yield world
    await world.close()


async def test_all_roles_go_over_as_the_person_the_strongest_last(decided: Decided) -> None:
    asked = to(role="administrator")
    words = await told(decided, ANN, KEY, asked)
    assert (
        "bob gets the role administrator in the namespace apps, for all of its apps (1)." in words
    )
    assert "Your own role there is taken back (administrator, launcher, viewer)." in words
    assert "What you have by own stays: that was not given in the portal." in words
    ended = await hand(decided, asked=asked)
    assert ended.phase is OperationPhase.SUCCEEDED, ended
    assert decided.held("bob") == {"administrator"}
    assert decided.held("ann") == {"viewer"}, "by the binding that the portal has not made"
    done = [each[0] for each in decided.bindings.asked if each[0] != "list"]
    assert done == ["bind", "unbind", "unbind", "unbind"]
    assert {each[2] for each in decided.bindings.asked} == {"ann"}
    assert [each.title for each in ended.steps][:5] == [
        "Give bob the role administrator",
        "Write down bob as the owner",
        "Take back your role viewer",
        "Take back your role launcher",
        "Take back your role administrator",
    ]
    assert owners(decided).owner == label_of("bob")
    assert ended.advice == "bob is the owner now; roles of ann were taken back."
    kept = decided.operations.recorder
    assert isinstance(kept, Kept)
    applied: Any = next(
        each.detail["changes"]
        for each in kept.events
        if each.outcome == "applying" and each.action == "hand-over"
    )
    assert {"path": "owner", "before": "ann", "after": "bob"} in applied
    assert sum("role_bindings" in each["path"] for each in applied) == 4


@pytest.mark.parametrize("role", ["", "viewer", "launcher", "maintainer"])
async def test_nobody_gives_away_what_nobody_else_would_have(decided: Decided, role: str) -> None:
    found = await fields(decided, to(role=role))
    assert "Give them administrator, or keep your role" in found["role"]
    assert decided.held("ann") == {"viewer", "launcher", "administrator"}
    decided.bindings.now["others"] = RoleBinding(
        "others", "p-administrator", (Subject("user", "bob"),)
    )
    await hand(decided, asked=to(role=role))
    assert decided.held("ann") == {"viewer"}, "but once the new owner has it"


async def test_without_a_role_only_the_owner_is_noted_and_no_binding_read(decided: Decided) -> None:
    decided.bindings.refuses = {"ann"}
    words = await told(decided, ANN, KEY, to(keep=ROLES_KEPT))
    assert "What bob may do there does not change" in words
    assert "You keep the roles that you have there." in words
    ended = await hand(decided, asked=to(keep=ROLES_KEPT))
    assert ended.phase is OperationPhase.SUCCEEDED
    assert decided.bindings.asked == []
    assert owners(decided).owner == label_of("bob")


async def test_kubernetes_refuses_who_may_not_read_or_give_roles(decided: Decided) -> None:
    asked = to(keep=ROLES_KEPT, role="launcher")
    decided.bindings.refuses = {"ann"}
    with pytest.raises(Forbidden, match="rolebindings"):
        await decided.actions.preview_hand_over(ANN, KEY, asked)
    decided.bindings.refuses = set()
    decided.bindings.failing = {decided.name("launcher", "bob")}
    ended = await hand(decided, asked=asked)
    assert ended.phase is OperationPhase.FAILED
    assert "rolebindings is forbidden" in ended.error
    assert owners(decided).owner == label_of("ann"), "and nothing is half-made"
    assert decided.held("bob") == set()


@pytest.mark.parametrize("role", ["viewer", "launcher", "administrator"])
async def test_if_a_role_cannot_be_taken_back_all_is_as_before(decided: Decided, role: str) -> None:
    before = dict(decided.bindings.now)
    decided.bindings.failing = {decided.name(role, "ann")}
    ended = await hand(decided, asked=to(role="administrator"))
    assert ended.phase is OperationPhase.FAILED
    assert "does not answer" in ended.error
    assert decided.held("bob") == set()
    assert owners(decided).owner == label_of("ann")
    decided.bindings.failing.clear()
    assert decided.bindings.now == before


async def test_what_could_not_be_undone_is_named(decided: Decided) -> None:
    decided.bindings.failing = {decided.name("viewer", "ann"), decided.name("administrator", "bob")}
    given = decided.bindings.bind

    async def bind(namespace: str, binding: RoleBinding, *, identity: Identity) -> None:
        decided.bindings.failing.discard(binding.name)
        await given(namespace, binding, identity=identity)
        decided.bindings.failing.add(binding.name)

    decided.bindings.bind = bind  # type: ignore[method-assign]
    ended = await hand(decided, asked=to(role="administrator"))
    assert "Not all could be undone: bob has the role administrator now." in ended.error
    assert decided.held("ann") >= {"administrator"}


async def test_somebody_elses_binding_of_that_name_is_left_alone(decided: Decided) -> None:
    name = decided.name("administrator", "bob")
    mine = RoleBinding(name, "p-administrator", (Subject("user", "eve"),), made=True)
    decided.bindings.now[name] = mine
    ended = await hand(decided, asked=to(role="administrator"))
    assert f"The RoleBinding {name} is there already" in ended.error
    assert decided.bindings.now[name] == mine
    assert owners(decided).owner == label_of("ann")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (to(role="owner"), "role"),
        (to(role="administrator", keep="own"), "keep"),
        (to("ann", role="administrator"), "to"),
        (to("group:team", keep=ROLES_KEPT, role="launcher"), "to"),
    ],
)
async def test_what_kubernetes_is_not_asked_is_refused_beside_its_field(
    decided: Decided, asked: HandOverRequest, field: str
) -> None:
    assert field in await fields(decided, asked)
    assert {each[0] for each in decided.bindings.asked} <= {"list"}


async def test_who_has_no_role_of_the_portals_keeps_what_they_have() -> None:
    world = Decided()
    await world.launched()
    assert "keep" in await fields(world, to(role="administrator"))
    assert "keep" in await fields(world, to("bob", role="administrator"), BOB), "of oneself"
    await world.close()


async def test_roles_are_not_given_where_that_is_switched_off() -> None:
    world = Decided()
    world.actions._hand_over._roles = None
    await world.launched()
    found = await fields(world, to(keep=ROLES_KEPT, role="launcher"))
    assert "switched off" in found["role"]
    ended = await hand(world, asked=to(keep=ROLES_KEPT))
    assert ended.phase is OperationPhase.SUCCEEDED
    await world.close()


async def test_it_waits_for_no_other_change(world: World) -> None:
    world.helm.gate.clear()
    begun = await world.actions.scale(ANN, KEY, ScaleRequest(replicas=2))
    with pytest.raises(Conflict):
        await world.actions.hand_over(ANN, KEY, to())
    world.helm.gate.set()
    await until(world.store, lambda: world.operation().id == begun.id and world.phase().terminal)
    assert (await hand(world)).phase is OperationPhase.SUCCEEDED
