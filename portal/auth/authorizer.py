"""The interface of authorizers, which decide who may do what, and a cache of their answers.

An ``Authorizer`` may have to call another service, so it is asked ahead: when a request arrives,
and every few seconds while a live view is open. Code that reads the answer, for each row of a list
or each key that is pressed, never waits. Without an answer everything is refused.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from msgspec import Struct

from portal.domain.errors import Forbidden, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.owners import Owners
from portal.domain.permissions import Permission, Scope

log = logging.getLogger(__name__)

FRESH = 5.0
"""Seconds after which a request or an open live view asks again."""
FRESH_IF_TOLD = 15.0
"""The same while the portal is told of every change (``KnownRights.forget``)."""
PATIENCE = 5.0
"""Seconds after which an unanswered question counts as refused."""
GOOD_FOR = 30.0
"""Seconds after which an answer that was not renewed expires."""
AT_ONCE = 20
"""Maximum number of identities asked about at the same time."""

ADVICE = "The portal asks again every few seconds. If this lasts, tell an administrator."


class Rights(Protocol):
    """The permissions of one identity, as answered: pure, and equal if the answers are."""

    @property
    def namespaces(self) -> frozenset[str] | None:
        """The namespaces that the identity may see; None for all."""
        ...

    @property
    def by_owner(self) -> bool:
        """True if it matters who owns a release: then a refusal waits until that is known."""
        ...

    def refusal(self, permission: Permission, key: Key, owners: Owners | None) -> Forbidden | None:
        """Return why this may not be done to the release ``key``; None if it may.

        ``owners`` is None if there is no such release.
        """
        ...

    def scope(self, key: Key, owners: Owners | None) -> Scope:
        """Return the scope for the page of the release ``key``."""
        ...

    def list_scope(self, own: str | None) -> Scope:
        """Return the scope for a list; ``own`` is the user whose apps it shows (None: all)."""
        ...


class Authorizer(Protocol):
    """Decides what identities may do."""

    async def rights(self, identity: Identity) -> Rights:
        """Return the rights of one identity; raises a ``PortalError`` if they are not known."""
        ...


class NoRights(Struct, frozen=True):
    """The rights without an answer: nothing is shown or allowed, and ``why`` says why."""

    why: str

    @property
    def namespaces(self) -> frozenset[str]:
        """The empty set."""
        return frozenset()

    @property
    def by_owner(self) -> bool:
        """False: owners do not matter."""
        return False

    def refusal(self, permission: Permission, key: Key, owners: Owners | None) -> Forbidden:
        """Refuse everything for the same reason."""
        return Forbidden(self.why, ADVICE)

    def scope(self, key: Key, owners: Owners | None) -> Scope:
        """Return the scope that shows nothing."""
        return self.list_scope(None)

    def list_scope(self, own: str | None) -> Scope:
        """Return the scope that shows nothing."""
        return Scope(frozenset(), self.why, frozenset(), unanswered=f"{self.why} {ADVICE}")


NOT_ASKED = NoRights("What you may do has not been found out yet.")


class _Answer(Struct, frozen=True):
    rights: Rights
    at: float
    """Time at which it was asked for."""


class KnownRights:
    """A cache of an authorizer's answers, shared by all requests and views of an identity.

    A question that fails, or takes longer than ``patience``, counts as refused. While ``told`` is
    true, ``forget`` is called after each change, and answers stay fresh for longer. Times are in
    seconds. Everything runs on one event loop.
    """

    def __init__(
        self,
        authorizer: Authorizer,
        *,
        fresh: float = FRESH,
        patience: float = PATIENCE,
        good_for: float = GOOD_FOR,
        told: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authorizer = authorizer
        self._told = told
        self._fresh = fresh
        self._patience = patience
        self._good_for = good_for
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._answers: dict[Identity, _Answer] = {}
        """In order, the oldest first."""
        self._asking: dict[Identity, asyncio.Task[Rights]] = {}
        self._changed: list[Callable[[Identity], None]] = []
        self._forgotten = -math.inf
        """Answers that were asked for before this time are not fresh."""
        self._news = asyncio.Event()

    def __len__(self) -> int:
        """Return the number of answers kept."""
        return len(self._answers)

    def known(self, identity: Identity) -> Rights:
        """Return the newest answer, without asking; ``NoRights`` if there is none."""
        answer = self._answers.get(identity)
        if answer is None or self._clock() - answer.at > self._good_for:
            return NOT_ASKED
        return answer.rights

    async def ask(self, identity: Identity) -> Rights:
        """Return a fresh answer, asking if necessary; never raises."""
        answer = self._answers.get(identity)
        if answer is not None and self._is_fresh(answer):
            return answer.rights
        return await self.ask_again(identity)

    def forget(self) -> None:
        """Ask anew for everybody who is looking, and for others when they come again.

        For when roles have changed. What is known counts until there is an answer.
        """
        self._forgotten = self._clock()
        self._asking.clear()  # their answers may be of before the change
        self._news.set()

    def _is_fresh(self, answer: _Answer) -> bool:
        fresh = max(self._fresh, FRESH_IF_TOLD) if self._told() else self._fresh
        return answer.at >= self._forgotten and self._clock() - answer.at < fresh

    async def ask_again(self, identity: Identity) -> Rights:
        """Ask and return the answer, sharing a question that is under way; never raises."""
        task = self._asking.get(identity)
        if task is None:
            task = self._asking[identity] = asyncio.ensure_future(self._find_out(identity))
        return await asyncio.shield(task)

    async def keep_fresh(self, looking: Callable[[], Iterable[Identity]]) -> None:
        """Ask again periodically for the identities with an open live view, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._fresh):
                    await self._news.wait()
            self._news.clear()
            await asyncio.gather(*(self.ask(each) for each in set(looking())))

    def on_change(self, listener: Callable[[Identity], None]) -> None:
        """Call ``listener`` with each identity whose answer has changed."""
        self._changed.append(listener)

    async def _find_out(self, identity: Identity) -> Rights:
        began = self._clock()
        try:
            rights = await self._answer(identity)
        finally:
            if self._asking.get(identity) is asyncio.current_task():
                del self._asking[identity]
        before = self._answers.pop(identity, None)
        if before is not None and before.at > began:  # a later question was answered sooner
            self._answers[identity] = before
            return before.rights
        self._answers[identity] = _Answer(rights, began)
        self._forget()
        if before is None or before.rights != rights:
            if isinstance(rights, NoRights):
                log.warning("%s may do nothing: %s", identity.user, rights.why)
            for listener in self._changed:
                listener(identity)
        return rights

    async def _answer(self, identity: Identity) -> Rights:
        try:
            async with asyncio.timeout(self._patience), self._slots:
                return await self._authorizer.rights(identity)
        except TimeoutError:
            why = f"there was no answer within {self._patience:g} seconds"
        except PortalError as error:
            why = error.message.rstrip(".")
        except Exception:
            log.exception("cannot find out what %s may do", identity.user)
            why = "something went wrong in the portal itself"
        return NoRights(f"What you may do could not be found out: {why}.")

    def _forget(self) -> None:
        """Remove expired answers."""
        ends = self._clock() - self._good_for
        while self._answers:
            oldest = next(iter(self._answers))
            if self._answers[oldest].at >= ends:
                return
            del self._answers[oldest]
