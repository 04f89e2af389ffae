"""A UI context over a dictionary of views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from msgspec.structs import replace

from portal.audit.trail import Trail
from portal.autoscalers.view import autoscalers_view
from portal.catalog.catalog import Catalog
from portal.catalog.chart import Chart
from portal.catalog.presets import Preset
from portal.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import ReleaseStatus
from portal.domain.operations import Operation, OperationPhase, Verb
from portal.domain.owners import Role, label_of
from portal.domain.permissions import UNLIMITED, Permission, Scope
from portal.domain.proposals import Proposal, Removal, VolumeClaim
from portal.domain.release import ReleaseRevision
from portal.guardrails.rules import Level
from portal.live.topics import APPS
from portal.objects.inventory import NOTHING
from portal.objects.tree import objects_view
from portal.registry.fetch import HttpFetch
from portal.releases.actions import Actions, Existing, PrefilledForm
from portal.releases.forms import FormFields, ReleaseForms, ScaleRequest
from portal.releases.hand_over import HAND_OVER
from portal.releases.install import LAUNCH
from portal.releases.new_owner import HandOverPreview, HandOverRequest, read_person
from portal.releases.previews import Previews
from portal.releases.request import ReleaseRequest
from portal.releases.rollback import ROLLBACK
from portal.releases.root import RootRules
from portal.releases.scale import SCALE
from portal.releases.share import SHARE, share_doubts
from portal.releases.uninstall import UNINSTALL
from portal.releases.unlock import UNLOCK
from portal.releases.upgrade import UPGRADE
from portal.releases.volumes import Volumes
from portal.shell.settings import ShellSettings
from portal.state.assemble import nothing
from portal.ui.context import UiContext
from portal.viewmodels.advice import AdviceView, advice_view
from portal.viewmodels.app import CHART
from portal.viewmodels.connections import Connection
from portal.viewmodels.listing import ListView
from portal.viewmodels.mine import MineView
from portal.viewmodels.model import AppView, ScaleMode, ScaleView
from portal.viewmodels.overview import overview_view
from portal.viewmodels.query import ListQuery
from tests.unit.images.make import uninspected
from tests.unit.objects.make import no_object
from tests.unit.shell.make import found_place, no_top
from tests.unit.ui import fixtures
from tests.unit.viewmodels.make import NOW, hpa, state

ADA = Identity("ada", ("data-science",))

PRESETS = (
    Preset(
        "Dash sample",
        "localhost:5000/dash-sample",
        "1.0",
        description="A small dashboard with something to compute.",
        fields={"cpu_request": "100m", "memory_request": "256Mi", "memory_limit": "256Mi"},
    ),
    Preset(
        "Notebook viewer",
        "registry.example.org/tools/voila",
        "0.5.8",
        "Shows a notebook as an app.",
        {"port": 8866, "session_affinity": True},
    ),
    Preset(
        "Streamlit",
        "registry.example.org/tools/streamlit",
        "1.50",
        "Scripts as apps.",
        {"port": 8501},
    ),
)


def revisions() -> tuple[ReleaseRevision, ...]:
    """Helm's revisions of an app: a failed one, the deployed one, and two older."""
    image = {"repository": "localhost:5000/dash-sample", "tag": "1.0"}
    token = [{"name": "API_TOKEN", "value": "tok-in-the-values"}]
    first: dict[str, object] = {"image": image, "replicaCount": 1, "extraEnvVars": token}
    more = {**first, "replicaCount": 2}
    new = {**more, "image": {**image, "tag": "1.1"}}

    def made(number: int, status: str, values: dict[str, object], said: str) -> ReleaseRevision:
        at = fixtures.ago(4000 - 800 * number)
        manifest = MANIFEST.format(tag=cast("dict[str, str]", values["image"])["tag"])
        return ReleaseRevision(
            Key("apps", "iris"),
            number,
            ReleaseStatus(status),
            at,
            description=said,
            chart="dash-app",
            chart_version="0.1.0",
            values=values,
            manifest=manifest,
        )

    return (
        made(4, "deployed", new, "Changed by grace@example.org"),
        made(3, "failed", new, 'Upgrade "iris" failed: quota exceeded, tok-in-the-values'),
        made(2, "superseded", more, "Scaled to 2 by ada"),
        made(1, "superseded", first, "Launched by ada"),
    )


MANIFEST = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: iris}}
spec:
  selector: {{matchLabels: {{app: iris}}}}
  template:
    spec:
      containers:
        - name: app
          image: localhost:5000/dash-sample:{tag}
          env: [{{name: API_TOKEN, value: tok-in-the-values}}]
"""


class FakePreviews(Previews):
    """Gives what it is told. ``errors`` are raised one by one."""

    def __init__(self) -> None:
        self.kept = revisions()
        self.errors: list[Exception] = []
        self.asked: list[tuple[object, ...]] = []
        self.claims: tuple[VolumeClaim, ...] | None = ()
        self.manifest = MANIFEST.format(tag="1.1")

    def _note(self, *asked: object) -> None:
        self.asked.append(asked)
        if self.errors:
            raise self.errors.pop(0)

    def _made(self, key: Key, to: ReleaseRevision) -> Proposal:
        now = self.kept[0]
        live = {"iris": 2}
        return Proposal(
            key, now.revision, now.revision, now.manifest, to.manifest, now.values, to.values, live
        )

    async def upgrade(
        self,
        identity: Identity,
        asked: LaunchSpec | ReleaseRequest,
        *,
        expected_revision: int | None = None,
    ) -> Proposal:
        self._note("upgrade", asked, expected_revision)
        return self._made(asked.key, self.kept[-1])

    async def version(
        self, identity: Identity, key: Key, chart: Chart, *, expected_revision: int | None = None
    ) -> Proposal:
        self._note("version", key, chart.version.version, expected_revision)
        return self._made(key, self.kept[0])

    async def rollback(self, identity: Identity, key: Key, revision: int) -> Proposal:
        self._note("rollback", key, revision)
        return self._made(key, next(one for one in self.kept if one.revision == revision))

    async def history(self, identity: Identity, key: Key) -> tuple[ReleaseRevision, ...]:
        self._note("history", key)
        return self.kept

    async def newest(self, identity: Identity, key: Key) -> ReleaseRevision:
        self._note("newest", key)
        return self.kept[0]

    async def removal(self, identity: Identity, key: Key) -> Removal:
        self._note("removal", key)
        return Removal(key, self.manifest, self.claims)


class FakeActions(Actions):
    """Remembers what it was asked; changes the views as a cluster would."""

    def __init__(self, views: dict[Key, AppView], changed: Callable[[], object]) -> None:
        self.no_namespaces: set[str] = set()
        self.may_launch_in: tuple[str, ...] | None = None
        self.forbidden: set[Permission] = set()
        self.views = views
        self.plain = {}
        self.changed = changed
        self.calls: list[tuple[object, ...]] = []
        self.kept: Mapping[str, object] = {}
        self.ours = True
        self.asked: dict[Key, FormFields] = {}
        self.looked_up: list[Key] = []
        self.previews: FakePreviews = FakePreviews()
        self.volume_claims: tuple[VolumeClaim, ...] | None = ()
        self.volumes = Volumes(self._claims, memory=0)
        self.root = RootRules(lambda _: Level.RESTRICTED, None)

    def launchable(self, identity: Identity) -> tuple[str, ...] | None:
        return self.may_launch_in

    async def _claims(
        self, namespace: str, *, identity: Identity | None
    ) -> tuple[VolumeClaim, ...] | None:
        return self.volume_claims

    async def change_version(
        self, identity: Identity, key: Key, chart: Chart, *, expected_revision: int | None = None
    ) -> Operation:
        self.calls.append(
            ("change version", key, chart.name, chart.version.version, expected_revision)
        )
        return self._operation(key, UPGRADE)

    async def rollback(
        self, identity: Identity, key: Key, revision: int, *, expected_revision: int | None = None
    ) -> Operation:
        self.calls.append(("rollback", identity, key, revision, expected_revision))
        return self._operation(key, ROLLBACK)

    def _operation(self, key: Key, verb: Verb) -> Operation:
        moment = fixtures.now()
        return Operation("op", key, verb, "ada", OperationPhase.QUEUED, moment, moment)

    async def launch(
        self,
        identity: Identity,
        asked: LaunchSpec | ReleaseRequest,
        *,
        create_only: bool = False,
        expected_revision: int | None = None,
    ) -> Operation:
        if expected_revision is not None and expected_revision != self.views[asked.key].revision:
            raise Conflict("It was changed since you opened this form.")
        if create_only and asked.key in self.views:
            raise Conflict("There is already an app of this name.", "Launch again to upgrade it.")
        self.calls.append(("launch", identity, asked))
        self.views[asked.key] = replace(
            fixtures.autoscaled(asked.key), operation=fixtures.operation()
        )
        self.changed()
        return self._operation(asked.key, LAUNCH)

    async def scale(self, identity: Identity, key: Key, request: ScaleRequest) -> Operation:
        self.calls.append(("scale", identity, key, request))
        auto = request.autoscaling
        scale = (
            ScaleView(
                ScaleMode.AUTOSCALED,
                auto.min_replicas,
                auto.min_replicas,
                auto.max_replicas,
                auto.target_cpu,
                auto.target_memory,
            )
            if auto
            else ScaleView(ScaleMode.FIXED, request.replicas or 1, 0, 0, None, None)
        )
        self.views[key] = replace(self.views[key], scale=scale, operation=fixtures.operation())
        self.changed()
        return self._operation(key, SCALE)

    async def uninstall(self, identity: Identity, key: Key) -> Operation:
        self.calls.append(("uninstall", identity, key))
        self.views.pop(key)
        self.changed()
        return self._operation(key, UNINSTALL)

    async def kubernetes_problem(self, wanted: str) -> str:
        return f"not for {wanted}" if wanted else ""

    async def namespace_problem(self, identity: Identity, namespace: str) -> str:
        return "There is no such namespace." if namespace in self.no_namespaces else ""

    async def values(self, identity: Identity, key: Key) -> Mapping[str, object] | None:
        self.looked_up.append(key)
        return self.kept if key in self.views else None

    async def check(self, identity: Identity, permission: Permission, key: Key) -> None:
        if permission in self.forbidden:
            raise Forbidden(f"{identity.user} may not {permission} {key.name}.")

    def placeholder_problems(self, identity: Identity, spec: LaunchSpec) -> dict[str, str]:
        return {}

    def overwrite_problem(self, identity: Identity, key: Key) -> str:
        return ""

    async def share(self, identity: Identity, key: Key, asked: Mapping[Role, str]) -> Operation:
        self.calls.append(("share", identity, key, asked))
        return self._operation(key, SHARE)

    def share_doubts(self, asked: Mapping[Role, str]) -> dict[str, str]:
        return share_doubts(asked, [label_of("Ann")])

    async def preview_hand_over(
        self, identity: Identity, key: Key, asked: HandOverRequest, *, links: bool = False
    ) -> HandOverPreview:
        self._handed(asked)
        words = (f"{asked.to} becomes the owner of {key.name}.", f"You keep: {asked.keep}.")
        return HandOverPreview("Check the spelling." if asked.to == "bop" else "", words)

    async def hand_over(self, identity: Identity, key: Key, asked: HandOverRequest) -> Operation:
        self._handed(asked)
        self.calls.append(("hand over", identity, key, asked))
        return self._operation(key, HAND_OVER)

    def _handed(self, asked: HandOverRequest) -> None:
        _, problem = read_person(asked.to)
        if problem:
            raise InvalidInput({"to": problem})

    def known_values(self, identity: Identity, key: Key) -> Mapping[str, object] | None:
        return self.kept if key in self.views else None

    async def dismiss(self, identity: Identity, key: Key) -> None:
        self.calls.append(("dismiss", identity, key))
        if key not in self.views:
            raise Conflict("It has not ended yet.")
        self.views.pop(key)

    async def cancel(self, identity: Identity, key: Key) -> None:
        self.calls.append(("cancel", identity, key))

    async def unlock(self, identity: Identity, key: Key) -> Operation:
        self.calls.append(("unlock", identity, key))
        return self._operation(key, UNLOCK)

    async def failed_form(self, identity: Identity, key: Key) -> FormFields | None:
        return self.asked.get(key)

    async def failed_request(self, identity: Identity, key: Key) -> ReleaseRequest | None:
        return None

    async def edit_form(self, identity: Identity, key: Key) -> PrefilledForm:
        if key not in self.views:
            raise NotFound(f"There is no release {key}.", "Launch it first.")
        raw = ReleaseForms(presets=PRESETS, default_namespace=key.namespace).defaults()
        raw |= {"name": key.name, "autoscaling": True, "bounds": [1, 4]}
        return PrefilledForm(raw, self.views[key].revision)

    def last_chart_errors(self, identity: Identity, spec: LaunchSpec) -> dict[str, str]:
        return {}

    def existing(self, identity: Identity, key: Key) -> Existing | None:
        view = self.views.get(key)
        if view is None:
            return None
        return Existing(
            key, view.chart, view.revision, self.ours, view.launched_by, "4 pods are live; 4 stay."
        )


def context(
    *views: AppView,
    identity: Identity = ADA,
    open_mode: bool = False,
    changed: Callable[[], object] = lambda: None,
    catalog: Catalog | None = None,
    connections: tuple[Connection, ...] = (),
) -> tuple[UiContext, FakeActions]:
    """A context over ``views``, and its actions."""
    held = {view.key: view for view in views}
    actions = FakeActions(held, changed)

    def scope(topic: str, asking: Identity) -> Scope:
        return Scope(own=asking.user) if topic.startswith(APPS) else UNLIMITED

    def app_view(_: Scope, key: Key) -> AppView:
        return held.get(key) or fixtures.gone(key)

    def list_view(scope: Scope, query: ListQuery) -> ListView:
        mine = [each for each in held.values() if scope.own in {None, each.launched_by}]
        return fixtures.listing(*mine, query=query)

    async def advice(identity: Identity, key: Key, manifest: str = "") -> AdviceView:
        return advice_view(state(key=key, hpas=(hpa(),)), NOW, manifest=manifest, chart=CHART)

    ui = UiContext(
        catalog=catalog or Catalog((), HttpFetch(), Path("nowhere")),
        actions=actions,
        forms=ReleaseForms(
            rules=NamespaceRules(("apps", "default")),
            default_namespace="apps",
            max_replicas=10,
            presets=PRESETS,
        ),
        scope=scope,
        app_view=app_view,
        list_view=list_view,
        overview=lambda scope, query: overview_view((), query, loading=False, stale=()),
        mine_view=lambda scope: MineView(()),
        connections=lambda _, namespace: tuple(
            each for each in connections if each.release.namespace == namespace
        ),
        advice=advice,
        launch_findings=lambda identity, spec: {},
        inspect_image=uninspected,
        objects_view=lambda scope, key: objects_view(
            nothing(key), NOTHING, {}, {}, datetime.now(UTC), scope=scope
        ),
        read_object=no_object,
        autoscalers_view=lambda scope, key, chosen: autoscalers_view(
            nothing(key), {}, {}, datetime.now(UTC), chosen=chosen, scope=scope
        ),
        what_if=lambda scope, key, chosen: None,
        read_top=no_top,
        find_place=found_place,
        shell=ShellSettings(on=True, image="registry.example.com/debug:1"),
        trail=Trail(None),
        identity=lambda: identity,
        open_mode=open_mode,
        version="0.1.0",
    )
    return ui, actions
