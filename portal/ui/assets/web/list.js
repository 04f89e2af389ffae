/* Apps, Admin and Autoscaling. The address holds the query of the list. Search and filters change the address,
   and the live connection delivers the rows; the page is not reloaded. */
(function () {
  "use strict";
  const ANY = "*";
  const PAUSE = 200; // ms without a key after which a search begins
  const LISTS = { "/": "apps", "/admin": "admin", "/autoscaling": "overview" };
  const STATES = {
    overview: /^(trouble|limited|flapping|unused|still|steady|fixed)$/,
    releases: /^(attention|changing|ready|idle)$/,
  };
  const page = /^(?!1$)[1-9][0-9]{0,4}$/;
  const VALID = {
    status: (text) => (STATES[which()] ?? STATES.releases).test(text),
    sort: (text) => text !== "name" && sortable().includes(text.replace(/^-/, "")), // by name it is anyway
    page: (text) => page.test(text),
  };
  const LONGEST = { q: 300, namespace: 63, owner: 160 };
  const NAMES = ["q", "namespace", "status", "owner", "sort", "page"];
  const FILTERS = { "releases-namespace": "namespace", "releases-owner": "owner" };

  const marker = () => document.querySelector("#page > [data-live-view]");
  const sortable = () => marker().dataset.sortable.split(" ");
  const which = () => LISTS[location.pathname.replace(/\/+$/, "") || "/"];

  /* Reads and writes a query as viewmodels/query.py does, without invalid parts. */
  function parse() {
    const text = location.search.replace(/^\?+/, "").slice(0, 4096);
    return new URLSearchParams(text.split("&").length > 32 ? "" : text);
  }

  const stripped = (text) => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");

  function short(text, longest) {
    const characters = [...stripped(text.replace(/\p{Cc}+/gu, " "))];
    let spelled = encodeURIComponent(characters.join(""));
    while (spelled.length > longest) {
      characters.pop();
      spelled = encodeURIComponent(stripped(characters.join("")));
    }
    return spelled;
  }

  function spell(asked) {
    const parts = [];
    for (const name of NAMES) {
      const text = asked.getAll(name).find(Boolean) ?? "";
      const spelled = name in LONGEST ? short(text, LONGEST[name]) : VALID[name](text) && text;
      if (spelled) parts.push(`${name}=${spelled}`);
    }
    return parts.join("&");
  }

  let typing = false; // one search is one entry of the browser's history, whatever its length

  function ask(name, text, typed) {
    if (!which()) return;
    const asked = parse();
    asked.set(name, text);
    asked.delete("page");
    const query = spell(asked);
    const href = location.pathname + (query && `?${query}`);
    if (href === location.pathname + location.search) return;
    const replacing = typed && typing;
    history[replacing ? "replaceState" : "pushState"]({}, "", href);
    typing = typed;
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }

  /* Shows the list of the present address. */
  function follow() {
    const page = marker();
    const list = which();
    if (!list || page?.dataset.liveView.split("?")[0] !== list) return; // the router's work
    const asked = parse();
    const query = spell(asked);
    const topic = list + (query && `?${query}`);
    if (topic === page.dataset.liveView) return;
    page.dataset.liveView = topic;
    const box = document.getElementById("releases-search");
    const text = asked.get("q") ?? "";
    if (!typing && box && box.value !== text)
      window.dash_clientside.set_props("releases-search", { value: text });
    window.dispatchEvent(new CustomEvent("portal-view"));
  }

  let timer = null;
  document.addEventListener("input", (event) => {
    if (event.target.id !== "releases-search") return;
    clearTimeout(timer);
    timer = setTimeout(() => event.target.isConnected && ask("q", event.target.value, true), PAUSE);
  });
  document.addEventListener("change", (event) => {
    const name = FILTERS[event.target.id];
    if (name) ask(name, event.target.value === ANY ? "" : event.target.value, false);
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.id === "releases-search") typing = false;
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".list a, .list-foot a, .choices-bar a, .empty a")) return;
    typing = false;
    if (event.target.closest(".list-foot a")) window.scrollTo(0, 0);
  }, true);
  window.addEventListener("popstate", () => {
    clearTimeout(timer);
    typing = false;
    follow();
  });
  window.addEventListener("_dashprivate_pushstate", follow);
})();
