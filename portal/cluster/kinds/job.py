"""Jobs of batch/v1."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from portal.cluster.api_types import Conditions, Meta, Part, Time, from_json
from portal.cluster.decode import conditions, controller_of, key, management_of, release_of
from portal.cluster.resource import BATCH, Resource
from portal.domain.keys import LOAD_TEST_OF, LOAD_TEST_PLAN, LOAD_TEST_STOPPED, Key
from portal.domain.load_tests import LoadTestPlan
from portal.domain.objects import Job, Kind


class _JobSpec(Part, frozen=True):
    completions: int | None = None
    suspend: bool | None = None


class _JobStatus(Conditions, frozen=True):
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    start_time: Time | None = None
    completion_time: Time | None = None


class _Job(Part, frozen=True):
    """A Job of batch/v1."""

    metadata: Meta
    spec: _JobSpec = _JobSpec()
    status: _JobStatus = _JobStatus()


@from_json(_Job)
def decode(found: _Job) -> tuple[Key, Job]:
    """A Job."""
    meta, spec, status = found.metadata, found.spec, found.status
    own = key(meta)
    kind, owner = controller_of(meta)
    release = release_of(meta)
    plan = None if release else _plan(meta.annotations or {})
    return own, Job(
        key=own,
        release=release,
        # Without a number one success is enough.
        completions=1 if spec.completions is None else spec.completions,
        active=status.active,
        succeeded=status.succeeded,
        failed=status.failed,
        conditions=conditions(status.conditions),
        created_at=meta.creation_timestamp,
        uid=meta.uid,
        owner=owner if kind in _OWNERS else "",
        owner_kind=kind if kind in _OWNERS else Kind.CRON_JOB.value,
        suspended=bool(spec.suspend),
        started_at=status.start_time,
        completed_at=status.completion_time,
        management=management_of(meta),
        load_test_of=(meta.labels or {}).get(LOAD_TEST_OF, "") if plan else "",
        load_test=plan,
    )


_OWNERS = {Kind.CRON_JOB.value, Kind.SCALED_JOB.value}
"""The kinds that make Jobs of an app."""


def _plan(annotations: Mapping[str, str]) -> LoadTestPlan | None:
    """The plan of a load test; None for any other Job, and for one that cannot be read."""
    text = annotations.get(LOAD_TEST_PLAN)
    if text is None:
        return None
    try:
        plan = msgspec.json.decode(text, type=LoadTestPlan)
    except msgspec.MsgspecError:
        return None
    return replace(plan, stopped_by=annotations.get(LOAD_TEST_STOPPED, ""))


RESOURCE = Resource(Kind.JOB, "Jobs", BATCH, "jobs", decode)
