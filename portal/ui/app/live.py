"""The live parts of an app's page: properties of components, made from the view, by id.

A view gives the same ids each time, and the layout uses the same functions, so that the first
rendering and later pushes agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.domain.permissions import Permission
from portal.ui import html, ids
from portal.ui.app import header, pods, replicas, timeline
from portal.ui.app.load_test import LOAD_TEST_PARTS
from portal.ui.app.plain import plain_parts
from portal.ui.components import scalers
from portal.ui.components.basics import code_block, stale_notice, wildcards
from portal.ui.components.markup import chart_marks
from portal.ui.context import UiContext
from portal.ui.encoding import Part, Props, flat
from portal.ui.routes import edit_path
from portal.viewmodels.model import AppView, Notice
from portal.viewmodels.series import series_view
from portal.viewmodels.withheld import may_not_see


def _shown(view: AppView) -> bool:
    running = view.operation is not None and view.operation.running
    return view.exists or view.elsewhere or running or bool(view.pods)


def _lost(view: AppView) -> bool:
    return not _shown(view) and header.failed(view.operation)


def _buttons(view: AppView) -> str:
    offered = _shown(view) and not view.elsewhere and Permission.UPGRADE in view.permissions
    return "head-buttons" if offered else "gone"


def _ways_out(view: AppView) -> str:
    stuck = view.back_to or (view.operation is not None and view.operation.obstacle is not None)
    return "button-row" if stuck and _buttons(view) != "gone" else "gone"


def _beside(view: AppView) -> list[Notice]:
    """The notices, without the one that the operation's card shows."""
    shown = view.operation.obstacle if view.operation else None
    return [each for each in view.notices if each != shown]


def _private(view: AppView, permission: Permission) -> str:
    return "" if permission in view.permissions else "gone"


def _values(view: AppView) -> dict[str, Any]:
    title = "User-supplied values"
    if Permission.READ_VALUES not in view.permissions:
        return {"content": html.P(may_not_see("its values"), className="words")}
    shown = code_block("app-values-text", str(view.values), "the values", title=title)
    if Permission.UPGRADE not in view.permissions:
        return {"content": shown}
    edit = html.A("Edit", href=edit_path(view.key), **wildcards({"data-inside": ""}))
    hint = ["To launch another app with these values, open ", edit, " and save them as a file."]
    return {"content": [shown, html.P(hint, className="form-text")]}


APP_PARTS: Mapping[str, Part[AppView]] = {
    ids.APP_HEADER: lambda view: {"content": header.header(view)},
    ids.APP_URLS: lambda view: {"content": header.urls(view.urls, view.key)},
    ids.VERSION_WORDS: lambda view: {"content": header.version_words(view.version)},
    ids.VERSION_OPEN: lambda view: {"children": header.version_button(view.version)},
    ids.VERSION_LINE: lambda view: {
        "className": header.version_class(
            view.version,
            changes=Permission.READ_VERSIONS in view.permissions and _buttons(view) != "gone",
        )
    },
    ids.APP_STALE: lambda view: {"content": stale_notice(view.stale)},
    ids.APP_OPERATION: lambda view: {"content": header.operation(view.operation)},
    ids.APP_NOTICES: lambda view: {
        "content": header.notices(_beside(view), view.key, edits=_buttons(view) != "gone")
    },
    ids.APP_REPLICAS: lambda view: {
        "content": [*replicas.replicas(view.replicas), replicas.workloads(view.workloads)]
    },
    ids.APP_AUTOSCALER: lambda view: {
        "content": [
            *scalers.scalers(view.scalers),
            None
            if view.scalers and not view.autoscalers
            else replicas.autoscalers(view.autoscalers, view.autoscaler_unknown),
            *scalers.vertical(view.vertical, narrow=True),
        ]
    },
    ids.APP_PODS: lambda view: {
        "content": pods.pods(
            view.pods,
            view.key,
            view.more_pods,
            opens=Permission.READ_MANIFEST in view.permissions,
            logs=Permission.LOGS in view.permissions,
        )
    },
    ids.APP_TIMELINE: lambda view: {"content": timeline.lines(view.timeline)},
    ids.APP_LOGS: lambda view: {"className": _private(view, Permission.LOGS)},
    ids.APP_NOTES: lambda view: {
        "content": header.notes(view.notes, withheld=Permission.READ_VALUES not in view.permissions)
    },
    ids.APP_MANIFEST: lambda view: {"className": _private(view, Permission.READ_MANIFEST)},
    ids.APP_HISTORY: lambda view: {"className": _private(view, Permission.READ_HISTORY)},
    ids.APP_SHARING: lambda view: {"content": header.sharing(view)},
    ids.APP_SHARED: lambda view: {"className": _private(view, Permission.SHARE)},
    ids.APP_HAND_OVER: lambda view: {"className": _private(view, Permission.HAND_OVER)},
    ids.APP_PEOPLE: lambda view: {"className": _private(view, Permission.GRANT)},
    ids.APP_LINKS: lambda view: {"className": _private(view, Permission.LINK)},
    ids.APP_VALUES: _values,
    ids.APP_REVISION: lambda view: {"data": f"{view.revision} {view.helm_status.text}"},
    ids.APP_SERIES: lambda view: {"data": flat(series_view(view.settled))},
    ids.APP_SERIES_TAIL: lambda view: {"data": flat(series_view(view.unsettled))},
    ids.APP_MARKS: lambda view: {"data": chart_marks(view.marks)},
    ids.SCALE_LIVE: lambda view: {"data": flat(view.scale)},
    ids.APP_BODY: lambda view: {"className": "" if _shown(view) else "gone"},
    ids.APP_BUTTONS: lambda view: {"className": _buttons(view)},
    ids.APP_GONE: lambda view: {
        "content": None if _shown(view) or _lost(view) or view.unanswered else header.gone(view.key)
    },
    ids.APP_RETRY: lambda view: {
        "className": "button-row"
        if _lost(view) and Permission.DISMISS in view.permissions
        else "gone"
    },
    ids.APP_WAYS_OUT: lambda view: {"className": _ways_out(view)},
    ids.APP_BACK: lambda view: {
        "className": "btn btn-outline-secondary"
        if view.back_to and Permission.ROLLBACK in view.permissions
        else "d-none"
    },
    ids.APP_BACK_TO: lambda view: {"data": view.back_to},
    ids.APP_CANCELLING: lambda view: {
        "className": "button-row" if view.operation and view.operation.cancellable else "gone"
    },
    ids.APP_REMOVING: lambda view: {"className": "" if view.removal_failed else "gone"},
    **LOAD_TEST_PARTS,
    ids.APP_UNLOCKING: lambda view: {"className": "button-row" if view.unlock else "gone"},
}
"""The live parts of an app's page."""


def app_parts(context: UiContext) -> Mapping[str, Part[AppView]]:
    """The live parts of an app's page, with those of the plain actions' buttons."""
    return {**APP_PARTS, **plain_parts(context.actions.plain)}


def app_patches(view: AppView, parts: Mapping[str, Part[AppView]] = APP_PARTS) -> Props:
    """The properties of the live parts, for the first rendering."""
    return {id: part(view) for id, part in parts.items()}
