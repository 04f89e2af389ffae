"""What is pushed to browsers: for each topic, the live parts of its page, encoded."""

from __future__ import annotations

from portal.domain.permissions import Scope
from portal.live.channel import View
from portal.live.hub import Open
from portal.live.topics import ADMIN, APPS, app_key, list_query, list_topic
from portal.ui.app.live import APP_PARTS
from portal.ui.apps.live import LIST_PARTS
from portal.ui.context import UiContext
from portal.ui.encoding import Encoder
from portal.viewmodels.query import ListQuery


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
