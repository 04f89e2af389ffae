"""The snapshot of the cluster that the rest of the portal reads."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from portal.domain.keys import Key
from portal.domain.objects import Node, Quota
from portal.state.assemble import nothing
from portal.state.model import AppState, WatchHealth


class Snapshot(Struct, frozen=True):
    """The state of the cluster at one version; immutable.

    ``apps`` includes removed releases while objects of theirs remain; it has no order. An app, and
    ``nodes``, that did not change between two snapshots are the same object in both: compare with
    ``is``. ``quotas`` are by namespace.
    """

    version: int = 0
    apps: Mapping[Key, AppState] = field(default_factory=dict[Key, AppState])
    sources: Mapping[str, WatchHealth] = field(default_factory=dict[str, WatchHealth])
    nodes: tuple[Node, ...] = ()
    quotas: Mapping[str, tuple[Quota, ...]] = field(default_factory=dict[str, tuple[Quota, ...]])

    def app(self, key: Key) -> AppState:
        """Return the state of an app, an empty one if nothing is known of it."""
        found = self.apps.get(key)
        return found if found is not None else nothing(key)

    @property
    def loading(self) -> tuple[str, ...]:
        """The available sources whose first list has not arrived yet."""
        return tuple(
            sorted(
                name
                for name, source in self.sources.items()
                if source.available and not source.synced
            )
        )
