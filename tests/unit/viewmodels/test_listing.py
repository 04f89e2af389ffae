"""Parsing and results of list queries."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.objects import Node, ReleaseStatus, Service
from portal.state.model import AppState
from portal.viewmodels import releases
from portal.viewmodels.columns import SORTABLE
from portal.viewmodels.listing import PAGE_SIZE
from portal.viewmodels.query import Bucket, ListQuery
from portal.viewmodels.releases import AT_ONCE, RowCache

from .make import (
    NOW,
    ago,
    deployment,
    detail,
    list_view,
    node,
    pod,
    pods,
    release,
    service,
    sources,
    state,
    unready,
    waiting,
    watched,
)


def named(name: str, one: AppState | None = None, namespace: str = "apps") -> AppState:
    return replace(one or state(), key=Key(namespace, name))


BROKEN = state(pods=pods(unready(waiting("ErrImagePull", "not found"))))
MANY = [named(f"app-{number:04}") for number in range(1000)]


def names(states: list[AppState], query: str) -> list[str]:
    return [row.key.name for row in list_view(states, sources(), NOW, query=parsed(query)).rows]


def parsed(text: str) -> ListQuery:
    return ListQuery.parse(text)


def test_every_column_can_be_sorted_by() -> None:
    for column in SORTABLE:
        assert sorted(names([named("b"), named("a", BROKEN)], f"sort={column}")) == ["a", "b"]
        down = parsed(f"sort=-{column}")
        assert down.column == column
        assert down.downwards


def test_the_one_spelling() -> None:
    query = parsed("?page=2&sort=-updated&q=a+b%26c&status=attention&bogus=1&q=second")
    assert query == ListQuery("a b&c", status=Bucket.ATTENTION, sort="-updated", page=2)
    assert query.encode() == "q=a%20b%26c&status=attention&sort=-updated&page=2"
    assert parsed("sort=name&page=1").encode() == ""


@pytest.mark.parametrize(
    "text",
    ["page=0", "page=-1", "page=٣", "page=999999", "sort=key", "sort=--name", "status=x", "q=%20"],
)
def test_what_makes_no_sense_is_as_if_not_there(text: str) -> None:
    assert parsed(text) == ListQuery()


@given(st.text(), st.text(), st.text())
def test_any_text_has_a_short_plain_spelling(q: str, namespace: str, owner: str) -> None:
    raw = "&".join(f"{name}={text}" for name, text in (("q", q), ("namespace", namespace)))
    for text in (raw, f"{raw}&owner={owner}&page={q}&sort={owner}", q):
        query = parsed(text)
        spelled = query.encode()
        assert len(spelled) < 590
        assert re.fullmatch(r"[!-~]*", spelled)
        assert parsed(spelled) == query


def test_a_page_of_many() -> None:
    view = list_view(MANY, sources(), NOW, query=parsed("page=3"))
    assert [row.key.name for row in view.rows] == [f"app-{n:04}" for n in range(100, 150)]
    assert (view.first, view.found, view.total, view.pages) == (101, 1000, 1000, 20)
    beyond = list_view(MANY, sources(), NOW, query=parsed("page=21"))
    assert (beyond.query.page, beyond.rows[-1].key.name) == (20, "app-0999")
    assert len(names(MANY, "q=app-01")) == PAGE_SIZE
    assert names(MANY, "q=APP-0123") == ["app-0123"]


def test_search_and_filters() -> None:
    states = [
        named("x", BROKEN),
        named("y", namespace="team"),
        named("z", state(release=release(ReleaseStatus.FAILED)), "team"),
        named("idle", state(workloads=(deployment(0, 0),), pods=())),
    ]
    assert names(states, "") == ["idle", "x", "y", "z"]
    assert names(states, "namespace=team") == ["y", "z"]
    assert names(states, "status=attention") == ["x", "z"]
    assert names(states, "status=idle") == ["idle"]
    assert names(states, "q=image not") == ["x"]
    assert names(states, "q=team deployed") == ["y"]
    assert names(states, "owner=ada") == ["idle", "x", "y", "z"]
    assert names(states, "owner=bob") == []
    view = list_view(states, sources(), NOW, query=parsed("namespace=team&status=ready"))
    assert dict(view.counts) == {"attention": 1, "changing": 0, "ready": 1, "idle": 0}
    assert (view.namespaces, view.owners, view.total) == (("apps", "team"), ("ada",), 4)
    assert view.summary == "4 releases, 2 need attention."


def test_the_order() -> None:
    states = [
        named("old", state(release=release(updated_at=ago(9000)))),
        named("new", state(release=release(updated_at=ago(10)))),
        named("bad", BROKEN),
    ]
    assert names(states, "sort=-updated") == ["new", "bad", "old"]
    assert names(states, "sort=status") == ["bad", "new", "old"]
    assert names(states, "sort=-name") == ["old", "new", "bad"]
    query = parsed("page=4&q=x")
    assert query.by("name").sort == "-name"
    assert query.by("name").by("name").sort == "name"
    assert query.by("updated") == parsed("q=x&sort=-updated")


def test_a_chart_that_is_not_read_yet() -> None:
    assert list_view([state(detail=None)], sources(), NOW).rows[0].chart == "…"
    damaged = detail(chart="", damaged="not base64")
    assert list_view([state(detail=damaged)], sources(), NOW).rows[0].chart == ""


@pytest.mark.parametrize("asked", ["q=demo", "sort=chart", "sort=-version"])
def test_what_is_not_read_yet_is_said_where_it_matters(asked: str) -> None:
    states = [named("read"), named("a", state(detail=None)), named("b", state(detail=None))]
    said = " The charts of 2 releases are still being read."
    for query, more in ((asked, said), ("status=ready", "")):
        view = list_view(states, sources(), NOW, query=parsed(query))
        assert view.summary == f"3 releases.{more}"
    assert list_view(states[:1], sources(), NOW, query=parsed(asked)).summary == "1 release."


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Key]:
    """The rows that were made, one after the other."""
    found: list[Key] = []
    real: Any = releases.release_row

    def release_row(one: AppState, *rest: object, **more: object) -> object:
        found.append(one.key)
        return real(one, *rest, **more)

    monkeypatch.setattr(releases, "release_row", release_row)
    return found


def test_a_row_is_made_again_when_its_app_is_another(made: list[Key]) -> None:
    rows = RowCache()
    states = MANY[:20]
    list_view(states, sources(), NOW, rows=rows)
    assert len(made) == 20
    list_view(states, sources(), NOW + timedelta(hours=1), rows=rows)
    moved = [replace(each, history=(), usage={}) for each in states]
    list_view(moved, sources(), NOW, rows=rows)
    assert len(made) == 20
    broken = replace(BROKEN, key=states[3].key)
    view = list_view([*moved[:3], broken, *moved[4:]], sources(), NOW, rows=rows)
    assert made[20:] == [broken.key]
    assert view.rows[3].problem
    list_view(moved, sources(Pod=watched("Pod")), NOW, rows=rows)
    assert len(made) == 41, "without pods the counts are those of the workloads"


def test_time_alone_can_make_a_row_a_problem() -> None:
    rows = RowCache()
    pending = [state(release=release(ReleaseStatus.PENDING_UPGRADE, updated_at=ago(590)))]
    assert not list_view(pending, sources(), NOW, rows=rows).rows[0].problem
    later = NOW + timedelta(seconds=20)
    assert list_view(pending, sources(), later, rows=rows).rows[0].problem


def test_a_row_depends_on_the_nodes_of_its_own_pods_alone(made: list[Key]) -> None:
    def on(name: str, *services: Service) -> AppState:
        one = state(pods=(replace(pod(), node=name),), services=services)
        return named(f"on-{name}-{len(services)}", one)

    states = [on("a"), on("b"), on("b", service("NodePort"))]
    rows = RowCache()

    def after(*nodes: Node) -> list[str]:
        made.clear()
        list_view(states, sources(), NOW, nodes=nodes, rows=rows)
        return [key.name for key in made]

    a, b = node("a", internal_ip="10.0.0.1"), node("b", internal_ip="10.0.0.2")
    assert after(a, b) == ["on-a-0", "on-b-0", "on-b-1"]
    assert after(a, replace(b, internal_ip="10.0.0.3"), node("c")) == []
    assert after(a, replace(b, ready=False)) == ["on-b-0", "on-b-1"]
    assert after(replace(a, internal_ip="10.0.0.9"), replace(b, ready=False)) == ["on-b-1"]


def test_what_time_may_change_is_made_again_bit_by_bit(made: list[Key]) -> None:
    rows = RowCache()
    states = [named(f"broken-{number:03}", BROKEN) for number in range(120)]
    rounds = list[set[Key]]()
    for seconds in (0, 4, 6, 6.1, 6.2, 6.3, 12):
        made.clear()
        list_view(states, sources(), NOW + timedelta(seconds=seconds), rows=rows)
        rounds.append(set(made))
    assert [len(each) for each in rounds] == [120, 0, AT_ONCE, AT_ONCE, 20, 0, AT_ONCE]
    assert not rounds[2] & rounds[3]
    assert rounds[2] == rounds[6], "the oldest first"


def test_what_does_not_differ_is_not_even_looked_through() -> None:
    rows = RowCache()
    apps = {each.key: each for each in MANY[:20]}
    first = rows.release_list(apps, sources(), NOW)
    heard = sources(Pod=watched("Pod", synced=True, alive_at=NOW + timedelta(seconds=1)))
    assert rows.release_list(apps, heard, NOW + timedelta(seconds=1)) is first
    assert first.by_owner is first.by_owner
    assert rows.release_list(dict(apps), heard, NOW) is not first


def test_who_sees_only_some_namespaces() -> None:
    listed = RowCache().release_list({each.key: each for each in MANY[:3]}, sources(), NOW)
    assert listed.within(lambda _: True) is listed
    assert listed.within(lambda namespace: namespace != "apps").entries == []


def test_what_is_gone_is_forgotten() -> None:
    rows = RowCache()
    list_view(MANY[:20], sources(), NOW, rows=rows)
    list_view(MANY[:5], sources(), NOW, rows=rows)
    assert len(rows) == 5
