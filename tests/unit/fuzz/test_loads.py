"""Large, deep, wide and many: whatever is sent, the loop that all share is soon free again.

What is measured is the time of the loop's own thread, so that a busy machine does not count. The
bound here is generous; ``make bench ARGS="--only inputs"`` holds a real portal to 20 ms.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import gzip
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.websockets import WebSocketDisconnect

from benchmarks.inputs.loads import ANSWERS, loads, messages
from portal.catalog.sources import Source, SourceKind
from portal.cluster.storage.codec import decode_for_pages
from portal.domain.keys import Key
from portal.domain.release import ReleaseRecord
from portal.ui import ids
from tests.unit.fuzz.portal import USUAL
from tests.unit.fuzz.site import PortalClient, running

LONGEST = 0.1
"""Seconds of its thread that the loop may be held up by one thing."""
ORIGIN = {"Origin": "http://testserver"}
SMALL = (250, 3_000, 60_000)
FIELDS = 400
"""Of the form of a chart that has as many as a form may have."""


class Held:
    """The longest time that one callback of the loop has taken of its thread."""

    def __init__(self) -> None:
        self.longest = 0.0

    def take(self) -> float:
        longest, self.longest = self.longest, 0.0
        return longest


@pytest.fixture(scope="module")
def held() -> Iterator[Held]:
    held = Held()
    plain = asyncio.Handle._run

    def run(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        try:
            plain(handle)
        finally:
            held.longest = max(held.longest, time.thread_time() - began)

    gc.freeze()  # as the portal does: what the tests hold is not looked through again and again
    patch = pytest.MonkeyPatch()
    patch.setattr(asyncio.Handle, "_run", run)
    yield held
    patch.undo()
    gc.unfreeze()


def wide_chart(folder: Path) -> Source:
    chart = folder / "wide"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: wide\nversion: 1.0.0\n")
    names = [f"field{number}" for number in range(2 * FIELDS)]
    (chart / "values.yaml").write_text("".join(f"{name}: ''\n" for name in names))
    known = {name: {"type": "string", "description": "d" * 200} for name in names}
    schema = {"type": "object", "properties": known}
    (chart / "values.schema.json").write_text(json.dumps(schema))
    return Source("hostile", SourceKind.FOLDER, path=folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, held: Held) -> Iterator[PortalClient]:
    folder = tmp_path_factory.mktemp("charts")
    with running(tmp_path_factory.mktemp("cache"), wide_chart(folder)) as site:
        yield site


def usual(chart: str) -> Any:
    form: dict[str, Any] = {ids.launch(field): value for field, value in USUAL.items()}
    source = "local" if chart == "web-server" else "hostile"
    place = {"source": source, "chart": chart, "version": "", "revision": None, "release": None}
    known = {
        (ids.APP_KEY, "data"): ["apps", "there-0"],
        (ids.CHART_PLACE, "data"): place,
        (ids.CHART_NAME, "value"): "sales",
        (ids.CHART_NAMESPACE, "value"): "apps",
        (ids.LOCATION, "pathname"): f"/catalog/{source}/{chart}",
        (ids.VERSION_PLAN, "data"): {"version": "1.2.0", "since": 4},
        (ids.ROLLBACK_TO, "data"): 3,
        **{(id, "value"): value for id, value in form.items()},
    }
    by_property = {"n_clicks": 1, "is_open": True}
    return lambda id, name: known.get((id, name), by_property.get(name))


@pytest.mark.parametrize("chart", ["web-server", "wide"])
def test_no_callback_holds_the_loop_up(site: PortalClient, held: Held, chart: str) -> None:
    slow: dict[str, float] = {}
    tried: dict[int, int] = {}
    of_form = [each for each in site.callbacks if "chart-" in each["output"]]
    callbacks, sizes = (site.callbacks, SMALL) if chart == "web-server" else (of_form, (60_000,))
    for load in loads(callbacks, usual(chart), sizes):
        held.take()
        status = site.post(load.body)
        assert status in ANSWERS, load.name
        tried[status] = tried.get(status, 0) + 1
        if (took := held.take()) > LONGEST:
            slow[load.name] = took
    assert not slow
    assert all(tried.get(each, 0) > 20 for each in (200, 400, 413)), tried


def test_no_live_message_or_frame_holds_the_loop_up(site: PortalClient, held: Held) -> None:
    held.take()
    for message in messages():
        with site.client.websocket_connect("/live", headers=ORIGIN) as socket:
            socket.send_text(message)
            with suppress(WebSocketDisconnect):
                while "view" not in socket.receive_text():
                    continue  # a heartbeat
        answer = site.client.get(f"/live/frame?view={quote(message)[:8000]}")
        assert answer.status_code in {200, 400}
        site.check()
    assert held.take() < LONGEST


def packed(body: object) -> str:
    text = gzip.compress(json.dumps(body).encode())
    return base64.b64encode(base64.b64encode(text)).decode()


@pytest.mark.parametrize(
    "body",
    [
        {"info": {"notes": "http://example.org/ " * 350_000}},
        {"info": {"notes": "http://u:" + "p@" * 500_000}},
        {"config": {f"name{n}": "v" for n in range(20_000)}},
        {"config": {"text": "a" * 1_000_000}},
        {"config": {"text": "http://u:p@" * 90_000, "password": "x" * 1000}},
        {"config": {"lists": [[{}, {}]] * 15_000}},
        {"chart": {"metadata": {"name": "n" * 500_000, "version": "v" * 500_000}}},
        {"config": {"image": {"tag": "t" * 500_000}, "autoscaling": {"maxReplicas": 10**300}}},
    ],
)
def test_no_release_holds_the_loop_up(site: PortalClient, held: Held, body: dict[str, Any]) -> None:
    key = Key("apps", "there-1")
    found = decode_for_pages(ReleaseRecord(key, 4), "", packed(body))
    assert site.client.portal is not None
    held.take()
    site.client.portal.call(site.portal.store.put_detail, found)
    for topic in ("app/apps/there-1", "admin"):
        answer = site.client.get("/live/frame", params={"view": topic})
        assert answer.status_code == 200
        assert len(answer.content) < 2**20
    site.check()
    assert held.take() < LONGEST
