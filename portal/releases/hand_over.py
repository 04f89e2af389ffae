"""Hand over: make somebody else the owner of an app.

By owners that is a label of Helm's records. Where Kubernetes decides, the new owner can be given a
role in the namespace by the same operation, and the giver's own be taken back: in this order, so
that at no time nobody has it, and what was done is undone if a later part fails. If the portal is
killed meanwhile, another one makes Helm's records agree with the newest one. Roles it leaves as
they are, since it acts for nobody: handing over once more goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from msgspec.structs import asdict

from portal.domain.errors import Conflict, InvalidInput, NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import Operation, Verb
from portal.domain.owners import Owners, Role, label_of
from portal.domain.permissions import Permission
from portal.domain.release import ReleaseRevision
from portal.domain.role_bindings import RoleBinding
from portal.operations.action import Action
from portal.operations.interrupted import Interrupted
from portal.operations.outcome import InterruptedOutcome
from portal.operations.progress import Progress
from portal.operations.rollout import UNDER_WAY, Rollout
from portal.operations.waiting import WaitCondition
from portal.releases.access import Access
from portal.releases.changes import Changes
from portal.releases.namespace_roles import NamespaceRoles
from portal.releases.new_owner import (
    HandOverPreview,
    HandOverRequest,
    HandOverTerms,
    RoleChanges,
    asks_roles,
    done_words,
    known_words,
    owners_after,
    read_person,
    role_changes,
    terms_words,
    unfinished_words,
)
from portal.releases.owned_apps import OwnedApps
from portal.releases.owner_records import complete_owners
from portal.releases.plan import Plan
from portal.releases.ports import Records
from portal.releases.preconditions import Preconditions
from portal.releases.share import shared_names
from portal.state.model import AppState
from portal.state.ownership import known_owners, owner_name
from portal.state.store import Store

HAND_OVER = Verb("hand-over", "hand-over", "handing over", rolls_out=False)

Undo = list[tuple[str, Callable[[], Awaitable[object]]]]
"""Ways back of what was done, each with the words for the case that it fails."""


class HandOver(Action):
    """The change of a release's owner. It makes no revision.

    ``roles`` are those in namespaces, None where none can be given in the portal.
    """

    verb = HAND_OVER
    permission = Permission.HAND_OVER
    completes = True
    undone = "What it had done by then was undone: nothing has changed."

    def __init__(
        self,
        store: Store,
        access: Access,
        changes: Changes,
        records: Records,
        preconditions: Preconditions,
        owned: OwnedApps,
        roles: NamespaceRoles | None = None,
    ) -> None:
        self._store = store
        self._access = access
        self._changes = changes
        self._records = records
        self._preconditions = preconditions
        self._owned = owned
        self._roles = roles

    async def preview(
        self, identity: Identity, key: Key, asked: HandOverRequest, *, links: bool
    ) -> HandOverPreview:
        """Return what a hand-over would change.

        Raises:
            InvalidInput: by the fields of the request.
            Forbidden: Kubernetes does not let ``identity`` read the RoleBindings.
        """
        terms, problems = await self._terms(identity, key, asked)
        if terms is None or problems:
            raise InvalidInput(problems)
        here = [each for each in self._store.snapshot.apps.values() if each.release is not None]
        if terms.roles is not None:  # others' apps elsewhere are not theirs to know of
            here = [each for each in here if each.key.namespace == key.namespace]
        words = terms_words(terms, self._roles, len(here), links=links)
        return HandOverPreview(known_words(terms.to, known_owners(here)), words)

    def plan(self, identity: Identity, key: Key, asked: HandOverRequest) -> Plan:
        """Plan to hand a release over."""

        async def problems() -> Mapping[str, str]:
            return (await self._terms(identity, key, asked))[1]

        def check() -> None:
            self._preconditions.check_free(key)
            self._preconditions.require_existing(key)

        async def run(progress: Progress) -> WaitCondition:
            # Read again with the lease held: what was asked may not be possible any more.
            terms, found = await self._terms(identity, key, asked)
            if terms is None or found:
                raise Conflict("; ".join(found.values()), "Reload the page, and look again.")
            with self._owned.handing_over(terms.to, key):
                await self._hand_over(progress, terms)
            progress.put(advice=done_words(terms))
            return _until_seen(terms.to)

        return Plan(self, key, run, check, problems=problems, asked=asdict(asked))

    @staticmethod
    def outcome(operation: Operation, left: ReleaseRevision | None) -> InterruptedOutcome:
        """Return PENDING: some records may name the new owner, others the one before."""
        return InterruptedOutcome.PENDING if left else InterruptedOutcome.NOT_BEGUN

    async def complete(self, progress: Progress, left: ReleaseRevision | None) -> WaitCondition:
        """Have all records name the owner of the newest one; say what is left of roles.

        Raises:
            Interrupted: it is not handed over wholly; the message says what stands.
        """
        operation = progress.operation
        found = await complete_owners(self._records, progress, left)
        fields = HandOverRequest.__struct_fields__
        asked = HandOverRequest(*(operation.asked.get(each, "") for each in fields))
        to, _ = read_person(asked.to)
        noted = bool(to) and found.owner == label_of(to)
        unfinished = unfinished_words(
            asked, to, operation.actor, noted=noted, roles=self._roles is not None
        )
        if unfinished:
            raise Interrupted(*unfinished)
        progress.put(advice=f"{to} is the owner now.")
        return _until_seen(to)

    async def _terms(
        self, identity: Identity, key: Key, asked: HandOverRequest
    ) -> tuple[HandOverTerms | None, dict[str, str]]:
        """Return what would change, None if that cannot be told; and what is wrong, by field."""
        current = await self._changes.releases.read(key)
        if current is None:
            raise NotFound(f"There is no release {key.name} any more.")
        by_owner = self._access.by_owner(identity)
        former = owner_name(current.owners, current.values) if current.owners.owner else ""
        to, _ = read_person(asked.to)
        again = label_of(to) == current.owners.owner and not by_owner and to != identity.user
        after, found = owners_after(
            asked, current.owners, former, by_owner=by_owner, again=again and asks_roles(asked)
        )
        if "to" not in found and (problem := self._owned.problem(to, key)):
            found["to"] = problem
        changes: RoleChanges | None = None
        if not by_owner:
            changes, wrong = await self._role_changes(identity, key, asked, to)
            found |= wrong
            if again and not found and changes == RoleChanges(left=changes.left):
                found["to"] = f"{to} is the owner already, and has that role."
        if found:
            return None, found
        left = self._left(identity, key, former, after)
        return HandOverTerms(key, identity, former, to, current.owners, after, left, changes), {}

    def _left(self, identity: Identity, key: Key, former: str, after: Owners) -> Role | None:
        """Return what the former owner may do afterwards; of others no groups are known."""
        if former == identity.user:
            return self._access.role_with(identity, key, after)
        return after.role(Identity(former)) if former else None

    async def _role_changes(
        self, identity: Identity, key: Key, asked: HandOverRequest, to: str
    ) -> tuple[RoleChanges, dict[str, str]]:
        if not asks_roles(asked):
            return RoleChanges(), {}
        if self._roles is None:
            return RoleChanges(), {"role": "Giving roles is switched off in this portal."}
        found = await self._roles.listed(key.namespace, identity=identity)
        return role_changes(asked, identity.user, to, found, self._roles)

    async def _hand_over(self, progress: Progress, terms: HandOverTerms) -> None:
        key, identity = terms.key, terms.giver
        await progress.applies(*_applied(terms, self._roles))
        async with _undone(progress) as undo:
            if self._roles is not None and terms.roles is not None and terms.roles.given:
                await _give(progress, terms, terms.roles.given, self._roles, undo)
            undo.append(
                (
                    f"{terms.to} may be noted as the owner",
                    lambda: self._records.set_owners(key, terms.before, identity=identity),
                )
            )
            with progress.step(f"Write down {terms.to} as the owner"):
                await self._records.set_owners(key, terms.after, identity=identity)
            if self._roles is not None and terms.roles is not None:
                await _take_back(progress, terms, terms.roles.taken, self._roles, undo)


async def _give(
    progress: Progress,
    terms: HandOverTerms,
    given: RoleBinding,
    roles: NamespaceRoles,
    undo: Undo,
) -> None:
    namespace, identity = terms.key.namespace, terms.giver
    with progress.step(f"Give {terms.to} the role {roles.role(given)}"):
        try:
            await roles.bind(namespace, given, identity=identity)
        except Conflict:
            raise Conflict(
                f"The RoleBinding {given.name} is there already, and gives somebody else a role.",
                f"Whoever administers {namespace} has to put it right.",
            ) from None
    undo.append(
        (
            f"{terms.to} has the role {roles.role(given)} now",
            lambda: roles.unbind(namespace, given.name, identity=identity),
        )
    )


async def _take_back(
    progress: Progress,
    terms: HandOverTerms,
    taken: Sequence[RoleBinding],
    roles: NamespaceRoles,
    undo: Undo,
) -> None:
    namespace, identity = terms.key.namespace, terms.giver
    for each in taken:

        async def back(each: RoleBinding = each) -> None:
            with suppress(Conflict):  # it is there still
                await roles.bind(namespace, each, identity=identity)

        # Before it is done: an answer that does not come may have been a yes.
        undo.append((f"your role {roles.role(each)} may be gone", back))
        with progress.step(f"Take back your role {roles.role(each)}"):
            await roles.unbind(namespace, each.name, identity=identity)


@asynccontextmanager
async def _undone(progress: Progress) -> AsyncGenerator[Undo]:
    """Undo what the block has done, the last first, if it fails or is cancelled.

    Not if another portal has taken the operation over: it finds what was done, and goes on.

    Raises:
        Conflict: the block has failed, and something could not be undone.
    """
    undo: Undo = []
    try:
        yield undo
    except BaseException as error:
        if progress.left:
            raise
        if left := await _not_undone(undo, progress):
            why = error.message if isinstance(error, PortalError) else "It was ended half-way."
            raise Conflict(
                f"{why} Not all could be undone: {'; '.join(left)}.",
                "Look at Owner and sharing, and put it right there.",
            ) from error
        raise


async def _not_undone(undo: Undo, progress: Progress) -> list[str]:
    """Undo what was done, the last first; return what could not be, in words."""
    left: list[str] = []
    while undo:
        what, back = undo.pop()
        try:
            await back()
        except PortalError:
            left.append(what)
        except asyncio.CancelledError:
            if progress.left:
                raise
            # A portal that stops waits no longer.
            return [*left, what, *(each for each, _ in reversed(undo))]
    return left


def _applied(
    terms: HandOverTerms, roles: NamespaceRoles | None
) -> tuple[dict[str, object], dict[str, object]]:
    """Return what the audit trail has of before and after."""
    before: dict[str, object] = {
        "owner": terms.former,
        "shared_with": shared_names(terms.before.shared),
    }
    after: dict[str, object] = {
        "owner": terms.to,
        "shared_with": shared_names(terms.after.shared),
    }
    if terms.roles is not None and roles is not None:
        if terms.roles.given is not None:
            after[f"role_bindings.{terms.roles.given.name}"] = roles.role(terms.roles.given)
        for each in terms.roles.taken:
            before[f"role_bindings.{each.name}"] = roles.role(each)
    return before, after


def _until_seen(to: str) -> WaitCondition:
    return WaitCondition("Wait until the new owner is seen", lambda state, _: _seen(state, to))


def _seen(state: AppState, to: str) -> Rollout:
    """Return whether the snapshot shows the new owner; a release that is gone has none."""
    if state.release is None or state.release.owners.owner == label_of(to):
        return Rollout(done=True)
    return UNDER_WAY
