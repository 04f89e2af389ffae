from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from portal.cluster import bodies
from portal.cluster.bodies import ReleaseBodies, detail
from portal.domain.errors import ClusterUnavailable, NotFound
from portal.domain.keys import Key
from portal.domain.objects import Kind, Release, ReleaseStatus
from portal.state.store import Store

Raw = dict[str, Any]
KEY = Key("apps", "dash")
BODY: Raw = {
    "name": "dash",
    "version": 3,
    "info": {
        "first_deployed": "2026-11-23T07:26:08.800468123Z",
        "last_deployed": "2026-11-23T08:27:41+01:00",
        "deleted": "",
        "description": "Upgrade complete",
        "status": "deployed",
        "notes": "It runs.",
    },
    "chart": {
        "metadata": {"name": "dash-app", "version": "0.1.0", "appVersion": "1.0"},
        "templates": [{"name": "x", "data": "aGk="}],
    },
    "config": {"replicaCount": 2, "image": {"tag": "1.0"}},
}


def encoded(body: object = BODY, zipped: bool = True) -> str:
    packed = json.dumps(body).encode()
    if zipped:
        packed = gzip.compress(packed)
    return base64.b64encode(base64.b64encode(packed)).decode()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_body(zipped: bool) -> None:
    found = detail(KEY, 3, encoded(zipped=zipped))
    assert found.damaged == ""
    assert (found.chart, found.chart_version, found.app_version) == ("dash-app", "0.1.0", "1.0")
    assert (found.description, found.notes) == ("Upgrade complete", "It runs.")
    assert found.values == {"replicaCount": 2, "image": {"tag": "1.0"}}
    assert found.last_deployed == datetime(2026, 11, 23, 7, 27, 41, tzinfo=UTC)
    assert found.first_deployed is not None
    assert found.first_deployed.microsecond == 800468


def test_what_is_missing_is_empty() -> None:
    found = detail(
        KEY, 1, encoded({"info": {"last_deployed": "0001-01-01T00:00:00Z"}, "config": None})
    )
    assert (found.damaged, found.chart, found.last_deployed, found.values) == ("", "", None, {})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "JSON"),
        ("!!!", "base64"),
        (base64.b64encode(b"!!!").decode(), "base64"),
        (base64.b64encode(base64.b64encode(b"not json")).decode(), "JSON"),
        (base64.b64encode(base64.b64encode(b"\x1f\x8b\x08 rubbish")).decode(), "gzip"),
        (
            base64.b64encode(base64.b64encode(gzip.compress(b"{}" * 500)[:-12])).decode(),
            "cut off",
        ),
        (encoded([1, 2]), "not an object"),
        (encoded({"info": "text"}), "odd"),
        (encoded({"info": {"last_deployed": "yesterday"}}), "odd"),
        (encoded({"config": [1]}), "odd"),
        (encoded({"info": {"first_deployed": "9999-12-31T23:59:59-23:00"}}), "odd"),
    ],
)
def test_a_damaged_body_is_told_apart(text: str, word: str) -> None:
    found = detail(KEY, 3, text)
    assert word in found.damaged
    assert (found.key, found.revision) == (KEY, 3)


def test_a_body_that_unpacks_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BODY", 10_000)
    assert "more than" in detail(KEY, 1, encoded({"x": "a" * 100_000})).damaged
    assert detail(KEY, 1, encoded({"x": "a" * 1000})).damaged == ""


class Secrets:
    """An API that has Secrets, or errors."""

    def __init__(self) -> None:
        self.answers: dict[str, Raw | Exception] = {}
        self.asked: list[str] = []
        self.at_once = 0
        self.most = 0
        self.full = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, accept: str = ""
    ) -> Raw:
        self.asked.append(path.rpartition("/")[2])
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        if self.at_once >= bodies.CONCURRENCY:
            self.full.set()
        try:
            if self.gate is not None:
                await self.gate.wait()
            answer = self.answers.get(path.rpartition("/")[2], NotFound("gone"))
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self.at_once -= 1

    def stream(self, *_: object, **__: object) -> Any:
        raise AssertionError("bodies are not watched")


def release(
    name: str, revision: int, status: ReleaseStatus = ReleaseStatus.DEPLOYED
) -> tuple[Key, Release]:
    secret = f"{name}.v{revision}"
    return Key("apps", secret), Release(Key("apps", name), revision, status, None, secret)


async def until(store: Store, met: Any) -> None:
    """Wait for the store to say so."""
    changed = asyncio.Event()
    undo = store.on_change(lambda _: changed.set())
    async with asyncio.timeout(5):
        while not met():
            changed.clear()
            await changed.wait()
    undo()


async def test_only_the_newest_revision_is_read_and_once_for_each_status() -> None:
    store, api = Store(), Secrets()
    api.answers = {f"dash.v{each}": {"data": {"release": encoded()}} for each in (1, 2)}
    for each in (release("dash", 1), release("dash", 2, ReleaseStatus.PENDING_UPGRADE)):
        store.apply(Kind.RELEASE, *each)
    task = asyncio.create_task(ReleaseBodies(api, store).run())

    def revision() -> int | None:
        found = store.snapshot.app(KEY).detail
        return found.revision if found else None

    await until(store, lambda: revision() == 2)
    assert api.asked == ["dash.v2"]
    # Helm writes into the same record how it ended.
    api.answers["dash.v2"] = {
        "data": {"release": encoded(BODY | {"info": {"description": "Failed"}})}
    }
    store.apply(Kind.RELEASE, *release("dash", 2, ReleaseStatus.FAILED))
    await until(store, lambda: store.snapshot.app(KEY).detail.description == "Failed")  # type: ignore[union-attr]
    store.apply(Kind.RELEASE, *release("other", 1))  # any change at all
    await until(store, lambda: len(api.asked) == 3)
    assert api.asked == ["dash.v2", "dash.v2", "other.v1"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_few_at_a_time() -> None:
    store, api = Store(), Secrets()
    api.gate = asyncio.Event()
    for number in range(20):
        api.answers[f"app{number}.v1"] = {"data": {"release": encoded()}}
        store.apply(Kind.RELEASE, *release(f"app{number}", 1))
    task = asyncio.create_task(ReleaseBodies(api, store).run())
    await asyncio.wait_for(api.full.wait(), 5)
    api.gate.set()
    await until(store, lambda: all(each.detail for each in store.snapshot.apps.values()))
    assert api.most == bodies.CONCURRENCY
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_api_that_does_not_answer_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Soon(bodies.Backoff):
        def next(self, at_least: float = 0.0) -> float:
            return 0.0

    monkeypatch.setattr(bodies, "Backoff", Soon)
    store, api = Store(), Secrets()
    api.answers["dash.v1"] = ClusterUnavailable("no answer")
    store.apply(Kind.RELEASE, *release("dash", 1))
    task = asyncio.create_task(ReleaseBodies(api, store).run())

    def damaged() -> str | None:
        found = store.snapshot.app(KEY).detail
        return found.damaged if found else None

    await until(store, lambda: damaged() == "no answer")
    api.answers["dash.v1"] = {"data": {"release": encoded()}}
    await until(store, lambda: damaged() == "")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_record_that_cannot_be_read_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(key: Key, revision: int, encoded: str) -> Any:
        if key == KEY:
            raise RuntimeError("surprise")
        return detail(key, revision, encoded)

    monkeypatch.setattr(bodies, "detail", broken)
    store, api = Store(), Secrets()
    for name in ("dash", "other"):
        api.answers[f"{name}.v1"] = {"data": {"release": encoded()}}
    store.apply(Kind.RELEASE, *release("dash", 1))
    task = asyncio.create_task(ReleaseBodies(api, store).run())
    await until(store, lambda: store.snapshot.app(KEY).detail)
    store.apply(Kind.RELEASE, *release("other", 1))
    await until(store, lambda: store.snapshot.app(Key("apps", "other")).detail)
    assert "surprise" in store.snapshot.app(KEY).detail.damaged  # type: ignore[union-attr]
    assert api.asked == ["dash.v1", "other.v1"]
    # Its next revision is read as ever.
    monkeypatch.undo()
    api.answers["dash.v2"] = {"data": {"release": encoded()}}
    store.apply(Kind.RELEASE, *release("dash", 2))
    await until(store, lambda: store.snapshot.app(KEY).detail.damaged == "")  # type: ignore[union-attr]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
