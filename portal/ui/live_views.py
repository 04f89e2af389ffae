"""What is pushed to browsers: for each topic, the properties of components by id.

Every topic gives the same ids each time, and the layouts use the same functions, so that the
first paint and every later push agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, cast

from plotly.io.json import to_json_plotly  # pyright: ignore[reportUnknownVariableType]

from portal.domain.identity import Identity
from portal.live.hub import Patches
from portal.live.topics import ADMIN, app_key
from portal.ui import ids
from portal.ui.components import pods, release, releases, replicas
from portal.ui.components.basics import code_block, stale_notice
from portal.ui.context import UiContext
from portal.viewmodels.model import AppView, ListView

Props = dict[str, dict[str, Any]]


def encode(properties: object) -> str:
    """JSON as Dash writes it (components included)."""
    return cast(str, to_json_plotly(properties))


def renderer(context: UiContext) -> Callable[[str, Identity], Patches]:
    """The hub's render function."""

    def render(topic: str, identity: Identity) -> Props:
        key = app_key(topic)
        if key is not None:
            return app_patches(context.app_view(identity, key))
        return list_patches(context.list_view(identity, topic == ADMIN), everyone=topic == ADMIN)

    return render


def app_patches(view: AppView) -> Props:
    """The live parts of an app's page."""
    shown = view.exists or (view.operation is not None and view.operation.running)
    lost = not view.exists and release.failed(view.operation)
    return {
        ids.APP_HEADER: {"children": release.header(view)},
        ids.APP_URLS: {"children": release.urls(view.urls)},
        ids.APP_STALE: {"children": stale_notice(view.stale)},
        ids.APP_OPERATION: {"children": release.operation(view.operation)},
        ids.APP_NOTICES: {"children": release.notices(view.notices)},
        ids.APP_REPLICAS: {"children": replicas.replicas(view.replicas)},
        ids.APP_AUTOSCALER: {"children": replicas.autoscaler(view.autoscaler)},
        ids.APP_PODS: {"children": pods.pods(view.pods)},
        ids.APP_EVENTS: {"children": pods.events(view.events)},
        ids.APP_NOTES: {"children": release.notes(view.notes)},
        ids.APP_VALUES: {
            "children": code_block(
                "app-values-text", view.values_yaml, "the values", title="What Helm was given"
            )
        },
        ids.APP_SERIES: {"data": asdict(view.series)},
        ids.SCALE_LIVE: {"data": asdict(view.scale)},
        ids.APP_BODY: {"className": "" if shown else "gone"},
        ids.APP_BUTTONS: {"className": "head-buttons" if shown else "gone"},
        ids.APP_GONE: {"children": None if shown or lost else release.gone(view.key)},
        ids.APP_RETRY: {"className": "button-row" if lost else "gone"},
    }


def list_patches(view: ListView, *, everyone: bool) -> Props:
    """The live parts of Apps and Admin."""
    return {
        ids.RELEASES: {
            "rowData": releases.rows(view.rows),
            "style": releases.grid_style(len(view.rows)),
        },
        ids.RELEASES_SUMMARY: {"children": view.summary},
        ids.RELEASES_STALE: {"children": stale_notice(view.stale)},
        ids.RELEASES_EMPTY: {"children": releases.empty(view, everyone=everyone)},
        ids.RELEASES_PANEL: {"className": "releases" if view.rows else "releases none"},
    }
