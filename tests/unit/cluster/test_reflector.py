from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from portal.cluster.backoff import Backoff
from portal.cluster.errors import Gone, Throttled
from portal.cluster.kinds import pod, release
from portal.cluster.reflector import Health, Reflector
from portal.cluster.resource import Resource
from portal.cluster.watches import combined
from portal.domain.errors import ClusterUnavailable, Forbidden, NotFound
from portal.domain.keys import Key
from portal.domain.objects import Kind, Unreadable
from portal.state.store import Store
from tests.unit.cluster import fake
from tests.unit.cluster.fake import FakeApi

PODS = pod.RESOURCE
RELEASES = release.RESOURCE


class Spy:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.objects: dict[Key, Any] = {}
        self.told: list[tuple[Key, object]] = []

    def keys(self, kind: Kind, namespace: str | None) -> set[Key]:
        return {key for key in self.objects if namespace in {None, key.namespace}}

    def known(self, kind: Kind, key: Key) -> Any:
        return self.objects.get(key)

    def apply(self, kind: Kind, key: Key, obj: object) -> None:
        self.told.append((key, obj))
        self.objects[key] = obj

    def delete(self, kind: Kind, key: Key) -> None:
        self.objects.pop(key, None)

    @property
    def names(self) -> list[str]:
        return sorted(key.name for key in self.objects)


class Run:
    """A reflector run against a script until the script is at its end."""

    def __init__(self, api: FakeApi, resource: Resource = PODS, namespace: str | None = None):
        self.api = api
        self.sink = Spy()
        self.pauses: list[float] = []
        self.reports: list[Health] = []
        self.reflector = Reflector(
            api,
            resource,
            self.sink,
            self.reports.append,
            namespace=namespace,
            pause=self._pause,
            backoff=Backoff(rand=lambda: 1.0),
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def to_the_end(self) -> Run:
        task = asyncio.create_task(self.reflector.run())
        end = asyncio.create_task(self.api.exhausted.wait())
        await asyncio.wait({task, end}, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        assert end.done(), "the script was not played to its end"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return self


async def test_lists_in_pages_then_watches_from_there() -> None:
    run = await Run(
        FakeApi(
            [
                fake.listing(fake.pod("a"), version="5", more="token"),
                fake.listing(fake.pod("b"), version="5"),
            ],
            [
                [fake.added(fake.pod("c"), "6"), fake.deleted(fake.pod("a"), "7")],
                [fake.modified(fake.pod("b", ready=False), "8"), fake.bookmark("9")],
            ],
        )
    ).to_the_end()
    assert run.sink.names == ["b", "c"]
    assert run.sink.objects[Key("apps", "b")].ready is False
    assert run.api.asked[0] == ("/api/v1/pods", {"limit": "500", "continue": "token"}) or (
        run.api.asked[1][1]["continue"] == "token"
    )
    assert [each["resourceVersion"] for each in run.api.watched] == ["5", "7", "9"]
    assert all(each["allowWatchBookmarks"] == "true" for each in run.api.watched)
    assert run.reflector.health.synced
    assert len(run.api.asked) == 2, "one list of two pages"
    assert run.pauses == [], "a watch that delivered something is followed at once"


async def test_a_watch_is_short_and_its_silence_shorter_than_staleness() -> None:
    run = await Run(
        FakeApi([fake.listing()], [[fake.bookmark("11")] for _ in range(20)])
    ).to_the_end()
    waits = {int(each["timeoutSeconds"]) for each in run.api.watched}
    assert max(waits) <= 10
    assert len(waits) > 1, "jittered"
    assert all(each < 15 for each in run.api.read_timeouts)
    assert all(
        read > int(asked["timeoutSeconds"])
        for read, asked in zip(run.api.read_timeouts, run.api.watched, strict=True)
    )


@pytest.mark.parametrize("gone", [Gone("too old"), [fake.error(410)]])
async def test_a_version_that_is_too_old_leads_to_a_fresh_list(gone: object) -> None:
    run = await Run(
        FakeApi(
            [
                fake.listing(fake.pod("old"), version="1"),
                fake.listing(fake.pod("new"), version="90"),
            ],
            [gone, [fake.bookmark("91")]],  # type: ignore[list-item]
        )
    ).to_the_end()
    assert run.sink.names == ["new"], "what was deleted unseen is gone"
    assert [each["resourceVersion"] for each in run.api.watched] == ["1", "90", "91"]


async def test_what_a_fresh_list_finds_unchanged_stays_the_same_object() -> None:
    """Of a list that is made anew every few minutes only what it says anew is kept, and told."""
    api = FakeApi(
        [
            fake.listing(fake.pod("same"), fake.pod("other"), version="1"),
            fake.listing(fake.pod("same"), fake.pod("other", ready=False), version="90"),
        ],
        [Gone("too old")],
    )
    run = await Run(api).to_the_end()
    same, other = Key("apps", "same"), Key("apps", "other")
    assert [key for key, _ in run.sink.told] == [same, other, other]
    assert run.sink.objects[other].ready is False  # type: ignore[attr-defined]


async def test_pages_that_expire_lead_to_a_list_in_one_piece() -> None:
    run = await Run(
        FakeApi(
            [
                fake.listing(fake.pod("a"), more="token"),
                Gone("expired"),
                fake.listing(fake.pod("a"), fake.pod("b")),
            ]
        )
    ).to_the_end()
    assert run.sink.names == ["a", "b"]
    assert "limit" not in run.api.asked[-1][1]


async def test_a_broken_watch_goes_on_from_where_it_was_then_lists() -> None:
    lost = ClusterUnavailable("connection lost")
    run = await Run(
        FakeApi(
            [fake.listing(fake.pod("a"), version="1"), fake.listing(fake.pod("b"), version="5")],
            [[fake.added(fake.pod("x"), "2"), lost], lost, lost, [fake.bookmark("6")]],  # type: ignore[list-item]
        )
    ).to_the_end()
    assert next(each["resourceVersion"] for each in run.api.watched) == "1"
    assert len(run.api.asked) == 2, "after three failures the version is not trusted"
    assert run.sink.names == ["b"]


async def test_where_no_watch_lasts_lists_keep_the_copy_young() -> None:
    cut = ClusterUnavailable("cut off")
    listings = [fake.listing(fake.pod(name), version="1") for name in "abcd"]
    api = FakeApi(listings, [[cut] for _ in range(6)])  # type: ignore[list-item]
    times = iter(datetime(2026, 1, 1, 0, 0, each, tzinfo=UTC) for each in range(60))
    run = Run(api)
    run.reflector._now = lambda: next(times)  # type: ignore[method-assign]
    await run.to_the_end()
    assert run.sink.names == ["d"]
    assert len(api.watched) == 6
    assert len(api.asked) - 1 == 4, "after three failures a list for each try"
    alive = [each.alive_at for each in run.reports if each.alive_at]
    assert len(set(alive)) == 4, "an opened watch alone is no sign of life"
    assert "cut off" in run.reflector.health.error


async def test_what_may_be_listed_but_not_watched_stays_marked() -> None:
    no = Forbidden("no watch")
    run = await Run(
        FakeApi([fake.listing(), fake.listing(), fake.listing()], [no, no]), namespace="apps"
    ).to_the_end()
    later = run.reports[run.reports.index(next(e for e in run.reports if not e.available)) :]
    assert not any(each.available for each in later)
    assert "Not allowed in the namespace apps" in run.reflector.health.error


async def test_what_a_broken_watch_delivered_is_not_asked_for_again() -> None:
    lost = ClusterUnavailable("connection lost")
    run = await Run(
        FakeApi(
            [fake.listing(version="1")],
            [[fake.added(fake.pod("x"), "2"), lost], [fake.bookmark("3")]],  # type: ignore[list-item]
        )
    ).to_the_end()
    assert [each["resourceVersion"] for each in run.api.watched] == ["1", "2", "3"]


async def test_delays_grow_and_begin_anew_after_a_success() -> None:
    down = ClusterUnavailable("no answer")
    run = await Run(
        FakeApi(
            [down, down, down, down, fake.listing(version="1"), fake.listing(version="2")],
            [[fake.bookmark("2")], down, [fake.bookmark("3")]],
        )
    ).to_the_end()
    assert run.pauses == [0.5, 1.0, 2.0, 4.0, 0.5]
    assert next(each.error for each in run.reports if each.error) == "no answer"
    assert run.reflector.health.error == ""


async def test_watches_that_end_without_a_word_are_no_sign_of_life() -> None:
    api = FakeApi(
        [fake.listing(fake.pod("a")), fake.listing(fake.pod("b"))], [[] for _ in range(3)]
    )
    run = Run(api)
    times = iter(datetime(2026, 1, 1, 0, 0, each, tzinfo=UTC) for each in range(60))
    run.reflector._now = lambda: next(times)  # type: ignore[method-assign]
    run.reflector._clock = lambda: 0.0
    await run.to_the_end()
    assert run.pauses == [0.5, 1.0, 2.0], "and no busy loop"
    alive = [each.alive_at for each in run.reports if each.alive_at]
    assert len(set(alive)) == 2, "only the lists are"
    assert "without any event" in run.reports[-2].error
    assert run.sink.names == ["b"], "what no watch tells is listed"


async def test_a_quiet_watch_that_lasts_its_time_is_a_sign_of_life() -> None:
    api = FakeApi([fake.listing()], [[] for _ in range(5)])
    run = Run(api)
    times = iter(range(0, 200, 10))
    run.reflector._clock = lambda: float(next(times))
    await run.to_the_end()
    assert run.pauses == []
    assert len(api.asked) == 1
    assert run.reflector.health.error == ""


async def test_retry_after_is_honoured() -> None:
    run = await Run(FakeApi([Throttled("busy", 17), fake.listing()])).to_the_end()
    assert run.pauses[0] >= 17


async def test_forbidden_is_reported_and_what_was_known_stays() -> None:
    run = await Run(
        FakeApi(
            [fake.listing(fake.pod("a")), Forbidden("no")], [Forbidden("no"), [fake.bookmark("2")]]
        )
    ).to_the_end()
    assert not run.reflector.health.available
    assert "no" in run.reflector.health.error
    assert run.sink.names == ["a"]


async def test_an_api_that_is_not_installed_is_unavailable_and_rarely_asked_for() -> None:
    run = await Run(
        FakeApi([NotFound("404"), fake.listing(fake.pod("a"))], [[fake.bookmark("11")]]),
        replace(PODS, optional=True),
    ).to_the_end()
    assert 20 < run.pauses[0] <= 30, "and yet one that is installed later appears soon"
    seen = [each.available for each in run.reports]
    assert seen[0] is False
    assert seen[-1] is True
    assert run.reflector.health.synced


async def test_an_api_that_stays_away_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Most clusters lack KEDA, in each of the namespaces that are watched."""
    caplog.set_level(logging.INFO)
    away = [NotFound("404"), NotFound("404"), NotFound("404"), fake.listing(fake.pod("a"))]
    await Run(FakeApi(away, [[fake.bookmark("11")]]), replace(PODS, optional=True)).to_the_end()
    told = [each for each in caplog.records if "does not have this API" in each.message]
    assert [each.levelname for each in told] == ["INFO"]


async def test_one_that_is_removed_takes_its_objects_along() -> None:
    gone = NotFound("404")
    run = await Run(
        FakeApi([fake.listing(fake.pod("a")), gone], [gone]), replace(PODS, optional=True)
    ).to_the_end()
    assert run.sink.names == []
    assert not run.reflector.health.available


@pytest.mark.parametrize("optional", [True, False])
async def test_a_watch_that_is_not_found_removes_nothing(optional: bool) -> None:
    run = await Run(
        FakeApi([fake.listing(fake.pod("a"))], [NotFound("404")]), replace(PODS, optional=optional)
    ).to_the_end()
    assert run.sink.names == ["a"]
    assert run.reflector.health.available
    assert len(run.api.asked) == 2, "it is listed at once, to see whether the API is there"
    assert run.pauses == [0.5]


async def test_an_api_that_every_cluster_has_is_awaited_and_not_emptied() -> None:
    gone = NotFound("404")
    run = await Run(FakeApi([fake.listing(fake.pod("a")), gone, gone], [gone])).to_the_end()
    assert run.sink.names == ["a"]
    assert run.reflector.health.available
    assert run.reflector.health.error == "404"
    assert run.pauses == [0.5, 1.0, 2.0]


async def test_an_object_that_stops_matching_the_selector_is_deleted() -> None:
    run = await Run(
        FakeApi(
            [fake.listing(fake.secret("app", 1))],
            [
                [
                    fake.added(fake.secret("app", 2, "pending-upgrade"), "11"),
                    fake.deleted(fake.secret("app", 1, "superseded"), "12"),
                    fake.modified(fake.secret("app", 2), "13"),
                ]
            ],
        ),
        RELEASES,
    ).to_the_end()
    assert run.sink.names == ["sh.helm.release.v1.app.v2"]
    assert run.api.asked[0][1]["labelSelector"] == "owner=helm,status!=superseded"
    assert run.api.watched[0]["labelSelector"] == "owner=helm,status!=superseded"


async def test_an_object_that_cannot_be_read_is_kept_as_that_and_named() -> None:
    bad = {"metadata": {"name": "bad", "namespace": "apps"}, "spec": 1}
    run = await Run(
        FakeApi(
            [fake.listing(bad, fake.pod("good"), fake.pod("turns"))],
            [
                [
                    fake.modified(
                        {"metadata": {"name": "turns", "namespace": "apps"}, "spec": 1}, "11"
                    ),
                    fake.added(fake.pod("next"), "12"),
                ]
            ],
        )
    ).to_the_end()
    assert run.sink.names == ["bad", "good", "next", "turns"]
    unread = {key.name for key, obj in run.sink.objects.items() if isinstance(obj, Unreadable)}
    assert unread == {"bad", "turns"}, "the last good state of a bad one is not kept"
    assert run.reflector.health.unread == {Key("apps", "bad"), Key("apps", "turns")}
    assert run.reports[-1].unread == run.reflector.health.unread


async def test_an_object_that_can_be_read_again_is_marked_no_more() -> None:
    bad = {"metadata": {"name": "bad", "namespace": "apps"}, "spec": 1}
    gone = {"metadata": {"name": "gone", "namespace": "apps"}, "spec": 1}
    run = await Run(
        FakeApi(
            [fake.listing(bad, gone)],
            [[fake.modified(fake.pod("bad"), "11"), fake.deleted(gone, "12")]],
        )
    ).to_the_end()
    assert run.sink.names == ["bad"]
    assert [len(each.unread) for each in run.reports] == [2, 1, 0]
    assert run.reports[-1].synced
    assert run.reports[-1].error == ""


async def test_a_fault_in_the_sink_does_not_end_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    api = FakeApi([fake.listing(fake.pod("a")), fake.listing(fake.pod("a"))], [])
    run = Run(api)
    honest = run.sink.apply
    calls: list[int] = []

    def broken(kind: Kind, key: Key, obj: object) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("a bug")
        honest(kind, key, obj)

    run.sink.apply = broken  # type: ignore[method-assign]
    await run.to_the_end()
    assert run.sink.names == ["a"]
    assert "unexpected" in caplog.text


async def test_one_namespace_has_its_own_path_and_leaves_the_others_alone() -> None:
    run = Run(FakeApi([fake.listing()]), namespace="apps")
    ours, other = Key("apps", "gone"), Key("b", "stays")
    run.sink.objects = {ours: object(), other: object()}
    await run.to_the_end()
    assert run.api.asked[0][0] == "/api/v1/namespaces/apps/pods"
    assert list(run.sink.objects) == [other]


async def test_signs_of_life_are_reported_once_a_second_at_most() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    api = FakeApi([fake.listing()], [[fake.bookmark(str(each)) for each in range(50)]])
    run = Run(api)
    run.reflector._now = lambda: now  # type: ignore[method-assign]
    await run.to_the_end()
    assert len(run.reports) == 1
    assert run.reports[0].alive_at == now


def test_a_source_over_several_namespaces_is_as_good_as_its_worst_part() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    good = Health(synced=True, alive_at=late)
    assert combined([good]) == good
    assert combined([good, replace(good, alive_at=early)]).alive_at == early
    assert not combined([good, Health()]).synced
    assert combined([good, Health()]).alive_at is None
    forbidden = Health(available=False, error="no")
    both = combined([good, forbidden])
    assert both.available
    assert both.synced
    assert both.error == "no"
    assert not combined([forbidden]).available


async def test_a_store_is_a_sink() -> None:
    store = Store()
    api = FakeApi([fake.listing(fake.secret("app", 3))])
    reflector = Reflector(api, RELEASES, store, lambda _: None)
    task = asyncio.create_task(reflector.run())
    await asyncio.wait_for(api.exhausted.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert list(store.snapshot.apps) == [Key("apps", "app")]


def test_backoff_has_jitter_and_a_ceiling() -> None:
    low, high = Backoff(rand=lambda: 0.0), Backoff(rand=lambda: 1.0)
    assert [low.next() for _ in range(3)] == [0.25, 0.5, 1.0]
    for _ in range(20):
        high.next()
    assert high.next() == 10.0, "so that what was down for long is found soon after it is back"
    high.reset()
    assert high.next() == 0.5
