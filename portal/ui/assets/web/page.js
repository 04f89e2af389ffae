/* Behaviour of all pages: ages, copy buttons, focus, links, the theme button. */
(function () {
  "use strict";

  function words(seconds) {
    if (seconds < 60) return `${Math.floor(seconds)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
    return `${Math.floor(seconds / 86400)} d`;
  }

  function put(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  const exact = (at) => at.toLocaleString([], { dateStyle: "full", timeStyle: "long" });

  /* The time that "07:12 UTC on 23 November" means: of the years the nearest. */
  function meant(moment) {
    const [clock, , , day, month] = moment.split(" ");
    const year = new Date().getUTCFullYear();
    const years = [year - 1, year, year + 1].map((each) => new Date(`${day} ${month} ${each} ${clock} UTC`));
    const far = (at) => Math.abs(at - Date.now());
    return years.reduce((best, each) => (far(each) < far(best) ? each : best));
  }

  function local(at) {
    const clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    return `${clock} on ${at.toLocaleDateString([], { day: "numeric", month: "long" })}`;
  }

  function tick() {
    const now = Date.now();
    for (const each of document.querySelectorAll("time[data-time], time[data-for], time[data-moment]")) {
      const { time, for: since, moment } = each.dataset;
      const at = moment ? meant(moment) : new Date(time ?? since);
      const seconds = Math.max(0, (now - at) / 1000);
      if (moment) put(each, local(at));
      else if (since) put(each, words(seconds));
      else put(each, seconds < 5 ? "just now" : `${words(seconds)} ago`);
      const title = exact(at);
      if (each.title !== title) each.title = title;
    }
    for (const each of document.querySelectorAll("time[data-timer]")) {
      put(each, `${Math.max(0, Math.floor((now - new Date(each.dataset.timer)) / 1000))} s`);
    }
    for (const each of document.querySelectorAll("time[data-until]")) {
      const left = Math.round((new Date(each.dataset.until) - now) / 1000);
      const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} min`;
      put(each, left <= 0 ? "a moment" : left < 60 ? `${left} s` : clock);
    }
    for (const each of document.querySelectorAll("time[data-clock]:not([title])")) {
      const at = new Date(each.dataset.clock);
      put(each, at.toLocaleTimeString());
      each.title = at.toLocaleString();
    }
  }

  /* Inputs of dash-bootstrap-components take no aria attributes; they are added here. */
  function describe() {
    for (const field of document.querySelectorAll("[data-field]")) {
      const control = document.getElementById(field.dataset.field);
      if (!control) continue;
      const bad = Boolean(field.querySelector('[data-kind="error"]'));
      const target = field.getAttribute("role") === "group" ? field : control;
      const by = `${field.dataset.field}-hint ${field.dataset.note}`;
      if (target.getAttribute("aria-describedby") !== by) target.setAttribute("aria-describedby", by);
      if (control.getAttribute("aria-invalid") !== String(bad))
        control.setAttribute("aria-invalid", String(bad));
    }
  }

  function name(part, label) {
    if (part.getAttribute("aria-label") !== label) part.setAttribute("aria-label", label);
  }

  /* The parts of sliders and of what opens files have no names of their own. */
  function nameParts() {
    for (const slider of document.querySelectorAll(".slider")) {
      const around = slider.closest(".target") ?? slider.closest('[role="group"]');
      const label =
        around?.querySelector(".form-check-label, .form-label, .visually-hidden")?.textContent ?? "";
      for (const selector of ['[role="slider"]', "input"]) {
        const parts = slider.querySelectorAll(selector);
        const ends = parts.length === 2 ? [", minimum", ", maximum"] : [""];
        parts.forEach((part, number) => name(part, label + ends[number % ends.length]));
      }
    }
    for (const file of document.querySelectorAll('input[type="file"]'))
      name(file, file.parentElement.querySelector("button")?.title ?? "File");
  }

  function openPage(path) {
    history.pushState({}, "", path);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }

  /* Opens the page that an answer leads to, after the answer was shown. */
  function follow() {
    const answer = document.querySelector("[data-next]");
    if (!answer) return;
    const path = answer.dataset.next;
    delete answer.dataset.next;
    window.dispatchEvent(new CustomEvent("portal-began", { detail: path }));
    setTimeout(openPage, 0, path);
  }

  function focusOn(control) {
    const fold = control?.closest("details");
    if (fold) fold.open = true;
    control?.scrollIntoView({ block: "center" });
    (control?.matches("input,select,textarea") ? control : control?.querySelector("input"))?.focus();
  }

  /* A field of the form that the address names gets the focus, once, when it is there. */
  let reached = "";
  function reachField() {
    const wanted = location.hash.startsWith("#launch-") ? location.hash.slice(1) : "";
    if (wanted === reached) return;
    const control = wanted && document.getElementById(wanted);
    if (!wanted || control) reached = wanted;
    if (control) focusOn(control);
  }

  /* The query of the address holds the view, without a visit of its own in the browser's history. */
  window.portalAddress = {
    get: (name) => new URLSearchParams(location.search).get(name) ?? "",
    put(values) {
      const query = new URLSearchParams(location.search);
      for (const [name, value] of Object.entries(values)) value ? query.set(name, value) : query.delete(name);
      const search = query.size ? `?${query}` : "";
      if (search !== location.search) history.replaceState(history.state, "", location.pathname + search);
    },
  };

  async function copy(text) {
    if (window.isSecureContext && navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return;
    }
    const area = document.createElement("textarea"); // plain http has no clipboard interface
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-text], [data-copy-link], [data-copy-here]");
    if (button) {
      event.preventDefault();
      const link = button.dataset.copyLink;
      const text =
        (button.dataset.copyHere === undefined ? null : location.href) ??
        (link && new URL(link, location.origin).href) ??
        button.dataset.copyText ?? document.getElementById(button.dataset.copy)?.textContent ?? "";
      copy(text).then(() => {
        button.classList.add("copied");
        setTimeout(() => button.classList.remove("copied"), 1400);
      });
    }
    const file = event.target.closest("[data-save]");
    if (file) {
      const { named, download } = window.portalChartFiles;
      const text = document.getElementById(file.dataset.save)?.textContent ?? "";
      download(`${named(file.dataset.saveAs, Date.now() / 1000)}.yaml`, text, "application/yaml");
    }
    if (event.target.closest("#theme-toggle")) window.portalTheme.next();
    const jump = event.target.closest("[data-focus]");
    if (jump) {
      event.preventDefault();
      focusOn(document.getElementById(jump.dataset.focus));
    }
    const moment = event.target.closest("[data-moment]");
    if (moment) {
      const at = Number(moment.dataset.moment);
      window.dispatchEvent(new CustomEvent("portal-moment", { detail: at }));
    }
    const inside = event.target.closest("a[data-inside]");
    if (inside && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      openPage(inside.getAttribute("href"));
    }
  });

  /* Without an icon that loads, the letter behind it is shown. */
  document.addEventListener("error", ({ target }) => {
    if (target instanceof HTMLImageElement && target.classList.contains("chart-icon")) target.hidden = true;
  }, true);

  /* What a field holds, as its own component would tell it: no number while it is not a valid one. */
  function held(field) {
    if (field.type !== "number") return field.value;
    return field.value !== "" && field.validity.valid ? Number(field.value) : null;
  }

  /* Dash throws for the id of an element that is none of its own components, such as a live part's. */
  function propsOf(id) {
    try {
      return window.dash_component_api?.getLayout(id)?.props;
    } catch {
      return undefined;
    }
  }

  /* Some fields tell what they hold when typing stops; a button pressed sooner must not miss it. */
  document.addEventListener("focusout", ({ target }) => {
    if (!target.matches?.("input, textarea") || !/^[\w-]+$/.test(target.id)) return; // a part of a component
    const known = propsOf(target.id);
    if (typeof known?.debounce !== "number") return;
    const value = held(target);
    if (String(value ?? "") !== String(known.value ?? "")) window.dash_clientside.set_props(target.id, { value });
  });

  /* A request that is refused as a whole has no field for its message. */
  const ask = window.fetch;
  window.fetch = async (...given) => {
    const answer = await ask(...given);
    if (String(given[0]?.url ?? given[0]).includes("_dash-update-component")) {
      const refused = [400, 413, 415, 429].includes(answer.status);
      const said = refused ? await answer.clone().json().catch(() => null) : null;
      const words = said?.error ? `${said.error} ${said.advice ?? ""}` : "";
      if (answer.status === 429) sayBusy(words, answer, outputOf(given));
      else if (words || busy === null || busy === outputOf(given)) sayRefused(words);
    }
    return answer;
  };
  function outputOf(given) {
    try {
      return JSON.parse(given[1].body).output;
    } catch {
      return undefined;
    }
  }

  /* What was refused for now is said until it can be tried again, or has been. Other answers do not
     mean that it was done. */
  const SHORTEST = 5;
  let busy = null; // the output of the request that was refused so
  let pause = 0;
  function sayBusy(words, answer, output) {
    const seconds = Math.max(SHORTEST, Number(answer.headers.get("Retry-After")) || 0);
    sayRefused(words && `Not done: ${words}`);
    busy = output;
    pause = setTimeout(sayRefused, seconds * 1000, "");
  }
  function sayRefused(words) {
    clearTimeout(pause);
    busy = null;
    let place = document.getElementById("refused");
    if (!place && !words) return;
    if (!place) {
      place = document.createElement("div");
      place.id = "refused";
      place.className = "notice severity-bad";
      place.setAttribute("role", "alert");
      document.body.append(place);
    }
    place.hidden = !words;
    put(place, words);
  }

  document.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    // Dash takes a number typed beside a slider only when its input is left.
    if (event.key === "Enter" && event.target.matches?.(".dash-range-slider-input")) {
      event.target.blur();
      event.target.focus();
    }
  });

  window.addEventListener("portal-theme", (event) => {
    if (window.dash_component_api?.getLayout("theme") !== undefined)
      window.dash_clientside.set_props("theme", { data: event.detail });
  });

  /* An element that is replaced while it has the focus keeps it. Where it is gone or hidden, the
     page's content gets it: with none in focus, the next Tab would start from the top. */
  const shown = (element) => element.isConnected && element.checkVisibility();
  let focused = null;
  document.addEventListener("focusin", (event) => { focused = event.target; });
  document.addEventListener("focusout", ({ target }) => {
    // Also fired just before an element is removed; only later the two can be distinguished.
    setTimeout(() => { if (focused === target && shown(target)) focused = null; });
  });
  function refocus() {
    if (!focused || shown(focused)) return;
    const lost = [document.body, focused].includes(document.activeElement);
    const again = focused.id && document.getElementById(focused.id);
    focused = null;
    if (!lost) return;
    (again && shown(again) ? again : document.querySelector("main"))?.focus({ preventScroll: true });
  }

  let themed = false;
  let queued = false;
  function settle() {
    queued = false;
    tick();
    describe();
    nameParts();
    requestAnimationFrame(refocus); // before it is drawn, when styles are computed anyway
    reachField();
    follow();
    if (!themed && document.getElementById("theme-toggle")) {
      themed = true;
      window.portalTheme.refresh();
    }
  }
  new MutationObserver(() => {
    if (queued) return;
    queued = true;
    queueMicrotask(settle);
  }).observe(document.documentElement, { childList: true, subtree: true });
  setInterval(() => {
    tick();
    refocus();
  }, 1000);
})();
