from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from portal.domain.errors import Conflict
from portal.domain.keys import Key
from portal.domain.objects import Container, Hpa, Kind, Pod, ReleaseStatus, Workload
from portal.domain.release import ReleaseRecord
from portal.domain.scalers import ScaledObject
from portal.operations.rollout import Rollout, RolloutTarget, gone, rollout_progress
from portal.operations.waiting import until
from portal.state.assemble import nothing
from portal.state.model import AppState
from portal.state.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Key("apps", "a")
RELEASE = ReleaseRecord(KEY, 2, ReleaseStatus.DEPLOYED, T0, "s")
READY = Workload(
    kind=Kind.DEPLOYMENT,
    key=KEY,
    uid="u",
    release="a",
    annotations={},
    selector={},
    desired=2,
    current=2,
    ready=2,
    updated=2,
    conditions=(),
    created_at=T0,
    images=("r/a:1",),
    generation=5,
    observed_generation=5,
)
HPA = Hpa(KEY, "a", "Deployment", "a", 1, 4, 2, 2, (), ())
WANTED = RolloutTarget(2, "r/a:1", replicas=2)


def state(
    workload: Workload | None = READY, *hpas: Hpa, release: ReleaseRecord | None = RELEASE
) -> AppState:
    workloads = (workload,) if workload else ()
    return replace(nothing(KEY), release=release, workloads=workloads, hpas=hpas)


def test_done() -> None:
    assert rollout_progress(state(), WANTED).done
    assert rollout_progress(state(None), RolloutTarget(2, workload=False)).done


@pytest.mark.parametrize(
    "changes",
    [
        {"observed_generation": 4},
        {"updated": 1},
        {"ready": 1},
        {"current": 3, "updated": 3, "ready": 3},
        {"desired": 3, "current": 3, "ready": 3, "updated": 3},
        {"images": ("r/a:0",)},
    ],
)
def test_not_yet(changes: dict[str, object]) -> None:
    rollout = rollout_progress(state(replace(READY, **changes)), WANTED)  # type: ignore[arg-type]
    assert not rollout.done
    assert not rollout.lost


def test_a_number_that_something_else_decides_is_not_waited_for() -> None:
    keda = ScaledObject(Key("apps", "worker"), "", "Deployment", "a")
    paused = replace(READY, desired=5, current=5, ready=5, updated=5)
    assert rollout_progress(replace(state(paused), scaled_objects=(keda,)), WANTED).done
    asleep = replace(READY, desired=0, current=0, ready=0, updated=0)
    assert rollout_progress(replace(state(asleep), scaled_objects=(keda,)), WANTED).done
    assert rollout_progress(state(paused, replace(HPA, release="")), WANTED).done, "made by hand"


def test_the_old_state_is_not_taken_for_the_new_one() -> None:
    assert not rollout_progress(state(release=replace(RELEASE, revision=1)), WANTED).done
    pending = replace(RELEASE, status=ReleaseStatus.PENDING_UPGRADE)
    assert not rollout_progress(state(release=pending), WANTED).done
    assert not rollout_progress(state(None), WANTED).done
    assert not rollout_progress(state(READY, HPA), WANTED).done
    assert not rollout_progress(state(READY), RolloutTarget(2, bounds=(1, 4))).done
    assert not rollout_progress(state(READY, HPA), RolloutTarget(2, bounds=(1, 5))).done


def test_with_an_autoscaler_the_pods_that_exist_count() -> None:
    wanted = RolloutTarget(2, "r/a:1", bounds=(1, 4))
    assert rollout_progress(state(READY, HPA), wanted).done
    assert rollout_progress(state(replace(READY, desired=4), HPA), wanted).done
    assert not rollout_progress(state(replace(READY, ready=1), HPA), wanted).done
    assert not rollout_progress(state(replace(READY, current=3), HPA), wanted).done
    none = replace(READY, desired=0, current=0, ready=0, updated=0)
    assert not rollout_progress(state(none, HPA), wanted).done


def test_an_app_at_nothing_is_done_when_nothing_runs() -> None:
    none = replace(READY, desired=0, current=0, ready=0, updated=0)
    assert rollout_progress(state(none), RolloutTarget(2, replicas=0)).done


def test_lost() -> None:
    assert (
        "at revision 3"
        in rollout_progress(state(release=replace(RELEASE, revision=3)), WANTED).lost
    )
    assert not rollout_progress(state(release=None), WANTED, seen=False).lost
    assert "removed" in rollout_progress(state(release=None), WANTED, seen=True).lost


def test_gone() -> None:
    assert gone(nothing(KEY)).done
    assert not gone(state(None)).done
    assert not gone(state(READY, release=None)).done


POD = Pod(
    Key("apps", "a-1"),
    uid="p",
    labels={},
    phase="Succeeded",
    ready=False,
    conditions=(),
    containers=(Container("app", "r/a:1", False, 0, "terminated"),),
    created_at=T0,
    deleting=True,
    deleting_since=T0,
    finalizers=("example.com/backup",),
)


def left(*pods: Pod, workload: Workload | None = None) -> str:
    return gone(replace(state(workload, release=None), pods=pods)).held


def test_what_only_a_finalizer_keeps_is_said() -> None:
    assert left(POD) == (
        "Pod a-1 is being deleted since 00:00:00 UTC: the finalizer example.com/backup holds it."
    )
    deployment = replace(READY, finalizers=("a/b", "c/d"))
    assert left(workload=deployment) == (
        "Deployment a is being deleted: the finalizers a/b, c/d hold it."
    )
    assert left(POD, workload=READY).startswith("Pod a-1")


def test_what_ends_by_itself_is_not_held() -> None:
    running = replace(POD, containers=(replace(POD.containers[0], state="running"),))
    assert left(running) == ""
    assert left(POD, replace(POD, finalizers=())) == ""
    assert left(workload=READY) == ""
    assert gone(replace(state(None), pods=(POD,))).held == "", "Helm's record is still there"
    assert gone(nothing(KEY)).held == ""


async def test_the_wait_for_what_is_held_ends() -> None:
    store = Store()

    def look(state: AppState, seen: bool) -> Rollout:
        return Rollout(False, held="X holds it.")

    with pytest.raises(Conflict, match="holds it") as refused:
        await until(store, KEY, look, 0, held_for=0)
    assert "administrator" in refused.value.advice


async def test_what_is_let_go_of_in_time_ends_well() -> None:
    store, looks = Store(), 0

    def look(state: AppState, seen: bool) -> Rollout:
        nonlocal looks
        looks += 1
        if looks == 1:
            asyncio.get_running_loop().call_soon(store.apply, Kind.DEPLOYMENT, KEY, READY)
            return Rollout(False, held="X holds it.")
        return Rollout(True)

    await until(store, KEY, look, 0, held_for=60)
    assert looks > 1
