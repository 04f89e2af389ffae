"""Texts of the cluster that would be scripts, styles or addresses, in every page that shows them.

Whatever an app, a chart or a pod says is text: nothing of it runs, and the Content-Security-Policy
has nothing to stop.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import cycle
from typing import Any, cast

import pytest
from msgspec import Struct
from msgspec.structs import fields, replace
from playwright.sync_api import Browser, Dialog

from portal.catalog.sources import Source, SourceKind, SourceState
from portal.domain.audit import Event, Outcome
from portal.domain.charts import ChartEntry, ChartVersion
from portal.domain.compressed import CompressedText
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Ingress
from portal.domain.redaction import values_yaml
from portal.state.model import AppState
from portal.ui.routes import (
    Page,
    app_path,
    autoscaling_path,
    logs_path,
    objects_path,
    pod_path,
)
from tests.pages import site as pages
from tests.pages.apps import APPS
from tests.pages.observed import Tab, tab
from tests.pages.site import Running, Site, serving
from tests.pages.states import press, unfold
from tests.unit.catalog.make import CHARTS

pytestmark = pytest.mark.pages

RUN = "window.ran.push(document.title)"
PAYLOADS = [
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f'"><svg/onload={RUN}>',
    f"'><img src=x onerror={RUN}>",
    f"<body onload={RUN}>",
    f"<iframe src=javascript:{RUN}></iframe>",
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f"<details open ontoggle={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<audio src=x onerror={RUN}>",
    f"<input autofocus onfocus={RUN}>",
    f"<marquee onstart={RUN}>",
    f"<math><mtext><style><img src=x onerror={RUN}></style></mtext></math>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    f"<template><script>{RUN}</script></template>",
    f"<!--><img src=x onerror={RUN}>-->",
    f"<![CDATA[<script>{RUN}</script>]]>",
    "<style>body { display: none }</style>",
    "<style>@import url(//evil.example/x.css)</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example/>",
    "<form action=//evil.example/><button>Send</button></form>",
    "<div style=position:fixed;inset:0;background:red>",
    f"<a href=javascript:{RUN}>link</a>",
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}",
    f"java\tscript:{RUN}",
    f"\x01javascript:{RUN}",
    f" javascript:{RUN}",
    f"data:text/html,<script>{RUN}</script>",
    f"vbscript:{RUN}",
    f"[click](javascript:{RUN})",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    f"${{{RUN}}}",
    f"\\u003cscript\\u003e{RUN}\\u003c/script\\u003e",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"&#60;script&#62;{RUN}&#60;/script&#62;",
    f"%3Cscript%3E{RUN}%3C/script%3E",
    f"\x1b[31m<script>{RUN}</script>\x1b[0m",
    f"\x1b]8;;javascript:{RUN}\x07link\x1b]8;;\x07",
    f"\u202e<script>{RUN}</script>",
    f"＜script＞{RUN}＜/script＞",
    f"__proto__ <img src=x onerror={RUN}>",
    "https://good.example@evil.example/<b>",
    f'http://x.example/" onmouseover="{RUN}',
]
MARKED = [f"payload-{number:02} {each}" for number, each in enumerate(PAYLOADS)]
"""Each with a name, to see that it is shown, and where one begins with an address without."""

KEPT = frozenset(
    (
        *("name", "namespace", "uid", "owner", "owner_kind", "about_kind", "about_name"),
        *("about_uid", "release", "stored", "kind", "type", "status", "phase", "state", "key"),
        *("storage_namespace", "cluster_ip", "load_test_of", "target_kind", "target_name"),
        *("chart", "fingerprint", "source", "operation", "id", "target_type", "app_version"),
        *("version", "size"),
    )
)
"""Fields that Kubernetes or Helm allow only some values in, or that make one thing another's."""

_next = cycle([*MARKED, *(each for each in PAYLOADS if "script:" in each)])


def infected(value: Any, name: str = "") -> Any:
    """``value`` with a payload in each text that somebody may write freely."""
    if isinstance(value, Enum) or name in KEPT:
        return value
    match value:
        case str():
            return next(_next)
        case Key() | CompressedText():
            return value
        case Struct():
            known = {each.name: getattr(value, each.name) for each in fields(value)}
            return replace(value, **{each: infected(known[each], each) for each in known})
        case tuple() if type(cast("Any", value)) is tuple:
            return tuple(infected(each, name) for each in cast("tuple[Any, ...]", value))
        case dict():
            return {each: infected(part) for each, part in cast("dict[Any, Any]", value).items()}
        case _:
            return value


def app(state: AppState) -> AppState:
    """The state of an app all of whose texts are payloads."""
    made = cast("AppState", infected(state))
    if made.detail is not None:
        values = {f"value-{number}": each for number, each in enumerate(MARKED)}
        detail = replace(
            made.detail,
            values=values,
            shown=CompressedText(values_yaml(values)),
            notes="\n".join(MARKED),
        )
        made = replace(made, detail=detail)
    hosts = tuple(each for each in PAYLOADS if "script:" in each)
    ingress = Ingress(made.key, made.key.name, "", hosts, (), addresses=("198.19.255.7",))
    return replace(made, ingresses=(ingress,), services=state.services)


BASES = ("well", "scaled", "failed-upgrade", "load-tested", "last-words", "troubled-autoscalers")


def trail() -> tuple[Event, ...]:
    ann = Identity(MARKED[0], (MARKED[1],))
    return tuple(
        Event("upgrade", Outcome.REFUSED, ann, Key("apps", "well"), detail={"reason": each})
        for each in MARKED
    )


def catalogue() -> tuple[SourceState, ...]:
    def chart(number: int, text: str) -> ChartEntry:
        version = ChartVersion("1.0.0", text, text, keywords=(text,), icon=text, urls=(text,))
        return ChartEntry(f"chart-{number}", (version,))

    entries = tuple(chart(number, each) for number, each in enumerate(MARKED))
    source = Source("team", SourceKind.REPOSITORY, url="https://charts.example.com/team")
    return (
        SourceState(source, entries, loading=False, error=MARKED[2], notes=tuple(MARKED)),
        SourceState(Source("samples", SourceKind.FOLDER, path=CHARTS)),
    )


async def processes(identity: Identity, place: Any) -> Any:
    return infected(await pages_read_top(identity, place))


async def an_object(identity: Identity, key: Key, kind: str, name: str) -> Any:
    found = await pages_read_object(identity, key, kind, name)
    return replace(infected(found), kind=kind, name=name, yaml="\n".join(MARKED))


pages_read_top, pages_read_object = pages.read_top, pages.read_object


@pytest.fixture(scope="module")
def infested() -> Iterator[Running]:
    """A portal of which nothing that is not the portal's own is harmless."""
    patch = pytest.MonkeyPatch()
    lines = [
        *MARKED,
        *(json.dumps({"level": "error", "message": each, each: each}) for each in MARKED),
    ]
    measured = [{**each, "error": MARKED[3]} for each in cast("Any", pages.MEASURED)]
    patch.setattr(pages, "PRINTED", lines)
    patch.setattr(pages, "MEASURED", measured)
    patch.setattr(pages, "read_top", processes)
    patch.setattr(pages, "read_object", an_object)
    states: Mapping[str, AppState] = {name: app(APPS[name]) for name in BASES}
    with serving(
        {"payloads": Site(states, charts=catalogue(), trail=trail(), user=MARKED[4][:40])}
    ) as running:
        yield running
    patch.undo()


WATCH = """
window.ran = [];
window.stopped = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.stopped.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""
FOUND = """() => {
  const all = [...document.querySelectorAll("*")];
  const harmless = new Set(["http:", "https:", "blob:", "mailto:"]);
  return {
    ran: window.ran,
    stopped: window.stopped,
    handlers: all.flatMap((each) => each.getAttributeNames())
      .filter((name) => name.startsWith("on")),
    scripts: [...document.scripts].filter((each) => each.textContent.includes("window.ran")).length,
    links: [...document.querySelectorAll("a[href], area[href]")]
      .map((each) => each.protocol ?? "").filter((each) => !harmless.has(each)),
    loaded: all.flatMap((each) => [each.src, each.action, each.data, each.formAction].filter(
      (url) => typeof url === "string" && url
        && new URL(url, location.href).origin !== location.origin
        && !url.startsWith("data:image/") && !url.startsWith("blob:"))),
    foreign: all.map((each) => each.localName).filter((name) =>
      ["iframe", "object", "embed", "base", "marquee", "math", "frame", "portal"].includes(name)),
  };
}"""

WELL = Key("apps", "well")
POD = APPS["well"].pods[0].key.name
VISITED = [
    ("/", None),
    ("/admin", None),
    ("/autoscaling", None),
    *((app_path(Key("apps", name)), unfold) for name in BASES),
    (app_path(Key("apps", "load-tested")), press("#load-test-open")),
    (app_path(WELL), press("#app-uninstall")),
    (autoscaling_path(Key("apps", "troubled-autoscalers")), None),
    (autoscaling_path(Key("apps", "scaled")), unfold),
    (logs_path(WELL), press(".log-open")),
    (objects_path(WELL, "Pod", POD), unfold),
    (pod_path(Page.PROCESSES, WELL, POD), None),
    ("/catalog", None),
    ("/admin/audit", unfold),
    (f"/?q={PAYLOADS[2]}&status={PAYLOADS[3]}&sort={PAYLOADS[4]}", None),
    (f"/launch?name={PAYLOADS[0]}&repository={PAYLOADS[2]}", None),
]


@pytest.fixture(scope="module")
def here(browser: Browser) -> Iterator[Tab]:
    with tab(browser) as made:
        made.page.context.add_init_script(WATCH)
        yield made


def test_no_text_does_anything(here: Tab, infested: Running) -> None:
    page = here.page
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    shown: set[str] = set()
    for path, act in VISITED:
        here.open(infested.url("payloads") + path)
        here.idle()
        if act is not None:
            act(page)
            here.idle()
        words = page.locator("body").inner_text()
        shown |= {
            f"payload-{number:02}"
            for number in range(len(MARKED))
            if f"payload-{number:02}" in words
        }
        found = page.evaluate(FOUND)
        assert not {what: each for what, each in found.items() if each}, path
        outside = [each for each in here.problems if "/icons/" not in each]
        assert not outside, path
    assert dialogs == []
    assert len(shown) == len(MARKED) >= 30
