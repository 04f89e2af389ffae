"""Notices about parts of a page that may be out of date."""

from __future__ import annotations

from portal.state.model import WatchHealth
from portal.viewmodels.freshness import stale_words

from .make import NOW


def test_what_is_not_read_yet_is_told_by_its_title() -> None:
    (words,) = stale_words({"Pod": WatchHealth("Pod", title="Pods")}, NOW)
    assert words.startswith("Pods:")
