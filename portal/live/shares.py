"""The shares of people in the time for lists: equal for each person, however many their tabs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from portal.domain.identity import Identity
from portal.live.channel import Channel


class ListShares:
    """The lists that each person watches.

    All lists together take no more of the event loop than one view may. Each person has an equal
    part of that, and a person's lists share that part: many tabs of one slow down no others.
    """

    def __init__(self) -> None:
        self._lists: dict[str, Counter[Channel]] = {}

    def add(self, identity: Identity, channel: Channel) -> None:
        """Note that a tab of ``identity`` watches a channel."""
        if channel.key is None:
            self._lists.setdefault(identity.user, Counter())[channel] += 1

    def remove(self, identity: Identity, channel: Channel) -> None:
        """Note that a tab of ``identity`` watches a channel no more."""
        lists = self._lists.get(identity.user)
        if channel.key is not None or lists is None:
            return
        lists[channel] -= 1
        if not lists[channel]:
            del lists[channel]
        if not lists:
            del self._lists[identity.user]

    def among(self, watching: Iterable[Identity]) -> int:
        """Return among how many lists a list shares the time of one view; at least 1.

        ``watching`` are those who watch it: the one with the fewest lists counts.
        """
        users = {each.user for each in watching}
        fewest = min((len(self._lists.get(user, ())) for user in users), default=1)
        return max(1, len(self._lists) * fewest)
