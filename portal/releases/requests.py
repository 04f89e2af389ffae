"""The one way that every change goes: authorise, validate, lock, run, record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct

from portal.domain.errors import InvalidInput
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.operations import Operation, Verb
from portal.domain.permissions import NEEDED
from portal.operations.executor import OperationExecutor, Work
from portal.operations.progress import Progress
from portal.operations.waiting import WaitCondition
from portal.releases.access import Access
from portal.releases.changes import Changes
from portal.releases.preconditions import Preconditions
from portal.state.store import Store

Problems = Callable[[], Awaitable[Mapping[str, str]]]


async def _none() -> Mapping[str, str]:
    return {}


class Request(Struct, frozen=True):
    """A change of a release that somebody asks for.

    ``work`` makes it, and ``description`` is what Helm's history says of it. ``problems`` tells
    what is wrong with what was asked for, by form field; ``check`` raises what stands against it
    in the cluster. ``expected_revision`` is the revision that whoever asks has seen, None for none.
    """

    key: Key
    verb: Verb
    work: Work
    check: Callable[[], None]
    description: str = ""
    problems: Problems = _none
    expected_revision: int | None = None


class Requests:
    """Takes requests, and begins them."""

    def __init__(
        self,
        access: Access,
        store: Store,
        changes: Changes,
        preconditions: Preconditions,
        executor: OperationExecutor,
    ) -> None:
        self._access = access
        self._store = store
        self._changes = changes
        self._preconditions = preconditions
        self._executor = executor

    async def begin(self, identity: Identity, request: Request) -> Operation:
        """Answer with the operation as soon as the release is its own; it goes on by itself.

        Raises ``Forbidden``, ``InvalidInput``, ``Conflict`` or ``ReleaseBusy`` before it began.
        """
        key, needed = request.key, NEEDED[request.verb]
        await self._access.check(identity, needed, key)
        problems = await request.problems()
        if problems:
            raise InvalidInput(problems)
        request.check()
        # The work looks again. Here already, so that the person still has the form when refused.
        if request.expected_revision is not None:
            self._preconditions.unchanged(
                await self._changes.current(key), key, request.expected_revision
            )
        release = self._store.snapshot.app(key).release

        async def work(progress: Progress) -> WaitCondition | None:
            await self._access.recheck(identity, needed, key)
            return await request.work(progress)

        return await self._executor.begin(
            key,
            request.verb,
            identity.user,
            work,
            base=release.revision if release else 0,
            description=request.description,
        )
