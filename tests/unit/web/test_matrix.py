"""Every route, callback and live topic of the real portal, where Kubernetes decides, for people who
may not see a namespace: the answers about an app that is there and about none are the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import uvicorn
from aiohttp import web
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.inputs.loads import well_formed
from portal.cluster.client import ClusterClient
from portal.cluster_sync import ClusterSync
from portal.domain.audit import UNRECORDED
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Kind, ReleaseStatus
from portal.domain.operations import Operation, OperationPhase
from portal.domain.owners import Owners, Role, label_of
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.domain.reviews import ResourceAttributes
from portal.live.endpoint import FRAME_PATH
from portal.live.topics import KINDS
from portal.projects.requests import ProjectRequests
from portal.releases.upgrade import UPGRADE
from portal.settings import Settings
from portal.ui import ids
from portal.web_app import WebApp
from tests.unit.auth.test_kubernetes import LAUNCHER, SEEN
from tests.unit.cluster.test_client import api_server
from tests.unit.projects.fakes import FORM, RULES, Cluster, projects
from tests.unit.projects.fakes import ROOT as ROOT_USER

ROOT = Path(__file__).resolve().parents[3]
HIDDEN, MINE = "hidden-space", "open-space"
THERE, NOWHERE = Key(HIDDEN, "sales"), Key(HIDDEN, "nouns")
"""A release in a namespace that may not be seen, and a name of the same length without one."""
OWNER, POD, VALUE, FAILURE = "olga", "sales-pod-1", "value-of-olga", "failure-of-olga"
NAMES = (OWNER, POD, VALUE, FAILURE, "hidden-other")
"""What nobody learns who may not see the namespace."""

NOBODY, ELSEWHERE = Identity("nobody"), Identity("elsewhere")
VIEWER, INSIDE = Identity("viewer"), Identity("inside")
ALLOWED: dict[str, dict[str, frozenset[ResourceAttributes]]] = {
    NOBODY.user: {},
    ELSEWHERE.user: {MINE: LAUNCHER},
    VIEWER.user: {HIDDEN: SEEN},
    INSIDE.user: {HIDDEN: LAUNCHER},
}

PROXY_SECRET = "sesame-of-the-proxy"

ROUTES = {
    "/": "the frame of all pages, without data",
    "/{path:path}": "the same, for deep links",
    "/healthz": "open: a word",
    "/readyz": "open: kinds that are not read yet",
    "/metrics": "open: counts of the whole portal",
    "/_dash-layout": "the frame of all pages, without data",
    "/_dash-dependencies": "the callbacks",
    "/_dash-update-component": "every callback, below",
    "/_reload-hash": "nothing",
    "/live": "topics, below, through the same hub as frames",
    "/live/frame": "topics, below",
    "/live/logs": "below",
    "/live/logs/download": "below",
    "/live/shell": "below",
    "/_dash-component-suites/{package_name}/{fingerprinted_path:path}": "files of Dash",
    "/_dash-ws-callback": "closed to everybody (tests/unit/ui/test_requests.py)",
    "/_favicon.ico": "a file of Dash",
    "/assets": "files",
    "/auth/session": "the name of whoever asks",
    "/audit/export": "who sees which entries: tests/unit/ui/test_audit.py",
    "/icons/{source}/{chart:path}": "pictures of the catalogue, which is everybody's",
    "/csp-reports": "nothing: it only counts",
}
"""Every route, with why it tells nothing to those who may not see, or where that is tried."""


CALLS = Counter[str]()
"""Calls to the API server by method, but for what somebody may do: that is asked anew by time."""


async def api(request: web.Request) -> web.StreamResponse:
    """Answer as an API server whose RBAC is ``ALLOWED``, and that has no objects."""
    if request.path.endswith("selfsubjectreviews"):
        return web.json_response({"status": {"userInfo": {"username": "portal"}}}, status=201)
    who = request.headers.get("Impersonate-User", "")
    if request.path.endswith("selfsubjectrulesreviews"):
        asked = (await request.json())["spec"]["namespace"]
        allowed = ALLOWED[who].get(asked, frozenset[ResourceAttributes]())
        rules = [
            {"verbs": [each.verb], "apiGroups": [each.group], "resources": [each.resource]}
            for each in allowed
        ]
        return web.json_response({"status": {"resourceRules": rules, "incomplete": False}})
    CALLS[request.method] += 1
    if request.path.removeprefix("/api/v1/namespaces/") in {HIDDEN, MINE}:
        return web.json_response({"metadata": {}})
    return web.json_response({"kind": "Status", "message": "not found"}, status=404)


class Site:
    """The served portal."""

    def __init__(self, web_app: WebApp, site: Any, port: int) -> None:
        self.web_app = web_app
        self.site = site
        self.address = f"127.0.0.1:{port}"
        self.session = aiohttp.ClientSession()

    @property
    def router(self) -> Any:
        """The routes behind the portal's own middleware."""
        inner = self.site
        while not isinstance(inner, FastAPI):
            inner = inner._app
        return inner.router

    @property
    def routes(self) -> set[str]:
        """The paths of all routes."""
        return {str(getattr(each, "path", each)) for each in self.router.routes}

    async def get(self, who: Identity, path: str, **query: str) -> tuple[int, str]:
        url = f"http://{self.address}{path}"
        async with self.session.get(url, params=query, headers=headers(who)) as answer:
            return answer.status, await answer.text()

    async def post(self, who: Identity, body: object) -> tuple[int, str]:
        url = f"http://{self.address}/_dash-update-component"
        async with self.session.post(url, json=body, headers=headers(who)) as answer:
            return answer.status, await answer.text()

    @property
    def work(self) -> Counter[str]:
        """What has been done so far that takes time: calls to the API server, and renderings."""
        return CALLS + Counter(renderings=self.web_app.hub.counts.renderings)

    async def last_words(self, who: Identity, path: str, **query: str) -> str:
        """What a WebSocket tells before the portal closes it."""
        told = ""
        async with connect(
            f"ws://{self.address}{path}?{urlencode(query)}",
            origin=f"http://{self.address}",  # type: ignore[arg-type]
            additional_headers=headers(who),
        ) as browser:
            with suppress(ConnectionClosed):
                async with asyncio.timeout(30):
                    while True:
                        told += str(await browser.recv())
        return told


def headers(who: Identity) -> dict[str, str]:
    return {"X-Portal-Secret": PROXY_SECRET, "X-Forwarded-User": who.user}


def fill(store: Any) -> None:
    """Put a release with all that is of interest into the store."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for key in (THERE, Key(HIDDEN, "hidden-other")):
        secret = Key(key.namespace, f"sh.helm.release.v1.{key.name}.v1")
        owners = Owners(label_of(OWNER))
        made = ReleaseRecord(key, 1, ReleaseStatus.FAILED, None, secret.name, owners=owners)
        store.apply(Kind.RELEASE, secret, made)
        store.put_detail(
            ReleaseRevision(
                key,
                1,
                chart="dash-app",
                values={"image": {"repository": "r", "tag": "1"}, "greeting": VALUE},
                notes=VALUE,
                description=FAILURE,
            )
        )
        store.put_operation(
            Operation("op", key, UPGRADE, OWNER, OperationPhase.FAILED, now, now, error=FAILURE)
        )
    for kind in Kind:
        store.set_source(kind, synced=True, alive_at=now, error=f"in {HIDDEN}", unread=f"{THERE}")


async def a_project() -> dict[str, Any]:
    """A project of the release's name, whose purpose and people nobody else learns."""
    cluster = Cluster()
    form = {**FORM, "name": THERE.name, "purpose": VALUE, "launchers": f"user:{OWNER}"}
    made = projects(cluster)
    await made.create(ROOT_USER, form)
    return {
        "projects": made,
        "project_requests": ProjectRequests(None, made, RULES, UNRECORDED),
    }


@asynccontextmanager
async def serving(folder: Path, **more: str) -> AsyncGenerator[Site]:
    """The portal, with ``more`` settings by the names that follow the prefix; "" unsets one."""
    secret = folder / "secret"
    secret.write_text(PROXY_SECRET)
    async with AsyncExitStack() as stack:
        kubeconfig = await stack.enter_async_context(api_server(api, folder))
        settings = Settings.from_env(
            {
                "DASH_PORTAL_NAMESPACES": f"{HIDDEN},{MINE}",
                "DASH_PORTAL_AUTH_MODE": "header",
                "DASH_PORTAL_AUTH_SECRET_FILE": str(secret),
                "DASH_PORTAL_AUTHORIZATION": "kubernetes",
                "DASH_PORTAL_ROLE_PREFIX": "portal",
                "DASH_PORTAL_SHARE_LINKS": "true",
                "DASH_PORTAL_DATABASE": f"sqlite:///{folder}/portal.db",
                "DASH_PORTAL_KUBECONFIG": str(kubeconfig),
                "DASH_PORTAL_POD_SECURITY_NAMESPACE": "strict",
                "DASH_PORTAL_CHART_PATH": str(ROOT / "charts" / "dash-app"),
                "DASH_PORTAL_ALLOW_EXEC": "true",
                "DASH_PORTAL_SHELL": "true",
                **{f"DASH_PORTAL_{name}": value for name, value in more.items()},
            }
        )
        client = await stack.enter_async_context(
            ClusterClient.connect(kubeconfig, settings.impersonation())
        )
        sync = ClusterSync(client, settings)
        fill(sync.store)
        sync.store.end_initial_sync()
        web_app = WebApp(settings, os.environ, sync, stack)
        web_app._context = replace(web_app._context, **await a_project())
        stack.push_async_callback(web_app.drain)
        trail = asyncio.create_task(web_app._trail.run())  # pyright: ignore[reportPrivateUsage]
        stack.callback(trail.cancel)
        site = web_app.site()
        app = Starlette()
        app.mount("/", site)
        web_app.hub.start()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
            task = asyncio.create_task(server.serve(sockets=[listener]))
            served = Site(web_app, site, listener.getsockname()[1])
            try:
                yield served
            finally:
                await served.session.close()
                web_app.hub.close()
                server.should_exit = True
                await task


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path) as site:
        yield site


def neutral(answer: str, key: Key) -> str:
    """An answer without the name that was asked about, and without Dash's token of this answer."""
    return _TOKEN.sub("", answer.replace(key.name, "NAME"))


_TOKEN = re.compile(r'"end_id":"[^"]*"')


def same(there: str, nowhere: str) -> None:
    """Fail unless both say the same, and nothing that is not in the question."""
    assert neutral(there, THERE) == neutral(nowhere, NOWHERE)
    for name in NAMES:
        assert name not in there


async def test_every_route_is_classified(site: Site) -> None:
    assert site.routes == set(ROUTES)


@pytest.mark.parametrize("who", [NOBODY, ELSEWHERE], ids=lambda who: who.user)
async def test_what_pages_and_topics_tell(site: Site, who: Identity) -> None:
    topics = {
        "app": "app/{0.namespace}/{0.name}",
        "objects": "objects/{0.namespace}/{0.name}",
        "apps": "apps",
        "admin": "admin",
        "overview": "overview",
        "autoscaling": "autoscaling/{0.namespace}/{0.name}",
        "mine": "mine",
    }
    assert topics.keys() == KINDS.keys(), "a new topic has to be tried"
    for topic in topics.values():
        frames = [
            (await site.get(who, FRAME_PATH, view=topic.format(key)))[1] for key in (THERE, NOWHERE)
        ]
        same(*frames)
        if "{" not in topic:
            assert HIDDEN not in frames[0], topic
    for path, status in {
        "/": 200,
        "/apps/{0.namespace}/{0.name}": 200,
        "/_dash-layout": 200,
        "/launch": 200,
        "/admin": 200,
        "/admin/projects": 404,
        "/admin/projects/{0.name}": 404,
        "/catalog/{0.namespace}/{0.name}": 404,
    }.items():
        answers = [await site.get(who, path.format(key)) for key in (THERE, NOWHERE)]
        assert [each[0] for each in answers] == [status, status], path
        same(*(each[1] for each in answers))
    (_, seen), _ = (
        await site.get(VIEWER, FRAME_PATH, view=topics["app"].format(THERE)),
        await site.get(VIEWER, FRAME_PATH, view="admin"),
    )
    assert OWNER in seen, "who may see it is told"
    assert VALUE not in seen


@pytest.mark.parametrize("who", [NOBODY, ELSEWHERE], ids=lambda who: who.user)
async def test_what_streams_shells_and_downloads_tell(site: Site, who: Identity) -> None:
    for path in ("/live/logs", "/live/shell"):
        words = [
            await site.last_words(
                who, path, namespace=key.namespace, name=key.name, pod=f"{key.name}-pod-2"
            )
            for key in (THERE, NOWHERE)
        ]
        same(*words)
        assert "There is no namespace" in words[0]
    answers = [
        await site.get(who, "/live/logs/download", namespace=key.namespace, name=key.name)
        for key in (THERE, NOWHERE)
    ]
    assert {status for status, _ in answers} == {403}
    same(answers[0][1], answers[1][1])


def value_for(key: Key) -> Any:
    """What a page about the release ``key`` holds, by id and property."""
    known: dict[tuple[str, str], Any] = {
        (ids.LOCATION, "pathname"): f"/apps/{key.namespace}/{key.name}",
        (ids.LOCATION, "search"): "",
        (ids.APP_KEY, "data"): [key.namespace, key.name],
        (ids.TOP_PLACE, "data"): [key.namespace, key.name, f"{key.name}-pod-2", ""],
        (ids.OBJECT_ASKED, "data"): f"?kind=Service&name={key.name}",
        (ids.CHART_PLACE, "data"): {
            "source": "built-in",
            "chart": "dash-app",
            "version": "",
            "revision": None,
            "release": [key.namespace, key.name],
        },
        **{(ids.project(name), "value"): text for name, text in FORM.items()},
        (ids.project("name"), "value"): key.name,
        (ids.project("confirmed"), "value"): key.name,
        (ids.PROJECT_OPENED, "data"): key.name,
        (ids.PROJECT_REQUEST, "data"): None,
        (ids.CHART_NAME, "value"): key.name,
        (ids.CHART_NAMESPACE, "value"): key.namespace,
        (ids.CHART_YAML, "value"): "",
        (ids.CHART_BASIS, "data"): "",
        **{(ids.share_with(role), "value"): "user:ann" for role in Role},
        (ids.LINK_LASTS, "value"): "1 hour",
        (ids.PEOPLE_WHO, "value"): "user:ann",
        (ids.PEOPLE_ROLE, "value"): "viewer",
        (ids.HAND_OVER_TO, "value"): "user:ann",
        (ids.HAND_OVER_ROLE, "value"): "none",
        (ids.HAND_OVER_KEEP, "value"): "roles",
        (ids.PLAIN_NAME, "data"): "restart",
        (ids.VERSION_PLAN, "data"): None,
        (ids.LAUNCH_IMAGE_FOUND, "data"): None,
        (ids.ROLLBACK_TO, "data"): 1,
        (ids.APP_BACK_TO, "data"): 1,
        (ids.HISTORY_WANTED, "data"): f"{key}",
        (ids.MANIFEST_WANTED, "data"): f"{key}",
        (ids.launch("name"), "value"): key.name,
        (ids.launch("namespace"), "value"): key.namespace,
        (ids.launch("repository"), "value"): "example.com/app",
        (ids.launch("tag"), "value"): "1",
        (ids.launch("port"), "value"): 8050,
        (ids.SCALE_REPLICAS, "value"): 2,
        (ids.SCALE_AUTO, "value"): False,
        (ids.SCALE_BOUNDS, "value"): [1, 2],
    }
    usual: dict[str, Any] = {"n_clicks": 1, "n_blur": 1, "is_open": True, "n_intervals": 1}

    def value(id: str, name: str) -> Any:
        return known.get((id, name), usual.get(name))

    return value


def components_for(key: Key) -> Callable[[str], list[dict[str, Any]]]:
    """What matches a pattern of ids on such a page: one component of each."""
    wild: dict[str, Any] = {
        "path": "/image/tag",
        "name": key.name,
        "revision": 1,
        "link": "a-link-that-is-none",
        "binding": "a-binding-that-is-none",
        "session": "a-session-that-is-none",
    }

    def components(pattern: str) -> list[dict[str, Any]]:
        declared: dict[str, Any] = json.loads(pattern)
        return [
            {
                name: wild[name] if part == ["ALL"] else part  # a new part has to be tried
                for name, part in declared.items()
            }
        ]

    return components


async def told(site: Site, who: Identity) -> dict[str, list[str]]:
    """What each callback answers about the release that is there, and about none."""
    _, listed = await site.get(who, "/_dash-dependencies")
    found: dict[str, list[str]] = {}
    for spec in json.loads(listed):
        if spec["clientside_function"] is not None:
            continue
        answers = [
            await site.post(who, well_formed(spec, value_for(key), components_for(key)))
            for key in (THERE, NOWHERE)
        ]
        for status, words in answers:
            assert status in {200, 204}, f"`value_for` has to suit {spec['output']}: {words}"
        found[spec["output"]] = [words for _, words in answers]
    return found


@pytest.mark.parametrize("who", [NOBODY, ELSEWHERE], ids=lambda who: who.user)
async def test_what_callbacks_tell(site: Site, who: Identity) -> None:
    for there, nowhere in (await told(site, who)).values():
        same(there, nowhere)


async def test_to_those_inside_they_tell_what_is_there(site: Site) -> None:
    """Or the test above could not fail."""
    answers = await told(site, INSIDE)
    telling = {
        output
        for output, (there, nowhere) in answers.items()
        if neutral(there, THERE) != neutral(nowhere, NOWHERE)
    }
    assert len(telling) >= 5, telling


@pytest.mark.parametrize("who", [NOBODY, ELSEWHERE], ids=lambda who: who.user)
async def test_as_much_is_done_for_what_is_hidden_as_for_what_is_not_there(
    site: Site, who: Identity
) -> None:
    """So that the time of an answer tells nothing: the same calls and renderings, for each."""
    _, listed = await site.get(who, "/_dash-dependencies")
    specs = [each for each in json.loads(listed) if each["clientside_function"] is None]

    async def ask(spec: dict[str, Any] | None, key: Key) -> Counter[str]:
        before = site.work
        if spec is None:
            await site.get(who, FRAME_PATH, view=f"app/{key.namespace}/{key.name}")
            await site.get(who, FRAME_PATH, view=f"objects/{key.namespace}/{key.name}")
            await site.get(who, "/live/logs/download", namespace=key.namespace, name=key.name)
        else:
            await site.post(who, well_formed(spec, value_for(key), components_for(key)))
        return site.work - before

    done = Counter[str]()
    for spec in (None, *specs):
        for key in (THERE, NOWHERE):
            done += await ask(spec, key)  # what is asked once is known for a while
        assert await ask(spec, THERE) == await ask(spec, NOWHERE), spec and spec["output"]
    assert done["renderings"] > 0, "or nothing was counted"


async def test_nothing_of_an_app_is_in_what_everybody_may_read(site: Site) -> None:
    for path in ("/metrics", "/readyz", "/healthz"):
        async with site.session.get(f"http://{site.address}{path}") as answer:
            text = await answer.text()
        for name in (*NAMES, HIDDEN, MINE, THERE.name):
            assert name not in text, path


async def test_nothing_of_an_app_is_kept_by_a_browser(site: Site) -> None:
    """Beside the frame of all pages, which has no data, and pictures that are everybody's."""
    asked = [
        *((FRAME_PATH, {"view": topic}) for topic in ("apps", f"app/{HIDDEN}/{THERE.name}")),
        ("/live/logs/download", {"namespace": HIDDEN, "name": THERE.name}),
        ("/auth/session", {}),
    ]
    for path, query in asked:
        url = f"http://{site.address}{path}"
        async with site.session.get(url, params=query, headers=headers(INSIDE)) as answer:
            assert answer.status == 200, path
            assert answer.headers["Cache-Control"] == "no-store", path
    for path in ("/", f"/apps/{HIDDEN}/{THERE.name}", "/_dash-layout", "/_dash-dependencies"):
        _, text = await site.get(INSIDE, path)
        for name in (*NAMES, HIDDEN):
            assert name not in text, path
