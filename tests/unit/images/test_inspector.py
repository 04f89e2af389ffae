"""Looking at images in a registry on loopback: what is found, and what could not be checked."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from aiohttp import web

from portal.domain.errors import Forbidden, InvalidInput
from portal.images.inspector import KEPT_FOR, KEPT_SHORT, ImageInspector
from portal.images.registries import ImageLookup, ImageRegistry
from portal.images.report import Existence, ImageReport, Part, Platform
from portal.registry.failure import Failure
from portal.registry.repository import DOCKER_LIST
from tests.unit.images.make import (
    AMD64,
    ANN,
    ARM64,
    SHARED,
    FakePullSecrets,
    inspecting,
    node,
    pull_secret,
)
from tests.unit.registry.fake import FakeRegistry, basic

YES, NO, UNKNOWN = Existence


def failures(report: ImageReport) -> list[tuple[Part, Failure]]:
    return [(each.part, each.failure) for each in report.problems]


async def look(inspector: ImageInspector, reference: str, *secrets: str) -> ImageReport:
    return await inspector.inspect(ANN, reference, "apps", secrets)


async def test_an_image_of_one_platform() -> None:
    for docker in (False, True):
        fake = FakeRegistry()
        digest = fake.image("team/app", "1.0", config={"User": "5"}, docker=docker)
        fake.image("team/app", "1.1")
        async with fake.serving() as host, inspecting(host) as inspector:
            report = await look(inspector, f"{host}/team/app:1.0")
        image, tags = report.image, report.tags
        assert (report.exists, report.problems, report.signed_in) == (YES, (), False)
        assert image is not None
        assert tags is not None
        assert report.pinned == f"{host}/team/app@{digest}"
        assert image.size == 1200 + len(fake.blobs[next(iter(fake.blobs))])
        assert (image.platform, image.platforms, report.runs_here) == (AMD64, (AMD64,), True)
        assert image.config is not None
        assert image.config.user == "5"
        assert (tags.names, tags.left_out, tags.complete) == (("1.1", "1.0"), 0, True)


async def test_an_image_of_several_platforms() -> None:
    for media in (DOCKER_LIST, "application/vnd.oci.image.index.v1+json"):
        fake = FakeRegistry()
        amd = fake.image("a", "", config={"User": "1"})
        arm = fake.image("a", "", config={"User": "2"}, architecture="arm64", layers=(5,))
        attestation = fake.put("a", "", {"schemaVersion": 2}, "x")
        platforms = {"linux/amd64": amd, "linux/arm64/v8": arm, "unknown/unknown": attestation}
        digest = fake.index("a", "1.0", platforms, media)
        v8 = Platform("linux", "arm64", "v8")
        for nodes, user in (((node("arm64"),), "2"), ((node(),), "1"), ((), "1")):
            async with fake.serving() as host, inspecting(host, nodes=nodes) as inspector:
                report = await look(inspector, f"{host}/a:1.0")
            assert report.image is not None
            assert (report.image.digest, report.image.platforms) == (digest, (AMD64, v8))
            assert report.config is not None
            assert report.config.user == user


async def test_only_nodes_that_take_pods_count() -> None:
    fake = FakeRegistry()
    fake.image("a", "1.0")
    nodes = (
        node("arm64"),
        node("s390x", ready=False),
        node("ppc64le", unschedulable=True),
        node("arm64"),
        node(""),
    )
    async with fake.serving() as host, inspecting(host, nodes=nodes) as inspector:
        report = await look(inspector, f"{host}/a:1.0")
    assert report.node_platforms == report.nodes_left_out == (ARM64,)
    assert report.runs_here is False


async def test_a_digest() -> None:
    fake = FakeRegistry()
    digest = fake.image("a", "1.0")
    async with fake.serving() as host, inspecting(host) as inspector:
        report = await look(inspector, f"{host}/a@{digest}")
        assert (report.exists, report.tag) == (YES, digest)
        report = await look(inspector, f"{host}/a@sha256:{'0' * 64}")
        assert "no digest sha256:000" in report.problems[0].message


async def test_without_a_tag_there_are_tags_to_pick_from() -> None:
    fake = FakeRegistry(page=100)
    for each in range(450):
        fake.image("a", f"1.{each}")
    async with fake.serving() as host, inspecting(host) as inspector:
        report = await look(inspector, f"{host}/a")
    assert report.tags is not None
    assert (report.exists, report.image, report.problems) == (YES, None, ())
    assert report.tags.names[:2] == ("1.449", "1.448")
    assert (len(report.tags.names), report.tags.left_out) == (200, 250)


async def test_what_is_not_there() -> None:
    fake = FakeRegistry()
    fake.image("a", "1.0")
    async with fake.serving() as host, inspecting(host) as inspector:
        report = await look(inspector, f"{host}/a:2.0")
        assert (report.exists, failures(report)) == (NO, [(Part.IMAGE, Failure.NOT_FOUND)])
        assert f"{host}/a has no tag 2.0." in str(report.problems[0])
        assert report.tags is not None
        assert report.tags.names == ("1.0",)
        for reference in (f"{host}/b:1.0", f"{host}/b"):
            report = await look(inspector, reference)
            assert (report.exists, failures(report)) == (NO, [(Part.IMAGE, Failure.NOT_FOUND)])
            assert f"{host} has no image b." in str(report.problems[0])
        fake.instead = {"/v2/a/tags": lambda _: web.Response(status=405)}
        report = await look(inspector, f"{host}/a:3.0")
        assert (report.exists, failures(report)) == (NO, [(Part.IMAGE, Failure.NOT_FOUND)])


async def test_what_is_no_registry() -> None:
    fake = FakeRegistry(instead={"/": lambda _: web.Response(status=404, text="<html>")})
    async with fake.serving() as host, inspecting(host) as inspector:
        report = await look(inspector, f"{host}/a:1.0")
        assert (report.exists, failures(report)) == (UNKNOWN, [(Part.IMAGE, Failure.MALFORMED)])
        assert "does not answer as a registry does" in str(report.problems[0])
        fake.instead = {"/": lambda _: web.Response(text="<html>")}
        report = await look(inspector, f"{host}/b:1.0")
        assert failures(report) == [(Part.IMAGE, Failure.MALFORMED)]


async def test_what_is_no_image() -> None:
    fake = FakeRegistry()
    helm = {"config": fake.blob(b"{}", "application/vnd.cncf.helm.config.v1+json")}
    fake.put("chart", "1.0", {"schemaVersion": 2, **helm}, "application/json")
    fake.put("old", "1.0", {"schemaVersion": 1, "fsLayers": []}, "application/json")
    fake.index("nothing", "1.0", {"unknown/unknown": "sha256:" + "0" * 64})
    fake.put("empty", "1.0", {}, "application/json")
    async with fake.serving() as host, inspecting(host) as inspector:
        for path, kind, words in (
            ("chart", Failure.UNSUPPORTED, "This is a Helm chart"),
            ("old", Failure.UNSUPPORTED, "schema 1"),
            ("nothing", Failure.UNSUPPORTED, "something else than images"),
            ("empty", Failure.MALFORMED, "no manifest of an image"),
        ):
            report = await look(inspector, f"{host}/{path}:1.0")
            assert (report.exists, failures(report)) == (UNKNOWN, [(Part.IMAGE, kind)])
            assert words in report.problems[0].message


async def test_a_part_that_fails_leaves_the_rest() -> None:
    fake = FakeRegistry()
    fake.image("a", "1.0")
    async with fake.serving() as host, inspecting(host) as inspector:
        fake.instead = {"/v2/a/blobs": lambda _: web.Response(status=500)}
        report = await look(inspector, f"{host}/a:1.0")
        assert report.image is not None
        assert (report.exists, report.image.size is None, report.config) == (YES, False, None)
        assert failures(report) == [(Part.CONFIG, Failure.SERVER)]
    async with fake.serving() as host, inspecting(host) as inspector:
        fake.instead = {"/v2/a/tags": lambda _: web.Response(status=403)}
        report = await look(inspector, f"{host}/a:1.0")
        assert (report.exists, report.tags) == (YES, None)
        assert failures(report) == [(Part.TAGS, Failure.NO_ACCESS)]


async def test_a_slow_registry_is_left_in_time() -> None:
    fake = FakeRegistry(hold=asyncio.Event())
    fake.image("a", "1.0")
    async with fake.serving() as host, inspecting(host, deadline=0.1) as inspector:
        report = await look(inspector, f"{host}/a:1.0")
        assert fake.hold is not None
        fake.hold.set()
    assert (report.exists, failures(report)) == (UNKNOWN, [(Part.IMAGE, Failure.TIMEOUT)])
    assert "did not answer within 0.1 seconds" in report.problems[0].message
    assert "does not depend on this" in report.problems[0].advice


async def test_what_cannot_be_reached() -> None:
    async with FakeRegistry().serving() as host:
        pass
    async with inspecting(host) as inspector:
        report = await look(inspector, f"{host}/a:1.0")
        assert failures(report) == [(Part.IMAGE, Failure.UNREACHABLE)]
    named = ImageRegistry("registry.invalid")
    async with inspecting(registry=named) as inspector:
        report = await look(inspector, "registry.invalid/a:1.0")
        assert failures(report) == [(Part.IMAGE, Failure.UNKNOWN_HOST)]


async def test_a_registry_without_tls_says_so() -> None:
    fake = FakeRegistry()
    async with fake.serving() as host, inspecting(registry=ImageRegistry(host)) as inspector:
        report = await look(inspector, f"{host}/a:1.0")
    assert failures(report) == [(Part.IMAGE, Failure.TLS)]
    assert fake.asked == []


async def test_huge_answers_are_not_read() -> None:
    fake = FakeRegistry(instead={"/v2/": lambda _: web.Response(body=b" " * 3_000_000)})
    async with fake.serving() as host, inspecting(host) as inspector:
        report = await look(inspector, f"{host}/a:1.0")
    assert failures(report) == [(Part.IMAGE, Failure.TOO_LARGE)]


async def test_a_busy_registry_is_left_in_peace() -> None:
    now = [0.0]
    throttled = web.Response
    fake = FakeRegistry(
        instead={"/v2/": lambda _: throttled(status=429, headers={"Retry-After": "120"})}
    )
    async with fake.serving() as host, inspecting(host, clock=lambda: now[0]) as inspector:
        report = await look(inspector, f"{host}/a:1.0")
        assert failures(report) == [(Part.IMAGE, Failure.THROTTLED)]
        assert report.problems[0].retry_after == 120.0
        assert "Try again in 120 seconds" in report.problems[0].advice
        asked = len(fake.asked)
        now[0] = 119.0
        await look(inspector, f"{host}/a:1.0")
        assert len(fake.asked) == asked
        now[0] = 121.0
        await look(inspector, f"{host}/a:1.0")
        assert len(fake.asked) > asked


async def test_private_images() -> None:
    fake = FakeRegistry(token="Bearer t", gives={basic("ann", "sesame"): "Bearer t"})
    fake.image("team/app", "1.0")
    async with fake.serving() as host:
        right = pull_secret("right", host, "ann", "sesame", SHARED)
        wrong = pull_secret("wrong", host, "ann", "hunter2", SHARED)
        hidden = pull_secret("hidden", host, "ann", "sesame")
        secrets = FakePullSecrets(right, wrong, hidden)
        async with inspecting(host, secrets=secrets) as inspector:
            reference = f"{host}/team/app:1.0"
            report = await look(inspector, reference)
            assert (report.exists, report.signed_in) == (UNKNOWN, False)
            assert failures(report) == [(Part.IMAGE, Failure.SIGN_IN)]
            report = await look(inspector, reference, "right")
            assert (report.exists, report.signed_in, report.problems) == (YES, True, ())
            report = await look(inspector, reference, "wrong")
            assert failures(report) == [(Part.IMAGE, Failure.WRONG_SIGN_IN)]
            report = await look(inspector, reference, "hidden")
            assert failures(report) == [
                (Part.CREDENTIALS, Failure.CREDENTIALS),
                (Part.IMAGE, Failure.SIGN_IN),
            ]
            secrets.default = ("hidden",)
            report = await look(inspector, reference)
            assert (report.exists, report.signed_in) == (YES, True)


async def test_the_portals_own_sign_in_comes_last(tmp_path: Path) -> None:
    (tmp_path / "username").write_text("ann")
    (tmp_path / "password").write_text("sesame")
    fake = FakeRegistry(token=basic("ann", "sesame"), challenge='Basic realm="here"')
    fake.image("a", "1.0")
    async with fake.serving() as host:
        named = ImageRegistry(host, f"http://{host}", credentials=tmp_path)
        wrong = FakePullSecrets(pull_secret("wrong", host, "ann", "hunter2", SHARED))
        async with inspecting(registry=named, secrets=wrong) as inspector:
            report = await look(inspector, f"{host}/a:1.0")
            assert (report.exists, report.signed_in) == (YES, True)
            report = await look(inspector, f"{host}/a:1.0", "wrong")
            assert failures(report) == [(Part.IMAGE, Failure.WRONG_SIGN_IN)]


async def test_nothing_of_a_password_is_written_down(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fake = FakeRegistry(token="nobody", challenge='Basic realm="here"')
    async with fake.serving() as host:
        secrets = FakePullSecrets(pull_secret("s", host, "ann", "hunter2hunter2"), default=("s",))
        async with inspecting(host, secrets=secrets) as inspector:
            report = await look(inspector, f"{host}/a:1.0")
    said = basic("ann", "hunter2hunter2")
    assert said in fake.told
    for each in ("hunter2", said.removeprefix("Basic ")):
        assert each not in caplog.text + repr(report) + repr(secrets.secrets)


@pytest.mark.parametrize(
    "reference",
    [
        "127.0.0.1:1/a:1.0",
        "localhost:1/a:1.0",
        "localhost/a:1.0",
        "10.0.0.1/a:1.0",
        "169.254.169.254/latest/meta-data:1.0",
        "[::1]:1/a:1.0",
    ],
)
async def test_what_is_inside_is_not_asked(reference: str) -> None:
    async with inspecting() as inspector:
        report = await look(inspector, reference)
    assert (report.exists, failures(report)) == (UNKNOWN, [(Part.IMAGE, Failure.NOT_ALLOWED)])
    assert "an administrator has named" in report.problems[0].message


async def test_only_listed_registries() -> None:
    async with inspecting(lookup=ImageLookup.LISTED) as inspector:
        report = await look(inspector, "registry.example.com/a:1.0")
    assert (report.exists, failures(report)) == (UNKNOWN, [(Part.IMAGE, Failure.NOT_ALLOWED)])


async def test_who_may_not_launch_does_not_ask(caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeRegistry()
    async with fake.serving() as host, inspecting(host) as inspector:
        with pytest.raises(Forbidden):
            await inspector.inspect(ANN, f"{host}/a:1.0", "other")
    assert fake.asked == []
    assert "refused: ann" in caplog.text


@pytest.mark.parametrize(
    ("reference", "namespace", "secret", "field"),
    [
        ("", "apps", "", "repository"),
        ("http://x/y", "apps", "", "repository"),
        ("HERE/../a:1", "apps", "", "repository"),
        ("HERE/a:1?x", "apps", "", "tag"),
        ("HERE/a@sha256:1", "apps", "", "tag"),
        ("HERE/a:1", "apps/../other", "", "namespace"),
        ("HERE/a:1", "", "", "namespace"),
        ("HERE/a:1", "apps", "../x", "pull_secrets"),
        ("HERE/a:1", "apps", "x/y", "pull_secrets"),
        ("other.example/a:1", "apps", "", "repository"),
    ],
)
async def test_what_is_typed_is_checked_first(
    reference: str, namespace: str, secret: str, field: str
) -> None:
    fake = FakeRegistry()
    async with fake.serving() as host, inspecting(host, allowed=(f"{host}/*",)) as inspector:
        chosen = (secret,) if secret else ()
        with pytest.raises(InvalidInput) as caught:
            await inspector.inspect(ANN, reference.replace("HERE", host), namespace, chosen)
    assert list(caught.value.fields) == [field]
    assert fake.asked == []


async def test_answers_are_kept_for_a_while() -> None:
    now = [0.0]
    fake = FakeRegistry()
    fake.image("a", "1.0")
    async with fake.serving() as host, inspecting(host, clock=lambda: now[0]) as inspector:
        for reference, kept in ((f"{host}/a:1.0", KEPT_FOR), (f"{host}/a:2.0", KEPT_SHORT)):
            first = await look(inspector, reference)
            asked = len(fake.asked)
            now[0] += kept - 1
            assert await look(inspector, reference) == first
            assert len(fake.asked) == asked
            now[0] += 2
            assert await look(inspector, reference) == first
            assert len(fake.asked) > asked


async def test_what_does_not_change_is_fetched_once() -> None:
    now = [0.0]
    for tells in (True, False):
        fake = FakeRegistry(tells_digests=tells)
        fake.index("a", "1.0", {"linux/amd64": fake.image("a", "")})
        async with fake.serving() as host, inspecting(host, clock=lambda: now[0]) as inspector:
            first = await look(inspector, f"{host}/a:1.0")
            assert first.exists is YES
            now[0] += KEPT_FOR + 1
            fake.methods.clear()
            assert await look(inspector, f"{host}/a:1.0") == first
            asked = {"GET /v2/a/tags/list", "HEAD /v2/a/manifests/1.0"}
            assert set(fake.methods) == (asked if tells else asked | {"GET /v2/a/manifests/1.0"})
            # A tag that has moved is seen, and one that is gone.
            fake.index("a", "1.0", {"linux/arm64": fake.image("a", "", architecture="arm64")})
            now[0] += KEPT_FOR + 1
            moved = await look(inspector, f"{host}/a:1.0")
            assert moved.image is not None
            assert moved.image.platforms == (ARM64,)
            fake.manifests["a"].clear()
            now[0] += KEPT_FOR + 1
            assert (await look(inspector, f"{host}/a:1.0")).exists is NO
            # What is kept is for those who may have it.
            fake.index("a", "1.0", {"linux/amd64": fake.image("a", "")})
            fake.token = "nobody"
            now[0] += KEPT_FOR + 1
            for reference in (f"{host}/a:1.0", f"{host}/a@{first.image and first.image.digest}"):
                assert (await look(inspector, reference)).exists is UNKNOWN


async def test_an_answer_is_for_those_credentials_only() -> None:
    fake = FakeRegistry(token=basic("ann", "sesame"), challenge='Basic realm="here"')
    fake.image("a", "1.0")
    async with fake.serving() as host:
        secrets = FakePullSecrets(pull_secret("s", host, "ann", "sesame", SHARED))
        async with inspecting(host, secrets=secrets) as inspector:
            assert (await look(inspector, f"{host}/a:1.0", "s")).exists is YES
            assert (await look(inspector, f"{host}/a:1.0")).exists is UNKNOWN
            secrets.secrets["s"] = pull_secret("s", host, "ann", "other", SHARED)
            assert (await look(inspector, f"{host}/a:1.0", "s")).exists is UNKNOWN


async def test_many_who_ask_the_same_are_one() -> None:
    fake = FakeRegistry(hold=asyncio.Event())
    fake.image("a", "1.0")
    async with fake.serving() as host, inspecting(host) as inspector:
        asking = [asyncio.create_task(look(inspector, f"{host}/a:1.0")) for _ in range(20)]
        await fake.arrived.wait()
        asking[0].cancel()  # who leaves takes nothing from the others
        assert fake.hold is not None
        fake.hold.set()
        left, *reports = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(left, asyncio.CancelledError)
    assert all(isinstance(each, ImageReport) and each.exists is YES for each in reports)
    assert len(fake.asked) == 4


async def test_no_more_than_a_few_at_once() -> None:
    fake = FakeRegistry(hold=asyncio.Event())
    async with fake.serving() as host, inspecting(host, concurrency=1, deadline=0.2) as inspector:
        reports = await asyncio.gather(*(look(inspector, f"{host}/a{n}:1") for n in range(80)))
        assert fake.hold is not None
        fake.hold.set()
    kinds = {failures(each)[0][1] for each in reports}
    assert kinds == {Failure.TIMEOUT, Failure.BUSY}
    assert len({path for path, _ in fake.asked}) < 20


async def test_what_is_under_way_ends_with_the_portal() -> None:
    fake = FakeRegistry(hold=asyncio.Event())
    async with fake.serving() as host, inspecting(host) as inspector:
        asking = asyncio.create_task(look(inspector, f"{host}/a:1.0"))
        await fake.arrived.wait()
        await inspector.close()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert fake.hold is not None
        fake.hold.set()
