"""Routes: from addresses to pages and back."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import parse_qs, quote, unquote, urlencode

from msgspec import Struct

from portal.audit.query import AuditQuery
from portal.domain.keys import Key
from portal.live.topics import app_key, app_topic, autoscaling_topic, list_topic, objects_topic
from portal.releases.links import ADJUSTABLE, LINKABLE
from portal.viewmodels import overview
from portal.viewmodels.query import EVERYTHING, ListQuery

EXPORT_PATH = "/audit/export"
"""The address of exports of the audit trail."""

CONNECT = "connect"
"""The query parameter of a launch link that names the service to connect to."""


class Page(StrEnum):
    """The pages."""

    APPS = "apps"
    LAUNCH = "launch"
    APP = "app"
    OBJECTS = "objects"
    AUTOSCALING = "autoscaling"
    PROCESSES = "processes"
    SHELL = "shell"
    LOGS = "logs"
    ADMIN = "admin"
    OVERVIEW = "overview"
    AUDIT = "audit"
    TRAIL = "trail"
    CATALOG = "catalog"
    CHART = "chart"
    NOT_FOUND = "not-found"


class ChartPlace(Struct, frozen=True):
    """A chart of the catalogue. ``version`` "" is the newest; ``values`` as a link carries them."""

    source: str
    chart: str
    version: str = ""
    values: str = ""


class Route(Struct, frozen=True):
    """A page with its parameters: a release, a chart, or the query of a list.

    ``given`` are the fields that a link fills into the launch form, or what it names of a release:
    the ``kind`` and ``name`` of an object, the ``pod`` and ``container`` of a shell, the
    ``autoscaler`` and the settings of replays. ``trail`` is what is asked for of the audit trail.
    """

    page: Page
    key: Key | None = None
    query: ListQuery = EVERYTHING
    chart: ChartPlace | None = None
    given: tuple[tuple[str, str], ...] = ()
    trail: AuditQuery = AuditQuery()

    @property
    def lists(self) -> bool:
        """True for Apps, Admin and the overview of autoscaling."""
        return self.page in {Page.APPS, Page.ADMIN, Page.OVERVIEW}

    @property
    def topic(self) -> str:
        """The topic that the page watches; "" for a page without live data."""
        match self.page:
            case Page.APPS | Page.ADMIN | Page.OVERVIEW:
                return list_topic(self.page, self.query.encode())
            case Page.APP if self.key is not None:
                return app_topic(self.key)
            case Page.OBJECTS if self.key is not None:
                return objects_topic(self.key)
            case Page.AUTOSCALING if self.key is not None:
                return autoscaling_topic(self.key, dict(self.given).get("autoscaler", ""))
            case _:
                return ""


def parse(pathname: str | None, search: str | None = "") -> Route:
    """The route of an address as the browser gives it."""
    path = (pathname or "/").rstrip("/")
    match path:
        case "":
            return Route(Page.APPS, query=ListQuery.parse(search))
        case "/admin":
            return Route(Page.ADMIN, query=ListQuery.parse(search))
        case "/autoscaling":
            return Route(Page.OVERVIEW, query=overview.parse(search))
        case "/admin/audit":
            return Route(Page.AUDIT, trail=AuditQuery.parse(search))
        case "/trail":
            return Route(Page.TRAIL, trail=AuditQuery.parse(search))
        case "/launch":
            asked = _asked(search)
            if "image" in asked or _key(asked) is None:  # a link to a filled-in form
                names = (*LINKABLE, CONNECT)
                given = tuple((name, asked[name]) for name in names if name in asked)
                return Route(Page.LAUNCH, given=given)
            given = tuple((name, asked[name]) for name in ADJUSTABLE if name in asked)
            return Route(Page.LAUNCH, _key(asked), given=given)
        case "/catalog":
            return Route(Page.CATALOG)
        case _ if path.startswith("/catalog/"):
            return _chart(path.removeprefix("/catalog/"), _asked(search))
        case _ if path.startswith("/apps/"):
            return _app(path.removeprefix("/apps/"), search)
        case _:
            return Route(Page.NOT_FOUND)


_OF_AN_APP: Mapping[str, tuple[str, ...]] = {
    Page.LOGS: (),
    Page.AUTOSCALING: ("autoscaler", "set", "a", "b", "c", "load"),
    Page.TRAIL: (),
    Page.OBJECTS: ("kind", "name"),
    Page.PROCESSES: ("pod", "container"),
    Page.SHELL: ("pod", "container"),
}
"""The pages of an app beside its own, each at the end of its address, with what a link names."""


def _app(path: str, search: str | None) -> Route:
    key = app_key(f"app/{path}")
    if key is not None:
        return Route(Page.APP, key)
    place, _, last = path.rpartition("/")
    key, names = app_key(f"app/{place}"), _OF_AN_APP.get(last)
    if key is None or names is None:
        return Route(Page.NOT_FOUND)
    asked = _asked(search)
    if last == Page.TRAIL:
        return Route(Page.TRAIL, key, trail=AuditQuery.parse(search))
    return Route(
        Page(last), key, given=tuple((each, asked[each]) for each in names if each in asked)
    )


def _asked(search: str | None) -> dict[str, str]:
    """The first value of each name in a query."""
    asked = parse_qs((search or "").lstrip("?"), keep_blank_values=True)
    return {name: values[0] for name, values in asked.items()}


def _key(asked: dict[str, str]) -> Key | None:
    name, namespace = asked.get("name", ""), asked.get("namespace", "")
    return app_key(f"app/{namespace}/{name}") if name and namespace else None


def _chart(path: str, asked: dict[str, str]) -> Route:
    source, _, chart = path.partition("/")
    if not source or not chart:
        return Route(Page.NOT_FOUND)
    place = ChartPlace(
        unquote(source), unquote(chart), asked.get("version", ""), asked.get("values", "")
    )
    return Route(Page.CHART, _key(asked), chart=place)


def _query(given: Mapping[str, str]) -> str:
    """``given`` as a query string; invalid characters become question marks."""
    return urlencode(given, errors="replace")


def chart_path(
    source: str, chart: str, version: str = "", values: str = "", key: Key | None = None
) -> str:
    """The address of a chart's page; ``key`` is the release of it to change."""
    asked = {"version": version, "values": values}
    if key is not None:
        asked |= {"namespace": key.namespace, "name": key.name}
    query = _query({name: text for name, text in asked.items() if text})
    return f"/catalog/{quote(source, safe='')}/{quote(chart)}" + (f"?{query}" if query else "")


def icon_path(source: str, chart: str) -> str:
    """The address of a chart's icon."""
    return f"/icons/{quote(source, safe='')}/{quote(chart)}"


def app_path(key: Key) -> str:
    """The address of an app's page."""
    return f"/apps/{quote(key.namespace)}/{quote(key.name)}"


def objects_path(key: Key, kind: str = "", name: str = "") -> str:
    """The address of the tree of a release's objects, with one of them opened."""
    asked = _query({"kind": kind, "name": name}) if kind else ""
    return f"{app_path(key)}/{Page.OBJECTS}" + (f"?{asked}" if asked else "")


def autoscaling_path(key: Key, autoscaler: str = "") -> str:
    """The address of the page of an app's autoscaler; by default of the first one."""
    asked = _query({"autoscaler": autoscaler}) if autoscaler else ""
    return f"{app_path(key)}/{Page.AUTOSCALING}" + (f"?{asked}" if asked else "")


def pod_path(page: Page, key: Key, pod: str = "", container: str = "", **more: str) -> str:
    """The address of the logs, the processes or the shell of a pod; ``more`` of its query."""
    asked = {"pod": pod, "container": container, **more}
    query = _query({name: text for name, text in asked.items() if text})
    return f"{app_path(key)}/{page}" + (f"?{query}" if query else "")


def logs_path(key: Key, pod: str = "", container: str = "", *, previous: bool = False) -> str:
    """The address of an app's logs, or of those of a pod or container of it."""
    return pod_path(Page.LOGS, key, pod, container, previous="1" if previous else "")


def trail_path(route: Route, query: str) -> str:
    """The address of the same trail with another query; "" for none."""
    if route.key is not None:
        path = app_trail_path(route.key)
    else:
        path = "/admin/audit" if route.page is Page.AUDIT else "/trail"
    return path + (f"?{query}" if query else "")


def app_trail_path(key: Key) -> str:
    """The address of the audit trail of an app."""
    return f"{app_path(key)}/{Page.TRAIL}"


def trail_export_path(route: Route, form: str) -> str:
    """The address of an export of the same entries, from the newest on; ``form`` as it takes it."""
    asked = _query({"format": form, "of": trail_path(route, "")})
    query = route.trail.encode()
    return f"{EXPORT_PATH}?{asked}" + (f"&{query}" if query else "")


def list_path(everyone: bool, query: ListQuery) -> str:
    """The address of a part of Apps or (``everyone``) of Admin."""
    text = query.encode()
    return ("/admin" if everyone else "/") + (f"?{text}" if text else "")


def overview_path(query: ListQuery) -> str:
    """The address of a part of the overview of autoscaling."""
    text = query.encode()
    return "/autoscaling" + (f"?{text}" if text else "")


def launch_path(given: Mapping[str, str]) -> str:
    """The address of the launch form, filled in."""
    return "/launch" + (f"?{_query(given)}" if given else "")


def connect_path(namespace: str, connection: str) -> str:
    """The address of the launch form with a connection filled in."""
    return launch_path({"namespace": namespace, CONNECT: connection})


def edit_path(key: Key, changes: Mapping[str, str] | None = None) -> str:
    """The address of the launch form filled in from a release, with ``changes`` to it."""
    return launch_path({"namespace": key.namespace, "name": key.name, **(changes or {})})
