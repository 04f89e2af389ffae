"""A hand-over whose portal is killed, after each of its writes, and what another one makes of it.

Of whatever is left it holds: nobody has a right that neither the state before nor the one after
gives, somebody always may do all, and it is either whole or the page says what to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest
from msgspec.structs import replace

from portal.auth.kubernetes import KubernetesAuthorizer
from portal.auth.operation_identity import OperationIdentities
from portal.auth.policy import Policy
from portal.domain.errors import Forbidden
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.operations import Operation, OperationPhase
from portal.domain.owners import (
    MOST_SHARED,
    Owners,
    Role,
    is_about_owners,
    label_of,
    owners_in,
    read_entries,
)
from portal.domain.role_bindings import RoleBinding, Subject
from portal.operations.ports import NoSeal
from portal.operations.renewer import RunningOperation
from portal.releases.forms import ScaleRequest
from portal.releases.namespace_roles import NamespaceRoles
from portal.releases.new_owner import NOTHING, ROLES_KEPT, HandOverRequest
from portal.state.ownership import owners_of
from tests.unit.auth.test_kubernetes import LAUNCHER, FakeReviews
from tests.unit.recorder import Kept
from tests.unit.releases.fakes import FakeCluster, FakeHelm, FakeLeases, FakeRecords, until
from tests.unit.releases.test_actions import ANN, BOB, KEY, RULES, World
from tests.unit.releases.test_people import Bindings

REVISIONS = 3
GIVEN = ("viewer", "launcher", "administrator")
"""Roles that ann has, made by the portal."""

BY_OWNER = HandOverRequest("bob", Role.VIEW)
ALL_ROLES = HandOverRequest("user:bob", NOTHING, "administrator")
BESIDE = HandOverRequest("bob", ROLES_KEPT, "administrator")
ONLY_NOTED = HandOverRequest("bob", ROLES_KEPT)


class Kill:
    """Lets so many writes through, and then none, as if the portal were gone."""

    def __init__(self) -> None:
        self.after = 1_000
        self.made = 0
        self.over = asyncio.Event()

    async def write(self) -> None:
        if self.made >= self.after:
            self.over.set()
            await asyncio.Event().wait()
        self.made += 1


class WrittenOneByOne(FakeRecords):
    """Records of which each is written for itself, the newest first; as the own account never."""

    def __init__(self, cluster: FakeCluster, helm: FakeHelm, kill: Kill, *, own: bool) -> None:
        super().__init__(cluster, helm)
        self._kill, self._own = kill, own

    async def set_owners(self, key: Key, owners: Owners, *, identity: Identity | None) -> None:
        self.acted_for.append(identity)
        if identity is None and not self._own:
            raise Forbidden("secrets is forbidden")
        mine = sorted((each for each in self.cluster.labels if each[0] == key), reverse=True)
        for each in mine:
            labels = self.cluster.labels[each]
            if owners_in(labels) != owners:
                await self._kill.write()
                for name in [name for name in labels if is_about_owners(name)]:
                    del labels[name]
                labels |= owners.labels
                self.cluster.release(key, *self.cluster.shown[key])


class Held(Bindings):
    """RoleBindings that are written one by one."""

    def __init__(self, kill: Kill) -> None:
        super().__init__()
        self.now.clear()
        self._kill = kill

    async def bind(self, namespace: str, binding: RoleBinding, *, identity: Identity) -> None:
        await self._kill.write()
        await super().bind(namespace, binding, identity=identity)

    async def unbind(self, namespace: str, name: str, *, identity: Identity) -> None:
        await self._kill.write()
        await super().unbind(namespace, name, identity=identity)


class Portal(World):
    """One of two portals, by owners or where Kubernetes decides."""

    def __init__(self, *, kubernetes: bool, first: Portal | None = None, sealed: bool = True):
        self.kill = Kill()
        self.bindings = Held(self.kill)
        names = NamespaceRoles(self.bindings, "p")
        if first is not None:
            self.bindings.now = first.bindings.now
        elif kubernetes:
            for role in GIVEN:
                each = names.binding(role, Subject("user", "ann"))
                self.bindings.now[each.name] = each
        rules = NamespaceRules(("apps",))

        async def listed() -> tuple[str, ...]:
            return rules.listed

        reviews = FakeReviews({"apps": LAUNCHER})
        super().__init__(
            policy=KubernetesAuthorizer(reviews, listed, rules)
            if kubernetes
            else Policy(RULES, open_mode=False, admin_groups=("admins",)),
            rules=rules if kubernetes else RULES,
            recorder=Kept(),
            roles=names if kubernetes else None,
            seal=OperationIdentities(b"k" * 32) if sealed else NoSeal(),
            leases=first.leases if first else FakeLeases(),
            holder="portal-2" if first else "portal-1",
        )
        self.names = names
        self.records = WrittenOneByOne(self.cluster, self.helm, self.kill, own=not kubernetes)
        for each in (self.actions._share, self.actions._hand_over):
            each._records = self.records
            each._changes.releases._records = self.records
        self.operations._interrupted._records = self.records
        if first is not None:
            self.cluster.labels = first.cluster.labels
            self.helm.past = first.helm.past
            self.cluster.release(KEY, *first.cluster.shown[KEY])

    def roles(self, who: str) -> set[str]:
        subject = Subject("user", who)
        return {
            self.names.role(each) for each in self.bindings.now.values() if subject in each.subjects
        }

    @property
    def noted(self) -> list[Owners]:
        """The owners in each record, the newest first."""
        return [owners_in(self.cluster.labels[each]) for each in sorted(self.cluster.labels)][::-1]

    async def revised(self) -> None:
        await self.launched()
        for replicas in range(2, REVISIONS + 1):
            await self.ended(await self.actions.scale(ANN, KEY, ScaleRequest(replicas=replicas)))
        assert len(self.noted) == REVISIONS

    async def killed(
        self, begin: Awaitable[Operation], after: int, undone: int | None = None
    ) -> RunningOperation:
        """Begin an operation, and be gone after so many writes of it.

        With ``undone`` it is cancelled then, and gone after so many writes of undoing it.
        """
        self.kill.made, self.kill.after = 0, after
        await begin
        if undone is not None:
            await self.kill.over.wait()
            self.kill.over.clear()
            self.kill.after += undone
            await self.actions.cancel(BOB, KEY)
        running = self.operations.executor._running[KEY]
        waits = asyncio.create_task(self.kill.over.wait())
        seen = asyncio.create_task(
            until(self.store, lambda: self.phase() is OperationPhase.WAITING)
        )
        await asyncio.wait((waits, seen), return_when=asyncio.FIRST_COMPLETED)
        for each in (waits, seen, running.renewer):
            assert each is not None
            each.cancel()
        if running.progress.operation.phase is OperationPhase.WAITING and running.task:
            running.leave()
        del self.operations.executor._running[KEY]
        self.leases.registries.remove(self.operations.registry)
        return running

    async def recovered(self) -> Operation:
        """Go on with what is in the Lease."""
        lease = self.leases.now[KEY]
        await self.operations.executor.adopt(lease, self.operations._interrupted.resume)
        await until(self.store, lambda: self.phase().terminal)
        return self.operation()


@pytest.fixture
async def portals() -> AsyncIterator[list[Portal]]:
    """Those to be closed at the end."""
    every: list[Portal] = []
    yield every
    for each in every:
        await each.close()


@pytest.fixture
async def gone() -> AsyncIterator[list[RunningOperation]]:
    """Operations of portals that were killed."""
    every: list[RunningOperation] = []
    yield every
    for each in every:
        each.leave()
        if each.task is not None:
            await asyncio.wait([each.task])


def hand(portal: Portal, asked: HandOverRequest) -> Awaitable[Operation]:
    return portal.actions.hand_over(ANN, KEY, asked)


async def first_portal(portals: list[Portal], *, kubernetes: bool) -> Portal:
    portal = Portal(kubernetes=kubernetes)
    portals.append(portal)
    await portal.revised()
    return portal


BEFORE = Owners(label_of("ann"))
AFTER = Owners(label_of("bob"), (label_of("view:user:ann"),))
NOTED = Owners(label_of("bob"))


@pytest.mark.parametrize(
    ("asked", "kubernetes", "writes"),
    [
        (BY_OWNER, False, REVISIONS),
        (ALL_ROLES, True, 1 + REVISIONS + len(GIVEN)),
        (BESIDE, True, 1 + REVISIONS),
        (ONLY_NOTED, True, REVISIONS),
    ],
)
async def test_so_many_writes_are_one_hand_over(
    portals: list[Portal], asked: HandOverRequest, kubernetes: bool, writes: int
) -> None:
    portal = await first_portal(portals, kubernetes=kubernetes)
    portal.kill.made = 0
    ended = await portal.ended(await portal.actions.hand_over(ANN, KEY, asked))
    assert ended.phase is OperationPhase.SUCCEEDED
    assert portal.kill.made == writes, "so the tests below cut it after each"


@pytest.mark.parametrize("writes", range(REVISIONS + 1))
async def test_by_owners_it_is_whole_or_has_not_begun(
    portals: list[Portal], gone: list[RunningOperation], writes: int
) -> None:
    first = await first_portal(portals, kubernetes=False)
    gone.append(await first.killed(hand(first, BY_OWNER), writes))
    after = Portal(kubernetes=False, first=first)
    portals.append(after)
    left = owners_of(after.store.snapshot.app(KEY))
    assert left == (AFTER if writes else BEFORE), "the newest record decides, before any repair"

    ended = await after.recovered()

    assert after.noted == REVISIONS * [AFTER if writes else BEFORE], "one state, in every record"
    if writes:
        assert ended.phase is OperationPhase.SUCCEEDED, ended
        assert ended.advice == "bob is the owner now."
        return
    assert ended.phase is OperationPhase.INTERRUPTED
    assert ended.error == "The portal stopped before anything was changed."
    assert ended.advice.startswith("Hand it over to bob again")
    again = await after.ended(await after.actions.hand_over(ANN, KEY, BY_OWNER))
    assert again.phase is OperationPhase.SUCCEEDED
    assert after.noted == REVISIONS * [AFTER]


@pytest.mark.parametrize("writes", range(1 + REVISIONS + len(GIVEN) + 1))
async def test_where_kubernetes_decides_handing_over_again_goes_on(
    portals: list[Portal], gone: list[RunningOperation], writes: int
) -> None:
    first = await first_portal(portals, kubernetes=True)
    gone.append(await first.killed(hand(first, ALL_ROLES), writes))
    after = Portal(kubernetes=True, first=first)
    portals.append(after)

    ended = await after.recovered()

    assert after.roles("ann") <= set(GIVEN)
    assert after.roles("bob") <= {"administrator"}
    assert "administrator" in after.roles("ann") | after.roles("bob"), "somebody always may do all"
    assert set(after.records.acted_for) == {ANN}, "the records are written as whom is sealed"
    assert {what for what, _, _ in after.bindings.asked} <= {"list"}, "and no role is touched"
    assert ended.phase is OperationPhase.INTERRUPTED
    noted = writes > 1
    assert after.noted == REVISIONS * [NOTED if noted else BEFORE]
    if noted:
        assert "bob is the owner now, and ann may still have roles" in ended.error
        assert "ann can hand it over to bob again, with the same choices" in ended.advice
    else:
        assert "bob is not the owner yet, and may have the role administrator" in ended.error
        assert "Hand it over to bob again, with the same choices" in ended.advice

    if "administrator" in after.roles("ann"):
        words = " ".join((await after.actions.preview_hand_over(ANN, KEY, ALL_ROLES)).words)
        assert ("noted as the owner of sales already" in words) is noted
        assert ("no longer of" in words) is not noted
        done = await after.ended(await after.actions.hand_over(ANN, KEY, ALL_ROLES))
        assert done.phase is OperationPhase.SUCCEEDED, done
    assert after.roles("ann") == set()
    assert after.roles("bob") == {"administrator"}
    assert after.noted == REVISIONS * [NOTED]


@pytest.mark.parametrize("undone", range(1 + REVISIONS + len(GIVEN)))
async def test_a_portal_killed_while_it_undoes_leaves_what_can_be_gone_on_with(
    portals: list[Portal], gone: list[RunningOperation], undone: int
) -> None:
    first = await first_portal(portals, kubernetes=True)
    last = REVISIONS + len(GIVEN)
    gone.append(await first.killed(hand(first, ALL_ROLES), last, undone))
    after = Portal(kubernetes=True, first=first)
    portals.append(after)
    ended = await after.recovered()
    assert ended.phase is OperationPhase.INTERRUPTED
    assert after.noted in (REVISIONS * [NOTED], REVISIONS * [BEFORE])
    assert after.roles("bob") <= {"administrator"}
    assert "administrator" in after.roles("ann") <= set(GIVEN)
    done = await after.ended(await after.actions.hand_over(ANN, KEY, ALL_ROLES))
    assert done.phase is OperationPhase.SUCCEEDED, done
    assert (after.roles("ann"), after.roles("bob")) == (set(), {"administrator"})
    assert after.noted == REVISIONS * [NOTED]


@pytest.mark.parametrize("writes", range(1 + REVISIONS + 1))
async def test_a_role_beside_ones_own_is_given_before_the_owner_is_noted(
    portals: list[Portal], gone: list[RunningOperation], writes: int
) -> None:
    first = await first_portal(portals, kubernetes=True)
    gone.append(await first.killed(hand(first, BESIDE), writes))
    after = Portal(kubernetes=True, first=first)
    portals.append(after)
    ended = await after.recovered()
    assert after.roles("ann") == set(GIVEN)
    if writes > 1:
        assert ended.phase is OperationPhase.SUCCEEDED, "nothing is left to do"
    else:
        assert "may have the role administrator in the namespace by now" in ended.error
        await after.ended(await after.actions.hand_over(ANN, KEY, BESIDE))
    assert (after.roles("bob"), after.noted) == ({"administrator"}, REVISIONS * [NOTED])


async def test_without_a_seal_the_records_are_not_written_and_that_is_said(
    portals: list[Portal], gone: list[RunningOperation]
) -> None:
    first = await first_portal(portals, kubernetes=True)
    gone.append(await first.killed(hand(first, ALL_ROLES), 2))
    after = Portal(kubernetes=True, first=first, sealed=False)
    portals.append(after)
    ended = await after.recovered()
    assert ended.phase is OperationPhase.INTERRUPTED
    assert "older ones may name others. secrets is forbidden" in ended.error
    assert after.noted == [NOTED, BEFORE, BEFORE]
    done = await after.ended(await after.actions.hand_over(ANN, KEY, ALL_ROLES))
    assert done.phase is OperationPhase.SUCCEEDED
    assert (after.roles("ann"), after.noted) == (set(), REVISIONS * [NOTED])


@pytest.mark.parametrize("to", ["eve", "ann", "", "system:admin"])
async def test_whom_a_lease_names_gets_nothing_by_it(
    portals: list[Portal], gone: list[RunningOperation], to: str
) -> None:
    """Whoever writes Leases can write there what another portal is to finish."""
    first = await first_portal(portals, kubernetes=False)
    gone.append(await first.killed(hand(first, BY_OWNER), 0))
    lease = first.leases.now[KEY]
    operation = replace(lease.operation, asked={"to": to, "keep": "own", "more": "x"})
    first.leases.now[KEY] = replace(lease, operation=operation)
    after = Portal(kubernetes=False, first=first)
    portals.append(after)
    await after.recovered()
    assert after.noted == REVISIONS * [BEFORE]


async def test_one_that_has_lost_its_lease_undoes_nothing(
    portals: list[Portal], gone: list[RunningOperation]
) -> None:
    """It would undo what the portal that goes on with it has made whole."""
    first = await first_portal(portals, kubernetes=False)
    running = await first.killed(hand(first, BY_OWNER), 2)
    gone.append(running)
    after = Portal(kubernetes=False, first=first)
    portals.append(after)
    assert (await after.recovered()).phase is OperationPhase.SUCCEEDED
    first.kill.after = 1_000
    running.leave()
    assert running.task is not None
    await asyncio.wait([running.task])
    assert after.noted == REVISIONS * [AFTER]


@pytest.mark.parametrize("writes", range(1 + REVISIONS + len(GIVEN)))
async def test_one_that_is_cancelled_is_undone(portals: list[Portal], writes: int) -> None:
    portal = await first_portal(portals, kubernetes=True)
    before = dict(portal.bindings.now)
    portal.kill.made, portal.kill.after = 0, writes
    begun = await portal.actions.hand_over(ANN, KEY, ALL_ROLES)
    await portal.kill.over.wait()
    portal.kill.after = 1_000
    await portal.actions.cancel(BOB, KEY)
    ended = await portal.ended(begun)
    assert ended.phase is OperationPhase.CANCELLED
    assert ended.advice == "What it had done by then was undone: nothing has changed."
    assert (portal.bindings.now, portal.noted) == (before, REVISIONS * [BEFORE])


async def test_one_that_is_cancelled_says_what_could_not_be_undone(portals: list[Portal]) -> None:
    portal = await first_portal(portals, kubernetes=True)
    portal.kill.made, portal.kill.after = 0, 2
    begun = await portal.actions.hand_over(ANN, KEY, ALL_ROLES)
    await portal.kill.over.wait()
    portal.kill.after = 1_000
    portal.bindings.refuses = {"ann"}
    await portal.actions.cancel(BOB, KEY)
    ended = await portal.ended(begun)
    assert ended.phase is OperationPhase.FAILED
    assert "Not all could be undone: bob has the role administrator now." in ended.error


async def test_one_that_may_not_finish_undoing_does_not_say_that_it_did(
    portals: list[Portal],
) -> None:
    """A portal that stops gives it some seconds."""
    portal = await first_portal(portals, kubernetes=True)
    portal.kill.made, portal.kill.after = 0, 2
    begun = await portal.actions.hand_over(ANN, KEY, ALL_ROLES)
    running = portal.operations.executor._running[KEY]
    await portal.kill.over.wait()
    portal.kill.over.clear()
    await portal.actions.cancel(BOB, KEY)
    await portal.kill.over.wait()
    assert running.task is not None
    running.task.cancel()
    ended = await portal.ended(begun)
    assert ended.phase is OperationPhase.FAILED
    assert "bob may be noted as the owner; bob has the role administrator now." in ended.error


SHARED = {Role.VIEW: ", ".join(f"user:eve-{number}" for number in range(MOST_SHARED))}


@pytest.mark.parametrize("writes", range(REVISIONS))
async def test_sharing_is_whole_or_has_not_begun(
    portals: list[Portal], gone: list[RunningOperation], writes: int
) -> None:
    first = await first_portal(portals, kubernetes=False)
    gone.append(await first.killed(first.actions.share(ANN, KEY, SHARED), writes))
    after = Portal(kubernetes=False, first=first)
    portals.append(after)
    ended = await after.recovered()
    wanted = Owners(label_of("ann"), read_entries(SHARED[Role.VIEW], Role.VIEW)[0])
    if not writes:
        wanted = BEFORE
    assert after.noted == REVISIONS * [wanted]
    assert ended.phase is (OperationPhase.SUCCEEDED if writes else OperationPhase.INTERRUPTED)


async def test_sharing_that_does_not_say_what_was_asked_is_not_said_to_have_done_nothing(
    portals: list[Portal], gone: list[RunningOperation]
) -> None:
    """An older version of the portal did not note it."""
    first = await first_portal(portals, kubernetes=False)
    gone.append(await first.killed(first.actions.share(ANN, KEY, SHARED), 1))
    lease = first.leases.now[KEY]
    first.leases.now[KEY] = replace(lease, operation=replace(lease.operation, asked={}))
    after = Portal(kubernetes=False, first=first)
    portals.append(after)
    ended = await after.recovered()
    assert ended.phase is OperationPhase.INTERRUPTED
    assert "cannot be told how far it was" in ended.error
    assert len(set(after.noted)) == 1
