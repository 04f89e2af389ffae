"""The programs of KEDA and of the VerticalPodAutoscaler, built from their published modules."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.cluster import binaries, modules
from dev.cluster.paths import Layout


@dataclass(frozen=True)
class Published:
    """A published Go module, and the packages of its programs by their names.

    A module is built where it was unpacked, so that what it consists of is pinned by its own
    ``go.sum``. Kubernetes takes the name of a field's manager from the program's.
    """

    name: str
    module: str
    version: str
    programs: Mapping[str, str]

    @property
    def source(self) -> str:
        """The module with its version, as Go names it."""
        return f"{self.module}@{self.version}"


KEDA = Published(
    "keda",
    "github.com/kedacore/keda/v2",
    "v2.21.0",
    {"keda": "./cmd/operator", "keda-adapter": "./cmd/adapter"},
)
VPA = Published(
    "vpa",
    "k8s.io/autoscaler/vertical-pod-autoscaler",
    "v1.8.1",
    {
        "recommender": "./pkg/recommender",
        "updater": "./pkg/updater",
        "admission-controller": "./pkg/admission-controller",
    },
)


def build(layout: Layout, note: binaries.Note, published: Published) -> Path:
    """Return the folder of the programs, which are built unless that was done before."""
    target = layout.bins / f"{published.name}-{published.version}"
    if target.exists():
        return target
    sources = binaries.module_dir(layout, published.module, published.version)
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, package in published.programs.items():
        note(f"building {name} of {published.source}")
        modules.compile_package(layout, note, name, sources, package, partial / name)
    partial.rename(target)
    return target
