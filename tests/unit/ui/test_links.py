"""What a read-only link shows, and the panel in which links are made."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from portal.domain.permissions import Permission, Scope
from portal.ui.links.page import SharedApps, shared_html
from portal.ui.links.panel import listed, made
from portal.viewmodels.model import AppView, Badge, Notice, PodView, Severity, UrlView
from tests.unit.ui.test_scopes import ANN, KEY, NOTES, Site

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVIL = '<script>alert("x")</script>'


@pytest.fixture
async def view() -> AppView:
    site = Site()
    await site.answered(ANN)
    pod = PodView("sales-1", Badge("Ready", Severity.GOOD), "1/1", 3, NOW, "node", "1", "2")
    return replace(site.ui.app(ANN, KEY), pods=(pod,))


async def test_it_shows_the_state_and_nothing_that_is_withheld(view: AppView) -> None:
    shown = shared_html(view)
    assert view.headline.text in shown
    assert view.pods[0].name in shown
    assert NOTES not in shown
    assert not re.findall(r'href="(?!https?://)', shown), "no way into the portal"
    assert "/apps/" not in shown


async def test_all_texts_are_escaped_and_odd_addresses_are_no_links(view: AppView) -> None:
    hostile = replace(
        view,
        sentence=EVIL,
        headline=Badge(EVIL, Severity.BAD),
        notices=(Notice(Severity.WARN, EVIL, EVIL, EVIL),),
        stale=(EVIL,),
        more_pods=EVIL,
        urls=(
            UrlView("javascript:alert(1)", EVIL, Badge(EVIL, Severity.GOOD)),
            UrlView('https://x/"onclick="y', "x", Badge("x", Severity.GOOD)),
        ),
        pods=tuple(
            replace(each, name=EVIL, reason=EVIL, status=Badge(EVIL, Severity.BAD))
            for each in view.pods
        ),
    )
    shown = shared_html(hostile)
    assert "<script" not in shown
    assert "javascript:" not in re.findall(r'href="([^"]*)"', shown)
    assert "https://x/&quot;onclick=&quot;y" in shown


def test_it_is_rendered_once_a_second_for_all_with_the_least_scope(view: AppView) -> None:
    scopes: list[Scope] = []
    now = 10.0

    def of(scope: Scope, _: object) -> AppView:
        scopes.append(scope)
        return view

    apps = SharedApps(of, lambda: now)
    assert apps.html(KEY) == apps.html(KEY)
    assert len(scopes) == 1
    now += 1
    apps.html(KEY)
    assert len(scopes) == 2
    assert scopes[0].permissions == {Permission.SEE}


def test_the_panel_shows_a_token_once_and_never_in_the_list() -> None:
    assert "/shared#abc" in str(made("abc")[1])
    assert "There are no links" in str(listed([]))
