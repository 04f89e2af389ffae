"""Small requests that are to become large work, on every route of the real portal: each ends with
an error, none takes memory, and the portal answers the next one.
"""

from __future__ import annotations

import gzip
import io
import json
import logging
import resource
import zlib
from pathlib import Path
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from yarl import URL

from portal.ui.requests import PATH as CALLBACKS
from portal.web.content_security import REPORTS_PATH
from portal.web.link_pages import VIEW_PATH
from tests.unit.web.test_matrix import ROUTES, VIEWER, Site, headers, serving

MIB = 2**20
MEMORY = 128 * MIB
"""Bytes that the process may have grown by in the end: every bomb alone would take more."""


def zeros(window: int) -> bytes:
    """Twice ``MEMORY`` of zeros as gzip (31) or deflate (15), made without having them at once."""
    packer = zlib.compressobj(1, zlib.DEFLATED, window)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(2 * MEMORY // MIB)) + packer.flush()


def deep(brackets: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * brackets + closing * brackets).encode()


BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "gzip": (zeros(31), {"Content-Encoding": "gzip"}),
    "deflate": (zeros(15), {"Content-Encoding": "deflate"}),
    "gzip in gzip": (gzip.compress(zeros(31)), {"Content-Encoding": "gzip, gzip"}),
    "unknown coding": (b"{}", {"Content-Encoding": "x" * 4_000}),
    **{
        f"{what}, {size:,} deep": (body, {})
        for size in (800, 2_000, 100_000)
        for what, body in {
            "lists": deep(size),
            "objects": deep(size, '{"a":', "}"),
            "in what is not read": b'{"token": "t", "x": %s}' % deep(size),
            "in a report": b'{"csp-report": {"blocked-uri": %s}}' % deep(size),
            "in inputs": b'{"output": "a.b", "inputs": %s, "changedPropIds": []}' % deep(size),
            "a JSON patch": b'[{"op": "add", "path": "/a", "value": %s}]' % deep(size),
            "not closed": b"[" * size,
        }.items()
    },
    "a long number": (b"9" * 200_000, {}),
    "a long name": (json.dumps({"a" * 200_000: 1}).encode(), {}),
    "many names": (json.dumps({str(n): n for n in range(30_000)}).encode(), {}),
    "many fields": (b"a=1&" * 50_000, {"Content-Type": "application/x-www-form-urlencoded"}),
    "many parts": (
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 3_000 + b"--x--",
        {"Content-Type": "multipart/form-data; boundary=x"},
    ),
}
POSTED = (CALLBACKS, REPORTS_PATH, VIEW_PATH)
"""Where something may be posted to; sign-ins are in ``test_sign_in.py``."""
QUERIES: dict[str, str] = {
    "long": "a" * 60_000,
    "many": "a=1&" * 15_000,
    "one name": "q=" + "%25" * 20_000,
    "commas": "q=" + "," * 60_000,
    "brackets": "q=" + "[" * 60_000,
    "spaces": "q=" + "+" * 60_000 + "!",
    "digits": "load=" + "1" * 60_000 + "!",
    "parts": "status=" + "a.b-" * 15_000,
}


def grown() -> int:
    """Return the largest memory of the process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def test_every_bomb_ends_with_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with serving(tmp_path, LIMITS_REQUESTS="0") as site:
        posted = {getattr(each, "path", "") for each in site.router.routes if takes_posts(each)}
        assert posted <= set(POSTED), "another route takes bodies: try it, too"
        before = grown()
        for path in POSTED:
            for name, (body, more) in BODIES.items():
                kind = {"Content-Type": "application/json"}
                sent = {**kind, **headers(VIEWER), **more}
                url = f"http://{site.address}{path}"
                async with site.session.post(url, data=io.BytesIO(body), headers=sent) as answer:
                    assert 400 <= answer.status < 500, (path, name, answer.status)
        await queries(site)
        for path in ("/live", "/live/logs", "/live/shell"):
            for body in (deep(16_000), deep(8_000, '{"view":', "}"), b"[" * 30_000):
                await frame(site, path, body)
        assert grown() - before < MEMORY
        assert (await site.get(VIEWER, "/"))[0] == 200
    assert not caplog.records, caplog.records[0].getMessage()


def takes_posts(route: object) -> bool:
    return "POST" in (getattr(route, "methods", None) or ())


async def queries(site: Site) -> None:
    """Ask every route that is read with each query."""
    known = (each for each in ROUTES if "{" not in each)
    for path in (*known, "/apps/a/b", "/apps/a/b/autoscaling", "/admin/audit", "/catalog/a/b"):
        for name, query in QUERIES.items():
            asked = URL(f"http://{site.address}{path}?{query}", encoded=True)
            async with site.session.get(asked, headers=headers(VIEWER)) as answer:
                await answer.read()
                assert answer.status < 500 or path == "/readyz", (path, name, answer.status)


async def frame(site: Site, path: str, body: bytes) -> None:
    """Send what is no message over a live connection, which is then closed."""
    where = urlencode({"namespace": "a", "name": "b", "pod": "c"})
    try:
        async with connect(
            f"ws://{site.address}{path}?{where}",
            origin=f"http://{site.address}",  # type: ignore[arg-type]
            additional_headers=headers(VIEWER),
        ) as browser:
            await browser.send(body.decode())
            while True:
                await browser.recv()
    except ConnectionClosed:
        pass
