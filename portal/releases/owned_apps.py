"""The number of apps that one person owns, held against the limit."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from portal.domain.errors import LimitReached
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.limits import LIMITS, Limit
from portal.domain.owners import label_of
from portal.state.model import AppState
from portal.state.ownership import owners_of
from portal.state.store import Store


class OwnedApps:
    """Counts the apps of a person: releases, and those that are about to be theirs."""

    def __init__(self, store: Store, limit: Limit = LIMITS.apps) -> None:
        self._store = store
        self._limit = limit
        self._coming: dict[Key, str] = {}
        """Users of launches, and of apps that are being handed over, before the store has them."""

    def reserve(self, identity: Identity, key: Key) -> None:
        """Count a launch of ``key`` until ``release``; raises ``LimitReached``."""
        refusal = self._limit.refusal(identity, self._count(identity.user, key))
        if refusal is not None:
            raise refusal
        self._coming[key] = identity.user

    def release(self, key: Key) -> None:
        """Stop counting a launch: it is in the store, or has not begun."""
        self._coming.pop(key, None)

    def problem(self, user: str, key: Key) -> str:
        """Return why ``key`` cannot be handed over to a user, "" if the limit has room for it.

        How many apps they have is not told.
        """
        if not self._limit.most or self._count(user, key) < self._limit.most:
            return ""
        return (
            f"{user} has as many apps as one person may have (limits.{self._limit.name}): they "
            "have to uninstall one first."
        )

    @contextmanager
    def handing_over(self, user: str, key: Key) -> Generator[None]:
        """Count ``key`` as an app of ``user`` during the block; raises ``LimitReached``."""
        if problem := self.problem(user, key):
            raise LimitReached(problem)
        self._coming[key] = user
        try:
            yield
        finally:
            self._coming.pop(key, None)

    def _count(self, user: str, besides: Key) -> int:
        apps, label = self._store.snapshot.apps, label_of(user)
        theirs = {key for key, each in apps.items() if _is_app(each) and _owner(each) == label}
        theirs |= {key for key, each in self._coming.items() if each == user}
        return len(theirs - {besides})


def _is_app(state: AppState) -> bool:
    operation = state.operation
    return state.release is not None or (operation is not None and not operation.phase.terminal)


def _owner(state: AppState) -> str:
    owners = owners_of(state)
    return owners.owner if owners else ""
