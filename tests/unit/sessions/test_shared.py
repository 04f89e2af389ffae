"""Sessions in several pods of the portal with one database, SQLite and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from portal.auth.oidc.administration import SessionAdministration
from portal.auth.oidc.sessions import GRACE, Seal
from portal.database.database import Database
from portal.domain.audit import UNRECORDED
from portal.domain.errors import DatabaseUnavailable, Unauthenticated
from portal.domain.identity import Identity
from portal.domain.sessions import SessionEnd, TokenLease
from portal.sessions import store
from portal.sessions.shared import LEASE_FOR, USED_FOR, DatabaseSessions
from tests.unit.auth.provider import EVERY, ISSUER, LONGEST, NOW, OpenIdProvider, Portal, signed
from tests.waiting import until

Connect = Callable[[], Database]
ROOT = Identity("root", ("admins",))


class Pod(Portal):
    """A pod of the portal; ``running`` has it look at the database."""

    def __init__(self, database: Database, idp: OpenIdProvider, secret: bytes = b"k" * 32) -> None:
        self.database = database
        self.told = DatabaseSessions(database, interval=0.005, clock=idp.clock)
        super().__init__(idp, secret, self.told)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Pod]:
        task = asyncio.create_task(self.told.run())
        try:
            await until(lambda: self.told.tried)
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])

    def accepts(self, jar: dict[str, str]) -> bool:
        """Return True if cookies are accepted, which are then those of the browser."""
        self.jar = dict(jar)
        try:
            return self.authenticator.identify(self.headers()).user == "ann@example.com"
        except Unauthenticated:
            return False


@asynccontextmanager
async def pods(connect: Connect, number: int = 2) -> AsyncIterator[list[Pod]]:
    idp = OpenIdProvider()
    async with AsyncExitStack() as stack:
        made = [Pod(connect(), idp) for _ in range(number)]
        yield [await stack.enter_async_context(each.running()) for each in made]


async def logout(pod: Pod, **claims: object) -> None:
    event = {"http://schemas.openid.net/event/backchannel-logout": {}}
    now = int(pod.idp.now)
    told = {"iat": now, "exp": now + 60, "iss": ISSUER, "aud": "dash-portal", "events": event}
    await pod.sign_in.back_channel_logout(signed({**told, **claims}))


async def sign_out(pod: Pod) -> None:
    await pod.sign_in.sign_out(pod.headers())


async def end_as_administrator(pod: Pod) -> None:
    administration = SessionAdministration(pod.sessions, UNRECORDED, ["admins"])
    (listed,) = administration.listed(ROOT)
    await administration.end(ROOT, listed.id)


async def end_all_of_ann(pod: Pod) -> None:
    administration = SessionAdministration(pod.sessions, UNRECORDED, ["admins"])
    assert await administration.end_of_user(ROOT, "ann@example.com") == 1


ENDS = {
    "sign-out": sign_out,
    "provider's session": lambda pod: logout(pod, sid="s-1"),
    "provider's person": lambda pod: logout(pod, sub="u-1"),
    "administrator": end_as_administrator,
    "administrator, all": end_all_of_ann,
}


@pytest.mark.parametrize("how", ENDS)
async def test_a_copied_cookie_is_refused_by_every_pod_and_after_a_restart(
    connect: Connect, how: str
) -> None:
    async with pods(connect) as (one, other):
        await one.signed_in()
        copied = dict(one.jar)
        assert other.accepts(copied)
        one.idp.now += 2
        await ENDS[how](one)
        assert not one.accepts(copied)
        await until(lambda: not other.accepts(copied))
        with pytest.raises(Unauthenticated):
            await other.who()
        # A pod that starts, also when all others are gone, knows it once it is ready.
        async with Pod(connect(), one.idp).running() as third:
            assert not third.accepts(copied)
        # Whoever signs in again gets in everywhere.
        one.jar = {}
        await one.signed_in()
        assert other.accepts(one.jar)


async def test_others_go_on(connect: Connect) -> None:
    async with pods(connect) as (one, other):
        await one.signed_in()
        first, one.jar = one.jar, {}
        await one.signed_in()
        await sign_out(one)
        await until(lambda: not other.accepts(one.jar))
        assert other.accepts(first)


async def test_the_database_has_no_name_no_id_and_no_cookie(connect: Connect) -> None:
    async with pods(connect, 1) as (pod,):
        await pod.signed_in()
        (session,) = pod.sessions.present()
        pod.idp.now += EVERY
        assert await pod.who() == "ann@example.com"
        await logout(pod, sid="s-1", sub="u-1")
        await pod.sessions.end(session)
        await pod.sessions.end_of_user("ann@example.com")

        def dump(connection: Connection) -> list[str]:
            tables = ("session_ends", "session_renewals")
            found = [connection.execute(text(f"SELECT * FROM {each}")) for each in tables]
            return [str(value) for rows in found for row in rows for value in row]

        kept = await pod.database.read(dump)
        assert sum(len(each) == 64 for each in kept) == 5
        known = {session.id, session.sid, session.sub, session.user, session.refresh_token}
        assert not [each for each in kept if any(one in each for one in known)]
        # Who reads the database without the portals' secret cannot try out names.
        assert Seal(b"k" * 32, "session").hash("user", session.user) in kept
        assert Seal(b"x" * 32, "session").hash("user", session.user) not in kept


async def test_ends_are_forgotten_when_no_such_session_can_be_left(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.sessions.shared.FORGET_EVERY", 0.0)

    def count(connection: Connection) -> int:
        return connection.execute(text("SELECT count(*) FROM session_ends")).scalar_one()

    async with pods(connect) as (one, other):
        await one.signed_in()
        await sign_out(one)
        assert await one.database.read(count) == 1
        one.idp.now += LONGEST - 1
        await one.signed_in()
        await until(lambda: bool(other.sessions._over))
        assert await one.database.read(count) == 1
        one.idp.now += 1000
        rows = [1]

        async def counted() -> int:
            rows.append(await one.database.read(count))
            return rows[-1]

        async with asyncio.timeout(20):
            while await counted():
                pass
        # Positions go on where they were: others have seen the newest row.
        one.jar = {}
        await one.signed_in()
        copied = dict(one.jar)
        await sign_out(one)
        await until(lambda: not other.accepts(copied))


async def test_no_end_is_overlooked_while_another_is_written(connect: Connect) -> None:
    """Positions are given out before they are seen: the later of two must not be seen first."""
    slow, fast, reader = connect(), connect(), connect()
    seen: list[str] = []
    told = DatabaseSessions(reader, clock=lambda: NOW)
    told.on_ends(lambda ends: seen.extend(each.hash for each in ends))
    await told._look()
    added, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def write(connection: Connection) -> None:
        store.add(connection, [SessionEnd("slow", int(NOW), int(NOW) + 9)])
        loop.call_soon_threadsafe(added.set)
        go_on.wait(20)

    writing = asyncio.ensure_future(slow.write(write))
    await added.wait()
    other = DatabaseSessions(fast, clock=lambda: NOW)
    ending = asyncio.ensure_future(other.end([SessionEnd("fast", int(NOW), int(NOW) + 9)]))
    await asyncio.wait([ending], timeout=0.2)
    await told._look()
    go_on.set()
    await asyncio.gather(writing, ending)
    await told._look()
    assert set(seen) == {"slow", "fast"}


class Away:
    """A database whose folder comes and goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self.made: list[Database] = []

    def __call__(self) -> Database:
        self.made.append(Database(f"sqlite:///{self.folder}/portal.db", retry=0, interval=0.005))
        return self.made[-1]


@pytest.fixture
async def away(tmp_path: Path) -> AsyncIterator[Away]:
    away = Away(tmp_path)
    yield away
    for each in away.made:
        await each.close()


async def test_an_end_that_cannot_be_written_holds_here_and_is_written_later(away: Away) -> None:
    async with pods(away) as (one, other):
        await one.signed_in()
        copied = dict(one.jar)
        step = await one.sign_in.sign_out(one.headers())
        one.take(step.set_cookies)
        assert list(one.jar) == ["__Host-dash-portal-not-shared"]
        done = one.sign_in.signed_out(one.headers())
        assert "Other pods of the portal could not be told" in done.text
        one.take(done.set_cookies)
        assert one.sign_in.signed_out(one.headers()).text == ""
        with pytest.raises(DatabaseUnavailable, match="in this pod of the portal; other pods"):
            await logout(one, sub="u-2")
        # Both pods keep what they know, and renew sessions as if there were no database.
        assert not one.accepts(copied)
        assert other.accepts(copied)
        assert one.told.waiting == 2
        away.folder.mkdir()
        await until(lambda: not other.accepts(copied))
        await until(lambda: not one.told.waiting)


async def test_a_person_is_told_of_an_end_once_it_is_written(connect: Connect) -> None:
    async with pods(connect, 1) as (pod,):
        await pod.signed_in()
        written = asyncio.Event()
        real = pod.told.end

        async def end(ends: list[SessionEnd]) -> None:
            await written.wait()
            await real(ends)

        pod.told.end = end  # pyright: ignore[reportAttributeAccessIssue]
        leaving = asyncio.ensure_future(pod.sign_in.sign_out(pod.headers()))
        await until(lambda: not pod.accepts(pod.jar))
        assert not leaving.done()
        written.set()
        assert pod.sign_in.signed_out([]).text == ""
        await leaving


async def test_a_request_looks_at_memory_alone(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = Pod(connect(), OpenIdProvider())
    asked: list[Database] = []

    async def transaction(database: Database, *_: object, **__: object) -> None:
        asked.append(database)

    monkeypatch.setattr(Database, "_transaction", transaction)
    await pod.signed_in()
    for _ in range(5):
        pod.idp.now += 50
        assert await pod.who() == "ann@example.com"
    assert not asked
    await pod.sessions.end_of_user("nobody")
    assert asked == [pod.database]


# Renewals.


async def test_two_pods_use_a_refresh_token_once(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.auth.oidc.sessions.WAIT", 0.001)
    async with pods(connect) as (one, other):
        idp = one.idp
        await one.signed_in()
        other.jar = dict(one.jar)
        for stale in (0, GRACE):
            idp.now += EVERY + stale
            idp.asked.clear()
            idp.going_on.clear()
            asking = [
                asyncio.ensure_future(each.authenticator.authenticate(each.headers()))
                for each in (one, other, one, other)
            ]
            await until(lambda: "/token" in idp.asked)
            idp.going_on.set()
            found = await asyncio.gather(*asking)
            assert idp.asked.count("/token") == 1
            assert {each.identity.user for each in found} == {"ann@example.com"}
            # The pod without the new refresh token gives no cookie that could replace the new one.
            new = [each.set_cookies for each in found if each.set_cookies]
            assert len(new) == 2
            one.take(new[0])
            other.jar = dict(one.jar)
        assert idp.refused == []
        idp.now += EVERY
        assert await other.who() == "ann@example.com"


async def test_a_late_cookie_goes_on_for_a_while_and_not_to_the_provider(connect: Connect) -> None:
    async with pods(connect) as (one, other):
        await one.signed_in()
        old = dict(one.jar)
        one.idp.now += EVERY
        assert await one.who() == "ann@example.com"
        one.idp.asked.clear()
        for _ in range(2):
            assert other.accepts(old)
            assert await other.who() == "ann@example.com"
            assert other.jar == old
            one.idp.now += 100
            assert one.idp.asked == []
        # Both pods go on with the new one.
        assert await one.who() == "ann@example.com"
        other.jar = dict(one.jar)
        assert await other.who() == "ann@example.com"
        assert one.idp.refused == []


async def test_a_cookie_that_comes_back_much_later_was_copied_and_ends_its_session(
    connect: Connect,
) -> None:
    async with pods(connect) as (one, other):
        await one.signed_in()
        other.jar = dict(one.jar)
        one.idp.now += EVERY
        assert await one.who() == "ann@example.com"
        one.idp.now += GRACE
        one.idp.asked.clear()
        assert one.accepts(one.jar)
        with pytest.raises(Unauthenticated):
            await other.who()
        assert one.idp.asked == []
        await until(lambda: not one.accepts(one.jar))


async def test_a_token_that_stays_the_same_is_used_by_all(connect: Connect) -> None:
    async with pods(connect) as (one, other):
        one.idp.rotates = False
        await one.signed_in()
        other.jar = dict(one.jar)
        one.idp.asked.clear()
        for _ in range(3):
            one.idp.now += EVERY
            assert await one.who() == "ann@example.com"
            assert await other.who() == "ann@example.com"
        assert one.idp.asked.count("/token") == 6


async def test_a_session_that_ends_at_the_provider_ends_in_every_pod(connect: Connect) -> None:
    async with pods(connect) as (one, other):
        await one.signed_in()
        other.jar = dict(one.jar)
        one.idp.valid.clear()
        one.idp.now += EVERY
        for each in (one, other):
            with pytest.raises(Unauthenticated):
                await each.who()


async def test_a_provider_that_does_not_answer_leaves_the_token_to_the_next(
    connect: Connect,
) -> None:
    async with pods(connect) as (one, other):
        await one.signed_in()
        other.jar = dict(one.jar)
        one.idp.now += EVERY
        one.idp.down = True
        assert await one.who() == "ann@example.com"
        one.idp.down = False
        before = dict(other.jar)
        assert await other.who() == "ann@example.com"
        assert other.jar != before


async def test_one_of_many_leases_a_token_and_leaves_it_when_it_dies(connect: Connect) -> None:
    now = NOW
    told = [DatabaseSessions(connect(), clock=lambda: now) for _ in range(3)]
    for each in told:
        assert await each.take_lease("t") is TokenLease.UNKNOWN, (
            "nobody waits for a database not reached"
        )
        await each._look()
    found = await asyncio.gather(*(each.take_lease("t") for each in told for _ in range(4)))
    assert sorted(map(str, found)) == [str(TokenLease.OURS)] + 11 * [str(TokenLease.TAKEN)]
    now += LEASE_FOR
    assert await told[1].take_lease("t") is TokenLease.OURS
    await told[1].release_lease("t", int(now))
    assert await told[2].take_lease("t") == int(now)
    await told[2].release_lease("t", None)
    assert await told[0].take_lease("t") is TokenLease.OURS
    # Both had used it while they did not know of each other.
    await asyncio.gather(*(each.release_lease("t", int(now)) for each in told))
    assert await told[0].take_lease("t") == int(now)
    now += USED_FOR
    assert await told[0].take_lease("t") is TokenLease.OURS
