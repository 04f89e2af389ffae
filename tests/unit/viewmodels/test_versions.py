"""Which version of its chart a release has, in words."""

from __future__ import annotations

from msgspec.structs import replace

from portal.domain.charts import ChartEntry, ChartVersion, Listing
from portal.domain.release import ReleaseRevision
from portal.viewmodels.app import app_view
from portal.viewmodels.model import Severity
from portal.viewmodels.releases import RowCache, list_view
from portal.viewmodels.versions import choices, move_words, version_view
from tests.unit.viewmodels import make
from tests.unit.viewmodels.make import KEY, NOW, ago, sources

DETAIL = ReleaseRevision(KEY, 1, chart="web", chart_version="1.2.0", source="team")
ENTRY = ChartEntry(
    "charts/web",
    (
        ChartVersion("2.0.0-rc.1"),
        ChartVersion("1.4.0", app_version="1.29"),
        ChartVersion("1.3.0", deprecated=True),
        ChartVersion("1.2.0", app_version="1.27"),
        ChartVersion("1.1.0"),
    ),
)
TEAM = Listing("team", {"web": ENTRY})


def said(detail: ReleaseRevision | None, *catalog: Listing) -> str:
    view = version_view(detail, catalog)
    return view.sentence if view else ""


def test_a_newer_version_is_named() -> None:
    view = version_view(DETAIL, (TEAM,))
    assert view
    assert view.sentence == "Chart 1.2.0; 1.4.0 is available."
    assert (view.source, view.chart, view.newer) == ("team", "charts/web", "1.4.0")
    assert view.choices
    assert view.severity is Severity.BUSY


def test_the_newest_has_nothing_newer() -> None:
    view = version_view(replace(DETAIL, chart_version="1.4.0"), (TEAM,))
    assert view
    assert (view.sentence, view.newer) == ("Chart 1.4.0, the newest in team.", "")
    assert view.severity is Severity.QUIET
    assert view.choices
    ahead = said(replace(DETAIL, chart_version="3.0.0"), TEAM)
    assert ahead.startswith("Chart 3.0.0; 1.4.0 is the newest in team.")
    own = Listing("built-in", {"web": ChartEntry("web", (ChartVersion("1.2.0"),))})
    alone = version_view(replace(DETAIL, source="built-in"), (own,))
    assert alone
    assert alone.sentence == "Chart 1.2.0, the newest in the portal."
    assert not alone.choices
    older = Listing("built-in", {"web": ChartEntry("web", (ChartVersion("1.0.0"),))})
    assert "any more" not in said(replace(DETAIL, source="built-in"), older)


def test_nothing_is_said_of_what_nobody_can_tell() -> None:
    assert version_view(None, (TEAM,)) is None
    assert version_view(replace(DETAIL, source="", chart="other"), (TEAM,)) is None
    assert version_view(replace(DETAIL, chart_version=""), (TEAM,)) is None
    assert version_view(DETAIL, (Listing("team", loading=True),)) is None


def test_dead_ends_are_told() -> None:
    assert said(DETAIL).endswith("It came from team, which is not in the catalogue any more.")
    emptied = said(DETAIL, Listing("team"))
    assert emptied.endswith("It came from team, which does not offer web any more.")
    unread = version_view(DETAIL, (Listing("team", error="No answer.", since=ago(60)),))
    assert unread
    assert unread.sentence == "Chart 1.2.0. It came from team, which cannot be read."
    assert unread.since == ago(60)
    assert not unread.choices
    kept = version_view(DETAIL, (Listing("team", {"web": ENTRY}, "No answer.", ago(60)),))
    assert kept
    assert kept.sentence.endswith("There may be newer versions: team cannot be read.")
    assert kept.since == ago(60)
    gone = replace(DETAIL, chart_version="1.2.5")
    assert said(gone, TEAM).endswith("team does not offer 1.2.5 any more.")


def test_a_deprecated_chart_is_marked() -> None:
    old = ChartEntry("web", (ChartVersion("1.2.0", deprecated=True),))
    view = version_view(DETAIL, (Listing("team", {"web": old}),))
    assert view
    assert "deprecated" in view.sentence
    assert view.severity is Severity.WARN


def test_what_can_be_chosen() -> None:
    assert dict(choices(ENTRY, "1.2.0")) == {
        "2.0.0-rc.1": "2.0.0-rc.1 (pre-release)",
        "1.4.0": "1.4.0",
        "1.3.0": "1.3.0 (deprecated)",
        "1.1.0": "1.1.0 (older)",
    }


def test_a_move_says_what_it_is() -> None:
    (up,) = move_words(ENTRY, "1.2.0", "1.4.0")
    assert up.title == "The chart changes from 1.2.0 to 1.4.0."
    assert "1.27 → 1.29" in up.body
    (down,) = move_words(ENTRY, "1.2.0", "1.1.0")
    assert down.title == "Downgrade: chart 1.1.0 is older than 1.2.0."
    assert down.severity is Severity.WARN
    _, deprecated = move_words(ENTRY, "1.2.0", "1.3.0")
    assert "deprecated" in deprecated.title


def test_the_page_and_the_list_show_it() -> None:
    state = make.state(detail=DETAIL)
    view = app_view(state, sources(), NOW, catalog=(TEAM,))
    assert view.version
    assert view.version.newer == "1.4.0"

    rows = RowCache()

    def newer(*catalog: Listing) -> str:
        listed = rows.release_list({KEY: state}, sources(), NOW, catalog=catalog)
        return list_view(listed, sources(), NOW).rows[0].newer

    assert newer() == ""
    assert newer(TEAM) == "1.4.0"
    again = Listing("team", {"web": replace(ENTRY, versions=ENTRY.versions[3:])})
    assert newer(again) == ""
