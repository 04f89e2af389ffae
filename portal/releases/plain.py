"""Plain actions, which have no input: a button, and a dialog that says what will happen."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.operations.action import Action
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.plan import Plan
from portal.releases.preconditions import Preconditions


class PlainAction(Action):
    """An action without input; an app's page shows a button ``label`` for it."""

    label: ClassVar[str]
    icon: ClassVar[str]

    @abstractmethod
    def preview(self, key: Key) -> tuple[str, ...]:
        """Describe what will happen, in sentences; raises ``PortalError`` if it cannot be done."""

    @abstractmethod
    async def run(self, progress: Progress) -> WaitCondition | None:
        """Run it; return the condition that completes it."""

    def plan(self, identity: Identity, key: Key, preconditions: Preconditions) -> Plan:
        """Plan the action on an existing release without another operation."""

        def check() -> None:
            preconditions.check_free(key)
            preconditions.require_existing(key)
            self.preview(key)

        words = f"{self.verb.noun.capitalize()} by {identity.user}"
        return Plan(self, key, self.run, check, words)
