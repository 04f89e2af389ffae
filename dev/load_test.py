"""The program of load tests, built from ``load-test/`` and kept in the cache."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from dev.cluster import binaries
from dev.cluster.paths import Layout
from dev.cluster.run import run

SOURCES = Path(__file__).resolve().parent.parent / "load-test"


def build(layout: Layout, note: binaries.Note) -> Path:
    """Return the program, built unless that was done before."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((SOURCES / name).read_bytes() + b"\0")
    target = layout.bins / f"load-test-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    partial = target.with_name(f"{target.name}.partial")
    go = binaries.find_go(layout, note)
    note("building")
    run(
        [
            *(go, "build", "-mod=readonly", "-buildvcs=false", "-trimpath"),
            *("-ldflags", "-s -w", "-o", partial, "."),
        ],
        what="the Go build of the load test",
        cwd=SOURCES,
        env={
            **os.environ,
            "PATH": f"{Path(go).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "CGO_ENABLED": "0",
        },
        log=layout.cache_logs / "load-test.log",
        hint="is the Go module proxy reachable? `go env GOPROXY` names it",
    )
    partial.rename(target)
    return target
