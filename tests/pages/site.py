"""The portal itself on a loopback port, over states of apps instead of a cluster.

Everything between the snapshot and the browser is the real thing; made up are the store's content,
the answers of actions, and the registry of images. Each ``Site`` has a host name of its own below
``localhost``, so that one server can be several portals.
"""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import uvicorn
from msgspec import Struct
from msgspec.structs import fields, replace
from sqlalchemy import Connection
from starlette.types import ASGIApp, Receive, Scope, Send

from portal.audit.chain import Draft, fields_of
from portal.audit.store import append
from portal.auth.authorizer import NoRights
from portal.auth.kubernetes import KubernetesRights
from portal.auth.oidc.administration import PresentSession, SessionAdministration
from portal.catalog.catalog import Catalog
from portal.catalog.sources import Source, SourceState
from portal.cluster.client import Calls
from portal.cluster_sync import ClusterSync
from portal.database.database import ADVICE
from portal.domain.audit import UNRECORDED, Event
from portal.domain.charts import ChartEntry, ChartVersion
from portal.domain.errors import (
    ClusterUnavailable,
    DatabaseUnavailable,
    Forbidden,
    InvalidInput,
    NotFound,
)
from portal.domain.exec import ContainerUsage
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.load_tests import CONTAINER
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Quota
from portal.domain.operations import Operation
from portal.domain.owners import Owners, label_of
from portal.domain.reviews import ResourceAttributes
from portal.domain.role_bindings import read_subject
from portal.history.longer import LongHistory
from portal.history.model import ChartRange
from portal.history.summary import Reading, Summary
from portal.objects.describe import ConditionRow, ObjectLink, ObjectView, Row
from portal.projects.manifests import OBJECT
from portal.projects.requests import ProjectRequests
from portal.projects.service import ClusterView, Projects
from portal.projects.store import add
from portal.registry.failure import FetchError
from portal.releases.load_test import LoadTestForecast, LoadTestOffer, LoadTestRequest
from portal.releases.new_owner import (
    HandOverPreview,
    HandOverRequest,
    HandOverTerms,
    known_words,
    read_person,
    terms_words,
)
from portal.releases.people import HeldRole, People
from portal.releases.queries import ReleaseValues
from portal.releases.request import ReleaseRequest
from portal.releases.upgrade import UPGRADE
from portal.settings import Settings
from portal.shell.place import Place
from portal.shell.processes import ProcessRow
from portal.shell.top import Top
from portal.state.history import History
from portal.state.model import AppState, WatchHealth
from portal.state.snapshot import Snapshot
from portal.state.store import Store
from portal.ui.context import InspectImage
from portal.viewmodels.model import Badge, Severity, TimelineLine
from portal.web_app import WebApp
from tests.unit.images.make import uninspected
from tests.unit.projects.fakes import Cluster
from tests.unit.ui.fakes import PRESETS, FakeActions
from tests.unit.viewmodels.make import NOW, sources

ROOT = Path(__file__).parents[2]
SECRET = "of the login proxy"
ADMINISTRATORS = "data-science"

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Site:
    """One portal: its apps, and who looks at it.

    ``sources`` are the watches' health. ``charts`` are the sources of charts in the state to show.
    ``open_mode`` needs no login proxy. ``known`` is False where nobody knows what the user may do.
    ``trail`` are the events of the audit trail, none if its database is away; None without one.
    """

    states: Mapping[str, AppState] = field(default_factory=dict[str, AppState])
    user: str = "ada"
    groups: str = ADMINISTRATORS
    sources: Callable[[datetime], Mapping[str, WatchHealth]] = lambda now: {
        name: replace(each, alive_at=now) for name, each in sources().items()
    }
    charts: Sequence[SourceState] = ()
    inspect: InspectImage = uninspected
    open_mode: bool = False
    known: bool = True
    allowed: Mapping[str, frozenset[ResourceAttributes]] | None = None
    """What Kubernetes lets the user do, by namespace; None: owners decide."""
    trail: Sequence[Event] | None = None
    projects: Callable[[], Cluster] = Cluster
    """The cluster of projects."""
    asked: Sequence[tuple[str, str, str]] = ()
    """Requests for projects: who asks, a name, a purpose. They need a database."""
    sessions: Sequence[PresentSession] | None = None
    """Who is signed in; none of them can be ended. None: people do not sign in here."""
    roles: Sequence[HeldRole] | None = None
    """What the panel of people lists where Kubernetes decides; nothing of it can be changed. None:
    owners decide."""
    links: bool = False
    """People make read-only links; needs a ``trail``."""


def present(value: Thing, by: timedelta | None = None) -> Thing:
    """``value`` as if ``NOW`` of the view models' tests were now: all its times are moved."""
    moved: Any = value
    by = datetime.now(UTC) - NOW if by is None else by
    match value:
        case datetime():
            moved = value + by
        case Key():
            pass
        case History():
            moved = History()
            for each in value:
                moved = moved.added(replace(each, at=each.at + by))
        case Struct():
            known = {each.name: getattr(value, each.name) for each in fields(value)}
            changed = {name: present(each, by) for name, each in known.items()}
            if any(changed[name] is not known[name] for name in known):
                moved = replace(value, **changed)
        case tuple():
            parts = cast("tuple[object, ...]", value)
            if type(parts) is tuple:
                moved = tuple(present(each, by) for each in parts)
        case dict():
            parts = cast("dict[object, object]", value)
            moved = {name: present(each, by) for name, each in parts.items()}
        case _:
            pass
    return moved


class StateStore(Store):
    """A store whose snapshot consists of given states, each under a name of its own."""

    def __init__(
        self,
        states: Mapping[str, AppState],
        sources: Callable[[datetime], Mapping[str, WatchHealth]],
    ) -> None:
        super().__init__()
        keys = {Key("apps", name): each for name, each in states.items()}
        self._states = {key: _called(key, each) for key, each in keys.items()}
        self._health = sources

    @property
    def snapshot(self) -> Snapshot:
        """The states, and watches that are as healthy as they were said to be."""
        return Snapshot(1, self._states, self._health(datetime.now(UTC)))

    def show(self, key: Key, state: AppState) -> None:
        """Have an app be in another state, as a watch would."""
        self.put(key, _called(key, state))

    def put(self, key: Key, state: AppState) -> None:
        """Have an app be in a state whose name and times are right as they are."""
        self._states = {**self._states, key: state}
        for told in self._listeners:
            told(frozenset({key}))


def _called(key: Key, state: AppState) -> AppState:
    """The state of an app of this name, at present."""
    mine = (
        replace(each, release=key.name) if each.release == state.key.name else each
        for each in state.hpas
    )
    return replace(present(replace(state, hpas=tuple(mine))), key=key)


class PageActions(FakeActions):
    """Actions that answer what pages ask, and change nothing."""

    def __init__(self, app: WebApp) -> None:
        super().__init__({}, lambda: None)
        self._of = app._context
        self.plain = app._actions.plain
        self._load_tests = app._actions._load_tests
        self._launchable = app._actions.launchable
        self.kept = {"replicaCount": 2}

    def launchable(self, identity: Identity) -> tuple[str, ...] | None:
        return self._launchable(identity)

    def existing(self, identity: Identity, key: Key) -> Any:
        self._know(identity, key)
        return super().existing(identity, key)

    def _know(self, identity: Identity, key: Key) -> None:
        view = self._of.app(identity, key)
        if view.exists:
            self.views[key] = view

    async def edit_form(self, identity: Identity, key: Key) -> Any:
        self._know(identity, key)
        return await super().edit_form(identity, key)

    async def chart_values(self, identity: Identity, key: Key, chart: str) -> ReleaseValues:
        if not self._of.app(identity, key).exists:
            raise NotFound(f"There is no release {key}.")
        return ReleaseValues({"replicaCount": 3}, 4)

    async def own_values(self, identity: Identity, key: Key) -> Mapping[str, object]:
        return {"replicaCount": 3}

    async def preview_plain(self, identity: Identity, name: str, key: Key) -> tuple[str, ...]:
        return (f"All pods of {key.name} are replaced, a few at a time.", "Its values stay.")

    async def preview_hand_over(
        self, identity: Identity, key: Key, asked: HandOverRequest, *, links: bool = False
    ) -> HandOverPreview:
        to, problem = read_person(asked.to)
        if problem:
            raise InvalidInput({"to": problem})
        before = Owners(label_of("ada"), (label_of("group:team-a"),))
        after = before.handed_over("ada", to)
        terms = HandOverTerms(key, identity, "ada", to, before, after, left=None)
        return HandOverPreview(known_words(to, ()), terms_words(terms, None, 1, links=True))

    async def load_test_offer(self, identity: Identity, key: Key) -> LoadTestOffer:
        return self._require_load_tests().offer(identity, key)

    async def load_test_forecast(
        self, identity: Identity, key: Key, asked: LoadTestRequest
    ) -> LoadTestForecast:
        return self._require_load_tests().forecast(identity, key, asked)

    async def launch(
        self,
        identity: Identity,
        asked: LaunchSpec | ReleaseRequest,
        *,
        create_only: bool = False,
        expected_revision: int | None = None,
    ) -> Operation:
        return self._operation(asked.key, UPGRADE)


async def stock(catalog: Catalog, states: Sequence[SourceState]) -> None:
    """Have the sources be in these states; folders are read, all else cannot be reached."""

    async def unreachable(source: Source, entry: ChartEntry, wanted: ChartVersion) -> bytes:
        raise FetchError("The host charts.example.com does not answer.")

    catalog._reader.archive = unreachable
    for each in states:
        catalog._put(present(each))
        if each.source.path is not None:
            await catalog._refresh(each.source.name)


PRINTED = (
    "2026-11-23 05:30:00 INFO listening on 0.0.0.0:8050",
    '{"level": "warning", "message": "slow", "user": "ada", "seconds": 4.2}',
    "\x1b[31mERROR\x1b[0m a line that is \x1b[1mlonger\x1b[0m than the screen: " + 30 * "word ",
    "Traceback (most recent call last):",
)
"""The log of every container."""


MEASURED = (
    *(
        {"seconds": at, "requests": 20, "throughput": 19.0, "success": 0.95, "p50": 4 * at}
        | {"p95": 40.0 * at, "p99": 90.0 * at, "codes": {"200": 19, "503": 1}}
        for at in range(1, 31)
    ),
    {"seconds": 30.1, "requests": 600, "throughput": 19.0, "success": 0.95, "p50": 50.0}
    | {"p95": 900.0, "p99": 2100.0, "codes": {"200": 570, "503": 29, "0": 1}, "end": True}
    | {"error": "503 Service Unavailable"},
)
"""What every load test has measured."""


class _Cluster:
    """A cluster that has logs, and nothing else to ask for."""

    def __init__(self) -> None:
        self.calls = Calls()

    def acting_for(self, identity: Identity) -> _Cluster:
        return self

    @asynccontextmanager
    async def chunks(
        self, path: str, params: Mapping[str, str], read_timeout: float
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        async def written() -> AsyncIterator[bytes]:
            now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "000Z")
            lines = map(json.dumps, MEASURED) if params["container"] == CONTAINER else PRINTED
            yield "".join(f"{now} {line}\n" for line in lines).encode()
            if "follow" in params:
                await asyncio.Event().wait()

        yield written()

    async def get(self, path: str, *asked: object, **how: object) -> object:
        if path.endswith(("/secrets", "/configmaps")):
            return {"items": []}
        raise NotFound("There is no such object.")

    async def read_at_most(self, *asked: object, **how: object) -> object:
        raise NotFound("There is no such object.")


async def read_object(identity: Identity, key: Key, kind: str, name: str) -> ObjectView:
    """An object with something in each of its sections."""
    labels = (Row("app.kubernetes.io/instance", key.name),)
    event = ("Pulled", "Container image is already present on the machine")
    return ObjectView(
        kind=kind,
        name=name,
        state=Badge("Ready", Severity.GOOD),
        words="It answers.",
        created_at=datetime.now(UTC) - timedelta(hours=3),
        read_at=datetime.now(UTC),
        conditions=(ConditionRow("Ready", "False", "Unready", 20 * "why ", datetime.now(UTC)),),
        status=(Row("phase", "Running"), Row("containerStatuses[main].image", 30 * "long")),
        spec=(Row("nodeName", "node-1"), Row("containers[main].env[TOKEN]", "(hidden)")),
        rest=(Row("data", "token"),),
        labels=labels,
        annotations=labels,
        links=(
            ObjectLink("Owned by", "ReplicaSet", "well-5d4f", opens=True),
            ObjectLink("Runs on", "Node", "node-1", opens=False),
        ),
        events=(TimelineLine(datetime.now(UTC), "event", Severity.QUIET, event[0], "", event[1]),),
        yaml="kind: Pod\nmetadata:\n  name: " + name + "\n",
    )


async def read_top(identity: Identity, place: Place) -> Top:
    """The processes of a container; those of a sidecar cannot be read."""
    here = replace(place, container=place.container or "main")
    containers = ("main", "proxy")
    if here.container == "proxy":
        usage = (ContainerUsage("main", 0.2, 1e8), ContainerUsage("proxy", 0.01, 2e7))
        return Top(here, containers, problem="It has no shell and no Python.", usage=usage)
    rows = tuple(
        ProcessRow(each, "gunicorn", "S", each / 10, each * 1e7, 4, 20 * "--option ", 3600.0)
        for each in range(1, 6)
    )
    return Top(here, containers, rows, known=True)


async def administers(identity: Identity) -> bool:
    """Return True for members of the administrators' group."""
    return ADMINISTRATORS in identity.groups


def asked(connection: Connection, requests: Sequence[tuple[str, str, str]]) -> None:
    """Put requests for projects into the database."""
    for asker, name, purpose in requests:
        add(connection, asker, name, purpose, datetime.now(UTC))


def quotas(namespace: str) -> tuple[Quota, ...]:
    """The quota of a project, of which one limit is used up."""
    hard = {
        "requests.cpu": "4",
        "requests.memory": "8Gi",
        "pods": "20",
        "services.loadbalancers": "0",
    }
    used = {"requests.cpu": "1500m", "requests.memory": "3Gi", "pods": "20"}
    return (Quota(Key(namespace, OBJECT), hard, used),) if namespace == "sales" else ()


async def read_history(key: Key, chosen: ChartRange) -> LongHistory:
    """An app that is busy by day, and a day in which nobody watched; a week cannot be read."""
    if chosen is ChartRange.WEEK:
        raise DatabaseUnavailable("The portal's database does not answer.", ADVICE)
    now = int(datetime.now(UTC).timestamp()) // chosen.step * chosen.step
    gap = range(now - 6 * 86400, now - 5 * 86400)
    found = [
        Summary(
            at,
            count := 2 + at // 3600 % 24 // 8,
            count,
            count - 1,
            1,
            4,
            {"cpu": (Reading(20.0 * count, 35.0 * count), 70.0)},
            Reading(0.1 * count, 0.3 * count),
            Reading(3e8 * count, 4e8 * count),
        )
        for at in range(now - chosen.seconds, now, chosen.step)
        if at not in gap
    ]
    begun = now - chosen.seconds // 2
    borrowed = tuple(each.at for each in found if each.at < begun)
    return LongHistory(tuple(found), borrowed, ("kube_deployment_spec_replicas",), "It was away.")


class _Sync:
    """What a web application needs of the cluster's side."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.client = _Cluster()
        self.fetcher = cast("Any", None)

    def prioritize(self, keys: object) -> None:
        pass


class LoginProxy:
    """Names the user to the portal, as a login proxy in front of it does."""

    def __init__(self, portal: ASGIApp, user: str, groups: str) -> None:
        self._portal = portal
        self._headers = [
            (b"x-portal-secret", SECRET.encode()),
            (b"x-forwarded-user", user.encode()),
            (b"x-forwarded-groups", groups.encode()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._portal({**scope, "headers": [*scope["headers"], *self._headers]}, receive, send)


class Sites:
    """An ASGI application that is each of the sites, by the first part of the host's name."""

    def __init__(self, sites: Mapping[str, Site], folder: Path) -> None:
        self._sites = sites
        self._folder = folder
        self._made: dict[str, ASGIApp] = {}
        self._making = asyncio.Lock()
        self.stores = {name: StateStore(each.states, each.sources) for name, each in sites.items()}
        self.stack = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = dict(scope["headers"])[b"host"].decode()
        name = host.partition(".")[0]
        async with self._making:
            if name not in self._made:
                self._made[name] = await self._make(name, self._sites[name])
        await self._made[name](scope, receive, send)

    async def _make(self, name: str, site: Site) -> ASGIApp:
        secret = self._folder / "secret"
        secret.write_text(SECRET)
        settings = Settings(
            namespaces=("apps", "lab"),
            default_namespace="apps",
            auth_mode="none" if site.open_mode else "header",
            auth_secret_file=None if site.open_mode else secret,
            auth_admin_groups=(ADMINISTRATORS,),
            chart_path=ROOT / "charts" / "dash-app",
            pod_security_namespace="check",
            allow_exec=True,
            shell=True,
            shell_image="registry.example.com/debug:1",
            load_test_image="registry.example.com/load-test:1",
            database=_database(self._folder / name, site),
            share_links=site.links,
        )
        store = self.stores[name]
        sync = cast("ClusterSync", _Sync(store))
        app = WebApp(settings, {}, sync, self.stack)
        await stock(app._catalog, site.charts)
        if site.trail and app._database is not None:
            now = datetime.now(UTC)
            drafts = [
                Draft(each, now - timedelta(minutes=7 * age), "portal-7d9f", 32 * "a", "proxy")
                for age, each in enumerate(site.trail)
            ]
            fields = [fields_of(each) for each in reversed(drafts)]
            await app._database.write(lambda connection: append(connection, fields))
        views = app._context
        projects = Projects(
            site.projects(),
            NamespaceRules(own="dash-portal"),
            replace(settings.project_site(), by_role=True, sizes=("small", "large")),
            app._trail,
            administers,
            lambda identity: None if site.groups == ADMINISTRATORS else frozenset({"sales"}),
            ClusterView(lambda name: ("dashboard", "web") if name == "sales" else (), quotas),
        )
        requests = ProjectRequests(app._database, projects, NamespaceRules(), app._trail)
        if site.asked and app._database is not None:
            await app._database.write(lambda connection: asked(connection, site.asked))
        app._context = replace(
            views,
            projects=projects,
            project_requests=requests,
            actions=PageActions(app),
            inspect_image=site.inspect,
            read_object=read_object,
            read_top=read_top,
            read_history=read_history,
            forms=replace(views.forms, presets=PRESETS),
            sessions=views.sessions if site.sessions is None else Listed(site.sessions),
            people=views.people if site.roles is None else Held(site.roles),
            by_owner=site.roles is None and site.allowed is None,
        )
        if app._links is not None:
            app._links._recorder = UNRECORDED  # nothing writes the trail here
        if not site.known:
            app._rights._authorizer = Silent()
        if site.allowed is not None:
            app._rights._authorizer = Allowed(KubernetesRights(NamespaceRules(), site.allowed))
        app.hub.start()
        portal = await asyncio.to_thread(app.site)
        return portal if site.open_mode else LoginProxy(portal, site.user, site.groups)


def _database(folder: Path, site: Site) -> str:
    """The URL of a database for the audit trail; one in a missing folder is away."""
    if site.trail is None:
        return ""
    if site.trail:
        folder.mkdir()
    return f"sqlite:///{folder}/portal.db"


class Listed(SessionAdministration):
    """Sessions to look at, which have ended when somebody ends them."""

    def __init__(self, sessions: Sequence[PresentSession]) -> None:
        self._shown = sessions

    def listed(self, identity: Identity) -> list[PresentSession]:
        if ADMINISTRATORS not in identity.groups:
            raise Forbidden("Only administrators see who is signed in.")
        return [present(each) for each in self._shown]

    async def end(self, identity: Identity, id: str) -> None:
        raise NotFound("That session has ended already.")


class Held(People):
    """Roles to look at, which Kubernetes lets nobody change."""

    def __init__(self, roles: Sequence[HeldRole]) -> None:
        self._shown = roles

    async def listed(self, identity: Identity, key: Key) -> list[HeldRole]:
        return list(self._shown)

    async def grant(self, identity: Identity, key: Key, role: str, who: str) -> None:
        _, problem = read_subject(who)
        if problem:
            raise InvalidInput({"who": problem})
        raise Forbidden(f"Kubernetes does not let you give the role {role} in {key.namespace}.")

    async def revoke(self, identity: Identity, key: Key, name: str) -> None:
        raise Forbidden(f"Kubernetes does not let you delete {name} in {key.namespace}.")


class Silent:
    """An authorizer that cannot find out what anybody may do."""

    async def rights(self, identity: Identity) -> NoRights:
        raise ClusterUnavailable("Kubernetes does not answer.")


class Allowed:
    """An authorizer that gives everybody the same rights."""

    def __init__(self, rights: KubernetesRights) -> None:
        self._rights = rights

    async def rights(self, identity: Identity) -> KubernetesRights:
        return self._rights


class Running:
    """The server as a test sees it."""

    def __init__(self, sites: Sites, loop: asyncio.AbstractEventLoop, port: int) -> None:
        self._sites = sites
        self._loop = loop
        self._port = port

    def url(self, site: str) -> str:
        """The address of a site."""
        return f"http://{site}.localhost:{self._port}"

    def show(self, site: str, name: str, state: AppState) -> None:
        """Have an app of a site be in another state."""
        self._loop.call_soon_threadsafe(self._sites.stores[site].show, Key("apps", name), state)

    def put(self, site: str, state: AppState) -> None:
        """Have an app of a site be in a state whose times are right as they are."""
        self._loop.call_soon_threadsafe(self._sites.stores[site].put, state.key, state)


@contextmanager
def serving(sites: Mapping[str, Site]) -> Iterator[Running]:
    """Serve the sites on a free port of the loopback interface, in a thread."""
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as port:
        made = Sites(sites, Path(folder))
        server = uvicorn.Server(
            uvicorn.Config(
                made,
                interface="asgi3",
                lifespan="off",
                log_level="warning",
                ws="websockets-sansio",
            )
        )

        async def serve() -> None:
            async with made.stack:
                await server.serve(sockets=[port])

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
        thread.start()
        try:
            yield Running(made, loop, port.getsockname()[1])
        finally:
            server.should_exit = server.force_exit = True
            thread.join()
            loop.close()
