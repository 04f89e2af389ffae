/* What can be taken away of a chart: its samples as CSV or Parquet, the chart itself as SVG or PNG. */
(function () {
  "use strict";
  const WIDTH = 1200;
  const HEIGHT = 560; // of the plots, of which each gets its share
  const LEFT = 64;
  const RIGHT = 64;
  const LETTER = 6.4; // a letter's usual width, at 12 px
  const chart = () => window.portalChart;

  /* ---- samples ---- */

  /* The columns of all samples: a name, Parquet's type, and the values; null where there is none. */
  function table(series, more = {}) {
    const { held, markAt, unitOf } = chart();
    const numbers = (type) => ([name, values]) => [name, type, values];
    const named = (name) => [name, unitOf(series, name) === "% of request" ? " percent" : ""];
    return [
      ["time", "TIMESTAMP", series.times.map((time) => new Date(time * 1000))],
      ...["desired", "current", "ready", "min_replicas", "max_replicas"].map((name) => [name, series[name]]).map(numbers("INT32")),
      ...[["cpu_cores", series.cpu], ["memory_mib", series.memory]].map(numbers("DOUBLE")),
      ...series.metrics.flatMap(([name, values, targets]) => {
        const [of, unit] = named(name);
        return [[`${of}${unit}`, values], [`${of} target${unit}`, targets]];
      }).map(numbers("DOUBLE")),
      ...(more.curves ?? []).map((curve) => [curve.name, held(curve, series.times)]).map(numbers("INT32")),
      ["decision", "STRING", series.times.map((_, at) => markAt(series.times, more.marks, at)?.[1] ?? null)],
    ];
  }

  /* Comma-separated values: numbers without units, times as ISO 8601. */
  function csv(series, more) {
    const columns = table(series, more);
    const text = (value) => (value == null ? "" : value instanceof Date ? value.toISOString() : String(value));
    const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
    const rows = [columns.map(([name]) => name), ...series.times.map((_, at) => columns.map(([, , values]) => text(values[at])))];
    return rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
  }

  const parquet = (series, more) =>
    window.parquetWriter.parquetWriteBuffer({
      columnData: table(series, more).map(([name, type, data]) => ({ name, type, nullable: true, data: data.map((each) => each ?? null) })),
    });

  /* ---- the drawing ---- */

  const escaped = (text) => String(text).replace(/[&<>"]/g, (each) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[each]);
  const short = (number) => String(+number.toFixed(2));

  const tag = (name, attributes, ...inside) =>
    `<${name}${Object.entries(attributes).filter(([, value]) => value != null).map(([key, value]) => ` ${key}="${escaped(value)}"`).join("")}>` +
    `${inside.join("")}</${name}>`;
  const text = (x, y, words, more = {}) => tag("text", { x: short(x), y: short(y), ...more }, escaped(words));

  /* About ``count`` round numbers up to ``top``. */
  function steps(top, count, least = 0) {
    const step = chart().STEPS.find((each) => each >= least && top / each <= count) ?? top / count;
    return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, at) => +(at * step).toPrecision(6));
  }

  const TIMES = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

  /* The path of values, broken where there is none; ``step`` holds each until the next. */
  function path(times, values, x, y, step) {
    let before = null;
    return times.map((time, at) => {
      if (values[at] == null) return (before = null), "";
      const [along, up] = [short(x(time)), short(y(values[at]))];
      const drawn = before === null ? `M${along} ${up}` : step ? `H${along}V${up}` : `L${along} ${up}`;
      before = up;
      return drawn;
    }).join("");
  }

  /* The area between two edges, for each run of samples that has both. */
  function area(times, least, most, x, y) {
    const runs = [];
    times.forEach((_, at) => {
      if (least[at] == null || most[at] == null) return runs.push([]);
      if (!runs.length) runs.push([]);
      runs.at(-1).push(at);
    });
    return runs.filter((run) => run.length > 1).map((run) => {
      const edge = (values, order) => order.map((at) => `${short(x(times[at]))} ${short(y(values[at]))}`).join("L");
      return `M${edge(most, run)}L${edge(least, [...run].reverse())}Z`;
    }).join("");
  }

  /* The key of lines and bands: as many in a row as there is room for. */
  function legend(found, c, top) {
    let [x, y] = [LEFT, top];
    const entries = found.flatMap(({ bands, lines }) => [...bands.map((each) => [each, true]), ...lines.map((each) => [each, false])]);
    const drawn = entries.map(([each, filled]) => {
      const room = 30 + each.name.length * LETTER + 14;
      if (x + room > WIDTH - RIGHT) [x, y] = [LEFT, y + 20];
      const swatch = filled
        ? tag("rect", { x, y: y - 9, width: 22, height: 10, fill: each.colour })
        : tag("line", { x1: x, x2: x + 22, y1: y - 4, y2: y - 4, stroke: each.colour, "stroke-width": each.width, "stroke-dasharray": each.dash?.join(" ") });
      const said = swatch + text(x + 28, y, each.name, { fill: c.text });
      x += room;
      return said;
    });
    return [drawn.join(""), y + 16];
  }

  function panel(each, times, within, top, height, c, x, more) {
    const values = (scale) => [
      ...each.lines.filter((line) => (line.scale ?? "y") === scale).flatMap((line) => line.values.filter((_, at) => within[at])),
      ...(scale === "y" ? each.bands.flatMap(({ most }) => most.filter((_, at) => within[at])) : []),
    ].filter((value) => value != null);
    const pods = each.title === "pods";
    const scaled = (scale) => {
      const most = Math.max(pods ? 1 : 1e-3, ...values(scale)) * 1.12;
      return [most, (value) => top + height - (value / most) * height];
    };
    const [most, y] = scaled("y");
    const grid = steps(most, 4, pods ? 1 : 0).map((value) =>
      tag("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: short(y(value)), y2: short(y(value)), stroke: c.grid }) +
      text(LEFT - 6, y(value) + 4, value, { fill: c.text, "text-anchor": "end" }));
    const named = text(16, top + height / 2, each.title, { fill: c.text, "text-anchor": "middle", transform: `rotate(-90 16 ${short(top + height / 2)})` });
    let right = "";
    let other = y;
    if (each.right && values("right").length) {
      const [highest, up] = scaled("right");
      other = up;
      right = steps(highest, 4).map((value) => text(WIDTH - RIGHT + 6, up(value) + 4, value.toLocaleString(), { fill: each.lines[1].colour })).join("") +
        text(WIDTH - 12, top + height / 2, each.right, { fill: each.lines[1].colour, "text-anchor": "middle", transform: `rotate(90 ${WIDTH - 12} ${short(top + height / 2)})` });
    }
    const bands = each.bands.map((band) => tag("path", { d: area(times, band.least, band.most, x, y), fill: band.colour }));
    const lines = each.lines.map((line) => tag("path", {
      d: path(times, line.values, x, line.scale ? other : y, line.step), fill: "none", stroke: line.colour,
      "stroke-width": line.width, "stroke-dasharray": line.dash?.length ? line.dash.join(" ") : null, "stroke-linejoin": "round" }));
    const [first, last] = [x.from, x.to];
    const marks = pods ? (more.marks ?? []).filter(([time]) => time >= first && time <= last).map(([time, words]) => {
      const at = x(time);
      return tag("path", { d: `M${short(at)} ${short(top + height - 10)}l-5 10h10Z`, fill: c.text }, tag("title", {}, escaped(words)));
    }) : [];
    return grid.join("") + named + right + tag("g", { "clip-path": "url(#plot)" }, ...bands, ...lines, ...marks);
  }

  /* The chart as it is shown, as SVG: hidden lines are left out, and a zoom is kept. */
  function svg(series, theme, more = {}) {
    const { panels, clock, date, COLOURS } = chart();
    const c = COLOURS[theme] ?? COLOURS.light;
    const hidden = more.hidden ?? new Set();
    const seen = (each) => !hidden.has(each.name);
    const found = panels(series, theme, more)
      .map((each) => ({ ...each, lines: each.lines.filter(seen), bands: each.bands.filter(seen) }))
      .filter(({ lines, bands }) => lines.length || bands.length);
    const { times } = series;
    const [from, to] = more.shown ?? [times[0], times.at(-1)];
    const x = Object.assign((time) => LEFT + ((time - from) / Math.max(1, to - from)) * (WIDTH - LEFT - RIGHT), { from, to });
    const within = times.map((time) => time >= from && time <= to);
    const ends = [from, to].map((time) => `${date(time)}, ${clock(time, true)}`).join(" to ");
    const [key, begin] = legend(found, c, 72);
    let top = begin;
    const drawn = found.map((each) => {
      const height = Math.round(HEIGHT * each.share);
      const made = panel(each, times, within, top, height - 16, c, x, more);
      top += height;
      return made;
    });
    const step = TIMES.find((each) => (to - from) / each <= 8) ?? TIMES.at(-1);
    const offset = new Date(from * 1000).getTimezoneOffset() * 60;
    const ticks = [];
    for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step)
      ticks.push(text(x(at), top, step >= 86400 ? date(at) : clock(at, step < 60), { fill: c.text, "text-anchor": "middle" }));
    const height = top + 16;
    return `<?xml version="1.0" encoding="UTF-8"?>\n` + tag("svg",
      { xmlns: "http://www.w3.org/2000/svg", width: WIDTH, height, viewBox: `0 0 ${WIDTH} ${height}`, role: "img",
        "font-family": "system-ui, sans-serif", "font-size": 12 },
      tag("title", {}, escaped(more.title ?? "")),
      tag("clipPath", { id: "plot" }, tag("rect", { x: LEFT, y: 0, width: WIDTH - LEFT - RIGHT, height })),
      tag("rect", { width: WIDTH, height, fill: c.surface }),
      text(LEFT, 26, more.title ?? "", { fill: c.text, "font-size": 16, "font-weight": 600 }),
      text(LEFT, 46, ends, { fill: c.text }), key, ...drawn, ...ticks) + "\n";
  }

  /* The drawing as a picture, twice as large for sharp letters. */
  function png(drawing) {
    return new Promise((resolve, reject) => {
      const address = URL.createObjectURL(new Blob([drawing], { type: "image/svg+xml" }));
      const image = new Image();
      image.onload = () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 2 * image.width, height: 2 * image.height });
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        URL.revokeObjectURL(address);
        canvas.toBlob((made) => (made ? resolve(made) : reject(new Error("no picture"))), "image/png");
      };
      image.onerror = () => { URL.revokeObjectURL(address); reject(new Error("the drawing cannot be read")); };
      image.src = address;
    });
  }

  /* ---- files ---- */

  let writer = null;
  function loadWriter() {
    writer ??= new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: new URL("parquet-writer.min.js", chart().VENDOR) });
      script.onload = resolve;
      script.onerror = () => {
        writer = null; // the next press tries again
        reject(new Error("the library could not be loaded"));
      };
      document.head.append(script);
    });
    return writer;
  }

  /* "Autoscaling-of-demo-20261130-004512Z": the page and the newest sample. */
  function named(title, last) {
    const time = new Date(last * 1000).toISOString().replace(/[-:]|\.\d+/g, "").replace("T", "-");
    return `${title.replaceAll(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "") || "chart"}-${time}`;
  }

  function download(name, content, type) {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([content], { type })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const FORMS = {
    CSV: async (series, theme, more) => [csv(series, more), "text/csv"],
    Parquet: async (series, theme, more) => { await loadWriter(); return [parquet(series, more), "application/vnd.apache.parquet"]; },
    SVG: async (series, theme, more) => [svg(series, theme, more), "image/svg+xml"],
    PNG: async (series, theme, more) => [await png(svg(series, theme, more)), "image/png"],
  };

  /* Save in one of these forms; reject if that cannot be. */
  async function save(form, series, theme, more) {
    const title = document.title.split(" · ")[0];
    const [content, type] = await FORMS[form](series, theme, { ...more, title });
    download(`${named(title, series.times.at(-1))}.${form.toLowerCase()}`, content, type);
  }

  window.portalChartFiles = { table, csv, parquet, svg, named, download, save };
})();
