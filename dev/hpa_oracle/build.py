"""The oracle's program: Kubernetes' own controller behind lines of JSON, for each minor version.

It is made of the controller's package as it is published, copied beside a file that calls its
unexported parts. The newest minor is built from the cluster's own ``go.mod``, so that most of it
is in Go's build cache already; of the older ones ``go/*.mod`` pin the modules.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from dev.cluster import binaries
from dev.cluster.paths import HERE as CLUSTER
from dev.cluster.paths import Layout
from dev.cluster.run import run
from portal.autoscaling.spec import LATEST

SOURCES = Path(__file__).resolve().parent / "go"
PACKAGE = "pkg/controller/podautoscaler"
KUBERNETES = "k8s.io/kubernetes"
MINORS = (LATEST, 36, 34)
"""The minor versions of Kubernetes that the engine is held against."""


def modules(minor: int) -> tuple[str, str]:
    """Return go.mod and go.sum of a minor version."""
    if minor == LATEST:
        return (CLUSTER / "go.mod").read_text(), (CLUSTER / "go.sum").read_text()
    named = SOURCES / f"1.{minor}.mod"
    return named.read_text(), named.with_suffix(".sum").read_text()


def version(minor: int) -> str:
    """Return the version of Kubernetes that stands for a minor one: "v1.37.2"."""
    return binaries.module_version(modules(minor)[0], KUBERNETES)


def build(layout: Layout, note: binaries.Note, minor: int) -> Path:
    """Return the program for Kubernetes 1.``minor``, built unless that was done before."""
    go_mod, go_sum = modules(minor)
    own = [SOURCES / "main.go", *sorted((SOURCES / "podautoscaler").glob("*.go"))]
    digest = hashlib.sha256()
    for text in (go_mod, go_sum, *(file.read_text() for file in own)):
        digest.update(text.encode() + b"\0")
    target = layout.bins / f"hpa-oracle-1.{minor}-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    note(f"building the oracle of Kubernetes 1.{minor}")
    work = layout.cache / f"hpa-oracle-1.{minor}"
    _lay_out(layout, work, go_mod, go_sum)
    partial = target.with_name(f"{target.name}.partial")
    command = ["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-tags", binaries.TAGS]
    run(
        [binaries.find_go(layout, note), *command, "-o", partial, "."],
        what=f"the Go build of the oracle of Kubernetes 1.{minor}",
        cwd=work,
        env={**os.environ, "CGO_ENABLED": "0"},
        log=layout.cache_logs / "hpa-oracle.log",
        hint="is the Go module proxy reachable? `go env GOPROXY` names it",
    )
    shutil.rmtree(work)
    partial.rename(target)
    return target


def _lay_out(layout: Layout, work: Path, go_mod: str, go_sum: str) -> None:
    """Make the module that is built: our sources, and the controller's package."""
    shutil.rmtree(work, ignore_errors=True)
    package = work / "podautoscaler"
    package.mkdir(parents=True)
    (work / "go.mod").write_text(go_mod)
    (work / "go.sum").write_text(go_sum)
    shutil.copy(SOURCES / "main.go", work)
    kubernetes = binaries.module_version(go_mod, KUBERNETES)
    published = binaries.module_dir(layout, KUBERNETES, kubernetes) / PACKAGE
    own = (SOURCES / "podautoscaler").glob("*.go")
    for file in (*published.glob("*.go"), *own):
        if not file.name.endswith("_test.go"):
            (package / file.name).write_text(file.read_text())
