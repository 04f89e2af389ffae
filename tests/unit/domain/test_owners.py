from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from portal.domain.identity import Identity
from portal.domain.owners import (
    MOST_SHARED,
    NOBODY,
    Owners,
    Role,
    is_about_owners,
    label_of,
    owners_in,
    read_entries,
    text_of,
)

VALID = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


@given(st.text(min_size=1, max_size=80))
def test_any_name_fits_a_label(text: str) -> None:
    label = label_of(text)
    assert VALID.fullmatch(label)
    if label.startswith("u."):
        assert text_of(label) == text.encode(errors="surrogatepass").decode(errors="replace")
    else:
        assert text_of(label) == ""


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_two_names_have_the_same_label(one: str, other: str) -> None:
    assert (label_of(one) == label_of(other)) == (one == other)


def test_labels_there_and_back() -> None:
    owners = Owners(label_of("ann"), (label_of("user:bob"), label_of("group:team a")))
    labels = {"owner": "helm", "version": "3", **owners.labels}
    assert owners_in(labels) == owners
    assert [name for name in labels if not is_about_owners(name)] == ["owner", "version"]
    assert owners_in({"owner": "helm"}) is NOBODY


def test_as_many_as_an_app_may_be_shared_with_come_back_in_their_order() -> None:
    """Recovery compares them, in their order, with what was asked for."""
    owners = Owners("", tuple(label_of(f"user:{each}") for each in range(MOST_SHARED)))
    assert owners_in(owners.labels) == owners
    assert owners_in(dict(sorted(owners.labels.items()))) == owners


def test_a_user_is_no_group_and_no_label() -> None:
    owners = Owners(label_of("ann"), (label_of("group:ops"),))
    assert not owners.owned_by(Identity(label_of("ann")))
    assert owners.role(Identity("ops")) is None
    assert not Owners("", (label_of("user:x"),)).owned_by(Identity(""))
    assert owners.role(Identity("x", ("ops",))) is Role.OPERATE


def test_the_role_that_may_most_counts_and_a_name_is_no_role() -> None:
    shared = (
        *read_entries("user:own:user:eve, group:ops")[0],
        *read_entries("user:x", Role.VIEW)[0],
    )
    owners = Owners(label_of("ann"), shared)
    assert owners.role(Identity("x")) is Role.VIEW
    assert owners.role(Identity("x", ("ops",))) is Role.OPERATE
    assert owners.role(Identity("eve")) is None
    assert owners.role(Identity("ann")) is Role.OWN
    assert owners.shared_as(Role.OPERATE) == ("user:own:user:eve", "group:ops")
    assert owners.shared_as(Role.VIEW) == ("user:x",)
    assert owners.shared_as(Role.OWN) == ()


def test_what_is_typed_to_share() -> None:
    assert read_entries(" user: ann ,group:team-a,\nuser:ann") == (
        (label_of("user:ann"), label_of("group:team-a")),
        "",
    )
    assert read_entries("") == ((), "")
    assert "write user:NAME or group:NAME" in read_entries("ann")[1]
    assert "too long" in read_entries(f"user:{'a' * 80}")[1]
    assert "at most 20" in read_entries(",".join(f"user:u{n}" for n in range(21)))[1]
