"""Releases without a record where they run."""

from __future__ import annotations

from msgspec.structs import replace

from portal.domain.management import Management
from portal.domain.objects import CronJob, Job, Kind
from portal.domain.operations import OperationPhase
from portal.domain.owners import NOBODY
from portal.state.elsewhere import left_behind, managed_elsewhere
from portal.state.ownership import by_name, owners_of
from portal.state.store import Store
from tests.unit.viewmodels.make import operation

from .make import T0, deployment, key, release, service

KEPT = Management(kept=True)
FLUX = Management(manager="Flux HelmRelease flux/web")


def job(name: str) -> Job:
    return Job(key(name), "web", 1, 1, 0, 0, (), T0)


def test_objects_without_a_record_are_of_a_release_that_is_managed_elsewhere() -> None:
    store = Store()
    store.apply(Kind.DEPLOYMENT, key("web"), replace(deployment("web"), management=FLUX))
    store.apply(Kind.SERVICE, key("web"), service("web"))
    found = managed_elsewhere(store.snapshot.app(key("web")))
    assert found is not None
    assert found.objects == ("Deployment web", "Service web")
    assert found.manager == FLUX.manager

    secret = release("web")
    store.apply(Kind.RELEASE, key(secret.secret_name), secret)
    assert managed_elsewhere(store.snapshot.app(key("web"))) is None


def test_jobs_alone_are_a_release_as_well() -> None:
    store = Store()
    store.apply(Kind.CRON_JOB, key("night"), CronJob(key("night"), "web", "0 2 * * *", T0))
    store.apply(Kind.JOB, key("load"), job("load"))
    store.apply(Kind.JOB, key("night-1"), replace(job("night-1"), release="", owner="night"))
    found = managed_elsewhere(store.snapshot.app(key("web")))
    assert found is not None
    assert found.objects == ("Job load", "CronJob night")
    store.apply(Kind.JOB, key("load"), replace(job("load"), management=KEPT))
    store.delete(Kind.CRON_JOB, key("night"))
    assert managed_elsewhere(store.snapshot.app(key("web"))) is None


def test_what_is_going_or_was_kept_is_no_release() -> None:
    store = Store()
    going = replace(deployment("web"), deleting_since=T0, management=Management(deleting=True))
    store.apply(Kind.DEPLOYMENT, key("web"), going)
    store.apply(
        Kind.SERVICE, key("web"), replace(service("web"), management=Management(deleting=True))
    )
    assert managed_elsewhere(store.snapshot.app(key("web"))) is None
    assert left_behind(store.snapshot.app(key("web"))) == ()

    store.apply(Kind.SERVICE, key("web"), replace(service("web"), management=KEPT))
    assert managed_elsewhere(store.snapshot.app(key("web"))) is None
    assert left_behind(store.snapshot.app(key("web"))) == ("Service web",)


def test_who_failed_to_launch_under_a_name_owns_nothing_of_others_there() -> None:
    store = Store()
    store.apply(Kind.DEPLOYMENT, key("web"), replace(deployment("web"), management=FLUX))
    state = store.snapshot.app(key("web"))
    failed = operation(phase=OperationPhase.FAILED)
    assert owners_of(replace(state, operation=failed)) == NOBODY
    running = operation(phase=OperationPhase.RUNNING)
    assert owners_of(replace(state, operation=running)) == by_name(running.actor) != NOBODY
    assert owners_of(replace(state, workloads=(), operation=failed)) == by_name(failed.actor)
