"""A UI context over a dictionary of views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from portal.actions.actions import Actions, Existing, Filled
from portal.actions.forms import Forms, Raw, ScaleRequest
from portal.catalog.catalog import Catalog
from portal.catalog.fetch import HttpFetch
from portal.catalog.presets import Preset
from portal.domain.errors import Conflict, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.launch import LaunchSpec
from portal.domain.operations import Operation, OperationPhase, Verb
from portal.ui.context import UiContext
from portal.viewmodels.model import AppView, ListView, ScaleMode, ScaleView
from portal.viewmodels.query import ListQuery
from tests.unit.ui import fixtures

ADA = Identity("ada", ("data-science",))

PRESETS = (
    Preset(
        "Dash sample",
        "localhost:5000/dash-sample",
        "1.0",
        description="A small dashboard with something to compute.",
        cpu_request="100m",
        memory_request="256Mi",
        memory_limit="256Mi",
    ),
    Preset(
        "Notebook viewer",
        "registry.example.org/tools/voila",
        "0.5.8",
        8866,
        "Shows a notebook as an app.",
        session_affinity=True,
    ),
    Preset("Streamlit", "registry.example.org/tools/streamlit", "1.50", 8501, "Scripts as apps."),
)


class FakeActions(Actions):
    """Remembers what it was asked; changes the views as a cluster would."""

    def __init__(self, views: dict[Key, AppView], changed: Callable[[], None]) -> None:
        self.no_namespaces: set[str] = set()
        self.views = views
        self.changed = changed
        self.calls: list[tuple[object, ...]] = []
        self.kept: Mapping[str, object] = {}
        self.ours = True
        self.asked: dict[Key, Raw] = {}
        self.looked_up: list[Key] = []

    def _operation(self, key: Key, verb: Verb) -> Operation:
        moment = fixtures.now()
        return Operation("op", key, verb, "ada", OperationPhase.QUEUED, moment, moment)

    async def launch(
        self,
        identity: Identity,
        spec: LaunchSpec,
        *,
        only_new: bool = False,
        since: int | None = None,
    ) -> Operation:
        if since is not None and since != self.views[spec.key].revision:
            raise Conflict("It was changed since you opened this form.")
        if only_new and spec.key in self.views:
            raise Conflict("There is already an app of this name.", "Launch again to upgrade it.")
        self.calls.append(("launch", identity, spec))
        self.views[spec.key] = replace(
            fixtures.autoscaled(spec.key), operation=fixtures.operation()
        )
        self.changed()
        return self._operation(spec.key, Verb.LAUNCH)

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
        return self._operation(key, Verb.SCALE)

    async def uninstall(self, identity: Identity, key: Key) -> Operation:
        self.calls.append(("uninstall", identity, key))
        self.views.pop(key)
        self.changed()
        return self._operation(key, Verb.UNINSTALL)

    async def namespace_problem(self, namespace: str) -> str:
        return "There is no such namespace." if namespace in self.no_namespaces else ""

    async def values(self, identity: Identity, key: Key) -> Mapping[str, object] | None:
        self.looked_up.append(key)
        return self.kept if key in self.views else None

    async def known_values(self, identity: Identity, key: Key) -> Mapping[str, object] | None:
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
        return self._operation(key, Verb.UNLOCK)

    async def asked_form(self, identity: Identity, key: Key) -> Raw | None:
        return self.asked.get(key)

    async def edit_form(self, identity: Identity, key: Key) -> Filled:
        if key not in self.views:
            raise NotFound(f"There is no release {key}.", "Launch it first.")
        raw = Forms(presets=PRESETS, default_namespace=key.namespace).defaults()
        raw |= {"name": key.name, "autoscaling": True, "bounds": [1, 4]}
        return Filled(raw, self.views[key].revision)

    def complaints(self, spec: LaunchSpec) -> dict[str, str]:
        return {}

    def existing(self, key: Key) -> Existing | None:
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
    changed: Callable[[], None] = lambda: None,
    catalog: Catalog | None = None,
) -> tuple[UiContext, FakeActions]:
    """A context over ``views``, and its actions."""
    held = {view.key: view for view in views}
    actions = FakeActions(held, changed)

    def app_view(_: Identity, key: Key) -> AppView:
        return held.get(key) or fixtures.gone(key)

    def list_view(asking: Identity, everyone: bool, query: ListQuery) -> ListView:
        mine = [each for each in held.values() if everyone or each.launched_by == asking.user]
        return fixtures.listing(*mine, query=query)

    ui = UiContext(
        catalog=catalog or Catalog((), HttpFetch(), Path("nowhere")),
        actions=actions,
        forms=Forms(
            namespaces=("apps", "default"),
            default_namespace="apps",
            max_replicas=10,
            presets=PRESETS,
        ),
        app_view=app_view,
        list_view=list_view,
        identity=lambda: identity,
        open_mode=open_mode,
        version="0.1.0",
    )
    return ui, actions
