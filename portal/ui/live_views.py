"""The live views: for each topic, the live parts of its page, encoded."""

from __future__ import annotations

from collections.abc import Mapping

from portal.domain.permissions import Scope
from portal.live.channel import View
from portal.live.hub import OpenView
from portal.live.topics import (
    ADMIN,
    APPS,
    AUTOSCALING,
    MINE,
    OBJECTS,
    OVERVIEW,
    autoscaler_name,
    kind,
    list_query,
    list_topic,
    release_key,
)
from portal.ui import ids
from portal.ui.app.live import app_parts
from portal.ui.apps.live import LIST_PARTS
from portal.ui.autoscaling.live import AUTOSCALING_PARTS
from portal.ui.context import UiContext
from portal.ui.encoding import Encoder, Part
from portal.ui.objects.live import OBJECT_PARTS
from portal.ui.overview.live import OVERVIEW_PARTS
from portal.viewmodels.mine import MineView
from portal.viewmodels.overview import parse
from portal.viewmodels.query import ListQuery

MINE_PARTS: Mapping[str, Part[MineView]] = {
    ids.MINE: lambda view: {"data": {"apps": list(view.apps), "unanswered": view.unanswered}}
}
"""The data that notify.js reads; no component has this id."""


def opener(context: UiContext) -> OpenView:
    """The function with which the hub opens views."""

    def open_view(topic: str, scope: Scope) -> View:
        key = release_key(topic)
        if key is not None and kind(topic) == OBJECTS:
            encode_objects = Encoder(OBJECT_PARTS)
            return lambda: encode_objects(context.objects_view(scope, key))
        if key is not None and kind(topic) == AUTOSCALING:
            encode_autoscaling = Encoder(AUTOSCALING_PARTS)
            chosen = autoscaler_name(topic)
            return lambda: encode_autoscaling(context.autoscalers_view(scope, key, chosen))
        if key is not None:
            encode_app = Encoder(app_parts(context))
            return lambda: encode_app(context.app_view(scope, key))
        if topic == MINE:
            encode_mine = Encoder(MINE_PARTS)
            return lambda: encode_mine(context.mine_view(scope))
        overview = list_query(topic)
        if overview is not None and overview[0] == OVERVIEW:
            overview_query = parse(overview[1])
            encode_overview = Encoder(OVERVIEW_PARTS)
            return lambda: encode_overview(context.overview(scope, overview_query))
        which, asked = list_query(topic) or (APPS, "")
        everyone, query = which == ADMIN, ListQuery.parse(asked)
        encode_list = Encoder(LIST_PARTS[everyone])
        return lambda: encode_list(context.list_view(scope, query))

    return open_view


def spelled(topic: str) -> str:
    """The canonical spelling of a topic: a list's query without unknown and default parts."""
    found = list_query(topic)
    if found is None:
        return topic
    query = parse(found[1]) if found[0] == OVERVIEW else ListQuery.parse(found[1])
    return list_topic(found[0], query.encode())
