/* The live chart: what the autoscaler looks at above, what it does about it below. */
(function () {
  "use strict";
  const COLOURS = {
    light: { metric: ["#2f5fd0", "#8a3ffc"], target: "#8a5a00", ready: "#18794e", desired: "#c2410c",
      current: "#667085", band: "rgba(47,95,208,.08)", grid: "#e7eaf0", text: "#475467", hover: "#fff" },
    dark: { metric: ["#86a8ff", "#c79bff"], target: "#f5b94a", ready: "#4cc38a", desired: "#ff9b6a",
      current: "#98a2b3", band: "rgba(134,168,255,.12)", grid: "#2a313c", text: "#b4bcc8", hover: "#1d232d" },
  };

  function metrics(series, times, c) {
    return series.metrics.flatMap(([name, values, targets], index) => {
      const colour = c.metric[index % c.metric.length];
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

  function figure(series, theme) {
    const c = COLOURS[theme] || COLOURS.light;
    const times = series.times.map((each) => new Date(each));
    const measured = series.metrics.length > 0;
    const axis = { gridcolor: c.grid, zeroline: false, fixedrange: true, rangemode: "tozero",
      tickfont: { size: 11 } };
    const title = (text) => ({ text, font: { size: 11 }, standoff: 8 });
    const top = Math.max(1, ...series.desired, ...series.current, ...series.max_replicas.map((n) => n ?? 0));
    const empty = times.length < 2;
    if (empty) Object.assign(axis, { visible: false });
    return {
      data: [...metrics(series, times, c), ...replicas(series, times, c)],
      layout: {
        height: 380,
        margin: { l: 46, r: 12, t: 8, b: 28 },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: c.text, family: "inherit", size: 12 },
        hovermode: "x unified",
        hoverlabel: { bgcolor: c.hover, bordercolor: c.grid, font: { color: c.text, size: 12 } },
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 11 }, itemwidth: 24,
          traceorder: "normal" },
        uirevision: "app",
        transition: { duration: 0 },
        xaxis: { visible: !empty, gridcolor: c.grid, zeroline: false, anchor: "y2", tickfont: { size: 11 }, nticks: 7,
          hoverformat: "%H:%M:%S", ticklen: 6,
          tickformatstops: [{ dtickrange: [null, 59999], value: "%H:%M:%S" },
            { dtickrange: [60000, null], value: "%H:%M" }],
          ticks: "outside", tickcolor: "rgba(0,0,0,0)" },
        yaxis: { ...axis, domain: measured ? [0.52, 1] : [1, 1], title: title("% of request"),
          visible: measured && !empty },
        yaxis2: { ...axis, domain: measured ? [0, 0.42] : [0, 1], title: title("pods"),
          range: [0, top * 1.12], dtick: top <= 6 ? 1 : undefined },
        annotations: empty
          ? [{ text: "The first points arrive within half a minute", showarrow: false, xref: "paper",
              yref: "paper", x: 0.5, y: 0.5, font: { size: 13, color: c.text } }]
          : [],
      },
    };
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.portal = Object.assign(window.dash_clientside.portal || {}, {
    chart(series) {
      return figure(series, window.portalTheme.current());
    },
  });
})();
