/* The live connection: one WebSocket a tab. The page's topic is in data-live-view; the server sends
   that view, then its changes, as properties of components by id. */
(function () {
  "use strict";
  const SILENT_AFTER = 45000; // the server sends a heartbeat every 20 s
  const SLOW_AFTER = 4000; // without a connection: frames are asked for one by one
  const SLOW_EVERY = 10000;
  const LONGEST_WAIT = 15000;
  const LONGEST_REFUSED = 60000; // once the portal has said that it takes no more
  const SPEAKS_WITHIN = 10000; // without a frame by then, reconnect
  const RESTS_AFTER = 60000; // a tab hidden for longer watches nothing
  const INFLATE = "deflate-raw";

  let socket = null;
  let live = false; // true once a frame has arrived
  let view = null; // the topic last sent to the server
  let attempts = 0;
  let timer = null;
  let heard = Date.now();
  let lostAt = null;
  let asked = 0; // when a single frame was requested
  let leaving = false;
  let began = 0; // when the present attempt to connect did
  let refused = ""; // why the portal has taken no connection
  let hiddenAt = document.hidden ? Date.now() : null;
  let resting = false;

  const marker = () => document.querySelector("#page > [data-live-view]");
  const wanted = () => (resting ? "" : (marker()?.dataset.liveView ?? ""));
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

  /* Long frames are compressed if the browser can decompress them. */
  const query = (() => {
    try {
      new DecompressionStream(INFLATE);
      return "?frames=deflate";
    } catch {
      return "";
    }
  })();

  async function text(message) {
    if (typeof message === "string") return message;
    const stream = new Blob([message]).stream().pipeThrough(new DecompressionStream(INFLATE));
    return new Response(stream).text();
  }

  function connect() {
    clearTimeout(timer);
    timer = null;
    began = Date.now();
    live = false;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = new WebSocket(`${scheme}//${location.host}/live${query}`);
    socket = mine;
    mine.onopen = () => {
      view = null;
      say();
    };
    mine.binaryType = "arraybuffer";
    let turn = null; // the last frame being decompressed: frames are taken in order
    mine.onmessage = ({ data }) => {
      if (socket !== mine) return; // abandoned
      if (typeof data === "string" && !turn) {
        take(JSON.parse(data));
        return;
      }
      const told = text(data);
      const own = Promise.resolve(turn)
        .then(() => told)
        .then(
          (frame) => socket === mine && take(JSON.parse(frame)),
          () => socket === mine && abandon(),
        )
        .catch((error) => console.error(error))
        .finally(() => { if (turn === own) turn = null; });
      turn = own;
    };
    mine.onclose = () => lost(mine);
  }

  function take(frame) {
    if (frame.refused || refused) refuse(frame.refused ?? "");
    if (refused) return; // and closes it
    attempts = 0; // not when it opens: it may be accepted and closed repeatedly
    lostAt = null;
    heard = Date.now();
    if (frame.patches) apply(frame);
    if (live) return;
    live = true;
    show();
  }

  // When the portal restarts all tabs lose it at once, so they reconnect at random times.
  function pause() {
    if (attempts++ === 0 && !refused) return 1000 * Math.random();
    const [first, longest] = refused ? [4000, LONGEST_REFUSED] : [500, LONGEST_WAIT];
    return Math.min(longest, first * 2 ** attempts) * (0.5 + Math.random() / 2);
  }

  function lost(mine) {
    if (socket !== mine || leaving) return;
    socket = null;
    live = false;
    lostAt ??= Date.now();
    window.dispatchEvent(new Event("portal-lost"));
    timer = setTimeout(connect, pause());
    show();
  }

  // The browser itself may take minutes to notice a dead connection.
  function abandon() {
    const mine = socket;
    lost(mine);
    mine.close();
  }

  function hurry() {
    if (timer !== null) connect();
  }

  function show() {
    const dot = document.getElementById("live-state");
    if (!dot) return;
    const ago = Math.round((Date.now() - heard) / 1000);
    const state = live ? "live" : lostAt ? "lost" : "connecting";
    const texts = { live: "live", connecting: "connecting", lost: refused ? "too many" : "reconnecting" };
    const text = texts[state];
    if (dot.dataset.state !== state) dot.dataset.state = state;
    if (dot.textContent !== text) dot.textContent = text;
    dot.title =
      state === "live"
        ? "Connected: the page is updated as the cluster changes"
        : refused || `Connection lost; the data is from ${ago} s ago`;
    if (state === "lost") dot.dataset.ago = `data from ${ago} s ago`;
    else delete dot.dataset.ago;
  }

  /* Says on the page why it is not live, or no longer. */
  function refuse(why) {
    refused = why;
    let place = document.getElementById("live-refused");
    if (!place) {
      place = document.createElement("div");
      place.id = "live-refused";
      place.className = "notice severity-warn";
      place.setAttribute("role", "status");
      document.body.append(place);
    }
    place.hidden = !why;
    const text = why && `This page is not live. ${why}`;
    if (place.textContent !== text) place.textContent = text;
  }

  /* Requests a single frame while there is no connection. */
  async function read() {
    const topic = wanted();
    if (live || !topic) return;
    asked = Date.now();
    try {
      const answer = await fetch(`/live/frame?view=${encodeURIComponent(topic)}`);
      const frame = await answer.json();
      const full = [429, 503].includes(answer.status) && frame.error;
      refuse(full ? `${frame.error} ${frame.advice ?? ""}` : "");
      if (!answer.ok) return show();
      if (live) return; // the connection has newer data
      heard = Date.now();
      apply(frame);
      show();
    } catch {} // it is tried again
  }

  function watchdog() {
    const since = (moment) => Date.now() - moment;
    if (live ? since(heard) > SILENT_AFTER : socket && since(began) > SPEAKS_WITHIN) abandon();
    resting = hiddenAt !== null && since(hiddenAt) > RESTS_AFTER;
    say();
    const every = refused ? LONGEST_REFUSED : SLOW_EVERY;
    if (lostAt !== null && since(lostAt) > SLOW_AFTER && since(asked) >= every) read();
    show();
  }

  function seenOrNot() {
    hiddenAt = document.hidden ? Date.now() : null;
    if (document.hidden) return;
    watchdog(); // its timer may have been suspended
    hurry();
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

  /* The page shows another part of a list now. */
  window.addEventListener("portal-view", () => {
    say();
    read();
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
  document.addEventListener("visibilitychange", seenOrNot);
  new MutationObserver(() => {
    pageChanged();
    show();
  }).observe(document.documentElement, { childList: true, subtree: true });
  setInterval(watchdog, 1000);
  connect();
})();
