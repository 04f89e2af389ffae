"""What the pages show: the newest snapshot, through the eyes of who is asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from portal.auth.policy import Policy
from portal.domain.charts import Listing
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.owners import NOBODY
from portal.domain.permissions import ALL, Permission, Scope
from portal.live.topics import ADMIN, APPS, app_key, list_query
from portal.state.assemble import nothing
from portal.state.ownership import owners_of
from portal.state.store import Store
from portal.viewmodels.app import app_view
from portal.viewmodels.connections import Connection, connections
from portal.viewmodels.listing import ListView
from portal.viewmodels.model import AppView
from portal.viewmodels.query import ListQuery
from portal.viewmodels.releases import Rows, list_view
from portal.viewmodels.urls import ExternalAddresses
from portal.viewmodels.withheld import without_values


class Views:
    """View models of what a scope leaves to be seen; ``scope`` says which one an identity has.

    ``want`` is told which releases somebody looks at, so that what is read only on demand
    (release bodies, whether a URL answers) is read for them first. ``catalog`` is what the sources
    of charts offer now.
    """

    def __init__(
        self,
        store: Store,
        policy: Policy,
        outside: ExternalAddresses,
        want: Callable[[Iterable[Key]], None],
        catalog: Callable[[], Sequence[Listing]] = tuple,
    ) -> None:
        self._want = want
        self._catalog = catalog
        self._store = store
        self._policy = policy
        self._outside = outside
        self._rows = Rows(outside)
        self._public_rows = Rows(outside, without_values)

    def scope(self, topic: str, identity: Identity) -> Scope:
        """What the page of a topic depends on of who looks at it."""
        key = app_key(topic)
        if key is not None:
            state = self._store.snapshot.app(key)
            known = state.release is not None or state.operation is not None
            owners = (owners_of(state) or NOBODY) if known else None
            return self._policy.scope(identity, key, owners)
        own = (list_query(topic) or (ADMIN, ""))[0] == APPS
        # Whose apps they are, they see all of; else that is for who may change every app.
        full = own or self._policy.manages(identity)
        return Scope(
            permissions=ALL if full else frozenset({Permission.SEE}),
            namespaces=self._policy.namespaces(identity),
            own=identity.user if own else None,
        )

    def app(self, scope: Scope, key: Key) -> AppView:
        """The page of one release; an empty one where it may not be seen."""
        snapshot = self._store.snapshot
        state = nothing(key)
        if scope.may(Permission.SEE):
            self._want((key,))
            state = snapshot.app(key)
        return app_view(
            state,
            snapshot.sources,
            datetime.now(UTC),
            nodes=snapshot.nodes,
            quotas=snapshot.quotas.get(state.key.namespace, ()),
            outside=self._outside,
            catalog=self._catalog(),
            scope=scope,
        )

    def connections(self, identity: Identity, namespace: str) -> tuple[Connection, ...]:
        """What a new app of a namespace can be connected to."""
        if not self._policy.sees(identity, namespace):
            return ()
        return connections(self._store.snapshot.apps, namespace)

    def releases(self, scope: Scope, query: ListQuery) -> ListView:
        """A page of all releases, or of those that somebody launched."""
        snapshot, now = self._store.snapshot, datetime.now(UTC)
        catalog = self._catalog()
        rows = self._rows if scope.may(Permission.READ_VALUES) else self._public_rows
        every = rows.listed(snapshot.apps, snapshot.sources, now, snapshot.nodes, catalog)
        seen = scope.namespaces
        view = list_view(
            every if seen is None else every.within(seen.__contains__),
            snapshot.sources,
            now,
            query=query,
            owner=scope.own,
        )
        self._want(row.key for row in view.rows)
        return view
