"""Waiting by watching: for as long as it takes, until the snapshot shows what was wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from portal.actions.rollout import Rollout
from portal.domain.errors import Conflict
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.state.model import AppState
from portal.state.store import Store

Look = Callable[[AppState, bool], Rollout]
"""What an app's state says of a goal; the flag: whether the release was seen before."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What has to be seen before an operation is done, and the title of waiting for it."""

    title: str
    look: Look


async def until(store: Store, key: Key, look: Look, settle: float) -> None:
    """Wait until what ``look`` sees is done, and stays so for ``settle`` seconds.

    Raises:
        Conflict: it can never be done any more; the message says why.
    """
    changed = asyncio.Event()

    def tell(keys: frozenset[Key]) -> None:
        if key in keys:
            changed.set()

    seen = False
    stop = store.on_change(tell)
    try:
        while True:
            changed.clear()
            state = store.snapshot.app(key)
            rollout = look(state, seen)
            seen = seen or state.release is not None
            if rollout.lost:
                raise Conflict(rollout.lost)
            try:
                async with asyncio.timeout(settle if rollout.done else None):
                    await changed.wait()
            except TimeoutError:
                return
    finally:
        stop()


def watched(store: Store, kind: Kind, now: datetime) -> bool:
    """Whether the snapshot tells of a kind as it is, a moment's delay aside."""
    source = store.snapshot.sources.get(str(kind))
    if source is None or not source.synced or not source.available or source.error:
        return False
    return not source.stale(now)
