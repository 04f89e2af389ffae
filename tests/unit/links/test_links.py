"""Read-only links: who makes them, what opens them, and what ends them."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from portal.auth.oidc.sessions import Seal
from portal.auth.policy import Policy
from portal.database.database import Database
from portal.domain.errors import (
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    InvalidInput,
    NotFound,
    PortalError,
)
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import Operation, OperationPhase
from portal.domain.owners import Role
from portal.links.links import MOST, Links
from portal.links.token import Link, link_in, seal_of, token_of
from tests.unit.recorder import Kept
from tests.unit.releases.fakes import until
from tests.unit.releases.test_actions import RULES, SPEC, World

ANN, BOB, EVE = Identity("ann"), Identity("bob", ("team",)), Identity("eve")
ROOT = Identity("root", ("admins",))
KEY, OTHER = SPEC.key, Key("apps", "other")
HOUR = 3600


class Site:
    """Links to apps of a fake cluster, in a database of a file, by a clock that is set."""

    def __init__(self, folder: Path) -> None:
        self.kept = Kept()
        policy = Policy(RULES, open_mode=False, admin_groups=["admins"])
        self.world = World(policy=policy, recorder=self.kept)
        self.folder = folder
        self.now = 1_800_000_000.0
        self.databases: list[Database] = []
        self.links = self.portal()

    def portal(self, name: str = "portal") -> Links:
        """Links as one more portal has them."""
        database = Database(f"sqlite:///{self.folder}/{name}.db", retry=0.0)
        self.databases.append(database)
        access = self.world.actions.access
        return Links(database, self.world.store, access, self.kept, lambda: self.now)

    async def launch(self, key: Key = KEY, who: Identity = ANN) -> None:
        await self.ended(await self.world.actions.launch(who, replace(SPEC, key=key)))

    async def ended(self, operation: Operation) -> None:
        def over() -> bool:
            now = self.world.store.snapshot.app(operation.key).operation
            if now is None or now.id != operation.id:
                return False
            return now.phase is OperationPhase.SUCCEEDED

        await until(self.world.store, over)

    async def share(self, asked: dict[Role, str]) -> None:
        await self.ended(await self.world.actions.share(ANN, KEY, asked))

    async def shows(self, token: str, links: Links | None = None) -> bool:
        try:
            return (await (links or self.links).opened(token)).key == KEY
        except NotFound:
            return False

    async def close(self) -> None:
        for each in self.databases:
            await each.close()
        await self.world.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    await site.launch()
    yield site
    await site.close()


async def test_a_link_shows_its_app_in_every_portal_until_it_expires(site: Site) -> None:
    token = await site.links.make(ANN, KEY, "1 hour")
    other = site.portal()
    assert await site.shows(token)
    assert await site.shows(token, other)
    site.now += HOUR - 1
    assert await site.shows(token)
    site.now += 1
    assert not await site.shows(token)
    assert not await site.shows(token, other)
    assert await site.links.listed(ANN, KEY) == []


async def test_a_link_needs_nobody_to_look_at_the_app_and_no_cookie(site: Site) -> None:
    """Its issuer may be away for days: rights are asked for the link itself."""
    token = await site.links.make(ANN, KEY, "7 days")
    site.now += 6 * 24 * HOUR
    assert await site.shows(token)


async def test_a_link_of_somebody_in_hundreds_of_groups_is_short_and_opens(site: Site) -> None:
    issuer = replace(ANN, groups=tuple(str(uuid.UUID(int=each)) for each in range(300)))
    token = await site.links.make(issuer, KEY, "1 hour")
    assert len(token) < 500
    assert await site.shows(token)
    assert (await site.portal().opened(token)).issuer == issuer


async def test_a_link_of_before_that_named_the_groups_still_opens(site: Site) -> None:
    token = await site.links.make(ROOT, KEY, "1 hour")
    (link,) = await site.links.listed(ROOT, KEY)
    seal = await site.links._sealed()
    assert link.issuer == ROOT
    assert await site.shows(seal.close(link))
    assert await site.shows(token)


def forged(token: str, link: Link, secret: str) -> dict[str, str]:
    """Tokens that are not the one, by what is wrong with them."""
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))

    def coded(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    seal = seal_of(secret)
    plain = json.dumps({"id": link.id, "key": ["apps", "sales"], "expires": link.expires})
    return {
        "nothing": "",
        "a word": "token",
        "its id": link.id,
        "only its beginning": token[:-1],
        "only its end": token[1:],
        "half of it": token[: len(token) // 2],
        "twice": token + token,
        "a character more": token + "A",
        "padded": token + "=",
        "with a space before": " " + token,
        "with a newline behind": token + "\n",
        "with a character that base64 ignores": token[:50] + "!" + token[50:],
        "with a dot": token[:50] + "." + token[50:],
        "in the other alphabet": token.replace("-", "+").replace("_", "/") + "//",
        "in lower case": token.lower(),
        "in upper case": token.upper(),
        "first bit changed": coded(bytes([raw[0] ^ 0x80]) + raw[1:]),
        "last bit changed": coded(raw[:-1] + bytes([raw[-1] ^ 1])),
        "time changed": coded(raw[:5] + bytes([raw[5] ^ 1]) + raw[6:]),
        "content changed": coded(raw[:40] + bytes([raw[40] ^ 1]) + raw[41:]),
        "without its signature": coded(raw[:-32]),
        "with a signature of zeros": coded(raw[:-32] + bytes(32)),
        "plain JSON": coded(plain.encode()),
        "an unsigned JWT": f"{coded(b'{}')}.{coded(plain.encode())}.",
        "of another secret": token_of(seal_of("x" * 43), link),
        "of another purpose": Seal(secret.encode(), "session").close(link),
        "of another shape": seal.close(link.issuer),
        "of another app": token_of(seal, replace(link, key=OTHER)),
        "of another issuer": token_of(seal, replace(link, issuer=ROOT)),
        "that lasts longer": token_of(seal, replace(link, expires=link.expires + 1)),
        "of another id": token_of(seal, replace(link, id="0" * 16)),
        "full-width": "".join(chr(ord(each) + 0xFEE0) for each in token),
        "huge": token * 100,
    }


async def test_nothing_but_the_token_opens_a_link(site: Site) -> None:
    token = await site.links.make(ANN, KEY, "1 hour")
    (link,) = await site.links.listed(ANN, KEY)
    from portal.links import store

    secret = await site.databases[0].write(store.secret)
    assert link_in(seal_of(secret), token) == link
    tried = forged(token, link, secret)
    assert len(tried) >= 20
    assert [name for name, each in tried.items() if each == token] == []
    accepted = [name for name, each in tried.items() if await site.shows(each, site.portal())]
    assert accepted == []
    assert await site.shows(token)


async def test_a_token_of_another_installation_opens_nothing(site: Site) -> None:
    elsewhere = site.portal("elsewhere")
    assert not await site.shows(await elsewhere.make(ANN, KEY, "1 hour"))


async def test_one_link_is_revoked_and_the_others_go_on(site: Site) -> None:
    first, second = [await site.links.make(ANN, KEY, "1 day") for _ in range(2)]
    assert await site.shows(first), "another link does not end it"
    ids = {each.id for each in await site.links.listed(ANN, KEY)}
    other = site.portal()
    assert await site.shows(first, other)
    for token in (first, second):
        if not await site.shows(token):
            continue
        opened = await site.links.opened(token)
        await site.links.revoke(ANN, KEY, opened.id)
        assert not await site.shows(token)
        site.now += 5
        assert not await site.shows(token, other), "within seconds elsewhere too"
        break
    assert await site.shows(second)
    assert len(await site.links.listed(ANN, KEY)) == len(ids) - 1


async def test_what_its_issuer_loses_the_link_loses(site: Site) -> None:
    await site.share({Role.OWN: "user:bob"})
    token = await site.links.make(BOB, KEY, "1 day")
    assert await site.shows(token)
    await site.share({Role.VIEW: "user:bob"})
    await site.world.rights.ask_again(BOB)
    assert not await site.shows(token), "who may only look shows nothing to others"
    await site.share({Role.OWN: "group:team"})
    assert await site.shows(token)
    await site.share({})
    assert not await site.shows(token)


async def test_the_link_to_an_app_that_is_gone_shows_no_other_of_its_name(site: Site) -> None:
    token = await site.links.make(ANN, KEY, "1 day")
    await site.ended(await site.world.actions.uninstall(ANN, KEY))
    await until(site.world.store, lambda: site.world.store.snapshot.app(KEY).release is None)
    assert not await site.shows(token)
    await site.launch(who=EVE)
    assert not await site.shows(token), "it is eve's now"


@pytest.mark.parametrize("who", [BOB, EVE])
async def test_only_owners_and_administrators_make_list_and_revoke(
    site: Site, who: Identity
) -> None:
    await site.share({Role.OPERATE: "user:bob"})
    token = await site.links.make(ROOT, KEY, "1 hour")
    (link,) = await site.links.listed(ANN, KEY)
    with pytest.raises(Forbidden):
        await site.links.make(who, KEY, "1 hour")
    with pytest.raises(Forbidden):
        await site.links.listed(who, KEY)
    with pytest.raises(Forbidden):
        await site.links.revoke(who, KEY, link.id)
    await site.launch(OTHER, EVE)
    await site.links.revoke(EVE, OTHER, link.id)
    assert await site.shows(token), "not by way of another app"


async def test_what_is_asked_for_is_checked(site: Site) -> None:
    for lasts in ("", "forever", "-1", "1 Hour"):
        with pytest.raises(InvalidInput) as refused:
            await site.links.make(ANN, KEY, lasts)
        assert set(refused.value.fields) == {"lasts"}
    with pytest.raises(PortalError):
        await site.links.make(ROOT, Key("apps", "none"), "1 hour")
    for _ in range(MOST):
        await site.links.make(ANN, KEY, "1 hour")
    with pytest.raises(Conflict, match="Revoke one"):
        await site.links.make(ANN, KEY, "1 hour")
    site.now += HOUR
    await site.links.make(ANN, KEY, "1 hour")


async def test_each_is_recorded_without_the_token(site: Site) -> None:
    token = await site.links.make(ANN, KEY, "1 hour")
    for _ in range(3):
        await site.shows(token)
    (link,) = await site.links.listed(ANN, KEY)
    await site.links.revoke(ANN, KEY, link.id)
    told = [(each.action, each.outcome) for each in site.kept.events if "link" in each.action]
    assert told == [
        ("link", "begun"),
        ("link", "succeeded"),
        ("link-open", "succeeded"),
        ("link-revoke", "begun"),
        ("link-revoke", "succeeded"),
    ]
    said = repr(site.kept.events)
    assert link.id in said
    assert token not in said
    assert token[40:80] not in said


async def test_without_the_database_nothing_is_shown_or_made(site: Site, tmp_path: Path) -> None:
    token = await site.links.make(ANN, KEY, "1 hour")
    site.folder = tmp_path / "away"
    away = site.portal()
    with pytest.raises(DatabaseUnavailable):
        await away.opened(token)
    with pytest.raises(DatabaseUnavailable):
        await away.make(ANN, KEY, "1 hour")
