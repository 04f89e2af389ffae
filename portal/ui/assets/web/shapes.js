/* Made-up loads: what the panel's fields ask for, sent when they rest, and the chart of the answer. */
(function () {
  "use strict";
  const RESTS = 30; // ms without a move of a slider until a replay is asked for
  const timers = {};
  const shown = (yes) => (yes ? "" : "d-none");

  /* Which of the fields a choice needs: the unit, the file, rest, peak, the work of a request, the start. */
  function needed(shape, unit) {
    const file = shape === "file";
    return [shape, file, shape && !file, shape && !file, shape && unit === "requests", shape].map(shown);
  }

  const load = ([shape, unit, rest, peak, work, start_up, course]) => ({ shape, unit, rest, peak, work, start_up, course });

  /* The fields in an address; a file is in none. */
  const linked = (fields) =>
    (!fields[0] || fields[0] === "file" ? "" : fields.slice(0, 6).map((each) => String(each ?? "").replaceAll("_", "")).join("_"));

  function ask(place, asked) {
    clearTimeout(timers[place]);
    timers[place] = setTimeout(() => {
      const id = `${place}-shape-asked`;
      const known = window.dash_component_api?.getLayout(id); // of another page by now there is none
      if (!known || JSON.stringify(known.props.data) === JSON.stringify(asked)) return;
      if (!asked.load.shape && !known.props.data?.load.shape) return; // none is chosen, none is shown
      window.dash_clientside.set_props(id, { data: asked });
    }, RESTS);
  }

  /* A slider's value; while it is dragged, the one below the pointer. */
  function sliding(id, value, dragged) {
    const triggered = window.dash_clientside.callback_context.triggered ?? [];
    return triggered.some(({ prop_id }) => prop_id === `${id}.drag_value`) ? dragged ?? value : value;
  }

  /* The answer's times begin at midnight, so that the axis counts hours. */
  function drawn(answer, theme, midnight) {
    const { series, curves } = answer;
    const later = (times) => times.map((each) => each + midnight);
    return { theme, series: { ...series, times: later(series.times) },
      more: { curves: curves.map((each) => ({ ...each, times: later(each.times) })) } };
  }

  window.portalShapes = { needed, load, linked, drawn };
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.portal = Object.assign(window.dash_clientside.portal || {}, {
    shapeOfForm(...given) {
      const [auto, cpuOn, bounds, dragBounds, cpu, dragCpu, request, limit, window_] = given.slice(7);
      const form = { bounds: sliding("launch-bounds", bounds, dragBounds), request, limit, window: window_,
        cpu: cpuOn ? sliding("launch-target_cpu", cpu, dragCpu) : null };
      if (auto) ask("launch", { load: load(given), form });
      return needed(given[0], given[1]);
    },

    shapeOfPage(...given) {
      window.portalAddress?.put({ load: linked(given) });
      ask("what-if", { load: load(given), texts: given[7] ?? [] });
      const moved = window.dash_clientside.callback_context.triggered_id === "what-if-asked";
      const parts = needed(given[0], given[1]);
      return moved ? parts.map(() => window.dash_clientside.no_update) : parts;
    },

    shapeChart(answer) {
      if (!answer) return [window.dash_clientside.no_update, "d-none"];
      return [drawn(answer, window.portalTheme.current(), new Date().setHours(0, 0, 0, 0) / 1000), ""];
    },
  });
})();
