"""The browser's side of the notifications, in Node.js: no network, and time made by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.ui.test_scripts import NODE, run

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js")

BEFORE = """
const kept = {};
const storage = {
  getItem: (key) => kept[key] ?? null, setItem: (key, value) => { kept[key] = value; },
};
keep(() => storage);
const waits = []; let timers = 0;
globalThis.setTimeout = (later, wait, ...given) => {
  waits.push([later, wait, given]);
  return ++timers;
};
globalThis.clearTimeout = (id) => { if (id) waits[id - 1] = null; };
const notes = [];
globalThis.Notification = class {
  static permission = "granted";
  static requestPermission() { return Promise.resolve("granted"); }
  constructor(title, { body, tag }) { notes.push([title, body, tag]); }
};
let openMode = false;
Object.assign(document, {
  hidden: true, title: "Apps", addEventListener: (name, listener) => (heard[name] = listener),
  getElementById: (id) => (id === "open-mode" && openMode ? {} : null),
});
globalThis.location = { protocol: "http:", host: "portal" };
globalThis.MutationObserver = class { observe() {} };
const sockets = [];
globalThis.WebSocket = class {
  constructor() { sockets.push(this); this.said = []; }
  send(text) { this.said.push(JSON.parse(text).view); }
  close() {}
};
const press = () => heard.click({ target: { closest: () => ({}) } });
const frame = (...apps) => {
  const socket = sockets[sockets.length - 1];
  const patches = { mine: { data: { apps, unanswered: "" } } };
  socket.onmessage({ data: JSON.stringify({ view: "mine", patches }) });
};
const app = (more) => ({
  app: "apps/demo", state: "", problem: "", operation: "", what: "", ended: "", mine: false,
  ...more,
});
const running = app({ operation: "o1", what: "Launch", mine: true });
const done = { ...running, ended: "Done" };
const sick = app({ state: "Crashing", problem: "Crashes" });
const last = () => {
  for (const each of waits.splice(0)) if (each && each[1] === 15000) each[0](...each[2]);
};
"""


def play(steps: str, result: str = "notes") -> Any:
    """Return ``result`` after pressing the button and the steps."""
    played = f"(async () => {{ press(); await null; await null; {steps}; return {result}; }})()"
    return run("web/notify.js", BEFORE, played)


def test_without_consent_nothing_is_connected() -> None:
    assert run("web/notify.js", BEFORE, "sockets.length") == 0


def test_an_operation_that_ends_is_told_once() -> None:
    steps = "sockets[0].onopen(); frame(); frame(running); frame(done); frame(done)"
    assert play(steps) == [["Dash Portal: demo", "Launch: done", "o1"]]
    assert play(steps, "[document.title, sockets[0].said]") == ["(1) Apps", ["mine"]]


def test_what_was_so_before_is_no_news() -> None:
    assert play("frame(done, sick); last(); frame(done, sick); last()") == []


def test_an_operation_that_ended_during_a_reload_is_told() -> None:
    saved = json.dumps({"primed": True, "operations": {"o1": ""}, "troubles": {}})
    stored = f"kept['dash-portal-notify'] = 'true'; kept['dash-portal-notify-seen'] = '{saved}';"
    before = f"{BEFORE} {stored}"
    assert run("web/notify.js", before, "(frame(done), notes.length)") == 1


def test_a_trouble_is_told_if_it_lasts_and_again_after_it_was_over() -> None:
    assert play("frame(); frame(sick); last(); frame(sick); last()") == [
        ["Dash Portal: demo", "Crashing. Crashes", "trouble/apps/demo"]
    ]
    assert play("frame(); frame(sick); frame(); last()") == []
    assert play("frame(); frame(sick); last(); frame(); frame(sick); last()", "notes.length") == 2


def test_operations_of_others_are_not_told() -> None:
    assert (
        play("frame(); frame({ ...running, mine: false }); frame({ ...done, mine: false })") == []
    )


def test_where_nobody_signs_in_ones_own_are_those_of_this_browser() -> None:
    steps = "openMode = true; frame(); {}frame(running); frame(done)"
    assert play(steps.format("")) == []
    began = "heard['portal-began']({ detail: '/apps/apps/demo' }); "
    assert play(steps.format(began), "notes.length") == 1


def test_a_tab_that_is_seen_has_its_own_title_again() -> None:
    steps = "frame(); frame(done); document.hidden = false; heard.visibilitychange()"
    assert play(steps, "document.title") == "Apps"


def test_without_permission_the_title_tells() -> None:
    steps = "Notification.permission = 'denied'; frame(); frame(done)"
    assert play(steps, "[notes.length, document.title]") == [0, "(1) Apps"]


def test_blocked_storage_is_no_error() -> None:
    before = f"{BEFORE} keep(() => {{ throw new Error('blocked'); }});"
    assert run("web/notify.js", before, "(press(), sockets.length)") == 0
