"""Answers of an authorizer are shared, short-lived, and refusals if there is none."""

from __future__ import annotations

import asyncio
import logging

import pytest

from portal.auth.authorizer import (
    AT_ONCE,
    FRESH,
    FRESH_IF_TOLD,
    GOOD_FOR,
    NOT_ASKED,
    KnownRights,
    Rights,
)
from portal.auth.policy import Policy
from portal.domain.errors import ClusterUnavailable, Forbidden
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.owners import NOBODY, Owners, label_of
from portal.domain.permissions import Permission
from tests.waiting import until

ANN, BOB = Identity("ann"), Identity("bob")
KEY = Key("apps", "sales")
ANNS = Owners(label_of("ann"))


class Asked:
    """A counting authorizer that answers as a policy; ``gate`` delays it, ``error`` is raised."""

    def __init__(self) -> None:
        self.policy = Policy(NamespaceRules(), open_mode=False, admin_groups=("admins",))
        self.asked: list[Identity] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def rights(self, identity: Identity) -> Rights:
        self.asked.append(identity)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.policy.of(identity)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_one_question_for_all_who_ask_for_one_identity() -> None:
    asked, clock = Asked(), Clock()
    known = KnownRights(asked, clock=clock)
    asked.gate.clear()
    asking = [asyncio.create_task(known.ask(ANN)) for _ in range(500)]
    other = asyncio.create_task(known.ask(BOB))
    await until(lambda: len(asked.asked) >= 2)
    asked.gate.set()
    answers = await asyncio.gather(*asking)
    assert asked.asked == [ANN, BOB]
    assert answers == [asked.policy.of(ANN)] * 500
    assert await other == asked.policy.of(BOB)

    clock.now += FRESH - 0.1
    assert await known.ask(ANN) == known.known(ANN) == answers[0]
    assert asked.asked == [ANN, BOB]
    clock.now += 0.2
    await known.ask(ANN)
    assert asked.asked == [ANN, BOB, ANN]
    await known.ask_again(ANN)
    assert asked.asked == [ANN, BOB, ANN, ANN]


async def test_the_same_user_in_another_group_is_asked_for_apart() -> None:
    asked = Asked()
    known = KnownRights(asked)
    await known.ask(ANN)
    admin = Identity("ann", ("admins",))
    assert known.known(admin) == NOT_ASKED
    assert await known.ask(admin) != known.known(ANN)


async def test_nothing_may_be_done_by_whom_nobody_has_asked_for() -> None:
    rights = KnownRights(Asked()).known(ANN)
    assert rights.namespaces == frozenset()
    assert rights.refusal(Permission.SEE, KEY, None) is not None
    for scope in (rights.scope(KEY, ANNS), rights.list_scope(None), rights.list_scope("ann")):
        assert (scope.permissions, scope.namespaces) == (frozenset(), frozenset())
        assert "has not been found out yet" in scope.unanswered


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ClusterUnavailable("The API server does not answer."), "The API server does not answer."),
        (Forbidden("no reviews for you"), "no reviews for you."),
        (KeyError("bug"), "something went wrong in the portal itself."),
    ],
)
async def test_a_question_that_fails_is_a_no_that_says_so(
    error: Exception, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked, clock = Asked(), Clock()
    known = KnownRights(asked, clock=clock)
    await known.ask(ANN)
    asked.error = error
    with caplog.at_level(logging.WARNING, "portal.auth"):
        rights = await known.ask_again(ANN)
        assert rights == await known.ask_again(ANN)
    refusal = rights.refusal(Permission.SEE, KEY, ANNS)
    assert refusal is not None
    assert refusal.message == f"What you may do could not be found out: {words}"
    assert refusal.advice
    assert known.known(ANN) == rights, "what was known before counts no more"
    assert caplog.text.count("ann may do nothing: ") == 1, "once, not every few seconds"
    assert "bug" not in str(refusal)

    asked.error = None
    clock.now += FRESH
    assert (await known.ask(ANN)).refusal(Permission.SEE, KEY, ANNS) is None


async def test_a_question_without_an_answer_ends_as_no() -> None:
    asked = Asked()
    asked.gate.clear()
    known = KnownRights(asked, patience=0.01)
    rights = await known.ask(ANN)
    assert "there was no answer within 0.01 seconds" in str(
        rights.refusal(Permission.SEE, KEY, None)
    )


async def test_many_slow_questions_hold_nobody_up_for_longer_than_one() -> None:
    asked = Asked()
    asked.gate.clear()
    known = KnownRights(asked, patience=0.01)
    people = [Identity(f"p{number}") for number in range(AT_ONCE * 3)]
    answers = await asyncio.gather(*(known.ask(each) for each in people))
    assert all(each.namespaces == frozenset() for each in answers)
    asked.gate.set()
    assert (await known.ask_again(ANN)).namespaces is None, "and the next one is asked"


async def test_so_many_questions_are_under_way_at_the_same_time() -> None:
    asked = Asked()
    asked.gate.clear()
    known = KnownRights(asked)
    people = [Identity(f"p{number}") for number in range(AT_ONCE * 3)]
    asking = [asyncio.create_task(known.ask(each)) for each in people]
    await until(lambda: len(asked.asked) >= AT_ONCE)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(asked.asked) == AT_ONCE
    asked.gate.set()
    assert await asyncio.gather(*asking) == [asked.policy.of(each) for each in people]


async def test_who_stops_waiting_ends_the_question_for_nobody_else() -> None:
    asked = Asked()
    asked.gate.clear()
    known = KnownRights(asked)
    gone, stays = (asyncio.create_task(known.ask(ANN)) for _ in range(2))
    await until(lambda: len(asked.asked) >= 1)
    gone.cancel()
    await asyncio.wait([gone])
    asked.gate.set()
    assert await stays == asked.policy.of(ANN)
    assert asked.asked == [ANN]


async def test_an_answer_that_is_not_renewed_counts_no_more() -> None:
    clock = Clock()
    known = KnownRights(Asked(), clock=clock)
    await known.ask(ANN)
    clock.now += GOOD_FOR
    assert known.known(ANN) != NOT_ASKED
    clock.now += 0.1
    assert known.known(ANN) == NOT_ASKED


async def test_changes_of_an_answer_are_told_and_nothing_else() -> None:
    asked = Asked()
    known = KnownRights(asked)
    told: list[Identity] = []
    known.on_change(told.append)
    await known.ask_again(ANN)
    await known.ask_again(ANN)
    assert told == [ANN]
    asked.policy = Policy(NamespaceRules(("lab",)))
    await known.ask_again(ANN)
    asked.error = ClusterUnavailable("no")
    await known.ask_again(ANN)
    await known.ask_again(ANN)
    assert told == [ANN] * 3


async def test_those_who_look_are_asked_for_again_each_once() -> None:
    asked = Asked()
    known = KnownRights(asked, fresh=0.001)
    looking = [ANN] * 500 + [BOB]
    keeping = asyncio.create_task(known.keep_fresh(lambda: looking))
    await until(lambda: len(asked.asked) >= 2)
    looking[:] = [ANN] * 500
    await until(lambda: len(asked.asked) >= 5)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert set(asked.asked[:2]) == {ANN, BOB}
    assert set(asked.asked[3:]) == {ANN}


async def test_what_is_old_is_forgotten() -> None:
    clock = Clock()
    known = KnownRights(Asked(), clock=clock)
    for number in range(100):
        await known.ask(Identity(f"p{number}"))
        clock.now += 1.0
    assert len(known) <= GOOD_FOR + 1


async def test_an_unknown_owner_is_no_reason_to_say_yes() -> None:
    rights = await KnownRights(Asked()).ask(BOB)
    assert rights.refusal(Permission.UPGRADE, KEY, NOBODY) is not None


async def test_after_a_change_of_roles_everybody_is_asked_for_anew() -> None:
    asked, clock = Asked(), Clock()
    known = KnownRights(asked, told=lambda: True, clock=clock)
    before = await known.ask(ANN)
    clock.now += FRESH + 1
    assert await known.ask(ANN) == before
    assert asked.asked == [ANN], "nothing has changed: it would have been told of"
    known.forget()
    assert known.known(ANN) == before, "until there is an answer"
    clock.now += 0.1
    await known.ask(ANN)
    assert asked.asked == [ANN, ANN]
    clock.now += FRESH_IF_TOLD
    await known.ask(ANN)
    assert asked.asked == [ANN, ANN, ANN], "who else decides tells of nothing"


async def test_an_answer_of_before_a_change_does_not_replace_one_of_after_it() -> None:
    asked, clock = Asked(), Clock()
    known = KnownRights(asked, told=lambda: True, clock=clock)
    asked.gate.clear()
    early = asyncio.create_task(known.ask(ANN))
    await until(lambda: len(asked.asked) == 1)
    clock.now += 1
    known.forget()
    late = asyncio.create_task(known.ask(ANN))
    await until(lambda: len(asked.asked) == 2)
    asked.gate.set()
    assert await early == await late == known.known(ANN)
    assert len(asked.asked) == 2


async def test_open_views_are_asked_for_as_soon_as_roles_change() -> None:
    asked = Asked()
    known = KnownRights(asked, fresh=3600, told=lambda: True)
    await known.ask(ANN)
    keeping = asyncio.create_task(known.keep_fresh(lambda: [ANN]))
    try:
        await asyncio.sleep(0)
        known.forget()
        await until(lambda: len(asked.asked) == 2)
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
