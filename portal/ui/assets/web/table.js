/* The table of Apps and Admin, as a component of Dash: the server sends a page of rows as data.
   Values are inserted as text, never as markup; the server has checked the addresses. */
(function () {
  "use strict";
  const el = (...args) => window.React.createElement(...args);
  const icon = (name) => el("i", { className: `icon icon-${name}`, "aria-hidden": true });
  const none = () => el("span", { className: "quiet-text" }, "–");

  /* The whole text is the title: the column may be too narrow for it. */
  const words = (text) => el("span", { className: "cell-main", title: text }, text);

  /* A column's cell (Cell in viewmodels/columns.py), or only its text. */
  function main(cell, row, column) {
    if (column.opens_app)
      return el("a", { href: row.path, className: "cell-name", title: cell.text, "data-inside": "" }, cell.text);
    if (cell.href)
      return el("a", {
          href: cell.href, title: cell.href, className: "cell-url",
          target: "_blank", rel: "noopener noreferrer",
        },
        el("span", { className: "cell-main" }, cell.text), icon("open"));
    if (cell.severity)
      return el("span", { className: `badge-severity severity-${cell.severity}` }, icon(cell.severity), el("span", null, cell.text));
    if (cell.at)
      return el("time", { key: cell.at, dateTime: cell.at, "data-time": cell.at, className: "age" });
    return cell.text ? words(cell.text) : none();
  }

  const newer = (version) =>
    el("span", { className: "badge-severity severity-busy", title: `Chart version ${version} is available` },
      el("span", { className: "visually-hidden" }, "newer chart version: "), el("span", null, `↑ ${version}`));

  /* A text, or a list of texts of which every second is a time: page.js shows it in the browser's time zone. */
  const dated = (text) =>
    Array.isArray(text) ? text.map((part, at) => (at % 2 ? el("time", { key: part, "data-moment": part }, part) : part)) : text;

  /* The second line is not shown where the screen has room for a column of its own. */
  function second(cell, column, columns) {
    const apart = columns.find(({ name }) => name === column.below_in)?.from;
    const below = cell.below && el("span", { className: apart ? `cell-sub until-${apart}` : "cell-sub" }, dated(cell.below));
    return cell.newer ? el("div", { className: "cell-more" }, below, newer(cell.newer)) : below;
  }

  function draw(cell, row, column, columns) {
    if (typeof cell === "string") return cell ? words(cell) : none();
    if (cell.href) return main(cell, row, column);
    return el("div", { className: "cell-two", title: cell.title }, main(cell, row, column), second(cell, column, columns));
  }

  const place = ({ name, from }) => `col-${name}${from ? ` from-${from}` : ""}`;

  const heading = (column) =>
    el("th", {
        key: column.name, scope: "col", className: place(column), "aria-sort": column.sort || null,
        style: column.width ? { width: column.width } : null,
      },
      column.href ? el("a", { href: column.href, "data-inside": "" }, column.title) : column.title);

  const line = (row, columns) =>
    el("tr", { key: row.key, "data-testid": "release", "data-name": row.key },
      columns.map((column, at) =>
        el("td", { key: column.name, className: place(column) }, draw(row.cells[at], row, column, columns))));

  function Releases({ id, title, everyone, columns, rows }) {
    return el("table", { id, className: everyone ? "list everyone" : "list" },
      el("caption", { className: "visually-hidden" }, `${title}: releases`),
      el("thead", null, el("tr", null, columns.map(heading))),
      el("tbody", null, rows.map((row) => line(row, columns))));
  }

  window.portal_components = Object.assign(window.portal_components ?? {}, { Releases });
})();
