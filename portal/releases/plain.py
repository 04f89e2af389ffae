"""Plain actions, which have no input: a button, and a dialog that says what will happen."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import ClassVar

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.operations.action import Action
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.plan import Plan
from portal.releases.preconditions import Preconditions
from portal.state.model import AppState


class PlainAction(Action):
    """An action without input; an app's page shows a button ``label`` while it is ``offered``.

    A ``remedy`` mends something: its button is beside the notices that say what.
    """

    label: ClassVar[str]
    icon: ClassVar[str]
    remedy: ClassVar[bool] = False

    def offered(self, state: AppState, now: datetime) -> bool:
        """Return True if an app's page shows the button; True by default."""
        return True

    @abstractmethod
    async def preview(self, key: Key, identity: Identity) -> tuple[str, ...]:
        """Describe what will happen, in sentences; raises ``PortalError`` if it cannot be done."""

    def check(self, key: Key, preconditions: Preconditions) -> None:
        """Raise ``PortalError`` unless the release exists and is not in use."""
        preconditions.check_free(key)
        preconditions.require_existing(key)

    @abstractmethod
    async def run(self, progress: Progress) -> WaitCondition | None:
        """Run it; return the condition that completes it."""

    def plan(self, identity: Identity, key: Key, preconditions: Preconditions) -> Plan:
        """Plan the action on a release."""
        words = f"{self.verb.noun.capitalize()} by {identity.user}"
        return Plan(self, key, self.run, lambda: self.check(key, preconditions), words)
