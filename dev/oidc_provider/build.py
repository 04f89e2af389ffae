"""The provider's program, built from ``go/`` and kept in the cache."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from dev.cluster import binaries
from dev.cluster.paths import Layout
from dev.cluster.run import run

SOURCES = Path(__file__).resolve().parent / "go"


def build(layout: Layout, note: binaries.Note) -> Path:
    """Return the program, built unless that was done before."""
    digest = hashlib.sha256()
    for file in sorted(SOURCES.iterdir()):
        digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    target = layout.bins / f"oidc-provider-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    note("building the OpenID provider of the tests")
    layout.bins.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    command = ["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-o", partial, "."]
    run(
        [binaries.find_go(layout, note), *command],
        what="the Go build of the OpenID provider",
        cwd=SOURCES,
        env={**os.environ, "CGO_ENABLED": "0"},
        log=layout.cache_logs / "oidc-provider.log",
        hint="is the Go module proxy reachable? `go env GOPROXY` names it",
    )
    partial.rename(target)
    return target
