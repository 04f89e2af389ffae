"""Charts' icons: which are fetched, which are shown, and how they are served."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from portal.catalog.catalog import Catalog
from portal.catalog.icons import MAX_ICON, PNG, SVG, Icon, icon_of, is_allowed
from portal.catalog.sources import Source, SourceKind
from portal.registry.fetch import HttpFetch
from portal.web.icons import PATH, icon_endpoint
from tests.unit.catalog.make import files, serving

DRAWN = b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9v9z"/></svg>'


def png(width: int = 64, height: int = 64) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x06"


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (png(), PNG),
        (DRAWN, SVG),
        (b"\xef\xbb\xbf" + DRAWN, SVG),
        (b'<?xml version="1.0"?>\n<!-- drawn -->\n' + DRAWN, SVG),
        (b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://x/svg11.dtd">' + DRAWN, SVG),
    ],
)
def test_what_an_icon_is_its_content_says(content: bytes, media: str) -> None:
    assert icon_of(content) == Icon(media, content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><svg></svg></html>",
        b"<script>alert(1)</script>" + DRAWN,
        b"GIF89a",
        png(width=100_000),
        b"\x89PNG\r\n\x1a\n",
        DRAWN + b" " * MAX_ICON,
        b'<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + DRAWN,
        DRAWN + b'<!ENTITY a "aaaa">',
    ],
)
def test_anything_else_is_none(content: bytes) -> None:
    assert icon_of(content) is None


def test_only_the_sources_own_hosts_are_asked() -> None:
    url = "https://charts.example.com/team"
    source = Source("team", SourceKind.REPOSITORY, url, hosts=("files.example.com",))
    for allowed in ("https://charts.example.com/x.png", "https://FILES.example.com/x.svg"):
        assert is_allowed(source, allowed)
    for other in ("", "https://tracker.example/x.png", "data:image/png;base64,AA", "//[", "x.png"):
        assert not is_allowed(source, other)


@pytest.fixture
async def fetch() -> AsyncIterator[HttpFetch]:
    fetch = HttpFetch(timeout=5)
    yield fetch
    await fetch.close()


async def test_an_icon_is_fetched_once_and_a_missing_one_again_after_a_while(
    tmp_path: Path, fetch: HttpFetch
) -> None:
    contents: dict[str, bytes] = {"/icon.svg": DRAWN}
    async with serving(files(contents)) as host:

        def chart(name: str, icon: str) -> dict[str, object]:
            return {"name": name, "version": "1.0.0", "urls": ["x.tgz"], "icon": icon}

        entries = {
            "drawn": [chart("drawn", f"http://{host}/icon.svg")],
            "none": [chart("none", f"http://{host}/none.svg")],
            "elsewhere": [chart("elsewhere", "http://169.254.169.254/latest/meta-data")],
        }
        contents["/index.yaml"] = json.dumps({"entries": entries}).encode()
        source = Source("team", SourceKind.REPOSITORY, f"http://{host}")
        catalog = Catalog([source], fetch, tmp_path)
        await catalog.refresh()
        assert await catalog.icon("team", "drawn") == Icon(SVG, DRAWN)
        for name in ("none", "elsewhere", "no-such-chart"):
            assert await catalog.icon("team", name) is None
        assert await catalog.icon("no-such-source", "drawn") is None
        contents["/none.svg"] = contents.pop("/icon.svg")
        assert await catalog.icon("team", "drawn")
        assert await catalog.icon("team", "none") is None
        await catalog.refresh()
        assert await catalog.icon("team", "none") == Icon(SVG, DRAWN)


def test_an_icon_is_served_so_that_it_can_do_nothing() -> None:
    async def find(source: str, chart: str) -> Icon | None:
        return Icon(SVG, DRAWN) if (source, chart) == ("oci", "team/web") else None

    client = TestClient(Starlette(routes=[Route(PATH, icon_endpoint(find))]))
    answer = client.get("/icons/oci/team/web")
    assert (answer.status_code, answer.content) == (200, DRAWN)
    assert answer.headers["content-type"] == SVG
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"] == "attachment"
    assert client.get("/icons/oci/other").status_code == 404
