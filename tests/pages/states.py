"""Every page in every state: the one table that the pages' tests go through.

A new page, or a new dialog, needs at least one state here: ``test_table.py`` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace
from playwright.sync_api import Page as Tab

from portal.auth.kubernetes import NEEDS, ROLES
from portal.auth.oidc.administration import PresentSession
from portal.catalog.sources import ChartPreset, Source, SourceKind, SourceState
from portal.domain.audit import Event, Outcome
from portal.domain.charts import BUILT_IN, ChartEntry, ChartVersion
from portal.domain.errors import ClusterUnavailable
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.projects import INCOMPLETE
from portal.domain.reviews import ResourceAttributes
from portal.domain.role_bindings import Subject
from portal.images.report import Existence, ImageReport
from portal.projects.form import check
from portal.projects.manifests import FIELD_MANAGER, manifests
from portal.projects.model import ProjectSite
from portal.releases.people import HeldRole
from portal.state.model import WatchHealth
from portal.ui import ids
from portal.ui.routes import (
    Page,
    app_path,
    app_trail_path,
    autoscaling_path,
    chart_path,
    connect_path,
    edit_path,
    logs_path,
    objects_path,
    pod_path,
    project_path,
)
from tests.pages.apps import APPS, MANY, SCALED, WELL
from tests.pages.site import ROOT, Site
from tests.unit.catalog.make import CHARTS
from tests.unit.images.make import report
from tests.unit.projects.fakes import FORM, Cluster
from tests.unit.viewmodels.make import ago, sources

# Sites.


def events() -> tuple[Event, ...]:
    """Entries of the audit trail, the newest first: more than a page has."""
    ann, grace = Identity("ann@example.org", ("team-a", "team-b")), Identity("grace")
    well = Key("apps", "well")
    changes = [
        {"path": "image.tag", "before": "1.0", "after": "1.1-" + 20 * "long-"},
        {"path": "env[DB_PASSWORD].value", "before": "(hidden)", "after": "(hidden, changed)"},
        {"path": "replicaCount", "before": 2, "after": 3},
    ]
    goal = {"goal": "Changed by ann@example.org", "revision_before": 3}
    return (
        Event("upgrade", Outcome.SUCCEEDED, ann, well, 32 * "b", {"revision": 4}),
        Event("upgrade", Outcome.APPLYING, ann, well, 32 * "b", {"changes": changes}),
        Event("upgrade", Outcome.BEGUN, ann, well, 32 * "b", goal),
        Event("uninstall", Outcome.REFUSED, grace, well, detail={"reason": "well belongs to ann."}),
        Event("shell", Outcome.INTERRUPTED, ann, Key("apps", 8 * "long-name-"), 32 * "c"),
        Event("sign-in", Outcome.SUCCEEDED, grace),
        Event("scale", Outcome.FAILED, None, well, detail={"error": "HelmTimeout"}),
        Event("restart", Outcome.CANCELLED, ann, well),
        *(Event("scale", Outcome.SUCCEEDED, ann, well) for _ in range(50)),
    )


EVENTS = events()


def stale(now: datetime) -> Mapping[str, WatchHealth]:
    """Watches that have been silent for five minutes; metrics are refused."""
    silent = now - timedelta(minutes=5)
    found = {name: replace(each, alive_at=silent) for name, each in sources().items()}
    return {**found, "metrics": replace(found["metrics"], available=False, error="refused")}


def unsynced(now: datetime) -> Mapping[str, WatchHealth]:
    """Watches whose first lists are still being read."""
    return {name: replace(each, synced=False, alive_at=None) for name, each in sources().items()}


def versions(*names: str, deprecated: bool = False) -> tuple[ChartVersion, ...]:
    about = "A web server, with everything that a web server may need, and a long description."
    return tuple(
        ChartVersion(each, "2.0", about, deprecated, ("web", "server", "http")) for each in names
    )


def repository(name: str) -> Source:
    return Source(name, SourceKind.REPOSITORY, url=f"https://charts.example.com/{name}")


CATALOGUE = (
    SourceState(Source(BUILT_IN, SourceKind.BUILTIN, path=ROOT / "charts" / "dash-app")),
    SourceState(
        Source(
            "samples",
            SourceKind.FOLDER,
            path=CHARTS,
            presets=(
                ChartPreset("web-server", "Sample", "A dashboard.", {"image": {"tag": "1.0"}}),
                ChartPreset("web-server", "Notebook", "A notebook."),
            ),
        )
    ),
    SourceState(
        Source("plain", SourceKind.FOLDER, path=CHARTS / "endings", charts=("never-ready",))
    ),
    SourceState(
        repository("team"),
        (ChartEntry("web-server", versions("1.4.0", "1.2.0", "1.0.0"), CHARTS / "web-server"),),
        loading=False,
    ),
    SourceState(
        repository("far"),
        (
            ChartEntry("nginx", versions("18.0.0", "17.0.0-beta.1", "16.0.0")),
            ChartEntry("old", versions("0.1.0", deprecated=True)),
        ),
        error="The host charts.example.com does not answer.",
        since=ago(4000),
        loading=False,
    ),
    SourceState(repository("gone"), error="404 Not Found", since=ago(90), loading=False),
    SourceState(repository("slow")),
    SourceState(repository("empty"), loading=False),
    SourceState(
        repository("odd"),
        (ChartEntry("kept", versions("1.0.0")),),
        notes=("The entry “a” has no version.", "2 entries cannot be fetched: oci://…"),
        loading=False,
    ),
)


async def inspected(
    identity: Identity, reference: str, namespace: str, pull_secrets: object = ()
) -> ImageReport:
    """Know every image; those called "missing" are not there."""
    repository, _, tag = reference.rpartition(":")
    found = report(repository=repository, tag=tag)
    return replace(found, exists=Existence.NO) if "missing" in reference else found


def some_projects() -> Cluster:
    """Projects: one that is whole, one that is not finished, one from Git, one that ends."""
    cluster = Cluster()
    form = {**FORM, "viewers": "\n".join(f"user:{each}@example.org" for each in "abcdefgh")}
    whole = {**form, "charts": "team/*", "images": "registry.example.com/team/*"}
    for name, raw, left in (
        ("sales", whole, 8),
        ("unfinished", {**form, "purpose": 12 * "A long purpose. "}, 2),
        ("from-git", form, 8),
        ("ending-" + 8 * "long-" + "name", {**form, "purpose": ""}, 8),
    ):
        made = check({**raw, "name": name}, NamespaceRules(), ProjectSite("portal")).project
        assert made is not None
        trees = list(manifests(made, ProjectSite("portal")).items())[:left]
        for path, tree in trees:
            manager = "kustomize-controller" if name == "from-git" else FIELD_MANAGER
            metadata = {**tree["metadata"], "uid": name, "managedFields": [{"manager": manager}]}
            if name == "unfinished" and tree["kind"] == "Namespace":
                metadata["annotations"] = {**metadata["annotations"], INCOMPLETE: "true"}
            if name.startswith("ending") and tree["kind"] == "Namespace":
                metadata["deletionTimestamp"] = "2026-11-29T12:00:00Z"
            cluster.objects[path] = {**tree, "metadata": metadata}
    return cluster


class Unreachable(Cluster):
    """A cluster that does not answer."""

    async def namespaces(self, *asked: object, **how: object) -> Any:
        raise ClusterUnavailable("The Kubernetes API does not answer.", "It is tried again.")


ASKED = (
    ("zoë+test@example.org", "sales-figures", "Figures of the sales team, for everybody there"),
    ("grace", 8 * "name-" + "x", 8 * "A long purpose, "),
)

SESSIONS = tuple(
    PresentSession(4 * str(number), user, groups, ago(60 * number), ago(30))
    for number, (user, groups) in enumerate(
        (
            ("zoë+test@example.org", ("data-science", "team-a")),
            (12 * "long" + "@example.org", tuple(f"team-{each}" for each in range(12))),
            ("grace", ()),
        ),
        1,
    )
)
HELD = (
    HeldRole(Subject("user", "ann@example.org"), "launcher", "dash-portal-launcher-ann", made=True),
    HeldRole(Subject("group", 8 * "team-" + "a"), "edit", 8 * "binding-" + "b", made=False),
)

EVERYTHING = Site(APPS, charts=CATALOGUE, inspect=inspected, projects=some_projects)
VIEWER = frozenset[ResourceAttributes]().union(*(NEEDS[each] for each in ROLES["viewer"]))

SITES = {
    "portal": EVERYTHING,
    "open": Site(APPS, charts=CATALOGUE, open_mode=True),
    "guest": Site(
        APPS,
        user="grace.brewster.hopper@navy.example.org",
        groups="guests",
        charts=CATALOGUE,
        projects=some_projects,
    ),
    "unknown": Site(APPS, known=False, charts=CATALOGUE),
    "without-role": Site(APPS, groups="guests", charts=CATALOGUE, allowed={}),
    "viewer": Site(APPS, groups="guests", charts=CATALOGUE, allowed={"apps": VIEWER}),
    "empty": Site(),
    "loading": Site(sources=unsynced),
    "stale": Site({"well": WELL}, sources=stale),
    "many": Site(MANY),
    "live": Site({"live": SCALED}),
    "audited": Site(APPS, trail=EVENTS, asked=ASKED),
    "audited-guest": Site(APPS, user="grace", groups="guests", trail=EVENTS, asked=ASKED),
    "asking": Site(user="ann", groups="guests", trail=EVENTS[:1]),
    "cut-off": Site(trail=(), projects=Unreachable),
    "away": Site(APPS, trail=()),
    "signed-in": Site({"well": WELL}, sessions=SESSIONS, roles=HELD),
    "signed-in-guest": Site(user="grace", groups="guests", sessions=SESSIONS),
    "crowded": Site({"well": WELL}, sessions=200 * SESSIONS, roles=40 * HELD),
    "nobody": Site({"well": WELL}, sessions=(), roles=()),
    "sharing": Site(APPS, trail=EVENTS[:1], links=True),
}

# States.

Act = Callable[[Tab], None]


def nothing(tab: Tab) -> None:
    """Leave the page as it opens."""


def press(*selectors: str) -> Act:
    """Press one after the other."""

    def act(tab: Tab) -> None:
        for each in selectors:
            tab.locator(each).first.click()

    return act


def fill(fields: Mapping[str, str], *then: str) -> Act:
    """Fill fields in, by selector, leave the last one, and press."""

    def act(tab: Tab) -> None:
        for selector, text in fields.items():
            tab.locator(selector).fill(text)
            tab.locator(selector).blur()
        press(*then)(tab)

    return act


def unfold(tab: Tab) -> None:
    """Open every fold."""
    closed = tab.locator("#page details:not([open]) > summary:visible")
    while closed.count():
        closed.first.click()


def choose_range(value: str) -> Act:
    """Choose a range of the chart."""

    def act(tab: Tab) -> None:
        tab.locator(f"#{ids.APP_RANGE}").select_option(value)

    return act


def made_up(place: str, shape: str, *before: str, **amounts: str) -> Act:
    """Choose a load that is made up, after pressing, and fill in its amounts."""

    def act(tab: Tab) -> None:
        press(*before)(tab)
        choice = tab.locator(f"#{ids.shape(place, 'shape')}")
        tab.locator("details", has=choice).locator("> summary").click()
        choice.select_option(shape)
        fill({f"#{ids.shape(place, name)}": text for name, text in amounts.items()})(tab)

    return act


@dataclass(frozen=True)
class State:
    """One state of one page.

    ``act`` brings the page at ``path`` into it, and ``shows`` is then visible: it proves that
    the state is the one that is meant. ``site`` is one of ``SITES``. ``status`` is that of the
    document.
    """

    page: Page
    name: str
    path: str
    shows: str = "h1"
    act: Act = nothing
    site: str = "portal"
    status: int = 200

    @property
    def id(self) -> str:
        """Its name in a test's report."""
        return f"{self.page}-{self.name}" + (f"-{self.site}" if self.site != "portal" else "")


def app(name: str, shows: str = "h1", act: Act = nothing, *, of: str = "", site: str = "portal"):
    """A state of an app's page; ``of``: the app, if it is not called as the state."""
    return State(Page.APP, name, app_path(Key("apps", of or name)), shows, act, site)


def dialog(id: str) -> str:
    """The selector of an open dialog whose content is there."""
    return f"#{id} .modal-body:not(:has(.waiting))"


WELL_KEY = Key("apps", "well")
POD = WELL.pods[0].key.name
WEB = chart_path("samples", "web-server")
TEAM = chart_path("team", "web-server")

STATES: tuple[State, ...] = (
    # Lists.
    *(
        State(page, name, path + query, shows, site=site)
        for page, path in ((Page.APPS, "/"), (Page.ADMIN, "/admin"))
        for name, query, shows, site in (
            ("every-badge", "", "[data-testid=release]", "portal"),
            ("attention", "?status=attention", "[data-testid=release]", "portal"),
            ("unmatched", "?q=nothing-like-it", "[data-testid=unmatched]", "portal"),
            ("many", "?page=3&sort=-name", "[data-testid=release]", "many"),
            ("many-filtered", "?q=app-07", "[data-testid=release]", "many"),
            ("empty", "", "#releases-empty .empty", "empty"),
            ("loading", "", "#releases-empty .spinner-border", "loading"),
            ("stale", "", "[data-testid=notice]", "stale"),
            ("refused", "", "h1", "guest"),
            ("no-role", "", "[data-testid=nowhere]", "without-role"),
            ("unknown-rights", "", "[data-testid=unanswered]", "unknown"),
            ("open-mode", "", "#open-mode", "open"),
        )
    ),
    *(
        State(Page.OVERVIEW, name, "/autoscaling" + query, shows, site=site)
        for name, query, shows, site in (
            ("every-state", "", "[data-testid=release]", "portal"),
            ("filtered", "?status=limited&sort=-metric", "[data-testid=release]", "portal"),
            ("unmatched", "?q=nothing-like-it", "[data-testid=unmatched]", "portal"),
            ("many", "?page=3&sort=-freed", "[data-testid=release]", "many"),
            ("empty", "", "#releases-empty .empty", "empty"),
            ("loading", "", "#releases-empty .spinner-border", "loading"),
            ("refused", "", "h1", "guest"),
            ("unknown-rights", "", "[data-testid=unanswered]", "unknown"),
        )
    ),
    # An app.
    *(app(name) for name in APPS),
    app(
        "people",
        "[data-testid=held-role]",
        press(f"#{ids.PEOPLE_SHOW}"),
        of="well",
        site="signed-in",
    ),
    app("people", "#people-list p", press(f"#{ids.PEOPLE_SHOW}"), of="well", site="nobody"),
    app(
        "people",
        "[data-testid=held-role] >> nth=79",
        press(f"#{ids.PEOPLE_SHOW}"),
        of="well",
        site="crowded",
    ),
    app(
        "people-badly",
        "#people-who-note .note-error",
        fill({"#people-who": "ann"}, "#people-grant"),
        of="well",
        site="signed-in",
    ),
    app(
        "people-not-given",
        "#people-message .notice",
        fill({"#people-who": "user:ann"}, "#people-grant"),
        of="well",
        site="signed-in",
    ),
    app(
        "people-not-taken",
        "#people-list .notice",
        press("#people-show", "[data-testid=held-role] button"),
        of="well",
        site="signed-in",
    ),
    *(
        app(
            "hand-over",
            dialog(ids.HAND_OVER_MODAL),
            fill({"#hand-over-to": "user:ann@example.org"}, "#hand-over-ask"),
            of="well",
            site=site,
        )
        for site in ("portal", "signed-in")
    ),
    app(
        "hand-over-badly",
        "#hand-over-to-note .note-error",
        fill({"#hand-over-to": "group:team-a"}, "#hand-over-ask"),
        of="well",
    ),
    app("links", "#links-list p", press("#links-show"), of="well", site="sharing"),
    app(
        "link-made",
        "[data-testid=link]",
        press("#link-make", "#links-show"),
        of="scaled",
        site="sharing",
    ),
    app(
        "link-revoked",
        "[data-testid=made-link]",
        press("#link-make", "[data-testid=link] button"),
        of="idle",
        site="sharing",
    ),
    app("not-found", "[data-testid=app-gone]", of="nothing"),
    app("loading", of="nothing", site="loading"),
    app("stale", "#app-stale [data-testid=notice]", of="well", site="stale"),
    app("refused", of="scaled", site="guest"),
    app("hidden", of="scaled", site="without-role"),
    app("viewer", of="scaled", site="viewer"),
    app("unknown-rights", of="scaled", site="unknown"),
    app("open-mode", "#open-mode", of="scaled", site="open"),
    app("unfolded", "[data-testid=revision]", unfold, of="scaled"),
    app("advice", "#advice [data-testid=notice]", press("#advice-fold"), of="scaled"),
    app("advice-recommended", "[data-testid=use-recommended]", press("#advice-fold"), of="idle"),
    app("advice-refused", "#advice h3", press("#advice-fold"), of="scaled", site="guest"),
    app("uninstall", dialog(ids.UNINSTALL_MODAL), press("#app-uninstall"), of="well"),
    app(
        "rollback",
        dialog(ids.ROLLBACK_MODAL),
        press("#history-fold", "[id*=roll-back]:visible"),
        of="well",
    ),
    app("version", dialog(ids.VERSION_MODAL), press("#version-open"), of="old-chart"),
    app("plain", dialog(ids.PLAIN_MODAL), press("[id*=plain-action]:visible"), of="well"),
    app(
        "load-test",
        f"{dialog(ids.LOAD_TEST_MODAL)} #load-test-confirm:enabled, #load-test-confirm:enabled",
        press("#load-test-open"),
        of="load-tested",
    ),
    app(
        "load-test-badly",
        ".note-error",
        lambda tab: fill({"#load-test-rate": "9999", "#load-test-path": "web"})(
            press("#load-test-open")(tab) or tab
        ),
        of="well",
    ),
    app("load-test-values", ".load-test-table", unfold, of="load-tested"),
    app("month", "text=CPU used, highest", choose_range("30d"), of="scaled"),
    app("day-borrowed", "[data-testid=range-source]", choose_range("24h"), of="scaled"),
    app("month-away", "#app-range-failure .notice", choose_range("7d"), of="scaled"),
    app("shared-badly", act=fill({"#share-operate": "nobody"}, "#share-save"), of="well"),
    app(
        "shared-in-another-case",
        ".note-warning",
        fill({"#share-operate": "user:ANN"}, "#share-save"),
        of="well",
    ),
    # Into an app: its logs, its objects, the processes of a pod, a shell.
    State(Page.LOGS, "merged", logs_path(WELL_KEY), ".log-line"),
    State(Page.LOGS, "unfolded", logs_path(WELL_KEY), ".log-fields", press(".log-open")),
    State(Page.LOGS, "previous", logs_path(WELL_KEY, POD, previous=True), ".log-empty"),
    State(Page.LOGS, "no-pods", logs_path(Key("apps", "nothing")), "h1"),
    State(Page.LOGS, "refused", logs_path(WELL_KEY), "h1", site="guest"),
    State(Page.OBJECTS, "tree", objects_path(WELL_KEY), ".object-list"),
    State(Page.OBJECTS, "opened", objects_path(WELL_KEY, "Pod", POD), ".object-links", unfold),
    State(Page.OBJECTS, "not-found", objects_path(Key("apps", "nothing"))),
    State(Page.OBJECTS, "refused", objects_path(WELL_KEY), site="guest"),
    State(Page.PROCESSES, "read", pod_path(Page.PROCESSES, WELL_KEY, POD), ".processes"),
    State(Page.PROCESSES, "unread", pod_path(Page.PROCESSES, WELL_KEY, POD, "proxy"), ".notice"),
    State(Page.SHELL, "closed", pod_path(Page.SHELL, WELL_KEY, POD), "h1"),
    State(Page.SHELL, "not-found", pod_path(Page.SHELL, WELL_KEY, "other"), "[role=alert]"),
    State(Page.SHELL, "refused", pod_path(Page.SHELL, WELL_KEY, POD), "h1", site="guest"),
    # Its autoscaler.
    *(
        State(Page.AUTOSCALING, name, autoscaling_path(Key("apps", of)), shows, act, site)
        for name, of, shows, act, site in (
            ("capped", "scaled", "[data-testid=decision]", nothing, "portal"),
            ("unfolded", "scaled", ".step-lines:visible", unfold, "portal"),
            ("reacted", "reacted", "[data-testid=blame-seen]", unfold, "portal"),
            ("held", "two-autoscalers", "[data-testid=next-change]", nothing, "portal"),
            ("what-if", "scaled", "[data-testid=use-these]", press("#what-if-memory_on"), "portal"),
            (
                "made-up",
                "scaled",
                "[data-testid=what-if-shape-figures] table",
                made_up("what-if", "spike", peak="0.5"),
                "portal",
            ),
            ("troubled", "troubled-autoscalers", ".notice", nothing, "portal"),
            ("none", "well", "[data-testid=no-autoscaler]", nothing, "portal"),
            ("keda", "with-keda", "[data-testid=vertical]", nothing, "portal"),
            ("keda-paused", "keda-paused", "[data-testid=scaler]", nothing, "portal"),
            ("not-found", "nothing", "#autoscaling-none .words", nothing, "portal"),
            ("refused", "scaled", "h1", nothing, "guest"),
            ("unknown-rights", "scaled", "h1", nothing, "unknown"),
        )
    ),
    State(
        Page.AUTOSCALING,
        "no-metrics",
        autoscaling_path(Key("apps", "two-autoscalers"), "worker"),
        ".decision-step.decisive [class=step-result]:text-is('none')",
    ),
    # The launch form.
    State(Page.LAUNCH, "new", "/launch", "#launch-name"),
    State(Page.LAUNCH, "unfolded", "/launch", "#launch-name", unfold),
    State(Page.LAUNCH, "autoscaled", "/launch", "#launch-bounds", press("#launch-autoscaling")),
    State(
        Page.LAUNCH,
        "load-shape",
        "/launch?image=registry.example.com/team/app:1.0&cpu_request=100m&max=6&target_cpu=70",
        "[data-testid=launch-shape-figures] table",
        made_up("launch", "launch-day", rest="0.05", peak="0.6"),
    ),
    State(
        Page.LAUNCH,
        "load-shape-errors",
        "/launch?image=registry.example.com/team/app:1.0&max=6",
        ".note-error",
        made_up("launch", "daily", rest="some", peak="-1"),
    ),
    State(
        Page.LAUNCH,
        "errors",
        "/launch",
        ".note-error",
        fill(
            {
                "#launch-name": "Bad_Name",
                "#launch-repository": "not an image",
                "#launch-port": "99999",
                "#launch-cpu_request": "much",
                "#launch-env": "A B\n=",
            }
        ),
    ),
    State(
        Page.LAUNCH,
        "image-known",
        "/launch",
        "#launch-image .image-said",
        fill({"#launch-repository": "registry.example.com/team/app", "#launch-tag": "1.0"}),
    ),
    State(
        Page.LAUNCH,
        "image-missing",
        "/launch",
        "#launch-image .image-said",
        fill({"#launch-repository": "registry.example.com/missing", "#launch-tag": "1.0"}),
    ),
    State(Page.LAUNCH, "edit", edit_path(Key("apps", "well")), "#launch-name[readonly]"),
    State(
        Page.LAUNCH,
        "edit-adjusted",
        edit_path(Key("apps", "well"), {"cpu_request": "110m", "min": "2", "max": "3"}),
        "[data-testid=notice]",
    ),
    State(Page.LAUNCH, "edit-nothing", edit_path(Key("apps", "nothing")), "[role=alert]"),
    State(Page.LAUNCH, "connect-gone", connect_path("apps", "gone:80"), "[data-testid=notice]"),
    State(Page.LAUNCH, "connect", connect_path("apps", "well:80"), "#launch-name"),
    State(Page.LAUNCH, "open-mode", "/launch", "#open-mode", site="open"),
    State(Page.LAUNCH, "no-role", "/launch", "[data-testid=notice]", site="without-role"),
    State(
        Page.LAUNCH,
        "upgrade",
        "/launch",
        dialog(ids.UPGRADE_MODAL),
        fill({"#launch-name": "well"}, "#launch-submit:enabled"),
    ),
    # The catalogue.
    State(Page.CATALOG, "every-source", "/catalog", "[data-testid=source-samples] .chart-card"),
    State(Page.CATALOG, "empty", "/catalog", site="empty"),
    # A chart.
    State(Page.CHART, "form", WEB, "#chart-yaml"),
    State(Page.CHART, "unfolded", WEB, "#chart-yaml", unfold),
    State(Page.CHART, "older-version", chart_path("team", "web-server", "1.0.0"), "#chart-version"),
    State(Page.CHART, "no-form", chart_path("plain", "never-ready"), "#chart-form .aside-note"),
    State(Page.CHART, "no-schema", chart_path("samples", "bare"), ".severity-warn"),
    State(Page.CHART, "rows", chart_path("samples", "task-cluster"), "#chart-yaml"),
    State(
        Page.CHART,
        "added-row",
        WEB,
        "[id*=chart-remove]",
        press("[id*=chart-add]"),
    ),
    State(Page.CHART, "broken-yaml", WEB, "#chart-yaml-note *", fill({"#chart-yaml": "a: [b"})),
    State(
        Page.CHART,
        "errors",
        WEB,
        ".note-error",
        fill({"#chart-name": "Bad_Name", "#chart-yaml": "replicaCount: many\nimage: 3\n"}),
    ),
    State(Page.CHART, "unusable", chart_path("far", "nginx"), "[role=alert]"),
    State(
        Page.CHART,
        "unusable-other",
        chart_path("far", "nginx"),
        "[role=alert]",
        press("a:text-is('16.0.0')"),
    ),
    State(Page.CHART, "unusable-only", chart_path("far", "old"), "[role=alert]"),
    State(Page.CHART, "broken-source", chart_path("gone", "web"), "[role=alert]"),
    State(Page.CHART, "not-found", chart_path("nowhere", "web"), "[role=alert]", status=404),
    State(
        Page.CHART,
        "edit",
        chart_path("team", "web-server", "1.2.0", key=Key("apps", "old-chart")),
        "#chart-yaml",
    ),
    State(
        Page.CHART,
        "upgrade",
        chart_path("team", "web-server", "1.2.0", key=Key("apps", "old-chart")),
        dialog(ids.CHART_MODAL),
        press("#chart-submit:enabled"),
    ),
    # Projects.
    State(Page.PROJECTS, "every-state", "/admin/projects", "[data-testid=project]"),
    State(Page.PROJECTS, "none", "/admin/projects", "[data-testid=no-projects]", site="empty"),
    State(
        Page.PROJECTS, "asked", "/admin/projects", "[data-testid=project-request]", site="audited"
    ),
    State(Page.PROJECTS, "away", "/admin/projects", "[role=alert]", site="cut-off"),
    State(
        Page.PROJECTS, "hidden", "/admin/projects", "text=Page not found", status=404, site="guest"
    ),
    State(Page.PROJECT, "whole", project_path("sales"), "#project-yaml"),
    State(Page.PROJECT, "unfinished", project_path("unfinished"), "[data-testid=notice]"),
    State(Page.PROJECT, "from-git", project_path("from-git"), "#project-field-name[readonly]"),
    State(Page.PROJECT, "not-found", project_path("nothing"), "text=Page not found", status=404),
    State(
        Page.PROJECT,
        "delete",
        project_path("sales"),
        f"#{ids.PROJECT_DELETE_MODAL} .note-error",
        press("#project-delete", "#project-delete-confirm"),
    ),
    State(Page.NEW_PROJECT, "empty", "/admin/new-project", "#project-field-name"),
    State(
        Page.NEW_PROJECT,
        "errors",
        "/admin/new-project",
        "#project-note-quota_memory .note-error",
        fill(
            {
                "#project-field-name": "Bad_Name",
                "#project-field-launchers": "somebody",
                "#project-field-quota_memory": "8",
            }
        ),
    ),
    State(
        Page.NEW_PROJECT,
        "yaml",
        "/admin/new-project",
        "#project-yaml:has-text('kind: RoleBinding')",
        fill({"#project-field-name": "sales-team", "#project-field-launchers": "user:ann"}),
    ),
    State(
        Page.NEW_PROJECT,
        "requested",
        "/admin/new-project?request=1",
        "#project-decline-message .note-error",
        press("#project-decline"),
        site="audited",
    ),
    State(
        Page.NEW_PROJECT,
        "request-gone",
        "/admin/new-project?request=99",
        "text=Page not found",
        status=404,
        site="audited",
    ),
    State(Page.OWN_PROJECTS, "own", "/projects", "[data-testid=project]", site="guest"),
    State(Page.OWN_PROJECTS, "none", "/projects", "#project-ask", site="asking"),
    State(
        Page.OWN_PROJECTS,
        "errors",
        "/projects",
        "#project-note-ask_name .note-error",
        fill({"#project-field-ask_name": "Bad_Name"}, "#project-ask"),
        site="asking",
    ),
    State(Page.OWN_PROJECTS, "asked", "/projects", "#project-withdraw", site="audited-guest"),
    State(Page.OWN_PROJECTS, "no-database", "/projects", "[data-testid=notice]"),
    State(Page.OWN_PROJECTS, "away", "/projects", "[role=alert]", site="cut-off"),
    # No page.
    State(
        Page.AUDIT,
        "entries",
        "/admin/audit",
        "[data-position='57'] .audit-changes",
        press("[data-position='57'] summary"),
        site="audited",
    ),
    State(
        Page.AUDIT,
        "older",
        "/admin/audit?before=8",
        "[data-position='7']",
        site="audited",
    ),
    State(
        Page.AUDIT,
        "checked",
        "/admin/audit",
        f"#{ids.AUDIT_VERDICT} .severity-good",
        press(f"#{ids.AUDIT_VERIFY}"),
        site="audited",
    ),
    State(Page.AUDIT, "nothing", "/admin/audit?actor=zoe", ".audit-empty", site="audited"),
    State(Page.AUDIT, "guest", "/admin/audit", ".audit-entries li", site="audited-guest"),
    State(Page.AUDIT, "no-database", "/admin/audit", "[data-testid=notice]"),
    State(Page.AUDIT, "away", "/admin/audit", "[role=alert]", site="away"),
    State(Page.SESSIONS, "none", "/admin/sessions", ".notice"),
    State(Page.SESSIONS, "several", "/admin/sessions", "[data-testid=session]", site="signed-in"),
    State(Page.SESSIONS, "none", "/admin/sessions", "#sessions p", site="nobody"),
    State(Page.SESSIONS, "refused", "/admin/sessions", ".notice", site="signed-in-guest"),
    State(Page.SESSIONS, "many", "/admin/sessions", "text=older ones are left out", site="crowded"),
    State(
        Page.SESSIONS,
        "not-ended",
        "/admin/sessions",
        "#sessions .notice",
        press("[data-testid=session] button"),
        site="signed-in",
    ),
    State(Page.TRAIL, "own", "/trail", ".audit-entries li", site="audited-guest"),
    State(
        Page.TRAIL, "app", app_trail_path(Key("apps", "well")), ".audit-entries li", site="audited"
    ),
    State(Page.NOT_FOUND, "address", "/nowhere", "[data-testid=not-found-page]", status=404),
)
