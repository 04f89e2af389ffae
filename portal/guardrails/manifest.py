"""A rendered manifest as the guardrails see it: all its objects, and all pods in them. Pure.

Objects are read by the rules of Helm's YAML library, and duplicates are kept, so that no object can
hide behind another of the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import yaml
from msgspec import Struct

from portal.catalog.loader import Loader
from portal.domain import yaml_text
from portal.domain.errors import ChartError, PortalError
from portal.domain.keys import HELM_RELEASE_NAME, HELM_RELEASE_NAMESPACE, Key
from portal.domain.manifests import (
    HOOK,
    MAX_DEPTH,
    MAX_MANIFEST,
    MAX_NODES,
    Ref,
    Tree,
    at,
    check_written_out,
    hook_events,
    mappings,
)

MAX_OBJECTS = 500
"""Objects in a manifest, and pods in all of them; Kubernetes is asked about each."""
_KNOWN = ("apiVersion", "kind", "metadata", "spec", "items", "data", "stringData", "type")
_KNOWN_META = ("name", "namespace", "generateName", "annotations", "labels", "ownerReferences")


class Rendered(Struct, frozen=True):
    """One object of a manifest; ``namespace`` is the one that it names, "" if none."""

    ref: Ref
    api_version: str
    namespace: str
    tree: Tree

    @property
    def hook(self) -> frozenset[str] | None:
        """The events at which Helm creates it as a hook; None for an object of the release.

        Helm ignores a hook without any event that it knows.
        """
        return hook_events(self.tree)


class PodSpec(Struct, frozen=True):
    """A pod or pod template at ``path`` in an object.

    ``labels`` and ``annotations`` are those of its pods, ``volumes`` the names of volumes that a
    StatefulSet adds.
    """

    owner: Rendered
    path: str
    spec: Tree
    labels: Tree
    annotations: Tree
    volumes: tuple[str, ...] = ()


def read(manifest: str, namespace: str) -> tuple[Rendered, ...]:
    """The objects of a manifest in its order, hooks included.

    Raises:
        ChartError: it is too long, or not YAML that Kubernetes could read.
    """
    if len(manifest) > MAX_MANIFEST:
        raise ChartError(f"The manifest is longer than {MAX_MANIFEST // 2**20} MiB.")
    try:
        yaml_text.measure(manifest, nodes=MAX_NODES, depth=MAX_DEPTH)
        documents = cast("list[object]", list(yaml.load_all(manifest, Loader=Loader)))
        check_written_out(documents)
        trees = [tree for document in documents for tree in _flat(document)]
        if len(trees) > MAX_OBJECTS:
            raise ChartError(f"The chart renders more than {MAX_OBJECTS} objects.")
        return tuple(_rendered(tree, namespace) for tree in trees)
    except ChartError:
        raise
    except (yaml.YAMLError, yaml_text.TooLarge, PortalError, RecursionError, ValueError) as error:
        where = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        raise unreadable(where.line + 1 if where else 0) from error


def unreadable(line: int = 0) -> ChartError:
    """The error for a manifest that cannot be read, at ``line``, 0 if unknown."""
    where = f" (line {line} of what it renders)" if line else ""
    return ChartError(
        f"What the chart renders cannot be read{where}.",
        "Nothing was changed. If a value broke it, quote that value; else this is a fault of the "
        "chart, for whoever maintains it.",
    )


def _rendered(tree: Tree, namespace: str) -> Rendered:
    meta = at(tree, "metadata")
    for known, keys in ((_KNOWN, tree), (_KNOWN_META, meta)):
        # Helm reads these names in any case, Kubernetes does not.
        odd = {each.lower(): each for each in known}
        if any(key not in known and str(key).lower() in odd for key in keys):
            raise ValueError("a name in another case")
    api_version, named = str(tree.get("apiVersion", "")), str(meta.get("namespace") or "")
    ref = Ref(
        str(tree.get("kind", "")),
        str(meta.get("name") or meta.get("generateName") or ""),
        named or namespace,
        api_version.rpartition("/")[0],
    )
    return Rendered(ref, api_version, named, tree)


def _flat(document: object) -> Iterator[Tree]:
    """The objects in a document; Helm treats any document with ``items`` as a list of objects."""
    if not isinstance(document, Mapping):
        if document is not None:
            raise ValueError("no object")
        return
    tree = cast("Tree", document)
    items = tree.get("items")
    if items is None and "items" not in tree:
        yield tree
    elif isinstance(items, list) and str(tree.get("kind", "")).endswith("List"):
        for each in cast("list[object]", items):
            yield from _flat(each)
    else:
        raise ValueError("a list by another name")


def with_owned_hooks(manifest: str, objects: Iterable[Rendered], key: Key) -> str:
    """``manifest`` with the release's name and namespace in the annotations of each hook.

    ``objects`` are those of the manifest. Helm writes these annotations to all other objects; they
    show who owns a hook. A manifest without hooks is returned unchanged.
    """
    if HOOK not in manifest:
        return manifest
    owner = {HELM_RELEASE_NAME: key.name, HELM_RELEASE_NAMESPACE: key.namespace}
    trees: list[Tree] = []
    for each in objects:
        tree = each.tree
        if each.hook is not None:
            annotations = {**at(tree, "metadata", "annotations"), **owner}
            tree = {**tree, "metadata": {**at(tree, "metadata"), "annotations": annotations}}
        trees.append(tree)
    return "---\n".join(map(yaml_text.exact, trees))


def pod_specs(rendered: Rendered) -> Iterator[PodSpec]:
    """Every pod and pod template in an object of any kind, at any depth."""
    templates = at(rendered.tree, "spec").get("volumeClaimTemplates")
    volumes = tuple(str(at(each, "metadata").get("name")) for each in mappings(templates))
    for path, spec, beside in _walk(rendered.tree, "", {}):
        yield PodSpec(
            rendered,
            path,
            spec,
            at(beside, "metadata", "labels"),
            at(beside, "metadata", "annotations"),
            volumes,
        )


def _walk(value: object, path: str, parent: Tree) -> Iterator[tuple[str, Tree, Tree]]:
    """Every mapping with containers: its path, itself and its parent."""
    if isinstance(value, list):
        for index, each in enumerate(cast("list[object]", value)):
            yield from _walk(each, f"{path}[{index}]", {})
    elif isinstance(value, Mapping):
        here = cast("Tree", value)
        if _has_containers(here):
            yield path, here, parent
        for name, each in here.items():
            yield from _walk(each, f"{path}.{name}".lstrip("."), here)


def _has_containers(tree: Tree) -> bool:
    return any(
        isinstance(listed, list)
        and any(isinstance(each, Mapping) for each in cast("list[object]", listed))
        for listed in (tree.get(each) for each in CONTAINERS)
    )


CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
"""The fields of a pod that list containers."""


def texts(value: object, path: str, names: frozenset[str]) -> Iterator[tuple[str, str, object]]:
    """Name, path and value of every field below ``value`` with one of these names."""
    if isinstance(value, list):
        for index, each in enumerate(cast("list[object]", value)):
            yield from texts(each, f"{path}[{index}]", names)
    elif isinstance(value, Mapping):
        for name, each in cast("Tree", value).items():
            inner = f"{path}.{name}".lstrip(".")
            if name in names:
                yield name, inner, each
            yield from texts(each, inner, names)
