"""Faults between portal and API server, one after another.

Each time: the rest stays live, what is affected says so within 15 s, all is right again within
30 s of the fault's end (and 2 s more for a busy machine, in both), nobody is asked more often than
the backoff allows, and nothing escapes.

A fault takes up to a minute of waiting and next to no work, so all that are selected run at once,
each in a namespace and behind a proxy of its own; a test waits for the end of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from portal.cluster.reflector import FAILURES_BEFORE_LIST
from portal.domain.objects import Kind
from tests.cluster.faults.lab import (
    CONVERGED_WITHIN,
    KINDS,
    MARKED_WITHIN,
    SLACK,
    Lab,
    Recorder,
    lab,
    most_tries,
    until,
)
from tests.cluster.faults.proxy import (
    Alter,
    Ask,
    Cut,
    ErrorEvent,
    Fault,
    Garble,
    Matches,
    Pages,
    Refuse,
    Say,
    Silence,
    Wordless,
    about,
    bearing,
)
from tests.cluster.faults.server import ApiServer

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]

Course = Callable[[Lab], Awaitable[None]]

COURSES: dict[str, Course] = {}
"""The faults by name."""


def course(**variants: Fault) -> Callable[[Callable[..., Awaitable[None]]], None]:
    """Register a course of events: one for each of the faults it may be about, or just one."""

    def register(function: Callable[..., Awaitable[None]]) -> None:
        name = function.__name__
        if not variants:
            COURSES[name] = function
        for variant, fault in variants.items():
            COURSES[f"{name}-{variant}"] = lambda lab, fault=fault: function(lab, fault)

    return register


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Mapping[str, asyncio.Task[Lab]]]:
    """The courses that are wanted, all under way."""
    wanted = {
        item.callspec.params["name"]  # pyright: ignore[reportAttributeAccessIssue]
        for item in request.session.items
        if item.path == Path(__file__) and hasattr(item, "callspec")
    }
    folder = tmp_path_factory.mktemp("faults")
    recorder = Recorder()
    logging.getLogger().addHandler(recorder)
    async with ApiServer.connect(Path(os.environ["KUBECONFIG"])) as server:

        async def run(name: str) -> Lab:
            async with lab(server, folder, everywhere=name.startswith("forbidden")) as found:
                await COURSES[name](found)
                return found

        tasks = {
            name: asyncio.create_task(run(name), name=name) for name in COURSES if name in wanted
        }
        yield tasks
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    logging.getLogger().removeHandler(recorder)
    assert [each.getMessage() for each in recorder.strays] == []


async def lasting(
    lab: Lab,
    matches: Matches,
    fault: Fault,
    *,
    kinds: Mapping[Kind, str],
    live: tuple[Kind, ...],
) -> dict[str, list[Ask]]:
    """Go through a fault from beginning to end; returns the requests it met.

    Args:
        lab: whose.
        matches: what it is about.
        fault: the fault.
        kinds: what it affects, and the name that a page has for it.
        live: what it does not affect.
    """
    with lab.proxy.fault(matches, fault) as strikes:
        began = time.monotonic()
        if not isinstance(fault, Silence):  # a watch that is open ends first
            await until(lambda: bool(strikes), "the fault's beginning")
            began = strikes[0].at
        await lab.churn(*kinds)
        await lab.lives(*live)
        for name in kinds.values():
            took = await until(
                lambda name=name: lab.marked(name),
                f"{name} being marked",
                within=MARKED_WITHIN + SLACK,
                since=began,
            )
            lab.notes.append(f"{name} marked in {took:.1f} s: {lab.words}")
        await lab.lives(*live)
        assert len(lab.words) == len(kinds), "nothing else is"
    await lab.converged()
    return {plural: [each for each in strikes if each.source == plural] for plural in KINDS}


@course(
    status=Refuse(410),
    event=ErrorEvent(410),
)
async def gone(lab: Lab, fault: Fault) -> None:
    """No watch may begin where the last one ended; a list is all there is."""
    with lab.proxy.fault(about("deployments", watch=True), fault) as strikes:
        await until(lambda: len(strikes) > 1, "the fault's beginning")
        await lab.churn(Kind.DEPLOYMENT)
        await lab.lives(Kind.SERVICE, Kind.HPA)
        await lab.lives(Kind.DEPLOYMENT)  # by lists
        assert not lab.words
    await lab.converged()
    lab.asks_sparingly({"deployments": strikes})


@course()
async def gone_while_paging(lab: Lab) -> None:
    """The second page of a list is too old, however often it is asked for."""
    with ExitStack() as faults:
        faults.enter_context(lab.proxy.fault(about("services", watch=False), Pages(1)))
        expired = faults.enter_context(
            lab.proxy.fault(
                lambda ask: ask.source == "services" and "continue" in ask.query, Refuse(410)
            )
        )
        with lab.proxy.fault(about("services", watch=True), Refuse(410)) as relist:
            await until(lambda: bool(relist), "the need for a list")
        await until(lambda: bool(expired), "the fault's beginning")
        await lab.churn(Kind.SERVICE)
        await lab.lives(Kind.DEPLOYMENT, Kind.SERVICE)
        await lab.converged()
        assert not lab.words
    lab.asks_sparingly({"services": [*relist, *expired]})


@course()
async def silent(lab: Lab) -> None:
    """Connections about one kind are open, and nothing comes."""
    kinds = {Kind.SERVICE: "Services"}
    struck = await lasting(
        lab, about("services"), Silence(), kinds=kinds, live=(Kind.DEPLOYMENT, Kind.HPA)
    )
    lab.asks_sparingly(struck)


@course()
async def all_silent(lab: Lab) -> None:
    """Every connection is open, and nothing comes."""
    began = time.monotonic()
    with lab.proxy.fault(about(), Silence()):
        await lab.churn(Kind.SERVICE, Kind.DEPLOYMENT, Kind.RELEASE, Kind.POD)
        await all_marked(lab, began)
    await lab.converged()


async def all_marked(lab: Lab, since: float) -> None:
    """Wait until everything that is watched is said to be stale or unavailable."""

    def met() -> bool:
        sources, now = lab.store.snapshot.sources, datetime.now(UTC)
        watched = [sources[each.kind.value] for each in KINDS.values()]
        return all(each.stale(now) or not each.available for each in watched) and bool(lab.words)

    took = await until(
        met,
        "everything being marked",
        within=MARKED_WITHIN + SLACK,
        since=since,
    )
    lab.notes.append(f"all marked in {took:.1f} s")


@course(
    in_a_line=Cut(),
    as_if_complete=Cut(politely=True),
    garbled=Garble(),
    before_a_word=Wordless(),
)
async def cut(lab: Lab, fault: Fault) -> None:
    """Each watch of a kind breaks at its first line, or before."""
    with lab.proxy.fault(about("deployments", watch=True), fault) as strikes:
        await lab.churn(Kind.DEPLOYMENT)

        async def often() -> bool:
            """By then tries are far between, and the next list is several of them away."""
            await lab.put(Kind.DEPLOYMENT, "alpha")
            return len(strikes) > 2 * FAILURES_BEFORE_LIST

        await until(often, "the fault coming again and again", every=0.5)
        await lab.lives(Kind.SERVICE, Kind.HPA)
        number = await lab.put(Kind.DEPLOYMENT, "beta")
        await until(
            lambda: lab.shows(Kind.DEPLOYMENT, "beta", number) or lab.marked("Deployments"),
            "the newest being shown, or said not to be",
            within=MARKED_WITHIN + SLACK,
        )
        lab.notes.append(f"after {len(strikes)} tries: {lab.words or 'shown'}")
    await lab.converged()
    lab.asks_sparingly({"deployments": strikes})


@course()
async def down_for_30_seconds(lab: Lab) -> None:
    """Nobody listens, for half a minute."""
    calls = lab.sync.client.calls
    before = calls.made.total()
    began = time.monotonic()
    await lab.proxy.down()
    await lab.churn(Kind.SERVICE, Kind.DEPLOYMENT, Kind.RELEASE, Kind.POD, Kind.HPA)
    await all_marked(lab, began)
    assert lab.source("metrics").error
    await until(lambda: time.monotonic() - began >= 30, "the end of it")
    tries = calls.made.total() - before
    lab.notes.append(f"{tries} requests while down")
    assert tries <= (len(KINDS) + 1) * most_tries(30)
    await lab.proxy.up()
    await lab.converged()


@course(
    retry_after=Refuse(429, retry_after=12),
    overloaded=Refuse(503),
    not_found=Refuse(404),
)
async def refused(lab: Lab, fault: Refuse) -> None:
    """The API server has no time for one kind, or does not know it for a while."""
    shown: set[bool] = set()
    undo = lab.store.on_change(lambda _: shown.add(bool(lab.app("alpha").pods)))
    struck = await lasting(
        lab,
        about("pods"),
        fault,
        kinds={Kind.POD: "Pods"},
        live=(Kind.DEPLOYMENT, Kind.SERVICE),
    )
    undo()
    assert shown == {True}, "what was known is shown all the time"
    lab.asks_sparingly(struck)
    if fault.retry_after is not None:
        times = [each.at for each in struck["pods"]]
        gaps = [later - sooner for sooner, later in pairwise(times)]
        assert all(gap >= fault.retry_after - 0.1 for gap in gaps), gaps


@course()
async def token_expired(lab: Lab) -> None:
    """The token expires, and the new one is late."""
    # The watches that are open tell of an upgrade whose body cannot be read any more.
    with lab.proxy.fault(lambda ask: "/secrets/" in ask.path, Refuse(401)) as refused:
        await lab.lives(Kind.RELEASE)
        await until(lambda: len(refused) > 1, "its body being refused, and asked for again")
        body = lab.app("beta").detail
        assert body is None or not body.damaged
    with lab.proxy.fault(bearing("old"), Refuse(401)) as strikes:
        await until(lambda: {each.source for each in strikes} >= set(KINDS), "all being refused")
        # Each kind notices when its watch ends; what counts is the last.
        last = max(min(each.at for each in strikes if each.source == plural) for plural in KINDS)
        await all_marked(lab, last)
        await lab.churn(Kind.SERVICE, Kind.DEPLOYMENT, Kind.RELEASE, Kind.POD)
        lab.token.write_text("new")
        await lab.converged()
    for plural in KINDS:
        asks = [each for each in strikes if each.source == plural]
        assert len(asks) <= most_tries(asks[-1].at - asks[0].at), plural


@course()
async def token_renewed(lab: Lab) -> None:
    """The token expires, and the new one is there already: nobody need notice."""
    lab.token.write_text("new")
    said: set[str] = set()

    def renewed() -> bool:
        sources = lab.store.snapshot.sources.values()
        said.update(lab.words, (each.error for each in sources if each.available))
        fresh = {each.source for each in lab.proxy.asked if each.watch and each.token == "new"}
        return fresh >= set(KINDS)

    with lab.proxy.fault(bearing("old"), Refuse(401)) as strikes:
        await until(renewed, "the new token being used for every kind")
        await lab.lives(Kind.SERVICE, Kind.DEPLOYMENT, Kind.RELEASE, Kind.HPA)
        await lab.converged()
    assert said <= {""}
    # A request that was under way with the old token is sent once more; no other.
    assert len(strikes) <= len(KINDS) + 1


@course()
async def forbidden(lab: Lab) -> None:
    """One kind may not be read any more, in the whole cluster."""
    struck = await lasting(
        lab,
        about("horizontalpodautoscalers"),
        Refuse(403),
        kinds={Kind.HPA: "Autoscalers"},
        live=(Kind.DEPLOYMENT, Kind.SERVICE, Kind.RELEASE),
    )
    assert any("no permission to read" in each for each in lab.notes)
    lab.asks_sparingly(struck)


@course(
    down=Refuse(503),
    not_installed=Refuse(404),
    silent=Silence(),
)
async def metrics_gone(lab: Lab, fault: Fault) -> None:
    """The metrics API is gone, and back."""

    def used() -> dict[str, object]:
        containers = [{"name": "c", "usage": {"cpu": "5m", "memory": "7Mi"}}]
        return {
            "items": [
                {
                    "metadata": {"namespace": pod.key.namespace, "name": pod.key.name},
                    "timestamp": "2026-01-01T00:00:00Z",
                    "window": "10s",
                    "containers": containers,
                }
                for pod in lab.app("alpha").pods
            ]
        }

    def known() -> bool:
        return len(lab.app("alpha").usage) == 2 and not lab.source("metrics").error

    with lab.proxy.fault(about("metrics"), Say(used)):
        await until(known, "what the pods use")
        began = time.monotonic()
        with lab.proxy.fault(about("metrics"), fault) as strikes:
            await lab.lives(Kind.DEPLOYMENT, Kind.SERVICE)
            took = await until(
                lambda: lab.marked("CPU and memory use") or not lab.source("metrics").available,
                "the metrics being marked",
                within=MARKED_WITHIN + SLACK,
                since=began,
            )
            lab.notes.append(f"metrics marked in {took:.1f} s: {lab.source('metrics').error}")
            assert not lab.app("alpha").usage, "no number is shown as if it were new"
            await until(lambda: len(strikes) > 2, "more tries")
            await lab.lives(Kind.DEPLOYMENT, Kind.SERVICE)
        await until(known, "what the pods use", within=CONVERGED_WITHIN + SLACK)
    await lab.converged()
    lab.asks_sparingly({})


@course()
async def odd_object(lab: Lab) -> None:
    """One object of a kind cannot be read, neither from the watch nor from a list."""

    def spoil(raw: dict[str, Any]) -> None:
        if raw.get("metadata", {}).get("name") == "alpha":
            raw["spec"]["replicas"] = "many"

    def unread() -> bool:
        return [each.key.name for each in lab.app("alpha").unreadable] == ["alpha"]

    with lab.proxy.fault(about("deployments"), Alter(spoil)):
        began = time.monotonic()
        await lab.put(Kind.DEPLOYMENT, "alpha")
        took = await until(unread, "it being told", within=MARKED_WITHIN, since=began)
        lab.notes.append(f"told in {took:.1f} s: {lab.app('alpha').unreadable}")
        assert not lab.marked("Deployments"), "it is told where it belongs"
        await lab.lives(Kind.DEPLOYMENT, Kind.SERVICE)  # of the same kind, too
        with lab.proxy.fault(about("deployments", watch=True), ErrorEvent(410)) as relist:
            await until(lambda: len(relist) > 1, "a list")
        await lab.lives(Kind.DEPLOYMENT, Kind.SERVICE)
        assert unread()
    await lab.put(Kind.DEPLOYMENT, "alpha")  # somebody corrects it
    await lab.converged()
    assert not unread()
    lab.asks_sparingly({"deployments": relist})


@course()
async def odd_release(lab: Lab) -> None:
    """Somebody's Secret looks like a record of Helm's, and is none: no proxy needed."""
    path = f"{KINDS['secrets'].path(lab.namespace)}/odd"
    labels = {"owner": "helm", "name": "odd", "status": "deployed", "version": "newest"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "odd", "labels": labels}}
    await lab.server.apply(path, secret)
    await until(lambda: lab.marked("Releases"), "it being told", within=MARKED_WITHIN)
    await lab.lives(Kind.RELEASE, Kind.SERVICE)
    await lab.server.call("DELETE", path)
    await lab.converged()
    lab.asks_sparingly({})


@pytest.mark.parametrize("name", COURSES)
async def test_the_portal_stays_honest(name: str, running: Mapping[str, asyncio.Task[Lab]]) -> None:
    found = await running[name]
    print("\n".join(found.notes))
