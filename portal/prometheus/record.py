"""An app's summaries from Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from portal.history.longer import Beyond
from portal.history.model import ChartRange
from portal.history.summary import Reading, Summary
from portal.prometheus.client import Query, Series
from portal.prometheus.queries import (
    CPU,
    CPU_HIGHEST,
    CURRENT,
    DESIRED,
    MEMORY,
    MEMORY_HIGHEST,
    READY,
    SERIES,
    queries,
)
from portal.state.model import AppState

AT_ONCE = 4
"""Queries at the same time, of all pages together."""


class PrometheusRecord:
    """Reads what Prometheus has of an app."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, state: AppState, chosen: ChartRange, now: int) -> Beyond:
        """Return the summaries of a range, as far as spans of it are complete.

        Raises:
            PrometheusUnavailable: it does not answer.
        """
        step = chosen.step
        asked = queries(state.key.namespace, state.workloads, step)
        end = now // step * step
        start = end - chosen.seconds + step

        async def ask(query: str) -> Series:
            async with self._turns:
                return await self._query(query, start, end, step)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = {name: group.create_task(ask(query)) for name, query in asked.items()}
        except* Exception as errors:
            raise errors.exceptions[0] from None
        found = {name: task.result() for name, task in tasks.items()}
        return Beyond(summaries(found, step), missing(found))


def summaries(found: Mapping[str, Series], step: int) -> list[Summary]:
    """Return a summary of each span that something is known of; a value is of those before it."""
    measured = (found.get(name, {}) for name in (CPU, MEMORY, CURRENT))
    times = sorted(set[int]().union(*measured))

    def reading(mean: str, highest: str, at: int) -> Reading:
        return Reading(found.get(mean, {}).get(at), found.get(highest, {}).get(at))

    def whole(name: str, at: int) -> int | None:
        value = found.get(name, {}).get(at)
        return None if value is None else round(value)

    return [
        Summary(
            at=at - step,
            desired=whole(DESIRED, at),
            current=whole(CURRENT, at),
            ready=whole(READY, at),
            cpu=reading(CPU, CPU_HIGHEST, at),
            memory=reading(MEMORY, MEMORY_HIGHEST, at),
        )
        for at in times
    ]


def missing(found: Mapping[str, Series]) -> Sequence[str]:
    """Return the names of the series that Prometheus does not have of an app."""
    return tuple(series for name, series in SERIES.items() if name in found and not found[name])
