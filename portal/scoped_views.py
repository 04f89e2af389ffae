"""The view models of the newest snapshot, for the scope of the viewer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from portal.auth.authorizer import KnownRights
from portal.autoscalers.followers import Followers
from portal.autoscalers.following import needs_samples
from portal.autoscalers.variants import WhatIf, what_if_of
from portal.autoscalers.view import AutoscalersView, autoscalers_view, chosen_of
from portal.autoscaling.cost import Prices
from portal.domain.charts import Listing
from portal.domain.errors import PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.load_tests import Measured
from portal.domain.objects import Kind
from portal.domain.owners import NOBODY
from portal.domain.permissions import Permission, Scope
from portal.live.topics import ADMIN, APPS, MINE, app_topic, list_query, release_key
from portal.objects.reader import ReleaseObjects
from portal.objects.tree import ObjectsView, objects_view
from portal.state.assemble import nothing
from portal.state.model import AppState, WatchHealth
from portal.state.ownership import owners_of
from portal.state.store import Store
from portal.threads import in_thread
from portal.viewmodels.advice import AdviceView, advice_view, launch_findings
from portal.viewmodels.app import CHART, app_view
from portal.viewmodels.connections import Connection, connections
from portal.viewmodels.freshness import loading, stale_words, unread_words
from portal.viewmodels.listing import ListView
from portal.viewmodels.mine import MineView, mine_view
from portal.viewmodels.model import AppView
from portal.viewmodels.overview import OverviewCache, OverviewView, overview_view
from portal.viewmodels.query import ListQuery
from portal.viewmodels.releases import RowCache, list_view
from portal.viewmodels.urls import ExternalAddresses
from portal.viewmodels.withheld import without_names, without_values


class ScopedViews:
    """The pages' view models, limited to a viewer's scope.

    ``prioritize`` is called with the releases that are being viewed, so that release bodies and
    probes of URLs, which are read on demand, are read for them first. ``catalog`` returns the
    present listings of the sources of charts, and ``offered`` the names of the plain actions that
    are of use for an app. ``objects`` returns what is known of a release's objects beside the
    snapshot, and ``readable`` are the kinds that can be opened. ``last_lines`` fills in the ends of
    the logs of crashed containers. ``followers`` are the autoscalers that are followed, and
    ``load_tests`` returns what load tests have measured; None if there are none. ``prices`` are
    those of what apps reserve. Without ``names_objects`` warnings about watches name no objects,
    since not everybody may see all namespaces.
    """

    def __init__(
        self,
        store: Store,
        rights: KnownRights,
        outside: ExternalAddresses,
        prioritize: Callable[[Iterable[Key]], None],
        catalog: Callable[[], Sequence[Listing]] = tuple,
        offered: Callable[[AppState, datetime], frozenset[str]] = lambda state, now: frozenset(),
        objects: Callable[[Key], ReleaseObjects] = lambda key: ReleaseObjects(),
        readable: Collection[str] = (),
        last_lines: Callable[[AppState], AppState] = lambda state: state,
        followers: Followers | None = None,
        load_tests: Callable[[AppState], Mapping[str, Measured]] | None = None,
        prices: Prices = Prices(),  # noqa: B008
        names_objects: bool = True,
    ) -> None:
        self._followers = followers or Followers(store)
        self._load_tests = load_tests
        self._prices = prices
        self._objects = objects
        self._readable = readable
        self._prioritize = prioritize
        self._catalog = catalog
        self._offered = offered
        self._last_lines = last_lines
        self._store = store
        self._rights = rights
        self._outside = outside
        self._names_objects = names_objects
        self._rows = RowCache(outside)
        self._public_rows = RowCache(outside, without_values)
        self._overviews = {True: OverviewCache(prices), False: OverviewCache(prices)}

    def scope(self, topic: str, identity: Identity) -> Scope:
        """Return the scope of ``identity`` on a topic, by the newest known rights."""
        rights = self._rights.known(identity)
        key = release_key(topic)
        if key is not None:
            state = self._store.snapshot.app(key)
            known = state.release is not None or state.operation is not None
            owners = (owners_of(state) or NOBODY) if known else None
            return rights.scope(key, owners)
        own = topic == MINE or (list_query(topic) or (ADMIN, ""))[0] == APPS
        return rights.list_scope(identity.user if own else None)

    @property
    def _sources(self) -> Mapping[str, WatchHealth]:
        """The health of the watches, as everybody may know it."""
        sources = self._store.snapshot.sources
        return sources if self._names_objects else without_names(sources)

    def logs_refusal(self, identity: Identity, key: Key) -> str:
        """Return why ``identity`` may not read the logs of a release; "" if it may.

        Pods that no known release owns are nobody's: only administrators read their logs.

        Raises:
            PortalError: it depends on the owner, who is not known yet.
        """
        owners = owners_of(self._store.snapshot.app(key))
        rights = self._rights.known(identity)
        refusal = rights.refusal(Permission.LOGS, key, owners or NOBODY)
        if refusal is not None and owners is None and rights.by_owner:
            self._prioritize((key,))
            raise PortalError("The owner of this app is not known yet.", "Try again in a moment.")
        return str(refusal) if refusal else ""

    def app(self, scope: Scope, key: Key) -> AppView:
        """The page of one release; an empty one where it may not be seen."""
        snapshot = self._store.snapshot
        state = nothing(key)
        if scope.may(Permission.SEE):
            self._prioritize((key,))
            state = snapshot.app(key)
        if scope.may(Permission.LOGS):
            state = self._last_lines(state)
        measured = None
        if self._load_tests is not None and scope.may(Permission.UPGRADE):
            measured = self._load_tests(state)
        now = datetime.now(UTC)
        return app_view(
            state,
            self._sources,
            now,
            nodes=snapshot.nodes,
            quotas=snapshot.quotas.get(state.key.namespace, ()),
            outside=self._outside,
            catalog=self._catalog(),
            scope=scope,
            offered=self._offered(state, now),
            load_tests=measured,
            decided=self._followers.decided(state),
        )

    def mine(self, scope: Scope) -> MineView:
        """The apps and operations that the viewer is notified of."""
        snapshot, now = self._store.snapshot, datetime.now(UTC)
        rows = self._rows if scope.may(Permission.READ_VALUES) else self._public_rows
        every = rows.release_list(
            snapshot.apps, self._sources, now, snapshot.nodes, self._catalog()
        )
        return mine_view(every, scope, now)

    def objects(self, scope: Scope, key: Key) -> ObjectsView:
        """The tree of one release's objects; an empty one where it may not be seen."""
        snapshot = self._store.snapshot
        state, more = nothing(key), ReleaseObjects()
        if scope.may(Permission.SEE):
            self._prioritize((key,))
            state = snapshot.app(key)
        if scope.may(Permission.READ_MANIFEST):
            more = self._objects(key)
        return objects_view(
            state,
            more.inventory,
            more.states,
            self._sources,
            datetime.now(UTC),
            nodes=snapshot.nodes,
            scope=scope,
            readable=self._readable,
            problem=more.problem,
            decided=self._followers.decided(state),
        )

    async def advice(self, identity: Identity, key: Key, manifest: str = "") -> AdviceView:
        """Return the advice on a release; an empty one where it may not be seen.

        ``manifest`` is that of its newest revision, "" where the viewer may not read it.
        """
        snapshot, scope = self._store.snapshot, self.scope(app_topic(key), identity)
        state = snapshot.app(key) if scope.may(Permission.SEE) else nothing(key)
        measured = None
        if self._load_tests is not None and scope.may(Permission.UPGRADE):
            measured = self._load_tests(state)
        return await in_thread(
            advice_view,
            state,
            datetime.now(UTC),
            nodes=snapshot.nodes,
            quotas=snapshot.quotas.get(key.namespace, ()),
            manifest=manifest,
            chart=CHART,
            prices=self._prices,
            load_tests=measured,
        )

    def launch_findings(self, identity: Identity, spec: LaunchSpec) -> dict[str, str]:
        """Return what is found of an app to be launched, by field, with what the cluster tells."""
        seen = self._rights.known(identity).namespaces
        if seen is not None and spec.key.namespace not in seen:
            return {}
        snapshot = self._store.snapshot
        quotas = snapshot.quotas.get(spec.key.namespace, ())
        state = snapshot.app(spec.key)
        return launch_findings(spec, state, self._sources, quotas, snapshot.nodes)

    def autoscalers(self, scope: Scope, key: Key, chosen: str = "") -> AutoscalersView:
        """One autoscaler of a release in detail; by default the first one."""
        snapshot = self._store.snapshot
        state = nothing(key)
        if scope.may(Permission.SEE):
            self._prioritize((key,))
            self._followers.look(key)
            state = snapshot.app(key)
        following = self._followers.of(key) if scope.may(Permission.SEE) else {}
        hpa = chosen_of(state, chosen)
        found = following.get(hpa.key) if hpa else None
        return autoscalers_view(
            state,
            following,
            self._sources,
            datetime.now(UTC),
            chosen=chosen,
            nodes=snapshot.nodes,
            scope=scope,
            turns=self._followers.turns(found) if found else (),
            controller=self._followers.controller,
        )

    def what_if(self, scope: Scope, key: Key, chosen: str = "") -> WhatIf | None:
        """The record and the settings of an autoscaler, for replays; None without them."""
        if not scope.may(Permission.SEE):
            return None
        state = self._store.snapshot.app(key)
        hpa = chosen_of(state, chosen)
        found = self._followers.of(key).get(hpa.key) if hpa else None
        if found is None:
            return None
        samples = found.samples if needs_samples(state) else state.history
        built_in = state.detail is not None and state.detail.chart == CHART
        return what_if_of(found, samples, built_in=built_in)

    def connections(self, identity: Identity, namespace: str) -> tuple[Connection, ...]:
        """The connections that a namespace offers to a new app."""
        seen = self._rights.known(identity).namespaces
        if seen is not None and namespace not in seen:
            return ()
        return connections(self._store.snapshot.apps, namespace)

    def releases(self, scope: Scope, query: ListQuery) -> ListView:
        """One page of the list: of all releases, or of those that the viewer owns."""
        snapshot, now = self._store.snapshot, datetime.now(UTC)
        catalog = self._catalog()
        rows = self._rows if scope.may(Permission.READ_VALUES) else self._public_rows
        every = rows.release_list(snapshot.apps, self._sources, now, snapshot.nodes, catalog)
        seen = scope.namespaces
        view = list_view(
            every if seen is None else every.within(seen.__contains__),
            self._sources,
            now,
            query=query,
            owner=scope.own,
            unanswered=scope.unanswered,
            nowhere=seen is not None and not seen,
        )
        self._prioritize(row.key for row in view.rows)
        return view

    def overview(self, scope: Scope, query: ListQuery) -> OverviewView:
        """One page of the autoscaling of all apps that the viewer may see."""
        snapshot, now = self._store.snapshot, datetime.now(UTC)
        catalog, all_of_it = self._catalog(), scope.may(Permission.READ_VALUES)
        rows = self._rows if all_of_it else self._public_rows
        every = rows.release_list(snapshot.apps, self._sources, now, snapshot.nodes, catalog)
        seen = scope.namespaces
        found = self._overviews[all_of_it].rows(every, now)
        view = overview_view(
            found if seen is None else [each for each in found if each.key.namespace in seen],
            query,
            loading=loading(self._sources, Kind.RELEASE),
            stale=(
                *stale_words(self._sources, now),
                *unread_words(self._sources, Kind.RELEASE),
            ),
            unanswered=scope.unanswered,
        )
        self._prioritize(row.key for row in view.rows)
        return view
