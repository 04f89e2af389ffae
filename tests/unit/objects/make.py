"""Objects as the API sends them, and a source of them without a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal.auth.authorizer import KnownRights
from portal.auth.policy import Policy
from portal.domain.errors import NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.manifests import Ref, Tree
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Kind, ReplicaSet
from portal.domain.owners import Owners, label_of
from portal.domain.release import ReleaseRevision
from portal.domain.scrubber import Scrubber
from portal.objects.describe import ObjectView
from portal.releases.access import Access
from portal.state.store import Store
from tests.unit.auth.test_authorizer import Asked
from tests.unit.viewmodels import make

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


async def hides(key: Key) -> Scrubber:
    """Hide the secrets of an app."""
    return Scrubber(("long-password",))


async def no_object(identity: Identity, key: Key, kind: str, name: str) -> ObjectView:
    """Read an object where there is none."""
    raise NotFound(f"There is no {kind} {name} in the release {key.name}.")


def tree(kind: str, name: str, **more: Any) -> dict[str, Any]:
    """An object of the release "demo"."""
    meta = {
        "name": name,
        "namespace": "apps",
        "uid": f"uid-{name}",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "annotations": {"meta.helm.sh/release-name": "demo"},
    } | more.pop("metadata", {})
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, **more}


ANN, BOB = Identity("ann"), Identity("bob")
KEY = make.KEY
POD = "demo-7d9c-abcde"


class Site:
    """A store with the release "demo", which ann owns: a Deployment with one pod."""

    def __init__(self, *, allow_exec: bool = True) -> None:
        self.store = Store()
        owners = Owners(label_of("ann"))
        record = make.release(owners=owners)
        self.store.apply(Kind.RELEASE, record.secret, record)
        self.store.apply(Kind.DEPLOYMENT, KEY, make.deployment())
        replicas = ReplicaSet(Key("apps", "demo-7d9c"), "demo", 1, 1, (), ready=1, revision=1)
        self.store.apply(Kind.REPLICA_SET, replicas.key, replicas)
        self.put_pod()
        self.authorizer = Asked()
        self.authorizer.policy = self.policy(allow_exec=allow_exec)
        self.rights = KnownRights(self.authorizer, fresh=0)
        self.access = Access(self.rights, self.store, self._find)

    def policy(self, *, allow_exec: bool) -> Policy:
        return Policy(NamespaceRules(("apps",)), open_mode=False, allow_exec=allow_exec)

    def put_pod(self, **changes: Any) -> None:
        pod = make.pod(**changes)
        self.store.apply(Kind.POD, pod.key, pod)

    async def _find(self, key: Key) -> None:
        return None
