"""The Content-Security-Policy in a real browser: what it stops is reported, and all else works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from portal.web.content_security import REPORTS_PATH
from tests.pages.observed import Tab, tab
from tests.pages.site import Running

pytestmark = pytest.mark.pages

TERMINAL = """async () => {
  const [style] = [...document.styleSheets].map((each) => each.href).filter(Boolean);
  const vendor = new URL("../vendor/xterm.min.js", style.replace(/vendor\\/[^/]*$/, "web/x"));
  const { Terminal } = await import(vendor);
  const box = document.createElement("div");
  document.body.append(box);
  const terminal = new Terminal({ theme: { background: "#123456" } });
  terminal.open(box);
  await new Promise((done) => terminal.write("\\x1b[38;2;1;2;3mcolour\\x1b[0m", done));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const coloured = [...box.querySelectorAll(".xterm-rows span")]
    .find((each) => each.textContent.includes("colour"));
  return [
    getComputedStyle(coloured).color,
    getComputedStyle(box.querySelector(".xterm-rows")).fontFamily.includes("monospace"),
    document.querySelectorAll("style").length,
  ];
}"""
INLINE = """() => {
  const made = new DOMParser().parseFromString("<style>h1 { color: red }</style>", "text/html");
  document.head.append(document.adoptNode(made.querySelector("style")));
  return getComputedStyle(document.querySelector("h1")).color;
}"""


@pytest.fixture
def here(browser: Browser) -> Iterator[Tab]:
    with tab(browser) as made:
        yield made


def test_what_libraries_style_works_and_what_markup_does_is_stopped_and_reported(
    here: Tab, sites: Running
) -> None:
    here.open(sites.url("portal") + "/launch")
    here.idle()
    assert here.page.evaluate(TERMINAL) == ["rgb(1, 2, 3)", True, 0]
    assert here.problems == []
    with here.page.expect_response(lambda answer: answer.url.endswith(REPORTS_PATH)) as reported:
        colour = here.page.evaluate(INLINE)
    assert colour != "rgb(255, 0, 0)"
    assert reported.value.status == 204
