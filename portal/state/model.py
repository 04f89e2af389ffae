"""The state of an app, and the health of each watch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.load_tests import LoadTestPlan
from portal.domain.objects import (
    CronJob,
    Event,
    Gateway,
    Hpa,
    HttpRoute,
    Ingress,
    Job,
    Pod,
    PodUsage,
    Probe,
    ReplicaSet,
    Service,
    Unreadable,
    Workload,
)
from portal.domain.operations import Operation
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.domain.scalers import ScaledJob, ScaledObject, Vpa
from portal.state.history import History, PodHistory, Sample
from portal.state.timeline import NO_TIMELINE, Timeline

__all__ = ["STALE_AFTER", "AppState", "History", "PodHistory", "Probe", "Sample", "WatchHealth"]

STALE_AFTER = 12.0
"""Seconds without a sign of life after which a watch counts as stale. A healthy one is silent for
ten at most; with the time until a page is rendered again, users are told within fifteen."""


class WatchHealth(Struct, frozen=True):
    """The health of the watch of a kind, or of the polling of the metrics API (``metrics``).

    ``alive_at`` is the last time it was known to be current: by a list, an event, a bookmark, the
    regular end of a watch, or a poll. An open watch alone proves nothing. ``available`` is False
    if the cluster lacks or forbids this API. ``unread`` names objects that cannot be read, while
    all others are current. ``title`` is the kind's name on pages; ``optional`` is True for an API
    that many clusters lack.
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
        """Return True if the last known state may be out of date."""
        if not self.available:
            return False
        return self.alive_at is None or (now - self.alive_at).total_seconds() > STALE_AFTER


class LoadTest(Struct, frozen=True):
    """A load test of an app: its Job, and its pod, None before there is one.

    Neither belongs to the app's release.
    """

    job: Job
    plan: LoadTestPlan
    pod: Pod | None = None


class AppState(Struct, frozen=True):
    """Everything the portal knows of a release at one moment; immutable.

    What belongs to no release, such as the nodes, is in the snapshot.
    """

    key: Key
    release: ReleaseRecord | None
    detail: ReleaseRevision | None
    operation: Operation | None
    workloads: tuple[Workload, ...]
    replica_sets: tuple[ReplicaSet, ...]
    jobs: tuple[Job, ...]
    cron_jobs: tuple[CronJob, ...]
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
    unreadable: tuple[Unreadable, ...] = ()
    """Its objects that cannot be read."""
    timeline: Timeline = NO_TIMELINE
    load_tests: tuple[LoadTest, ...] = ()
    """The load tests of a day, newest first; they are no part of the release."""
    scaled_objects: tuple[ScaledObject, ...] = ()
    scaled_jobs: tuple[ScaledJob, ...] = ()
    vpas: tuple[Vpa, ...] = ()
