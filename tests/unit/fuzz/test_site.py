"""Requests to the real application: whatever they hold, none of them is an error of the portal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import strategies as st

from portal.domain.keys import Key
from tests import strategies as some
from tests.tried import tried
from tests.unit.catalog.make import CHARTS
from tests.unit.fuzz.portal import CHART, is_upgrade
from tests.unit.fuzz.site import PortalClient, asked, running

ANSWERED = {200, 204}
DONE = re.compile(
    r"(Launched|Changed|Scaled to \d+|Autoscaled \d+ to \d+|Rolled back to revision \d+)"
    r" by anonymous"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalClient]:
    with running(tmp_path_factory.mktemp("cache")) as site:
        yield site


def only_usual(site: PortalClient) -> bool:
    """Return True if Helm was started, after checking the form of its commands."""
    commands, site.portal.commands.made = site.portal.commands.made, []
    for made in commands:
        argv = made.argv
        namespace = argv[argv.index("--namespace") + 1]
        assert namespace in {"apps", "lab"}
        if argv[1] == "upgrade":
            chart = Path(argv[3])
            assert chart in {CHART, *CHARTS.iterdir()}
            if "--dry-run=server" in argv:
                continue
            words = argv[argv.index("--description") + 1]
            assert DONE.fullmatch(words)
            is_upgrade(made, Key(namespace, argv[2]), chart=chart, description=words)
        else:
            assert argv[1] in {"uninstall", "rollback", "get"}
            assert any(re.fullmatch(r"there-\d+|other", each) for each in argv)
    return bool(commands)


@tried(1500, accepting=0.01, data=st.data())
def test_what_pages_send(site: PortalClient, data: st.DataObject) -> bool:
    assert site.post(json.dumps(data.draw(asked(site.callbacks)))) in ANSWERED
    return only_usual(site)


@tried(500, data=st.data(), value=st.one_of(some.raw_contents, some.json_values))
def test_what_no_page_sends(site: PortalClient, data: st.DataObject, value: Any) -> bool:
    """Something anywhere in a request is something else."""
    body = data.draw(asked(site.callbacks))
    at: Any = body
    while data.draw(st.booleans()) and isinstance(at, dict | list) and at:
        name = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[name], dict | list) or data.draw(st.booleans()):
            at[name] = value
            break
        at = at[name]
    status = site.post(json.dumps(body))
    assert status in {*ANSWERED, 400}
    only_usual(site)
    return status in ANSWERED


@tried(200, content=st.one_of(some.json_values.map(json.dumps), some.texts.map(repr), some.texts))
def test_what_is_no_request_at_all(site: PortalClient, content: str) -> bool:
    assert site.post(content.encode("utf-8", "replace").decode()) == 400
    return False


_addresses = st.lists(
    st.sampled_from(["launch", "apps", "catalog", "local", "admin", "icons", "live", "frame"])
    | st.sampled_from(["_dash-layout", "_dash-component-suites", "dash", "assets"])
    | some.texts,
    max_size=4,
)


_views = st.sampled_from(["apps", "admin?sort=-name", "app/apps/there-0"]) | some.texts
_queries = st.one_of(some.texts, _views.map("view={}".format))


@tried(400, parts=st.just(["live", "frame"]) | _addresses, search=_queries)
def test_addresses(site: PortalClient, parts: list[str], search: str) -> bool:
    path = "/" + "/".join(quote(part, errors="surrogatepass") for part in parts)
    query = quote(search, safe="=&%", errors="surrogatepass")
    answer = site.client.get(f"http://testserver{path}?{query}")
    assert answer.status_code in {200, 204, 307, 400, 404, 405}
    site.check()
    return answer.status_code == 200
