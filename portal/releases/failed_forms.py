"""Forms that were sent and came to nothing yet: what a person would not like to type again.

They hold what was typed, secrets too: only who sent one gets it back, and with placeholders.
"""

from __future__ import annotations

from portal.domain.keys import Key
from portal.releases.request import ReleaseRequest


class FailedForms:
    """The form last sent for a release, of the newest ``limit`` releases; in memory only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._forms: dict[Key, tuple[str, ReleaseRequest]] = {}

    def keep(self, key: Key, user: str, request: ReleaseRequest) -> None:
        """Keep the form that ``user`` has sent for ``key``, instead of an older one."""
        self.drop(key)
        self._forms[key] = user, request
        while len(self._forms) > self._limit:
            del self._forms[next(iter(self._forms))]

    def get(self, key: Key, user: str) -> ReleaseRequest | None:
        """The form last kept for ``key``, if it was this user who sent it."""
        sender, request = self._forms.get(key, ("", None))
        return request if sender == user else None

    def drop(self, key: Key) -> None:
        """Forget the form of ``key``, if there is one."""
        self._forms.pop(key, None)
