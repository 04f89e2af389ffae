"""Requests to callbacks, by browsers and by hostile clients."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from benchmarks.inputs.loads import request
from portal.ui import ids
from portal.ui.build import build_ui
from portal.ui.requests import LARGEST, MOST_PARTS, PATH, USUAL, most_bytes
from tests.unit.ui import fixtures
from tests.unit.ui.fakes import FakeActions, context

Body = dict[str, Any]


class Site:
    def __init__(self) -> None:
        self._view = fixtures.healthy()
        ui, self.actions = context(self._view)
        server = FastAPI()
        build_ui(server, ui)
        self.client = TestClient(server)

    def begin(self) -> None:
        """Forget what a test before has asked for."""
        self.actions.calls.clear()
        self.actions.views |= {self._view.key: self._view}

    def post(self, content: bytes | str) -> Any:
        return self.client.post(PATH, content=content, headers={"Content-Type": "application/json"})


@pytest.fixture(scope="module")
def served() -> Iterator[Site]:
    site = Site()
    with site.client:
        yield site


@pytest.fixture
def site(served: Site) -> Site:
    served.begin()
    return served


UNINSTALL: Body = {
    "output": "..uninstall-modal.is_open...uninstall-failure.children..",
    "outputs": [
        {"id": ids.UNINSTALL_MODAL, "property": "is_open"},
        {"id": ids.UNINSTALL_FAILURE, "property": "children"},
    ],
    "inputs": [{"id": ids.UNINSTALL_CONFIRM, "property": "n_clicks", "value": 1}],
    "state": [{"id": ids.APP_KEY, "property": "data", "value": ["apps", "iris"]}],
    "changedPropIds": [f"{ids.UNINSTALL_CONFIRM}.n_clicks"],
}


def changed(change: Callable[[Body], object]) -> Body:
    body = deepcopy(UNINSTALL)
    change(body)
    return body


def with_key(value: object) -> Body:
    return changed(lambda body: body["state"][0].update(value=value))


def test_what_a_page_sends_is_answered(site: Site) -> None:
    assert site.post(json.dumps(UNINSTALL)).status_code == 200
    assert [call[0] for call in site.actions.calls] == ["uninstall"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        "x",
        changed(lambda body: body.update(output="nothing.children")),
        changed(lambda body: body.update(output=["x"])),
        changed(lambda body: body.pop("inputs")),
        changed(lambda body: body.update(inputs={})),
        changed(lambda body: body.update(state=[])),
        changed(lambda body: body["state"].append(body["state"][0])),
        changed(lambda body: body["state"][0].update(id="app-other")),
        changed(lambda body: body["state"][0].update(property="value")),
        changed(lambda body: body["inputs"][0].update(value="1")),
        changed(lambda body: body["outputs"].pop()),
        changed(lambda body: body["outputs"][0].update(id="page")),
        changed(lambda body: body.update(changedPropIds="x")),
        changed(lambda body: body.update(changedPropIds=[1])),
        changed(lambda body: body.update(changedPropIds=["page.children"])),
        changed(lambda body: body.update(changedPropIds=["{.n_clicks"])),
        with_key(None),
        with_key(["apps"]),
        with_key(["apps", 1]),
        with_key(["apps", "iris", "x"]),
        with_key(["apps", "../../x"]),
        with_key(["apps", "--post-renderer"]),
        with_key(["apps\n", "iris"]),
    ],
)
def test_what_no_page_sends_is_refused(site: Site, body: object) -> None:
    answer = site.post(json.dumps(body))
    assert answer.status_code == 400
    assert "Reload" in answer.json()["advice"]
    assert site.actions.calls == []


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"{", b"[" * 100_000, b"9" * 5000, b" " * (LARGEST + 1)]
)
def test_what_is_no_json_is_refused(site: Site, content: bytes) -> None:
    assert site.post(content).status_code in {400, 413}


def chart_edit(site: Site, **values: Any) -> Body:
    """A request of the chart's form, with one field and its note."""
    dependencies = site.client.get("/_dash-dependencies").json()
    spec = next(each for each in dependencies if each["output"].startswith("..chart-form."))
    field, note = ({"path": "/a", "type": f"chart-{kind}"} for kind in ("field", "note"))
    there: dict[str, list[object]] = {"chart-field": [field], "chart-note": [note]}
    place = {"source": "local", "chart": "x", "version": "1", "revision": None, "release": None}
    known: Body = {"chart-yaml": "a: 1", "chart-basis": "", "chart-place": place, **values}

    def filled(each: Body) -> object:
        if not each["id"].startswith("{"):
            return {**each, "value": known.get(each["id"])}
        kind = json.loads(each["id"])["type"]
        return [
            {"id": id, "property": each["property"], "value": id if each["property"] == "id" else 1}
            for id in there.get(kind, [])
        ]

    outputs = [
        dict(zip(("id", "property"), part.rsplit(".", 1), strict=True))
        for part in spec["output"].strip(".").split("...")
    ]
    return {
        "output": spec["output"],
        "outputs": [
            [{"id": note, "property": "children"}] if each["id"].startswith("{") else each
            for each in outputs
        ],
        "inputs": [filled(each) for each in spec["inputs"]],
        "state": [filled(each) for each in spec["state"]],
        "changedPropIds": ['{"path":"/a","type":"chart-field"}.value'],
    }


def test_parts_of_a_form_are_the_same_wherever_they_are_named(site: Site) -> None:
    def answered(change: Callable[[Body], object], **values: Any) -> int:
        body = chart_edit(site, **values)
        change(body)
        return site.post(json.dumps(body)).status_code

    other = {"path": "/b", "type": "chart-field"}
    assert answered(lambda body: body["inputs"][0].clear()) == 400
    assert answered(lambda body: body["inputs"].__setitem__(1, None)) == 400
    assert answered(lambda body: body["state"][0][0].update(value=other)) == 400
    assert answered(lambda body: body["inputs"][0][0].update(id={"type": "chart-field"})) == 400
    assert answered(lambda body: body["outputs"][2].clear()) == 400
    assert answered(lambda body: body.update(changedPropIds=['{"path":1}.value'])) == 400
    for place in (None, {}, {"source": "a", "chart": "b", "version": 1}):
        assert answered(lambda body: None, **{"chart-place": place}) == 400
    assert answered(lambda body: None, **{"chart-yaml": ["x"]}) == 400


def test_an_edit_of_a_chart_that_has_gone_says_so(site: Site) -> None:
    answer = site.post(json.dumps(chart_edit(site)))
    assert answer.status_code == 200
    shown = answer.json()["response"]
    assert "The catalogue has no chart" in json.dumps(shown.pop(ids.CHART_YAML_NOTE))
    assert shown == {}


def test_dash_s_own_websocket_is_shut(site: Site) -> None:
    headers = {"Origin": "http://testserver"}
    with (
        pytest.raises(WebSocketDisconnect),
        site.client.websocket_connect("/_dash-ws-callback", headers=headers),
    ):
        pass


def test_what_a_callback_does_not_expect_is_logged(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> str:
        raise RuntimeError("a fault")

    monkeypatch.setattr(FakeActions, "namespace_problem", broken)
    dependencies = site.client.get("/_dash-dependencies").json()
    spec = next(each for each in dependencies if each["output"].startswith("..chart-name-note."))
    known: Body = {
        ids.CHART_NAMESPACE: "apps",
        ids.CHART_PLACE: {"source": "local", "chart": "x", "version": "1"},
    }
    outputs = spec["output"].strip(".").split("...")
    body = {
        "output": spec["output"],
        "outputs": [dict(zip(("id", "property"), o.rsplit(".", 1), strict=True)) for o in outputs],
        "inputs": [{**each, "value": known.get(each["id"])} for each in spec["inputs"]],
        "state": [{**each, "value": known.get(each["id"])} for each in spec["state"]],
        "changedPropIds": [],
    }
    assert site.post(json.dumps(body)).status_code == 500
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "a fault"


def launch(site: Site, **values: object) -> Body:
    """The check of the launch form, with these fields filled in."""
    callbacks = site.client.get("/_dash-dependencies").json()
    spec = next(each for each in callbacks if ids.LAUNCH_VALUES in each["output"])
    form = {ids.launch(name): value for name, value in values.items()}
    return request(spec, lambda id, name: form.get(id) if name == "value" else None, 1)


def said(answer: Any, field: str) -> str:
    return json.dumps(answer.json()["response"][ids.launch_note(field)])


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("env", "\n".join(f"N{n}=x" for n in range(1_002)), "at most 1,000 lines"),
        ("env", "N=" + "x" * 70_000, "at most 64 KiB"),
        ("repository", "r.io/" + "a" * 3_000, "at most 300 characters"),
        ("cpu_request", "1," + "1" * 3_000 + "!", "at most 300 characters"),
        ("hostname", "a" * 3_000, "at most 300 characters"),
    ],
)
def test_what_is_too_long_is_said_beside_its_field(
    site: Site, field: str, value: str, words: str
) -> None:
    given = {"exposure": "Ingress", field: value}
    answer = site.post(json.dumps(launch(site, **given)))
    assert answer.status_code == 200
    assert words in said(answer, field)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"env": "x" * 270_000}, "at most 256 KiB"),
        ({"name": "x" * 5_000}, "text in a field is too long: 5 KiB, at most 4"),
        ({"bounds": [1] * 500}, "too many values"),
        ({"bounds": {str(n): {"x": []} for n in range(200)}}, "too many values"),
        ({"bounds": ["x" * 5_000]}, "is too long"),
    ],
)
def test_what_no_field_takes_is_refused(site: Site, values: dict[str, Any], words: str) -> None:
    answer = site.post(json.dumps(launch(site, **values)))
    assert answer.status_code == 413
    assert words in answer.json()["error"]
    assert answer.json()["advice"]


def test_each_callback_takes_as_much_as_its_fields(site: Site) -> None:
    specs = site.client.get("/_dash-dependencies").json()
    most = {spec["output"]: most_bytes(spec) for spec in specs}
    larger = {output for output, bytes in most.items() if bytes != USUAL}
    assert max(most.values()) == LARGEST
    assert all("chart-" in each or "launch-opened" in each for each in larger)
    assert len(larger) < len(most) / 4


def test_a_pattern_stands_for_only_so_many(site: Site) -> None:
    callbacks = site.client.get("/_dash-dependencies").json()
    spec = next(each for each in callbacks if ids.CHART_FORM in each["output"])
    place = {"source": "a", "chart": "b", "version": "", "revision": None}
    value = {(ids.CHART_PLACE, "data"): place}
    for many, status in ((MOST_PARTS // 5, 200), (MOST_PARTS + 1, 413)):
        body = request(spec, lambda id, name: value.get((id, name)), many)
        assert site.post(json.dumps(body)).status_code == status
