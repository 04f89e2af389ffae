"""Which page an address means. Every page can be linked to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, quote, urlencode

from portal.domain.keys import Key
from portal.live.topics import app_key, app_topic, list_topic
from portal.viewmodels.query import EVERYTHING, ListQuery


class Page(StrEnum):
    """The pages."""

    APPS = "apps"
    LAUNCH = "launch"
    APP = "app"
    ADMIN = "admin"
    NOT_FOUND = "not-found"


@dataclass(frozen=True, slots=True)
class Route:
    """A page, the release it is about where there is one, and what it asks of a list."""

    page: Page
    key: Key | None = None
    query: ListQuery = EVERYTHING

    @property
    def lists(self) -> bool:
        """Whether it is a list."""
        return self.page in {Page.APPS, Page.ADMIN}

    @property
    def topic(self) -> str:
        """What the page watches ("" for a page without live data)."""
        match self.page:
            case Page.APPS | Page.ADMIN:
                return list_topic(self.page, self.query.encode())
            case Page.APP if self.key is not None:
                return app_topic(self.key)
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
        case "/launch":
            query = parse_qs((search or "").lstrip("?"))
            name, namespace = query.get("name", [""])[0], query.get("namespace", [""])[0]
            key = app_key(f"app/{namespace}/{name}") if name and namespace else None
            return Route(Page.LAUNCH, key)
        case _ if path.startswith("/apps/"):
            key = app_key(f"app/{path.removeprefix('/apps/')}")
            return Route(Page.APP, key) if key else Route(Page.NOT_FOUND)
        case _:
            return Route(Page.NOT_FOUND)


def app_path(key: Key) -> str:
    """The address of an app's page."""
    return f"/apps/{quote(key.namespace)}/{quote(key.name)}"


def list_path(everyone: bool, query: ListQuery) -> str:
    """The address of a part of Apps or (``everyone``) of Admin."""
    text = query.encode()
    return ("/admin" if everyone else "/") + (f"?{text}" if text else "")


def edit_path(key: Key) -> str:
    """The address of the launch form filled in from a release."""
    return "/launch?" + urlencode({"namespace": key.namespace, "name": key.name})
