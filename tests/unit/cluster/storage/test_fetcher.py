from __future__ import annotations

import asyncio
import base64
import gzip
import json
import threading
import time
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from portal.cluster.errors import Throttled, Unauthenticated
from portal.cluster.storage import codec, fetcher, unpack
from portal.cluster.storage.codec import decode, decode_for_pages
from portal.cluster.storage.fetcher import ReleaseFetcher
from portal.cluster.storage.unpack import MAX_BODY
from portal.domain.charts import fingerprint, note_of
from portal.domain.errors import ClusterUnavailable, Forbidden, NotFound, PortalError
from portal.domain.keys import Key
from portal.domain.objects import Kind, ReleaseStatus
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.state.store import Store
from tests.unit.state.make import service

JsonObject = dict[str, Any]
KEY = Key("apps", "dash")
BODY: JsonObject = {
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
        packed = gzip.compress(packed, mtime=0)
    return base64.b64encode(base64.b64encode(packed)).decode()


def detail(
    revision: int, encoded: str, note: str = "", most: int = MAX_BODY, key: Key = KEY
) -> ReleaseRevision:
    return decode_for_pages(ReleaseRecord(key, revision), note, encoded, most)


def test_notes_are_kept_without_the_secrets_of_the_release() -> None:
    secret = "kind: Secret\nstringData: {a: {}}\n"
    body = {
        **BODY,
        "info": {**BODY["info"], "notes": "of-values of-defaults of-manifest of-hook plain"},
        "config": {"password": "of-values"},
        "chart": {**BODY["chart"], "values": {"auth": {"token": "of-defaults"}}},
        "manifest": secret.replace("{}", "of-manifest"),
        "hooks": [{"manifest": secret.replace("{}", "of-hook")}, 3],
    }
    assert detail(3, encoded(body)).notes == "(hidden) (hidden) (hidden) (hidden) plain"


def test_what_helm_says_of_a_failure_quotes_no_value() -> None:
    said = 'Upgrade "dash" failed: x: Invalid value: "plain": must be y; of-values'
    body = {
        **BODY,
        "info": {**BODY["info"], "description": said},
        "config": {"password": "of-values"},
    }
    found = detail(3, encoded(body))
    assert (
        found.description
        == 'Upgrade "dash" failed: x: Invalid value: (hidden): must be y; (hidden)'
    )


def test_the_hooks_of_a_removal() -> None:
    hooks = [
        {"kind": "Job", "name": "a", "events": ["pre-delete"], "last_run": {"phase": "Running"}},
        {"kind": "Job", "name": "b", "events": ["post-delete"], "last_run": {"phase": ""}},
        {"kind": "Pod", "name": "c", "events": ["pre-install", "pre-delete"]},
        {"kind": "Job", "name": "d", "events": ["test"], "last_run": {"phase": "Failed"}},
        {"kind": "Job", "name": "e", "events": "pre-delete"},
    ]
    found = detail(3, encoded({**BODY, "hooks": hooks[:4]})).delete_hooks
    assert [(str(each), each.event, each.unfinished) for each in found] == [
        ("Job a", "pre-delete", True),
        ("Job b", "post-delete", False),
        ("Pod c", "pre-delete", False),
    ]
    odd = detail(3, encoded({**BODY, "hooks": hooks}))
    assert (odd.delete_hooks, odd.damaged) == ((), "")


def test_what_is_in_crds_is_read_for_previews() -> None:
    files = [
        {"name": "crds/a.yaml", "data": base64.b64encode(b"kind: A").decode()},
        {"name": "crds/b.txt", "data": "eA=="},
        {"name": "README.md", "data": "eA=="},
    ]
    body = {**BODY, "chart": {**BODY["chart"], "files": files}}
    secret = {"metadata": {"labels": {}}, "data": {"release": encoded(body)}}
    assert decode(ReleaseRecord(KEY, 3), secret).crds == "kind: A"
    files[0]["data"] = "?"
    body = {**BODY, "chart": {**BODY["chart"], "files": files}}
    secret["data"]["release"] = encoded(body)
    odd = decode(ReleaseRecord(KEY, 3), secret)
    assert (odd.crds, odd.damaged) == ("", "")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_body(zipped: bool) -> None:
    found = detail(3, encoded(zipped=zipped))
    assert found.damaged == ""
    assert (found.chart, found.chart_version, found.app_version) == ("dash-app", "0.1.0", "1.0")
    assert (found.description, found.notes) == ("Upgrade complete", "It runs.")
    assert found.values == {"replicaCount": 2, "image": {"tag": "1.0"}}
    assert found.last_deployed == datetime(2026, 11, 23, 7, 27, 41, tzinfo=UTC)
    assert found.first_deployed is not None
    assert found.first_deployed.microsecond == 800468


def test_a_body_tells_where_its_chart_came_from() -> None:
    known = fingerprint(BODY["chart"]["metadata"])
    found = detail(3, encoded(), note_of("team", known))
    assert (found.source, found.fingerprint) == ("team", known)
    passed_on = detail(3, encoded(), note_of("team", "of another chart"))
    assert passed_on.source == ""


def test_what_is_missing_is_empty() -> None:
    found = detail(1, encoded({"info": {"last_deployed": "0001-01-01T00:00:00Z"}, "config": None}))
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
            base64.b64encode(base64.b64encode(gzip.compress(b"{}" * 500, mtime=0)[:-12])).decode(),
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
    found = detail(3, text)
    assert word in found.damaged
    assert (found.key, found.revision) == (KEY, 3)


def test_a_body_that_unpacks_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_BODY", 10_000)
    assert "more than" in detail(1, encoded({"x": "a" * 100_000}), most=10_000).damaged
    assert detail(1, encoded({"x": "a" * 1000})).damaged == ""


NOTES = "See http://example.org/page for more.\n" * 60_000
LISTS = [[{}, {}, {}]] * 500_000
"""Some MB each, and some KB as Helm keeps them."""


@pytest.mark.parametrize(
    ("body", "damaged"),
    [
        ({"info": {"notes": NOTES}}, ""),
        ({"config": {"x": LISTS}}, "too large"),
        ({"chart": {"metadata": {"x": LISTS}}}, "too large"),
        ({"info": {"x": LISTS}}, ""),
        ({"chart": {"templates": LISTS}}, ""),
        ({"hooks": LISTS, "manifest": "a" * 7_000_000, "config": {"a": 1}}, ""),
        ({"config": {"a": "b" * 2_000_000}}, "too large"),
    ],
)
def test_a_small_secret_takes_no_large_memory(body: JsonObject, damaged: str) -> None:
    secret = encoded(body)
    assert len(secret) < 100_000
    tracemalloc.start()
    try:
        found = detail(1, secret)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert damaged in found.damaged
    assert bool(damaged) == bool(found.damaged)
    assert most < 4 * MAX_BODY
    assert len(found.notes) <= codec.MAX_NOTES + 200


def test_what_was_cut_is_said() -> None:
    found = detail(1, encoded({"info": {"notes": NOTES}, "config": {"a": "b" * 200_000}}))
    assert found.notes.startswith(NOTES[: codec.MAX_NOTES])
    assert found.notes.endswith(
        "The notes go on: 2,227 KiB in all, of which the first 64 KiB are shown."
    )
    assert str(found.shown).endswith("KiB in all, of which the first 64 KiB are shown.")
    assert len(found.values["a"]) == 200_000  # type: ignore[arg-type]


def test_a_deep_body_is_damaged() -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    for text in (deep, b'{"config":{"a":' + deep + b"}}", b'{"x":' + deep + b"}"):
        packed = base64.b64encode(base64.b64encode(gzip.compress(text, mtime=0))).decode()
        assert detail(1, packed).damaged


async def test_of_large_bodies_one_is_read_at_a_time() -> None:
    at_once, most, sizes = 0, 0, list[int]()
    lock = threading.Lock()

    def read(text: str, limit: int) -> int:
        nonlocal at_once, most
        if limit == unpack.SMALL and text == "large":
            raise unpack.TooLarge
        with lock:
            at_once += 1
            most = max(most, at_once)
        sizes.append(limit)
        for _ in range(50):
            time.sleep(0)  # others may begin
        with lock:
            at_once -= 1
        return limit

    await asyncio.gather(*(unpack.read_bounded(read, "large") for _ in range(16)))
    assert (most, set(sizes)) == (1, {MAX_BODY})
    assert await unpack.read_bounded(read, "small") == unpack.SMALL


class Secrets:
    """An API that has Secrets, or errors."""

    def __init__(self) -> None:
        self.answers: dict[str, JsonObject | Exception] = {}
        self.asked: list[str] = []
        self.at_once = 0
        self.most = 0
        self.full = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def get(self, path: str) -> JsonObject:
        self.asked.append(path.rpartition("/")[2])
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        if self.at_once >= fetcher.CONCURRENCY:
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


def release(
    name: str, revision: int, status: ReleaseStatus = ReleaseStatus.DEPLOYED, uid: str = ""
) -> tuple[Key, ReleaseRecord]:
    secret = f"{name}.v{revision}"
    return Key("apps", secret), ReleaseRecord(
        Key("apps", name), revision, status, None, secret, uid
    )


async def until(store: Store, met: Any) -> None:
    """Wait for the store to say so."""
    changed = asyncio.Event()
    undo = store.on_change(lambda _: changed.set())
    async with asyncio.timeout(5):
        while not met():
            changed.clear()
            await changed.wait()
    undo()


class Pauses:
    """Waits as long as it is told to."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.more = asyncio.Event()
        self.over = asyncio.Event()
        self.over.set()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        self.more.set()
        await asyncio.sleep(0)
        await self.over.wait()

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait for the pauses to be so."""
        async with asyncio.timeout(5):
            while not met():
                self.more.clear()
                await self.more.wait()


@asynccontextmanager
async def running(
    api: Secrets, store: Store, pause: Pauses | None = None, wanted: Iterable[Key] = ()
) -> AsyncGenerator[ReleaseFetcher]:
    found = ReleaseFetcher(api, store, pause=pause or Pauses())
    found.prioritize(wanted)
    task = asyncio.create_task(found.run())
    await asyncio.sleep(0)
    yield found
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def revision(store: Store, key: Key = KEY) -> int | None:
    found = store.snapshot.app(key).detail
    return found.revision if found else None


async def test_only_the_newest_revision_is_read_and_once_for_each_status() -> None:
    store, api = Store(), Secrets()
    api.answers = {f"dash.v{each}": {"data": {"release": encoded()}} for each in (1, 2)}
    for each in (release("dash", 1), release("dash", 2, ReleaseStatus.PENDING_UPGRADE)):
        store.apply(Kind.RELEASE, *each)
    bodies = ReleaseFetcher(api, store, pause=Pauses())
    task = asyncio.create_task(bodies.run())
    await asyncio.sleep(0)
    bodies.prioritize([KEY])
    bodies.prioritize([KEY])
    await until(store, lambda: revision(store) == 2)
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
    assert (bodies.fetched, bodies.decoded) == (3, 2), "one of them is gone"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def many(store: Store, api: Secrets, number: int) -> list[Key]:
    for each in range(number):
        api.answers[f"app{each}.v1"] = {"data": {"release": encoded()}}
        store.apply(Kind.RELEASE, *release(f"app{each}", 1))
    return [Key("apps", f"app{each}") for each in range(number)]


async def test_what_somebody_looks_at_is_read_first_a_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetcher, "CONCURRENCY", 4)
    store, api, pauses = Store(), Secrets(), Pauses()
    keys = many(store, api, 20)
    api.gate = asyncio.Event()
    async with running(api, store, pauses, keys[10:]):
        await asyncio.wait_for(api.full.wait(), 5)
        looked_at = {f"app{each}.v1" for each in range(10, 20)}
        assert len(looked_at.intersection(api.asked)) == fetcher.CONCURRENCY
        pauses.over.clear()
        api.gate.set()
        await until(store, lambda: all(revision(store, key) for key in keys[10:]))
        assert api.most == fetcher.CONCURRENCY + 1
        assert len(api.asked) == 11, "the others wait"
        pauses.over.set()
        await until(store, lambda: all(revision(store, key) for key in keys))
    assert len(api.asked) == 20, "each once"
    assert set(pauses.asked) == {fetcher.PACE}


async def test_the_first_page_is_read_before_anybody_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetcher, "AHEAD", 3)
    store, api, pauses = Store(), Secrets(), Pauses()
    many(store, api, 20)
    read = ReleaseFetcher(api, store, pause=pauses)
    read.prefetch()
    pauses.over.clear()
    running = asyncio.create_task(read.run())
    first = [Key("apps", name) for name in ("app0", "app1", "app10")]
    await until(store, lambda: all(revision(store, key) for key in first))
    assert len(api.asked) <= 4, "the others wait"
    running.cancel()


async def test_a_record_that_objects_elsewhere_may_belong_to_is_read_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetcher, "AHEAD", 1)
    store, api, pauses = Store(), Secrets(), Pauses()
    many(store, api, 20)
    store.apply(
        Kind.SERVICE, Key("shop", "app7"), replace(service("app7"), key=Key("shop", "app7"))
    )
    read = ReleaseFetcher(api, store, pause=pauses)
    read.prefetch()
    pauses.over.clear()
    running = asyncio.create_task(read.run())
    await until(store, lambda: bool(revision(store, Key("apps", "app7"))))
    assert len(api.asked) <= 3, "the others wait"
    running.cancel()


async def test_while_helm_is_at_work_a_body_is_read_only_for_somebody() -> None:
    store, api = Store(), Secrets()
    (key,) = many(store, api, 1)
    store.apply(Kind.RELEASE, *release("app0", 2, ReleaseStatus.PENDING_UPGRADE))
    api.answers["app0.v2"] = {"data": {"release": encoded()}}
    async with running(api, store):
        store.apply(Kind.RELEASE, *release("other", 1))
        api.answers["other.v1"] = {"data": {"release": encoded()}}
        await until(store, lambda: revision(store, Key("apps", "other")))
        assert api.asked == ["other.v1"]
        store.apply(Kind.RELEASE, *release("app0", 2))
        await until(store, lambda: revision(store, key) == 2)
    assert api.asked == ["other.v1", "app0.v2"]


async def test_one_change_costs_one_body_however_many_releases_there_are() -> None:
    store, api = Store(), Secrets()
    keys = many(store, api, 200)
    async with running(api, store) as found:
        await until(store, lambda: all(revision(store, key) for key in keys))
        before = found.fetched, found.decoded
        assert before == (200, 200)
        api.answers["app7.v2"] = {"data": {"release": encoded()}}
        store.apply(Kind.RELEASE, *release("app7", 2))
        store.delete(Kind.RELEASE, Key("apps", "app7.v1"))
        found.prioritize(keys)
        await until(store, lambda: revision(store, keys[7]) == 2)
        found.prioritize(keys)
    assert (found.fetched, found.decoded) == (201, 201)


async def test_a_release_that_is_installed_again_unseen_is_read_again() -> None:
    store, api = Store(), Secrets()
    api.answers["dash.v1"] = {"data": {"release": encoded()}}
    store.apply(Kind.RELEASE, *release("dash", 1, uid="old"))
    async with running(api, store):
        await until(store, lambda: revision(store) == 1)
        body = encoded(BODY | {"info": {"description": "Install complete"}})
        api.answers["dash.v1"] = {"data": {"release": body}}
        store.apply(Kind.RELEASE, *release("dash", 1, uid="new"))
        assert store.snapshot.app(KEY).detail is None, "the old one is nobody's"
        await until(store, lambda: revision(store) == 1)
    assert store.snapshot.app(KEY).detail.description == "Install complete"  # type: ignore[union-attr]
    assert api.asked == ["dash.v1", "dash.v1"]


async def test_what_may_not_be_read_is_told_and_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetcher, "RETRY", 0.0)
    store, api = Store(), Secrets()
    many(store, api, 2)
    api.answers["app0.v1"] = Forbidden("no")
    async with running(api, store):
        key = Key("apps", "app0")
        await until(store, lambda: revision(store, Key("apps", "app1")))
        assert store.snapshot.app(key).detail.damaged == "no"  # type: ignore[union-attr]
        api.answers["app0.v1"] = {"data": {"release": encoded()}}
        await until(store, lambda: store.snapshot.app(key).detail.damaged == "")  # type: ignore[union-attr]


async def test_a_refusal_leaves_what_is_known_of_a_revision() -> None:
    store, api = Store(), Secrets()
    api.answers["dash.v1"] = {"data": {"release": encoded()}}
    store.apply(Kind.RELEASE, *release("dash", 1))
    async with running(api, store) as found:
        await until(store, lambda: revision(store) == 1)
        known = store.snapshot.app(KEY).detail
        api.answers["dash.v1"] = Forbidden("no")
        store.apply(Kind.RELEASE, *release("dash", 1, ReleaseStatus.FAILED))
        store.apply(Kind.RELEASE, *release("next", 1))
        api.answers["next.v1"] = {"data": {"release": encoded()}}
        await until(store, lambda: revision(store, Key("apps", "next")))
        assert found.fetched == 3
        assert store.snapshot.app(KEY).detail is known


async def test_values_and_notes_of_a_thousand_releases_are_small() -> None:
    values = {f"section{n}": {f"key{k}": f"value {n * k}" for k in range(24)} for n in range(24)}
    body = encoded(BODY | {"config": values | BODY["config"]})
    assert 9_000 < len(json.dumps(values)) < 20_000
    tracemalloc.start()
    kept = [detail(1, body, key=Key("apps", f"app{each}")) for each in range(20)]
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size / len(kept) < 10_000
    assert kept[7].values["section3"] == values["section3"]
    assert kept[7].values == values | BODY["config"]
    assert kept[7] != replace(kept[7], values={})


@pytest.mark.parametrize("error", [ClusterUnavailable("no answer"), Unauthenticated("who?")])
async def test_an_api_that_does_not_answer_is_tried_again_and_nothing_is_called_damaged(
    error: PortalError,
) -> None:
    store, api, pauses = Store(), Secrets(), Pauses()
    api.answers["dash.v1"] = error
    store.apply(Kind.RELEASE, *release("dash", 1))
    async with running(api, store, pauses):
        await pauses.until(lambda: len(pauses.asked) >= 4)
        assert store.snapshot.app(KEY).detail is None
        assert pauses.asked[3] > pauses.asked[0], "less and less often"
        api.answers["dash.v1"] = Throttled("busy", 30)
        await pauses.until(lambda: pauses.asked[-1] >= 30)
        api.answers["dash.v1"] = {"data": {"release": encoded()}}
        await until(store, lambda: revision(store) == 1)
    assert store.snapshot.app(KEY).detail.damaged == ""  # type: ignore[union-attr]


async def test_a_record_that_cannot_be_read_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(record: ReleaseRecord, note: str, encoded: str, most: int) -> Any:
        if record.key == KEY:
            raise RuntimeError("surprise")
        return decode_for_pages(record, note, encoded)

    monkeypatch.setattr(fetcher, "decode_for_pages", broken)
    store, api = Store(), Secrets()
    for name in ("dash", "other"):
        api.answers[f"{name}.v1"] = {"data": {"release": encoded()}}
    store.apply(Kind.RELEASE, *release("dash", 1))
    task = asyncio.create_task(ReleaseFetcher(api, store).run())
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


async def test_a_release_of_another_namespace_than_its_record_is_read_once() -> None:
    store, api = Store(), Secrets()
    api.answers["dash.v1"] = {"data": {"release": encoded(BODY | {"namespace": "shop"})}}
    store.apply(Kind.RELEASE, *release("dash", 1))
    own = Key("shop", "dash")
    async with running(api, store) as found:
        await until(store, lambda: revision(store, own) == 1)
        found.prioritize([own, KEY])
        store.apply(Kind.RELEASE, *release("other", 1))
        api.answers["other.v1"] = {"data": {"release": encoded()}}
        await until(store, lambda: revision(store, Key("apps", "other")))
    assert api.asked == ["dash.v1", "other.v1"]
    assert store.snapshot.app(KEY).release is None
