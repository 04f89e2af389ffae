"""What is pushed to browsers: for each topic, the properties of components by id.

Every topic gives the same ids each time, and the layouts use the same functions, so that the
first paint and every later push agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import fields

from portal.domain.permissions import Permission, Scope
from portal.live.channel import View
from portal.live.hub import Open
from portal.live.topics import ADMIN, APPS, app_key, list_query, list_topic
from portal.ui import html, ids
from portal.ui.components import pods, release, releases, replicas
from portal.ui.components.basics import code_block, stale_notice, wildcards
from portal.ui.context import UiContext
from portal.ui.encoding import Encoder, Part, Props
from portal.ui.routes import edit_path
from portal.viewmodels.listing import ListView
from portal.viewmodels.model import AppView, ScaleView, SeriesView
from portal.viewmodels.query import ListQuery
from portal.viewmodels.series import series_view


def opener(context: UiContext) -> Open:
    """Makes the views that the hub shows."""

    def open_view(topic: str, scope: Scope) -> View:
        key = app_key(topic)
        if key is not None:
            encode_app = Encoder(APP_PARTS)
            return lambda: encode_app(context.app_view(scope, key))
        which, asked = list_query(topic) or (APPS, "")
        everyone, query = which == ADMIN, ListQuery.parse(asked)
        encode_list = Encoder(LIST_PARTS[everyone])
        return lambda: encode_list(context.list_view(scope, query))

    return open_view


def spelled(topic: str) -> str:
    """The one spelling of a topic: what is unknown in a list's query, or not needed, left out."""
    found = list_query(topic)
    return topic if found is None else list_topic(found[0], ListQuery.parse(found[1]).encode())


def _data(view: ScaleView | SeriesView) -> dict[str, Any]:
    """A flat view as a dictionary; unlike ``asdict`` it copies no columns."""
    return {field.name: getattr(view, field.name) for field in fields(view)}


def _shown(view: AppView) -> bool:
    running = view.operation is not None and view.operation.running
    return view.exists or running or bool(view.pods)


def _lost(view: AppView) -> bool:
    return not _shown(view) and release.failed(view.operation)


def _buttons(view: AppView) -> str:
    offered = _shown(view) and Permission.UPGRADE in view.permissions
    return "head-buttons" if offered else "gone"


def _private(view: AppView, permission: Permission) -> str:
    return "" if permission in view.permissions else "gone"


def _values(view: AppView) -> dict[str, Any]:
    title = "User-supplied values"
    if Permission.READ_VALUES not in view.permissions:
        return {"content": html.P("Who may change the app sees them.", className="words")}
    shown = code_block("app-values-text", str(view.values), "the values", title=title)
    if Permission.UPGRADE not in view.permissions:
        return {"content": shown}
    edit = html.A("Edit", href=edit_path(view.key), **wildcards({"data-inside": ""}))
    hint = ["To launch another app from these values: ", edit, ", then save them as a file."]
    return {"content": [shown, html.P(hint, className="form-text")]}


APP_PARTS: Mapping[str, Part[AppView]] = {
    ids.APP_HEADER: lambda view: {"content": release.header(view)},
    ids.APP_URLS: lambda view: {"content": release.urls(view.urls, view.key)},
    ids.VERSION_WORDS: lambda view: {"content": release.version_words(view.version)},
    ids.VERSION_OPEN: lambda view: {"children": release.version_button(view.version)},
    ids.VERSION_LINE: lambda view: {
        "className": release.version_class(
            view.version,
            changes=Permission.READ_VERSIONS in view.permissions and _buttons(view) != "gone",
        )
    },
    ids.APP_STALE: lambda view: {"content": stale_notice(view.stale)},
    ids.APP_OPERATION: lambda view: {"content": release.operation(view.operation)},
    ids.APP_NOTICES: lambda view: {"content": release.notices(view.notices)},
    ids.APP_REPLICAS: lambda view: {"content": replicas.replicas(view.replicas)},
    ids.APP_AUTOSCALER: lambda view: {"content": replicas.autoscaler(view.autoscaler)},
    ids.APP_PODS: lambda view: {"content": pods.pods(view.pods, view.key, view.more_pods)},
    ids.APP_EVENTS: lambda view: {"content": pods.events(view.events)},
    ids.APP_NOTES: lambda view: {
        "content": release.notes(
            view.notes, withheld=Permission.READ_VALUES not in view.permissions
        )
    },
    ids.APP_MANIFEST: lambda view: {"className": _private(view, Permission.READ_MANIFEST)},
    ids.APP_HISTORY: lambda view: {"className": _private(view, Permission.READ_HISTORY)},
    ids.APP_SHARING: lambda view: {"content": release.sharing(view)},
    ids.APP_SHARED: lambda view: {"className": _private(view, Permission.SHARE)},
    ids.APP_VALUES: _values,
    ids.APP_REVISION: lambda view: {"data": f"{view.revision} {view.helm_status.text}"},
    ids.APP_SERIES: lambda view: {"data": _data(series_view(view.settled))},
    ids.APP_SERIES_TAIL: lambda view: {"data": _data(series_view(view.unsettled))},
    ids.SCALE_LIVE: lambda view: {"data": _data(view.scale)},
    ids.APP_BODY: lambda view: {"className": "" if _shown(view) else "gone"},
    ids.APP_BUTTONS: lambda view: {"className": _buttons(view)},
    ids.APP_GONE: lambda view: {
        "content": None if _shown(view) or _lost(view) else release.gone(view.key)
    },
    ids.APP_RETRY: lambda view: {
        "className": "button-row"
        if _lost(view) and Permission.DISMISS in view.permissions
        else "gone"
    },
    ids.APP_CANCELLING: lambda view: {
        "className": "button-row" if view.operation and view.operation.cancellable else "gone"
    },
    ids.APP_UNLOCKING: lambda view: {"className": "button-row" if view.unlock else "gone"},
}
"""The live parts of an app's page."""


def _list_parts(everyone: bool) -> Mapping[str, Part[ListView]]:
    parts: dict[str, Part[ListView]] = {
        ids.RELEASES_PANEL: lambda view: {"className": releases.panel_class(view)},
        ids.RELEASES_SUMMARY: lambda view: {"children": view.summary},
        ids.RELEASES_STALE: lambda view: {"content": stale_notice(view.stale)},
        ids.RELEASES_NAMESPACE: lambda view: {
            "options": releases.options(view.namespaces, "All namespaces"),
            "value": view.query.namespace or releases.ANY,
        },
        ids.RELEASES_STATUSES: lambda view: {"content": releases.statuses(view, everyone=everyone)},
        ids.RELEASES: lambda view: {
            "columns": releases.head(view.query, everyone=everyone),
            "rows": releases.rows(view.rows, view.measured, everyone=everyone),
        },
        ids.RELEASES_EMPTY: lambda view: {"content": releases.empty(view, everyone=everyone)},
        ids.RELEASES_PAGES: lambda view: {"content": releases.pages(view, everyone=everyone)},
    }
    if everyone:
        parts[ids.RELEASES_OWNER] = lambda view: {
            "options": releases.options(view.owners, "Launched by anyone"),
            "value": view.query.owner or releases.ANY,
        }
    return parts


LIST_PARTS = {everyone: _list_parts(everyone) for everyone in (False, True)}
"""The live parts of Apps, and (True) of Admin."""


def app_patches(view: AppView) -> Props:
    """The live parts of an app's page, for its first paint."""
    return {id: part(view) for id, part in APP_PARTS.items()}


def list_patches(view: ListView, *, everyone: bool) -> Props:
    """The live parts of Apps and Admin, for their first paint."""
    return {id: part(view) for id, part in LIST_PARTS[everyone].items()}
