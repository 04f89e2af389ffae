"""The catalogue against servers on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from portal.catalog.catalog import Catalog, ChartUnavailable
from portal.catalog.chart import ChartProblem, read_chart
from portal.catalog.index import Index
from portal.catalog.index_process import read_large
from portal.catalog.sources import Source, SourceKind
from portal.domain.charts import fingerprint
from portal.domain.errors import NotFound
from portal.registry.fetch import FetchError, HttpFetch
from tests.unit.catalog.make import CHARTS, Handler, chart_archive, files, registry, serving, sha256


@pytest.fixture
async def fetch() -> AsyncGenerator[HttpFetch]:
    fetch = HttpFetch(timeout=5)
    yield fetch
    await fetch.close()


def index(**urls: str) -> bytes:
    entries = {
        name: [{"name": name, "version": "1.0.0", "urls": [url]}] for name, url in urls.items()
    }
    return json.dumps({"entries": entries}).encode()


def repository(host: str, **more: object) -> Source:
    return Source("team", SourceKind.REPOSITORY, f"http://{host}", **more)  # pyright: ignore


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


async def test_a_folder_of_charts(tmp_path: Path, fetch: HttpFetch) -> None:
    catalog = Catalog([Source("here", SourceKind.FOLDER, path=CHARTS)], fetch, tmp_path)
    assert catalog.sources[0].loading
    await catalog.refresh()
    (state,) = catalog.sources
    names = [each.name for each in state.charts]
    assert names == ["bare", "fixed-number", "printer", "task-cluster", "web-server"]
    assert not state.loading
    assert not state.error
    chart = await catalog.chart("here", "web-server")
    assert chart.defaults["containerPort"] == 8080
    assert chart.schema
    assert chart.schema["title"] == "Web server"
    assert (await catalog.chart("here", "bare")).schema is None
    with pytest.raises(NotFound, match="no chart web-server 9"):
        await catalog.chart("here", "web-server", "9")


async def test_a_repository_is_read_and_kept_when_it_goes(tmp_path: Path, fetch: HttpFetch) -> None:
    packed = chart_archive(values_DOT_yaml="x: 1")
    contents = {"/index.yaml": index(tiny="tiny.tgz"), "/tiny.tgz": packed}
    async with serving(files(contents)) as host:
        catalog = Catalog([repository(host)], fetch, tmp_path)
        await catalog.refresh()
        chart, again = await asyncio.gather(*(catalog.chart("team", "tiny") for _ in range(2)))
        assert chart is again
        assert chart.defaults == {"x": 1}
        assert chart.digest == sha256(packed)
        assert chart.path.parent.name == chart.digest
        del contents["/index.yaml"]
        await catalog.refresh()
        (state,) = catalog.sources
        assert state.error == "The repository answers with status 404."
        assert [each.name for each in state.charts] == ["tiny"]
        since = state.since
        assert since
    await catalog.refresh()
    assert "cannot be reached" in catalog.sources[0].error
    assert catalog.sources[0].since == since
    assert (await catalog.chart("team", "tiny")).digest == chart.digest


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "not among this source's hosts"),
        ({"hosts": ("archives.example",)}, "not among this source's hosts"),
    ],
)
async def test_archives_elsewhere_need_leave(
    tmp_path: Path, fetch: HttpFetch, more: dict[str, object], words: str
) -> None:
    contents = {"/index.yaml": index(tiny="http://169.254.169.254/latest/meta-data")}
    async with serving(files(contents)) as host:
        catalog = Catalog([repository(host, **more)], fetch, tmp_path)
        await catalog.refresh()
        with pytest.raises(ChartUnavailable, match=words):
            await catalog.chart("team", "tiny")


async def test_archives_on_an_allowed_host(tmp_path: Path, fetch: HttpFetch) -> None:
    async with serving(files({"/tiny.tgz": chart_archive()})) as other:
        contents = {"/index.yaml": index(tiny=f"http://{other}/tiny.tgz")}
        async with serving(files(contents)) as host:
            catalog = Catalog([repository(host, hosts=(other,))], fetch, tmp_path)
            await catalog.refresh()
            assert (await catalog.chart("team", "tiny")).name == "tiny"


async def test_redirects_are_held_to_the_hosts(fetch: HttpFetch) -> None:
    app = web.Application()
    seen: list[str] = []

    async def away(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.Response(status=302, headers={"Location": request.query.get("to", "/away")})

    app.router.add_get("/away", away)
    async with serving(app) as host, serving(files({"/x": b"found"})) as other:
        answer = await fetch(
            f"http://{host}/away?to=http://{other}/x", hosts={host, other}, limit=9
        )
        assert answer.body == b"found"
        for target in (f"http://{other}/x", "file:///etc/passwd", "http://u:p@x/", "//evil/x"):
            with pytest.raises(FetchError, match=r"hosts|neither"):
                await fetch(f"http://{host}/away?to={target}", hosts={host}, limit=9)
        with pytest.raises(FetchError, match="too often"):
            await fetch(f"http://{host}/away", hosts={host}, limit=9)
        with pytest.raises(FetchError, match="larger than"):
            await fetch(f"http://{other}/x", hosts={other}, limit=4)


async def test_what_was_sent_must_be_what_the_index_says(tmp_path: Path, fetch: HttpFetch) -> None:
    entry = {"version": "1.0.0", "urls": ["tiny.tgz"], "digest": "0" * 64}
    contents = {
        "/index.yaml": json.dumps({"entries": {"tiny": [entry]}}).encode(),
        "/tiny.tgz": chart_archive(),
    }
    async with serving(files(contents)) as host:
        catalog = Catalog([repository(host)], fetch, tmp_path)
        await catalog.refresh()
        with pytest.raises(ChartUnavailable, match="not the one that the index describes"):
            await catalog.chart("team", "tiny")
        contents["/index.yaml"] = index(tiny="tiny.tgz", other="tiny.tgz", bad="bad.tgz")
        contents["/bad.tgz"] = b"no archive"
        await catalog.refresh()
        with pytest.raises(ChartUnavailable, match="another chart"):
            await catalog.chart("team", "other")
        with pytest.raises(ChartUnavailable, match="damaged"):
            await catalog.chart("team", "bad")
    assert not [name for name in names_in(tmp_path) if name.startswith("new-")]


@pytest.mark.parametrize("token", ["", "for-everybody"])
async def test_a_registry(tmp_path: Path, fetch: HttpFetch, token: str) -> None:
    archives = {
        "team/tiny:1.0.0": chart_archive(),
        "team/tiny:1.1.0_build": chart_archive(version="1.1.0+build"),
        "team/tiny:2.0.0-rc.1": chart_archive(version="2.0.0-rc.1"),
        "team/tiny:latest": chart_archive(),
    }
    async with serving(registry(archives, token=token)) as host:
        source = Source(
            "oci",
            SourceKind.OCI,
            f"oci://{host}/charts",
            charts=("team/tiny", "team/none"),
            plain_http=True,
        )
        catalog = Catalog([source], fetch, tmp_path)
        await catalog.refresh()
        (state,) = catalog.sources
        (entry,) = state.charts
        assert [each.version for each in entry.versions] == ["2.0.0-rc.1", "1.1.0+build", "1.0.0"]
        assert entry.newest.description == "team/tiny here."
        assert state.skipped == 1
        chart = await catalog.chart("oci", "team/tiny", "1.1.0+build")
        assert chart.version.version == "1.1.0+build"
    await catalog.refresh()
    assert catalog.sources[0].charts == state.charts
    assert catalog.sources[0].error


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ("apiVersion: v2\nname: ../x\nversion: 1.0.0", "name is made of"),
        ("apiVersion: v2\nname: x", "no version"),
        ("apiVersion: v9\nname: x\nversion: 1.0.0", "Helm does not know"),
        ("apiVersion: v2\nname: x\nversion: 1.0.0\ntype: library", "library"),
        ("a: [", "cannot be read"),
    ],
)
def test_what_is_no_chart_is_refused(tmp_path: Path, metadata: str, words: str) -> None:
    (tmp_path / "Chart.yaml").write_text(metadata)
    with pytest.raises(ChartProblem, match=words):
        read_chart(tmp_path, "here")


async def test_what_was_fetched_does_not_fill_the_disk(
    tmp_path: Path, fetch: HttpFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.catalog.catalog.MAX_CACHE", 0)
    contents = {
        "/index.yaml": index(tiny="tiny.tgz", other="other.tgz"),
        "/tiny.tgz": chart_archive(values_DOT_yaml="x: 1"),
        "/other.tgz": chart_archive("other", values_DOT_yaml="x: 2"),
    }
    async with serving(files(contents)) as host:
        catalog = Catalog([repository(host)], fetch, tmp_path)
        await catalog.refresh()
        first = await catalog.chart("team", "tiny")
        second = await catalog.chart("team", "other")
        assert names_in(tmp_path) == [second.digest]
        assert (await catalog.chart("team", "tiny")).digest == first.digest


async def test_a_source_that_nobody_expected_does_not_end_the_portal(
    tmp_path: Path, fetch: HttpFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprised(*_: object) -> None:
        raise KeyError("hunter2")

    monkeypatch.setattr("portal.catalog.index_process.read_index", surprised)
    async with serving(files({"/index.yaml": b""})) as host:
        catalog = Catalog([repository(host)], fetch, tmp_path)
        await catalog.refresh()
    assert catalog.sources[0].error == "Its content cannot be read."


@dataclass(frozen=True)
class Release:
    chart: str
    chart_version: str
    fingerprint: str
    source: str = ""


async def test_a_registry_is_asked_about_a_version_that_a_release_is_made_of(
    tmp_path: Path, fetch: HttpFetch
) -> None:
    archives = {f"tiny:{version}": chart_archive(version=version) for version in ("1.0.0", "1.1.0")}
    known = fingerprint({"name": "tiny", "version": "1.0.0", "description": "tiny here."})
    made, other = Release("tiny", "1.0.0", known), Release("tiny", "1.0.0", "another one")
    app = registry(archives)
    asked: list[str] = []

    @web.middleware
    async def noting(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked.append(request.path)
        return await handler(request)

    app.middlewares.append(noting)
    async with serving(app) as host:
        url = f"oci://{host}/charts"
        source = Source("oci", SourceKind.OCI, url, charts=("tiny",), plain_http=True)
        catalog = Catalog([source], fetch, tmp_path)
        assert await catalog.identify(made) is None
        await catalog.refresh()
        assert await catalog.identify(other) is None
        asked.clear()
        found = await catalog.identify(made)
        assert found
        assert found.source == "oci"
        assert asked == []  # what was read of a version is kept
        await catalog.refresh()
        assert await catalog.identify(made)
        assert not [each for each in asked if each.endswith("/manifests/1.0.0")]
    await catalog.refresh()
    assert catalog.listings[0].error
    assert await catalog.identify(made)
    assert await catalog.identify(Release("tiny", "0.9.0", known)) is None


async def test_what_releases_are_made_of_is_looked_at_after_each_reading(
    tmp_path: Path, fetch: HttpFetch
) -> None:
    archives = {f"tiny:{version}": chart_archive(version=version) for version in ("1.0.0", "1.1.0")}
    known = fingerprint({"name": "tiny", "version": "1.0.0", "description": "tiny here."})
    looked: list[bool] = []
    twice = asyncio.Event()

    def used() -> list[Release]:
        version = catalog.listings[0].charts["tiny"].version("1.0.0")
        looked.append(version is not None and version.fingerprint == known)
        if len(looked) == 2:
            twice.set()
        return [Release("tiny", "1.0.0", known)] * 1000

    async with serving(registry(archives)) as host:
        url = f"oci://{host}/charts"
        source = Source("oci", SourceKind.OCI, url, charts=("tiny",), plain_http=True)
        catalog = Catalog([source], fetch, tmp_path, every=0, used=used)
        running = asyncio.create_task(catalog.run())
        async with asyncio.timeout(10):
            await twice.wait()
        running.cancel()
        await asyncio.wait([running])
    assert looked[:2] == [False, True]


async def test_a_name_that_two_charts_of_a_registry_have_is_nobodys(
    tmp_path: Path, fetch: HttpFetch
) -> None:
    archives = {f"{path}/tiny:1.0.0": chart_archive() for path in ("a", "b")}
    async with serving(registry(archives)) as host:
        url = f"oci://{host}/charts"
        charts = ("a/tiny", "b/tiny")
        source = Source("oci", SourceKind.OCI, url, charts=charts, plain_http=True)
        catalog = Catalog([source], fetch, tmp_path)
        await catalog.refresh()
    assert len(catalog.sources[0].charts) == 2
    assert catalog.listings[0].charts == {}


async def test_a_release_of_a_repositorys_chart_is_recognised(
    tmp_path: Path, fetch: HttpFetch
) -> None:
    entry = {"version": "1.0.0", "description": "A chart.", "urls": ["x.tgz"]}
    known = fingerprint({"name": "tiny", **entry})
    contents = {"/index.yaml": json.dumps({"entries": {"tiny": [entry | {"name": "tiny"}]}})}
    async with serving(files({"/index.yaml": contents["/index.yaml"].encode()})) as host:
        catalog = Catalog([repository(host)], fetch, tmp_path)
        await catalog.refresh()
    found = await catalog.identify(Release("tiny", "1.0.0", known))
    assert found
    assert found.source == "team"
    assert await catalog.identify(Release("tiny", "1.0.0", "other")) is None


async def test_an_index_is_read_again_only_when_it_has_changed(
    tmp_path: Path, fetch: HttpFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    body = [index(tiny="tiny.tgz")]

    async def answer(request: web.Request) -> web.Response:
        tag = f'"{sha256(body[0])}"'
        asked.append(request.headers.get("If-None-Match", ""))
        if asked[-1] == tag:
            return web.Response(status=304)
        return web.Response(body=body[0], headers={"ETag": tag})

    app = web.Application()
    app.router.add_get("/index.yaml", answer)
    reads: list[Path] = []

    async def counted(file: Path, source: Source) -> Index:
        reads.append(file)
        return await read_large(file, source)

    monkeypatch.setattr("portal.catalog.reader.read_large", counted)
    async with serving(app) as host:
        catalog = Catalog([repository(host)], fetch, tmp_path)
        for _ in range(3):
            await catalog.refresh()
        assert [bool(each) for each in asked] == [False, True, True]
        assert len(reads) == 1
        body[0] = index(tiny="tiny.tgz", other="other.tgz")
        await catalog.refresh()
    assert len(reads) == 2
    assert [each.name for each in catalog.sources[0].charts] == ["other", "tiny"]


async def test_a_large_index_is_read_by_a_process(
    tmp_path: Path, fetch: HttpFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.catalog.index_process.SMALL", 0)
    contents = {"/index.yaml": index(tiny="tiny.tgz", evil="ftp://x/y")}
    async with serving(files(contents)) as host:
        catalog = Catalog([repository(host)], fetch, tmp_path)
        await catalog.refresh()
        (state,) = catalog.sources
        assert [each.name for each in state.charts] == ["tiny"]
        assert state.charts[0].newest.urls == (f"http://{host}/tiny.tgz",)
        assert state.notes == (
            "Left out: versions without an address that they can be fetched from (1).",
        )
        contents["/index.yaml"] = b"entries: ["
        await catalog.refresh()
    assert "it is no YAML" in catalog.sources[0].error


async def test_too_large_an_index_is_told_with_what_helps(tmp_path: Path, fetch: HttpFetch) -> None:
    async with serving(files({"/index.yaml": index(tiny="tiny.tgz")})) as host:
        catalog = Catalog([repository(host)], fetch, tmp_path, index_limit=9)
        await catalog.refresh()
    assert "An administrator can allow more" in catalog.sources[0].error


async def test_archives_in_a_registry(tmp_path: Path, fetch: HttpFetch) -> None:
    packed = chart_archive("web", "1.2.0+b")
    async with serving(registry({"web:1.2.0_b": packed})) as there:
        address = f"oci://{there}/charts/web:1.2.0+b"
        contents = {"/index.yaml": index(web=address)}
        async with serving(files(contents)) as host:
            catalog = Catalog([repository(host)], fetch, tmp_path / "one")
            await catalog.refresh()
            (state,) = catalog.sources
            assert [each.name for each in state.charts] == ["web"]
            assert f"The archives of web are in the registry {there}" in state.notes[0]
            with pytest.raises(ChartUnavailable, match="not among this source's hosts"):
                await catalog.chart("team", "web")
            allowed = repository(host, hosts=(there,), plain_http=True)
            catalog = Catalog([allowed], fetch, tmp_path / "two")
            await catalog.refresh()
            assert catalog.sources[0].notes == ()
            assert (await catalog.chart("team", "web")).name == "web"


async def test_broken_charts_of_a_folder_are_named(tmp_path: Path, fetch: HttpFetch) -> None:
    for name, text in (("good", "name: good\nversion: 1.0.0"), ("bad", "name: bad")):
        (tmp_path / "charts" / name).mkdir(parents=True)
        (tmp_path / "charts" / name / "Chart.yaml").write_text(f"apiVersion: v2\n{text}\n")
    source = Source("here", SourceKind.FOLDER, path=tmp_path / "charts")
    catalog = Catalog([source], fetch, tmp_path / "cache")
    await catalog.refresh()
    (state,) = catalog.sources
    assert [each.name for each in state.charts] == ["good"]
    assert state.notes == ("The chart in bad is left out. Its Chart.yaml names no version.",)
