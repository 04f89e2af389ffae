"""The grid of releases that Apps and Admin share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_ag_grid as dag

from portal.ui import html, ids
from portal.ui.components.basics import Node, icon, link, safe_href, wildcards
from portal.ui.routes import app_path
from portal.viewmodels.model import ListView, ReleaseRow

ROW_HEIGHT = 56
HEAD_HEIGHT = 44

THEME = (
    "themeQuartz.withParams({"
    "backgroundColor: 'var(--portal-surface)', foregroundColor: 'var(--bs-body-color)',"
    "borderColor: 'var(--bs-border-color)', accentColor: 'var(--portal-accent)',"
    "headerBackgroundColor: 'var(--portal-surface)', headerTextColor: 'var(--portal-quiet)',"
    "headerFontWeight: 600, fontFamily: 'inherit', fontSize: 14, headerFontSize: 12.5,"
    "rowHoverColor: 'var(--portal-hover)', wrapperBorder: false, wrapperBorderRadius: 0,"
    "spacing: 8, cellHorizontalPadding: 14, headerColumnResizeHandleColor: 'transparent',"
    "iconColor: 'var(--portal-quiet)', browserColorScheme: 'inherit'})"
)


def rows(views: Sequence[ReleaseRow]) -> list[dict[str, Any]]:
    """Rows as the grid wants them."""
    return [_row(view) for view in views]


def _row(view: ReleaseRow) -> dict[str, Any]:
    return {
        "id": str(view.key),
        "name": view.key.name,
        "namespace": view.key.namespace,
        "path": app_path(view.key),
        "status": view.status.text,
        "tone": view.status.tone.value,
        "detail": view.status.detail,
        "problem": view.problem,
        "helm": view.helm_status,
        "pods": view.pods,
        "hpa": view.hpa,
        "url": safe_href(view.url),
        "chart": view.chart,
        "version": view.app_version,
        "revision": view.revision or None,
        "updated": view.updated_at.isoformat() if view.updated_at else "",
        "by": view.launched_by,
    }


def grid_style(count: int) -> dict[str, str]:
    """As tall as its rows, and no taller than the window leaves room for."""
    return {"height": f"min({count * ROW_HEIGHT + HEAD_HEIGHT + 2}px, max(20rem, 100dvh - 15rem))"}


def _columns(*, everyone: bool) -> list[dict[str, Any]]:
    """Column definitions. Screens that are not wide get fewer of them (see grid.js).

    Version, revision and who launched it are columns of Admin on wide screens; elsewhere they are
    second lines of other cells, and the hidden columns serve the search.
    """
    return [
        _column("name", "App", renderer="PortalName", minWidth=124, flex=2),
        _column("status", "Status", renderer="PortalStatus", minWidth=148, flex=2.2),
        _column("pods", "Pods", width=84, cellClass="num", comparator={"function": "portalPods"}),
        _column("hpa", "Autoscaler", renderer="PortalWords", minWidth=132, flex=1.2),
        _column("url", "Address", renderer="PortalUrl", minWidth=160, flex=2),
        _column("namespace", "Namespace", minWidth=124, flex=1, hide=not everyone),
        _column("chart", "Chart", renderer="PortalChart", minWidth=144, flex=1.2),
        _column("version", "Version", renderer="PortalWords", width=88, hide=not everyone),
        _column("helm", "Helm", renderer="PortalHelm", minWidth=106, flex=1),
        _column("revision", "Revision", width=92, cellClass="num", hide=not everyone),
        _column("updated", "Updated", renderer="PortalUpdated", minWidth=108, flex=1),
        _column(
            "by", "Launched by", renderer="PortalWords", minWidth=120, flex=1, hide=not everyone
        ),
    ]


def _column(field: str, title: str, *, renderer: str = "", **options: Any) -> dict[str, Any]:
    column: dict[str, Any] = {"field": field, "headerName": title, **options}
    return {**column, "cellRenderer": renderer} if renderer else column


def grid(view: ListView, *, everyone: bool) -> dag.AgGrid:
    """The grid: sorts and filters in the browser, and keeps both when rows change."""
    return dag.AgGrid(
        id=ids.RELEASES,
        rowData=rows(view.rows),
        style=grid_style(len(view.rows)),
        columnDefs=_columns(everyone=everyone),
        defaultColDef={
            "sortable": True,
            "filter": True,
            "resizable": True,
            "suppressHeaderMenuButton": False,
        },
        getRowId="params.data.id",
        className="portal-grid",
        dashGridOptions={
            "theme": {"function": THEME},
            "rowHeight": ROW_HEIGHT,
            "headerHeight": HEAD_HEIGHT,
            "animateRows": False,
            "suppressCellFocus": False,
            "enableCellTextSelection": True,
            "suppressDragLeaveHidesColumns": True,
            "suppressColumnVirtualisation": True,
            "suppressNoRowsOverlay": True,
            "includeHiddenColumnsInQuickFilter": True,
        },
    )


def empty(view: ListView, *, everyone: bool) -> Node:
    """What to say while there is nothing to list."""
    if view.rows:
        return None
    if view.loading:
        return html.Div(
            [
                html.Span(className="spinner-border", **wildcards({"aria-hidden": "true"})),
                html.H2("Reading the cluster"),
                html.P("The first list of releases is on its way."),
            ],
            className="empty",
            role="status",
        )
    if everyone:
        return html.Div(
            [
                icon("boxes"),
                html.H2("No releases anywhere"),
                html.P("Whatever Helm installs in this cluster shows up here by itself."),
            ],
            className="empty",
        )
    return html.Div(
        [
            icon("launch"),
            html.H2("Nothing launched yet"),
            html.P("Pick an image, say how many pods it may have, and watch it come up."),
            link([icon("launch"), "Launch an app"], "/launch", "btn btn-primary"),
        ],
        className="empty",
        **wildcards({"data-testid": "empty-launch"}),
    )
