"""Which source the chart of a release came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from portal.domain.charts import (
    BUILT_IN,
    ChartEntry,
    ChartVersion,
    Listing,
    fingerprint,
    note_of,
    origin_of,
    source_of,
)

WEB = {"name": "web", "version": "1.2.0", "description": "Serves.", "home": "https://web.example"}
PRINT = fingerprint(WEB)


@dataclass(frozen=True)
class Release:
    chart: str = "web"
    chart_version: str = "1.2.0"
    fingerprint: str = PRINT
    source: str = ""


def listing(source: str, *prints: str, chart: str = "web", version: str = "1.2.0") -> Listing:
    versions = tuple(ChartVersion(version, fingerprint=each) for each in prints)
    return Listing(source, {chart: ChartEntry(chart, versions)} if versions else {})


def test_a_chart_is_known_by_what_it_says_wherever_that_was_copied() -> None:
    assert fingerprint({**WEB, "urls": ["x.tgz"], "created": "now", "type": "application"}) == PRINT
    assert fingerprint({**WEB, "description": " Serves.\n"}) == PRINT
    assert fingerprint({**WEB, "description": "Serves much."}) != PRINT
    unquoted, quoted = {**WEB, "appVersion": 1.0}, {**WEB, "appVersion": "1"}
    assert fingerprint(unquoted) == fingerprint(quoted)
    assert len(fingerprint({"keywords": [{"odd": []}], "name": Path("x")})) == 12


def test_a_note_is_about_one_chart_only() -> None:
    note = note_of("team", PRINT)
    assert len(note_of("x" * 50, PRINT)) == 63
    assert source_of(note, PRINT) == "team"
    assert source_of(note, fingerprint({**WEB, "version": "1.3.0"})) == ""
    for odd in ("", "team", f".{PRINT}x", "."):
        assert source_of(odd, PRINT) == ""
    assert source_of("team.", "") == ""


def test_what_was_noted_counts_even_when_the_source_is_gone() -> None:
    noted = Release(source="team")
    listings = (listing("other", PRINT), listing("team", "older"))
    found = origin_of(noted, listings)
    assert found
    assert (found.source, found.listing, found.entry) == (
        "team",
        listings[1],
        listings[1].charts["web"],
    )
    emptied = origin_of(noted, (listing("team"),))
    assert emptied
    assert emptied.entry is None
    gone = origin_of(noted, listings[:1])
    assert gone
    assert (gone.source, gone.listing, gone.entry) == ("team", None, None)


@pytest.mark.parametrize(
    ("listings", "source"),
    [
        ((listing("team", PRINT), listing("other", "another")), "team"),
        ((listing("team", "another"),), ""),  # the same name and version, another chart
        ((listing("team", ""),), ""),  # nobody has read what it says
        ((listing("team", PRINT, version="1.3.0"),), ""),
        ((listing("team", PRINT), listing("mirror", PRINT)), ""),
        ((listing(BUILT_IN, "newer", version="2.0.0"),), BUILT_IN),
        ((listing(BUILT_IN, "newer", version="2.0.0"), listing("fork", PRINT)), "fork"),
        ((listing(BUILT_IN, PRINT), listing("mirror", PRINT)), BUILT_IN),
        ((), ""),
    ],
)
def test_what_was_made_elsewhere_is_matched_only_where_that_is_sure(
    listings: tuple[Listing, ...], source: str
) -> None:
    found = origin_of(Release(), listings)
    assert (found.source if found else "") == source
    assert origin_of(Release(fingerprint=""), (listing("team", ""),)) is None
    assert origin_of(Release(chart_version=""), (listing("team", PRINT),)) is None
