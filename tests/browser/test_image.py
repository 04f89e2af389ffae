"""The launch form's panel on an image, looked at in the local cluster's own registry."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from dev.cluster import settings
from tests.browser.portal_page import fill, open_launch

pytestmark = pytest.mark.browser

BASE = f"http://127.0.0.1:{settings.REGISTRY_PORT}"
STREAMLIT = "browser/streamlit"
AS_ROOT = "browser/as-root"
TYPES = "application/vnd.oci.image"


def send(method: str, url: str, body: bytes = b"", media: str = "") -> str:
    """Send to the registry; the address where that leads."""
    request = urllib.request.Request(url, data=body, method=method)
    if media:
        request.add_header("Content-Type", media)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.headers.get("Location", ""))


def put_blob(repository: str, content: bytes, media: str) -> dict[str, object]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    place = send("POST", f"{BASE}/v2/{repository}/blobs/uploads/")
    send("PUT", f"{place}&digest={digest}", content, "application/octet-stream")
    return {"mediaType": f"{TYPES}.{media}", "digest": digest, "size": len(content)}


def push(repository: str, tags: tuple[str, ...], config: dict[str, object]) -> None:
    """Make an image that holds one file, and says this of itself."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("app.py"), io.BytesIO())
    layer = packed.getvalue()
    told = {
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"],
        },
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{TYPES}.manifest.v1+json",
        "config": put_blob(repository, json.dumps(told).encode(), "config.v1+json"),
        "layers": [put_blob(repository, gzip.compress(layer, mtime=0), "layer.v1.tar+gzip")],
    }
    for tag in tags:
        place = f"{BASE}/v2/{repository}/manifests/{tag}"
        send("PUT", place, json.dumps(manifest).encode(), f"{TYPES}.manifest.v1+json")


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    push(
        STREAMLIT,
        (*(f"1.{number}" for number in range(15)), "latest"),
        {
            "Cmd": ["streamlit", "run", "app.py"],
            "ExposedPorts": {"8501/tcp": {}},
            "User": "1001",
            "Labels": {"dash-portal.io/required-env": "DATA_URL=of the team"},
        },
    )
    push(AS_ROOT, ("1.0",), {"Cmd": ["serve"], "WorkingDir": "/app", "Volumes": {"/data": {}}})


def choose(page: Page, repository: str, tag: str) -> None:
    fill(page, repository=f"{settings.REGISTRY}/{repository}", tag=tag)


def known(page: Page, words: str) -> None:
    """Wait until the panel is about the fields, and says this."""
    panel = page.get_by_test_id("image-panel")
    expect(panel).to_have_class("image-panel")
    expect(panel).to_contain_text(words)


def test_an_image_is_looked_at_and_its_frameworks_settings_are_taken(page: Page) -> None:
    open_launch(page)
    fill(page, name="looked-at", memory_limit="256Mi", memory_request="256Mi", port="8050")
    choose(page, STREAMLIT, "1.2")
    known(page, "The registry has this image.")
    expect(page.locator("#launch-note-port")).to_contain_text("listen on 8501, not on 8050")
    expect(page.locator("#launch-note-env")).to_contain_text("DATA_URL (of the team)")
    expect(page.locator("#launch-submit")).to_be_enabled()

    offer = page.locator("#launch-image-offer")
    expect(offer).to_contain_text("Looks like Streamlit: its command runs streamlit.")
    fill(page, env="DATA_URL=given")
    page.locator("#launch-image-use").click()
    expect(page.locator("#launch-port")).to_have_value("8501")
    expect(page.locator("#launch-session_affinity")).to_be_checked()
    expect(page.locator("#launch-memory_limit")).to_have_value("512Mi")
    expect(page.locator("#launch-env")).to_have_value(
        "DATA_URL=given\nSTREAMLIT_SERVER_HEADLESS=true"
    )
    expect(offer).to_contain_text("The form has its settings.")
    expect(page.locator("#launch-note-port")).to_be_empty()
    expect(page.locator("#launch-note-env")).to_be_empty()
    expect(page.locator("#launch-values")).to_contain_text("containerPort: 8501")


def test_tags_are_picked_with_the_keyboard_and_a_digest_is_pinned(page: Page) -> None:
    open_launch(page)
    choose(page, STREAMLIT, "")
    known(page, "choose a tag")
    tags = page.locator(".image-tags > .chips button")
    expect(tags).to_have_count(10)
    expect(tags.first).to_have_text("latest")
    page.get_by_text("6 more").press("Enter")
    expect(page.get_by_role("button", name="1.0", exact=True)).to_be_visible()
    chosen = page.get_by_role("button", name="1.14", exact=True)
    chosen.focus()
    chosen.press("Enter")
    expect(page.locator("#launch-tag")).to_have_value("1.14")
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(chosen).to_be_focused()
    known(page, "The registry has this image.")
    page.locator("#launch-image-pin").click()
    expect(page.locator("#launch-tag")).to_have_value(re.compile("sha256:[0-9a-f]{64}"))
    known(page, "pinned")
    expect(page.locator("#launch-note-tag")).to_be_empty()


def test_an_image_that_runs_as_root_or_is_missing_is_told_and_can_be_launched(page: Page) -> None:
    open_launch(page)
    fill(page, name="as-root")
    choose(page, AS_ROOT, "1.0")
    known(page, "The registry has this image.")
    expect(page.locator("#launch-note-repository")).to_contain_text("made to run as root")
    page.get_by_text("What the image says of itself").click()
    expect(page.get_by_test_id("image-panel")).to_contain_text("/data")
    choose(page, AS_ROOT, "9.9")
    known(page, "has no tag 9.9")
    expect(page.locator("#launch-note-repository")).to_be_empty()
    expect(page.locator("#launch-submit")).to_be_enabled()


HOLDING = """
const ask = window.fetch;
const released = new Promise((release) => (window.release = release));
window.fetch = async (...given) => {
  const asked = given[0] instanceof Request ? await given[0].clone().text() : given[1]?.body ?? "";
  if (asked.includes("launch-image-asked.data") && asked.includes("as-root")) {
    document.documentElement.dataset.look = "held";
    await released;
    const answer = await ask(...given);
    document.documentElement.dataset.look = "late";
    return answer;
  }
  return ask(...given);
};
"""
"""Keeps the look-up of one image from being answered until it is told to."""


def test_a_registry_that_does_not_answer_holds_nothing_up(page: Page) -> None:
    """Nor does an answer for another text show when it comes at last."""
    page.add_init_script(HOLDING)
    open_launch(page)
    fill(page, name="held-up")
    choose(page, AS_ROOT, "1.0")
    expect(page.locator("html")).to_have_attribute("data-look", "held")
    panel = page.get_by_test_id("image-panel")
    expect(panel).to_have_class("image-panel waiting")
    fill(page, port="x")
    expect(page.locator("#launch-note-port")).to_contain_text("whole number")
    fill(page, port="8051")
    expect(page.locator("#launch-values")).to_contain_text("containerPort: 8051")
    expect(page.locator("#launch-submit")).to_be_enabled()
    expect(panel).to_have_class("image-panel waiting")

    choose(page, STREAMLIT, "1.1")
    known(page, "8501")
    page.evaluate("window.release()")
    expect(page.locator("html")).to_have_attribute("data-look", "late")
    fill(page, port="8052")
    expect(page.locator("#launch-values")).to_contain_text("containerPort: 8052")
    known(page, "8501")
    expect(page.locator("#launch-image-offer")).to_contain_text("Streamlit")
    expect(page.locator("#launch-note-repository")).to_be_empty()


def test_what_an_app_is_made_with_can_be_said(page: Page) -> None:
    open_launch(page)
    fill(page, name="chosen", port="9000", memory_limit="2Gi")
    choose(page, "browser/none", "1.0")
    known(page, "has no image")
    page.locator("#launch-made-with").select_option("Jupyter")
    offer = page.locator("#launch-image-offer")
    expect(offer).to_contain_text("Settings that suit Jupyter.")
    page.locator("#launch-image-use").click()
    expect(page.locator("#launch-port")).to_have_value("9000")
    expect(page.locator("#launch-session_affinity")).to_be_checked()
    page.locator("#launch-image-use-port").click()
    expect(page.locator("#launch-port")).to_have_value("8888")
    expect(page.locator("#launch-memory_limit")).to_have_value("2Gi")
