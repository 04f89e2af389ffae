/* The theme: light, dark, or the system's. Loaded before the first paint. */
(function () {
  "use strict";
  const KEY = "dash-portal-theme";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const ORDER = ["system", "light", "dark"];

  function choice() {
    try {
      const stored = localStorage.getItem(KEY);
      return ORDER.includes(stored) ? stored : "system";
    } catch {
      return "system";
    }
  }

  function apply() {
    const chosen = choice();
    const theme = chosen === "system" ? (dark.matches ? "dark" : "light") : chosen;
    const root = document.documentElement;
    root.dataset.bsTheme = theme;
    root.dataset.themeChoice = chosen;
    const button = document.getElementById("theme-toggle");
    if (button) {
      const words = { system: "follows the system", light: "light", dark: "dark" }[chosen];
      button.setAttribute("aria-label", `Theme: ${words}. Change it.`);
      button.title = `Theme: ${words}`;
    }
    window.dispatchEvent(new CustomEvent("portal-theme", { detail: theme }));
  }

  window.portalTheme = {
    current: () => document.documentElement.dataset.bsTheme,
    refresh: apply,
    next() {
      try {
        localStorage.setItem(KEY, ORDER[(ORDER.indexOf(choice()) + 1) % ORDER.length]);
      } catch {
        /* private mode: the choice lasts as long as the page */
      }
      apply();
    },
  };
  /* A script that fails to load leaves an empty page: reload it, up to three times. */
  const RELOADS = "dash-portal-reloads";
  let lost = false;
  function again() {
    try {
      const tries = Number(sessionStorage.getItem(RELOADS) || 0);
      // A page of the sign-in has no scripts, and its content in the body itself.
      if (document.querySelector("#page > [data-live-view], body > main")) {
        sessionStorage.removeItem(RELOADS);
      } else if (tries < 3) {
        sessionStorage.setItem(RELOADS, String(tries + 1));
        location.reload();
      }
    } catch {
      /* storage is blocked: reloads could not be counted */
    }
  }
  window.addEventListener("error", (event) => (lost ||= event.target.tagName === "SCRIPT"), true);
  window.addEventListener("load", () => setTimeout(again, lost ? 500 : 15000));

  dark.addEventListener("change", apply);
  window.addEventListener("storage", (event) => event.key === KEY && apply());
  apply();
})();
