"""Ranges of versions, as Helm's library reads them."""

from __future__ import annotations

import pytest

from portal.domain.version_ranges import within


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("1.2.3", "1.2.3", True),
        ("1.2.3", "=1.2", True),
        ("1.3.0", "~1.2", False),
        ("1.9.0", "^1.2", True),
        ("0.3.0", "^0.2", False),
        ("0.0.4", "^0.0.3", False),
        ("2.0.0", ">1, <3", True),
        ("2.0.0", ">=1 <2 || 2.x", True),
        ("1.5.0", "1.2 - 1.4", False),
        ("1.4.9", "1.2 - 1.4", True),
        ("1.1.0", ">1", False),
        ("1.2.0", "!=1.2", False),
        ("v1.30.2-gke.100", ">=1.25", False),
        ("v1.30.2-gke.100", ">=1.25.0-0", True),
        ("v1.37.2", "*", True),
        ("1.0.0", "", None),
        ("1.0.0", "latest", None),
        ("odd", "*", None),
        ("1.0.0", "1 ||" * 40, None),
    ],
)
def test_a_version_in_a_range(version: str, wanted: str, fits: bool | None) -> None:
    assert within(version, wanted) is fits
