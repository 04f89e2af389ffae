"""The assumptions of a replay in sentences, and how far off replays were found to be. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from portal.autoscaling.memory import SLIGHT, Confidence, MemoryModel
from portal.autoscaling.simulation import Figures
from portal.viewmodels.recorded_load import RecordedLoad
from portal.viewmodels.words import joined, number, percent, size, span

UNKNOWABLE = (
    "What a replay cannot know: load that would have come, gone or waited with another number of "
    "pods, such as people who gave up, requests that failed, or ones that were tried again. It is "
    "modelled as the same load whatever the number of pods."
)

MEASURED = (
    "In an hour of load tests on a real cluster, replays with an app's own settings had from 2 % "
    "less to 8 % more pod-hours than there were, and from 5 % less to 3 % more with those of "
    "another app, which was sent the same requests. Where the load changed every minute or two, "
    "and one app lost requests that the other one served, it was from 33 % less to 26 % more."
)

NOT_APART = (
    "A part of the record is of an earlier version of the portal: there the CPU of starting pods "
    "counts as load, so a replay has too many pods."
)


def replay_notes(
    load: RecordedLoad, was: Figures, as_is: Figures, start_up: float, left_out: Sequence[str]
) -> tuple[str, ...]:
    """Return what is assumed; ``as_is`` are the figures of a replay of what was.

    ``start_up`` are the seconds until a new pod is ready, ``left_out`` metrics without a record.
    """
    return tuple(_notes(load, was, as_is, start_up, left_out))


def _notes(
    load: RecordedLoad, was: Figures, as_is: Figures, start_up: float, left_out: Sequence[str]
) -> Iterator[str]:
    yield f"The last {span(was.seconds)} are replayed, a decision every 15 s."
    yield (
        "The CPU that the load took of all pods together is taken as recorded and shared by the "
        f"pods that would have been ready; a new pod is ready after {span(start_up)}, as the "
        "app's pods were. What pods use before they are ready is no load."
    )
    if load.start_cost is not None:
        yield (
            f"A new pod took about {number(load.start_cost, 1)} core-seconds to start, which is a "
            "cost of each start."
        )
    yield from _of_memory(load.memory)
    if not load.apart:
        yield NOT_APART
    yield UNKNOWABLE
    yield MEASURED
    error = abs(as_is.pod_hours - was.pod_hours)
    share = error / was.pod_hours if was.pod_hours else 0.0
    yield f"With the present settings the replay is off by {percent(100 * share)} in pod-hours."
    if left_out:
        yield f"Only CPU and memory are replayed, without {joined(left_out)}."


def _of_memory(memory: MemoryModel) -> Iterator[str]:
    """Yield what is assumed of memory, and how sure that is."""
    if not memory.base and not memory.a_core:
        return
    sure = f"confidence {memory.confidence}"
    if memory.moves >= SLIGHT:
        yield (
            f"Memory: each pod has {size(memory.base)} by itself, and the load brings "
            f"{size(memory.a_core)} for each core that it takes, which pods share ({sure}, by the "
            "memory of pods in quiet and in busy times)."
        )
        return
    why = "the load hardly differed, so it was not seen to move memory"
    if memory.confidence is not Confidence.LOW:
        why = "it was the same in quiet and in busy times"
    yield f"Memory: each pod has {size(memory.base)}, whatever the load ({sure}: {why})."
