"""Sign-in, sessions and sign-out in the mode ``oidc``."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.auth.claims import SKEW
from portal.auth.http import Unavailable
from portal.auth.oidc.cookies import PIECE, Cookies
from portal.auth.oidc.provider import Client, endpoints_of
from portal.auth.oidc.sessions import GRACE
from portal.auth.oidc.sign_in import MOST_PENDING, PENDING_FOR, Step, safe_next
from portal.domain.errors import Unauthenticated
from portal.domain.identity import Identity
from tests.unit.auth.provider import (
    CLIENT,
    EC,
    EVERY,
    ISSUER,
    LONGEST,
    PORTAL,
    RSA,
    OpenIdProvider,
    Portal,
)

NAME = "__Host-dash-portal-session"


def asked(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


async def test_somebody_signs_in_and_is_who_the_provider_says() -> None:
    portal = Portal()
    begun = await portal.begin("/apps/a?tab=logs")
    there = asked(begun.location)
    assert begun.location.startswith(f"{ISSUER}/authorize?")
    assert there["response_type"] == "code"
    assert there["redirect_uri"] == f"{PORTAL}/auth/callback"
    assert there["code_challenge_method"] == "S256"
    done = await portal.finish(portal.idp.sign_in_at(begun.location))
    assert done.location == "/apps/a?tab=logs"
    found = await portal.authenticator.authenticate(portal.headers())
    assert found.identity == Identity("ann@example.com", ("data", "admins"))
    assert found.set_cookies == ()
    assert portal.authenticator.identify(portal.headers()) == found.identity
    assert [name for name in portal.jar if "sign-in" in name] == []


async def test_the_verifier_belongs_to_the_challenge() -> None:
    portal, forms = Portal(), list[dict[str, str]]()
    real = portal.idp.__class__.__call__

    async def listening(url: str, **given: object) -> object:
        if given.get("form"):
            forms.append(dict(given["form"]))  # pyright: ignore
        return await real(portal.idp, url, **given)  # pyright: ignore

    portal.provider._ask = listening  # pyright: ignore
    begun = await portal.begin()
    await portal.finish(portal.idp.sign_in_at(begun.location))
    digest = hashlib.sha256(forms[0]["code_verifier"].encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert challenge == asked(begun.location)["code_challenge"]


async def test_cookies_are_kept_from_scripts_and_other_sites() -> None:
    done = await Portal().signed_in()
    for each in done.set_cookies:
        name, _, attributes = each.partition("=")
        assert name.startswith("__Host-")
        assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(attributes.split("; "))
    plain = Cookies(secure=False)
    assert plain.set("session", "x", 9) == (
        "dash-portal-session=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=9"
    )


async def test_each_sign_in_has_another_session() -> None:
    portal = Portal()
    await portal.signed_in()
    first = portal.jar[NAME]
    await portal.signed_in()
    assert portal.jar[NAME] != first
    ids = {each.id for each in portal.sessions.present()}
    assert len(ids) == 2


async def test_two_tabs_sign_in_at_the_same_time() -> None:
    portal = Portal()
    one, two = await portal.begin("/one"), await portal.begin("/two")
    there = [portal.idp.sign_in_at(each.location) for each in (two, one)]
    assert [(await portal.finish(each)).location for each in there] == ["/two", "/one"]
    assert await portal.who() == "ann@example.com"


async def test_sign_ins_that_were_given_up_are_forgotten() -> None:
    portal = Portal()
    begun = []
    for number in range(MOST_PENDING + 3):
        portal.idp.now += 1
        begun.append(await portal.begin(f"/{number}"))
    assert len(portal.jar) == MOST_PENDING
    newest = portal.idp.sign_in_at(begun[-1].location)
    assert (await portal.finish(newest)).location == f"/{MOST_PENDING + 2}"
    portal.jar.clear()
    with pytest.raises(Unauthenticated, match="not begun in this browser"):
        await portal.finish(portal.idp.sign_in_at(begun[0].location))


async def test_a_sign_in_is_finished_once() -> None:
    portal = Portal()
    query = portal.idp.sign_in_at((await portal.begin()).location)
    cookies = dict(portal.jar)
    await portal.finish(query)
    # Back, or a restored tab, opens the way back once more: who has signed in is not troubled.
    assert await portal.finish(query) == Step("/", ())
    assert await portal.who() == "ann@example.com"
    portal.jar = {}
    with pytest.raises(Unauthenticated, match="finished already"):
        await portal.finish(query)
    portal.jar = cookies
    with pytest.raises(Unauthenticated, match="finished already"):
        await portal.finish(query)


async def test_another_browser_cannot_finish_a_sign_in() -> None:
    portal = Portal()
    victim = Portal(portal.idp)
    query = portal.idp.sign_in_at((await portal.begin()).location)
    await victim.begin()
    with pytest.raises(Unauthenticated, match="not begun in this browser"):
        await victim.finish(query)
    assert NAME not in victim.jar


async def test_a_state_of_another_sign_in_is_refused() -> None:
    portal = Portal()
    one, two = await portal.begin(), await portal.begin()
    code = portal.idp.sign_in_at(one.location)["code"]
    with pytest.raises(Unauthenticated, match="another sign-in"):
        await portal.finish({"code": code, "state": asked(two.location)["state"]})


@pytest.mark.parametrize("query", [{}, {"state": ""}, {"code": "c"}, {"code": "c", "state": "ä"}])
async def test_a_return_without_a_state_is_refused(query: dict[str, str]) -> None:
    portal = Portal()
    await portal.begin()
    with pytest.raises(Unauthenticated, match="not begun in this browser"):
        await portal.finish(query)


async def test_a_sign_in_does_not_take_for_ever() -> None:
    portal = Portal()
    query = portal.idp.sign_in_at((await portal.begin()).location)
    portal.idp.now += PENDING_FOR + 1
    with pytest.raises(Unauthenticated, match="took too long"):
        await portal.finish(query)


async def test_a_provider_that_refuses_is_quoted() -> None:
    portal = Portal()
    state = asked((await portal.begin()).location)["state"]
    with pytest.raises(Unauthenticated, match="The provider refuses the sign-in: no such person"):
        await portal.finish(
            {"state": state, "error": "access_denied", "error_description": "no such person"}
        )


@pytest.mark.parametrize(
    ("named", "iss", "accepted"),
    [
        (False, None, True),
        (False, ISSUER, True),
        (True, ISSUER, True),
        (True, None, False),
        (True, "https://evil.example", False),
        (False, "https://evil.example", False),
        (False, "", False),
    ],
)
async def test_another_provider_cannot_answer(named: bool, iss: str | None, accepted: bool) -> None:
    portal = Portal()
    portal.idp.document["authorization_response_iss_parameter_supported"] = named
    query = portal.idp.sign_in_at((await portal.begin()).location)
    if iss is not None:
        query["iss"] = iss
    if accepted:
        assert (await portal.finish(query)).location == "/"
        return
    with pytest.raises(Unauthenticated, match="Another provider"):
        await portal.finish(query)
    assert "/token" not in portal.idp.asked


@pytest.mark.parametrize(
    "wanted", ["/", "/apps/x", "/?q=a&b=//c", "/launch?image=a%2Fb", "/ä", "/auth/signed-in"]
)
def test_a_sign_in_leads_back_to_a_page_of_the_portal(wanted: str) -> None:
    assert safe_next(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "apps",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        " /",
        "/auth/sign-out",
        "/auth/signed-in?x",
        "/auth/sign-in?next=/auth/sign-in",
        "/" + "a" * 2000,
        "//[",
    ],
)
def test_a_sign_in_leads_nowhere_else(wanted: str) -> None:
    assert safe_next(wanted) == "/"


async def test_a_session_is_renewed_once_for_all_who_ask() -> None:
    portal = Portal()
    await portal.signed_in()
    portal.idp.now += EVERY
    portal.idp.changes = {"groups": ["data"]}
    portal.idp.asked.clear()
    found = await asyncio.gather(
        *(portal.authenticator.authenticate(portal.headers()) for _ in range(20))
    )
    assert portal.idp.asked.count("/token") == 1
    assert {each.identity for each in found} == {Identity("ann@example.com", ("data",))}
    assert all(each.set_cookies for each in found)
    old = portal.headers()
    portal.take(found[0].set_cookies)
    again = await portal.authenticator.authenticate(portal.headers())
    assert again.set_cookies == ()
    # A tab that still has the old cookie gets the new one, and no new renewal.
    late = await portal.authenticator.authenticate(old)
    assert late.set_cookies
    assert portal.idp.asked.count("/token") == 1


async def test_a_session_that_has_ended_at_the_provider_ends() -> None:
    portal = Portal()
    await portal.signed_in()
    portal.idp.valid.clear()
    assert await portal.who() == "ann@example.com"
    portal.idp.now += EVERY
    with pytest.raises(Unauthenticated, match="Your session has ended"):
        await portal.who()
    assert portal.sessions.present() == []


async def test_a_provider_that_is_down_ends_sessions_only_after_a_while() -> None:
    portal = Portal()
    await portal.signed_in()
    portal.idp.down = True
    portal.idp.now += EVERY + GRACE - 1
    assert await portal.who() == "ann@example.com"
    portal.idp.now += 1
    with pytest.raises(Unavailable):
        await portal.who()
    with pytest.raises(Unauthenticated):
        portal.authenticator.identify(portal.headers())
    portal.idp.down = False
    assert await portal.who() == "ann@example.com"


async def test_another_person_does_not_come_out_of_a_renewal() -> None:
    portal = Portal()
    await portal.signed_in()
    portal.idp.changes = {"sub": "u-2", "email": "root@example.com"}
    portal.idp.now += EVERY
    with pytest.raises(Unauthenticated):
        await portal.who()


async def test_without_a_refresh_token_a_session_ends_with_the_id_token() -> None:
    portal = Portal()
    portal.idp.refresh_tokens = False
    await portal.signed_in()
    portal.idp.now += 299 + SKEW
    assert await portal.who() == "ann@example.com"
    portal.idp.now += 1
    with pytest.raises(Unauthenticated, match="ended"):
        await portal.who()


async def test_a_session_does_not_last_for_ever() -> None:
    portal = Portal()
    await portal.signed_in()
    for _ in range(LONGEST // EVERY - 1):
        portal.idp.now += EVERY
        assert await portal.who() == "ann@example.com"
    portal.idp.now += EVERY
    with pytest.raises(Unauthenticated, match="ended"):
        await portal.who()
    assert portal.sessions.present() == []


async def test_a_session_outlives_the_portal_that_began_it() -> None:
    portal = Portal()
    await portal.signed_in()
    other = Portal(portal.idp)
    other.jar = dict(portal.jar)
    assert await other.who() == "ann@example.com"
    other.idp.now += EVERY
    assert await other.who() == "ann@example.com"
    # The first one takes over what the browser has from the second.
    portal.jar = dict(other.jar)
    assert await portal.who() == "ann@example.com"


async def test_new_keys_of_the_provider_are_found() -> None:
    portal = Portal()
    portal.idp.keys = [RSA]
    await portal.signed_in()
    portal.idp.keys, portal.idp.signing = [EC], EC
    portal.idp.now += EVERY
    assert await portal.who() == "ann@example.com"
    # Soon after, nothing is read again: anybody can name an unknown key.
    portal.idp.asked.clear()
    portal.idp.keys, portal.idp.signing = [RSA], RSA
    with pytest.raises(Unauthenticated, match="key is not known"):
        await portal.signed_in()
    assert "/keys" not in portal.idp.asked
    assert await portal.who() == "ann@example.com"


async def test_a_session_goes_on_while_a_new_key_is_not_known_yet() -> None:
    portal = Portal()
    portal.idp.keys = [RSA]
    await portal.signed_in()
    portal.idp.now += EVERY - 1
    portal.idp.keys, portal.idp.signing = [EC], EC
    await portal.signed_in()  # reads the keys
    portal.idp.keys, portal.idp.signing = [RSA], RSA
    portal.idp.now += EVERY + 1
    portal.provider._keys_read = portal.idp.now
    assert await portal.who() == "ann@example.com"


async def test_signing_out_ends_the_session_here_and_there() -> None:
    portal, told = Portal(), list[tuple[str, str]]()
    portal.sign_in.on_change(lambda action, identity: told.append((action, identity.user)))
    await portal.signed_in()
    before = portal.headers()
    step = await portal.sign_in.sign_out(before)
    assert told == [("sign-in", "ann@example.com"), ("sign-out", "ann@example.com")]
    portal.take(step.set_cookies)
    assert portal.jar == {}
    there = asked(step.location)
    assert step.location.startswith(f"{ISSUER}/logout?")
    assert there["post_logout_redirect_uri"] == f"{PORTAL}/auth/signed-out"
    assert there["client_id"] == CLIENT
    assert there["id_token_hint"].count(".") == 2
    assert portal.idp.valid == set()
    assert portal.sessions.present() == []


@pytest.mark.parametrize("why", ["no end of sessions", "down", "nobody"])
async def test_signing_out_never_fails(why: str) -> None:
    portal = Portal()
    if why != "nobody":
        await portal.signed_in()
    if why == "no end of sessions":
        del portal.idp.document["end_session_endpoint"]
        portal.provider._endpoints = None
    portal.idp.down = why == "down"
    step = await portal.sign_in.sign_out(portal.headers())
    portal.take(step.set_cookies)
    assert portal.jar == {}
    if why == "no end of sessions":
        assert step.location == f"{PORTAL}/auth/signed-out"


async def test_a_logout_that_is_sent_again_does_not_end_a_new_session() -> None:
    portal = Portal()
    await portal.signed_in()
    issued = portal.idp.now
    portal.idp.now += 5
    await portal.sessions.end_of_provider(sid="", sub="u-1", issued=issued)
    with pytest.raises(Unauthenticated):
        await portal.who()
    portal.idp.now += 120
    await portal.signed_in()
    await portal.sessions.end_of_provider(sid="", sub="u-1", issued=issued)
    assert await portal.who() == "ann@example.com"


async def test_a_logout_that_is_sent_again_does_not_bring_back_what_ended_later() -> None:
    portal = Portal()
    issued = portal.idp.now
    portal.idp.now += 120
    await portal.signed_in()
    portal.idp.now += 1
    await portal.sessions.end_of_provider(sid="", sub="u-1", issued=portal.idp.now)
    await portal.sessions.end_of_provider(sid="", sub="u-1", issued=issued)
    with pytest.raises(Unauthenticated):
        await portal.who()


async def test_signing_out_ends_a_session_that_was_not_renewed_for_long() -> None:
    portal = Portal()
    await portal.signed_in()
    portal.idp.now += EVERY + GRACE
    before = portal.headers()
    await portal.sign_in.sign_out(before)
    assert portal.idp.valid == set()
    portal.idp.asked.clear()
    with pytest.raises(Unauthenticated, match="has ended"):
        await portal.authenticator.authenticate(before)
    assert portal.idp.asked == []


async def test_a_pod_that_came_too_late_with_a_refresh_token_takes_the_newer_cookie() -> None:
    """Without a database pods do not know of each other's renewals."""
    portal = Portal()
    other = Portal(portal.idp)
    portal.idp.ends_reused = False
    await portal.signed_in()
    other.jar = dict(portal.jar)
    portal.idp.now += EVERY
    assert await portal.who() == "ann@example.com"
    with pytest.raises(Unauthenticated):
        await other.who()
    old, other.jar = other.jar, dict(portal.jar)
    assert await other.who() == "ann@example.com"
    other.jar = old
    portal.idp.asked.clear()
    assert await other.who() == "ann@example.com"
    assert "/token" not in portal.idp.asked


async def test_an_administrator_ends_the_sessions_of_one_person() -> None:
    portal, other = Portal(), None
    await portal.signed_in()
    portal.idp.changes = {"sub": "u-2", "email": "bob@example.com", "sid": "s-2"}
    other = dict(portal.jar)
    portal.jar = {}
    await portal.signed_in()
    portal.idp.now += 1
    assert await portal.sessions.end_of_user("ann@example.com") == 1
    assert await portal.who() == "bob@example.com"
    portal.jar = other
    with pytest.raises(Unauthenticated):
        await portal.who()


def groups(number: int) -> list[str]:
    """Return names of groups as Entra ID has them."""
    chance = random.Random(1)
    return [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(number)]


async def test_many_groups_need_two_cookies_and_too_many_are_refused() -> None:
    portal = Portal()
    # As many as Entra ID puts into a token, which has no room beside them.
    portal.idp.changes = {"groups": groups(200)}
    await portal.signed_in()
    assert len(portal.jar[NAME]) == PIECE
    assert f"{NAME}-2" in portal.jar
    assert len(portal.headers()[0][1]) < 8000
    found = await portal.authenticator.authenticate(portal.headers())
    assert len(found.identity.groups) == 200
    told: list[str] = []
    portal.sign_in.on_change(lambda action, identity: told.append(action))
    portal.idp.changes = {"groups": groups(270)}
    with pytest.raises(Unauthenticated, match="too many groups"):
        await portal.signed_in()
    portal.idp.changes = {"groups": groups(900)}
    with pytest.raises(Unauthenticated, match="too long"):
        await portal.signed_in()
    assert told == [], "nobody has signed in"
    portal.idp.changes = {"groups": []}
    await portal.signed_in()
    assert f"{NAME}-2" not in portal.jar


async def test_the_id_token_makes_room_for_a_session_that_grows() -> None:
    portal = Portal()
    await portal.signed_in()
    assert any("id-token" in name for name in portal.jar)
    portal.idp.changes = {"groups": groups(235)}
    portal.idp.now += EVERY
    assert await portal.who() == "ann@example.com"
    assert [name for name in portal.jar if "id-token" in name] == []
    assert len(portal.headers()[0][1]) < 8000
    assert "id_token_hint" not in asked((await portal.sign_in.sign_out(portal.headers())).location)


async def test_tabs_that_sign_in_again_leave_room_for_each_other() -> None:
    portal = Portal()
    portal.idp.changes = {"groups": groups(200)}
    await portal.signed_in()
    portal.idp.now += 1
    await portal.sessions.end_of_user("ann@example.com")
    for number in range(MOST_PENDING):
        await portal.begin(f"/apps/{number}?{'x' * 900}")
        assert len(portal.headers()[0][1]) < 8000
    assert [name for name in portal.jar if "sign-in" not in name] == []
    last = await portal.begin("/last")
    assert (await portal.finish(portal.idp.sign_in_at(last.location))).location == "/last"


async def test_a_session_and_tabs_that_sign_in_leave_room_for_each_other() -> None:
    portal = Portal()
    portal.idp.changes = {"groups": groups(200)}
    long = "/apps?q=" + "".join(groups(25))
    begun: list[Step] = []
    for _ in range(MOST_PENDING):
        portal.idp.now += 1
        begun.append(await portal.begin(long))
    for step in begun[::-1]:  # those without room come back to the first page
        assert (await portal.finish(portal.idp.sign_in_at(step.location))).location in {long, "/"}
        assert len(portal.headers()[0][1]) < 8000
        assert await portal.who() == "ann@example.com"
    for _ in range(MOST_PENDING):
        await portal.begin(long)
        assert len(portal.headers()[0][1]) < 8000
        assert await portal.who() == "ann@example.com"


async def test_kubernetes_own_groups_are_left_out() -> None:
    portal = Portal()
    portal.idp.changes = {"groups": ["system:masters", "SYSTEM:x", "data", "", 7, "data"]}
    await portal.signed_in()
    found = await portal.authenticator.authenticate(portal.headers())
    assert found.identity.groups == ("data",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": f"{ISSUER}/"}, "another name"),
        ({"issuer": None}, "another name"),
        ({"token_endpoint": ""}, "token_endpoint"),
        ({"token_endpoint": "http://login.example.com/token"}, "token_endpoint"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
        ({"authorization_endpoint": "https://user@login.example.com/"}, "authorization_endpoint"),
        ({"end_session_endpoint": "javascript:alert(1)"}, "end_session_endpoint"),
        ({"userinfo_endpoint": "https://["}, "userinfo_endpoint"),
    ],
)
def test_a_provider_has_to_be_the_one_that_is_set(changes: dict[str, object], words: str) -> None:
    document = {**OpenIdProvider().document, **changes}
    with pytest.raises(Unavailable, match=words):
        endpoints_of(document, Client(ISSUER, CLIENT))
