from __future__ import annotations

from msgspec.structs import replace

from portal.domain.keys import Key
from portal.domain.objects import Kind, Unreadable
from portal.ui.app.replicas import autoscalers
from portal.viewmodels.app import app_view
from portal.viewmodels.model import AppView, ScaleMode, Severity
from portal.viewmodels.unreadable import unreadable_notice
from tests.unit.ui.test_components import text

from .make import NOW, list_view, sources, state, watched


def lost(kind: Kind, name: str = "demo") -> Unreadable:
    return Unreadable(kind, Key("apps", name), error="Expected `int`, got `str` - at `$.spec.x`")


def page(*unreadable: Unreadable, **changes: object) -> AppView:
    return app_view(state(unreadable=unreadable, **changes), sources(), NOW)


def test_an_autoscaler_that_cannot_be_read_is_not_off() -> None:
    view = page(lost(Kind.HPA))
    assert "exists but cannot be read" in text(
        autoscalers(view.autoscalers, view.autoscaler_unknown)
    )
    assert view.scale.mode is ScaleMode.READ_ONLY
    assert "The autoscaler demo exists but cannot be read" in view.scale.why
    rows = list_view([state(unreadable=(lost(Kind.HPA),))], sources(), NOW).rows
    assert rows[0].hpa == "not readable"


def test_an_app_without_autoscaler_says_so_only_once_they_are_listed() -> None:
    assert page().autoscaler_unknown == ""
    assert "the number of replicas is fixed" in text(autoscalers(()))
    unlisted = app_view(state(), sources(**{Kind.HPA.value: watched(Kind.HPA.value)}), NOW)
    assert "not known whether it has one" in unlisted.autoscaler_unknown


def test_a_workload_that_cannot_be_read_is_not_absent() -> None:
    view = page(lost(Kind.DEPLOYMENT), workloads=())
    assert (view.headline.text, view.headline.severity) == ("Not known", Severity.WARN)
    assert "cannot read the Deployment demo" in view.sentence


def test_objects_are_named_on_their_page_with_what_cannot_be_read() -> None:
    found = page(lost(Kind.SERVICE)).notices
    assert [each.title for each in found] == ["The Service demo cannot be read"]
    assert "$.spec.x" in found[0].body


def test_many_objects_are_one_notice() -> None:
    several = tuple(lost(Kind.POD, f"p-{number}") for number in range(5))
    found = unreadable_notice(state(unreadable=several))
    assert found
    assert found.title == "5 objects cannot be read"
    assert "the Pod p-2 and 2 more" in found.body


def test_no_other_page_carries_a_warning() -> None:
    unread = watched(Kind.POD.value, synced=True, alive_at=NOW, unread="1 object: apps/x")
    assert app_view(state(), sources(Pod=unread), NOW).stale == ()
    assert list_view([state()], sources(Pod=unread), NOW).stale == ()
    record = replace(unread, name=Kind.RELEASE.value, title="Releases")
    assert list_view([state()], sources(Release=record), NOW).stale == (
        "Releases: 1 object: apps/x.",
    )
