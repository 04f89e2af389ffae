"""The proxy's program, of the published module that ``go/go.mod`` names; and its store, Redis."""

from __future__ import annotations

from pathlib import Path

from dev.cluster import binaries, modules, packages
from dev.cluster.errors import ClusterError
from dev.cluster.paths import Layout

SOURCES = Path(__file__).resolve().parent / "go"
PACKAGE = "github.com/oauth2-proxy/oauth2-proxy/v7"


def build(layout: Layout, note: binaries.Note) -> Path:
    """Return the program, built unless that was done before."""
    return modules.build(layout, note, "oauth2-proxy", SOURCES, PACKAGE)


def redis(layout: Layout, note: binaries.Note) -> Path:
    """Return Redis' program, installed from the system's packages where it is missing.

    Raises:
        ClusterError: it cannot be installed.
    """
    if packages.which("redis-server") is None:
        packages.apt_install(layout, ["redis-server"], note)
    found = packages.which("redis-server")
    if found is None:
        raise ClusterError("there is no redis-server", hint="apt-get install redis-server")
    return Path(found)
