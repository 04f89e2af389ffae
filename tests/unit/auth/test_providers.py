"""What OpenID providers do differently, as people have met it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import nullcontext
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.auth.claims import ClaimNames, identity_of, value_of
from portal.auth.http import Answer, Unavailable
from portal.auth.oidc.provider import KEYS_FOR, METADATA_FOR, PAUSE
from portal.domain.errors import Unauthenticated
from portal.domain.identity import Identity
from portal.domain.impersonation import Impersonated, Impersonation
from tests.unit.auth.provider import EVERY, ISSUER, PORTAL, OpenIdProvider, Portal, answer, signed

NAMES = ClaimNames(user="email", groups="groups")
ANN = "ann@example.com"


def claims(**more: object) -> dict[str, object]:
    return {"sub": "u-1", "email": ANN, **more}


# Claims.


def test_cognito_writes_that_an_address_is_verified_as_a_text() -> None:
    assert identity_of(claims(email_verified="true"), NAMES).user == ANN
    with pytest.raises(Unauthenticated, match="not been verified"):
        identity_of(claims(email_verified="false"), NAMES)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("realm_access.roles", ("offline",)),
        ("resource_access.portal.roles", ("one",)),
        ("resource_access.team.portal.roles", ("two",)),
        ("https://example.com/groups", ("three",)),
        ("a.b", ("itself",)),
        ("a.c", ("inner",)),
        ("realm_access", ()),
        ("realm_access.", ()),
        ("realm_access.roles.offline", ()),
        (".", ()),
        ("", ()),
    ],
)
def test_groups_may_be_within_other_claims(name: str, found: tuple[str, ...]) -> None:
    told = claims(
        realm_access={"roles": ["offline"]},
        resource_access={"portal": {"roles": ["one"]}, "team.portal": {"roles": ["two"]}},
        **{"https://example.com/groups": ["three"], "a.b": ["itself"]},
        a={"b": ["not this"], "c": "inner"},
    )
    assert identity_of(told, ClaimNames("email", name)).groups == found


def test_a_claim_that_is_null_is_missing() -> None:
    assert value_of({"groups": None}, "groups") is None
    assert value_of({"a": {"b": None}}, "a.b") is None


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"_claim_names": {"groups": "src1"}}, "too many for a token"),
        ({"groups": [{"name": "team"}]}, "cannot be used"),
        ({"groups": {"team": {}}}, "cannot be used"),
        ({"groups": ["team", " team-b", "x\u200b"]}, "cannot be used"),
    ],
)
def test_groups_that_do_not_count_are_logged_once(
    told: dict[str, object], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    user = f"{uuid.uuid4()}@example.com"
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            identity_of(claims(email=user, **told), NAMES)
    (record,) = caplog.records
    assert words in record.message
    assert record.__dict__["actor"] == user


@pytest.mark.parametrize(
    "group", ["Sales ", "\u00a0Sales", "Sa\u200bles", "system:masters", "a\nb"]
)
def test_a_group_with_a_strange_name_keeps_nobody_out(group: str) -> None:
    """Of hundreds of groups in a directory one is enough: nobody could do anything."""
    found = identity_of(claims(groups=["team-a", group]), NAMES)
    assert found == Identity(ANN, ("team-a",))
    assert Impersonation(frozenset({"team-a"})).of(found) == Impersonated(ANN, ("team-a",))


@pytest.mark.parametrize("user", ["ann ", " ann", "ann\u00a0", "an\u200bn"])
def test_nobody_signs_in_by_a_name_that_looks_like_anothers(user: str) -> None:
    """A header's value has no spaces around it: Kubernetes would take ``ann `` for ``ann``."""
    with pytest.raises(Unauthenticated, match="cannot be used"):
        identity_of(claims(email=user), NAMES)


# The userinfo endpoint.


def with_userinfo(status: int, body: bytes = b"", **changes: object) -> Portal:
    idp = OpenIdProvider()
    idp.document["userinfo_endpoint"] = f"{ISSUER}/userinfo"
    idp.access_tokens = True
    idp.userinfo = Answer(status, body)
    idp.changes = changes
    return Portal(idp)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_an_access_token_for_another_service_keeps_nobody_out(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    # Entra ID and AD FS, with a scope of one's own; the ID token has no groups.
    portal = with_userinfo(status, groups=None)
    await portal.signed_in()
    assert await portal.who() == ANN
    portal.idp.now += EVERY
    assert await portal.who() == ANN
    said = [each.message for each in caplog.records if "userinfo" in each.message]
    assert len(said) == 1
    assert str(status) in said[0]


@pytest.mark.parametrize(("status", "body"), [(429, b"{}"), (500, b""), (200, b""), (302, b"")])
async def test_a_userinfo_endpoint_that_is_out_of_order_is_asked_again(
    status: int, body: bytes
) -> None:
    portal = with_userinfo(status, body, groups=None)
    with pytest.raises(Unavailable):
        await portal.signed_in()


async def test_without_a_name_it_is_said_which_claim_is_missing() -> None:
    portal = with_userinfo(401, email=None)
    with pytest.raises(Unauthenticated, match="no claim email"):
        await portal.signed_in()


async def test_userinfo_is_asked_for_a_claim_within_another() -> None:
    names = ClaimNames("email", "realm_access.roles")
    portal = with_userinfo(200, answer({"sub": "u-1", "realm_access": {"roles": ["a"]}}).body)
    portal = Portal(portal.idp, names=names)
    await portal.signed_in()
    assert (await portal.authenticator.authenticate(portal.headers())).identity.groups == ("a",)
    assert portal.idp.asked.count("/userinfo") == 1


# Renewals.


async def test_a_renewed_token_need_not_name_the_user_again() -> None:
    portal = Portal()
    await portal.signed_in()
    portal.idp.changes = {"email": None, "email_verified": None, "groups": ["data"]}
    portal.idp.now += EVERY
    found = await portal.authenticator.authenticate(portal.headers())
    assert found.identity == Identity(ANN, ("data",))


async def test_groups_that_are_not_named_again_are_gone() -> None:
    portal = Portal()
    await portal.signed_in()
    portal.idp.changes = {"groups": None}
    portal.idp.now += EVERY
    assert (await portal.authenticator.authenticate(portal.headers())).identity.groups == ()


class Hanging(OpenIdProvider):
    """Answers nothing more once it hangs, until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = False
        self.goes_on = asyncio.Event()

    async def __call__(self, url: str, **given: object) -> Answer:
        if self.hangs:
            await self.goes_on.wait()
        return await super().__call__(url, **given)  # pyright: ignore[reportArgumentType]


async def test_nobody_waits_for_a_provider_that_hangs() -> None:
    idp = Hanging()
    portal = Portal(idp, patience=0)
    await portal.signed_in()
    idp.now += EVERY
    idp.hangs = True
    for _ in range(3):
        assert await portal.who() == ANN
    before = dict(portal.jar)
    idp.hangs = False
    idp.goes_on.set()
    (renewal,) = portal.sessions._renewing.values()
    await renewal
    # The renewal that took so long counts, and the browser learns of it.
    assert await portal.who() == ANN
    assert portal.jar != before
    assert portal.idp.asked.count("/token") == 2


async def test_a_renewal_that_nobody_waits_for_ends_the_session() -> None:
    idp = Hanging()
    portal = Portal(idp, patience=0)
    await portal.signed_in()
    idp.now += EVERY
    idp.hangs, idp.valid = True, set()
    assert await portal.who() == ANN
    idp.goes_on.set()
    (renewal,) = portal.sessions._renewing.values()
    with pytest.raises(Unauthenticated):
        await renewal
    with pytest.raises(Unauthenticated, match="ended"):
        await portal.who()


async def test_a_session_does_not_begin_as_one_that_is_over() -> None:
    # Clocks that differ by half a minute, a token for as long, and no refresh token: a circle.
    portal = Portal()
    portal.idp.refresh_tokens = False
    portal.idp.changes = {"exp": int(portal.idp.now) - 30}
    await portal.signed_in()
    assert await portal.who() == ANN


# A provider that is away.


async def test_known_keys_count_for_a_day_while_the_provider_is_away() -> None:
    portal = Portal()
    token = signed({"sub": "u-1"})
    await portal.provider.claims(token)
    portal.idp.down = True
    portal.idp.now += METADATA_FOR + 1
    portal.idp.asked.clear()
    for _ in range(3):
        assert await portal.provider.claims(token)
    assert len(portal.idp.asked) == 2, "it is asked for keys and endpoints once"
    portal.idp.now += PAUSE
    portal.idp.down = False
    assert await portal.provider.claims(token)
    assert portal.idp.asked[-1] == "/keys"
    portal.idp.down = True
    portal.idp.now += KEYS_FOR + 1
    with pytest.raises(Unavailable):
        await portal.provider.claims(token)


@pytest.mark.parametrize("known", [False, True])
async def test_tokens_with_unknown_keys_wait_for_one_answer_together(known: bool) -> None:
    """Anybody can send them: one after the other they would wait for a provider that hangs."""
    idp = Hanging()
    portal = Portal(idp)
    token = signed({"sub": "u-1"}, header={"kid": "other"} if known else None)
    if known:
        await portal.provider.claims(signed({"sub": "u-1"}))
        idp.now += PAUSE
    idp.asked.clear()
    idp.down = idp.hangs = True
    asking = [asyncio.ensure_future(portal.provider.claims(token)) for _ in range(5)]
    await asyncio.wait(asking, timeout=0)
    idp.goes_on.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(each) for each in found} == {Unavailable}
    assert len(idp.asked) == 1
    # Whoever comes later asks anew.
    idp.down = False
    with pytest.raises(Unauthenticated) if known else nullcontext():
        await portal.provider.claims(token)


async def test_without_keys_the_first_sign_in_after_the_provider_came_back_succeeds() -> None:
    portal = Portal()
    begun = await portal.begin()
    query = portal.idp.sign_in_at(begun.location)
    portal.idp.down = True
    with pytest.raises(Unavailable):
        await portal.provider.claims(signed({"sub": "u-1"}))
    portal.idp.down = False
    await portal.finish(query)
    assert await portal.who() == ANN


async def test_another_spelling_of_the_issuer_is_named() -> None:
    portal = Portal()
    portal.idp.document["issuer"] = f"{ISSUER}/"
    with pytest.raises(Unavailable) as raised:
        await portal.begin()
    assert f"({ISSUER}/)" in raised.value.message


# Signing out.


async def test_cognito_wants_the_address_after_a_sign_out_by_another_name() -> None:
    portal = Portal()
    await portal.signed_in()
    location = (await portal.sign_in.sign_out(portal.headers())).location
    there = parse_qs(urlsplit(location).query)
    assert there["logout_uri"] == there["post_logout_redirect_uri"] == [f"{PORTAL}/auth/signed-out"]
