"""The services that the composition root passes to the UI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from portal.audit.trail import Trail
from portal.catalog.catalog import Catalog
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.permissions import Scope
from portal.images.report import ImageReport
from portal.live.topics import app_topic, objects_topic
from portal.objects.describe import ObjectView
from portal.objects.tree import ObjectsView
from portal.releases.actions import Actions
from portal.releases.forms import ReleaseForms
from portal.shell.place import Place
from portal.shell.settings import ShellSettings
from portal.shell.top import Top
from portal.viewmodels.connections import Connection
from portal.viewmodels.listing import ListView
from portal.viewmodels.mine import MineView
from portal.viewmodels.model import AppView
from portal.viewmodels.query import ListQuery


class InspectImage(Protocol):
    """Ask a registry about an image; see ``portal.images.inspector.ImageInspector.inspect``."""

    async def __call__(
        self,
        identity: Identity,
        reference: str,
        namespace: str,
        pull_secrets: Sequence[str] = (),
    ) -> ImageReport:
        """Return what is known of it."""
        ...


class ReadObject(Protocol):
    """Read an object of a release; see ``portal.objects.reader.ObjectReader.read``."""

    async def __call__(self, identity: Identity, key: Key, kind: str, name: str) -> ObjectView:
        """Return it in detail."""
        ...


class UiContext(Struct, frozen=True):
    """The services that pages and callbacks use.

    ``identity`` returns the user of the current request, and ``scope`` a user's scope on a topic.
    ``app_view``, ``list_view`` and ``mine_view`` return view models of the snapshot for a scope,
    and are cheap.
    ``connections`` returns the connections that a namespace offers. ``inspect_image`` returns a
    registry's report on an image. ``objects_view`` returns the tree of a release's objects, and
    ``read_object`` reads one of them. ``read_top`` returns the processes of a container, and
    ``find_place`` the container that a shell is for. ``trail`` is the audit trail. ``open_mode``
    shows the banner of the open mode.
    """

    actions: Actions
    forms: ReleaseForms
    scope: Callable[[str, Identity], Scope]
    app_view: Callable[[Scope, Key], AppView]
    list_view: Callable[[Scope, ListQuery], ListView]
    mine_view: Callable[[Scope], MineView]
    connections: Callable[[Identity, str], tuple[Connection, ...]]
    identity: Callable[[], Identity]
    catalog: Catalog
    inspect_image: InspectImage
    objects_view: Callable[[Scope, Key], ObjectsView]
    read_object: ReadObject
    read_top: Callable[[Identity, Place], Awaitable[Top]]
    find_place: Callable[[Identity, Place], Awaitable[Place]]
    shell: ShellSettings
    trail: Trail
    open_mode: bool = False
    version: str = ""

    def app(self, identity: Identity, key: Key) -> AppView:
        """The view of a release's page for ``identity``."""
        return self.app_view(self.scope(app_topic(key), identity), key)

    def objects(self, identity: Identity, key: Key) -> ObjectsView:
        """The tree of a release's objects for ``identity``."""
        return self.objects_view(self.scope(objects_topic(key), identity), key)
