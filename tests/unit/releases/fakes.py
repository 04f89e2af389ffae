"""A cluster that is only a store, and a Helm that writes into it what Kubernetes would tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from portal.catalog import dash_app
from portal.catalog.values import get
from portal.domain.api_mapping import Successors
from portal.domain.errors import Conflict, NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import OPERATION_LABEL, SHARED_LABEL, Key
from portal.domain.manifests import Tree, at, objects
from portal.domain.objects import Hpa, Kind, ReleaseStatus, Workload
from portal.domain.operations import Operation, OperationLease
from portal.domain.owners import Owners, is_about_owners, owners_in
from portal.domain.proposals import NamespaceObjects, VolumeClaim
from portal.domain.release import ReleaseRecord, ReleaseRevision
from portal.domain.replica_ownership import workload_name
from portal.domain.reviews import ResourceAttributes, Touched
from portal.helm_service.helm import HelmResult, Rendering
from portal.helm_service.review import Review
from portal.operations.registry import OperationRegistry
from portal.state.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


class RecordingStore(Store):
    """A store that keeps every operation written, in order."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.operations: list[Operation] = []

    def put_operation(self, operation: Operation) -> None:
        self.operations.append(operation)
        super().put_operation(operation)


@dataclass
class FakeCluster:
    """Releases and their objects. ``rolls_out``: whether pods become ready by themselves.
    ``lingers``: whether a Deployment stays when its release goes."""

    store: Store
    rolls_out: bool = True
    lingers: bool = False
    ready: dict[Key, int] = field(default_factory=dict)
    shown: dict[Key, tuple[int, Mapping[str, object]]] = field(default_factory=dict)
    labels: dict[tuple[Key, int], dict[str, str]] = field(default_factory=dict)
    """Of each revision's record."""

    def release(
        self,
        key: Key,
        revision: int,
        values: Mapping[str, object],
        *,
        status: ReleaseStatus = ReleaseStatus.DEPLOYED,
        chart: str = dash_app.CHART_NAME,
        decoded: bool = True,
    ) -> None:
        old = self.shown.get(key)
        if old is not None:
            self.store.delete(Kind.RELEASE, _secret(key, old[0]))
        secret = _secret(key, revision)
        owners = owners_in(self.labels.get((key, revision), {}))
        made = ReleaseRecord(key, revision, status, T0, secret.name, owners=owners)
        self.store.apply(Kind.RELEASE, secret, made)
        if decoded:
            self.store.put_detail(ReleaseRevision(key, revision, chart=chart, values=values))
        self.shown[key] = (revision, values)

    def objects(self, key: Key, values: Mapping[str, object]) -> None:
        """Return the manifest for ``values``."""
        before = self.store.snapshot.app(key)
        live = before.workloads[0].desired if before.workloads else 1
        if dash_app.is_autoscaled(values):
            low, high = (
                get(values, "autoscaling.minReplicas"),
                get(values, "autoscaling.maxReplicas"),
            )
            assert isinstance(low, int)
            assert isinstance(high, int)
            hpa = Hpa(key, key.name, "Deployment", key.name, low, high, live, live, (), ())
            self.store.apply(Kind.HPA, key, hpa)
            desired = live
        else:
            if before.hpas:
                self.store.delete(Kind.HPA, key)
            replicas = get(values, "replicaCount", 1)
            assert isinstance(replicas, int)
            desired = replicas
        image = f"{get(values, 'image.repository')}:{get(values, 'image.tag')}"
        ready = desired if self.rolls_out else 0
        self.workload(key, desired, ready, image)

    def workload(self, key: Key, desired: int, ready: int, image: str = "r/a:1") -> None:
        self.store.apply(
            Kind.DEPLOYMENT,
            key,
            Workload(
                kind=Kind.DEPLOYMENT,
                key=key,
                uid="u",
                release=key.name,
                annotations={},
                selector={},
                desired=desired,
                current=desired,
                ready=ready,
                updated=desired,
                conditions=(),
                created_at=T0,
                images=(image,),
            ),
        )

    def remove(self, key: Key) -> None:
        revision, _ = self.shown.pop(key)
        self.labels = {at: each for at, each in self.labels.items() if at[0] != key}
        self.store.delete(Kind.RELEASE, _secret(key, revision))
        self.store.delete(Kind.HPA, key)
        if not self.lingers:
            self.store.delete(Kind.DEPLOYMENT, key)


def _templates(chart: Path) -> list[str]:
    return sorted(each.name for each in chart.glob("templates/*"))


def _secret(key: Key, revision: int) -> Key:
    return Key(key.namespace, f"sh.helm.release.v1.{key.name}.v{revision}")


class FakeHelm:
    """Helm at our own seam. ``calls`` are what it was asked; ``gate`` holds it up;
    ``errors`` are raised one by one, before anything changes; looking up values never fails.
    ``manifest`` is what any chart renders, "" for what the built-in one does. ``acted_for`` holds
    the identity of each call."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.calls: list[tuple[str, Key, dict[str, object]]] = []
        self.errors: list[PortalError] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.cancelled = 0
        self.charts: dict[Key, str] = {}
        self.past: dict[tuple[Key, int], Mapping[str, object]] = {}
        self.made_by: dict[Key, str] = {}
        self.manifest = ""
        self.acted_for: list[Identity | None] = []

    async def _call(self, verb: str, key: Key, identity: Identity | None, **how: object) -> None:
        self.acted_for.append(identity)
        self.calls.append((verb, key, how))
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.errors and verb != "values":
            raise self.errors.pop(0)

    def _revision(self, key: Key) -> int:
        return self.cluster.shown.get(key, (0, {}))[0]

    async def upgrade_install(
        self,
        key: Key,
        chart: Path,
        values: Mapping[str, object],
        *,
        description: str = "",
        labels: Mapping[str, str] | None = None,
        force_conflicts: bool = False,
        skip_crds: bool = True,
        review: Review,
        identity: Identity | None = None,
    ) -> HelmResult:
        manifest = self.manifest or _built_in(key, values)
        try:
            applied = await review(manifest)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        await self._call(
            "upgrade",
            key,
            identity,
            values=values,
            description=description,
            force=force_conflicts,
            leave=_numbered(manifest, key) - _numbered(applied, key),
            chart=str(chart),
            templates=_templates(chart),
            labels=labels,
        )
        revision = self._revision(key) + 1
        self.made_by[key] = (labels or {}).get(OPERATION_LABEL, "")
        self.past[key, revision] = values
        before = self.cluster.labels.get((key, revision - 1), {})
        self.cluster.labels[key, revision] = {**before, **(labels or {})}
        self.cluster.objects(key, values)
        self.cluster.release(key, revision, values)
        return HelmResult(revision, 0.5)

    async def uninstall(
        self, key: Key, *, hooks: bool = True, identity: Identity | None
    ) -> HelmResult:
        await self._call("uninstall", key, identity, hooks=hooks)
        if key not in self.cluster.shown:
            raise NotFound("gone")
        self.cluster.remove(key)
        return HelmResult(0, 0.1)

    async def rollback(
        self,
        key: Key,
        revision: int,
        *,
        description: str = "",
        force_conflicts: bool = False,
        identity: Identity | None,
    ) -> HelmResult:
        await self._call(
            "rollback",
            key,
            identity,
            revision=revision,
            description=description,
            force=force_conflicts,
        )
        values, new = self.past[key, revision], self._revision(key) + 1
        self.cluster.labels[key, new] = dict(self.cluster.labels.get((key, revision), {}))
        self.cluster.objects(key, values)
        self.cluster.release(key, new, values)
        return HelmResult(0, 0.2)

    async def values(
        self, key: Key, revision: int | None = None, *, identity: Identity | None
    ) -> Mapping[str, object]:
        await self._call("values", key, identity)
        try:
            return self.past[key, revision or self._revision(key)]
        except KeyError:
            raise NotFound(f"no revision {revision}") from None

    async def render(
        self,
        key: Key,
        chart: Path,
        values: Mapping[str, object],
        *,
        identity: Identity | None,
    ) -> Rendering:
        await self._call("render", key, identity, chart=chart, values=values)
        return Rendering(self.manifest or _built_in(key, values))


async def unchanged(manifest: str) -> str:
    """A review that has nothing against a manifest."""
    return manifest


class FakeAdmission:
    """Kubernetes as the guardrails ask it; ``problems`` are what it says against pods."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.shared: dict[tuple[str, str], bool] = {}
        self.live: dict[tuple[str, str], Tree] = {}
        self.selectors: list[tuple[Tree, Tree]] = []
        self.tried: list[tuple[Tree, str]] = []
        self.prepared = asyncio.Event()
        self.denials: frozenset[ResourceAttributes] = frozenset()
        self.enforced = ""
        self.touched: list[tuple[Touched, Identity | None]] = []

    async def namespaced(self, api_version: str, kind: str) -> bool | None:
        if api_version.startswith("unknown."):
            return None
        return kind not in {"Namespace", "ClusterRole", "ClusterRoleBinding", "PersistentVolume"}

    async def metadata(
        self, api_version: str, kind: str, key: Key, *, identity: Identity | None
    ) -> Tree | None:
        if (kind, key.name) in self.shared:
            return {"labels": {SHARED_LABEL: str(self.shared[kind, key.name]).lower()}}
        return self.live.get((kind, key.name))

    async def services(self, namespace: str) -> Sequence[tuple[Tree, Tree]]:
        return self.selectors

    async def prepare(self, level: str) -> None:
        self.prepared.set()

    async def automounts_token(self, key: Key, *, identity: Identity | None) -> bool:
        return True

    async def denied(
        self, objects: Collection[Touched], namespace: str, *, identity: Identity | None
    ) -> frozenset[ResourceAttributes]:
        self.touched += [(each, identity) for each in objects]
        return self.denials

    async def enforced_level(self, namespace: str) -> str:
        return self.enforced

    async def pod_problem(self, pod: Tree, level: str) -> str:
        self.tried.append((pod, level))
        return self.problems.pop(0) if self.problems else ""


class FakeApis:
    """The cluster's APIs: it serves each kind in ``v1`` of its group, except those ``moved``."""

    def __init__(self) -> None:
        self.moved: dict[tuple[str, str], tuple[str, ...]] = {}
        self.errors: list[PortalError] = []

    async def versions(self, group: str, kind: str) -> tuple[str, ...]:
        if self.errors:
            raise self.errors.pop(0)
        if (group, kind) in self.moved:
            return self.moved[group, kind]
        return (f"{group}/v1", f"{group}/v2") if group else ("v1",)


def _built_in(key: Key, values: Mapping[str, object]) -> str:
    """Return the relevant part of what the built-in chart renders."""
    workload = f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {key.name}}}\nspec:\n"
    if not dash_app.is_autoscaled(values):
        return f"{workload}  replicas: {get(values, 'replicaCount', 1)}\n"
    target = f"{{apiVersion: apps/v1, kind: Deployment, name: {key.name}}}"
    return (
        f"{workload}  paused: false\n---\napiVersion: autoscaling/v2\n"
        f"kind: HorizontalPodAutoscaler\nmetadata: {{name: {key.name}}}\n"
        f"spec: {{scaleTargetRef: {target}}}\n"
    )


def _numbered(manifest: str, key: Key) -> set[str]:
    """The workloads that a number of replicas is applied to."""
    return {
        workload_name(ref.kind, ref.name)
        for ref, tree in objects(manifest, key.namespace).items()
        if "replicas" in at(tree, "spec")
    }


class FakeLeases:
    """The leases of all portals that share it. ``errors`` are raised one by one by ``put``."""

    def __init__(self) -> None:
        self.now: dict[Key, OperationLease] = {}
        self.registries: list[OperationRegistry] = []
        self.errors: list[PortalError] = []
        self.writes = 0
        self.written = asyncio.Condition()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so, looking at every write."""
        async with asyncio.timeout(10), self.written:
            await self.written.wait_for(condition)

    async def read(self, key: Key) -> OperationLease | None:
        return self.now.get(key)

    async def put(self, new: OperationLease) -> OperationLease:
        if self.errors:
            raise self.errors.pop(0)
        key = new.operation.key
        old = self.now.get(key)
        if new.version != (old.version if old else ""):
            raise Conflict("changed")
        self.writes += 1
        written = self.now[key] = replace(new, version=str(self.writes))
        self._tell(written)
        async with self.written:
            self.written.notify_all()
        return written

    async def delete(self, old: OperationLease) -> None:
        key = old.operation.key
        if self.now.get(key) != old:
            raise Conflict("changed")
        del self.now[key]
        for registry in self.registries:
            registry.delete(Kind.LEASE, key)

    def _tell(self, lease: OperationLease) -> None:
        """As a watch does: a little later."""
        key = lease.operation.key
        loop = asyncio.get_running_loop()
        for registry in self.registries:
            loop.call_soon(registry.apply, Kind.LEASE, key, lease)


class FakeRecords:
    """Helm's records, as the fake cluster shows them."""

    def __init__(self, cluster: FakeCluster, helm: FakeHelm) -> None:
        self.cluster = cluster
        self.helm = helm
        self.left: dict[Key, ReleaseRevision] = {}
        self.failed: list[tuple[Key, int]] = []
        self.others: dict[Key, str] = {}
        self.mapped: list[tuple[int, dict[tuple[str, str], str], str]] = []
        self.written: list[tuple[Key, Owners]] = []
        self.looks = 0
        self.files: dict[str, bytes] = {}
        self.asked: list[int | None] = []
        self.errors: list[PortalError] = []
        self.acted_for: list[Identity | None] = []

    async def newest(self, key: Key) -> ReleaseRevision | None:
        self.looks += 1
        if self.errors:
            raise self.errors.pop(0)
        if key in self.left:
            return self.left[key]
        if key not in self.cluster.shown:
            return None
        revision, values = self.cluster.shown[key]
        state = self.cluster.store.snapshot.app(key).release
        operation, _, at = self.helm.made_by.get(key, "").partition(".")
        return ReleaseRevision(
            key,
            revision,
            state.status if state else ReleaseStatus.DEPLOYED,
            operation=operation if at == str(revision) else "",
            chart=self.helm.charts.get(key, dash_app.CHART_NAME),
            values=values,
            owners=owners_in(self.cluster.labels.get((key, revision), {})),
        )

    async def set_owners(self, key: Key, owners: Owners, *, identity: Identity | None) -> None:
        self.acted_for.append(identity)
        self.written.append((key, owners))
        for (of, _), labels in self.cluster.labels.items():
            if of == key:
                for name in [each for each in labels if is_about_owners(each)]:
                    del labels[name]
                labels |= owners.labels
        self.cluster.release(key, *self.cluster.shown[key])

    async def chart(
        self, key: Key, revision: int | None = None, *, identity: Identity | None
    ) -> Mapping[str, bytes]:
        self.acted_for.append(identity)
        self.asked.append(revision)
        return self.files

    async def other_record(self, key: Key) -> str:
        return self.others.get(key, "")

    async def add_mapped(
        self,
        key: Key,
        base: ReleaseRevision,
        revision: int,
        successors: Successors,
        why: str,
        labels: Mapping[str, str],
        *,
        identity: Identity | None,
    ) -> None:
        self.acted_for.append(identity)
        self.mapped.append((base.revision, dict(successors), why))
        self.cluster.labels[key, revision] = {**labels}
        self.helm.made_by[key] = labels[OPERATION_LABEL]
        self.cluster.release(key, revision, base.values, status=base.status)

    async def mark_failed(
        self, key: Key, recorded: ReleaseRevision, why: str, *, identity: Identity | None
    ) -> None:
        self.acted_for.append(identity)
        self.failed.append((key, recorded.revision))
        self.left[key] = replace(recorded, status=ReleaseStatus.FAILED)


class FakePast:
    """Helm's revisions, newest first; ``manifest`` is the default for those without one."""

    def __init__(self, helm: FakeHelm | None = None) -> None:
        self.helm = helm
        self.manifest = ""
        self.kept: dict[Key, tuple[ReleaseRevision, ...]] = {}
        self.volume_claims: tuple[VolumeClaim, ...] | None = ()
        self.there = NamespaceObjects()
        self.acted_for: list[Identity | None] = []

    async def revisions(
        self, key: Key, *, identity: Identity | None
    ) -> tuple[ReleaseRevision, ...]:
        self.acted_for.append(identity)
        return self.kept.get(key, ())

    async def newest_and_deployed(
        self, key: Key, *, identity: Identity | None
    ) -> tuple[ReleaseRevision, ReleaseRevision] | None:
        self.acted_for.append(identity)
        kept = self.kept.get(key, ())
        runs = [each for each in kept if each.status is ReleaseStatus.DEPLOYED]
        return (kept[0], [*runs, kept[0]][0]) if kept else None

    async def revision(
        self, key: Key, revision: int, *, identity: Identity | None
    ) -> ReleaseRevision:
        self.acted_for.append(identity)
        for each in self.kept.get(key, ()):
            if each.revision == revision:
                return each
        if self.helm and (key, revision) in self.helm.past:
            values = self.helm.past[key, revision]
            return ReleaseRevision(
                key,
                revision,
                ReleaseStatus.SUPERSEDED,
                values=values,
                manifest=_built_in(key, values),
            )
        if self.manifest:
            return ReleaseRevision(key, revision, ReleaseStatus.SUPERSEDED, manifest=self.manifest)
        raise NotFound(f"no revision {revision}")

    async def claims(
        self, namespace: str, *, identity: Identity | None
    ) -> tuple[VolumeClaim, ...] | None:
        self.acted_for.append(identity)
        return self.volume_claims

    async def objects(self, namespace: str, *, identity: Identity | None) -> NamespaceObjects:
        self.acted_for.append(identity)
        return self.there


class FakeReplicas:
    """Ownership of replicas: what was done, in order with Helm's calls.

    ``owners`` are those found, at one look after the other."""

    def __init__(self, calls: list[tuple[str, Key, dict[str, object]]]) -> None:
        self.calls = calls
        self.owners: list[tuple[str, ...]] = []
        self.acted_for: list[Identity | None] = []

    async def hand_over(
        self, key: Key, *, identity: Identity | None, kind: Kind = Kind.DEPLOYMENT
    ) -> int | None:
        self.acted_for.append(identity)
        self.calls.append(("hand over", key, {}))
        return 1

    async def release(
        self, key: Key, *, identity: Identity | None, kind: Kind = Kind.DEPLOYMENT
    ) -> tuple[str, ...]:
        self.acted_for.append(identity)
        self.calls.append(("take back", key, {}))
        return self.owners.pop(0) if self.owners else ()


async def until(store: Store, condition: Callable[[], bool]) -> None:
    """Wait until something is so, looking at every change of the store."""
    changed = asyncio.Event()
    stop = store.on_change(lambda keys: changed.set())
    try:
        async with asyncio.timeout(10):
            while not condition():
                changed.clear()
                await changed.wait()
    finally:
        stop()


class FakeEnvSecrets:
    """The Secrets with variables: what is in each, and which were settled."""

    def __init__(self) -> None:
        self.made: dict[str, Mapping[str, str]] = {}
        self.settled: list[str] = []

    async def create(
        self, key: Key, name: str, content: Mapping[str, str], *, identity: Identity | None
    ) -> None:
        self.made[name] = content

    async def settle(self, key: Key, name: str, *, identity: Identity | None) -> None:
        self.settled.append(name)
