"""Waiting for conditions on the snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec import Struct

from portal.domain.errors import Conflict
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.operations.rollout import Rollout
from portal.state.model import AppState
from portal.state.store import Store

Look = Callable[[AppState, bool], Rollout]
"""Evaluates a condition on an app's state; the flag is True if the release was seen before."""


class WaitCondition(Struct, frozen=True):
    """A condition that completes an operation, and the title of the step that waits for it.

    ``stop`` ends what is waited for when a user, whose name it gets, cancels the operation, and
    returns what is to be said of that; None if there is nothing to end.
    """

    title: str
    look: Look
    stop: Callable[[str], Awaitable[str]] | None = None


HELD_FOR = 60.0
"""Seconds for which finalizers may block a removal before the wait fails."""


async def until(
    store: Store, key: Key, look: Look, settle: float, *, held_for: float = HELD_FOR
) -> None:
    """Wait until ``look`` returns a rollout that is done, and stays so for ``settle`` seconds.

    There is no time limit otherwise.

    Raises:
        Conflict: it can no longer complete, or has been blocked for ``held_for`` seconds;
            the message says why.
    """
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def tell(keys: frozenset[Key]) -> None:
        if key in keys:
            changed.set()

    seen, held_at = False, None
    stop = store.on_change(tell)
    try:
        while True:
            changed.clear()
            state = store.snapshot.app(key)
            rollout = look(state, seen)
            seen = seen or state.release is not None
            if rollout.lost:
                raise Conflict(rollout.lost)
            held_at = (held_at or loop.time()) if rollout.held else None
            end = held_at + held_for if held_at else None
            try:
                async with asyncio.timeout_at(loop.time() + settle if rollout.done else end):
                    await changed.wait()
            except TimeoutError:
                if rollout.done:
                    return
                raise Conflict(
                    rollout.held,
                    "Whoever set it takes it away when its work is done. If that program is gone, "
                    "an administrator can remove it from the object's metadata.",
                ) from None
    finally:
        stop()


def watched(store: Store, kind: Kind, now: datetime) -> bool:
    """Return True if the watch of a kind is synced, without error and not stale."""
    source = store.snapshot.sources.get(str(kind))
    if source is None or not source.synced or not source.available or source.error:
        return False
    return not source.stale(now)
