"""Share: set the users and groups that may own, operate or view a release besides its owner."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from portal.domain.errors import NotFound
from portal.domain.keys import Key
from portal.domain.operations import Operation, Verb
from portal.domain.owners import Owners, Role, read_entries, text_of, too_many
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.operations.action import Action
from portal.operations.interrupted import Interrupted
from portal.operations.outcome import InterruptedOutcome
from portal.operations.progress import Progress
from portal.releases.changes import Changes
from portal.releases.new_owner import CANNOT_BE_TOLD, case_words
from portal.releases.owner_records import complete_owners
from portal.releases.plan import Plan
from portal.releases.ports import Records
from portal.releases.preconditions import Preconditions

SHARE = Verb("share", "sharing", "sharing")


class Share(Action):
    """The sharing of a release. It writes labels of Helm's records, and makes no revision."""

    verb = SHARE
    permission = Permission.SHARE
    completes = True

    def __init__(self, changes: Changes, records: Records, preconditions: Preconditions) -> None:
        self._changes = changes
        self._records = records
        self._preconditions = preconditions

    def plan(self, key: Key, asked: Mapping[Role, str]) -> Plan:
        """Plan to share with exactly the users and groups that are ``asked`` for, by role."""
        read = {role: read_entries(text, role) for role, text in asked.items()}
        found = {str(role): problem for role, (_, problem) in read.items() if problem}
        shared = tuple(each for labels, _ in read.values() for each in labels)
        if not found and (problem := too_many(shared)):
            found = {str(next(iter(asked))): problem}

        async def problems() -> dict[str, str]:
            return found

        def check() -> None:
            self._preconditions.check_free(key)
            self._preconditions.require_existing(key)

        async def run(progress: Progress) -> None:
            with progress.step("Write down whom it is shared with"):
                current = await self._changes.releases.read(key)
                if current is None:
                    raise NotFound(f"There is no release {key.name} any more.")
                before = current.owners.shared
                await progress.applies(
                    {"shared_with": shared_names(before)}, {"shared_with": shared_names(shared)}
                )
                await self._records.set_owners(
                    key, Owners(current.owners.owner, shared), identity=progress.identity
                )

        return Plan(
            self, key, run, check, problems=problems, asked={"shared": shared_names(shared)}
        )

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return PENDING: some records may have the new labels, others those from before."""
        return InterruptedOutcome.PENDING if left else InterruptedOutcome.NOT_BEGUN

    async def complete(self, progress: Progress, left: ReleaseRevision | None) -> None:
        """Have all records name those that the newest one does.

        Raises:
            Interrupted: that is not what was asked for.
        """
        found = await complete_owners(self._records, progress, left)
        asked = progress.operation.asked.get("shared")
        if asked is None:
            raise Interrupted(CANNOT_BE_TOLD, "Look at Owner and sharing.")
        if shared_names(found.shared) != asked:
            raise Interrupted("The portal stopped before anything was changed.", "Try again.")


def shared_names(shared: Iterable[str]) -> str:
    """Return those with whom a release is shared, by their labels, as the audit trail has them."""
    return ", ".join(text_of(each) or each for each in shared)


def share_doubts(asked: Mapping[Role, str], owners: Collection[str]) -> dict[str, str]:
    """Return what is doubtful about whom a release is shared with, by role.

    ``owners`` are labels of users. A name in another case than that of a user gives nobody a right.
    """
    found: dict[str, str] = {}
    for role, text in asked.items():
        entries = Owners("", read_entries(text, role)[0]).shared_as(role)
        names = (each.removeprefix("user:") for each in entries if each.startswith("user:"))
        if doubts := [doubt for each in names if (doubt := case_words(each, owners))]:
            found[str(role)] = " ".join(doubts)
    return found
