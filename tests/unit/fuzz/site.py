"""The whole portal as a browser meets it; only the cluster and Helm's processes are made up."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from hypothesis import strategies as st
from starlette.requests import HTTPConnection
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from benchmarks.inputs.loads import well_formed
from portal.audit.trail import Trail
from portal.auth.csrf import TOKEN_COOKIE, TOKEN_HEADER
from portal.auth.hosts import known_hosts
from portal.auth.identify import OpenAuthenticator
from portal.catalog.catalog import Catalog
from portal.catalog.sources import Source, SourceKind
from portal.domain.audit import UNRECORDED
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.load_tests import Shape
from portal.domain.owners import Role
from portal.history.longer import LongHistory
from portal.history.model import ChartRange
from portal.live.endpoint import FRAME_PATH, PATH, Timing, frame_endpoint, live_endpoint
from portal.live.hub import Hub
from portal.objects.reader import ObjectReader
from portal.projects.form import FIELDS
from portal.projects.requests import ProjectRequests
from portal.registry.fetch import HttpFetch
from portal.scoped_views import ScopedViews
from portal.shell.place import Places
from portal.shell.settings import ShellSettings
from portal.shell.top import Tops
from portal.ui import ids
from portal.ui.build import build_ui
from portal.ui.context import UiContext
from portal.ui.live_views import opener, spelled
from portal.viewmodels.urls import ExternalAddresses
from portal.web.authorization import Authorization
from portal.web.icons import PATH as ICON_PATH
from portal.web.icons import icon_endpoint
from portal.web.methods import Methods
from portal.web.metrics import Metrics
from portal.web.middleware import RequestMiddleware, current_identity
from portal.web.routes import add_routes
from tests import strategies as some
from tests.unit.catalog.make import CHARTS
from tests.unit.fuzz.portal import FORMS, RELEASED, USUAL, Portal
from tests.unit.images.make import uninspected
from tests.unit.objects.make import FakeObjects, FakeRevisions, hides
from tests.unit.projects.fakes import FORM, ROOT, RULES, Cluster
from tests.unit.projects.fakes import projects as fake_projects
from tests.unit.shell.make import FakeExec

Json = dict[str, Any]

TOKEN = 43 * "t"
OURS = {
    "Sec-Fetch-Site": "same-origin",
    TOKEN_HEADER: TOKEN,
    "Cookie": f"{TOKEN_COOKIE}={TOKEN}",
}
"""Headers of what a page of the portal sends."""

RELEASES = 100
"""Number of releases: many, since an operation that waits for pods holds its release."""


class Faults(logging.Handler):
    """Collects logged errors, which go with pages that report an internal error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.format(record))


class PortalClient:
    """Asks the portal, as a browser does or as none does."""

    def __init__(self, client: TestClient, portal: Portal, faults: Faults) -> None:
        self.client = client
        self.portal = portal
        self.faults = faults
        self.callbacks: list[Json] = [
            each
            for each in client.get("/_dash-dependencies").json()
            if each["clientside_function"] is None
        ]

    def post(self, content: str) -> int:
        """Ask for a callback; the status of the answer."""
        headers = {"Content-Type": "application/json", **OURS}
        answer = self.client.post("/_dash-update-component", content=content, headers=headers)
        self.check()
        return answer.status_code

    def check(self) -> None:
        """Fail if an internal error was logged."""
        seen, self.faults.seen = self.faults.seen, []
        assert not seen, seen[0]


async def no_history(key: Key, chosen: ChartRange) -> LongHistory:
    """A database in which nothing is kept."""
    return LongHistory()


@contextmanager
def running(cache: Path, *sources: Source) -> Iterator[PortalClient]:
    """A site with releases of the built-in chart and of another, and a catalogue."""
    portal = Portal()
    for number in range(RELEASES):
        portal.cluster.release(Key("apps", f"there-{number}"), 4, RELEASED)
    portal.cluster.release(Key("apps", "other"), 2, {}, chart="web-server")
    portal.cluster.release(Key("kube-system", "there-0"), 4, RELEASED)
    local = Source("local", SourceKind.FOLDER, path=CHARTS)
    catalog = Catalog((local, *sources), HttpFetch(), cache)
    asyncio.run(catalog.refresh())
    views = ScopedViews(portal.store, portal.rights, ExternalAddresses(), lambda key: None)
    cluster = Cluster()
    asyncio.run(fake_projects(cluster).create(ROOT, FORM))

    async def everybody(_: Identity) -> bool:
        return True

    cluster.administers = everybody  # type: ignore[method-assign]
    projects = fake_projects(cluster, seen=None)
    ui = UiContext(
        actions=portal.actions,
        forms=FORMS,
        scope=views.scope,
        app_view=views.app,
        list_view=views.releases,
        overview=views.overview,
        mine_view=views.mine,
        connections=views.connections,
        advice=views.advice,
        launch_findings=views.launch_findings,
        inspect_image=uninspected,
        objects_view=views.objects,
        read_object=ObjectReader(
            portal.store, portal.actions.access, FakeRevisions(), FakeObjects(), hides
        ).read,
        autoscalers_view=views.autoscalers,
        what_if=views.what_if,
        read_top=Tops(Places(portal.store, portal.actions.access), FakeExec(), hides).read,
        find_place=Places(portal.store, portal.actions.access).find,
        read_history=no_history,
        shell=ShellSettings(on=True),
        trail=Trail(None),
        projects=projects,
        project_requests=ProjectRequests(None, projects, RULES, UNRECORDED),
        identity=current_identity,
        catalog=catalog,
        open_mode=True,
        version="0",
    )
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(server, Metrics(), lambda: ["watches"])
    hub = Hub(opener(ui), views.scope, spell=spelled)

    def who(_: HTTPConnection) -> Identity:
        return current_identity()

    server.router.routes += [
        WebSocketRoute(
            PATH, live_endpoint(hub, lambda _: current_identity(), timing=Timing(pause=0))
        ),
        Route(FRAME_PATH, frame_endpoint(hub, who)),
        Route(ICON_PATH, icon_endpoint(catalog.icon)),
    ]
    build_ui(server, ui)
    faults = Faults()
    log = logging.getLogger("portal")
    log.addHandler(faults)
    try:
        hosts = known_hosts(["testserver"])
        edge = RequestMiddleware(
            Authorization(server, portal.rights.ask),
            OpenAuthenticator(),
            lambda: "",
            Metrics(),
            known_hosts=hosts,
        )
        with TestClient(Methods(edge)) as client:
            assert client.portal is not None
            client.portal.call(hub.start)
            yield PortalClient(client, portal, faults)
            client.portal.call(hub.close)
            client.portal.call(portal.actions.operations.drain, 0)
    finally:
        log.removeHandler(faults)


DOING = re.compile(r"launch-failure|chart-failure|scale-message|^\.\.rollback-modal")
"""Requests that lead to a Helm command if accepted; half of all requests."""

# What a page may hold.

_counts = some.halves(st.none(), st.integers(0, 9) | st.integers())
_maybe_texts = st.none() | some.texts
_keys = some.halves(
    st.integers(0, RELEASES - 1).map(lambda number: ["apps", f"there-{number}"]),
    st.sampled_from(
        [["apps", "other"], ["apps", "gone"], ["lab", "a.b"], ["kube-system", "there-0"]]
    ),
)
_places = some.halves(
    st.fixed_dictionaries(
        {
            "source": st.just("local"),
            "chart": st.sampled_from(["web-server", "task-cluster", "bare"]),
            "version": st.just(""),
            "revision": st.none(),
        }
    ),
    st.fixed_dictionaries(
        {
            **dict.fromkeys(("source", "chart", "version"), some.fit_texts),
            **{"revision": st.none() | st.integers(0, 5), "release": st.none() | _keys},
        }
    ),
)
_made_up_loads = st.fixed_dictionaries(
    {
        "load": st.fixed_dictionaries(
            {
                "shape": st.sampled_from(["", "steady", "spike", "file"]),
                "unit": st.sampled_from(["cores", "requests"]),
                **{
                    name: st.floats() | st.integers() | st.sampled_from(["0", "1,5"]) | some.texts
                    for name in ("rest", "peak", "work", "start_up")
                },
                "course": st.none()
                | st.fixed_dictionaries({"error": some.texts})
                | st.fixed_dictionaries(
                    {"step": st.sampled_from([15, 60, -1]), "amounts": st.lists(st.floats())}
                ),
            }
        )
    },
    optional={
        "texts": st.lists(st.just("min1_max4_cpu70") | some.texts, max_size=5),
        "form": st.fixed_dictionaries(
            {
                "bounds": st.just([1, 4]) | st.lists(st.integers(), max_size=3),
                "cpu": st.none() | st.floats() | st.just(70),
                "request": st.just("100m") | some.texts,
                "window": st.none() | st.floats() | some.texts,
            }
        ),
    },
)
_told = some.halves(st.just(""), st.sampled_from(["apps/there-0", "apps/sales"]) | some.texts)
_VALUES: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    (ids.LOCATION, "pathname"): st.none()
    | st.sampled_from(["/", "/admin", "/autoscaling", "/launch", "/catalog", "/catalog/local/bare"])
    | st.sampled_from(["/projects", "/admin/projects", "/admin/projects/sales"])
    | st.just("/admin/new-project")
    | some.texts.map("/apps/apps/{}".format)
    | some.texts,
    (ids.LOCATION, "search"): _maybe_texts,
    (ids.APP_KEY, "data"): _keys,
    (ids.APP_RANGE, "value"): st.sampled_from([None, "6h", "24h", "30d"]) | some.texts,
    (ids.TOP_EVERY, "n_intervals"): _counts,
    (ids.TOP_PLACE, "data"): st.sampled_from([["apps", "there-0", "there-0-x", ""], []])
    | st.lists(some.texts, max_size=5),
    (ids.OBJECT_ASKED, "data"): st.none()
    | st.sampled_from(["", "?kind=Pod&name=a", "?kind=Secret&name=there-0"])
    | some.texts,
    (ids.AUTOSCALING_NAME, "data"): st.sampled_from(["", "there-0"]) | some.fit_texts,
    (ids.WHAT_IF_ASKED, "data"): st.none()
    | st.lists(
        st.sampled_from(["min1_max4_cpu70", "cpu0_down9999999999"]) | some.texts, max_size=6
    ),
    **{
        (ids.shape(place, "asked"), "data"): st.none()
        | _made_up_loads
        | st.fixed_dictionaries(
            {"load": some.raw_contents},
            optional={"form": some.raw_contents, "texts": some.raw_contents},
        )
        for place in ("launch", "what-if")
    },
    (ids.CHART_PLACE, "data"): _places,
    (ids.CHART_YAML, "value"): st.none() | some.yaml_texts,
    (ids.CHART_BASIS, "data"): st.sampled_from(["", "a: 1\n"]) | some.yaml_texts,
    **{
        (ids.project(name), "value"): some.halves(st.just(FORM.get(name, "")), some.raw_contents)
        for name in FIELDS
    },
    (ids.PROJECT_OPENED, "data"): st.sampled_from(["", "", "sales"]) | some.texts,
    (ids.PROJECT_REQUEST, "data"): _counts,
    (ids.PROJECT_MANIFESTS, "children"): _maybe_texts,
    **{
        (ids.share_with(role), "value"): some.halves(st.just("user:ann, group:a"), _maybe_texts)
        for role in Role
    },
    (ids.PEOPLE_WHO, "value"): some.halves(st.just("user:ann"), _maybe_texts),
    (ids.PEOPLE_ROLE, "value"): some.halves(st.just("viewer"), _maybe_texts),
    (ids.HAND_OVER_TO, "value"): some.halves(st.just("user:ann"), _maybe_texts),
    (ids.HAND_OVER_ROLE, "value"): some.halves(st.just("none"), _maybe_texts),
    (ids.HAND_OVER_KEEP, "value"): some.halves(st.just("operate"), _maybe_texts),
    (ids.LINK_LASTS, "value"): some.halves(st.just("1 hour"), _maybe_texts),
    (ids.CHART_NAME, "value"): some.names,
    (ids.CHART_NAMESPACE, "value"): some.halves(st.just("apps"), some.names),
    (ids.CHART_VERSION, "value"): st.none() | some.fit_texts,
    (ids.VERSION_CHOICE, "value"): st.sampled_from([None, "1.2.0"]) | some.fit_texts,
    (ids.VERSION_PLAN, "data"): st.none()
    | st.fixed_dictionaries({"version": some.fit_texts, "since": st.integers()}),
    (ids.LOAD_TEST_TARGET, "value"): some.halves(st.just("there-0:80"), some.raw_contents),
    (ids.LOAD_TEST_SHAPE, "value"): some.halves(st.sampled_from(Shape), some.raw_contents),
    **{
        (id, "value"): some.halves(st.integers(-5, 500), some.raw_contents)
        for id in (ids.LOAD_TEST_RATE, ids.LOAD_TEST_SECONDS)
    },
    (ids.LOAD_TEST_PATH, "value"): some.halves(st.just("/"), some.raw_contents),
    (ids.LAUNCH_MADE_WITH, "value"): _maybe_texts,
    (ids.LAUNCH_IMAGE_FOUND, "data"): st.none()
    | st.fixed_dictionaries({"asked": some.texts, "report": some.texts}),
    (ids.CHART_EXISTING_KEY, "data"): _told,
    (ids.LAUNCH_EXISTING_KEY, "data"): _told,
    **{
        (id, "data"): _counts
        for id in (
            ids.CHART_PREVIEWED,
            ids.LAUNCH_EDITED_REVISION,
            ids.UPGRADE_PREVIEWED,
            ids.ROLLBACK_PREVIEWED,
        )
    },
    (ids.ROLLBACK_TO, "data"): _counts,
    (ids.APP_BACK_TO, "data"): _counts,
    **{(id, "data"): st.booleans() for id in (ids.LAUNCH_NAME_LEFT, ids.CHART_NAME_LEFT)},
    **{
        (id, "data"): _maybe_texts
        for id in (
            ids.HISTORY_WANTED,
            ids.ADVICE_WANTED,
            ids.APP_REVISION,
            ids.MANIFEST_WANTED,
            ids.PLAIN_NAME,
            ids.LAUNCH_IMAGE_ASKED,
        )
    },
    **{(ids.launch_on(field), "value"): st.booleans() for field in ("target_cpu", "target_memory")},
}
_BY_PROPERTY: Mapping[str, st.SearchStrategy[Any]] = {
    "n_clicks": st.sampled_from([None, 1, 1, 2]),
    "n_blur": st.none() | st.integers(0, 2),
    "is_open": st.booleans(),
    "filename": _maybe_texts,
    "data-copy-link": _maybe_texts,
    "contents": st.none()
    | some.texts
    | some.yaml_texts.map(
        lambda text: "data:;base64," + b64encode(text.encode(errors="surrogatepass")).decode()
    ),
}
_paths = st.sampled_from(
    ["/image/tag", "/replicaCount", "/extraEnvVars", "/extraEnvVars/#0/value", "/service/type"]
)
_PARTS: Mapping[str, st.SearchStrategy[Any]] = {
    "path": _paths | some.texts,
    "name": some.texts,
    "revision": st.integers(-1, 6) | st.integers(),
    **dict.fromkeys(("session", "link", "binding"), some.texts),
}


@st.composite
def asked(draw: st.DrawFn, callbacks: list[Json]) -> Json:
    """A request that a page could make: all is in its place; what people fill in is anything."""
    doing = [each for each in callbacks if DOING.search(each["output"])]
    spec = draw(some.halves(st.sampled_from(callbacks), st.sampled_from(doing)))
    usual = {**USUAL, "name": draw(some.good_names)}
    filled_in = draw(some.forms(usual))
    form = {
        **{ids.launch(field): value for field, value in filled_in.items()},
        ids.SCALE_AUTO: filled_in["autoscaling"],
        ids.SCALE_REPLICAS: filled_in["replicas"],
        ids.SCALE_BOUNDS: filled_in["bounds"],
    }
    # What looks things up beside the form takes its name and namespace as texts only.
    beside = ids.LAUNCH_CLAIMS in spec["output"] or ids.LAUNCH_OPENED in spec["output"]
    kinds = str if beside else object
    parts: dict[str, list[Json]] = {}

    def components(pattern: str) -> list[Json]:
        if pattern not in parts:
            wild = {n: each for n, each in json.loads(pattern).items() if each == ["ALL"]}
            fixed = {n: each for n, each in json.loads(pattern).items() if each != ["ALL"]}
            one = st.fixed_dictionaries({name: _PARTS[name] for name in wild})
            parts[pattern] = [{**fixed, **each} for each in draw(st.lists(one, max_size=3))]
        return parts[pattern]

    def value(id: str, name: str) -> Any:
        if name == "value" and id in form and (form[id] is None or isinstance(form[id], kinds)):
            return form[id]
        if name == "value" and id in form:
            return draw(_maybe_texts)
        return draw(_VALUES.get((id, name), _BY_PROPERTY.get(name, some.raw_contents)))

    made = well_formed(spec, value, components)
    inputs = made["changedPropIds"]
    changed = draw(st.lists(st.sampled_from(inputs), max_size=2)) if inputs else []
    return {**made, "changedPropIds": changed}
