"""What the tests themselves rest on."""

from __future__ import annotations

from tests.tried import encodable


def test_a_report_that_quotes_half_a_character_can_be_sent() -> None:
    report = {"longrepr": ["a\ud800", ("é😀\udfff", 3, None)], "sections": {"\udc80": 1.5}}
    assert encodable(report) == {
        "longrepr": ["a\\ud800", ("é😀\\udfff", 3, None)],
        "sections": {"\\udc80": 1.5},
    }
