"""The layout of an app's logs; the viewer itself is made by the browser (``logs.js``)."""

from __future__ import annotations

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Permission
from portal.ui import html
from portal.ui.components.basics import app_crumbs, fold, page, wildcards
from portal.ui.context import UiContext
from portal.viewmodels.withheld import may_not_see


def layout(context: UiContext, identity: Identity, key: Key) -> html.Div:
    """The page of an app's logs."""
    may = Permission.LOGS in context.app(identity, key).permissions
    return page(
        [
            app_crumbs(key, html.Span("Logs")),
            html.H1(f"Logs of {key.name}", tabIndex=-1),
            viewer(key, "page") if may else html.P(may_not_see("its logs"), className="words"),
        ],
        topic="",
        title=f"Logs of {key.name}",
        class_name="logs-page",
        testid="logs-page",
    )


def logs_fold(key: Key) -> html.Details:
    """The logs on the app's page, read while they are open."""
    return fold("Logs", viewer(key, "fold"), icon_name="terminal", class_name="last")


def viewer(key: Key, where: str) -> html.Div:
    """The element in which the browser makes the viewer: on a "page" of its own, or in a "fold"."""
    data = {"data-logs": where, "data-namespace": key.namespace, "data-name": key.name}
    return html.Div(className="logs", **wildcards(data))
