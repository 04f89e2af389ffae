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

    def with_most(self, **most: int) -> Limits:
        """Return the limits with other numbers, by their names."""
        changed = {name: replace(getattr(self, name), most=each) for name, each in most.items()}
        return replace(self, **changed)


LIMITS = Limits()
"""The limits by default."""
