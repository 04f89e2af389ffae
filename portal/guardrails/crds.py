"""Custom resource definitions in a chart's ``crds/`` folders, which Helm creates unrendered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from msgspec import Struct

from portal.domain.errors import PortalError
from portal.domain.manifests import Ref, Tree, at, objects


class Definition(Struct, frozen=True):
    """A kind that a chart defines."""

    ref: Ref
    kind: str
    api_versions: tuple[str, ...]


def definitions(chart: Path) -> tuple[Definition, ...]:
    """The kinds defined in the ``crds/`` of an unpacked chart and of its subcharts.

    Files that cannot be read are skipped: Helm is told to skip ``crds/`` anyway.
    """
    return tuple(
        each
        for file in sorted(chart.rglob("crds/*"))
        if file.suffix in {".yaml", ".yml", ".json"} and _of_a_chart(file, chart)
        for each in _defined(file)
    )


def _of_a_chart(file: Path, chart: Path) -> bool:
    return (file.parent.parent / "Chart.yaml").is_file() or file.parent.parent == chart


def _defined(file: Path) -> Iterator[Definition]:
    try:
        found = objects(file.read_text(errors="replace"), "")
    except (PortalError, OSError):
        return
    for ref, tree in found.items():
        spec = at(tree, "spec")
        group, kind = str(spec.get("group", "")), str(at(spec, "names").get("kind", ""))
        listed = spec.get("versions")
        versions = cast("list[object]", listed) if isinstance(listed, list) else []
        names = [str(cast("Tree", each).get("name")) for each in versions if isinstance(each, dict)]
        if ref.kind == "CustomResourceDefinition" and names:
            yield Definition(ref, kind, tuple(f"{group}/{name}" for name in names))
