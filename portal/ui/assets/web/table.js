/* The table of Apps and Admin, as a component of Dash: the server sends a page of rows as data.
   Values are put in as text, never as markup; addresses have been checked by the server. */
(function () {
  "use strict";
  const el = (...args) => window.React.createElement(...args);
  const icon = (name) => el("i", { className: `icon icon-${name}`, "aria-hidden": true });
  const none = () => el("span", { className: "quiet-text" }, "–");

  /* The whole text is the title: the column may be too narrow for it. */
  const words = (text) => (text ? el("span", { className: "cell-main", title: text }, text) : none());

  /* Two lines; the second is not shown where a column of its own is. */
  const two = (main, sub, apart) =>
    el("div", { className: "cell-two" }, main,
      sub ? el("span", { className: apart ? `cell-sub un-${apart}` : "cell-sub" }, sub) : null);

  const newer = (row) =>
    el("span", { className: "badge-tone tone-busy", title: `Version ${row.newer} of its chart is available` },
      el("span", { className: "visually-hidden" }, "newer: "), el("span", null, `↑ ${row.newer}`));

  const CELLS = {
    name: (row) =>
      two(el("a", { href: row.path, className: "cell-name", title: row.name, "data-inside": "" }, row.name),
        row.namespace, "namespace"),
    status: (row) =>
      el("div", { className: "cell-two", title: row.problem || row.detail },
        el("span", { className: `badge-tone tone-${row.tone}` }, icon(row.tone), el("span", null, row.status)),
        row.problem ? el("span", { className: "cell-sub" }, row.problem) : null),
    pods: (row) => row.pods || none(),
    address: (row) =>
      row.address
        ? el("a", {
              href: row.address, title: row.address, className: "cell-url",
              target: "_blank", rel: "noopener noreferrer",
            },
            el("span", { className: "cell-main" }, row.address.replace(/^https?:\/\//, "").replace(/\/$/, "")),
            icon("open"))
        : none(),
    chart: (row) =>
      el("div", { className: "cell-two" }, words(row.chart),
        el("div", { className: "cell-more" },
          row.version ? el("span", { className: "cell-sub un-version" }, `app ${row.version}`) : null,
          row.newer ? newer(row) : null)),
    helm: (row) => two(words(row.helm), row.revision && `revision ${row.revision}`, "revision"),
    revision: (row) => row.revision || none(),
    updated: (row) =>
      two(row.updated
          ? el("time", { key: row.updated, dateTime: row.updated, "data-time": row.updated, className: "age" })
          : none(),
        row.owner && `by ${row.owner}`, "owner"),
  };

  const heading = ({ name, title, href, sort }) =>
    el("th", { key: name, scope: "col", className: `col-${name}`, "aria-sort": sort || null },
      href ? el("a", { href, "data-inside": "" }, title) : title);

  const line = (row, columns) =>
    el("tr", { key: row.key, "data-testid": "release", "data-name": row.key },
      columns.map(({ name }) =>
        el("td", { key: name, className: `col-${name}` }, (CELLS[name] ?? ((each) => words(each[name])))(row))));

  function Releases({ id, title, everyone, columns, rows }) {
    return el("table", { id, className: everyone ? "list everyone" : "list" },
      el("caption", { className: "visually-hidden" }, `${title}: releases`),
      el("thead", null, el("tr", null, columns.map(heading))),
      el("tbody", null, rows.map((row) => line(row, columns))));
  }

  window.portal_components = Object.assign(window.portal_components ?? {}, { Releases });
})();
