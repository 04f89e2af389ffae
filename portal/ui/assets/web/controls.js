/* Callbacks that run in the browser: parts of forms, and controls that follow the live view. */
(function () {
  "use strict";
  const none = () => window.dash_clientside.no_update;
  const shown = (yes) => (yes ? "" : "d-none");

  /* The scale card's controls for a live view; the sliders start at 1. */
  function fromLive(live) {
    const auto = live.mode === "autoscaled";
    const top = Math.max(live.max_replicas, 4);
    return {
      auto,
      replicas: Math.max(1, live.replicas),
      bounds: auto
        ? [Math.max(1, live.min_replicas), Math.max(1, live.max_replicas)]
        : [Math.max(1, live.replicas), Math.max(4, live.replicas, Math.min(top, 4))],
      cpuOn: live.target_cpu != null || (!auto && live.target_memory == null),
      cpu: live.target_cpu ?? 70,
      memoryOn: live.target_memory != null,
      memory: live.target_memory ?? 80,
    };
  }

  /* A key of the settings that the controls ask for, without hidden ones. */
  function effect(c) {
    if (!c.auto) return JSON.stringify(["fixed", c.replicas]);
    return JSON.stringify(["auto", c.bounds, c.cpuOn ? c.cpu : null, c.memoryOn ? c.memory : null]);
  }

  const controls = ([auto, replicas, bounds, cpuOn, cpu, memoryOn, memory]) => ({
    auto: Boolean(auto), replicas, bounds, cpuOn: Boolean(cpuOn), cpu,
    memoryOn: Boolean(memoryOn), memory,
  });

  function now(live) {
    if (live.mode !== "autoscaled")
      return `Now: ${live.replicas} ${live.replicas === 1 ? "replica" : "replicas"}, fixed.`;
    const targets = [];
    if (live.target_cpu != null) targets.push(`CPU ${live.target_cpu} %`);
    if (live.target_memory != null) targets.push(`memory ${live.target_memory} %`);
    const bounds = `${live.min_replicas}–${live.max_replicas}`;
    return `Now: autoscaler, ${bounds} replicas${targets.length ? `, ${targets.join(", ")}` : ""}.`;
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.portal = Object.assign(window.dash_clientside.portal || {}, {
    /* True once the field was left empty: from then on that is an error. */
    leftEmpty(blurs, text, left) {
      return blurs && !text && !left ? true : none();
    },

    /* Updates the controls from the live view, unless the user has changed them. */
    scaleFollow(live, reset, base, ...values) {
      if (!live) return Array(12).fill(none());
      const context = window.dash_clientside.callback_context;
      const undone = context.triggered_id === "scale-reset";
      const edited = effect(controls(values)) !== effect(fromLive(base));
      const arrived = edited && effect(controls(values)) === effect(fromLive(live));
      const c = fromLive(live);
      const move = undone || !edited;
      const readOnly = live.mode === "read-only";
      const settings = move
        ? [c.auto, c.replicas, c.bounds, c.cpuOn, c.cpu, c.memoryOn, c.memory]
        : Array(7).fill(none());
      return [
        move || arrived ? live : none(),
        ...settings,
        shown(!readOnly),
        readOnly ? "words quiet-text" : "d-none",
        live.why,
        undone || arrived ? null : none(),
      ];
    },

    scaleShow(live, ...values) {
      const c = controls(values);
      const edited = live && effect(c) !== effect(fromLive(live));
      /* At 0 replicas even unchanged controls ask for another number. */
      const stopped = live && !c.auto && live.mode !== "autoscaled" && live.replicas === 0;
      /* Scaled outside Helm: the controls show another number than what runs. */
      const drifted = live && !c.auto && live.drifted;
      return [
        shown(!c.auto), shown(c.auto), !c.cpuOn, !c.memoryOn,
        live ? now(live) : "", !(edited || stopped || drifted), edited ? "" : "d-none",
      ];
    },

    launchShow(auto, exposure, cpuOn, memoryOn) {
      const host = exposure === "Ingress" || exposure === "HTTPRoute";
      return [shown(!auto), shown(auto), shown(host), !cpuOn, !memoryOn];
    },

    /* The quantities of the chosen size, which it locks. */
    launchSize(name, sizes) {
      const amounts = sizes?.[name];
      return [...(amounts ?? Array(4).fill(none())), ...Array(4).fill(Boolean(amounts))];
    },

    /* Opens each section when its mark appears, or changes; people close it again as they like. */
    unfold(...given) {
      const before = given.at(-1);
      const marks = given.slice(0, -1);
      const { inputs_list } = window.dash_clientside.callback_context;
      marks.forEach((mark, at) => {
        if (mark && mark !== before?.[at])
          document.getElementById(inputs_list[at].id)?.closest("details")?.setAttribute("open", "");
      });
      return marks;
    },

    presetMark(repository, tag, tiles) {
      const chosen = `${repository}:${tag}`;
      return tiles.map((id) => {
        const tile = document.querySelector(`[data-testid="preset-${CSS.escape(id.name)}"]`);
        const image = tile?.querySelector(".preset-image")?.textContent;
        return image === chosen ? "preset chosen" : "preset";
      });
    },

    /* The fields of the chosen tile, in the order of the callback's outputs; null leaves one. */
    fillIn(clicks, presets) {
      const { triggered_id, outputs_list } = window.dash_clientside.callback_context;
      const chosen = (clicks.some(Boolean) && presets?.[triggered_id?.name]) || [];
      return outputs_list.map((_, at) => chosen[at] ?? none());
    },

    modal(opened, again) {
      const pressed = window.dash_clientside.callback_context.triggered_id;
      return (pressed === "app-uninstall" && opened > 0) || (pressed === "app-uninstall-again" && again > 0);
    },

    saveText(clicks, text, place, name) {
      if (!clicks) return none();
      return { content: text || "", filename: `${name || place.chart.split("/").pop()}.yaml` };
    },

    /* True if the launch button is disabled. */
    chartReady(needed, problems, unreadable) {
      return Boolean(needed || problems || unreadable);
    },

    /* Saves nothing while the form has errors: the element then holds a message instead. */
    saveValues(clicks, text, name) {
      const empty = !clicks || document.getElementById("launch-save")?.disabled;
      return empty ? none() : { content: text, filename: `${name || "app"}.yaml` };
    },

    /* Adds a line of environment variables, or replaces the one of the same name. */
    connect(line, env) {
      if (!line) return [none(), none()];
      const name = line.slice(0, line.indexOf("=") + 1);
      const lines = (env ?? "").split("\n").filter((each) => each.trim());
      const at = lines.findIndex((each) => each.startsWith(name));
      lines.splice(at < 0 ? lines.length : at, at < 0 ? 0 : 1, line);
      return [lines.join("\n"), ""];
    },

    openText(contents) {
      if (!contents) return none();
      const bytes = Uint8Array.from(atob(contents.split(",")[1] ?? ""), (c) => c.charCodeAt(0));
      return new TextDecoder().decode(bytes);
    },

    closed() {
      return false;
    },
  });
})();
