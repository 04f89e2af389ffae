"""Limits on what one person has at the same time, so that one person cannot take all of the portal.

A person is a user's name, whatever the groups. In the mode ``none`` nobody is told from anybody
else, and an address may be that of a proxy: there are then no limits of one person, only those of
the whole portal.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from portal.domain.errors import LimitReached
from portal.domain.identity import Identity


class Limit(Struct, frozen=True):
    """The most of something that one person may have; ``most`` 0: no limit.

    ``things`` are counted, and ``advice`` says how to have fewer.
    """

    name: str
    most: int
    things: str
    advice: str

    def refusal(self, identity: Identity, mine: int) -> LimitReached | None:
        """Return why ``identity``, who has ``mine``, may not have one more; None if it may."""
        if identity.anonymous or not self.most or mine < self.most:
            return None
        things = self.things if mine != 1 else self.things.replace("s ", " ", 1)
        return LimitReached(
            f"You have {mine} {things}, the most that one person may have at once "
            f"(limits.{self.name}).",
            self.advice,
        )

    def refusal_beside(
        self, identity: Identity, present: Collection[Identity], most_together: int
    ) -> LimitReached | None:
        """Return why ``identity`` may not be one more beside those ``present``; None if it may.

        ``most_together`` is the limit of everybody together.
        """
        mine = sum(each.user == identity.user for each in present)
        if refusal := self.refusal(identity, mine):
            return refusal
        if len(present) < most_together:
            return None
        return LimitReached(
            f"The portal has {len(present)} {self.things}, the most that it can have.",
            "Try again in a minute.",
        )


class Pace(Struct, frozen=True):
    """The most of something that one person may have over time: a token bucket.

    ``most`` a second, and at once as many as in ``burst`` seconds, after a pause of that length;
    ``most`` 0: no limit. What is kept of a person is one time, in seconds: when all of the burst is
    there again. It is in the past for who has had nothing.
    """

    most: float
    burst: float

    def wait(self, whole_again: float, now: float) -> float:
        """Return the seconds until there may be one more; 0 if there may be now."""
        if not self.most:
            return 0.0
        return max(0.0, self.after_one(whole_again, now) - now - self.burst)

    def after_one(self, whole_again: float, now: float) -> float:
        """Return the time at which all of the burst is there again after one more."""
        return max(whole_again, now) + 1 / self.most if self.most else now


class Limits(Struct, frozen=True):
    """The limits of one person, by what they count."""

    operations: Limit = Limit(
        "operations", 5, "operations running", "Wait for one to end, or cancel one."
    )
    """Operations that are queued or running, in all portals; those that only wait for their rollout
    do not count."""
    apps: Limit = Limit("apps", 50, "apps of your own", "Uninstall one that is not needed.")
    """Releases that the person owns: has launched, or was given."""
    tabs: Limit = Limit("tabs", 50, "tabs connected", "Close one that is not needed.")
    """Live connections of pages."""
    logs: Limit = Limit("logs", 20, "logs open", "Close one that is not needed.")
    """Views of logs that are followed."""
    downloads: Limit = Limit("downloads", 2, "downloads under way", "Wait for one to end.")
    """Downloads of logs."""
    shells: Limit = Limit("shells", 5, "shells open", "Close one that is not used.")
    """Shells in pods."""
    requests: Pace = Pace(30, burst=4)
    """Requests that are answered: some ten for a page."""

    @property
    def connections(self) -> Pace:
        """New WebSockets: within half a minute twice as many as may be open at once."""
        open_at_once = (self.tabs.most, self.logs.most, self.shells.most)
        return Pace(2 * sum(open_at_once) / 30 if all(open_at_once) else 0, burst=30)

    def with_most(self, **most: int) -> Limits:
        """Return the limits with other numbers, by their names."""
        changed = {name: replace(getattr(self, name), most=each) for name, each in most.items()}
        return replace(self, **changed)


LIMITS = Limits()
"""The limits by default."""
