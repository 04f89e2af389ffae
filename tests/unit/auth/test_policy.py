from __future__ import annotations

import pytest

from portal.auth.policy import OF_OBJECTS, OF_OWNERS, Policy
from portal.domain.identity import ANONYMOUS, Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.owners import NOBODY, Owners, label_of
from portal.domain.permissions import ALL, READING, Permission

ANN, BOB = Identity("ann"), Identity("bob", ("team-a", "users"))
ROOT = Identity("root", ("portal-admins",))
KEY = Key("apps", "sales")
ANNS = Owners(label_of("ann"))
SEEING = {Permission.SEE}
USUAL = ALL - {Permission.EXEC}
"""All permissions, unless a setting adds EXEC."""

RULES = NamespaceRules(own="portal", excluded=("infra-*", "billing"))
OPEN = Policy(RULES)
POLICY = Policy(RULES, open_mode=False, admin_groups=("portal-admins",))


def may(
    identity: Identity, owners: Owners | None, namespace: str = "apps"
) -> frozenset[Permission]:
    return POLICY.of(identity).granted(Key(namespace, "sales"), owners)


def test_who_launched_an_app_and_administrators_change_it() -> None:
    assert may(ANN, ANNS) == may(ROOT, ANNS) == USUAL
    assert may(BOB, ANNS) == SEEING


@pytest.mark.parametrize("entry", ["user:bob", "group:team-a"])
def test_who_is_named_changes_it_and_shares_it_no_further(entry: str) -> None:
    shared = Owners(label_of("ann"), (label_of("group:other"), label_of(entry)))
    assert may(BOB, shared) == USUAL - OF_OWNERS
    assert may(Identity("team-a", ("bob",)), shared) == SEEING


def test_what_nobody_is_known_to_have_launched_is_for_administrators() -> None:
    assert may(ROOT, NOBODY) == USUAL
    assert may(ANN, NOBODY) == may(Identity(""), NOBODY) == SEEING


def test_a_free_name_is_for_everybody() -> None:
    assert may(BOB, None) == USUAL - OF_OBJECTS, "what runs under it may be somebody else's"
    assert may(ROOT, None) == USUAL


def test_in_the_open_mode_everybody_does_everything() -> None:
    assert OPEN.of(ANONYMOUS).granted(KEY, ANNS) == OPEN.of(ANONYMOUS).granted(KEY, NOBODY) == USUAL


@pytest.mark.parametrize(
    "namespace", ["portal", "kube-system", "kube-public", "infra-logs", "billing"]
)
def test_nobody_changes_anything_in_a_protected_namespace(namespace: str) -> None:
    key = Key(namespace, "sales")
    for found in (may(ANN, ANNS, namespace), may(ROOT, NOBODY, namespace)):
        assert found == READING
    assert may(BOB, ANNS, namespace) == SEEING
    assert may(BOB, None, namespace) == READING - OF_OBJECTS, "nor launches anything"
    assert OPEN.of(ANONYMOUS).granted(key, None) == READING
    refusal = OPEN.of(ANONYMOUS).refusal(Permission.LAUNCH, key, None)
    assert refusal is not None
    assert refusal.message.startswith(f"The portal changes nothing in {namespace}")


def test_listed_namespaces_are_all_that_is_seen() -> None:
    policy = Policy(NamespaceRules(("apps", "lab")))
    assert policy.of(ANONYMOUS).granted(KEY, None) == USUAL
    assert policy.of(ANONYMOUS).granted(Key("default", "a"), None) == frozenset()
    refusal = policy.of(ANONYMOUS).refusal(Permission.SEE, Key("default", "a"), None)
    assert "Choose one of: apps, lab" in str(refusal)


def test_refusals_say_whose_it_is() -> None:
    refusal = POLICY.of(BOB).refusal(Permission.SCALE, KEY, ANNS)
    assert str(refusal).startswith("sales belongs to ann. Ask them to share it")
    refusal = POLICY.of(BOB).refusal(Permission.SCALE, KEY, NOBODY)
    assert "owner of sales is not known" in str(refusal)


def test_a_scope_is_equal_for_those_with_the_same_rights() -> None:
    other = Identity("carl")
    assert POLICY.of(BOB).scope(KEY, ANNS) == POLICY.of(other).scope(KEY, ANNS)
    assert hash(POLICY.of(BOB).scope(KEY, ANNS)) == hash(POLICY.of(other).scope(KEY, ANNS))
    assert POLICY.of(ANN).scope(KEY, ANNS) == POLICY.of(ROOT).scope(KEY, NOBODY)
    assert POLICY.of(BOB).scope(KEY, ANNS).why.startswith("sales belongs to ann.")


WHOSE = {
    "owner": (ANN, ANNS),
    "shared with": (BOB, Owners(label_of("ann"), (label_of("user:bob"),))),
    "owner with others": (BOB, Owners(label_of("ann"), (label_of("own:group:team-a"),))),
    "viewer": (BOB, Owners(label_of("ann"), (label_of("view:user:bob"),))),
    "administrator": (ROOT, ANNS),
    "somebody else": (BOB, ANNS),
    "a free name": (BOB, None),
}
CHANGES = ALL - READING - OF_OWNERS - {Permission.EXEC}
MATRIX = {
    "owner": READING | CHANGES | OF_OWNERS,
    "shared with": READING | CHANGES,
    "owner with others": READING | CHANGES | OF_OWNERS,
    "viewer": READING,
    "administrator": READING | CHANGES | OF_OWNERS,
    "somebody else": SEEING,
    "a free name": (READING | CHANGES | OF_OWNERS) - OF_OBJECTS,
}


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("who", MATRIX)
def test_each_permission_is_its_owners(who: str, permission: Permission) -> None:
    identity, owners = WHOSE[who]
    rights = POLICY.of(identity)
    refusal = rights.refusal(permission, KEY, owners)
    assert (refusal is None) == (permission in MATRIX[who])
    assert rights.scope(KEY, owners).may(permission) == (refusal is None)


def test_logs_are_read_by_those_who_read_values() -> None:
    for who, (identity, owners) in WHOSE.items():
        granted = POLICY.of(identity).granted(KEY, owners)
        free = owners is None and Permission.READ_MANIFEST not in granted
        assert (Permission.LOGS in granted) == (Permission.READ_VALUES in granted and not free), who


def test_commands_are_run_by_those_who_change_and_only_if_a_setting_says_so() -> None:
    allowing = Policy(RULES, open_mode=False, admin_groups=("portal-admins",), allow_exec=True)
    for who, (identity, owners) in WHOSE.items():
        rights = allowing.of(identity)
        granted = rights.granted(KEY, owners)
        free = owners is None and Permission.READ_MANIFEST not in granted
        assert (Permission.EXEC in granted) == (Permission.UPGRADE in granted and not free), who
        assert granted - {Permission.EXEC} == POLICY.of(identity).granted(KEY, owners), who
        protected = rights.granted(Key("kube-system", "sales"), owners)
        assert Permission.EXEC not in protected, who
    refusal = POLICY.of(ANN).refusal(Permission.EXEC, KEY, ANNS)
    assert str(refusal) == "Running commands in pods is switched off in this portal."
    assert Permission.EXEC not in OPEN.of(ANONYMOUS).granted(KEY, ANNS)


async def test_answers_are_equal_where_nothing_differs() -> None:
    """Otherwise every new answer would count as a change."""
    assert await POLICY.rights(BOB) == POLICY.of(Identity("bob", ("team-a", "users")))
    assert await POLICY.rights(BOB) != await POLICY.rights(ANN)
