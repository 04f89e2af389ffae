from __future__ import annotations

from datetime import UTC, datetime, timedelta

from portal.domain.keys import Key
from portal.domain.objects import Container, Pod
from portal.logs import targets as module
from portal.logs.targets import Condition, Selection, offered, targets

APP = Key("apps", "web")
START = datetime(2026, 1, 1, tzinfo=UTC)


def container(name: str = "main", state: str = "running", **more: object) -> Container:
    known = {"ready": True, "restarts": 0} | more
    return Container(name, "image", state=state, **known)  # type: ignore[arg-type]


def pod(name: str, *containers: Container, age: int = 0, **more: object) -> Pod:
    return Pod(
        Key("apps", name),
        uid=f"uid-{name}",
        labels={},
        phase=str(more.pop("phase", "Running")),
        ready=True,
        conditions=(),
        containers=containers or (container(),),
        created_at=START - timedelta(seconds=age),
        **more,  # type: ignore[arg-type]
    )


def names(pods: list[Pod], selection: Selection) -> list[tuple[str, str]]:
    return [(each.pod.name, each.container) for each in targets(pods, selection)[0]]


def test_a_selection_means_all_containers_or_one() -> None:
    pods = [pod("a", container(), container("proxy", sidecar=True), finished_init=("prepare",))]
    assert names(pods, Selection(APP)) == [("a", "main"), ("a", "proxy")]
    assert names(pods, Selection(APP, "a", "proxy")) == [("a", "proxy")]
    assert names(pods, Selection(APP, container="prepare")) == [("a", "prepare")]
    assert names(pods, Selection(APP, "b")) == []
    assert offered(pods) == [("a", ["main", "proxy", "prepare"])]


def test_only_a_restarted_container_has_a_previous_run() -> None:
    pods = [pod("a", container(), container("other", restarts=2), finished_init=("prepare",))]
    found, _ = targets(pods, Selection(APP, previous=True))
    assert [(each.container, each.previous, each.restarts) for each in found] == [
        ("other", True, 2)
    ]
    assert names(pods, Selection(APP, container="prepare", previous=True)) == []


def test_of_too_many_the_newest_are_read_and_the_others_counted(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    pods = [pod("old", age=9), pod("new", age=1), pod("newest")]
    found, left_out = targets(pods, Selection(APP))
    assert [each.pod.name for each in found] == ["newest", "new"]
    assert left_out == 1


def test_conditions() -> None:
    pods = [
        pod(
            "a",
            container("runs"),
            container("waits", "waiting", reason="CrashLoopBackOff", restarts=3),
            container("crashed", "terminated", exit_code=1),
            container("prepare", "terminated", init=True, exit_code=0),
        ),
        pod("job", container("done", "terminated", exit_code=0), phase="Succeeded"),
    ]
    found, _ = targets(pods, Selection(APP))
    conditions = {each.container: condition for each, condition in found.items()}
    assert conditions == {
        "runs": Condition("running"),
        "waits": Condition("waiting", 3, "CrashLoopBackOff"),
        "crashed": Condition("waiting"),
        "prepare": Condition("ended", init=True),
        "done": Condition("ended"),
    }
