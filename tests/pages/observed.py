"""One tab of the browser, and what is wrong with the page that it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect

WIDTHS = (320, 360, 768, 1360, 2560)
HEIGHT = 900
PATIENCE = 60_000
"""Milliseconds that anything may take on a busy machine."""
USUAL = 1360
NARROW = 360

# Layout shifts and controls that get the focus are noted from the first paint on.
OBSERVERS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) {
    if (each.hadRecentInput) continue;
    const moved = each.sources.map(({ node }) => node?.id || node?.className || node?.nodeName);
    window.shifts.push({ value: each.value, moved: moved.join(", ") });
  }
}).observe({ type: "layout-shift", buffered: true });
"""

RULES = """async (options) => {
  const found = await axe.run(document, { resultTypes: ["violations"], ...options });
  return found.violations.flatMap((each) => each.nodes.map((node) =>
    `${each.id}: ${node.target.join(" ")}: ${node.any.concat(node.all, node.none)
      .map((check) => check.message).join("; ").slice(0, 300)}`));
}"""
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules that a theme can break; they take most of the time."""
ALL: dict[str, Any] = {}
OF_COLOURS = {"runOnly": {"type": "rule", "values": COLOURS}}
OF_LAYOUT = {"rules": {each: {"enabled": False} for each in COLOURS}}

# Two frames: what watches its size, such as a plot, follows the window in the first of them.
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

# What sticks out beyond the window's right edge, the innermost elements first.
SIDEWAYS = """() => {
  const root = document.scrollingElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  const out = [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > root.clientWidth + 0.5)
    .map((each) => `${each.nodeName.toLowerCase()}#${each.id}.${each.className}`);
  return [`${root.scrollWidth} > ${root.clientWidth}`, ...out.slice(-4)];
}"""

# Every control that a mouse can use, of a group of radio buttons the chosen one.
CONTROLS = """() => {
  const all = `a[href], button, input:not([type=hidden]), select, textarea, summary,
    [tabindex]:not([tabindex^="-"]), [role=slider]`;
  const inside = document.querySelector(".modal.show") ?? document;
  const usable = (each) => {
    if (each.disabled || each.hasAttribute("data-disabled")) return false;
    if (each.closest("fieldset[disabled], [inert], [aria-hidden=true]")) return false;
    if (each.matches("input[type=radio]:not(:checked)")) return false;
    const box = each.getBoundingClientRect();
    return box.width > 0 && box.height > 0
      && each.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
  };
  document.activeElement?.blur();
  const look = (each) => {
    const style = getComputedStyle(each);
    return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.borderColor,
      style.backgroundColor].join("|");
  };
  const name = (each) => `${each.nodeName.toLowerCase()}#${each.id}.${each.className} ${
    (each.getAttribute("aria-label") ?? each.textContent).trim().slice(0, 40)}`;
  window.controls = [...inside.querySelectorAll(all)].filter(usable)
    .map((each) => ({ element: each, name: name(each), before: look(each), reached: false }));
  document.addEventListener("focusin", ({ target }) => {
    for (const each of window.controls) {
      if (each.element !== target) continue;
      each.reached = true;
      const around = target.closest("label, .list-bar, .search, .dash-slider-container");
      each.seen = look(target) !== each.before || Boolean(around);
      each.hidden = target.getBoundingClientRect().width === 0;
    }
  });
  return window.controls.length;
}"""
REACHED = """() => window.controls
  .filter((each) => each.element.isConnected)
  .flatMap((each) => !each.reached ? [`not reached: ${each.name}`]
    : !each.seen ? [`focus not visible: ${each.name}`] : [])"""

MOVING = """() => document.getAnimations()
  .filter((each) => each.effect.getComputedTiming().duration > 1)
  .map(({ animationName, transitionProperty, effect }) =>
    `${animationName ?? transitionProperty} of ${effect.target.className}`)"""


class Tab:
    """A tab that notes every error that the page or the network has."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        self.allowed = 200
        page.on("pageerror", lambda error: self._note(f"script: {error}"))
        page.on("console", self._console)
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _note(self, problem: str) -> None:
        self.problems.append(problem)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self._note(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # a page that is left drops its requests
            self._note(f"request: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        document = response.request.resource_type == "document"
        if response.status != self.allowed if document else response.status >= 400:
            self._note(f"answer: {response.status} {response.url}")

    def open(self, url: str, status: int = 200) -> None:
        """Open a page and wait until it is there, with its live connection."""
        self.problems.clear()
        self.allowed = status
        answer = self.page.goto(url)
        assert answer
        assert answer.status == status
        self.page.locator("#page > [data-live-view]").wait_for()
        if self.page.locator("#page > [data-live-view='']").count() == 0:
            self.page.locator("#live-state[data-state=live]").wait_for()

    def idle(self) -> None:
        """Wait until callbacks have been answered and everything is drawn."""
        expect(self.page.locator("[data-dash-is-loading]")).to_have_count(0)
        self.page.evaluate(
            "() => document.fonts.ready.then(() => new Promise(requestAnimationFrame))"
        )

    def width(self, width: int) -> None:
        """Make the window as wide as this."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})

    def theme(self, theme: str) -> None:
        """Have the system's theme be this."""
        self.page.emulate_media(color_scheme=cast("Any", theme), reduced_motion="reduce")
        if self.page.url != "about:blank":
            expect(self.page.locator("html")).to_have_attribute("data-bs-theme", theme)

    def axe(self, rules: dict[str, Any] = ALL) -> list[str]:
        """The accessibility rules that the page breaks, of some of them or of all."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(Axe().axe_script)
        return self.page.evaluate(RULES, rules)

    def sideways(self) -> list[str]:
        """Why the page scrolls sideways; empty if it does not, once the window's width is drawn."""
        if not self.page.evaluate(SIDEWAYS):
            return []
        self.page.evaluate(DRAWN)
        return self.page.evaluate(SIDEWAYS)

    def moving(self) -> list[str]:
        """The animations that run."""
        return self.page.evaluate(MOVING)

    def unreached(self) -> list[str]:
        """The controls that the Tab key does not come to, or does not show."""
        amount: int = self.page.evaluate(CONTROLS)
        left: list[str] = []
        # Twice around at most: an answer that arrives meanwhile may add controls before the others.
        for pressed in range(2 * amount + 24):
            self.page.keyboard.press("Tab")
            if pressed >= amount - 1:
                left = self.page.evaluate(REACHED)
                if not left:
                    break
        return left

    def faults(self) -> dict[str, list[str]]:
        """Look at the page in both themes and at each width; what is wrong, by what was looked at.

        It is then in the dark theme and as wide as usual.
        """
        self.idle()
        found: dict[str, list[str]] = {}
        found["axe"] = self.axe()
        self.theme("dark")
        found["axe, dark"] = self.axe(OF_COLOURS)
        for width in WIDTHS:
            self.width(width)
            found[f"sideways at {width}"] = self.sideways()
            if width == NARROW:
                found[f"axe, {width}"] = self.axe(OF_LAYOUT)
        found["moving"] = self.moving()
        self.width(USUAL)
        found["keyboard"] = self.unreached()
        found["errors"] = list(self.problems)
        return {what: those for what, those in found.items() if those}

    def shifts(self) -> list[dict[str, Any]]:
        """The layout shifts since the last call."""
        return json.loads(self.page.evaluate("() => JSON.stringify(window.shifts.splice(0))"))


@contextmanager
def tab(browser: Browser, *, timezone: str = "UTC", locale: str = "en-GB") -> Iterator[Tab]:
    """A tab with a profile of its own."""
    context = browser.new_context(
        timezone_id=timezone,
        locale=locale,
        viewport={"width": USUAL, "height": HEIGHT},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.add_init_script(OBSERVERS)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    try:
        yield Tab(page)
    finally:
        context.close()
