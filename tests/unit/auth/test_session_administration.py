"""The sessions of everybody, which administrators see and end."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest

from portal.auth.oidc.administration import SessionAdministration
from portal.domain.audit import Outcome
from portal.domain.errors import DatabaseUnavailable, Forbidden, NotFound, Unauthenticated
from portal.domain.identity import Identity
from portal.ui.sessions.page import present
from tests.unit.auth.provider import Portal
from tests.unit.recorder import Kept

ROOT, ANN = Identity("root", ("admins",)), Identity("ann", ("data",))


@pytest.fixture
def kept() -> Kept:
    return Kept()


async def test_one_session_is_ended_and_the_others_go_on(kept: Kept) -> None:
    portal = Portal()
    administration = SessionAdministration(portal.sessions, kept, ["admins"])
    await portal.signed_in()
    first, portal.jar = portal.jar, {}
    await portal.signed_in()
    second = portal.jar
    listed = administration.listed(ROOT)
    assert len(listed) == 2
    assert not set(first.values()) & set(re.findall(r"[^\']+", repr(listed)))
    shown = str(present(listed))
    assert "End the session" in shown
    one = next(each for each in listed if each.id)
    await administration.end(ROOT, one.id)
    assert [each.id for each in administration.listed(ROOT)] == [
        each.id for each in listed if each.id != one.id
    ]
    alive = 0
    for portal.jar in (first, second):
        with suppress(Unauthenticated):
            assert await portal.who() == one.user
            alive += 1
    assert alive == 1
    with pytest.raises(NotFound):
        await administration.end(ROOT, one.id)
    assert kept.events[0].detail == {"user": one.user, "session": one.id}


async def test_nobody_else_sees_or_ends_any(kept: Kept) -> None:
    portal = Portal()
    administration = SessionAdministration(portal.sessions, kept, ["admins"])
    await portal.signed_in()
    (one,) = administration.listed(ROOT)
    for who in (ANN, Identity("admins"), Identity("eve", ("Admins",))):
        with pytest.raises(Forbidden):
            administration.listed(who)
        with pytest.raises(Forbidden):
            await administration.end(who, one.id)
        with pytest.raises(Forbidden):
            await administration.end_of_user(who, one.user)
    assert len(administration.listed(ROOT)) == 1
    kept.away = {Outcome.BEGUN}
    with pytest.raises(DatabaseUnavailable):
        await administration.end(ROOT, one.id)
    assert len(administration.listed(ROOT)) == 1, "what cannot be recorded is not done"
