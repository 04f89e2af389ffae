"""Submitted launch forms whose operation has not succeeded, kept so that users can correct them.

They contain the values as entered, secrets included: only the sender gets a form back, with
placeholders for secrets.
"""

from __future__ import annotations

from portal.domain.keys import Key
from portal.releases.request import ReleaseRequest


class FailedForms:
    """The last form sent for each release, for the newest ``limit`` releases; in memory only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._forms: dict[Key, tuple[str, ReleaseRequest]] = {}

    def keep(self, key: Key, user: str, request: ReleaseRequest) -> None:
        """Keep the form that ``user`` sent for ``key``, replacing an older one."""
        self.drop(key)
        self._forms[key] = user, request
        while len(self._forms) > self._limit:
            del self._forms[next(iter(self._forms))]

    def get(self, key: Key, user: str) -> ReleaseRequest | None:
        """Return the form kept for ``key``, None unless this user sent it."""
        sender, request = self._forms.get(key, ("", None))
        return request if sender == user else None

    def drop(self, key: Key) -> None:
        """Remove the form of ``key``, if there is one."""
        self._forms.pop(key, None)
