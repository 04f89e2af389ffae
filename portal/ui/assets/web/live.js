/* The live connection: one WebSocket a tab. The page says what it shows in data-live-view; the
   server sends that view, and then what changes in it, as properties of components by id. */
(function () {
  "use strict";
  const SILENT_AFTER = 45000; // the server says something at least every 20 s
  const SLOW_AFTER = 4000; // without a connection: read by callback instead
  const LONGEST_WAIT = 15000;

  let socket = null;
  let view = null; // what the server was told last
  let attempts = 0;
  let timer = null;
  let heard = Date.now();
  let lostAt = null;
  let slow = false;
  let leaving = false;

  const marker = () => document.querySelector("#page > [data-live-view]");
  const wanted = () => marker()?.dataset.liveView ?? "";
  const open = () => socket && socket.readyState === WebSocket.OPEN;

  function setProps(id, props) {
    const api = window.dash_component_api;
    if (api && api.getLayout(id) !== undefined) window.dash_clientside.set_props(id, props);
  }

  function apply(frame) {
    if (frame.view !== wanted()) return; // for the page that was just left
    for (const [id, props] of Object.entries(frame.patches)) setProps(id, props);
  }

  function say() {
    const topic = wanted();
    if (!open() || topic === view || !marker()) return;
    view = topic;
    socket.send(JSON.stringify({ view: topic }));
  }

  function connect() {
    clearTimeout(timer);
    timer = null;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(`${scheme}//${location.host}/live`);
    socket = mine;
    mine.onopen = () => {
      attempts = 0;
      lostAt = null;
      view = null;
      heard = Date.now();
      say();
      show();
    };
    mine.onmessage = (event) => {
      heard = Date.now();
      const frame = JSON.parse(event.data);
      if (frame.patches) apply(frame);
    };
    mine.onclose = () => {
      if (socket !== mine || leaving) return;
      socket = null;
      lostAt ??= Date.now();
      const wait = Math.min(LONGEST_WAIT, 400 * 2 ** attempts++);
      timer = setTimeout(connect, wait * (0.5 + Math.random() / 2));
      show();
    };
  }

  function hurry() {
    if (timer !== null) connect();
  }

  function show() {
    const dot = document.getElementById("live-state");
    if (!dot) return;
    const ago = Math.round((Date.now() - heard) / 1000);
    const state = open() ? "live" : lostAt ? "lost" : "connecting";
    const text = { live: "live", connecting: "connecting", lost: "reconnecting" }[state];
    if (dot.dataset.state !== state) dot.dataset.state = state;
    if (dot.textContent !== text) dot.textContent = text;
    dot.title =
      state === "live"
        ? "What you see follows the cluster as it changes"
        : `Connection lost; the data is from ${ago} s ago`;
    if (state === "lost") dot.dataset.ago = `data from ${ago} s ago`;
    else delete dot.dataset.ago;
    const needed = !open() && lostAt !== null && Date.now() - lostAt > SLOW_AFTER;
    if (needed !== slow) {
      slow = needed;
      setProps("fallback-timer", { disabled: !needed });
    }
  }

  function watchdog() {
    if (open() && Date.now() - heard > SILENT_AFTER) socket.close();
    show();
  }

  let known = null;
  function pageChanged() {
    const now = marker();
    if (!now || now === known) return;
    const first = known === null;
    known = now;
    document.title = `${now.dataset.title} · Dash Portal`;
    say();
    if (!first) {
      window.scrollTo(0, 0);
      now.querySelector("h1")?.focus({ preventScroll: true });
    }
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.portal = Object.assign(window.dash_clientside.portal || {}, {
    applyFallback(data) {
      if (!data || open()) return;
      heard = Date.now();
      apply(JSON.parse(JSON.parse(data).frame));
    },
  });

  window.addEventListener("online", hurry);
  window.addEventListener("pagehide", () => {
    leaving = true;
    socket?.close();
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    leaving = false;
    connect();
  });
  document.addEventListener("visibilitychange", () => !document.hidden && hurry());
  new MutationObserver(() => {
    pageChanged();
    show();
  }).observe(document.documentElement, { childList: true, subtree: true });
  setInterval(watchdog, 1000);
  connect();
})();
