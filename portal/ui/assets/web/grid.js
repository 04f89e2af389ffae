/* Cells of the grid of releases. Values are put in as text, never as markup. */
(function () {
  "use strict";
  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const el = (...args) => window.React.createElement(...args);
  const icon = (name) => el("i", { className: `icon icon-${name}`, "aria-hidden": true });

  cells.PortalName = ({ data }) =>
    el("div", { className: "cell-two" },
      el("a", { href: data.path, className: "cell-name", "data-inside": "" }, data.name),
      el("span", { className: "cell-sub" }, data.namespace));

  cells.PortalStatus = ({ data }) =>
    el("div", { className: "cell-two", title: data.problem || data.detail },
      el("span", { className: `badge-tone tone-${data.tone}` }, icon(data.tone),
        el("span", null, data.status)),
      data.problem ? el("span", { className: "cell-sub" }, data.problem) : null);

  cells.PortalUrl = ({ data }) =>
    data.url
      ? el("a", { href: data.url, target: "_blank", rel: "noopener noreferrer", className: "cell-url" },
          data.url.replace(/^https?:\/\//, "").replace(/\/$/, ""), " ", icon("open"))
      : el("span", { className: "quiet-text" }, "–");

  const two = (main, sub) =>
    el("div", { className: "cell-two" }, main, sub ? el("span", { className: "cell-sub" }, sub) : null);

  cells.PortalChart = ({ data }) =>
    two(el("span", { className: "cell-main" }, data.chart || "–"), data.version && `app ${data.version}`);

  cells.PortalHelm = ({ data }) =>
    two(el("span", { className: "cell-main" }, data.helm), data.revision && `revision ${data.revision}`);

  cells.PortalUpdated = ({ data }) =>
    two(
      data.updated
        ? el("time", { dateTime: data.updated, "data-time": data.updated, className: "age" })
        : el("span", { className: "quiet-text" }, "–"),
      data.by && `by ${data.by}`);

  /* On a narrow screen the name, the status and the pods are what fits. */
  const narrow = window.matchMedia("(max-width: 720px)");
  const KEPT = new Set(["name", "status", "pods"]);

  async function fit() {
    if (!document.getElementById("releases") || !window.dash_ag_grid) return;
    const grid = await window.dash_ag_grid.getApiAsync("releases").catch(() => null);
    if (!grid || grid.isDestroyed()) return;
    const extra = grid.getColumns().filter((column) => !KEPT.has(column.getColId()));
    const wide = extra.filter((column) => !column.getColDef().hide);
    grid.setColumnsVisible(narrow.matches ? extra : wide, !narrow.matches);
    grid.setColumnWidths([{ key: "pods", newWidth: narrow.matches ? 66 : 84 }]);
  }

  let seen = null;
  new MutationObserver(() => {
    const grid = document.getElementById("releases");
    if (grid === seen) return;
    seen = grid;
    if (grid && narrow.matches) fit();
  }).observe(document.documentElement, { childList: true, subtree: true });
  narrow.addEventListener("change", fit);
})();
