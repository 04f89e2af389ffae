"""Longer ranges of an app's chart: the portal's own record, and what another one has beyond it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import time

from msgspec import Struct
from msgspec.structs import replace

from portal.domain.errors import DatabaseUnavailable, PortalError
from portal.domain.keys import Key
from portal.history.model import ChartRange
from portal.history.summary import Summary, summarized
from portal.state.model import AppState
from portal.state.store import Store
from portal.threads import in_thread


class Beyond(Struct, frozen=True):
    """The summaries of another record, and the names of the series that it lacks."""

    summaries: Sequence[Summary] = ()
    missing: Sequence[str] = ()


class LongHistory(Struct, frozen=True):
    """An app's summaries over a range, oldest first.

    ``borrowed`` are the times of those that are from Prometheus. ``missing`` are series that it
    does not have of the app, and ``failure`` says why it, or the database, could not be read.
    """

    summaries: Sequence[Summary] = ()
    borrowed: Sequence[int] = ()
    missing: Sequence[str] = ()
    failure: str = ""


ReadKept = Callable[[Key, ChartRange], Awaitable[Sequence[Summary]]]
ReadBeyond = Callable[[AppState, ChartRange, int], Awaitable[Beyond]]


class LongerHistory:
    """Reads a range: from the database, or from memory without one, then from beyond.

    ``kept`` reads the database; None without one. ``beyond`` is asked for the whole range, and
    counts only where the portal's own record has nothing.
    """

    def __init__(
        self,
        store: Store,
        kept: ReadKept | None,
        beyond: ReadBeyond | None,
        clock: Callable[[], float] = time,
    ) -> None:
        self._store = store
        self._kept = kept
        self._beyond = beyond
        self._clock = clock

    async def read(self, key: Key, chosen: ChartRange) -> LongHistory:
        """Return an app's summaries over a range.

        Raises:
            DatabaseUnavailable: the database does not answer, and there is nothing else.
        """
        failure = ""
        try:
            own = await self._own(key, chosen)
        except DatabaseUnavailable as error:
            if self._beyond is None:
                raise
            own, failure = (), str(error)
        if self._beyond is None:
            return LongHistory(own)
        try:
            found = await self._beyond(self._store.snapshot.app(key), chosen, int(self._clock()))
        except PortalError as error:
            return LongHistory(own, failure=" ".join(filter(None, (failure, str(error)))))
        summaries, borrowed = joined(own, found.summaries)
        return LongHistory(summaries, borrowed, found.missing, failure)

    async def _own(self, key: Key, chosen: ChartRange) -> Sequence[Summary]:
        if self._kept is not None:
            return await self._kept(key, chosen)
        samples = tuple(self._store.snapshot.app(key).history)
        return await in_thread(summarized, samples, chosen.step)


def joined(
    own: Sequence[Summary], others: Sequence[Summary]
) -> tuple[list[Summary], tuple[int, ...]]:
    """Return both records as one, and the times that only the other one has.

    Of a time that both have the own one counts; only use that it did not measure is filled in.
    """
    found = {each.at: each for each in own}
    borrowed: list[int] = []
    for other in others:
        mine = found.get(other.at)
        if mine is None:
            found[other.at] = other
            borrowed.append(other.at)
            continue
        found[other.at] = replace(
            mine,
            cpu=other.cpu if mine.cpu.mean is None else mine.cpu,
            memory=other.memory if mine.memory.mean is None else mine.memory,
        )
    return [found[at] for at in sorted(found)], tuple(borrowed)
