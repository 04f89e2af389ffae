"""The browser's side of the live connection, in Node.js: no network, and time made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.ui.test_scripts import NODE, run

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js")

BEFORE = """
let now = 1e6, random = 0.5, every;
Date.now = () => now;
Math.random = () => random;
const waits = [], sockets = [], applied = [];
globalThis.setTimeout = (later, wait) => { waits.push(wait); soon = later; return 1; };
globalThis.clearTimeout = () => {};
globalThis.setInterval = (tick) => { every = tick; };
let soon = null;
let topic = "app/apps/iris";
const page = { dataset: { get liveView() { return topic; }, title: "t" } };
Object.assign(document, {
  hidden: false, title: "", addEventListener: (name, listener) => (heard[name] = listener),
  querySelector: () => page,
});
globalThis.location = { protocol: "http:", host: "portal" };
globalThis.MutationObserver = class { observe() {} };
window.dash_component_api = { getLayout: () => ({}) };
window.dash_clientside = { set_props: (id, props) => applied.push([id, props]) };
globalThis.WebSocket = class {
  static OPEN = 1;
  readyState = 0; said = [];
  constructor() { sockets.push(this); }
  open() { this.accept(); this.onmessage({ data: '{"heartbeat":true}' }); }
  accept() { this.readyState = 1; this.onopen(); }
  frame(view) {
    this.onmessage({ data: JSON.stringify({ view, patches: { id: { children: view } } }) });
  }
  send(text) { this.said.push(JSON.parse(text).view); }
  close() { this.readyState = 3; this.closed = true; }
  drop() { this.readyState = 3; this.onclose(); }
};
const dot = { dataset: {} };
document.getElementById = () => dot;
const read = [];
globalThis.fetch = (path) => { read.push(path); return new Promise(() => {}); };
const last = () => sockets[sockets.length - 1];
const pass = (ms) => { now += ms; every(); };
const see = (hidden) => { document.hidden = hidden; heard.visibilitychange(); };
"""


def play(steps: str, result: str) -> Any:
    """Return ``result`` after the steps."""
    return run("web/live.js", BEFORE, f"(() => {{ {steps}; return {result}; }})()")


def test_it_comes_back_to_the_page_that_is_shown_by_then() -> None:
    steps = "last().open(); last().drop(); topic = 'admin?page=2'; soon(); last().open()"
    assert play(steps, "sockets.map((each) => each.said)") == [["app/apps/iris"], ["admin?page=2"]]


@pytest.mark.parametrize(("chance", "waits"), [(0.01, 10), (0.99, 990)])
def test_everybody_comes_back_within_a_second_but_not_at_once(chance: float, waits: float) -> None:
    steps = f"last().open(); last().frame(topic); random = {chance}; last().drop()"
    assert play(steps, "waits") == [waits]


def test_a_portal_that_stays_away_is_asked_less_and_less() -> None:
    steps = "random = 1; for (let i = 0; i < 7; i++) { last().drop(); soon(); }"
    assert play(steps, "waits") == [1000, 2000, 4000, 8000, 15000, 15000, 15000]


def test_a_connection_that_is_closed_at_once_counts_as_none() -> None:
    steps = "for (let i = 0; i < 3; i++) { last().accept(); last().drop(); soon(); }"
    assert play(steps, "waits[2] > waits[1] && waits[1] > waits[0]") is True


def test_a_silent_connection_is_given_up() -> None:
    steps = "last().open(); const first = last(); pass(44000); const kept = !first.closed"
    steps += "; pass(2000); soon(); last().open(); first.frame(topic); first.onclose()"
    assert play(steps, "[kept, first.closed, sockets.length, last().said, applied]") == [
        *(True, True, 2, ["app/apps/iris"], [])
    ]


@pytest.mark.parametrize("opens", ["", "last().accept();"])
def test_one_that_does_not_speak_is_given_up(opens: str) -> None:
    assert play(f"{opens} pass(9000); pass(2000); soon()", "sockets.length") == 2


def test_it_is_live_when_something_has_arrived() -> None:
    steps = "const states = []; const note = () => states.push(dot.dataset.state);"
    steps += "pass(1); note(); last().accept(); pass(1); note(); last().frame(topic); note();"
    steps += "last().drop(); note(); soon(); last().accept(); pass(1); note();"
    steps += "last().frame(topic); note()"
    states = ["connecting", "connecting", "live", "lost", "lost", "live"]
    assert play(steps, "states") == states


def test_without_a_connection_frames_are_read_one_by_one() -> None:
    steps = "last().open(); last().drop(); pass(4001); pass(5000); const first = [...read];"
    steps += "pass(5000); topic = 'admin?q=a%20b'; heard['portal-view']()"
    path = "/live/frame?view="
    assert play(steps, "[first, read]") == [
        [f"{path}app%2Fapps%2Firis"],
        [f"{path}app%2Fapps%2Firis"] * 2 + [f"{path}admin%3Fq%3Da%2520b"],
    ]


def test_nothing_is_read_for_a_tab_that_nobody_looks_at() -> None:
    steps = "last().open(); see(true); pass(61000); last().drop(); pass(4001); pass(20000)"
    assert play(steps, "read") == []


def test_nothing_is_read_while_it_is_live() -> None:
    steps = "last().open(); heard['portal-view'](); pass(20000); last().drop(); soon();"
    assert play(f"{steps} last().open(); pass(20000)", "read") == []


def test_a_hidden_tab_rests_and_is_current_when_it_is_seen() -> None:
    steps = "last().open(); see(true); pass(30000); last().frame(topic); pass(31000)"
    steps += "; const before = [...last().said]; see(false); last().frame(topic)"
    assert play(steps, "[before, last().said, applied.length]") == [
        ["app/apps/iris", ""],
        ["app/apps/iris", "", "app/apps/iris"],
        2,
    ]


def test_a_tab_that_slept_connects_at_once_when_it_is_seen() -> None:
    steps = "last().open(); see(true); now += 3600000; see(false)"
    assert play(steps, "[sockets.length, waits.length]") == [2, 1]


def test_compressed_frames_are_undone_and_taken_in_their_order() -> None:
    ours = "new Uint8Array(zlib.deflateRawSync(JSON.stringify({ view: topic, patches }))).buffer"
    steps = f"""(async () => {{
      const zlib = require("node:zlib");
      last().open();
      const patches = {{ id: {{ children: "packed" }} }};
      last().onmessage({{ data: {ours} }});
      last().frame(topic);
      const before = applied.length;
      while (applied.length < 2) await new Promise(setImmediate);
      last().frame(topic);
      return [before, applied.map(([, props]) => props.children)];
    }})()"""
    assert run("web/live.js", BEFORE, steps) == [0, ["packed", "app/apps/iris", "app/apps/iris"]]


def test_what_cannot_be_undone_ends_the_connection() -> None:
    steps = """(async () => {
      last().open();
      const first = last();
      first.onmessage({ data: new Uint8Array([255, 255, 255]).buffer });
      while (!first.closed) await new Promise(setImmediate);
      return waits.length;
    })()"""
    assert run("web/live.js", BEFORE, steps) == 1


def test_a_portal_that_takes_no_more_says_why_and_is_asked_again() -> None:
    steps = "random = 1; const why = JSON.stringify({ refused: 'You have 50 tabs.' }); "
    steps += "for (let i = 0; i < 3; i++) { last().accept(); last().onmessage({ data: why }); "
    steps += "last().drop(); soon(); }"
    steps += "const shown = [place.textContent, place.hidden, dot.textContent, dot.title];"
    steps += "last().open(); const gone = place.hidden"
    place = "const place = { dataset: {} }; const by = document.getElementById;"
    place += "document.getElementById = (id) => id === 'live-refused' ? place : by(id);"
    assert play(place + steps, "[shown, gone, waits]") == [
        ["This page is not live. You have 50 tabs.", False, "too many", "You have 50 tabs."],
        True,
        [8000, 16000, 32000],
    ]


FRAMES = """
const place = { dataset: {} }; const by = document.getElementById;
document.getElementById = (id) => id === 'live-refused' ? place : by(id);
let answer;
globalThis.fetch = (path) => { read.push(path); return Promise.resolve(answer); };
const answers = (status, body) => {
  answer = { ok: status === 200, status, json: async () => JSON.parse(body) };
};
const readOnce = async () => {
  pass(70000);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return [place.textContent ?? "", applied.length];
};
"""


def test_a_connection_that_is_refused_without_a_word_is_explained_by_the_next_frame() -> None:
    steps = """(async () => {
      last().drop();
      answers(503, "<html>no server</html>");
      const proxy = await readOnce();
      answers(429, '{"error": "200 requests are waiting.", "advice": "Wait."}');
      const refused = await readOnce();
      const count = read.length;
      pass(30000);
      const patient = read.length === count;
      answers(200, JSON.stringify({ view: topic, patches: { id: {} } }));
      return [proxy, refused, patient, await readOnce()];
    })()"""
    assert run("web/live.js", BEFORE + FRAMES, steps) == [
        ["", 0],
        ["This page is not live. 200 requests are waiting. Wait.", 0],
        True,
        ["", 1],
    ]
