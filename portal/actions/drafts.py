"""Forms that were sent and came to nothing yet: what a person would not like to type again."""

from __future__ import annotations

from portal.actions.forms import Raw
from portal.domain.keys import Key


class Drafts:
    """The form last sent for a release, of the newest ``limit`` releases; in memory only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._forms: dict[Key, Raw] = {}

    def keep(self, key: Key, raw: Raw) -> None:
        """Keep the form of ``key``, instead of an older one."""
        self.drop(key)
        self._forms[key] = raw
        while len(self._forms) > self._limit:
            del self._forms[next(iter(self._forms))]

    def get(self, key: Key) -> Raw | None:
        """The form last kept for ``key``."""
        return self._forms.get(key)

    def drop(self, key: Key) -> None:
        """Forget the form of ``key``, if there is one."""
        self._forms.pop(key, None)
