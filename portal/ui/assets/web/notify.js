/* Notify me: the browser's own notification, and the tab's title, when an operation that one has begun
   ends or an app of one's own gets into trouble. Opt-in, kept in this browser. Tabs share what was told
   already. Where nobody signs in, one's own apps are those launched or changed from this browser. */
(function () {
  "use strict";
  const ON = "dash-portal-notify";
  const SEEN = "dash-portal-notify-seen"; // {primed, operations: {id: ended}, troubles: {app: problem}}
  const OWN = "dash-portal-own-apps";
  const MOST_OWN = 500;
  const LASTING = 15000; // a trouble that is over sooner is none
  const LONGEST_WAIT = 30000;
  const TOPIC = "mine";

  let socket = null;
  let attempts = 0;
  let timer = null;
  let newest = [];
  const lasting = new Map(); // timers of troubles that are not told yet, by app
  let untold = 0; // since the tab was seen last

  function load(key, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? otherwise;
    } catch {
      return otherwise;
    }
  }

  function save(key, value) {
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {} // storage is blocked: it lasts as long as the page
  }

  const on = () => load(ON, false) === true;
  const open = () => Boolean(document.getElementById("open-mode"));
  const own = () => load(OWN, []);
  const seen = () => ({ primed: false, operations: {}, troubles: {}, ...load(SEEN, {}) });
  const name = (app) => app.slice(app.indexOf("/") + 1);

  function isOwn(each) {
    return !open() || own().includes(each.app);
  }

  /* ---- telling ---- */

  function tell(app, words, tag) {
    if (document.hidden) {
      untold += 1;
      showTitle();
    }
    if (window.Notification?.permission !== "granted") return;
    const note = new Notification(`Dash Portal: ${name(app)}`, { body: words, tag });
    note.onclick = () => {
      window.focus();
      location.assign(`/apps/${app}`);
    };
  }

  function showTitle() {
    const bare = document.title.replace(/^\(\d+\) /, "");
    const wanted = untold ? `(${untold}) ${bare}` : bare;
    if (document.title !== wanted) document.title = wanted;
  }

  function take(apps) {
    newest = apps.filter(isOwn);
    const known = seen();
    const operations = {};
    for (const each of newest) {
      if (!each.operation || !(each.mine || open())) continue;
      operations[each.operation] = each.ended;
      if (known.primed && each.ended && known.operations[each.operation] !== each.ended)
        tell(each.app, `${each.what}: ${each.ended.toLowerCase()}`, each.operation);
    }
    const troubles = {};
    for (const each of newest.filter(({ problem }) => problem)) {
      if (!known.primed || known.troubles[each.app]) troubles[each.app] = each.problem;
      else if (!lasting.has(each.app)) lasting.set(each.app, setTimeout(trouble, LASTING, each.app));
    }
    for (const [app, waiting] of lasting) {
      if (newest.some((each) => each.app === app && each.problem)) continue;
      clearTimeout(waiting);
      lasting.delete(app);
    }
    save(SEEN, { primed: true, operations, troubles });
  }

  function trouble(app) {
    lasting.delete(app);
    const each = newest.find((one) => one.app === app && one.problem);
    const known = seen();
    if (!each || known.troubles[app]) return; // it is over, or another tab has told it
    save(SEEN, { ...known, troubles: { ...known.troubles, [app]: each.problem } });
    tell(app, `${each.state}. ${each.problem}`, `trouble/${app}`);
  }

  /* ---- the connection: one of its own, since the page's rests while its tab is hidden ---- */

  function connect() {
    clearTimeout(timer);
    if (!on() || socket) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const mine = (socket = new WebSocket(`${scheme}//${location.host}/live`));
    mine.onopen = () => mine.send(JSON.stringify({ view: TOPIC }));
    mine.onmessage = ({ data }) => {
      attempts = 0;
      const told = JSON.parse(data).patches?.[TOPIC]?.data;
      if (told && !told.unanswered && on()) take(told.apps);
    };
    mine.onclose = () => {
      if (socket !== mine) return;
      socket = null;
      timer = setTimeout(connect, Math.min(LONGEST_WAIT, 2000 * 2 ** attempts++) * (0.5 + Math.random() / 2));
    };
  }

  function disconnect() {
    const mine = socket;
    socket = null;
    clearTimeout(timer);
    mine?.close();
    for (const waiting of lasting.values()) clearTimeout(waiting);
    lasting.clear();
  }

  /* ---- the button ---- */

  function words() {
    if (!on()) return "Notify me when what I began ends, or an app of mine needs attention";
    if (!window.Notification) return "Notifying by the tab's title: this browser notifies on https pages only";
    if (Notification.permission === "granted") return "Notifying you of your apps. Press to stop";
    return "Notifying by the tab's title: the browser does not let this page notify";
  }

  function show() {
    const button = document.getElementById("notify-toggle");
    if (!button) return;
    const pressed = String(on());
    if (button.getAttribute("aria-pressed") !== pressed) button.setAttribute("aria-pressed", pressed);
    if (button.title !== words()) button.title = words();
  }

  async function toggle() {
    if (on()) {
      save(ON, false);
      disconnect();
    } else {
      save(ON, true);
      save(SEEN, {}); // what is so now is not news
      show();
      await window.Notification?.requestPermission?.();
      connect();
    }
    show();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#notify-toggle")) toggle();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    untold = 0;
    showTitle();
  });
  window.addEventListener("portal-began", ({ detail }) => {
    const app = /^\/apps\/([^/]+\/[^/?#]+)/.exec(detail)?.[1];
    if (app) save(OWN, [app, ...own().filter((each) => each !== app)].slice(0, MOST_OWN));
  });
  window.addEventListener("storage", ({ key }) => {
    if (key !== ON) return;
    if (on()) connect();
    else disconnect();
    show();
  });
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", ({ persisted }) => persisted && connect());
  new MutationObserver(show).observe(document.documentElement, { childList: true, subtree: true });
  connect();
})();
