"""Objects as the API sends them, and a source of them without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.domain.errors import NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.manifests import Ref, Tree
from portal.domain.release import ReleaseRevision
from portal.objects.describe import ObjectView

KINDS = frozenset(
    {
        *("Deployment", "StatefulSet", "ReplicaSet", "Pod", "Service", "ConfigMap", "Secret"),
        *("PersistentVolumeClaim", "PodDisruptionBudget", "HorizontalPodAutoscaler"),
    }
)


class FakeObjects:
    """A source of objects by kind and name; counts what is read."""

    kinds = KINDS

    def __init__(self, trees: Mapping[tuple[str, str], Tree] | None = None) -> None:
        self.trees: dict[tuple[str, str], Tree] = dict(trees or {})
        self.told: tuple[Tree, ...] = ()
        self.asked: list[tuple[str, str]] = []

    async def read(self, ref: Ref, *, identity: Identity | None) -> Tree:
        self.asked.append((ref.kind, ref.name))
        if (ref.kind, ref.name) not in self.trees:
            raise NotFound("Kubernetes: not found")
        return self.trees[ref.kind, ref.name]

    async def events(self, ref: Ref, *, identity: Identity | None) -> tuple[Tree, ...]:
        return self.told


class FakeRevisions:
    """Helm's records: one revision, or none."""

    def __init__(self, revision: ReleaseRevision | None = None) -> None:
        self.revision = revision
        self.read = 0

    async def newest(self, key: Key) -> ReleaseRevision | None:
        self.read += 1
        return self.revision


async def no_object(identity: Identity, key: Key, kind: str, name: str) -> ObjectView:
    """Read an object where there is none."""
    raise NotFound(f"There is no {kind} {name} in the release {key.name}.")


def tree(kind: str, name: str, **more: Any) -> dict[str, Any]:
    """An object of the release "web"."""
    meta = {
        "name": name,
        "namespace": "apps",
        "uid": f"uid-{name}",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "annotations": {"meta.helm.sh/release-name": "web"},
    } | more.pop("metadata", {})
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, **more}
