"""What the rest of the portal reads: one immutable picture of the cluster."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from portal.domain.keys import Key
from portal.domain.objects import Node, Quota
from portal.state.assemble import nothing
from portal.state.model import AppState, WatchHealth


class Snapshot(Struct, frozen=True):
    """Everything known at one version. Never changes; hold it as long as you like.

    ``apps`` also has what is left of a release while its objects go. An app that did not
    change between two snapshots is the same object in both: compare with ``is``; and so are
    ``nodes``. ``apps`` has no order; ``quotas`` are by namespace, where there are any.
    """

    version: int = 0
    apps: Mapping[Key, AppState] = field(default_factory=dict[Key, AppState])
    sources: Mapping[str, WatchHealth] = field(default_factory=dict[str, WatchHealth])
    nodes: tuple[Node, ...] = ()
    quotas: Mapping[str, tuple[Quota, ...]] = field(default_factory=dict[str, tuple[Quota, ...]])

    def app(self, key: Key) -> AppState:
        """The state of one app; an empty one where nothing is known of it."""
        found = self.apps.get(key)
        return found if found is not None else nothing(key)

    @property
    def loading(self) -> tuple[str, ...]:
        """Sources whose first list has not arrived yet and may still."""
        return tuple(
            sorted(
                name
                for name, source in self.sources.items()
                if source.available and not source.synced
            )
        )
