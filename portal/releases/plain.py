"""Actions that need nothing but a release: a button, and a dialog that says what will happen."""

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
    """One that an app's page offers by itself, with a button that is called ``label``."""

    label: ClassVar[str]
    icon: ClassVar[str]

    @abstractmethod
    def preview(self, key: Key) -> tuple[str, ...]:
        """What will happen, in sentences; raises a ``PortalError`` where it cannot be done."""

    @abstractmethod
    async def run(self, progress: Progress) -> WaitCondition | None:
        """Do it; returns what has to be seen before it is done."""

    def plan(self, identity: Identity, key: Key, preconditions: Preconditions) -> Plan:
        """For a release that is there, and that nobody works on."""

        def check() -> None:
            preconditions.free(key)
            preconditions.there(key)
            self.preview(key)

        words = f"{self.verb.noun.capitalize()} by {identity.user}"
        return Plan(self, key, self.run, check, words)
