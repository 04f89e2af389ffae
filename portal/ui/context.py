"""The services that the composition root passes to the UI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from portal.audit.trail import Trail
from portal.auth.oidc.administration import SessionAdministration
from portal.autoscalers.variants import WhatIf
from portal.autoscalers.view import AutoscalersView
from portal.autoscaling.cost import Prices
from portal.catalog.catalog import Catalog
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.permissions import Scope
from portal.domain.projects import AppLimits, unlimited_apps
from portal.history.longer import LongHistory
from portal.history.model import ChartRange
from portal.images.report import ImageReport
from portal.links.links import Links
from portal.live.topics import app_topic, autoscaling_topic, objects_topic
from portal.objects.describe import ObjectView
from portal.objects.tree import ObjectsView
from portal.projects.requests import ProjectRequests
from portal.projects.service import Projects
from portal.releases.actions import Actions
from portal.releases.forms import ReleaseForms
from portal.releases.people import People
from portal.shell.place import Place
from portal.shell.settings import ShellSettings
from portal.shell.top import Top
from portal.viewmodels.advice import AdviceView
from portal.viewmodels.connections import Connection
from portal.viewmodels.listing import ListView
from portal.viewmodels.mine import MineView
from portal.viewmodels.model import AppView
from portal.viewmodels.overview import OverviewView
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


class ReadAdvice(Protocol):
    """Read the advice on an app; see ``portal.scoped_views.ScopedViews.advice``."""

    async def __call__(self, identity: Identity, key: Key, manifest: str = "") -> AdviceView:
        """Return it."""
        ...


class ReadHistory(Protocol):
    """Read an app's history; see ``portal.history.longer.LongerHistory.read``."""

    async def __call__(self, key: Key, chosen: ChartRange, /) -> LongHistory:
        """Return its summaries over a range, and where they are from."""
        ...


class UiContext(Struct, frozen=True):
    """The services that pages and callbacks use.

    ``identity`` returns the user of the current request, and ``scope`` a user's scope on a topic.
    ``app_view``, ``list_view``, ``overview`` and ``mine_view`` return view models of the snapshot
    for a scope, and are cheap.
    ``connections`` returns the connections that a namespace offers. ``advice`` reads an app's whole
    history for advice on its autoscaling, and ``launch_findings`` returns what lint finds of an app
    to be launched, by field. ``inspect_image`` returns a
    registry's report on an image. ``objects_view`` returns the tree of a release's objects, and
    ``read_object`` reads one of them. ``autoscalers_view`` returns one autoscaler of a release in
    detail, and ``what_if`` what its replays need, None if there is nothing to replay.
    ``read_top`` returns the processes of a container, and ``find_place`` the container that a
    shell is for. ``trail`` is the audit trail, and ``links`` makes read-only links, None where
    that is switched off; ``people`` gives roles, None where owners decide or that is off;
    ``sessions`` ends others' sessions, None where there are none.
    ``prices`` are those of what apps reserve.
    ``read_history`` reads longer ranges of an app's chart for whoever may see the app; it is None
    without a database. ``open_mode`` shows the banner of the open mode, and ``sign_out`` the button
    to sign out. ``by_owner`` is False where Kubernetes decides: the portal has no administrators.
    """

    actions: Actions
    forms: ReleaseForms
    scope: Callable[[str, Identity], Scope]
    app_view: Callable[[Scope, Key], AppView]
    list_view: Callable[[Scope, ListQuery], ListView]
    overview: Callable[[Scope, ListQuery], OverviewView]
    mine_view: Callable[[Scope], MineView]
    connections: Callable[[Identity, str], tuple[Connection, ...]]
    advice: ReadAdvice
    launch_findings: Callable[[Identity, LaunchSpec], Mapping[str, str]]
    identity: Callable[[], Identity]
    catalog: Catalog
    inspect_image: InspectImage
    objects_view: Callable[[Scope, Key], ObjectsView]
    read_object: ReadObject
    autoscalers_view: Callable[[Scope, Key, str], AutoscalersView]
    what_if: Callable[[Scope, Key, str], WhatIf | None]
    read_top: Callable[[Identity, Place], Awaitable[Top]]
    find_place: Callable[[Identity, Place], Awaitable[Place]]
    shell: ShellSettings
    trail: Trail
    prices: Prices = Prices()
    read_history: ReadHistory | None = None
    projects: Projects | None = None
    project_requests: ProjectRequests | None = None
    app_limits: Callable[[str], Awaitable[AppLimits]] = unlimited_apps
    links: Links | None = None
    people: People | None = None
    sessions: SessionAdministration | None = None
    open_mode: bool = False
    by_owner: bool = True
    sign_out: bool = False
    version: str = ""

    def forms_for(self, identity: Identity) -> ReleaseForms:
        """Return the forms with the namespaces in which a user may launch."""
        return self.forms.within(self.actions.launchable(identity))

    def app(self, identity: Identity, key: Key) -> AppView:
        """The view of a release's page for ``identity``."""
        return self.app_view(self.scope(app_topic(key), identity), key)

    def objects(self, identity: Identity, key: Key) -> ObjectsView:
        """The tree of a release's objects for ``identity``."""
        return self.objects_view(self.scope(objects_topic(key), identity), key)

    def autoscalers(self, identity: Identity, key: Key, chosen: str = "") -> AutoscalersView:
        """One autoscaler of a release in detail, for ``identity``."""
        scope = self.scope(autoscaling_topic(key, chosen), identity)
        return self.autoscalers_view(scope, key, chosen)
