"""The order in which tags are offered."""

from __future__ import annotations

import random

import pytest

from portal.images.tags import newest_first


@pytest.mark.parametrize(
    "ordered",
    [
        ["latest", "2.0", "1.10", "1.9", "main"],
        ["3.12.1", "3.12", "3.11.9", "3", "2.7"],
        ["v2.0.0", "1.0.0", "v0.9"],
        ["1.2.0", "1.2.0-alpine", "1.2.0-slim", "1.2.0-rc2", "1.2.0-rc1", "1.2.0-beta", "1.1"],
        ["3.13.0", "3.13.0rc2", "3.13.0b4", "3.13.0a1", "3.13.0.dev1", "3.12"],
        ["latest", "1.0", "2026-11-29", "20261128", "2026.11.27", "2025_01_31", "edge", "main"],
        ["20260102", "20260102-slim", "20260101"],
        ["17", "16", "2", "20269999"],  # no date
        ["latest", "1.0", "Edge", "a1b2c3d", "main-42", "v"],
    ],
)
def test_newest_first(ordered: list[str]) -> None:
    mixed = [*ordered]
    random.Random(7).shuffle(mixed)
    assert newest_first(mixed) == ordered


def test_what_is_no_date_is_no_date() -> None:
    assert newest_first(["20261399", "20261201", "main"]) == ["20261201", "20261399", "main"]


def test_signatures_are_no_images() -> None:
    digest = "sha256-" + "a" * 64
    assert newest_first([digest, f"{digest}.sig", f"{digest}.att", "1.0", "1.0", ""]) == ["1.0"]


def test_odd_tags_do_not_disturb() -> None:
    odd = ["9" * 128, "1." + "9" * 120, "1.1.1.1.1.1.1.1", "-", "_", "١.٢", "v1..2"]
    assert sorted(newest_first(odd)) == sorted(odd)
