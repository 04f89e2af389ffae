"""The sample app: bounded work, a picture that fits its frame, and a clean stop under gunicorn."""

from __future__ import annotations

import base64
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import ModuleType

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "dash-sample"


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch):
    """Import a module of the sample as the image would, and forget it again."""
    monkeypatch.syspath_prepend(str(SAMPLE))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in ("app", "attractor"):
        sys.modules.pop(name, None)


@pytest.fixture
def client(sample):
    return sample("app").create_server().test_client()


def test_the_picture_is_deterministic_and_uses_the_whole_scale(sample):
    attractor = sample("attractor")
    cells = attractor.density(-1.4, 1.6, 1.0, 0.7, 20_000)
    assert len(cells) == attractor.SIZE**2
    assert (min(cells), max(cells)) == (0, 255)
    assert cells == attractor.density(-1.4, 1.6, 1.0, 0.7, 20_000)


@pytest.mark.parametrize("corner", [(-2, -2, -2, -2), (2, 2, 2, 2), (0, 0, 0, 0), (2, -2, 2, -2)])
def test_the_extremes_of_the_sliders_stay_within_the_picture(sample, corner):
    assert max(sample("attractor").density(*corner, 2_000)) == 255


def test_hops_are_bounded(sample, monkeypatch):
    attractor = sample("attractor")
    monkeypatch.setattr(attractor, "MAX_HOPS", 1_000)
    assert attractor.density(-1.4, 1.6, 1.0, 0.7, 10**12) == attractor.density(
        -1.4, 1.6, 1.0, 0.7, 1_000
    )


def test_work_uses_the_cpu_that_was_asked_for_and_no_more_than_the_bound(sample, monkeypatch):
    attractor = sample("attractor")
    assert attractor.burn(20) >= 20
    monkeypatch.setattr(attractor, "MAX_WORK_MS", 10)
    begin = time.thread_time()
    attractor.burn(10**9)
    assert time.thread_time() - begin < 0.5


def test_work_says_which_pod_answered(client):
    answer = client.get("/work?ms=5")
    assert answer.status_code == 200
    assert answer.json["pod"] == socket.gethostname()
    assert answer.json["cpu_ms"] >= 5


@pytest.mark.parametrize("wanted", ["0", "-1", "1001", "1e3", "", "much"])
def test_work_out_of_bounds_is_refused(client, wanted):
    answer = client.get(f"/work?ms={wanted}")
    assert answer.status_code == 400
    assert "1 to 1000" in answer.json["error"]


def test_health_and_page(client):
    assert client.get("/healthz").data == b"ok\n"
    assert b"Strange attractor" in client.get("/").data


def test_every_control_of_the_layout_reaches_the_callback(client, sample):
    """Call the callback as the browser does."""
    names = ["a", "b", "c", "d", "hops"]
    body = {
        "output": "..picture.figure...pod.children...cost.children..",
        "outputs": [
            {"id": "picture", "property": "figure"},
            {"id": "pod", "property": "children"},
            {"id": "cost", "property": "children"},
        ],
        "inputs": [
            {"id": name, "property": "value", "value": 5000 if name == "hops" else 1.2}
            for name in names
        ],
        "changedPropIds": ["hops.value"],
    }
    answer = client.post("/_dash-update-component", json=body)
    assert answer.status_code == 200
    response = answer.json["response"]
    packed = response["picture"]["figure"]["data"][0]["z"]["bdata"]
    assert len(base64.b64decode(packed)) == sample("attractor").SIZE ** 2
    assert response["pod"]["children"] == socket.gethostname()


def test_gunicorn_starts_answers_and_stops_cleanly(tmp_path):
    """With the sample's own configuration, and nowhere to write but a scratch folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"],
        cwd=SAMPLE,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert _eventually_answers(f"http://127.0.0.1:{port}/healthz", process)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
        assert process.returncode == 0, log
        assert list(tmp_path.iterdir()) == []
    finally:
        process.kill()
        process.communicate()


def _eventually_answers(url: str, process: subprocess.Popen[str]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read() == b"ok\n"
        except urllib.error.URLError:
            time.sleep(0.05)
    return False
