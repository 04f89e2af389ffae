from __future__ import annotations

from datetime import UTC, datetime

import pytest

from portal.domain.schedules import next_run

# A Wednesday.
NOW = datetime(2026, 7, 1, 10, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "expected"),
    [
        ("* * * * *", "", "2026-07-01 10:21"),
        ("20 10 * * *", "", "2026-07-02 10:20"),
        ("*/15 * * * *", "", "2026-07-01 10:30"),
        ("5-50/20 * * * *", "", "2026-07-01 10:25"),
        ("40/5 * * * *", "", "2026-07-01 10:40"),
        ("0 2,14 * * *", "", "2026-07-01 14:00"),
        ("30 6 * * Mon-Fri", "", "2026-07-02 06:30"),
        ("0 0 * * 0", "", "2026-07-05 00:00"),
        ("0 0 1 jan ?", "", "2027-01-01 00:00"),
        ("0 0 13 * 5", "", "2026-07-03 00:00"),
        ("0 0 */13 * 5", "", "2026-08-14 00:00"),
        ("0 0 29 2 *", "", "2028-02-29 00:00"),
        ("@daily", "", "2026-07-02 00:00"),
        ("0 12 * * *", "Europe/Berlin", "2026-07-02 10:00"),
        ("0 13 * * *", "Europe/Berlin", "2026-07-01 11:00"),
    ],
)
def test_the_next_run(schedule: str, zone: str, expected: str) -> None:
    found = next_run(schedule, zone, NOW)
    assert found is not None
    assert f"{found:%Y-%m-%d %H:%M}" == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [
        ("", ""),
        ("* * * *", ""),
        ("60 * * * *", ""),
        ("* * 0 * *", ""),
        ("*/0 * * * *", ""),
        ("9-5 * * * *", ""),
        ("x * * * *", ""),
        ("@every 5m", ""),
        ("0 0 30 2 *", ""),
        ("* * * * *", "Nowhere/Else"),
        ("* * * * *", "../secret"),
    ],
)
def test_what_names_no_time_has_no_next_run(schedule: str, zone: str) -> None:
    assert next_run(schedule, zone, NOW) is None
