/* The page of objects: the address names the object that is open, and its link in the tree is marked. */
(function () {
  "use strict";
  const page = () => document.querySelector('[data-testid="objects-page"]');

  function mark() {
    const here = location.pathname + location.search;
    for (const link of document.querySelectorAll("#objects-tree a.object-name")) {
      if (link.getAttribute("href") === here) link.setAttribute("aria-current", "true");
      else if (link.hasAttribute("aria-current")) link.removeAttribute("aria-current");
    }
  }

  let asked = null;
  function ask() {
    if (!page()) {
      asked = null;
      return;
    }
    const now = location.pathname + location.search;
    if (asked !== null && asked !== now) {
      window.dash_clientside.set_props("object-asked", { data: location.search });
      // On a narrow page the object is below the tree.
      const detail = document.getElementById("object-detail");
      if (detail && detail.getBoundingClientRect().top > window.innerHeight * 0.8)
        detail.closest(".panel").scrollIntoView({ block: "start" });
    }
    asked = now;
    mark();
  }

  window.addEventListener("_dashprivate_pushstate", () => setTimeout(ask));
  window.addEventListener("popstate", () => setTimeout(ask));
  new MutationObserver(ask).observe(document.documentElement, { childList: true, subtree: true });
})();
