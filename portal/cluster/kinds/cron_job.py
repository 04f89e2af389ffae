"""CronJobs of batch/v1."""

from __future__ import annotations

from portal.cluster.api_types import Meta, Part, Time, from_json
from portal.cluster.decode import key, management_of, release_of
from portal.cluster.resource import BATCH, Resource
from portal.domain.keys import Key
from portal.domain.objects import CronJob, Kind


class _CronJobSpec(Part, frozen=True):
    schedule: str = ""
    time_zone: str | None = None
    suspend: bool | None = None
    concurrency_policy: str = ""


class _CronJobStatus(Part, frozen=True):
    last_schedule_time: Time | None = None
    last_successful_time: Time | None = None


class _CronJob(Part, frozen=True):
    """A CronJob of batch/v1."""

    metadata: Meta
    spec: _CronJobSpec = _CronJobSpec()
    status: _CronJobStatus = _CronJobStatus()


@from_json(_CronJob)
def decode(found: _CronJob) -> tuple[Key, CronJob]:
    """A CronJob."""
    meta, spec, status = found.metadata, found.spec, found.status
    own = key(meta)
    return own, CronJob(
        key=own,
        release=release_of(meta),
        schedule=spec.schedule,
        created_at=meta.creation_timestamp,
        uid=meta.uid,
        time_zone=spec.time_zone or "",
        suspended=bool(spec.suspend),
        last_scheduled_at=status.last_schedule_time,
        last_succeeded_at=status.last_successful_time,
        one_at_a_time=spec.concurrency_policy == "Forbid",
        management=management_of(meta),
    )


RESOURCE = Resource(Kind.CRON_JOB, "CronJobs", BATCH, "cronjobs", decode)
