"""The live parts of Apps and Admin: properties of components, made from the view, by id."""

from __future__ import annotations

from collections.abc import Mapping

from portal.ui import ids
from portal.ui.apps import table
from portal.ui.components.basics import stale_notice
from portal.ui.encoding import Part, Props
from portal.viewmodels.columns import shown
from portal.viewmodels.listing import ListView


def _list_parts(everyone: bool) -> Mapping[str, Part[ListView]]:
    parts: dict[str, Part[ListView]] = {
        ids.RELEASES_PANEL: lambda view: {"className": table.panel_class(view)},
        ids.RELEASES_SUMMARY: lambda view: {"children": view.summary},
        ids.RELEASES_STALE: lambda view: {"content": stale_notice(view.stale)},
        ids.RELEASES_NAMESPACE: lambda view: {
            "options": table.options(view.namespaces, "All namespaces"),
            "value": view.query.namespace or table.ANY,
        },
        ids.RELEASES_STATUSES: lambda view: {"content": table.statuses(view, everyone=everyone)},
        ids.RELEASES: lambda view: {
            "columns": table.head(shown(everyone), view.query, table.path_of(everyone)),
            "rows": table.rows(view.rows, view.measured, everyone=everyone),
        },
        ids.RELEASES_EMPTY: lambda view: {"content": table.empty(view, everyone=everyone)},
        ids.RELEASES_PAGES: lambda view: {"content": table.pages(view, table.path_of(everyone))},
    }
    if everyone:
        parts[ids.RELEASES_OWNER] = lambda view: {
            "options": table.options(view.owners, "Any owner"),
            "value": view.query.owner or table.ANY,
        }
    return parts


LIST_PARTS = {everyone: _list_parts(everyone) for everyone in (False, True)}
"""The live parts of Apps (False) and Admin (True)."""


def list_patches(view: ListView, *, everyone: bool) -> Props:
    """The properties of the live parts, for the first rendering."""
    return {id: part(view) for id, part in LIST_PARTS[everyone].items()}
