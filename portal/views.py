"""What the pages show: the newest snapshot, through the eyes of who is asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

from portal.auth.policy import NamespacePolicy
from portal.domain.charts import Listing
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.state.assemble import nothing
from portal.state.store import Store
from portal.viewmodels.app import app_view
from portal.viewmodels.connections import Connection, connections
from portal.viewmodels.listing import ListQuery
from portal.viewmodels.model import AppView, ListView
from portal.viewmodels.releases import Rows, list_view
from portal.viewmodels.urls import Outside


class Views:
    """View models of what an identity may see.

    ``want`` is told which releases somebody looks at, so that what is read only on demand
    (release bodies, whether a URL answers) is read for them first. ``catalog`` is what the sources
    of charts offer now.
    """

    def __init__(
        self,
        store: Store,
        policy: NamespacePolicy,
        outside: Outside,
        want: Callable[[Iterable[Key]], None],
        catalog: Callable[[], Sequence[Listing]] = tuple,
    ) -> None:
        self._want = want
        self._catalog = catalog
        self._store = store
        self._policy = policy
        self._outside = outside
        self._rows = Rows(outside)

    def app(self, identity: Identity, key: Key) -> AppView:
        """The page of one release; an empty one where it may not be seen."""
        snapshot = self._store.snapshot
        state = nothing(key)
        if self._policy.sees(identity, key.namespace):
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
        )

    def connections(self, identity: Identity, namespace: str) -> tuple[Connection, ...]:
        """What a new app of a namespace can be connected to."""
        if not self._policy.sees(identity, namespace):
            return ()
        return connections(self._store.snapshot.apps, namespace)

    def releases(self, identity: Identity, everyone: bool, query: ListQuery) -> ListView:
        """A page of all releases, or of those that the identity launched."""
        snapshot, now = self._store.snapshot, datetime.now(UTC)
        catalog = self._catalog()
        every = self._rows.listed(snapshot.apps, snapshot.sources, now, snapshot.nodes, catalog)
        view = list_view(
            every.within(partial(self._policy.sees, identity)),
            snapshot.sources,
            now,
            query=query,
            owner=None if everyone else identity.user,
        )
        self._want(row.key for row in view.rows)
        return view
