"""Roles that people give, where Kubernetes decides: what is asked of it, as whom, and recorded."""

from __future__ import annotations

import pytest

from portal.auth.kubernetes import ROLES as GRANTED
from portal.auth.policy import Policy
from portal.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.request import current_operation
from portal.domain.role_bindings import ROLES, RoleBinding, Subject, binding_name
from portal.releases.namespace_roles import NamespaceRoles
from portal.releases.people import People
from tests.unit.recorder import Kept
from tests.unit.releases.test_actions import RULES, SPEC, World

ROOT, KEY = Identity("root"), SPEC.key


class Bindings:
    """The RoleBindings of a namespace; ``refuses`` are those who may not touch them."""

    def __init__(self) -> None:
        ann, ci = Subject("user", "ann"), Subject("serviceaccount", "ci/deployer")
        self.now = {
            "own": RoleBinding("own", "p-viewer", (ann, Subject("group", "team"))),
            "other": RoleBinding("other", "edit", (ci,)),
        }
        self.asked: list[tuple[str, str, str]] = []
        self.operations: list[str] = []
        """In which operation each call was made."""
        self.refuses: set[str] = set()

    def _note(self, what: str, namespace: str, identity: Identity) -> None:
        self.asked.append((what, namespace, identity.user))
        self.operations.append(current_operation())
        if identity.user in self.refuses:
            raise Forbidden("rolebindings is forbidden")

    async def listed(self, namespace: str, *, identity: Identity) -> list[RoleBinding]:
        self._note("list", namespace, identity)
        return list(self.now.values())

    async def bind(self, namespace: str, binding: RoleBinding, *, identity: Identity) -> None:
        self._note("bind", namespace, identity)
        if binding.name in self.now:
            raise Conflict("exists")
        self.now[binding.name] = binding

    async def unbind(self, namespace: str, name: str, *, identity: Identity) -> None:
        self._note("unbind", namespace, identity)
        if name not in self.now or not self.now[name].made:
            raise NotFound("none")
        del self.now[name]


class Site:
    def __init__(self) -> None:
        self.kept, self.bindings = Kept(), Bindings()
        self.world = World(policy=Policy(RULES, open_mode=False))
        access = self.world.actions.access
        self.people = People(access, NamespaceRoles(self.bindings, "p"), self.kept, groups=["team"])


def test_the_roles_are_those_of_the_chart() -> None:
    assert set(ROLES) == set(GRANTED)


async def test_who_has_which_role_by_which_binding() -> None:
    site = Site()
    found = [
        (str(each.subject), each.role, each.binding) for each in await site.people.listed(ROOT, KEY)
    ]
    assert found == [
        ("group:team", "viewer", "own"),
        ("serviceaccount:ci/deployer", "edit", "other"),
        ("user:ann", "viewer", "own"),
    ]
    await site.world.close()


async def test_every_call_of_a_change_tells_the_id_that_is_recorded() -> None:
    site = Site()
    await site.people.grant(ROOT, KEY, "launcher", "group:team")
    with pytest.raises(Conflict):
        await site.people.grant(ROOT, KEY, "launcher", "group:team")
    name = binding_name("launcher", Subject("group", "team"))
    await site.people.revoke(ROOT, KEY, name)
    recorded = [each.operation for each in site.kept.events]
    assert recorded[::2] == recorded[1::2] == site.bindings.operations
    assert len(set(recorded)) == 3
    assert all(recorded)
    assert current_operation() == ""
    await site.world.close()


async def test_a_role_is_given_and_taken_back_as_whoever_asks_and_recorded() -> None:
    site = Site()
    await site.people.grant(ROOT, KEY, "launcher", " group:team ")
    name = binding_name("launcher", Subject("group", "team"))
    assert site.bindings.now[name] == RoleBinding(
        name, "p-launcher", (Subject("group", "team"),), made=True
    )
    with pytest.raises(Conflict, match="group:team is launcher in apps already"):
        await site.people.grant(ROOT, KEY, "launcher", "group:team")
    await site.people.revoke(ROOT, KEY, name)
    for other in ("own", "none", "../x", "A", ""):
        with pytest.raises(NotFound):
            await site.people.revoke(ROOT, KEY, other)
    assert {each[1:] for each in site.bindings.asked} == {("apps", "root")}
    told = [(each.action, each.outcome) for each in site.kept.events]
    assert told[:4] == [
        ("role-grant", "begun"),
        ("role-grant", "succeeded"),
        ("role-grant", "begun"),
        ("role-grant", "failed"),
    ]
    assert ("role-revoke", "succeeded") in told
    detail = site.kept.events[0].detail
    assert detail == {"role": "launcher", "to": "group:team", "binding": name}
    await site.world.close()


@pytest.mark.parametrize(
    ("role", "who", "fields"),
    [
        ("owner", "user:ann", {"role"}),
        ("", "ann", {"role", "who"}),
        ("viewer", "user:system:admin", {"who"}),
        ("viewer", "group:system:masters", {"who"}),
        ("viewer", "group:elsewhere", {"who"}),
        ("viewer", "serviceaccount:ci", {"who"}),
        ("cluster-admin", "user:ann", {"role"}),
    ],
)
async def test_what_cannot_be_given_is_refused_beside_its_field(
    role: str, who: str, fields: set[str]
) -> None:
    site = Site()
    with pytest.raises(InvalidInput) as refused:
        await site.people.grant(ROOT, KEY, role, who)
    assert set(refused.value.fields) == fields
    assert site.bindings.asked == []
    await site.world.close()


async def test_kubernetes_refuses_and_what_may_not_be_seen_is_not_asked_about() -> None:
    site = Site()
    site.bindings.refuses = {"eve"}
    eve = Identity("eve")
    with pytest.raises(Forbidden, match="rolebindings"):
        await site.people.listed(eve, KEY)
    with pytest.raises(Forbidden, match="rolebindings"):
        await site.people.grant(eve, KEY, "viewer", "user:eve")
    assert site.kept.told()[-1] == ("role-grant", "failed", "eve")
    site.bindings.asked.clear()
    with pytest.raises(Forbidden):
        await site.people.listed(ROOT, Key("elsewhere", "sales"))
    assert site.bindings.asked == []
    await site.world.close()
