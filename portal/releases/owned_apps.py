"""The number of apps that one person has launched, held against the limit."""

from __future__ import annotations

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.limits import LIMITS, Limit
from portal.state.model import AppState
from portal.state.ownership import owners_of
from portal.state.store import Store


class OwnedApps:
    """Counts the apps of a person: releases, and launches that are under way."""

    def __init__(self, store: Store, limit: Limit = LIMITS.apps) -> None:
        self._store = store
        self._limit = limit
        self._launching: dict[Key, str] = {}
        """Users of launches that are not in the store yet."""

    def reserve(self, identity: Identity, key: Key) -> None:
        """Count a launch of ``key`` until ``release``; raises ``LimitReached``."""
        apps = self._store.snapshot.apps
        mine = {key for key, each in apps.items() if _is_app(each) and _owned(each, identity)}
        mine |= {each for each, user in self._launching.items() if user == identity.user}
        refusal = self._limit.refusal(identity, len(mine - {key}))
        if refusal is not None:
            raise refusal
        self._launching[key] = identity.user

    def release(self, key: Key) -> None:
        """Stop counting a launch: it is in the store, or has not begun."""
        self._launching.pop(key, None)


def _is_app(state: AppState) -> bool:
    operation = state.operation
    return state.release is not None or (operation is not None and not operation.phase.terminal)


def _owned(state: AppState, identity: Identity) -> bool:
    owners = owners_of(state)
    return owners is not None and owners.owned_by(identity)
