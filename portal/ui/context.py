"""What the UI is given by the composition root."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from portal.catalog.catalog import Catalog
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Scope
from portal.live.topics import app_topic
from portal.releases.actions import Actions
from portal.releases.forms import ReleaseForms
from portal.viewmodels.connections import Connection
from portal.viewmodels.listing import ListView
from portal.viewmodels.model import AppView
from portal.viewmodels.query import ListQuery


class UiContext(Struct, frozen=True):
    """Everything that pages and callbacks need, and nothing else.

    ``identity`` is who is asking in the current request, and ``scope`` what the page of a topic
    depends on of somebody. ``app_view`` and ``list_view`` read the snapshot, as much of it as a
    scope leaves, and are cheap. ``connections`` is what an app of a namespace can be
    connected to. ``open_mode`` shows the banner that anyone may do anything.
    """

    actions: Actions
    forms: ReleaseForms
    scope: Callable[[str, Identity], Scope]
    app_view: Callable[[Scope, Key], AppView]
    list_view: Callable[[Scope, ListQuery], ListView]
    connections: Callable[[Identity, str], tuple[Connection, ...]]
    identity: Callable[[], Identity]
    catalog: Catalog
    open_mode: bool = False
    version: str = ""

    def app(self, identity: Identity, key: Key) -> AppView:
        """The page of a release, as somebody sees it."""
        return self.app_view(self.scope(app_topic(key), identity), key)
