"""Waiting by watching: for as long as it takes, until the snapshot shows what was wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from portal.domain.errors import Conflict
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.operations.rollout import Rollout
from portal.state.model import AppState
from portal.state.store import Store

Look = Callable[[AppState, bool], Rollout]
"""What an app's state says of a condition; the flag: whether the release was seen before."""


class WaitCondition(Struct, frozen=True):
    """What has to be seen before an operation is done, and the title of waiting for it."""

    title: str
    look: Look


HELD_FOR = 60.0
"""Seconds that something may be held up by what need never end."""


async def until(
    store: Store, key: Key, look: Look, settle: float, *, held_for: float = HELD_FOR
) -> None:
    """Wait until what ``look`` sees is done, and stays so for ``settle`` seconds.

    Raises:
        Conflict: it can never be done any more, or has been held up for ``held_for`` seconds;
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
    """Whether the snapshot tells of a kind as it is, a moment's delay aside."""
    source = store.snapshot.sources.get(str(kind))
    if source is None or not source.synced or not source.available or source.error:
        return False
    return not source.stale(now)
