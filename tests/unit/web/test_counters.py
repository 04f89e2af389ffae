from __future__ import annotations

from collections import Counter

from portal.web.metrics import Metrics


def test_counters_kept_elsewhere_are_read_when_they_are_scraped() -> None:
    metrics, counts = Metrics(), Counter[str]()
    metrics.by_label("api_requests", "Requests", "call", counts)
    assert b"dash_portal_api_requests_total{" not in metrics.render()
    counts["watch"] += 2
    assert b'dash_portal_api_requests_total{call="watch"} 2.0' in metrics.render()
