"""What the UI is given by the composition root."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from portal.actions.actions import Actions
from portal.actions.forms import Forms
from portal.catalog.catalog import Catalog
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.viewmodels.connections import Connection
from portal.viewmodels.model import AppView, ListView
from portal.viewmodels.query import ListQuery


class UiContext(Struct, frozen=True):
    """Everything that pages and callbacks need, and nothing else.

    ``identity`` is who is asking in the current request. ``app_view`` and ``list_view`` read
    the snapshot and are cheap; the second argument of ``list_view`` asks for everybody's
    releases, the third says which of them. ``connections`` is what an app of a namespace can be
    connected to. ``open_mode`` shows the banner that anyone may do anything.
    """

    actions: Actions
    forms: Forms
    app_view: Callable[[Identity, Key], AppView]
    list_view: Callable[[Identity, bool, ListQuery], ListView]
    connections: Callable[[Identity, str], tuple[Connection, ...]]
    identity: Callable[[], Identity]
    catalog: Catalog
    open_mode: bool = False
    version: str = ""
