/* The page of a read-only link: asks for what it shows with the token behind the "#", which is in no
   request's address. What cannot be asked anew for half a minute, or has expired, is shown no more. */
(function () {
  "use strict";
  const EVERY = 5000;
  const GONE_AFTER = 25000;

  const shared = document.getElementById("shared");
  const state = document.getElementById("shared-state");
  let token = location.hash.slice(1);
  let heard = 0;
  let over = false;
  let asking = false;
  let shown = "";

  function say(text) {
    if (state.textContent !== text) state.textContent = text;
  }

  function empty(title, text) {
    const head = document.createElement("h1");
    const words = document.createElement("p");
    head.textContent = title;
    words.textContent = text;
    shared.replaceChildren(head, words);
    shown = "";
    shared.className = "page empty";
    shared.removeAttribute("aria-busy");
    say("");
  }

  async function ask() {
    if (over || asking || document.hidden) return;
    asking = true;
    try {
      const answer = await fetch("/shared/view", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ token }),
        referrerPolicy: "no-referrer",
      });
      const told = await answer.json();
      if (answer.ok) {
        heard = Date.now();
        if (shown !== told.html) {
          shown = told.html;
          shared.innerHTML = told.html; // made by the portal, which escapes all texts
          shared.className = "page";
          shared.removeAttribute("aria-busy");
        }
        document.title = `${told.title} · Dash Portal`;
        say(`Read-only link, valid until ${new Date(told.expires * 1000).toLocaleString()}.`);
      } else if (answer.status === 410 || answer.status === 400) {
        over = true;
        empty(told.error, told.advice);
      }
    } catch {
      /* asked again */
    } finally {
      asking = false;
    }
  }

  function watch() {
    if (!over && heard && Date.now() - heard > GONE_AFTER)
      empty("This page is out of date.", "The portal does not answer. It is asked again every few seconds.");
  }

  window.addEventListener("hashchange", () => {
    token = location.hash.slice(1);
    over = false;
    ask();
  });
  document.addEventListener("visibilitychange", () => {
    watch(); // before a hidden tab shows what may have ended
    ask();
  });
  setInterval(() => {
    watch();
    ask();
  }, EVERY);
  ask();
})();
