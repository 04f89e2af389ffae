"""Custom resource definitions in a chart's ``crds/`` folders, which Helm creates unrendered."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

from msgspec import Struct

from portal.domain.errors import PortalError
from portal.domain.manifests import Ref, Tree, at, objects


class Definition(Struct, frozen=True):
    """A kind that a chart defines, by its CustomResourceDefinition ``tree``."""

    ref: Ref
    group: str
    kind: str
    api_versions: tuple[str, ...]
    served: tuple[str, ...]
    tree: Tree


def definitions(chart: Path) -> tuple[Definition, ...]:
    """The kinds defined in the ``crds/`` of an unpacked chart and of its subcharts.

    Files that cannot be read are skipped: Helm is told to skip ``crds/`` anyway.
    """
    return _kinds(_crds_of(chart))


def kinds_in(manifest: str) -> tuple[Definition, ...]:
    """The kinds defined in a manifest; none if it cannot be read."""
    try:
        return _kinds(objects(manifest, ""))
    except PortalError:
        return ()


def _kinds(found: Mapping[Ref, Tree]) -> tuple[Definition, ...]:
    defined = (_defined(ref, tree) for ref, tree in found.items())
    return tuple(each for each in defined if each is not None)


def _crds_of(chart: Path) -> dict[Ref, Tree]:
    """The objects in the ``crds/`` of an unpacked chart and of its subcharts.

    Files that cannot be read are skipped.
    """
    found: dict[Ref, Tree] = {}
    for file in sorted(chart.rglob("crds/*")):
        if file.suffix in {".yaml", ".yml", ".json"} and _of_a_chart(file, chart):
            with suppress(PortalError, OSError):
                found |= objects(file.read_text(errors="replace"), "")
    return found


def _of_a_chart(file: Path, chart: Path) -> bool:
    return (file.parent.parent / "Chart.yaml").is_file() or file.parent.parent == chart


def _defined(ref: Ref, tree: Tree) -> Definition | None:
    """The kind that a CustomResourceDefinition defines; None for any other object."""
    spec = at(tree, "spec")
    group, kind = str(spec.get("group", "")), str(at(spec, "names").get("kind", ""))
    listed = spec.get("versions")
    versions = cast("list[object]", listed) if isinstance(listed, list) else []
    named = [cast("Tree", each) for each in versions if isinstance(each, dict)]
    if ref.kind != "CustomResourceDefinition" or not named:
        return None
    return Definition(
        ref,
        group,
        kind,
        tuple(f"{group}/{each.get('name')}" for each in named),
        tuple(f"{group}/{each.get('name')}" for each in named if each.get("served") is True),
        tree,
    )
