"""Whatever goes wrong with a change ends in a named state that says what to do next.

One small chart for each way to end, in tests/fixtures/charts/endings, launched as a person would:
the words are read off the page, not off the error. docs/endings.md has them as a table.

An ending takes up to half a minute of waiting and next to no work, so all that are selected run
at once, each in a namespace of its own; a test waits for its own.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
import re
import shutil
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from msgspec.structs import replace

from dev import demo
from portal.auth.authorizer import KnownRights
from portal.auth.policy import Policy
from portal.catalog.chart import Chart, read_chart
from portal.cluster.admission import Admission
from portal.cluster.client import ClusterClient
from portal.cluster.leases import LEASES, Leases
from portal.cluster.replicas import Replicas
from portal.cluster.served_apis import ServedApis
from portal.cluster.storage.storage import HelmStorage
from portal.cluster.watches import Watches
from portal.cluster_sync import ClusterSync, running
from portal.domain.errors import Conflict, InvalidInput, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.limits import LIMITS
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import DEAD_AFTER, OperationPhase
from portal.guardrails.review import Guardrails
from portal.helm_service.helm import Helm
from portal.helm_service.runner import Runner, helm_environment
from portal.operations.operations import Operations
from portal.releases.actions import Actions, form_fields
from portal.releases.forms import ReleaseForms
from portal.releases.map_apis import MAP_APIS
from portal.releases.ports import ReleasePorts
from portal.releases.request import ReleaseRequest
from portal.releases.uninstall import UNINSTALL_WITHOUT_HOOKS
from portal.settings import Settings
from portal.state.model import AppState
from portal.viewmodels.app import app_view
from portal.viewmodels.finalizers import HELD_AFTER
from portal.viewmodels.model import AppView
from portal.viewmodels.preview import preview_view
from portal.viewmodels.readiness import SLOW_START
from portal.viewmodels.removal import removal_words
from tests.unit.releases.fakes import unchanged

ROOT = Path(__file__).resolve().parents[2]
CHARTS = ROOT / "tests" / "fixtures" / "charts" / "endings"
IMAGE = os.environ.get("SAMPLE_IMAGE", "localhost:5000/dash-sample")
ANN = Identity("ann@example.com")
HELM_DEADLINE = 30.0
"""Seconds: what a hook that never ends costs here."""
SLOW = 90.0
"""Seconds that a condition may take on a busy machine with two cores."""
FINALIZER = "endings.example.com/backup"


@dataclass(frozen=True, slots=True)
class Told:
    """The expected texts of a page: its state, the reason, and what to do."""

    headline: str
    cause: str
    advice: str


class Portal:
    """The portal without its pages: what watches, what acts, and what pages are made from."""

    def __init__(self, sync: ClusterSync, actions: Actions, helm: Helm) -> None:
        self.client = sync.client
        self.sync = sync
        self.store = sync.store
        self.actions = actions
        self.helm = helm

    async def until(self, met: Callable[[], bool], what: Callable[[], str]) -> None:
        changed = asyncio.Event()
        stop = self.store.on_change(lambda _: changed.set())
        try:
            async with asyncio.timeout(SLOW):
                while not met():
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            pytest.fail(f"not within {SLOW:.0f} s: {what()}")
        finally:
            stop()


class Course:
    """One chart in a namespace of its own."""

    def __init__(self, portal: Portal, name: str, namespace: str, told: Told, home: Path) -> None:
        self.portal = portal
        self.key = Key(namespace, name)
        self.told = told
        self.home = home
        self.chart = read_chart(CHARTS / name, "endings")

    @property
    def app(self) -> AppState:
        return self.portal.store.snapshot.app(self.key)

    def page(self, later: float = 0.0) -> AppView:
        """The page as it is now, or as it will be if nothing changes for some seconds."""
        self.portal.sync.prioritize((self.key,))
        snapshot = self.portal.store.snapshot
        return app_view(
            self.app,
            snapshot.sources,
            datetime.now(UTC) + timedelta(seconds=later),
            nodes=snapshot.nodes,
            quotas=snapshot.quotas.get(self.key.namespace, ()),
        )

    async def launch(self, chart: Chart | None = None, **values: object) -> None:
        order = ReleaseRequest(self.key, chart or self.chart, {"image": f"{IMAGE}:1.0", **values})
        await self.portal.actions.launch(ANN, order)

    async def succeeds(self) -> None:
        await self.until(lambda: self.phase is OperationPhase.SUCCEEDED, "success")

    async def says(self, told: Told | None = None, *, later: float = 0.0) -> AppView:
        """Wait until the page says it; returns the page."""
        wanted = told or self.told

        def met() -> bool:
            view = self.page(later)
            said = words(view)
            return (
                view.headline.text == wanted.headline
                and wanted.cause in said
                and wanted.advice in said
            )

        await self.until(met, f"{wanted}", later)
        return self.page(later)

    async def until(self, met: Callable[[], bool], what: str, later: float = 0.0) -> None:
        def reached() -> str:
            view = self.page(later)
            return f"{what}; instead: {view.headline.text}\n{words(view)}\n{self.app.operation}"

        await self.portal.until(met, reached)

    @property
    def status(self) -> ReleaseStatus | None:
        return self.app.release.status if self.app.release else None

    @property
    def phase(self) -> OperationPhase | None:
        return self.app.operation.phase if self.app.operation else None

    # By hand, past the portal.

    async def put(self, path: str, body: dict[str, Any], manager: str = "by-hand") -> None:
        """Make an object, or change it: ``path`` is below the namespace's."""
        name = path.rpartition("/")[2]
        await self.portal.client.apply(
            f"/api/v1/namespaces/{self.key.namespace}/{path}",
            {"apiVersion": "v1", "metadata": {"name": name}, **body},
            manager,
            force=True,
        )


def words(view: AppView) -> str:
    """Everything that the page says about how the app is, and what to do."""
    notices = (f"{each.title}. {each.body} {each.advice}" for each in view.notices)
    return "\n".join((view.sentence, *notices))


ENDINGS: dict[str, tuple[Told, Callable[[Course], Awaitable[None]]]] = {}
"""The failures and the texts expected for them, by the name of the chart."""


def ending(
    headline: str, cause: str, advice: str
) -> Callable[[Callable[[Course], Awaitable[None]]], None]:
    """Register a course of events that ends so."""

    def register(course: Callable[[Course], Awaitable[None]]) -> None:
        name = course.__name__.replace("_", "-")
        ENDINGS[name] = Told(headline, cause, advice), course

    return register


# What Helm or the API server refuses.


@ending(
    "Failed",
    "The chart could not be rendered: nil pointer evaluating interface {}.colour, at "
    ".Values.theme.colour (render-error/templates/settings.yaml, line 6).",
    "If the chart takes a value for granted, set that value",
)
async def render_error(here: Course) -> None:
    await here.launch()
    await here.says()
    assert here.app.release is None
    await here.launch(theme={"colour": "blue"})
    await here.succeeds()


@ending(
    "Failed",
    "The chart refuses these values. workers: maximum: want 8.",
    "Correct them and try again; nothing was changed.",
)
async def schema_violation(here: Course) -> None:
    with pytest.raises(InvalidInput) as refused:
        await here.launch(workers=20)
    assert "workers" in refused.value.fields["values"]
    assert here.app.operation is None, "the form says so before anything begins"
    # A schema that the portal does not read, as that of a chart within the chart, Helm does.
    await here.launch(
        replace(here.chart, content=replace(here.chart.content, schema=None)), workers=20
    )
    await here.says()


@ending(
    "Update failed",
    "Kubernetes lets nobody change spec.selector of the Deployment immutable-field once it exists.",
    "Take that change back and try again.",
)
async def immutable_field(here: Course) -> None:
    await here.launch()
    await here.succeeds()
    await here.launch(role="worker")
    view = await here.says()
    assert "Its one pod is ready." in view.sentence, "what ran before runs on"
    await here.launch()
    await here.succeeds()


@ending(
    "Failed",
    "The chart's hook (Job hook-never-ends-prepare) did not end in time, so Helm has given up.",
    "Its log says what it waits for; an administrator can read it. See to that, then try again",
)
async def hook_never_ends(here: Course) -> None:
    await here.launch()
    await here.says()
    await here.until(lambda: here.status is ReleaseStatus.FAILED, "nothing being left pending")


@ending(
    "Failed",
    "The chart's hook (Job hook-fails-prepare) failed, so Helm went no further.",
    "Its log says why; an administrator can read it",
)
async def hook_fails(here: Course) -> None:
    await here.launch()
    await here.says()


@ending(
    "Failed",
    "The release is larger than the 1 MiB that Kubernetes can keep of it.",
    "Move what is large, such as files in the values or in the chart, into the image",
)
async def too_large(here: Course) -> None:
    chart = shutil.copytree(here.chart.path, here.home / "chart")
    noise = random.Random(1).randbytes(1_100_000)  # compressed, it is as large
    (chart / "table.csv").write_bytes(base64.b64encode(noise))
    await here.launch(read_chart(chart, "endings"))
    await here.says()
    assert here.app.release is None


@ending(
    "Not found",
    "is being deleted: nothing new can be made in it.",
    "Choose another namespace, or wait until it is gone and has been created again.",
)
async def terminating_namespace(here: Course) -> None:
    held = {"kind": "ConfigMap", "metadata": {"name": "held", "finalizers": [FINALIZER]}}
    await here.put("configmaps/held", held)
    try:
        await here.portal.client.delete(f"/api/v1/namespaces/{here.key.namespace}", {})
        with pytest.raises(PortalError) as refused:
            await here.launch()
        assert here.told.cause in refused.value.message
        assert refused.value.advice == here.told.advice
        assert here.page().headline.text == here.told.headline
        # If it begins to go a moment later, Helm is the first to be told.
        with pytest.raises(Conflict) as late:
            await here.portal.helm.upgrade_install(here.key, here.chart.path, {}, review=unchanged)
        assert str(late.value) == str(refused.value)
    finally:
        await here.put("configmaps/held", {"kind": "ConfigMap"})


@ending(
    "Failed",
    "This cluster does not know the kind Widget.",
    "Ask an administrator to install what brings endings.example.com/v1, then try again.",
)
async def missing_kind(here: Course) -> None:
    await here.launch()
    await here.says()
    assert here.app.release is None


@ending(
    "Failed",
    ".data.colour was last set by by-hand, not by Helm, so Helm did not change it.",
    "To keep that change, ask for the same here.",
)
async def other_manager(here: Course) -> None:
    await here.launch()
    await here.succeeds()
    settings = {"kind": "ConfigMap", "data": {"colour": "red"}}
    await here.put(f"configmaps/{here.key.name}", settings)
    await here.launch(colour="green")
    await here.says()
    await here.launch(colour="red")  # the advice is good
    await here.succeeds()


CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.removed.endings.example.com"


@asynccontextmanager
async def widgets(client: ClusterClient) -> AsyncGenerator[Callable[[str], Awaitable[None]]]:
    """A kind; what is given serves it in one of its versions, and in no other any more."""

    async def serve(version: str) -> None:
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        body: dict[str, Any] = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": CRD.rpartition("/")[2]},
            "spec": {
                "group": "removed.endings.example.com",
                "names": {"kind": "Widget", "plural": "widgets"},
                "scope": "Namespaced",
                "versions": [
                    {
                        "name": each,
                        "served": each == version,
                        "storage": each == "v1beta1",
                        "schema": {"openAPIV3Schema": schema},
                    }
                    for each in ("v1beta1", "v1")
                ],
            },
        }
        await client.apply(CRD, body, "endings", force=True)
        wanted = (f"removed.endings.example.com/{version}",)
        apis, group = ServedApis(client), "removed.endings.example.com"
        async with asyncio.timeout(SLOW):
            while await apis.versions(group, "Widget") != wanted:
                pass  # each question takes the API server a moment

    try:
        yield serve
    finally:
        await client.delete(CRD, {})


@ending(
    "Installed",
    "Helm's record of the existing release removed-api names Widget in "
    "removed.endings.example.com/v1beta1, which this cluster no longer serves. Neither the new "
    "chart nor the values are the cause.",
    "Choose Update record on the app's page",
)
async def removed_api(here: Course) -> None:
    actions = here.portal.actions
    async with widgets(here.portal.client) as serve:
        await serve("v1beta1")
        await here.launch()
        await here.succeeds()
        await serve("v1")
        await here.launch(version="v1")
        await here.says()
        assert MAP_APIS.name in actions.offered(here.app, datetime.now(UTC))

        (first, *_) = await actions.preview_plain(ANN, MAP_APIS.name, here.key)
        group = "removed.endings.example.com"
        assert first == f"Widget removed-api: {group}/v1beta1 becomes {group}/v1."
        await actions.begin_plain(ANN, MAP_APIS.name, here.key)
        await here.succeeds()
        await here.launch(version="v1")  # the advice is good
        await here.succeeds()
        await actions.rollback(ANN, here.key, 1)
        await here.says(
            Told("Failed", "The revision to go back to names Widget in", "Choose a newer revision")
        )

        await actions.uninstall(ANN, here.key)  # a removal needs no advice
        await here.succeeds()
        path = f"/apis/{group}/v1/namespaces/{here.key.namespace}/widgets"
        left = (await here.portal.client.get(path))["items"]
        assert all("deletionTimestamp" in each["metadata"] for each in left)


# What becomes of its pods.


@ending(
    "Cannot start",
    "leaves no room for one more pod",
    "Request less, run fewer pods, stop another app of this namespace",
)
async def quota_exceeded(here: Course) -> None:
    quota = {"kind": "ResourceQuota", "spec": {"hard": {"pods": "0"}}}
    await here.put("resourcequotas/small", quota)
    quotas = here.portal.store
    await here.until(
        lambda: any(one.hard for one in quotas.snapshot.quotas.get(here.key.namespace, ())),
        "the quota being in force",
    )
    await here.launch()
    await here.says()


@ending(
    "Cannot start",
    "cannot be pulled: its registry has no such image.",
    "Check the repository and the tag for typing errors",
)
async def image_not_pulled(here: Course) -> None:
    await here.launch(image=f"{IMAGE.rpartition('/')[0]}/nothing-here:1.0")
    await here.says()
    assert here.phase is OperationPhase.WAITING, "Kubernetes keeps trying, and it may be pushed yet"
    await here.launch()
    await here.succeeds()


@ending(
    "Crashing",
    "Its last message: “no file called table.parquet”",
    "See the previous run under Logs.",
)
async def pod_crashes(here: Course) -> None:
    await here.launch()
    await here.says()


@ending(
    "Slow to start",
    "It runs but has not become ready. Its readiness probe gets / on port 8050.",
    "Check that the port is the one the app listens on, and that it listens on 0.0.0.0",
)
async def never_ready(here: Course) -> None:
    await here.launch()
    await here.says(Told("Starting", "Its pod is starting.", ""))
    await here.says(later=SLOW_START + SLOW)


@ending(
    "Cannot start",
    "It requests 9000 cores, but ",
    "No node is that large: request less than ",
)
async def no_room(here: Course) -> None:
    await here.launch()
    await here.says()


# What an uninstall leaves.


@ending(
    "Removal blocked",
    f"The Deployment blocked-finalizer is being deleted, but kept by the finalizer {FINALIZER}.",
    "an administrator can remove it from the Deployment blocked-finalizer",
)
async def blocked_finalizer(here: Course) -> None:
    path = f"/apis/apps/v1/namespaces/{here.key.namespace}/deployments/{here.key.name}"
    await here.launch()
    await here.succeeds()
    try:
        await here.portal.actions.uninstall(ANN, here.key)
        await here.says(later=HELD_AFTER)
    finally:
        remove = [{"op": "remove", "path": "/metadata/finalizers"}]
        await here.portal.client.patch(path, remove)
    await here.says(Told("Removed", "No pod and no Helm record of it remain.", ""))


@ending(
    "Removal failed",
    "The chart's hook (Job delete-hook-fails-guard) failed, so Helm went no further.",
    "Or remove it without hooks: then Job delete-hook-fails-guard will not run.",
)
async def delete_hook_fails(here: Course) -> None:
    without = UNINSTALL_WITHOUT_HOOKS.name
    actions = here.portal.actions
    await here.launch()
    await here.succeeds()
    await actions.uninstall(ANN, here.key)
    await here.says()
    assert here.page().removal_failed
    assert without in actions.offered(here.app, datetime.now(UTC))
    # What Helm has recorded is enough, also where the operation is forgotten.
    await actions.dismiss(ANN, here.key)
    hook = "The hook Job delete-hook-fails-guard was started, and is not known to have succeeded."
    await here.says(Told("Removal failed", hook, here.told.advice), later=DEAD_AFTER + SLOW)

    await actions.begin_plain(ANN, without, here.key)
    left = "Its hooks were not run. Left by hooks: Job delete-hook-fails-guard"
    await here.says(Told("Removed", left, ""))


@ending(
    "Removed",
    "Volumes stay, with their data: data-leftover-volume-0.",
    "an administrator can delete them from",
)
async def leftover_volume(here: Course) -> None:
    await here.launch()
    await here.until(lambda: bool(here.app.pods), "a pod")  # its claim is made first
    removal = await here.portal.actions.previews.removal(ANN, here.key)
    (before,) = removal_words(removal)
    assert before.title == "1 volume claim will be kept: data-leftover-volume-0 (1Gi)."
    await here.portal.actions.uninstall(ANN, here.key)
    await here.says()


@ending(
    "Removed",
    "Not part of the release, so not deleted: Secret crds-folder-login. CustomResourceDefinitions "
    "stay: gadgets.crds.endings.example.com.",
    "",
)
async def crds_folder(here: Course) -> None:
    previews = here.portal.actions.previews
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    (file,) = (here.chart.path / "crds").iterdir()
    definition = yaml.safe_load(file.read_text())
    path = f"{crds}/{definition['metadata']['name']}"
    await here.portal.client.apply(path, definition, "endings", force=True)
    try:
        apis = ServedApis(here.portal.client)
        async with asyncio.timeout(SLOW):
            while not await apis.versions(definition["spec"]["group"], "Gadget"):
                pass  # each question takes the API server a moment
        await here.launch()
        await here.succeeds()

        newer = shutil.copytree(here.chart.path, here.home / "newer")
        definition["spec"]["versions"][0]["additionalPrinterColumns"] = [
            {"name": "Size", "type": "string", "jsonPath": ".spec.size"}
        ]
        (newer / "crds" / file.name).write_text(yaml.safe_dump(definition))
        same = await previews.version(ANN, here.key, here.chart)
        assert same.crds == ()
        changed = await previews.version(ANN, here.key, read_chart(newer, "endings"))
        (notice, *_) = preview_view(changed).words
        assert notice.title == "gadgets.crds.endings.example.com stays as it is."

        login = {"kind": "Secret", "stringData": {"password": "made by a controller"}}
        await here.put("secrets/crds-folder-login", login)
        titles = [each.title for each in removal_words(await previews.removal(ANN, here.key))]
        assert titles == [
            "Not part of the release, so not deleted: Secret crds-folder-login.",
            "CustomResourceDefinitions stay: gadgets.crds.endings.example.com.",
        ]
        await here.portal.actions.uninstall(ANN, here.key)
        await here.says()
    finally:
        await here.portal.client.delete(path, {})


@asynccontextmanager
async def connected(home: Path) -> AsyncGenerator[Portal]:
    kubeconfig = Path(os.environ["KUBECONFIG"])
    program = os.environ.get("HELM_BIN") or shutil.which("helm") or "helm"
    environment = helm_environment(os.environ, home, kubeconfig)
    helm = Helm(Runner(environment, executable=program, deadline=HELM_DEADLINE))
    async with ClusterClient.connect(kubeconfig) as client:
        sync = ClusterSync(client, Settings())
        rules, storage = NamespaceRules(), HelmStorage(client)
        guardrails = Guardrails(Admission(client, {"restricted": demo.RESTRICTED}))
        operations = Operations(
            sync.store,
            Leases(client),
            storage,
            rules,
            holder=uuid.uuid4().hex,
            fields=form_fields,
            limit_of_one=replace(LIMITS.operations, most=0),
        )
        actions = Actions(
            sync.store,
            ReleasePorts(helm, storage, storage, Replicas(client), guardrails, ServedApis(client)),
            operations,
            KnownRights(Policy(rules)),
            ReleaseForms(rules, "default", max_replicas=6),
            ROOT / "charts" / "dash-app",
        )
        leases = Watches(client, sync.store, (), (LEASES,), sink=actions.operations.registry)
        ended: list[asyncio.Task[None]] = []
        work = {"leases": leases.run(), "operations": actions.operations.run()}
        portal = Portal(sync, actions, helm)
        async with running(sync.tasks() | work, ended.append):
            try:
                yield portal
            finally:
                await actions.operations.drain(20)
        assert not ended


@asynccontextmanager
async def space(client: ClusterClient, name: str) -> AsyncGenerator[str]:
    """A namespace; what is in it goes with it."""
    namespace = f"endings-{uuid.uuid4().hex[:6]}-{name}"[:63]
    path = f"/api/v1/namespaces/{namespace}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    await client.apply(path, body, "endings")
    try:
        yield namespace
    finally:
        with_it = {"propagationPolicy": "Background"}
        with suppress(PortalError):  # it may be on its way already
            await client.delete(path, with_it)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def courses(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Mapping[str, asyncio.Task[None]]]:
    """The courses that are wanted, all under way."""
    wanted = {
        item.callspec.params.get("name")  # pyright: ignore[reportAttributeAccessIssue]
        for item in request.session.items
        if hasattr(item, "callspec")
    }
    home = tmp_path_factory.mktemp("endings")
    async with connected(home) as portal:
        await portal.until(lambda: not portal.store.snapshot.loading, lambda: "the first lists")

        async def run(name: str) -> None:
            told, course = ENDINGS[name]
            async with space(portal.client, name) as namespace:
                await course(Course(portal, name, namespace, told, home))

        tasks = {
            name: asyncio.create_task(run(name), name=name) for name in ENDINGS if name in wanted
        }
        yield tasks
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.cluster
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ENDINGS)
async def test_it_ends_in_a_named_state_that_says_what_to_do(
    name: str, courses: Mapping[str, asyncio.Task[None]]
) -> None:
    await courses[name]


def test_each_ending_has_a_chart_and_is_documented() -> None:
    assert {path.name for path in CHARTS.iterdir()} == set(ENDINGS)
    rows = (ROOT / "docs" / "endings.md").read_text().splitlines()
    table = {
        found[1]: row for row in rows if (found := re.match(r"\| [^|]*\(`([\w-]+)`\) \|", row))
    }
    assert list(table) == list(ENDINGS)
    for name, (told, _) in ENDINGS.items():
        assert f"**{told.headline}**" in table[name], name
