"""The logs of an app: followed, searched, held by a link, and harmless."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.browser.conftest import NAMESPACE, SLOW, run

PRINTER = Path(__file__).resolve().parents[1] / "fixtures" / "charts" / "printer"
NUMBER = re.compile(r"number (\d+)$")


def install(name: str, **values: object) -> None:
    """Install pods that print lines."""
    given = [f"--set={key}={value}" for key, value in values.items()]
    run("helm", "upgrade", "--install", name, str(PRINTER), "-n", NAMESPACE, *given)


def logs(page: Page, name: str, query: str = "") -> Locator:
    """Open the page of an app's logs; returns its lines."""
    page.goto(f"/apps/{NAMESPACE}/{name}/logs{query}")
    lines = page.locator(".log-line")
    expect(lines.first).to_be_visible(timeout=SLOW)
    return lines


def line(page: Page, text: str) -> Locator:
    return page.locator(".log-line", has_text=text)


def numbers(page: Page) -> list[int]:
    found = (NUMBER.search(text) for text in page.locator(".log-text").all_inner_texts())
    return [int(each[1]) for each in found if each]


def to_start(page: Page) -> None:
    page.wait_for_function(
        "() => (({ scrollHeight, clientHeight }) => scrollHeight > 2 * clientHeight)"
        "(document.querySelector('.log-box'))"
    )
    page.locator(".log-box").press("Home")
    expect(page.locator(".log-newer")).to_be_visible()
    # The browser scrolls smoothly, and goes on to do so after what is pressed meanwhile.
    page.wait_for_function("() => document.querySelector('.log-box').scrollTop === 0")


def test_lines_are_followed_and_harmless(page: Page, app_name: Callable[[str], str]) -> None:
    name = app_name("logs-safe")
    install(name, dbPassword="correct-horse-battery", replicas=2, rate=20)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    logs(page, name, "?begin=5000")
    to_start(page)
    expect(line(page, "<img src=x onerror=alert(1)>").first).to_be_visible()
    assert page.locator(".log-line img, .log-line script").count() == 0
    assert dialogs == []
    expect(line(page, "bell␇ and null␀").first).to_be_visible()
    expect(page.locator(".log-text .fg-2", has_text="green").first).to_be_visible()
    expect(line(page, "password=(hidden)").first).to_be_visible()
    expect(line(page, "the values say (hidden), the manifest (hidden)").first).to_be_visible()
    assert "correct-horse" not in page.content()
    assert "kept-in" not in page.content()
    assert page.locator(".log-pod").first.get_attribute("title") is not None
    page.locator(".log-newer").click()
    first = max(numbers(page))
    page.wait_for_function(
        "first => [...document.querySelectorAll('.log-text')]"
        ".some((each) => Number(each.textContent.match(/number (\\d+)$/)?.[1]) > first)",
        arg=first,
    )


def test_search_levels_and_the_link_that_holds_them(
    page: Page, app_name: Callable[[str], str]
) -> None:
    name = app_name("logs-search")
    install(name)
    logs(page, name)
    page.get_by_label("Search", exact=True).fill("JSON")
    page.get_by_label("Only matches").check()
    expect(page.locator(".log-line")).to_have_count(1)
    expect(page.locator(".log-text mark")).to_have_text("JSON")
    page.get_by_role("button", name="Unfold the fields").click()
    expect(page.locator(".log-fields")).to_contain_text('"user": "ann"')
    page.get_by_label("Search", exact=True).fill("")
    page.get_by_label("Level").select_option("error")
    expect(line(page, "INFO number")).to_have_count(0)
    expect(line(page, "ERROR number").first).to_be_visible()
    page.get_by_label("Wrap").check()
    page.get_by_label("Container").select_option("prepare")
    page.get_by_label("Level").select_option("")
    expect(line(page, "everything is prepared")).to_be_visible()
    held = page.url
    assert "container=prepare" in held
    assert "wrap=1" in held
    expect(page.locator("#log-link")).to_have_attribute("data-copy-link", re.compile("wrap=1"))
    page.goto("/")
    page.goto(held)
    expect(line(page, "everything is prepared")).to_be_visible()
    expect(page.get_by_label("Wrap")).to_be_checked()
    expect(page.get_by_label("Container")).to_have_value("prepare")


def test_a_pause_holds_what_is_shown(page: Page, app_name: Callable[[str], str]) -> None:
    name = app_name("logs-pause")
    install(name, rate=20)
    logs(page, name)
    expect(page.locator(".log-text").filter(has_text=NUMBER).first).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Pause").click()
    before = numbers(page)
    expect(page.locator(".log-newer")).to_contain_text(re.compile(r"Paused: [1-9]\d+ new lines"))
    assert numbers(page) == before
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.locator(".log-newer")).to_be_hidden()
    page.wait_for_function(
        "last => [...document.querySelectorAll('.log-text')]"
        ".every((each) => Number(each.textContent.match(/number (\\d+)$/)?.[1]) > last)",
        arg=before[0],
    )


def test_a_connection_that_broke_off_resumes_without_doubles(
    page: Page, app_name: Callable[[str], str]
) -> None:
    name = app_name("logs-resume")
    install(name, rate=50)
    routes: list[WebSocketRoute] = []

    def keep(route: WebSocketRoute) -> None:
        route.connect_to_server()
        routes.append(route)

    page.route_web_socket(re.compile("/live/logs"), keep)
    logs(page, name, "?wrap=1")
    expect(page.locator(".log-state")).to_have_attribute("data-state", "live")
    routes[0].close(code=1001)
    expect(page.locator(".log-state")).to_have_attribute("data-state", "lost")
    expect(page.locator(".log-state")).to_have_attribute("data-state", "live")
    page.wait_for_function("() => document.querySelectorAll('.log-line').length > 20")
    shown = numbers(page)
    assert shown == list(range(shown[0], shown[0] + len(shown))), "lines are missing or doubled"


def test_the_previous_run_and_a_download(
    page: Page, app_name: Callable[[str], str], tmp_path: Path
) -> None:
    name = app_name("logs-previous")
    install(name, rate=100, crashAfter=40)
    page.goto(f"/apps/{NAMESPACE}/{name}")
    expect(page.get_by_test_id("pod").first).to_contain_text("1", timeout=SLOW)
    page.get_by_test_id("pod-log").first.click()
    expect(page.get_by_test_id("logs-page")).to_be_visible()
    expect(page.get_by_label("Pod")).to_have_value(re.compile(f"^{name}-"))
    expect(line(page, "The container was restarted").first).to_be_visible(timeout=SLOW)
    page.get_by_label("Previous run").check()
    expect(line(page, "ValueError: the last words").first).to_be_visible(timeout=SLOW)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    kept = tmp_path / "kept.log"
    download.value.save_as(kept)
    text = kept.read_text()
    assert "ValueError: the last words" in text
    assert "hunter2" not in text
    assert "\x1b" not in text


def test_the_fold_of_the_app_reads_only_while_it_is_open(
    page: Page, app_name: Callable[[str], str]
) -> None:
    name = app_name("logs-fold")
    install(name)
    sockets: list[str] = []
    page.on("websocket", lambda each: sockets.append(each.url))
    page.goto(f"/apps/{NAMESPACE}/{name}")
    fold = page.locator("details", has=page.locator("[data-logs=fold]"))
    expect(fold).to_be_visible(timeout=SLOW)
    assert not any("/live/logs" in each for each in sockets)
    fold.locator("> summary").click()
    expect(page.locator(".log-line").first).to_be_visible(timeout=SLOW)
    fold.locator("> summary").click()
    expect(page.locator(".log-line")).to_have_count(0)
