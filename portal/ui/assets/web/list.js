/* Apps and Admin. Their address says which part of the list is shown. Search and filters change
   the address, and the live connection brings what belongs to it: nothing is loaded anew. */
(function () {
  "use strict";
  const ANY = "*";
  const PAUSE = 200; // ms without a key after which a search begins
  const LISTS = { "/": "apps", "/admin": "admin" };
  const NAMES = ["q", "namespace", "status", "owner", "sort", "page"];
  const LONGEST = { q: 300, namespace: 63, owner: 160 };
  const FILTERS = { "releases-namespace": "namespace", "releases-owner": "owner" };

  const marker = () => document.querySelector("#page > [data-live-view]");
  const which = () => LISTS[location.pathname.replace(/\/+$/, "") || "/"];

  /* As viewmodels/query.py spells it: everybody who asks for the same shares one rendering. */
  function spell(asked) {
    const parts = [];
    for (const name of NAMES) {
      const text = asked.get(name) ?? "";
      const characters = [...text.replace(/[\p{Cc}\p{Cs}]+/gu, " ").trim()];
      let spelled = encodeURIComponent(characters.join(""));
      while (spelled.length > (LONGEST[name] ?? 32)) {
        characters.pop();
        spelled = encodeURIComponent(characters.join("").trim());
      }
      if (spelled) parts.push(`${name}=${spelled}`);
    }
    return parts.join("&");
  }

  let typing = false; // one search is one step back, however many keys it took

  function ask(name, text, typed) {
    if (!which()) return;
    const asked = new URLSearchParams(location.search);
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

  /* The address has changed, by whatever means: show what it says. */
  function follow() {
    const page = marker();
    const list = which();
    if (!list || page?.dataset.liveView.split("?")[0] !== list) return; // the router's work
    const asked = new URLSearchParams(location.search);
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
