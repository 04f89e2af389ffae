"""The recorded load of an app, as a simulation takes it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from portal.autoscaling.memory import Measurement, MemoryModel, memory_model
from portal.autoscaling.replay import INTERRUPTION
from portal.autoscaling.simulation import Load
from portal.state.history import MINUTE, Sample

STARTS = 3
"""The pods that have to have started, to tell what it takes to start one."""


class RecordedLoad(Struct, frozen=True):
    """The load at each sample of a record, oldest first, and what each pod takes by itself.

    ``start_cost`` are the core-seconds that a new pod takes to start, None if few were seen.
    ``apart`` is False if a part of the record does not tell the work of starting from load.
    """

    loads: tuple[Load, ...] = ()
    memory: MemoryModel = MemoryModel()
    start_cost: float | None = None
    apart: bool = True


def recorded_load(samples: Sequence[Sample]) -> RecordedLoad:
    """Return the load of a record."""
    model = memory_model(
        [
            Measurement(each.memory / each.measured, each.ready_cpu / each.ready)
            for each in samples
            if each.memory is not None and each.measured
            if each.ready_cpu is not None and each.ready
        ]
    )
    return RecordedLoad(
        tuple(_load(each, model) for each in samples),
        model,
        _start_cost(samples),
        all(each.measured is not None or each.cpu is None for each in samples),
    )


def _load(sample: Sample, model: MemoryModel) -> Load:
    """Return the load of one sample.

    What a pod has beyond both parts of its memory counts with the base, so that a replay with as
    many pods has what was measured.
    """
    at = sample.at.timestamp()
    if sample.measured is None:  # the samples of an earlier version
        return Load(at, sample.cpu, *_whole(sample))
    cpu = sample.ready_cpu
    if sample.memory is None or not sample.measured:
        return Load(at, cpu)
    moving = model.a_core * (cpu or 0.0)
    of_pod = sample.memory / sample.measured
    base = max(0.0, of_pod - moving / max(1, sample.ready))
    return Load(at, cpu, moving, base)


def _whole(sample: Sample) -> tuple[float | None, float]:
    """Return memory that is all base, of a sample that does not tell how many pods have it."""
    if sample.memory is None:
        return None, 0.0
    return 0.0, sample.memory / max(1, sample.current)


def _start_cost(samples: Sequence[Sample]) -> float | None:
    """Return the core-seconds of a pod's start: what was used beyond the load, by the pods made.

    Of each minute the last sample counts: what else is kept of it was chosen by its replicas.
    """
    started = sum(
        max(0, after.current - before.current)
        for before, after in pairwise(samples)
        if (after.at - before.at).total_seconds() <= INTERRUPTION
    )
    minutes = {int(each.at.timestamp()) // MINUTE: each for each in samples}
    spent = [
        max(0.0, each.cpu - each.ready_cpu)
        for each in minutes.values()
        if each.cpu is not None and each.ready_cpu is not None
    ]
    return MINUTE * sum(spent) / started if spent and started >= STARTS else None
