"""What the app's page and the autoscaler's own page say of a decision."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from portal.auth.authorizer import KnownRights, Rights
from portal.autoscalers.decided import decided_of
from portal.autoscalers.followers import Followers
from portal.domain.identity import Identity
from portal.domain.objects import Hpa
from portal.domain.permissions import UNLIMITED
from portal.scoped_views import ScopedViews
from portal.state.model import AppState
from portal.viewmodels.urls import NOWHERE
from tests.unit.autoscalers.make import app, at, ready_pods, told
from tests.unit.autoscalers.test_followers import Clock, Given
from tests.unit.autoscalers.test_following import follow
from tests.unit.viewmodels.make import KEY, condition


class Nobody:
    """An authorizer that is not asked: the views are given a scope."""

    async def rights(self, identity: Identity) -> Rights:
        raise AssertionError(identity)


CALM = app(told(70, 2, 2), [70, 70], at(0))
BUSY = app(told(140, 2, 4), [140, 140], at(14))
HELD = app(told(10, 4, 4, able="ScaleDownStabilized"), [10] * 4, at(29), pods=ready_pods(4))
FULL = app(told(400, 6, 10, limited="TooManyReplicas"), [400] * 6, at(14), pods=ready_pods(6))
DIFFERS = app(told(140, 2, 3), [140, 140], at(14))
NO_TARGET = app(replace(told(70, 2, 2), target_name="other"), [70, 70], at(0))
UNREAD = app(
    replace(told(70, 2, 2), conditions=(condition("AbleToScale", reason="FailedGetScale"),)),
    [70, 70],
    at(0),
)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ((CALM,), "Stays at 2 pods: CPU is at 70 %"),
        ((CALM, BUSY), "Adds 2, to 4 pods: CPU is at 140 %"),
        ((CALM, BUSY, HELD), "but the metrics asked for 4 pods 15 s ago"),
        ((CALM, FULL), "which asks for 35 pods; the maximum is 10."),
        ((CALM, DIFFERS), "the engine comes to 4 replicas, the controller to 3."),
        ((NO_TARGET,), "Deployment other, is not one of the app's"),
        ((UNREAD,), "Stays at 2 pods: the number of pods cannot be read."),
    ],
)
async def test_both_pages_say_the_same(seen: tuple[AppState, ...], words: str) -> None:
    store, clock = Given({KEY: seen[0]}), Clock()
    followers = Followers(store, clock.now, clock.ticks)
    for each in seen:
        store.apps = {KEY: each}
        followers.changed(frozenset({KEY}))
        clock.seconds += 15
    views = ScopedViews(
        store, KnownRights(Nobody()), NOWHERE, lambda keys: None, followers=followers
    )
    (card,) = views.app(UNLIMITED, KEY).autoscalers
    page = views.autoscalers(UNLIMITED, KEY)
    assert words in card.summary
    assert card == page.own
    said = page.why.sentence if page.why else page.missing
    assert card.summary.endswith(said)
    coming = page.next
    assert (card.change, card.change_at) == (
        (coming.change, coming.change_at) if coming else ("", None)
    )


def said(hpa: Hpa, *percents: float) -> str:
    return decided_of(hpa, follow((0, app(hpa, percents, at(0))))).sentence


def test_before_its_first_sync_it_has_not_decided() -> None:
    assert said(replace(told(None, 0, 0), conditions=()), 70) == "It has not decided yet."


def test_at_zero_replicas_it_is_keda_that_wakes_it() -> None:
    off = condition("ScalingActive", reason="ScalingDisabled")
    zero = replace(told(None, 0, 0), conditions=(off,))
    assert "switches the autoscaler off" in said(zero)
    assert said(replace(zero, scaled_object="web")).endswith("KEDA decides when pods start again.")


def test_a_target_that_cannot_be_read() -> None:
    broken = replace(told(70, 2, 2), metrics=())
    assert decided_of(broken, None).sentence.startswith("A target of this autoscaler cannot")
    assert decided_of(broken, None).asked is None


def test_just_after_a_change_the_reading_is_of_the_pods_before_it() -> None:
    new = tuple(
        replace(each, created_at=at(-5), started_at=at(-5), ready_at=at(-2))
        for each in ready_pods(3, first=1)
    )
    pods = (*ready_pods(1), *(replace(each, conditions=()) for each in new))
    one = app(told(972, 1, 4, limited="ScaleUpLimit"), [972], at(-5), pods=pods)
    found = follow((0, one))
    assert found.decision.trace.recommended == 14
    assert (found.decision.replicas, found.decision.desired) == (4, 4)


async def test_a_decision_is_put_in_words_once() -> None:
    followers = Followers(Given({KEY: CALM}))
    (first,), (second,) = (followers.decided(CALM).values() for _ in range(2))
    assert first is second
    assert followers.decided(replace(CALM, hpas=())) == {}
