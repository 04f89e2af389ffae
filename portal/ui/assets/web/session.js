/* The session: a notice when it has ended, which leaves the page and what is typed as they are; its
   renewal while the page is open; and the sign-out. */
(function () {
  "use strict";
  const EVERY = 60000;
  const SESSION = "/auth/session";
  const CALLBACK = "/_dash-update-component";

  let checking = false;

  const button = () => document.getElementById("sign-out"); // there are sessions where it is

  function say(title, text, href, link) {
    let place = document.getElementById("session-ended");
    if (!place && !title) return;
    if (!place) {
      place = document.createElement("div");
      place.id = "session-ended";
      place.className = "notice severity-warn";
      place.setAttribute("role", "alert");
      document.body.append(place);
    }
    place.hidden = !title;
    if (!title || place.dataset.said === title + text) return;
    place.dataset.said = title + text;
    const words = document.createElement("div");
    const [head, body, anchor] = ["div", "div", "a"].map((each) => document.createElement(each));
    head.className = "notice-title";
    head.textContent = title;
    body.className = "notice-body";
    anchor.href = href;
    anchor.textContent = link;
    if (href !== location.href) anchor.target = "_blank";
    body.append(`${text} `, anchor);
    words.append(head, body);
    place.replaceChildren(words);
  }

  function unsay() {
    const place = document.getElementById("session-ended");
    if (!place) return;
    delete place.dataset.said;
    say("", "");
  }

  async function refused(answer) {
    const told = await answer.clone().json().catch(() => null);
    if (!told?.error) return;
    const href = told.signIn ? `${told.signIn}?next=/auth/signed-in` : location.pathname;
    say(
      "Your session has ended",
      "Nothing on this page is lost. Sign in again in another tab, then go on here.",
      href,
      "Sign in again",
    );
  }

  const ask = window.fetch;
  window.fetch = async (...given) => {
    const answer = await ask(...given);
    const { origin, pathname } = new URL(answer.url || location.href, location.href);
    if (answer.status !== 401 || origin !== location.origin) return answer;
    await refused(answer);
    // To Dash: nothing changes. It would take anything else for a fault of the page.
    return pathname === CALLBACK ? new Response(null, { status: 204 }) : answer;
  };

  async function check() {
    if (!button() || checking) return;
    checking = true;
    try {
      const answer = await window.fetch(SESSION, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const { user } = await answer.json();
      const shown = document.querySelector("#who span")?.textContent || user;
      if (shown === user) unsay();
      else say("Another person has signed in", `You are ${user} now.`, location.href, "Load the page again");
    } catch {
      /* the portal does not answer: the live connection says so */
    } finally {
      checking = false;
    }
  }

  /* The header that shows that a request is of this page, as Dash sends it with its own. */
  function token() {
    const { csrf_token_name: name, csrf_header_name: header } = JSON.parse(document.getElementById("_dash-config").textContent);
    const found = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
    return { [header]: found?.slice(name.length + 1) ?? "" };
  }

  async function signOut() {
    button().disabled = true;
    try {
      const answer = await ask("/auth/sign-out", { method: "POST", headers: token() });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const { location: next } = await answer.json();
      location.assign(next);
    } catch {
      button().disabled = false;
      say("You are still signed in", "The portal did not sign you out.", location.href, "Load the page again");
    }
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#sign-out")) signOut();
  });
  document.addEventListener("visibilitychange", () => document.hidden || check());
  window.addEventListener("focus", check);
  window.addEventListener("portal-lost", check);
  window.addEventListener("pageshow", async (event) => {
    if (!event.persisted || !button()) return;
    // Back, after a sign-out: what the browser kept of the page is not shown any more.
    const answer = await ask(SESSION).catch(() => null);
    if (answer?.status === 401) location.reload();
  });
  setInterval(() => document.hidden || check(), EVERY);
})();
