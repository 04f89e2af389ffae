from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from portal.cluster import metrics
from portal.cluster.errors import Throttled
from portal.cluster.metrics import MetricsPoller, usage_in
from portal.domain.errors import ClusterUnavailable, Forbidden, NotFound
from portal.domain.keys import Key
from portal.state.store import Store
from tests.unit.cluster.fake import FakeApi, JsonObject
from tests.unit.state import make


def usage(name: str, cpu: str = "100m") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "apps"},
        "timestamp": "2026-01-01T00:00:00Z",
        "window": "10s",
        "containers": [{"usage": {"cpu": cpu, "memory": "1Mi"}}],
    }


def store_with_an_app() -> Store:
    store = Store()
    make.app(store, "one")
    return store


async def test_a_poll_replaces_the_usage_of_all_pods() -> None:
    store = store_with_an_app()
    api = FakeApi([{"items": [usage("one-1-a"), {"metadata": {}}]}, {"items": []}])
    poller = MetricsPoller(api, store)
    assert "metrics" in store.snapshot.loading
    await poller.poll()
    assert api.asked[0][0] == "/apis/metrics.k8s.io/v1beta1/pods"
    state = store.snapshot.app(Key("apps", "one"))
    used = state.usage[Key("apps", "one-1-a")]
    assert used.cpu == 0.1
    assert sum(cpu for _, cpu, _ in used.containers) == 0.1
    assert state.history[-1].cpu == pytest.approx(0.1)
    source = store.snapshot.sources["metrics"]
    assert (source.synced, source.available, source.error) == (True, True, "")
    await poller.poll()
    assert store.snapshot.app(Key("apps", "one")).usage == {}


async def test_listed_namespaces_are_asked_one_by_one() -> None:
    store, api = Store(), FakeApi([{"items": []}, {"items": []}])
    await MetricsPoller(api, store, namespaces=("a", "b")).poll()
    assert [path for path, _ in api.asked] == [
        "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods",
        "/apis/metrics.k8s.io/v1beta1/namespaces/b/pods",
    ]


async def test_each_failure_has_its_words_and_empties_the_usage() -> None:
    store = store_with_an_app()
    api = FakeApi(
        [
            {"items": [usage("one-1-a")]},
            ClusterUnavailable("service unavailable"),
            NotFound("404"),
            Forbidden("not allowed"),
            {"items": [usage("one-1-a")]},
        ]
    )
    poller = MetricsPoller(api, store)
    await poller.poll()
    seen: list[tuple[bool, bool, str]] = []
    for _ in range(4):
        await poller.poll()
        source = store.snapshot.sources["metrics"]
        usages = store.snapshot.app(Key("apps", "one")).usage
        seen.append((source.available, bool(usages), source.error))
    assert [each[:2] for each in seen] == [
        (True, False),
        (False, False),
        (False, False),
        (True, True),
    ]
    assert "service unavailable" in seen[0][2]
    assert "not installed" in seen[1][2]
    assert "not allowed" in seen[2][2]
    assert seen[3][2] == ""


async def test_it_is_asked_less_often_while_it_fails_and_as_often_as_asked_to() -> None:
    api = FakeApi(
        [
            ClusterUnavailable("no answer"),
            ClusterUnavailable("no answer"),
            Throttled("busy", 45),
            {"items": []},
            "cut o",
            {"items": []},
        ]
    )
    poller = MetricsPoller(api, Store(), interval=10)
    waits = [await poller.poll() for _ in range(6)]
    assert 5 <= waits[0] <= 10
    assert 10 <= waits[1] <= 20
    assert waits[2] >= 45
    assert waits[3] == waits[5] == 0
    assert 0 < waits[4] <= 10


async def test_one_request_at_a_time_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    store, pauses = store_with_an_app(), asyncio.Queue[float]()
    api = FakeApi([ClusterUnavailable("down"), {"items": [usage("one-1-a")]}])
    poller = MetricsPoller(api, store, interval=10, pause=pauses.put)
    task = asyncio.create_task(poller.run())
    await asyncio.wait_for(api.exhausted.wait(), 5)
    assert len(api.asked) == 3, "the last one is still under way"
    assert pauses.qsize() == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_new_samples_are_read_when_they_are_there() -> None:
    pauses: list[float] = []
    now = iter((5.0, 14.0, 23.0))

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    answers: list[JsonObject | str | Exception] = [
        {"items": [usage("one-1-a") | {"timestamp": f"2026-01-01T00:00:{second:02}Z"}]}
        for second in (0, 10, 20)
    ]
    api = FakeApi(answers)
    begun = datetime(2026, 1, 1, tzinfo=UTC).timestamp()

    def clock() -> float:
        return begun + next(now)

    poller = MetricsPoller(api, Store(), interval=10, pause=pause, clock=clock)
    task = asyncio.create_task(poller.run())
    await asyncio.wait_for(api.exhausted.wait(), 5)
    assert [round(each) for each in pauses[:2]] == [10, 20], "even intervals from the start"
    assert pauses[2] == pytest.approx(10, abs=0.5), "the next sample comes 10 s after this one"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_metrics_api_that_is_silent_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "ANSWER_WITHIN", 0.05)
    store = store_with_an_app()
    await MetricsPoller(FakeApi([]), store).poll()
    assert "no answer within" in store.snapshot.sources["metrics"].error


async def test_the_usage_in_a_namespace_is_read_on_demand() -> None:
    api = FakeApi([{"items": [usage("one-1-a"), {"metadata": {}}]}])
    found = await usage_in(api, "apps")
    assert [each.key for each in found] == [Key("apps", "one-1-a")]
    assert api.asked[0][0] == "/apis/metrics.k8s.io/v1beta1/namespaces/apps/pods"
