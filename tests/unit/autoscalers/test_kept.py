"""Scale-ups in a real database: a restart of the portal, another portal, and their size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from portal.autoscalers.followers import Followers
from portal.autoscalers.kept import LONGEST, MOST, KeptReaction, KeptReactions, with_kept
from portal.autoscalers.pod_starts import PodStart
from portal.autoscalers.reaction import KEPT, MOST_PODS, ScaleUp
from portal.autoscalers.reaction_view import reaction_view
from portal.database.database import Database
from portal.history.keeper import HistoryKeeper
from portal.state.store import Store
from tests.unit.database.conftest import connect, server, url
from tests.unit.state import make
from tests.unit.state.make import T0, Clock, key, put

__all__ = ["connect", "server", "url"]

Connect = Callable[[], Database]
APP = key("app0")
UID = "uid-hpa"


def up(number: int, pods: int = 1, **fields: object) -> ScaleUp:
    """A scale-up that ended: its pods took longer and longer to start."""
    decided = T0.timestamp() - 3600 + 300 * number
    made = ScaleUp(
        f"scaled/app0/{number}",
        decided,
        2 + pods,
        2,
        crossed=decided - 20,
        seen=decided - 1,
        pods=tuple(
            PodStart(
                f"uid-{number}-{each}",
                f"app0-1-{number}-{each}",
                decided + 1,
                scheduled=decided + 2 + each,
                started=decided + 6.5 + each,
                ready=decided + 15 + number + each,
                node="node-1",
            )
            for each in range(pods)
        ),
        over=True,
    )
    return replace(made, **fields)


class Portal:
    """A portal that follows one autoscaler and keeps what it knows."""

    def __init__(self, database: Database, clock: Clock, name: str, uid: str = UID) -> None:
        self.store = Store(clock)
        self.followers = Followers(self.store, lambda: clock.now)
        self.keeper = HistoryKeeper(
            database,
            self.store,
            holder=name,
            reactions=KeptReactions(self.followers),
            clock=lambda: clock.now.timestamp(),
        )
        make.app(self.store, "app0")
        put(self.store, replace(make.hpa("app0", "app0", "app0"), uid=uid))
        self.store.snapshot  # noqa: B018 - publishes

    def scale_ups(self) -> tuple[ScaleUp, ...]:
        (found,) = self.followers.of(APP).values()
        return found.scale_ups

    def saw(self, *found: ScaleUp) -> None:
        """Have seen scale-ups."""
        (one,) = self.followers.of(APP)
        self.followers.restore(APP, {(one.name, UID): found})


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_restart_and_another_portal_show_the_same_reaction(
    connect: Connect, clock: Clock
) -> None:
    before = Portal(connect(), clock, "one")
    await before.keeper.restore()
    before.saw(up(1), up(2, pods=3))
    told = reaction_view(before.scale_ups())
    assert "usually took" in told.sentence
    await before.keeper.write()
    clock.forward(60)
    for name in ("after a restart", "another"):
        other = Portal(connect(), clock, name)
        assert other.scale_ups() == ()
        await other.keeper.restore()
        assert other.scale_ups() == before.scale_ups()
        assert reaction_view(other.scale_ups()) == told


async def test_what_ended_later_is_kept_too(connect: Connect, clock: Clock) -> None:
    before = Portal(connect(), clock, "one")
    await before.keeper.restore()
    before.saw(up(1))
    await before.keeper.write()
    before.saw(up(1), up(2))
    await before.keeper.write()
    after = Portal(connect(), clock, "two")
    await after.keeper.restore()
    assert [each.id for each in after.scale_ups()] == ["scaled/app0/1", "scaled/app0/2"]


async def test_an_autoscaler_made_anew_has_none_of_those_of_before(
    connect: Connect, clock: Clock
) -> None:
    before = Portal(connect(), clock, "one")
    await before.keeper.restore()
    before.saw(up(1))
    await before.keeper.write()
    after = Portal(connect(), clock, "two", uid="another")
    await after.keeper.restore()
    assert after.scale_ups() == ()


def test_of_one_seen_again_the_kept_one_counts() -> None:
    kept = [up(1), up(2)]
    seen = replace(up(2), id="scaled/app0/other", crossed=None, decided=up(2).decided + 1)
    assert with_kept([seen, up(3)], kept) == (up(1), up(2), up(3))
    assert with_kept([], [up(number) for number in range(12)])[0] == up(12 - KEPT)


def test_the_size_is_as_documented() -> None:
    """Some 3 kB of an app with one autoscaler of four new pods each time; administrators.md."""
    reactions = KeptReactions(Followers(Store()))

    def size(autoscalers: int, pods: int, **fields: object) -> int:
        ups = tuple(up(number, pods, **fields) for number in range(KEPT))
        return len(reactions.encoded(tuple(_kept(str(each), ups) for each in range(autoscalers))))

    assert size(1, 4) < 3_000
    assert size(MOST, MOST_PODS) < 100_000


def test_what_is_kept_is_bounded_and_read_with_care() -> None:
    reactions = KeptReactions(Followers(Store()))
    loud = replace(up(1), pods=(replace(up(1).pods[0], held="x" * 5000),))
    body = reactions.encoded((_kept("app0", (loud,)),))
    found = reactions.decoded(body)
    assert found is not None
    assert len(found[0].scale_ups[0].pods[0].held) == LONGEST
    assert reactions.decoded(b"none") is None
    assert reactions.decoded(body[:-9]) is None


def _kept(name: str, ups: tuple[ScaleUp, ...]) -> KeptReaction:
    return KeptReaction(name, UID, ups)
