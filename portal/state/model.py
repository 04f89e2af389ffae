"""Everything known of one app, and how each watch is doing: what the state room hands out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.objects import (
    Event,
    Gateway,
    Hpa,
    HttpRoute,
    Ingress,
    Pod,
    PodUsage,
    Probe,
    ReplicaSet,
    Service,
    Workload,
)
from portal.domain.operations import Operation
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.state.history import History, PodHistory, Sample

__all__ = ["STALE_AFTER", "AppState", "History", "PodHistory", "Probe", "Sample", "WatchHealth"]

STALE_AFTER = 12.0
"""Seconds without a sign of life after which a watch counts as stale. A healthy one is silent for
ten at most; with the time until a page is rendered again, people are told within fifteen."""


class WatchHealth(Struct, frozen=True):
    """How the watch of one kind is doing, or the polling of the metrics API (``metrics``).

    ``alive_at`` is the last time it was known to be current: by a list, an event, a bookmark, a
    watch that lasted its time, or a poll. An open watch alone proves nothing. ``available`` is
    False where the cluster has no such API or forbids it.
    ``unread`` says which of its objects cannot be read, while all else is current. ``title`` is
    what people call these objects, and ``optional`` is True of an API that a cluster may well not
    have.
    """

    name: str
    synced: bool = False
    available: bool = True
    alive_at: datetime | None = None
    error: str = ""
    unread: str = ""
    title: str = ""
    optional: bool = False

    def stale(self, now: datetime) -> bool:
        """Whether what was heard last may no longer be true."""
        if not self.available:
            return False
        return self.alive_at is None or (now - self.alive_at).total_seconds() > STALE_AFTER


class AppState(Struct, frozen=True):
    """Everything the portal knows of one release, at one moment: nothing in it changes later.

    What belongs to no release, such as the nodes, is the snapshot's.
    """

    key: Key
    release: ReleaseRecord | None
    detail: ReleaseRevision | None
    operation: Operation | None
    workloads: tuple[Workload, ...]
    replica_sets: tuple[ReplicaSet, ...]
    pods: tuple[Pod, ...]
    hpas: tuple[Hpa, ...]
    services: tuple[Service, ...]
    ingresses: tuple[Ingress, ...]
    routes: tuple[HttpRoute, ...]
    gateways: tuple[Gateway, ...]
    events: tuple[Event, ...]
    usage: Mapping[Key, PodUsage]
    probe: Probe | None
    history: History
    pod_history: Mapping[Key, PodHistory]
