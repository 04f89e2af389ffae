/* The live chart: what the autoscaler looks at, what it does about it, and what all pods use. */
(function () {
  "use strict";
  const COLOURS = {
    light: { metric: ["#2f5fd0", "#8a3ffc"], target: "#8a5a00", ready: "#18794e", desired: "#c2410c",
      current: "#667085", band: "rgba(47,95,208,.08)", grid: "#e7eaf0", text: "#475467", hover: "#fff" },
    dark: { metric: ["#86a8ff", "#c79bff"], target: "#f5b94a", ready: "#4cc38a", desired: "#ff9b6a",
      current: "#98a2b3", band: "rgba(134,168,255,.12)", grid: "#2a313c", text: "#b4bcc8", hover: "#1d232d" },
  };

  /* What is settled seldom changes; what came since then follows it. One of them may arrive before
     the other, so nothing is taken twice. */
  function join(settled, tail) {
    const end = settled.times.length ? settled.times[settled.times.length - 1] : -Infinity;
    const later = tail.times.filter((time) => time > end).length;
    const rest = (column) => column.slice(column.length - later);
    const joined = { metrics: [] };
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

  function metrics(series, times, c) {
    return series.metrics.flatMap(([name, values, targets], index) => {
      const colour = c.metric[["CPU", "Memory"].indexOf(name)] || c.metric[index % c.metric.length];
      const base = { x: times, yaxis: "y", mode: "lines" };
      return [
        { ...base, y: values, name, line: { color: colour, width: 2.25 }, connectgaps: false,
          hovertemplate: "%{y:.0f} %" },
        { ...base, y: targets, name: `${name} target`,
          line: { color: colour, width: 1.25, dash: "dash", shape: "hv" }, hovertemplate: "%{y:.0f} %" },
      ];
    });
  }

  function replicas(series, times, c) {
    const base = { x: times, yaxis: "y2", mode: "lines" };
    const step = (color, width, dash) => ({ color, width, dash, shape: "hv" });
    const band = series.min_replicas.some((n) => n !== null)
      ? [
          { ...base, y: series.min_replicas, line: step(c.band, 0), hoverinfo: "skip", showlegend: false },
          { ...base, y: series.max_replicas, name: "allowed", line: step(c.band, 0), fill: "tonexty",
            fillcolor: c.band, hoverinfo: "skip" },
        ]
      : [];
    return [
      ...band,
      { ...base, y: series.current, name: "current", line: step(c.current, 1.5), hovertemplate: "%{y}" },
      { ...base, y: series.desired, name: "desired", line: step(c.desired, 2, "dot"), hovertemplate: "%{y}" },
      { ...base, y: series.ready, name: "ready", line: step(c.ready, 2.5), hovertemplate: "%{y}" },
    ];
  }

  /* Cores on the left, memory on the right: the axes' titles are their legend. */
  function usage(series, times, c) {
    const base = { x: times, mode: "lines", connectgaps: false, showlegend: false };
    const line = (color) => ({ color, width: 1.75 });
    return [
      { ...base, y: series.cpu, yaxis: "y3", name: "CPU used", line: line(c.metric[0]),
        hovertemplate: "%{y:.3~f} cores" },
      { ...base, y: series.memory, yaxis: "y4", name: "memory used", line: line(c.metric[1]),
        hovertemplate: "%{y:,.0f} MiB" },
    ];
  }

  /* Heights of the plots, from above; none for one that has nothing to show. */
  function domains(measured, used) {
    if (measured && used) return [[0.69, 1], [0.345, 0.61], [0, 0.265]];
    if (measured) return [[0.52, 1], [0, 0.42], null];
    return used ? [null, [0.52, 1], [0, 0.42]] : [null, [0, 1], null];
  }

  function figure(series, theme) {
    const c = COLOURS[theme] || COLOURS.light;
    const times = series.times.map((each) => new Date(each * 1000));
    const measured = series.metrics.length > 0;
    const used = series.cpu.some((each) => each !== null);
    const [ofMetrics, ofPods, ofUsage] = domains(measured, used);
    const axis = { gridcolor: c.grid, zeroline: false, fixedrange: true, rangemode: "tozero",
      tickfont: { size: 11 } };
    const title = (text, color = c.text) => ({ text, font: { size: 11, color }, standoff: 8 });
    const top = Math.max(1, ...series.desired, ...series.current, ...series.max_replicas.map((n) => n ?? 0));
    const empty = times.length < 2;
    if (empty) Object.assign(axis, { visible: false });
    return {
      data: [...metrics(series, times, c), ...replicas(series, times, c), ...(used ? usage(series, times, c) : [])],
      layout: {
        height: 460,
        margin: { l: 46, r: used ? 52 : 12, t: 8, b: 28 },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: c.text, family: "inherit", size: 12 },
        hovermode: "x unified",
        hoverlabel: { bgcolor: c.hover, bordercolor: c.grid, font: { color: c.text, size: 12 } },
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 11 }, itemwidth: 24,
          traceorder: "normal" },
        uirevision: "app",
        xaxis: { visible: !empty, gridcolor: c.grid, zeroline: false, anchor: ofUsage ? "y3" : "y2", tickfont: { size: 11 }, nticks: 7,
          hoverformat: "%H:%M:%S", ticklen: 6,
          tickformatstops: [{ dtickrange: [null, 59999], value: "%H:%M:%S" },
            { dtickrange: [60000, null], value: "%H:%M" }],
          ticks: "outside", tickcolor: "rgba(0,0,0,0)" },
        yaxis: { ...axis, domain: ofMetrics || [1, 1], title: title("% of request"),
          visible: measured && !empty },
        yaxis2: { ...axis, domain: ofPods, title: title("pods"),
          range: [0, top * 1.12], dtick: top <= 6 ? 1 : undefined },
        yaxis3: { ...axis, domain: ofUsage || [0, 0], title: title("cores", c.metric[0]), nticks: 4,
          visible: used && !empty },
        yaxis4: { ...axis, overlaying: "y3", side: "right", showgrid: false, tickmode: "auto",
          nticks: 4, ticks: "outside", ticklen: 4, tickcolor: "rgba(0,0,0,0)",
          title: title("MiB", c.metric[1]), visible: used && !empty },
        annotations: empty
          ? [{ text: "The first points arrive within half a minute", showarrow: false, xref: "paper",
              yref: "paper", x: 0.5, y: 0.5, font: { size: 13, color: c.text } }]
          : [],
      },
    };
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.portal = Object.assign(window.dash_clientside.portal || {}, {
    chart(settled, tail) {
      return figure(join(settled, tail), window.portalTheme.current());
    },
  });
})();
