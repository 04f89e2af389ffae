/* What if: the controls' settings as a short text, asked for as they move, and kept in the address.
   One question at a time: what is moved meanwhile is asked with the answer, and only the newest of it. */
(function () {
  "use strict";
  const LOST = 5000; // ms after which an answer is waited for no longer
  const none = () => window.dash_clientside.no_update;
  const same = (one, other) => one?.join() === other?.join();
  let wanted = null; // the settings that the controls show, and those that are kept
  let open = null; // the question that is not answered yet: its settings, page and time

  /* "min1_max4_cpu70_cpureq100_…", as variants.py reads it. */
  function text([bounds, cpuOn, cpu, memoryOn, memory, cpuRequest, memoryRequest, up, down, upPods, downPods]) {
    return [`min${bounds[0]}`, `max${bounds[1]}`, cpuOn ? `cpu${cpu}` : "", memoryOn ? `mem${memory}` : "",
      `cpureq${cpuRequest}`, `memreq${memoryRequest}`, `up${up}`, `down${down}`, `uppods${upPods}`, `downpods${downPods}`]
      .filter(Boolean).join("_");
  }

  /* The settings in words, beside the sliders. */
  function words([bounds, cpuOn, cpu, memoryOn, memory, cpuRequest, memoryRequest, up, down, upPods, downPods]) {
    const targets = [cpuOn && `CPU ${cpu} %`, memoryOn && `memory ${memory} %`].filter(Boolean).join(", ") || "no target";
    return `${bounds[0]}–${bounds[1]} pods, ${targets}; each requests ${cpuRequest / 1000} cores and ${memoryRequest} MiB; ` +
      `waits ${down} s before removing` + (up ? `, ${up} s before adding` : "") +
      (upPods ? `; adds at most ${upPods} a minute` : "") + (downPods ? `; removes at most ${downPods} a minute` : "") + ".";
  }

  function values(written, base) {
    const found = Object.fromEntries([...written.matchAll(/(?:^|_)([a-z]+)(\d{1,9})/g)].map(([, name, value]) => [name, Number(value)]));
    const or = (name, usual) => found[name] ?? usual;
    return [
      [or("min", Math.max(1, base.minimum)), or("max", base.maximum)],
      "cpu" in found, or("cpu", base.cpu ?? 70), "mem" in found, or("mem", base.memory ?? 80),
      or("cpureq", base.cpu_request), or("memreq", base.memory_request), or("up", base.up_window),
      or("down", base.down_window), or("uppods", base.up_pods), or("downpods", base.down_pods),
    ];
  }

  function keepInAddress([set, ...kept], base) {
    window.portalAddress.put({ set: set === base ? "" : set, a: kept[0], b: kept[1], c: kept[2] });
  }

  function ask() {
    const base = window.dash_component_api?.getLayout("what-if-base")?.props.data;
    if (!base) return; // another page by now
    if (open && open.base === base && performance.now() - open.at < LOST) return;
    open = { asked: wanted, base, at: performance.now() };
    window.dash_clientside.set_props("what-if-asked", { data: wanted });
  }

  window.portalWhatIf = { text, values, words };
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.portal = Object.assign(window.dash_clientside.portal || {}, {
    whatIfAsk(...given) {
      wanted = [text(given.slice(0, -1)), ...(given.at(-1) ?? [])];
      setTimeout(ask, 0); // controls that change together are asked about once
      return [words(given), "true"];
    },

    /* Whether the figures are still to come: those of an answer may be of settings moved since. */
    whatIfAnswered(answer, base) {
      if (same(open?.asked, answer.asked)) open = null;
      if (!same(wanted, answer.asked)) {
        setTimeout(ask, 0);
        return "true";
      }
      keepInAddress(wanted, base.text);
      return "false";
    },

    whatIfKeep(keep, forget, asked, kept) {
      if (window.dash_clientside.callback_context.triggered_id === "what-if-forget") return [];
      if (!asked || kept.includes(asked[0])) return none();
      return [...kept, asked[0]].slice(-3);
    },

    /* The present settings, or at first those of the address. */
    whatIfSet(resets, base) {
      const first = window.dash_clientside.callback_context.triggered_id !== "what-if-reset";
      const linked = first ? window.portalAddress.get("set") : "";
      return values(linked || base.text, base);
    },
  });
})();
