"""Programs of Go modules beside the cluster's own, built into the cache one by one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from dev.cluster import binaries
from dev.cluster.paths import Layout
from dev.cluster.run import run


def build(
    layout: Layout, note: binaries.Note, name: str, sources: Path, package: str = "."
) -> Path:
    """Return the program ``name`` of a package of the module in ``sources``.

    It is built unless that was done before from the same files.
    """
    digest = hashlib.sha256(package.encode() + b"\0")
    for file in sorted(sources.iterdir()):
        digest.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    target = layout.bins / f"{name}-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    note(f"building {name}")
    layout.bins.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    compile_package(layout, note, name, sources, package, partial)
    partial.rename(target)
    return target


def compile_package(
    layout: Layout, note: binaries.Note, name: str, sources: Path, package: str, program: Path
) -> None:
    """Have Go compile a package of the module in ``sources`` into the file ``program``."""
    command = ["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w"]
    run(
        [binaries.find_go(layout, note), *command, "-o", program, package],
        what=f"the Go build of {name}",
        cwd=sources,
        env={**os.environ, "CGO_ENABLED": "0"},
        log=layout.cache_logs / f"{name}.log",
        hint="is the Go module proxy reachable? `go env GOPROXY` names it",
    )
