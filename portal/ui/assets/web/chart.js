/* The live chart: the autoscaler's metrics, the replicas, and the use of all pods. uPlot draws a plot
   for each; it is loaded when there is a chart to draw. */
(function () {
  "use strict";
  const VENDOR = new URL("../vendor/", document.currentScript?.src ?? "file:///");
  const HEIGHT = 420;
  const MOST_ROWS = 240; // of the table
  const BOUNDS = "min–max"; // minimum and maximum replicas
  const DAY = 24 * 3600;
  const GAP = 360; // seconds: an app at rest has two samples in five minutes


  /* Between two ticks of an upright axis: 1, 2 or 5, from a ten-thousandth to a million. */
  const STEPS = [-4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6].flatMap((power) =>
    [1, 2, 5].map((step) => Number(`${step}e${power}`)));

  /* The lines also differ in lightness and dashes, not in colour alone. */
  const COLOURS = {
    light: { curves: ["#c2185b", "#7a5c00", "#5b21b6", "#0b6e99"], metric: ["#2f5fd0", "#8a3ffc", "#0b6e99", "#7a5c00"], ready: "#00695c",
      desired: "#d55e00", current: "#667085", band: "rgba(47,95,208,.09)", grid: "#e7eaf0", text: "#475467", surface: "#ffffff" },
    dark: { curves: ["#ff7eb0", "#f3d25a", "#c4a7ff", "#6fd3ff"], metric: ["#86a8ff", "#c79bff", "#6fd3ff", "#f3d25a"], ready: "#3fd0b6",
      desired: "#ff9b6a", current: "#98a2b3", band: "rgba(134,168,255,.14)", grid: "#2a313c", text: "#b4bcc8", surface: "#161c25" },
  };
  const METRIC_DASHES = [undefined, [12, 3], [5, 2], [2, 2]];
  const TARGET_DASHES = [[7, 5], [7, 5, 2, 5], [3, 5], [3, 5, 1, 5]];

  /* What happened beside the curves: kinds of marks, told apart by shape as well as by colour. */
  const MARKS = {
    decision: { name: "decisions", light: "#475467", dark: "#b4bcc8" },
    revision: { name: "revisions", light: "#0b6e99", dark: "#6fd3ff" },
    crash: { name: "crashes", light: "#b54708", dark: "#ff9b6a" },
    "out-of-memory": { name: "out of memory", light: "#c2185b", dark: "#ff7eb0" },
    "load-test": { name: "load tests", light: "#7a5c00", dark: "#f3d25a" },
  };
  const MARK = 5; // half the width of a mark

  /* Joins the settled part of the history, which seldom changes, and the tail. Either may arrive
     first, so samples that both hold are taken once. Of a longer range each time stands for a step. */
  function join(settled, tail) {
    const end = settled.times.length ? settled.times[settled.times.length - 1] + (settled.step ?? 1) - 1 : -Infinity;
    const later = tail.times.filter((time) => time > end).length;
    const rest = (column) => column.slice(column.length - later);
    const joined = { metrics: [], units: { ...settled.units, ...tail.units } };
    for (const name of ["times", "desired", "current", "ready", "min_replicas", "max_replicas", "cpu", "memory"])
      joined[name] = [...settled[name], ...rest(tail[name])];
    const unknown = (series) => ["", ...[0, 1].map(() => series.times.map(() => null))];
    const named = (series, wanted) => series.metrics.find(([name]) => name === wanted) || unknown(series);
    for (const name of new Set([...settled.metrics, ...tail.metrics].map(([each]) => each))) {
      const [before, after] = [named(settled, name), named(tail, name)];
      joined.metrics.push([name, [...before[1], ...rest(after[1])], [...before[2], ...rest(after[2])]]);
    }
    return joined;
  }

  const nothing = (series) => series.times.map(() => null);

  /* A longer range, continued by the live samples after it, which have no highest values. */
  function extended(long, live) {
    const joined = { ...join(long, live), step: long.step };
    const added = nothing(joined).slice(long.times.length);
    joined.metrics_highest = joined.metrics.map(([name]) => {
      const at = long.metrics.findIndex(([each]) => each === name);
      return [...(at < 0 ? nothing(long) : long.metrics_highest[at]), ...added];
    });
    for (const name of ["cpu_highest", "memory_highest"]) joined[name] = [...long[name], ...added];
    return joined;
  }

  /* The series with an empty sample where nobody watched, so that no line is drawn across. */
  function gapped(series) {
    const apart = series.times.slice(1).map((time, at) => time - series.times[at]);
    const usual = [...apart].sort((a, b) => a - b)[Math.floor(apart.length / 2)] ?? 0;
    const most = Math.max(GAP, 1.5 * (series.step ?? 0), 2.5 * usual);
    if (!apart.some((each) => each > most)) return series;
    const column = (values, empty) =>
      values.flatMap((value, at) => (apart[at] > most ? [value, empty(series.times[at])] : [value]));
    const none = (values) => column(values, () => null);
    const found = { ...series, times: column(series.times, (time) => time + (series.step ?? 1)) };
    for (const [name, values] of Object.entries(series)) {
      if (name === "metrics") found.metrics = values.map(([of, ...rest]) => [of, ...rest.map(none)]);
      else if (name === "metrics_highest") found.metrics_highest = values.map(none);
      else if (name !== "times" && Array.isArray(values)) found[name] = none(values);
    }
    return found;
  }

  const percent = (value) => `${Math.round(value)} %`;
  const whole = (value) => String(value);
  const cores = (value) => `${+value.toFixed(3)} cores`;
  const mib = (value) => `${Math.round(value).toLocaleString()} MiB`;

  const exactly = (value) => (+value.toPrecision(4)).toLocaleString();

  /* The place of a metric among colours and dashes: that of CPU and memory is always the same. */
  const placeOf = (name, index) => { const known = ["CPU", "Memory"].indexOf(name); return known < 0 ? index % 4 : known; };
  const colourOf = (name, index, c) => c.metric[placeOf(name, index)];

  /* The unit of a metric's readings: percent of the request, if the series names no other one. */
  const unitOf = (series, name) => series.units?.[name] ?? "% of request";
  const saying = (series, name) => (unitOf(series, name) === "% of request" ? percent : exactly);

  /* The readings at which nothing changes: as far from the target as the tolerance. */
  function toleranceBands(series, c, tolerances) {
    return series.metrics.flatMap(([name, , targets], index) => {
      const [down, up] = tolerances?.[name] ?? [];
      if (down === undefined) return [];
      const times = (factor) => targets.map((each) => (each === null ? null : each * factor));
      return [{ name: `${name} tolerance`, least: times(1 - down), most: times(1 + up),
        colour: `${colourOf(name, index, c)}22`, say: saying(series, name), unit: unitOf(series, name) }];
    });
  }
  /* The line of the highest values beside that of the means, in a longer range. */
  const highest = (name, values, colour, say, more) =>
    values ? [{ name: `${name}, highest`, values, colour, width: 1, dash: [1, 3], say, ...more }] : [];

  function metricLines(series, c) {
    return series.metrics.flatMap(([name, values, targets], index) => {
      const [colour, place] = [colourOf(name, index, c), placeOf(name, index)];
      const [say, unit] = [saying(series, name), unitOf(series, name)];
      return [
        { name, values, colour, width: 2.25, dash: METRIC_DASHES[place], say, unit },
        ...highest(name, series.metrics_highest?.[index], colour, say, { unit }),
        { name: `${name} target`, values: targets, colour, width: 1.5, dash: TARGET_DASHES[place], step: true, say, unit },
      ];
    });
  }

  /* The values of a curve at other times: each holds until the next one. */
  function held({ times, replicas }, wanted) {
    let at = -1;
    return wanted.map((time) => {
      while (at + 1 < times.length && times[at + 1] <= time) at += 1;
      return at < 0 ? null : replicas[at];
    });
  }

  const DASHES = [[], [8, 3], [3, 3], [10, 3, 2, 3]];

  function podLines(series, c, curves = []) {
    const most = series.step ? ", highest" : "";
    return [
      ...curves.map((curve, at) => ({ name: curve.name, values: held(curve, series.times),
        colour: c.curves[at % c.curves.length], width: 2.25, dash: DASHES[at % DASHES.length], step: true, say: whole })),
      ...(series.current.every((each) => each === null) ? [] : [{ name: `current${most}`, values: series.current, colour: c.current, width: 1.5, step: true, say: whole }]),
      { name: `desired${most}`, values: series.desired, colour: c.desired, width: 2, dash: [2, 4], step: true, say: whole },
      { name: series.step ? "ready, lowest" : "ready", values: series.ready, colour: c.ready, width: 2.5, step: true, say: whole },
    ];
  }

  function usageLines(series, c) {
    const found = [
      { name: "CPU used", values: series.cpu, colour: c.metric[0], width: 1.75, say: cores },
      { name: "memory used", values: series.memory, colour: c.metric[1], width: 1.75, dash: [9, 3], scale: "right", say: mib },
      ...highest("CPU used", series.cpu_highest, c.metric[0], cores),
      ...highest("memory used", series.memory_highest, c.metric[1], mib, { scale: "right" }),
    ];
    return series.memory.every((each) => each === null) ? found.filter(({ scale }) => !scale) : found;
  }

  /* The plots from above: what each draws and how much of the height it gets. ``more`` has what only
     the page of the autoscaler draws: tolerances, and curves of replicas. */
  function panels(series, theme, more = {}) {
    const c = COLOURS[theme] || COLOURS.light;
    const known = (column) => column.some((each) => each !== null);
    const limits = known(series.min_replicas)
      ? [{ name: BOUNDS, least: series.min_replicas, most: series.max_replicas, colour: c.band, say: whole }]
      : [];
    const [lines, bands] = [metricLines(series, c), toleranceBands(series, c, more.tolerances)];
    const units = [...new Set(lines.map(({ unit }) => unit))].sort((a, b) => (b === "% of request") - (a === "% of request"));
    const found = units.map((unit) => ({ title: unit, share: 0.34,
      lines: lines.filter((each) => each.unit === unit), bands: bands.filter((each) => each.unit === unit) }));
    found.push({ title: "pods", lines: podLines(series, c, more.curves), bands: limits, share: 0.3 });
    if (known(series.cpu))
      found.push({ title: "cores", right: known(series.memory) ? "MiB" : undefined, lines: usageLines(series, c), bands: [], share: 0.36 });
    // Metrics in units of their own make the chart higher.
    const all = Math.min(1, found.reduce((sum, { share }) => sum + share, 0));
    return found.map((panel) => ({ ...panel, share: panel.share / all }));
  }

  /* The columns of the table: a title, and the text of a sample. */
  function columns(series, theme, more = {}) {
    const lines = panels(series, theme, more).flatMap((panel) => [
      ...panel.lines.map(({ name, values, say }) => [name, (at) => (values[at] == null ? "–" : say(values[at]))]),
      ...panel.bands.map((band) => [band.name, (at) => range(band, at)]),
    ]);
    const told = more.marks?.length
      ? [["marks", (at, every) => marksAt(series.times, more.marks, at, every).map(([, words]) => words).join(" ")]] : [];
    return [["time", (at) => moment(series, at)], ...lines, ...told];
  }

  const range = ({ least, most, say }, at) =>
    (least[at] == null ? "–" : say === percent ? `${Math.round(least[at])}–${percent(most[at])}` : `${least[at]}–${most[at]}`);

  /* The marks after the sample ``every`` before, up to this one, and the spans that reach it. The last
     sample has those of later, too; the first one none of long before. */
  function marksAt(times, marks, at, every = 1) {
    const after = at - every >= 0 ? times[at - every] : times[0] - 60;
    const upto = at === times.length - 1 ? Infinity : times[at];
    return (marks ?? []).filter(([time, , , end]) => time <= upto && (end ?? time) > after);
  }

  /* The samples in the table, newest first; of very many only every second, third … one. */
  function moments(count) {
    const every = Math.max(1, Math.ceil(count / MOST_ROWS));
    const found = [];
    for (let at = count - 1; at >= 0; at -= every) found.push(at);
    return found;
  }

  function clock(seconds, exactly) {
    const date = new Date(seconds * 1000);
    const parts = [date.getHours(), date.getMinutes(), ...(exactly ? [date.getSeconds()] : [])];
    return parts.map((part) => String(part).padStart(2, "0")).join(":");
  }

  const date = (seconds) => new Date(seconds * 1000).toLocaleDateString(undefined, { day: "numeric", month: "short" });

  const moment = (series, at) =>
    series.step ? `${date(series.times[at])}, ${clock(series.times[at])}` : clock(series.times[at], true);

  /* The labels of the axis of time; where days are seen, midnight is the name of the day. */
  function ticks(plot, splits, at, space, step) {
    const days = plot.scales.x.max - plot.scales.x.min > DAY;
    return splits.map((each) => (days && (step >= DAY || clock(each) === "00:00") ? date(each) : clock(each, step < 60)));
  }

  /* ---- drawing ---- */

  let library = null;
  function load() {
    library ??= new Promise((resolve, reject) => {
      const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("uplot.min.css", VENDOR) });
      const script = Object.assign(document.createElement("script"), { src: new URL("uplot.min.js", VENDOR) });
      script.onload = resolve;
      script.onerror = () => {
        library = null; // the next points try again
        reject(new Error("the chart's library could not be loaded"));
      };
      document.head.append(style, script);
    });
    return library;
  }

  /* A key of all that needs new plots; other changes are new data in the same plots. */
  const shape = (found, theme, hidden) =>
    JSON.stringify([theme, found.map(({ lines, bands }) => [lines.map(({ name }) => name), bands.length]), [...hidden]]);

  const data = (series, panel) => [
    series.times,
    ...panel.bands.flatMap(({ most, least }) => [most, least]),
    ...panel.lines.map(({ values }) => values),
  ];

  /* Labels of ticks, with as many decimals as distinguish them. */
  function numbers(plot, splits, at, space, step) {
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return splits.map((each) => String(+each.toFixed(decimals)));
  }

  function options(panel, last, width, theme, hidden, used, hooks) {
    const c = COLOURS[theme] || COLOURS.light;
    const font = "11px system-ui, sans-serif";
    const stepped = window.uPlot.paths.stepped({ align: 1 });
    const show = (name) => !hidden.has(name);
    const axis = { stroke: c.text, font, labelFont: font, labelSize: 16, labelGap: 0, gap: 4,
      grid: { stroke: c.grid, width: 1 }, ticks: { show: false } };
    const upwards = (u, min, max) => [0, Math.max(max ?? 1, panel.title === "pods" ? 1 : 1e-3) * 1.12];
    const edge = { width: 0, paths: stepped, points: { show: false }, stroke: "transparent" };
    const right = panel.right
      ? [{ ...axis, scale: "right", side: 1, size: 36, incrs: STEPS, values: numbers, label: panel.right, stroke: panel.lines[1].colour,
          grid: { show: false }, space: 26 }]
      : [];
    return {
      width,
      height: Math.round(HEIGHT * panel.share) + (last ? 22 : 0),
      padding: [10, used && !panel.right ? 52 : panel.right ? 0 : 12, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: "live-chart", scales: ["x", null] },
        drag: { x: true, y: false, dist: 6 },
        points: { size: 7 },
      },
      scales: { x: { time: true }, y: { range: upwards }, right: { range: upwards } },
      axes: [
        { ...axis, size: last ? 24 : 6, space: 60,
          values: last ? ticks : (u, splits) => splits.map(() => "") },
        { ...axis, size: 44, space: 26, values: numbers, label: panel.title.length > 24 ? `${panel.title.slice(0, 23)}…` : panel.title, stroke: panel.right ? panel.lines[0].colour : c.text,
          incrs: panel.title === "pods" ? STEPS.filter((step) => step >= 1) : STEPS },
        ...right,
      ],
      series: [
        {},
        ...panel.bands.flatMap(({ name }) => [{ ...edge, show: show(name) }, { ...edge, show: show(name) }]),
        ...panel.lines.map((line) => ({
          label: line.name, scale: line.scale ?? "y", stroke: line.colour, width: line.width, dash: line.dash,
          paths: line.step ? stepped : undefined, points: { show: false }, show: show(line.name),
        })),
      ],
      bands: panel.bands.map(({ colour }, at) => ({ series: [2 * at + 1, 2 * at + 2], fill: colour })),
      hooks,
    };
  }

  function path(c, ...points) {
    c.beginPath();
    points.forEach(([x, y], at) => (at ? c.lineTo(x, y) : c.moveTo(x, y)));
  }

  /* The shapes of moments on a canvas, around a point. */
  const SHAPES = {
    decision: (c, x, y, r) => { path(c, [x, y - r], [x - r, y + r], [x + r, y + r]); c.fill(); },
    revision: (c, x, y, r) => { path(c, [x, y - r], [x + r, y], [x, y + r], [x - r, y]); c.fill(); },
    crash: (c, x, y, r) => {
      path(c, [x - r, y - r], [x + r, y + r]); c.stroke();
      path(c, [x + r, y - r], [x - r, y + r]); c.stroke();
    },
    "out-of-memory": (c, x, y, r) => c.fillRect(x - r, y - r, 2 * r, 2 * r),
  };

  function line(c, x, top, height, size) {
    c.save();
    c.lineWidth = size / 5;
    c.setLineDash([size, size]);
    path(c, [x, top], [x, top + height]);
    c.stroke();
    c.restore();
  }

  /* What lasted: a bar at the upper edge, and a tint below it. */
  function span(c, x, top, width, height, size) {
    c.fillRect(x, top, width, size / 1.5);
    c.globalAlpha = 0.12;
    c.fillRect(x, top, width, height);
    c.globalAlpha = 1;
  }

  /* The plots in a box, kept when new data arrives, so that a zoom is kept. */
  class Plots {
    constructor(box, tell) {
      this.box = box;
      this.tell = tell;
      this.made = [];
      this.sizes = new ResizeObserver(() => this.fit());
      this.sizes.observe(box);
    }

    show(series, theme, hidden, more, range, linked) {
      const found = panels(series, theme, more);
      const wanted = shape(found, theme, hidden);
      const moved = range !== this.range;
      this.times = series.times;
      this.marks = (more.marks ?? []).filter(([, , kind]) => MARKS[kind] && !hidden.has(MARKS[kind].name));
      this.range = range;
      if (wanted !== this.shape) {
        const zoom = this.zoomed && this.scale();
        this.clear();
        this.shape = wanted;
        this.make(series, found, theme, hidden);
        if (zoom && !moved) this.zoom(zoom.min, zoom.max);
        else if (linked && linked[0] < this.window()[1] && linked[1] > this.times[0]) this.zoom(...linked);
        else if (range) this.whole();
        return;
      }
      const all = !this.zoomed;
      this.made.forEach((plot, at) => plot.setData(data(series, found[at]), all && !range));
      if (moved || (all && range)) this.whole();
    }

    make(series, found, theme, hidden) {
      const used = found.some((panel) => panel.right);
      const width = this.box.clientWidth;
      this.made = found.map((panel, at) => {
        const hooks = {
          setCursor: [(plot) => this.point(plot)],
          draw: panel.title === "pods" ? [(plot) => this.mark(plot, theme)] : [],
          setScale: [(plot, key) => key === "x" && plot === this.made[0] && this.scaled()],
        };
        const settings = options(panel, at === found.length - 1, width, theme, hidden, used, hooks);
        return new window.uPlot(settings, data(series, panel), this.box);
      });
      this.scaled();
    }

    /* Decisions at the lower edge of the pods, everything else at the upper one. */
    mark(plot, theme) {
      const { left, top, width, height } = plot.bbox;
      const size = MARK * window.devicePixelRatio;
      const place = (time) => plot.valToPos(time, "x", true);
      const within = (x) => x >= left && x <= left + width;
      const c = plot.ctx;
      c.save();
      for (const [time, , kind, end] of this.marks) {
        const x = place(time);
        c.fillStyle = c.strokeStyle = MARKS[kind][theme] ?? MARKS[kind].light;
        c.lineWidth = size / 3;
        if (end != null) {
          const [from, to] = [Math.max(left, x), Math.min(left + width, place(end))];
          if (to >= from) span(c, from, top, Math.max(to - from, 2), height, size);
        } else if (within(x)) {
          if (kind === "revision") line(c, x, top, height, size);
          SHAPES[kind](c, x, kind === "decision" ? top + height - size : top + size * 1.4, size);
        }
      }
      c.restore();
    }

    /* The times that are shown unless somebody zooms. */
    window() {
      const last = this.times[this.times.length - 1];
      return [this.range ? Math.max(this.times[0], last - this.range) : this.times[0], last];
    }

    scale() {
      return this.made[0].scales.x;
    }

    scaled() {
      const { min, max } = this.scale();
      const [from, to] = this.window();
      const zoomed = min > from || max < to;
      this.tell({ zoomed, shown: [min, max] });
      this.zoomed = zoomed;
    }

    zoom(min, max) {
      for (const plot of this.made) plot.setScale("x", { min, max });
    }

    whole() {
      this.zoom(...this.window());
    }

    /* Zoom in (factor below 1) or out, around the pointer. */
    nearer(factor) {
      const { min, max } = this.scale();
      const [first, last] = [this.times[0], this.times[this.times.length - 1]];
      const middle = this.times[this.at] ?? (min + max) / 2;
      const span = Math.max(30, (max - min) * factor);
      if (span >= last - first) return this.whole();
      const from = Math.min(Math.max(first, middle - span / 2), last - span);
      this.zoom(from, from + span);
    }

    point(plot) {
      const { idx, left } = plot.cursor;
      const at = left >= 0 ? idx : null;
      if (at === this.at) return;
      this.at = at;
      const place = at === null ? null : plot.bbox.left / window.devicePixelRatio + plot.valToPos(this.times[at], "x");
      this.tell({ at, place, width: this.box.clientWidth });
    }

    /* Point at the sample nearest to a moment; return false if the samples begin later. */
    moment(seconds) {
      if (!this.made.length) return false;
      const { min, max } = this.scale();
      if (seconds < min || seconds > max) this.whole();
      const off = this.times.map((time) => Math.abs(time - seconds));
      this.move(off.indexOf(Math.min(...off)));
      return seconds >= this.times[0] - 60;
    }

    /* Point at a sample, as the mouse would. */
    move(at) {
      const { min, max } = this.scale();
      const within = this.times.map((_, each) => each).filter((each) => this.times[each] >= min && this.times[each] <= max);
      const bound = Math.min(Math.max(at, within[0]), within[within.length - 1]);
      for (const plot of this.made) plot.setCursor({ left: plot.valToPos(this.times[bound], "x"), top: 1 });
    }

    leave() {
      for (const plot of this.made) plot.setCursor({ left: -10, top: -10 });
    }

    fit() {
      const width = this.box.clientWidth;
      if (width) for (const plot of this.made) if (plot.width !== width) plot.setSize({ width, height: plot.height });
    }

    clear() {
      for (const plot of this.made) plot.destroy();
      this.made = [];
      this.zoomed = false;
    }

    end() {
      this.sizes.disconnect();
      this.clear();
    }
  }

  /* ---- the component ---- */

  const el = (...args) => window.React.createElement(...args);

  const swatch = ({ colour, dash, width }, filled) =>
    el("svg", { className: "chart-swatch", width: 22, height: 10, "aria-hidden": true },
      filled
        ? el("rect", { width: 22, height: 10, fill: colour })
        : el("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: colour, strokeWidth: width, strokeDasharray: dash?.join(" ") }));

  const GLYPHS = {
    decision: "M5 0 L10 10 L0 10 Z", revision: "M5 0 L10 5 L5 10 L0 5 Z", "out-of-memory": "M0 0 H10 V10 H0 Z",
    crash: "M0 2 L2 0 L5 3 L8 0 L10 2 L7 5 L10 8 L8 10 L5 7 L2 10 L0 8 L3 5 Z", "load-test": "M0 1 H10 V4 H0 Z",
  };

  const glyph = (kind, theme) =>
    el("svg", { className: "chart-swatch", width: 10, height: 10, "aria-hidden": true },
      el("path", { d: GLYPHS[kind], fill: MARKS[kind][theme] ?? MARKS[kind].light }));

  /* The kinds of which there are marks in the time that is drawn. */
  const kinds = (series, marks) =>
    Object.keys(MARKS).filter((kind) =>
      marks?.some(([time, , of, end]) => of === kind && (end ?? time) >= series.times[0]));

  function Legend({ found, hidden, toggle, marked, theme }) {
    const entry = (name, mark) =>
      el("button", { key: name, type: "button", "aria-pressed": !hidden.has(name), onClick: () => toggle(name) }, mark, name);
    return el("div", { className: "chart-legend", role: "group", "aria-label": "Lines and marks of the chart" },
      found.flatMap((panel) => [
        ...panel.bands.map((band) => entry(band.name, swatch(band, true))),
        ...panel.lines.map((line) => entry(line.name, swatch(line))),
      ]),
      marked.map((kind) => entry(MARKS[kind].name, glyph(kind, theme))));
  }

  const MOST_TOLD = 4; // marks at one sample

  function Pointed({ series, found, hidden, pointed, marks, theme }) {
    if (pointed?.at == null || pointed.at >= series.times.length) return null;
    const { at, place, width } = pointed;
    const line = (name, mark, text) =>
      hidden.has(name) ? null : el("div", { key: name }, mark, el("span", null, name), el("b", null, text));
    const style = place > width / 2 ? { right: width - place + 12 } : { left: place + 12 };
    const told = marksAt(series.times, marks, at).filter(([, , kind]) => MARKS[kind] && !hidden.has(MARKS[kind].name));
    return el("div", { className: "chart-pointed", style },
      el("div", { className: "chart-moment" }, moment(series, at)),
      found.flatMap((panel) => [
        ...panel.bands.map((band) => line(band.name, swatch(band, true), range(band, at))),
        ...panel.lines.map((each) => each.values[at] == null ? null : line(each.name, swatch(each), each.say(each.values[at]))),
      ]),
      told.slice(-MOST_TOLD).map(([time, words, kind]) =>
        el("p", { key: `${kind} ${time} ${words}`, className: "chart-told" }, glyph(kind, theme), " ", words)),
      told.length > MOST_TOLD && el("p", { key: "more", className: "chart-told" }, `and ${told.length - MOST_TOLD} more`));
  }

  const RANGES = [["10 min", 600], ["1 h", 3600], ["6 h", 0]];
  const SAVES = [["CSV", "the samples as comma-separated values"], ["Parquet", "the samples as a Parquet file"],
    ["PNG", "the chart as a picture"], ["SVG", "the chart as a drawing"]];

  /* The ranges of time, a pause, and what can be taken away. */
  function Tools({ range, choose, paused, pause, save, link, still }) {
    return el("div", { className: "chart-tools" },
      !still && el("div", { className: "chart-ranges", role: "group", "aria-label": "Range of the chart" },
        RANGES.map(([name, seconds]) =>
          el("button", { key: name, type: "button", "aria-pressed": range === seconds, onClick: () => choose(seconds) }, name)),
        el("button", { type: "button", "aria-pressed": paused, onClick: pause,
          title: "Keep the chart as it is, while newer samples are collected" }, "Pause")),
      el("div", { className: "chart-ranges", role: "group", "aria-label": "Save the chart" },
        SAVES.map(([name, what]) =>
          el("button", { key: name, type: "button", onClick: () => save(name), title: `Save ${what}`, "aria-label": `Save as ${name}` }, name)),
        link && el("button", { type: "button", "data-copy-here": "", className: "chart-link",
          title: "Copy a link to this page with its range, zoom and settings" }, el("span", { className: "copy-word" }, "Copy link"))));
  }

  function Rows({ series, theme, more }) {
    const [open, setOpen] = window.React.useState(false);
    const shown = open ? columns(series, theme, more) : [];
    const chosen = open ? moments(series.times.length) : [];
    const every = chosen.length > 1 ? chosen[0] - chosen[1] : 1;
    return el("details", { className: "chart-table", onToggle: (event) => setOpen(event.target.open) },
      el("summary", null, "Show as a table"),
      el("div", { className: "chart-rows", tabIndex: 0, role: "region", "aria-label": "Samples, newest first" },
        open && el("table", null,
          el("thead", null, el("tr", null, shown.map(([title]) => el("th", { key: title, scope: "col" }, title)))),
          el("tbody", null, chosen.map((at) =>
            el("tr", { key: at }, shown.map(([title, say]) => el("td", { key: title }, say(at, every)))))))));
  }

  const KEYS = {
    ArrowLeft: (plots) => plots.move((plots.at ?? plots.times.length) - 1),
    ArrowRight: (plots) => plots.move((plots.at ?? -1) + 1),
    Home: (plots) => plots.move(0),
    End: (plots) => plots.move(plots.times.length - 1),
    "+": (plots) => plots.nearer(0.5),
    "-": (plots) => plots.nearer(2),
    Escape: (plots) => plots.whole(),
  };

  /* The range and the zoom that the address names. */
  function linkedView() {
    const [range, zoom] = [window.portalAddress.get("range"), window.portalAddress.get("zoom")];
    const ends = /^(\d{1,12})-(\d{1,12})$/.exec(zoom)?.slice(1).map(Number);
    return { range: RANGES.find(([, seconds]) => String(seconds) === range)?.[1] ?? 0, zoom: ends && ends[0] < ends[1] ? ends : null };
  }

  function LiveChart({ id, drawn, linked, still }) {
    const { useEffect, useRef, useState } = window.React;
    const box = useRef(null);
    const plots = useRef(null);
    const asked = useRef(linked ? linkedView() : { range: 0, zoom: null });
    const [state, setState] = useState({});
    const [hidden, setHidden] = useState(new Set());
    const [range, setRange] = useState(asked.current.range);
    const [held, setHeld] = useState(null); // the series that a pause keeps
    const series = held ?? drawn?.series;
    const more = drawn?.more ?? {};
    const empty = !series || series.times.length < 2;

    useEffect(() => {
      if (empty) return;
      let over = false;
      load().then(() => {
        if (over || !box.current) return;
        plots.current ??= new Plots(box.current, (more) => setState((before) => ({ ...before, ...more })));
        plots.current.show(series, drawn.theme, hidden, more, range, asked.current.zoom);
        asked.current.zoom = null;
        setState((before) => ({ ...before, failed: false }));
      }, () => setState((before) => ({ ...before, failed: true })));
      return () => { over = true; };
    }, [drawn, held, hidden, range]);
    useEffect(() => () => plots.current?.end(), []);
    useEffect(() => {
      if (!linked || state.zoomed === undefined) return;
      const ends = state.zoomed ? state.shown.map(Math.round).join("-") : "";
      window.portalAddress.put({ range: range ? String(range) : "", zoom: ends });
    }, [range, state.zoomed, state.shown?.[0], state.shown?.[1]]);
    useEffect(() => {
      const show = ({ detail }) => {
        box.current?.parentElement.focus({ preventScroll: true });
        box.current?.scrollIntoView({ block: "center" });
        setState((before) => ({ ...before, early: plots.current?.moment(detail) === false }));
      };
      window.addEventListener("portal-moment", show);
      return () => window.removeEventListener("portal-moment", show);
    }, []);

    const toggle = (name) =>
      setHidden((before) => new Set(before.has(name) ? [...before].filter((each) => each !== name) : [...before, name]));
    const key = (event) => {
      const act = plots.current?.made.length && !event.ctrlKey && !event.metaKey && KEYS[event.key];
      if (!act) return;
      event.preventDefault();
      act(plots.current);
    };
    const found = empty ? [] : panels(series, drawn.theme, more);
    const save = (form) => {
      setState((before) => ({ ...before, unsaved: "" }));
      window.portalChartFiles.save(form, series, drawn.theme, { ...more, hidden, shown: state.shown }).catch(() =>
        setState((before) => ({ ...before, unsaved: `The chart could not be saved as ${form}. Try again.` })));
    };
    const words = state.failed
      ? "The chart could not be loaded; it is retried with the next samples"
      : "Waiting for the first samples";
    return el("div", { id, className: "live-chart" },
      !empty && el("div", { className: "chart-top" },
        el(Legend, { found, hidden, toggle, marked: kinds(series, more.marks), theme: drawn.theme }),
        el(Tools, { range, choose: setRange, paused: Boolean(held), pause: () => setHeld(held ? null : series), save, link: linked, still }),
        el("button", { type: "button", className: "chart-whole", hidden: !state.zoomed, onClick: () => plots.current.whole() }, "Show all")),
      !empty && el("p", { className: "chart-said", role: "status" },
        state.unsaved || (held && `Paused at ${moment(held, held.times.length - 1)}: the chart stays as it is until you press Pause again.`)),
      el("div", { className: "chart-plots", role: "img", tabIndex: 0, onKeyDown: key, onBlur: () => { plots.current?.leave(); setState((before) => ({ ...before, early: false })); },
          "aria-label": "Replicas, CPU and memory over time. Arrow keys select a sample, + and - zoom, Escape shows all. The table below has the same data." },
        el("div", { ref: box, className: "chart-box" }),
        (empty || state.failed) && el("p", { className: "chart-empty" }, words),
        !empty && state.early && el("p", { className: "chart-early", role: "status" }, "The chart begins after that moment."),
        !empty && el(Pointed, { series, found, hidden, pointed: state, marks: more.marks, theme: drawn.theme })),
      !empty && el(Rows, { series, theme: drawn.theme, more }));
  }

  window.portal_components = Object.assign(window.portal_components ?? {}, { LiveChart });
  window.portalChart = { panels, columns, moments, numbers, ticks, held, marksAt, kinds, moment, unitOf, clock, date, COLOURS, MARKS, GLYPHS, STEPS, BOUNDS, VENDOR };
  window.dash_clientside = window.dash_clientside || {};
  const props = (series, more) => ({ series: gapped(series), theme: window.portalTheme.current(), more });
  window.dash_clientside.portal = Object.assign(window.dash_clientside.portal || {}, {
    chart(settled, tail, theme, long, marks) {
      const live = join(settled, tail);
      return props(long ? extended(long, live) : live, { ...marks, curves: [] });
    },
    autoscalingChart(settled, tail, theme, marks, replayed) {
      return props(join(settled, tail), { ...marks, curves: replayed?.curves ?? [] });
    },
  });
})();
