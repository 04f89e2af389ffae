"""Queries of the audit trail."""

from __future__ import annotations

import pytest

from portal.audit.query import AuditQuery


def test_a_query_in_an_address() -> None:
    query = AuditQuery.parse(
        "?actor=ann&release=web&outcome=refused&first_day=2026-11-29&last_day=2026-11-29&before=7"
    )
    assert query == AuditQuery(
        actor="ann",
        release="web",
        outcome="refused",
        first_day="2026-11-29",
        last_day="2026-11-29",
        before=7,
    )
    assert query.since == 1795910400000
    assert query.until == query.since + 86_400_000
    assert AuditQuery.parse(query.encode(before=7)) == query
    assert query.filtered
    assert not AuditQuery(own="ann").filtered
    assert AuditQuery.parse("?last_day=9999-12-31").until is None


@pytest.mark.parametrize(
    "search",
    [
        "",
        "?outcome=good",
        "?first_day=tomorrow",
        "?first_day=2026-13-01",
        "?before=-1",
        "?before=1e9",
        "?before=99999999999999999999",
        "?own=bob&namespaces=secret",
        None,
    ],
)
def test_what_is_malformed_is_left_out(search: str | None) -> None:
    assert AuditQuery.parse(search) == AuditQuery()
