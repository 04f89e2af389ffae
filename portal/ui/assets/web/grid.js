/* Cells of the grid of releases. Values are put in as text, never as markup. */
(function () {
  "use strict";
  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const el = (...args) => window.React.createElement(...args);
  const icon = (name) => el("i", { className: `icon icon-${name}`, "aria-hidden": true });

  /* Narrow: the name, the status and the pods are what fits. Wide: what else is a second line of
     another cell gets a column of its own, if the page (Admin) has one for it. */
  const narrow = window.matchMedia("(max-width: 720px)");
  const wide = window.matchMedia("(min-width: 1500px)");
  const KEPT = new Set(["name", "status", "pods"]);
  const UNFOLDED = new Set(["version", "revision", "by"]);
  const offered = (column) => !column.getColDef().hide;
  const apart = (api, field) => wide.matches && offered(api.getColumn(field));

  const two = (main, sub) =>
    el("div", { className: "cell-two" }, main, sub ? el("span", { className: "cell-sub" }, sub) : null);

  cells.PortalName = ({ data, api }) =>
    two(
      el("a", { href: data.path, className: "cell-name", title: data.name, "data-inside": "" }, data.name),
      !apart(api, "namespace") && data.namespace);

  /* The whole text is the title: the column may be too narrow for it. */
  cells.PortalWords = ({ value }) => el("span", { className: "cell-main", title: value }, value);

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

  cells.PortalChart = ({ data, api }) =>
    two(
      el("span", { className: "cell-main", title: data.chart }, data.chart || "–"),
      !apart(api, "version") && data.version && `app ${data.version}`);

  cells.PortalHelm = ({ data, api }) =>
    two(
      el("span", { className: "cell-main" }, data.helm),
      !apart(api, "revision") && data.revision && `revision ${data.revision}`);

  cells.PortalUpdated = ({ data, api }) =>
    two(
      data.updated
        ? el("time", { dateTime: data.updated, "data-time": data.updated, className: "age" })
        : el("span", { className: "quiet-text" }, "–"),
      !apart(api, "by") && data.by && `by ${data.by}`);

  /* "2/2" before "10/10": by the pods that are ready, then by those that are asked for. */
  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  const counts = (pods) => (pods ? pods.split("/").map(Number) : [-1, -1]);
  functions.portalPods = (one, other) => {
    const [ready, desired] = counts(one);
    const [otherReady, otherDesired] = counts(other);
    return ready - otherReady || desired - otherDesired;
  };

  async function fit() {
    if (!document.getElementById("releases") || !window.dash_ag_grid) return;
    const grid = await window.dash_ag_grid.getApiAsync("releases").catch(() => null);
    if (!grid || grid.isDestroyed()) return;
    const shown = (column) => {
      const id = column.getColId();
      if (KEPT.has(id)) return true;
      return offered(column) && !narrow.matches && (wide.matches || !UNFOLDED.has(id));
    };
    const columns = grid.getColumns();
    grid.setColumnsVisible(columns.filter((column) => !shown(column)), false);
    grid.setColumnsVisible(columns.filter(shown), true);
    grid.setColumnWidths([{ key: "pods", newWidth: narrow.matches ? 66 : 84 }]);
    grid.refreshCells({ force: true, columns: ["name", "chart", "helm", "updated"] });
  }

  let seen = null;
  new MutationObserver(() => {
    const grid = document.getElementById("releases");
    if (grid === seen) return;
    seen = grid;
    if (grid && !wide.matches) fit();
  }).observe(document.documentElement, { childList: true, subtree: true });
  narrow.addEventListener("change", fit);
  wide.addEventListener("change", fit);
})();
