"""The provider's program, built from ``go/`` and kept in the cache."""

from __future__ import annotations

from pathlib import Path

from dev.cluster import binaries, modules
from dev.cluster.paths import Layout

SOURCES = Path(__file__).resolve().parent / "go"


def build(layout: Layout, note: binaries.Note) -> Path:
    """Return the program, built unless that was done before."""
    return modules.build(layout, note, "oidc-provider", SOURCES)
