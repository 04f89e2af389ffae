"""``session.js``: what a page says of a session that has ended."""

from __future__ import annotations

import pytest

from tests.unit.ui.test_scripts import NODE, run

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js")

PAGE = """
const made = {};
const element = () => ({
  dataset: {}, children: [], setAttribute() {},
  append(...parts) { this.children.push(...parts); },
  replaceChildren(...parts) { this.children = parts; },
});
const text = (each) =>
  typeof each === "string" ? each : (each.textContent ?? "") + each.children.map(text).join("");
const links = (each) =>
  typeof each === "string" ? [] : [each.href ?? [], ...each.children.map(links)].flat();
let user = "ann";
document.getElementById = (id) => (id === "sign-out" ? {} : made[id] ?? null);
document.querySelector = () => ({ textContent: "ann" });
document.createElement = element;
document.body = { append: (each) => (made[each.id] = each) };
document.addEventListener = () => {};
globalThis.setInterval = () => {};
const origin = "http://portal";
globalThis.location = { origin, href: `${origin}/launch`, pathname: "/launch" };
const answers = {
  "/auth/session": () => new Response(JSON.stringify({ user }), { status: 200 }),
};
const ended = () =>
  new Response(JSON.stringify({ error: "ended", signIn: "/auth/sign-in" }), { status: 401 });
window.fetch = async (url) => {
  const answer = answers[url]?.() ?? ended();
  Object.defineProperty(answer, "url", { value: new URL(url, location.origin).href });
  return answer;
};
const said = () => {
  const place = made["session-ended"];
  return !place || place.hidden ? "" : text(place);
};
"""

SIGN_IN = "/auth/sign-in?next=/auth/signed-in"


def test_a_callback_that_is_refused_says_so_and_changes_nothing() -> None:
    after = """window.fetch("/_dash-update-component").then((answer) =>
      [answer.status, said(), links(made["session-ended"])])"""
    status, said, links = run("web/session.js", PAGE, after)
    assert status == 204
    assert said.startswith("Your session has ended")
    assert "Nothing on this page is lost" in said
    assert links == [SIGN_IN]


def test_other_requests_get_their_answer() -> None:
    after = """window.fetch("/live/frame").then((answer) => [answer.status, said() !== ""])"""
    assert run("web/session.js", PAGE, after) == [401, True]


def test_the_notice_goes_once_the_person_has_signed_in_again() -> None:
    after = """window.fetch("/live/frame").then(() => heard.focus()).then(() => said())"""
    assert run("web/session.js", PAGE, after) == ""


def test_another_person_is_not_taken_for_the_first() -> None:
    after = """(user = "bob", heard.focus().then(() => said()))"""
    said = run("web/session.js", PAGE, after)
    assert "Another person has signed in" in said
    assert "You are bob now." in said
