"""The web application: actions, catalogue, live views and pages, wired together."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any, cast

from dash import Dash
from fastapi import FastAPI
from msgspec import structs
from starlette.requests import HTTPConnection
from starlette.routing import Route, WebSocketRoute

from portal import __version__
from portal.audit.trail import Trail
from portal.auth.authorizer import Authorizer, KnownRights
from portal.auth.identify import Authenticator
from portal.auth.kubernetes import KubernetesAuthorizer
from portal.auth.oidc.administration import SessionAdministration
from portal.auth.policy import Policy
from portal.auth.transport import Transport
from portal.authentication import authentication
from portal.autoscalers.followers import Followers
from portal.autoscalers.kept import KeptReactions
from portal.autoscalers.load_forecast import expected
from portal.autoscalers.readings import Readings
from portal.catalog.catalog import Catalog
from portal.catalog.dash_app import ExposureSettings
from portal.cluster.access import Namespaces
from portal.cluster.admission import Admission
from portal.cluster.client import ClusterClient
from portal.cluster.env_secrets import EnvSecrets
from portal.cluster.exec import Exec
from portal.cluster.leases import LEASES, Leases
from portal.cluster.load_tests import LoadTestJobs
from portal.cluster.metrics import usage_in
from portal.cluster.objects import ClusterObjects
from portal.cluster.pauses import Pauses
from portal.cluster.pod_logs import PodLogs
from portal.cluster.projects import ProjectObjects, limits_of
from portal.cluster.pull_secrets import PullSecrets
from portal.cluster.replicas import Replicas
from portal.cluster.restarts import Restarts
from portal.cluster.reviews import SubjectReviews
from portal.cluster.role_bindings import KubernetesRoleBindings
from portal.cluster.role_watch import RoleWatch
from portal.cluster.served_apis import ServedApis
from portal.cluster.storage.storage import HelmStorage
from portal.cluster.token_review import TokenReviews
from portal.cluster.watches import Watches
from portal.cluster_sync import ClusterSync
from portal.database.database import Database
from portal.domain.audit import Event, Outcome
from portal.domain.errors import Forbidden, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.limits import Limits
from portal.domain.load_tests import Expected, LoadTestLimits, LoadTestPlan, PodThroughput
from portal.domain.objects import Pod
from portal.domain.operations import STOP_GRACE, STOP_PATIENCE, Operation
from portal.domain.permissions import Permission
from portal.domain.projects import unlimited_apps
from portal.domain.release import ReleaseRevision
from portal.domain.sessions import ALONE
from portal.guardrails.review import Guardrails
from portal.guardrails.subject import GuardrailSettings
from portal.helm_service.helm import Helm
from portal.helm_service.runner import Runner, helm_environment
from portal.history.keeper import HistoryKeeper
from portal.history.longer import LongerHistory
from portal.images.inspector import DEADLINE, ImageInspector
from portal.images.registries import Registries
from portal.links.links import Links
from portal.live.endpoint import FRAME_PATH, frame_endpoint, live_endpoint
from portal.live.endpoint import PATH as LIVE_PATH
from portal.live.hub import Hub
from portal.live.sockets import Identify
from portal.logs.download import Download
from portal.logs.endpoint import DOWNLOAD_PATH, download_endpoint, log_endpoint
from portal.logs.endpoint import PATH as LOGS_PATH
from portal.logs.hub import LogHub
from portal.logs.last_lines import LastLines
from portal.logs.load_tests import LoadTestReader
from portal.logs.secrets import AppSecrets, Version
from portal.logs.targets import Selection
from portal.notifications.messages import operation_message
from portal.notifications.troubles import Troubles
from portal.notifications.webhook import HttpPost, Webhook
from portal.objects.reader import ObjectReader
from portal.operations.operations import Operations, OperationTiming, utc_now
from portal.operations.ports import IdentitySeal
from portal.projects.manifests import FIELD_MANAGER
from portal.projects.personal import PersonalProjects
from portal.projects.requests import ProjectRequests
from portal.projects.service import ClusterView, Projects
from portal.prometheus.client import Prometheus
from portal.prometheus.record import PrometheusRecord
from portal.registry.fetch import HttpFetch
from portal.releases.actions import Actions, form_fields
from portal.releases.forms import ReleaseForms
from portal.releases.load_test import LoadTests
from portal.releases.namespace_roles import NamespaceRoles
from portal.releases.people import People
from portal.releases.ports import ReleasePorts
from portal.releases.restart import Restart
from portal.releases.resume import Resume
from portal.scoped_views import ScopedViews
from portal.sessions.shared import DatabaseSessions
from portal.settings import Settings
from portal.shell.endpoint import PATH as SHELL_PATH
from portal.shell.endpoint import Shells
from portal.shell.place import Places
from portal.shell.settings import ShellSettings
from portal.shell.top import Tops
from portal.state.load_tests import ready_pods
from portal.state.model import AppState
from portal.state.store import Store
from portal.ui.audit.export import PATH as EXPORT_PATH
from portal.ui.audit.export import export_endpoint
from portal.ui.build import build_ui
from portal.ui.context import UiContext
from portal.ui.links.page import SharedApps
from portal.ui.live_views import opener, spelled
from portal.ui.static import PORTAL, PREFIX, collect
from portal.viewmodels.urls import ExternalAddresses
from portal.web.authorization import Authorization
from portal.web.compression import Compression
from portal.web.content_security import REPORTS_PATH, Reports, policy, reports_endpoint
from portal.web.fairness import Fairness
from portal.web.icons import PATH as ICON_PATH
from portal.web.icons import icon_endpoint
from portal.web.link_pages import LinkPages, Shown
from portal.web.methods import Methods
from portal.web.metrics import Metrics
from portal.web.middleware import RequestMiddleware, current_identity
from portal.web.revalidation import Revalidation
from portal.web.routes import add_routes
from portal.web.sign_in import END_PATH, SESSION_PATH, SignInPages, end_endpoint, session_endpoint
from portal.web.static import StaticServer


class WebApp:
    """The parts between the store and the browser, wired together but not started.

    Create it on the event loop that it runs on; ``stack`` releases its resources.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        sync: ClusterSync,
        stack: AsyncExitStack,
    ) -> None:
        self._settings = settings
        self._store = store = sync.store
        authorizer = _authorizer(settings, sync.client)
        self._rights = rights = KnownRights(
            authorizer, told=lambda: self._roles is not None and self._roles.complete
        )
        self._roles = _role_watch(settings, sync.client, authorizer, rights)
        forms, limits = _forms(settings), settings.limits()
        self._database = _database(settings, stack)
        self._trail = trail = Trail(
            self._database, portal=socket.gethostname(), log_entries=settings.audit_log
        )
        followers = Followers(store)
        stack.callback(followers.close)
        self._history = _history(settings, self._database, store, KeptReactions(followers))
        self._longer = _longer(settings, self._history, store, stack)
        self._metrics = Metrics()
        self._webhook, self._troubles = _webhook(settings, store, stack)
        self._load_tests = LoadTestReader(
            PodLogs(sync.client), self._changed, lambda key: ready_pods(store.snapshot.app(key))
        )
        self._actions = _actions(
            settings,
            sync,
            rights,
            forms,
            Helm(_runner(settings, environ, stack)),
            self._ended,
            trail,
            self._load_tests,
            followers,
        )
        self._catalog = catalog = _catalog(settings, stack, store)
        images = _images(settings, stack, sync, rights)
        outside = ExternalAddresses(settings.node_address, settings.ingress_address)
        secrets = _secrets(sync)
        objects = ObjectReader(
            store,
            self._actions.access,
            HelmStorage(sync.client, store.storage_namespace),
            ClusterObjects(sync.client),
            secrets.scrubber,
        )
        stack.push_async_callback(objects.close)
        places, programs = Places(store, self._actions.access), Exec(sync.client)
        tops = Tops(places, programs, secrets.scrubber)
        stack.push_async_callback(tops.close)
        self._projects, self._project_requests, self._personal = _projects(
            settings, sync, rights, trail, self._database
        )
        self._shared_sessions = _shared_sessions(settings, self._database)
        self._authentication = authentication(
            settings, stack, TokenReviews(sync.client), self._shared_sessions or ALONE
        )
        self._authenticator = self._authentication.authenticator
        self._session_administration = None
        if (sessions := self._authentication.sessions) is not None:
            self._session_administration = SessionAdministration(
                sessions, trail, settings.auth_admin_groups
            )
        if self._authentication.sign_in is not None:
            self._authentication.sign_in.on_change(
                lambda action, identity: trail.note(Event(action, Outcome.SUCCEEDED, identity))
            )
        self._shells = Shells(
            places,
            programs,
            ShellSettings(
                settings.shell, settings.shell_image, settings.shell_idle, settings.shell_longest
            ),
            _identify,
            _reidentify(self._authenticator),
            recorder=trail,
            limit=limits.shells,
        )
        self._logs, self._download, self._last_lines = _logs(sync, secrets, self._changed, limits)
        self._views = views = ScopedViews(
            store,
            rights,
            outside,
            sync.prioritize,
            lambda: catalog.listings,
            self._actions.offered,
            objects.known,
            objects.kinds,
            self._last_lines.fill,
            followers,
            self._load_tests.measured if settings.load_test_image else None,
            settings.prices(),
            names_objects=settings.authorization == "owners",
        )
        self._links = None
        if settings.share_links and self._database is not None:
            self._links = Links(self._database, store, self._actions.access, trail)
        self._context = UiContext(
            actions=self._actions,
            catalog=catalog,
            forms=forms,
            scope=views.scope,
            app_view=views.app,
            list_view=views.releases,
            overview=views.overview,
            mine_view=views.mine,
            connections=views.connections,
            advice=views.advice,
            launch_findings=views.launch_findings,
            identity=current_identity,
            inspect_image=images.inspect,
            objects_view=views.objects,
            read_object=objects.read,
            autoscalers_view=views.autoscalers,
            what_if=views.what_if,
            read_top=tops.read,
            find_place=places.find,
            shell=self._shells.settings,
            prices=settings.prices(),
            read_history=self._longer.read if self._longer is not None else None,
            trail=trail,
            projects=self._projects,
            project_requests=self._project_requests,
            app_limits=Namespaces(sync.client).app_limits if settings.projects else unlimited_apps,
            links=self._links,
            sessions=self._session_administration,
            people=_people(settings, sync.client, self._actions, trail),
            open_mode=settings.auth_mode == "none",
            by_owner=settings.authorization == "owners",
            sign_out=self._authentication.sign_in is not None,
            version=__version__,
        )
        self.hub = Hub(opener(self._context), views.scope, spell=spelled, limit=limits.tabs)
        self._readings = Readings(
            followers, lambda namespace: usage_in(sync.client, namespace), self.hub.changed
        )
        store.on_change(self.hub.changed)
        objects.on_change(self.hub.changed)
        store.on_change(self._logs.changed)
        rights.on_change(self.hub.rescope)
        if self._personal is not None:
            rights.on_change(self._personal.welcome)
        _publish(self._metrics, sync, self.hub, self._logs)
        if self._webhook is not None:
            self._metrics.by_label(
                "webhook_messages", "Messages of the webhook", "outcome", self._webhook.counts
            )
        if (database := self._database) is not None:
            self._metrics.gauge(
                "database_up", "1 if the database answers, else 0", lambda: database.available
            )
        self._metrics.by_label(
            "audit_entries", "Entries of the audit trail", "outcome", trail.counts
        )
        self._metrics.gauge(
            "audit_waiting", "Entries that wait for the database", lambda: trail.waiting
        )
        if (shared := self._shared_sessions) is not None:
            self._metrics.gauge(
                "session_ends_waiting",
                "Ends of sessions that wait for the database",
                lambda: shared.waiting,
            )
        if self._history is not None:
            self._metrics.by_label(
                "history_apps",
                "Apps whose history was restored or written since the start",
                "direction",
                self._history.counts,
            )
        self._reports = reports = Reports()
        self._metrics.by_label(
            "csp_violations",
            "Violations of the Content-Security-Policy that browsers have reported",
            "directive",
            reports.counts,
        )
        self._metrics.gauge("shells", "Shells open in pods", lambda: self._shells.running)
        self._metrics.gauge("tops", "Containers whose processes are read", lambda: tops.running)
        self._leases = Watches(
            sync.client,
            store,
            settings.namespaces,
            (LEASES,),
            sink=self._actions.operations.registry,
        )

    def _ended(self, operation: Operation) -> None:
        """Count an operation that has ended, and tell the webhook."""
        self._metrics.ended(operation)
        if self._webhook is not None:
            self._webhook.say(operation_message(operation, self._settings.public_url))

    def _waiting_for(self) -> list[str]:
        """Return what a start still waits for: first lists, and the ends of sessions."""
        shared = self._shared_sessions
        sessions = ["sessions"] if shared is not None and not shared.tried else []
        return _waiting_for(self._store) + sessions

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """The coroutines that run for as long as the portal does, by name."""
        chosen: dict[str, Coroutine[Any, Any, None]] = {}
        if self._webhook is not None and self._troubles is not None:
            chosen |= {"webhook": self._webhook.run(), "troubles": self._troubles.run()}
        if self._database is not None:
            chosen |= {"database": self._database.run(), "audit": self._trail.run()}
        if self._history is not None:
            chosen |= {"history": self._history.run()}
        if self._shared_sessions is not None:
            chosen |= {"sessions": self._shared_sessions.run()}
        if self._roles is not None:
            chosen |= {"roles": self._roles.run()}
        if self._personal is not None:
            chosen |= {"personal-projects": self._personal.run()}
        return chosen | {
            "leases": self._leases.run(),
            "operations": self._actions.operations.run(),
            "catalog": self._catalog.run(),
            "readings": self._readings.run(),
            "rights": self._rights.keep_fresh(lambda: self.hub.identities | self._logs.identities),
        }

    def site(self) -> Methods:
        """The ASGI site: pages, live connection and health, behind authentication."""
        inner = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        add_routes(inner, self._metrics, self._waiting_for)
        again = _reidentify(self._authenticator)
        live = live_endpoint(self.hub, _identify, reidentify=again)
        frame = frame_endpoint(self.hub, _identify)
        logs = log_endpoint(self._logs, _identify, self._logs_refusal, reidentify=again)
        download = download_endpoint(
            self._download,
            _identify,
            self._logs_refusal,
            reidentify=again,
            recorder=self._trail,
        )
        inner.router.routes += [
            WebSocketRoute(LIVE_PATH, live),
            WebSocketRoute(SHELL_PATH, self._shells.handle),
            Route(FRAME_PATH, frame),
            WebSocketRoute(LOGS_PATH, logs),
            Route(DOWNLOAD_PATH, download),
            Route(EXPORT_PATH, export_endpoint(self._context)),
            Route(ICON_PATH, icon_endpoint(self._catalog.icon)),
            Route(SESSION_PATH, session_endpoint(lambda: current_identity().user)),
            Route(REPORTS_PATH, reports_endpoint(self._reports), methods=["POST"]),
        ]
        if (administration := self._session_administration) is not None:
            end = end_endpoint(lambda user: administration.end_of_user(current_identity(), user))
            inner.router.routes.append(Route(END_PATH, end, methods=["POST"]))
        dash = build_ui(inner, self._context)
        sign_in = self._authentication.sign_in
        links = None
        if self._links is not None:
            links = LinkPages(
                _shown(self._links, SharedApps(self._views.app)),
                collect().head(),
                collect().address(PORTAL, "shared.js"),
            )
        answers = Authorization(Compression(Revalidation(inner)), self._rights.ask)
        fair = Fairness(answers, self._settings.limits(), head=collect().head())
        self._metrics.by_label(
            "requests_limited",
            "Requests and connections that waited or were refused by the limits of one person",
            "outcome",
            fair.counts,
        )
        return Methods(
            RequestMiddleware(
                StaticServer(fair, PREFIX, collect().files),
                self._authenticator,
                _content_security_policy(dash),
                self._metrics,
                self._settings.own_origins(),
                self._settings.known_hosts(),
                SignInPages(sign_in, collect().head()) if sign_in else None,
                links,
                public=PREFIX,
                proxy_names=frozenset(self._settings.auth_proxy_names),
                transport=Transport(
                    self._settings.public_url, self._settings.auth_mode in {"header", "alb"}
                ),
                untokened=(REPORTS_PATH,),
            )
        )

    def _changed(self, key: Key) -> None:
        """Render the page of an app anew."""
        self.hub.changed(frozenset({key}))

    async def _logs_refusal(self, identity: Identity, selection: Selection) -> str:
        """Ask why ``identity`` may not read these logs; as in ``log_endpoint``."""
        await self._rights.ask(identity)
        why = self._views.logs_refusal(identity, selection.app)
        if why:
            self._trail.note(
                Event("logs", Outcome.REFUSED, identity, selection.app, detail={"reason": why})
            )
        return why

    async def drain(self) -> None:
        """Close the live connections at once, and stop or hand over operations."""
        self.hub.close()
        self._logs.close()
        self._last_lines.close()
        self._load_tests.close()
        await asyncio.gather(
            self._shells.close(),
            self._actions.operations.drain(STOP_GRACE, STOP_PATIENCE),
            *([self._history.close()] if self._history is not None else []),
        )
        await self._trail.close()


def _authorizer(settings: Settings, client: ClusterClient) -> Authorizer:
    """The authorizer that the settings choose."""
    if settings.authorization == "kubernetes":
        return KubernetesAuthorizer(
            SubjectReviews(client),
            Namespaces(client).names,
            settings.rules(),
            allow_exec=settings.allow_exec,
            allow_logs=settings.allow_logs,
        )
    return Policy(
        settings.rules(),
        open_mode=settings.auth_mode == "none",
        admin_groups=settings.auth_admin_groups,
        allow_exec=settings.allow_exec,
        allow_logs=settings.allow_logs,
    )


def _role_watch(
    settings: Settings, client: ClusterClient, authorizer: Authorizer, rights: KnownRights
) -> RoleWatch | None:
    """The watch of roles, where Kubernetes decides; None where it does not."""
    if not isinstance(authorizer, KubernetesAuthorizer):
        return None

    def changed() -> None:
        authorizer.forget()
        rights.forget()

    return RoleWatch(client, settings.namespaces, changed)


def _secrets(sync: ClusterSync) -> AppSecrets:
    """The secrets of apps, hidden in what comes out of their containers and objects."""
    client, store = sync.client, sync.store

    def version(key: Key) -> Version:
        release = store.snapshot.app(key).release
        return (release.uid, release.revision) if release else ("", 0)

    storage = HelmStorage(client, store.storage_namespace)
    return AppSecrets(version, storage.newest_and_deployed, EnvSecrets(client).values)


def _logs(
    sync: ClusterSync, secrets: AppSecrets, changed: Callable[[Key], None], limits: Limits
) -> tuple[LogHub, Download, LastLines]:
    """The hub of logs, their downloads, and the last lines of crashes."""
    source, store = PodLogs(sync.client), sync.store

    def pods(key: Key) -> Sequence[Pod]:
        return store.snapshot.app(key).pods

    return (
        LogHub(source, pods, secrets.scrubber, limit=limits.logs),
        Download(source, pods, secrets.scrubber, limits.downloads),
        LastLines(source, secrets.scrubber, changed),
    )


def _catalog(settings: Settings, stack: AsyncExitStack, store: Store) -> Catalog:
    """The catalogue; fetched charts are kept in a temporary directory."""
    fetch = HttpFetch()
    stack.push_async_callback(fetch.close)
    cache = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="charts-")))

    def used() -> list[ReleaseRevision]:
        return [app.detail for app in store.snapshot.apps.values() if app.detail]

    return Catalog(
        settings.sources(),
        fetch,
        cache,
        every=settings.catalog_interval,
        index_limit=settings.catalog_index_limit * 2**20,
        used=used,
    )


def _images(
    settings: Settings, stack: AsyncExitStack, sync: ClusterSync, rights: KnownRights
) -> ImageInspector:
    """Looks at images; what is under way ends with the portal."""
    fetch = HttpFetch(DEADLINE)
    stack.push_async_callback(fetch.close)

    def refusal(identity: Identity, namespace: str) -> Forbidden | None:
        return rights.known(identity).refusal(Permission.LAUNCH, Key(namespace, ""), None)

    images = ImageInspector(
        fetch,
        Registries(settings.image_registries(), settings.image_lookup),
        PullSecrets(sync.client),
        refusal,
        lambda: sync.store.snapshot.nodes,
        allowed=settings.allowed_images,
    )
    stack.push_async_callback(images.close)
    return images


def _database(settings: Settings, stack: AsyncExitStack) -> Database | None:
    """The database that an administrator has set; it connects once it is run or used."""
    url = settings.database_url()
    if not url:
        return None
    database = Database(url)
    stack.push_async_callback(database.close)
    return database


def _shared_sessions(settings: Settings, database: Database | None) -> DatabaseSessions | None:
    """Return what portals share of sessions, if there are sessions and a database."""
    return DatabaseSessions(database) if settings.auth_mode == "oidc" and database else None


def _history(
    settings: Settings, database: Database | None, store: Store, reactions: KeptReactions
) -> HistoryKeeper | None:
    """The keeper of the history of apps, if there is a database."""
    if database is None:
        return None
    return HistoryKeeper(
        database,
        store,
        holder=f"{socket.gethostname()}_{uuid.uuid4().hex}",
        days=settings.history_days,
        reactions=reactions,
    )


def _projects(
    settings: Settings,
    sync: ClusterSync,
    rights: KnownRights,
    trail: Trail,
    database: Database | None,
) -> tuple[Projects | None, ProjectRequests | None, PersonalProjects | None]:
    """Projects, requests for them, and personal ones; None for what is switched off."""
    if not settings.projects:
        return None, None, None
    cluster = ProjectObjects(sync.client, SubjectReviews(sync.client), FIELD_MANAGER)
    store, groups = sync.store, frozenset(settings.auth_admin_groups)

    async def in_admin_group(identity: Identity) -> bool:
        return not groups.isdisjoint(identity.groups)

    projects = Projects(
        cluster,
        settings.rules(),
        settings.project_site(),
        trail,
        cluster.administers if settings.authorization == "kubernetes" else in_admin_group,
        lambda identity: rights.known(identity).namespaces,
        ClusterView(
            lambda name: [key.name for key in store.snapshot.apps if key.namespace == name],
            lambda name: store.snapshot.quotas.get(name, ()),
        ),
        settings.project_defaults(),
    )
    requests = ProjectRequests(database, projects, settings.rules(), trail)
    personal = None
    if settings.projects_personal:
        personal = PersonalProjects(projects, cluster, settings.projects_personal_name)
    return projects, requests, personal


def _longer(
    settings: Settings, kept: HistoryKeeper | None, store: Store, stack: AsyncExitStack
) -> LongerHistory | None:
    """The longer ranges of charts: of the database, of Prometheus, or of both; None of neither."""
    beyond = None
    if url := settings.prometheus():
        prometheus = Prometheus(url, settings.prometheus_token_file, settings.prometheus_ca_file)
        stack.push_async_callback(prometheus.close)
        beyond = PrometheusRecord(prometheus)
    if kept is None and beyond is None:
        return None
    return LongerHistory(store, kept.read if kept else None, beyond)


def _webhook(
    settings: Settings, store: Store, stack: AsyncExitStack
) -> tuple[Webhook | None, Troubles | None]:
    """The webhook that an administrator has set, and what it is told of apps in trouble."""
    url = settings.webhook_url()
    if not url:
        return None, None
    post = HttpPost(url)
    stack.push_async_callback(post.close)
    webhook = Webhook(post)
    return webhook, Troubles(store, webhook.say, public_url=settings.public_url)


def _runner(settings: Settings, environ: Mapping[str, str], stack: AsyncExitStack) -> Runner:
    """The runner of Helm, with a temporary home directory."""
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="helm-")))
    return Runner(
        helm_environment(environ, home, settings.kubeconfig),
        executable=settings.helm,
        deadline=settings.helm_timeout,
        grace=STOP_GRACE - 1,
        limit=settings.helm_concurrency,
        impersonation=settings.impersonation(),
        folder=home,
    )


def _forms(settings: Settings) -> ReleaseForms:
    rules = settings.rules()
    if settings.authorization == "kubernetes":
        # A form must not name namespaces to those who may not see them; rights say the rest.
        rules = structs.replace(rules, listed=())
    return ReleaseForms(
        rules=rules,
        default_namespace=settings.default_namespace,
        max_replicas=settings.max_replicas,
        chart=settings.chart_ref,
        presets=settings.presets(),
        sizes=settings.sizes(),
        site=ExposureSettings(settings.ingress_class, settings.ingress_tls, settings.gateway),
        images=settings.allowed_images,
    )


def _seal(settings: Settings) -> IdentitySeal | None:
    if settings.authorization != "kubernetes":
        return None  # what is repaired is repaired with the portal's own account
    # The modes that sign people in have loaded it; the open mode does without cryptography.
    from portal.authenticators import operation_identities

    return operation_identities(settings)


def _actions(
    settings: Settings,
    sync: ClusterSync,
    rights: KnownRights,
    forms: ReleaseForms,
    helm: Helm,
    ended: Callable[[Operation], None],
    trail: Trail,
    measurements: LoadTestReader,
    followers: Followers,
) -> Actions:
    def forecast(
        state: AppState, plan: LoadTestPlan, one_pod: PodThroughput | None
    ) -> Expected | None:
        measured = measurements.measured(state)
        return expected(state, followers.of(state.key), measured, plan, one_pod)

    client = sync.client
    storage = HelmStorage(client, sync.store.storage_namespace)
    operations = Operations(
        sync.store,
        Leases(client),
        storage,
        settings.rules(),
        holder=f"{socket.gethostname()}_{uuid.uuid4().hex}",
        fields=form_fields,
        ended=ended,
        timing=OperationTiming(limit=settings.helm_concurrency),
        recorder=trail,
        seal=_seal(settings),
        limit_of_one=settings.limits().operations,
    )
    reviews = SubjectReviews(client) if settings.authorization == "kubernetes" else None
    guardrails = Guardrails(
        Admission(client, settings.pod_security_namespaces(), reviews),
        settings.guardrail_exceptions(),
        GuardrailSettings(settings.allowed_images, frozenset(settings.allowed_hosts)),
        (lambda namespace: limits_of(client, namespace)) if settings.projects else unlimited_apps,
    )
    ports = ReleasePorts(
        helm,
        storage,
        storage,
        Replicas(client),
        guardrails,
        ServedApis(client),
        Namespaces(client),
        EnvSecrets(client),
    )
    return Actions(
        sync.store,
        ports,
        operations,
        rights,
        forms,
        settings.chart_path,
        plain=(Restart(sync.store, Restarts(client)), Resume(sync.store, Pauses(client))),
        load_tests=LoadTests(
            sync.store,
            LoadTestJobs(client, settings.load_test_image),
            LoadTestLimits(
                settings.load_test_rate, settings.load_test_seconds, settings.load_test_minutes
            ),
            measurements.throughput,
            utc_now,
            forecast=forecast,
            on=bool(settings.load_test_image),
        ),
        apps=settings.limits().apps,
        roles=_roles(settings, client),
    )


def _people(
    settings: Settings, client: ClusterClient, actions: Actions, trail: Trail
) -> People | None:
    """Gives roles, where that can be done in the portal."""
    roles = _roles(settings, client)
    return People(actions.access, roles, trail, settings.impersonated_groups) if roles else None


def _roles(settings: Settings, client: ClusterClient) -> NamespaceRoles | None:
    """Roles in namespaces, where Kubernetes decides and an administrator wants them given."""
    if settings.authorization != "kubernetes" or not settings.role_prefix:
        return None
    return NamespaceRoles(KubernetesRoleBindings(client), settings.role_prefix)


def _shown(links: Links, apps: SharedApps) -> Callable[[str], Awaitable[Shown]]:
    """Return what a token of a link shows."""

    async def show(token: str) -> Shown:
        link = await links.opened(token)
        return Shown(apps.html(link.key), link.key.name, link.expires)

    return show


def _identify(_: HTTPConnection) -> Identity | None:
    """Return the identity of the present request, as the middleware has found it."""
    return current_identity()


def _reidentify(authenticator: Authenticator) -> Identify:
    """Identify a connection again, from its headers; None once they are not valid any more.

    A session that can be revoked has to be looked up here.
    """

    def who(connection: HTTPConnection) -> Identity | None:
        try:
            return authenticator.identify(connection.headers.items())
        except PortalError:
            return None

    return who


def _content_security_policy(dash: Dash) -> Callable[[], str]:
    """The Content-Security-Policy, with Dash's inline scripts by hash."""

    @cache
    def of_pages() -> str:
        return policy(cast("list[str]", dash.csp_hashes()))

    return of_pages


def _waiting_for(store: Store) -> list[str]:
    """The sources whose first list is missing, or ["watches"] before the watches have started."""
    snapshot = store.snapshot
    return list(snapshot.loading) if snapshot.sources else ["watches"]


def _publish(metrics: Metrics, sync: ClusterSync, hub: Hub, logs: LogHub) -> None:
    store, fetcher, calls = sync.store, sync.fetcher, sync.client.calls
    metrics.gauge("releases", "Releases known", lambda: len(store.snapshot.apps))
    metrics.gauge("bodies_fetched", "Release bodies asked for", lambda: fetcher.fetched)
    metrics.gauge("bodies_decoded", "Release bodies decoded", lambda: fetcher.decoded)
    metrics.gauge("watches", "Watches open at the Kubernetes API", lambda: calls.watching)
    metrics.by_label("api_requests", "Requests to the Kubernetes API", "call", calls.made)
    metrics.by_label("api_failures", "Requests to it that failed", "status", calls.failed)
    metrics.gauge("viewers", "Browser tabs connected", lambda: hub.subscribers)
    metrics.gauge("log_viewers", "Views of logs connected", lambda: logs.viewers)
    metrics.gauge("log_streams", "Containers whose logs are read", lambda: logs.streams)
    metrics.gauge("log_requests", "Logs open at the Kubernetes API", lambda: calls.following)
    metrics.gauge("log_lines", "Lines of logs read since the start", lambda: logs.lines)
    counts = hub.counts
    metrics.gauge("renderings", "Views rendered since the start", lambda: counts.renderings)
    metrics.gauge("frames_sent", "Frames sent to browsers", lambda: counts.frames)
    metrics.gauge("frame_bytes", "Bytes of frames sent to browsers", lambda: counts.bytes)
    metrics.gauge("frames_skipped", "States that a slow browser skipped", lambda: counts.skipped)
    metrics.freshness(
        lambda: [(each.name, each.alive_at) for each in store.snapshot.sources.values()]
    )
