"""The distribution protocol, against a registry on loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from portal.registry.auth import Reach
from portal.registry.contents import KEPT, LARGEST, Contents
from portal.registry.credentials import Login
from portal.registry.failure import Failure, FetchError
from portal.registry.fetch import HttpFetch
from portal.registry.repository import MAX_JSON, MAX_PAGES, Descriptor, Repository
from tests.unit.registry.fake import FakeRegistry, basic

ANN, BOB = Login("ann", "sesame"), Login("bob", "sesame")


@pytest.fixture
async def fetch() -> AsyncIterator[HttpFetch]:
    fetch = HttpFetch(timeout=20)
    yield fetch
    await fetch.close()


def at(host: str, fetch: HttpFetch, *logins: Login, path: str = "team/app") -> Repository:
    reach = Reach({host}, lambda url: host in url)
    return Repository(f"http://{host}", path, fetch, reach, logins)


async def failure(asking: object) -> FetchError:
    with pytest.raises(FetchError) as caught:
        await asking  # pyright: ignore
    return caught.value


async def test_pages_of_tags(fetch: HttpFetch) -> None:
    fake = FakeRegistry(page=2)
    for each in "abcde":
        fake.image("team/app", each)
    async with fake.serving() as host:
        found = await at(host, fetch).tags()
    assert (found.names, found.complete) == (("a", "b", "c", "d", "e"), True)
    assert len(fake.asked) == 3


async def test_pages_without_end_are_left_and_told(fetch: HttpFetch) -> None:
    fake = FakeRegistry(page=1)
    for each in range(MAX_PAGES + 5):
        fake.image("team/app", f"{each:03}")
    async with fake.serving() as host:
        found = await at(host, fetch).tags()
    assert (len(found.names), found.complete) == (MAX_PAGES, False)


@pytest.mark.parametrize(
    "link", ["http://other.example/x", "//other.example/x", "http://[", "https://HERE/x"]
)
async def test_pages_do_not_lead_elsewhere(fetch: HttpFetch, link: str) -> None:
    def elsewhere(request: web.Request) -> web.Response:
        headers = {"Link": f'<{link.replace("HERE", request.host)}>; rel="next"'}
        return web.json_response({"tags": ["a"]}, headers=headers)

    fake = FakeRegistry(instead={"/v2/team/app/tags": elsewhere})
    async with fake.serving() as host:
        error = await failure(at(host, fetch).tags())
    assert error.failure is Failure.MALFORMED
    assert len(fake.asked) == 1


async def test_a_token_is_asked_for_once(fetch: HttpFetch) -> None:
    fake = FakeRegistry(token="Bearer t", gives={"": "Bearer t"})
    digest = fake.image("team/app", "1.0")
    async with fake.serving() as host:
        repository = at(host, fetch)
        assert (await repository.manifest("1.0")).digest == digest
        assert (await repository.tags()).names == ("1.0",)
    assert [path for path, _ in fake.asked if path.startswith("/token")] == [
        "/token?service=here&scope=pull"
    ]


async def test_the_next_user_name_is_tried(fetch: HttpFetch) -> None:
    for token, gives, challenge in (
        ("Bearer t", {basic("bob", "sesame"): "Bearer t"}, ""),
        (basic("bob", "sesame"), {}, 'Basic realm="here"'),
    ):
        fake = FakeRegistry(token=token, gives=gives, challenge=challenge)
        fake.image("team/app", "1.0")
        async with fake.serving() as host:
            assert (await at(host, fetch, ANN, BOB).tags()).names == ("1.0",)
            error = await failure(at(host, fetch, ANN).tags())
            assert error.failure is Failure.WRONG_SIGN_IN


async def test_both_kinds_of_sign_in_offered(fetch: HttpFetch) -> None:
    challenge = 'Bearer realm="http://HERE/token",service="here", Basic realm="elsewhere"'
    fake = FakeRegistry(
        token="Bearer t", gives={basic("ann", "sesame"): "Bearer t"}, challenge=challenge
    )
    fake.image("team/app", "1.0")
    async with fake.serving() as host:
        assert (await at(host, fetch, ANN).tags()).names == ("1.0",)


async def test_refusals_are_told_apart(fetch: HttpFetch) -> None:
    fake = FakeRegistry(token="Bearer t", gives={basic("ann", "sesame"): "Bearer another"})
    async with fake.serving() as host:
        assert (await failure(at(host, fetch).tags())).failure is Failure.SIGN_IN
        assert (await failure(at(host, fetch, BOB).tags())).failure is Failure.WRONG_SIGN_IN
        assert (await failure(at(host, fetch, ANN).tags())).failure is Failure.NO_ACCESS
        fake.gives = {"": "Bearer another"}
        assert (await failure(at(host, fetch).tags())).failure is Failure.SIGN_IN
        fake.token, fake.instead = "", {"/v2/team": lambda _: web.Response(status=403)}
        assert (await failure(at(host, fetch).tags())).failure is Failure.NO_ACCESS


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_token_server_that_refuses(fetch: HttpFetch, status: int) -> None:
    fake = FakeRegistry(token="Bearer t", instead={"/token": lambda _: web.Response(status=status)})
    async with fake.serving() as host:
        assert (await failure(at(host, fetch).tags())).failure is Failure.SIGN_IN
        assert (await failure(at(host, fetch, ANN).tags())).failure is Failure.WRONG_SIGN_IN


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (web.Response(body=b"<html>"), Failure.MALFORMED),
        (web.Response(body=b"{}"), Failure.MALFORMED),
        (web.Response(body=b'{"token": "a\\r\\nb"}'), Failure.MALFORMED),
        (web.Response(body=b" " * 100_000), Failure.TOO_LARGE),
        (web.Response(status=503), Failure.SERVER),
        (web.Response(status=429), Failure.THROTTLED),
    ],
)
async def test_tokens_that_are_none(fetch: HttpFetch, answer: web.Response, kind: Failure) -> None:
    fake = FakeRegistry(token="Bearer t", instead={"/token": lambda _: answer})
    async with fake.serving() as host:
        assert (await failure(at(host, fetch).tags())).failure is kind


async def test_a_password_goes_to_no_other_token_server(fetch: HttpFetch) -> None:
    tokens = FakeRegistry(gives={basic("ann", "sesame"): "Bearer t"})
    async with tokens.serving() as elsewhere:
        fake = FakeRegistry(token="Bearer t", challenge=f'Bearer realm="http://{elsewhere}/token"')
        async with fake.serving() as host:
            for hosts, kind in (
                ({host}, Failure.NOT_ALLOWED),
                ({host, elsewhere}, Failure.TOKEN_HOST),
            ):
                reach = Reach(hosts, lambda url, own=host: own in url)
                one = Repository(f"http://{host}", "team/app", fetch, reach, (ANN,))
                assert (await failure(one.tags())).failure is kind
    assert tokens.asked == []


@pytest.mark.parametrize("realm", ["http://[", "", "://", "ftp://HERE/", "https://127.0.0.1:1/t"])
async def test_tokens_are_not_fetched_from_anywhere(fetch: HttpFetch, realm: str) -> None:
    fake = FakeRegistry(token="Bearer t", challenge=f'Bearer realm="{realm}"')
    async with fake.serving() as host:
        reach = Reach({host}, lambda _: True, public=True)
        one = Repository(f"http://{host}", "team/app", fetch, reach, (ANN,))
        assert (await failure(one.tags())).failure in {Failure.NOT_ALLOWED, Failure.ADDRESS}
    assert fake.told == {""}


async def test_answers_that_are_none(fetch: HttpFetch) -> None:
    fake = FakeRegistry()
    digest = fake.image("team/app", "1.0")
    answers: list[tuple[web.Response, Failure]] = [
        (web.Response(body=b"<html>"), Failure.MALFORMED),
        (web.Response(body=b"[" * 100_000), Failure.MALFORMED),
        (web.json_response({"layers": 5, "manifests": "x"}), Failure.MALFORMED),
        (web.Response(body=b" " * (MAX_JSON + 1)), Failure.TOO_LARGE),
        (web.Response(status=500), Failure.SERVER),
        (web.Response(status=418), Failure.MALFORMED),
        (web.Response(status=404), Failure.NOT_FOUND),
        (web.Response(status=429), Failure.THROTTLED),
    ]
    async with fake.serving() as host:
        for answer, kind in answers:
            fake.instead = {"/v2/": lambda _, answer=answer: answer}
            assert (await failure(at(host, fetch).manifest("1.0"))).failure is kind
        fake.instead = {"/v2/": lambda _: web.Response(status=429, headers={"Retry-After": "120"})}
        assert (await failure(at(host, fetch).tags())).retry_after == 120.0
        fake.instead = {"/v2/": lambda _: web.Response(body=b"{}")}
        error = await failure(at(host, fetch).manifest(digest))
        assert "digest" in str(error)
        error = await failure(at(host, fetch).blob(Descriptor(digest=digest)))
        assert "digest" in str(error)
        error = await failure(at(host, fetch).blob(Descriptor(digest="../../etc")))
        assert "without a SHA-256 digest" in str(error)


async def test_content_elsewhere_is_fetched_without_the_password(fetch: HttpFetch) -> None:
    cdn = FakeRegistry()
    fake = FakeRegistry(token=basic("ann", "sesame"), challenge='Basic realm="here"')
    fake.image("team/app", "1.0", config={"User": "5"})
    body = fake.blobs[next(iter(fake.blobs))]
    cdn.instead = {"/": lambda _: web.Response(body=body)}
    async with cdn.serving() as elsewhere, fake.serving() as host:
        fake.instead = {"/v2/team/app/blobs": lambda _: _moved(f"http://{elsewhere}/blob")}
        for hosts in ({host, elsewhere}, {host}):
            reach = Reach(hosts, lambda _: True, public=True)
            one = Repository(f"http://{host}", "team/app", fetch, reach, (ANN,))
            found = await one.manifest("1.0")
            assert found.manifest.config is not None
            if elsewhere in hosts:
                assert json.loads(await one.blob(found.manifest.config))["os"] == "linux"
            else:
                error = await failure(one.blob(found.manifest.config))
                assert error.failure is Failure.NOT_ALLOWED
    assert cdn.asked == [("/blob", "")]


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1:1/x",
        "https://localhost:1/x",
        "https://[::1]:1/x",
        "https://[::ffff:127.0.0.1]:1/x",
        "https://2130706433:1/x",
        "https://169.254.169.254/latest/meta-data",
        "http://169.254.169.254/latest/meta-data",
        "http://registry.example.com/x",
        "file:///etc/passwd",
        "https://ann:sesame@registry.example.com/",
    ],
)
async def test_redirects_lead_to_nothing_inside(fetch: HttpFetch, target: str) -> None:
    fake = FakeRegistry(instead={"/v2/": lambda _: _moved(target)})
    async with fake.serving() as host:
        reach = Reach({host}, lambda _: True, public=True)
        one = Repository(f"http://{host}", "team/app", fetch, reach)
        assert (await failure(one.tags())).failure in {Failure.NOT_ALLOWED, Failure.ADDRESS}


async def test_whether_there_is_a_registry(fetch: HttpFetch) -> None:
    fake = FakeRegistry()
    async with fake.serving() as host:
        assert await at(host, fetch).is_registry()
        fake.token = "Bearer t"
        assert await at(host, fetch).is_registry()
        for answer in (web.Response(body=b"<html>"), web.Response(status=404)):
            fake.instead = {"/v2/": lambda _, answer=answer: answer}
            assert not await at(host, fetch).is_registry()


def test_content_is_kept_within_bounds() -> None:
    contents = Contents()
    for each in range(KEPT + 10):
        contents.put(str(each), b"x")
        assert contents.get("0") == b"x"  # the last used stays
    contents.put("large", b"x" * (LARGEST + 1))
    assert contents.get("large") is contents.get("1") is None
    assert contents.get(str(KEPT + 9)) == b"x"


def _moved(target: str) -> web.Response:
    return web.Response(status=307, headers={"Location": target})
