from __future__ import annotations

import pytest

from portal.auth.policy import Policy
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

RULES = NamespaceRules(own="portal", excluded=("infra-*", "billing"))
OPEN = Policy(RULES)
POLICY = Policy(RULES, open_mode=False, admin_groups=("portal-admins",))


def may(
    identity: Identity, owners: Owners | None, namespace: str = "apps"
) -> frozenset[Permission]:
    return POLICY.granted(identity, Key(namespace, "sales"), owners)


def test_who_launched_an_app_and_administrators_change_it() -> None:
    assert may(ANN, ANNS) == may(ROOT, ANNS) == ALL
    assert may(BOB, ANNS) == SEEING


@pytest.mark.parametrize("entry", ["user:bob", "group:team-a"])
def test_who_is_named_changes_it_and_shares_it_no_further(entry: str) -> None:
    shared = Owners(label_of("ann"), (label_of("group:other"), label_of(entry)))
    assert may(BOB, shared) == ALL - {Permission.SHARE}
    assert may(Identity("team-a", ("bob",)), shared) == SEEING


def test_what_nobody_is_known_to_have_launched_is_for_administrators() -> None:
    assert may(ROOT, NOBODY) == ALL
    assert may(ANN, NOBODY) == may(Identity(""), NOBODY) == SEEING


def test_a_free_name_is_for_everybody() -> None:
    assert may(BOB, None) == ALL


def test_in_the_open_mode_everybody_does_everything() -> None:
    assert OPEN.granted(ANONYMOUS, KEY, ANNS) == OPEN.granted(ANONYMOUS, KEY, NOBODY) == ALL


@pytest.mark.parametrize(
    "namespace", ["portal", "kube-system", "kube-public", "infra-logs", "billing"]
)
def test_nobody_changes_anything_in_a_protected_namespace(namespace: str) -> None:
    key = Key(namespace, "sales")
    for found in (may(ANN, ANNS, namespace), may(ROOT, NOBODY, namespace)):
        assert found == READING
    assert may(BOB, ANNS, namespace) == SEEING
    assert may(BOB, None, namespace) == READING, "nor launches anything"
    assert OPEN.granted(ANONYMOUS, key, None) == READING
    refusal = OPEN.refusal(ANONYMOUS, Permission.LAUNCH, key, None)
    assert refusal is not None
    assert refusal.message.startswith(f"The portal changes nothing in {namespace}")


def test_listed_namespaces_are_all_that_is_seen() -> None:
    policy = Policy(NamespaceRules(("apps", "lab")))
    assert policy.granted(ANONYMOUS, KEY, None) == ALL
    assert policy.granted(ANONYMOUS, Key("default", "a"), None) == frozenset()
    refusal = policy.refusal(ANONYMOUS, Permission.SEE, Key("default", "a"), None)
    assert "Choose one of: apps, lab" in str(refusal)


def test_refusals_say_whose_it_is() -> None:
    refusal = POLICY.refusal(BOB, Permission.SCALE, KEY, ANNS)
    assert str(refusal).startswith("ann launched sales. Ask them to share it")
    assert "owner of sales is not known" in str(POLICY.refusal(BOB, Permission.SCALE, KEY, NOBODY))


def test_a_scope_is_equal_for_those_with_the_same_rights() -> None:
    other = Identity("carl")
    assert POLICY.scope(BOB, KEY, ANNS) == POLICY.scope(other, KEY, ANNS)
    assert hash(POLICY.scope(BOB, KEY, ANNS)) == hash(POLICY.scope(other, KEY, ANNS))
    assert POLICY.scope(ANN, KEY, ANNS) == POLICY.scope(ROOT, KEY, NOBODY)
    assert POLICY.scope(BOB, KEY, ANNS).why.startswith("ann launched sales.")
