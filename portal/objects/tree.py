"""The tree of a release's objects, from the snapshot and the inventory of its manifest. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.manifests import Ref
from portal.domain.objects import Hpa, HttpRoute, Ingress, Job, Kind, Node, ReplicaSet, Service
from portal.domain.permissions import Permission, Scope
from portal.objects.inventory import Inventory, claims_of, env_secret_of, watched_names
from portal.objects.links import Link
from portal.objects.states import MISSING, UNREAD, ObjectState
from portal.state.model import AppState, WatchHealth
from portal.state.workloads import replica_sets_of, target_of, target_pods
from portal.viewmodels.autoscaler import NOT_FOLLOWED, Decided, autoscaler_view
from portal.viewmodels.freshness import loading, source_of, stale_words
from portal.viewmodels.headline import headline
from portal.viewmodels.jobs import job_summaries, job_summary
from portal.viewmodels.model import Badge, Severity
from portal.viewmodels.pods import Diagnosed, foremost, pod_view
from portal.viewmodels.scalers import scaler_views
from portal.viewmodels.vertical import vertical_views
from portal.viewmodels.withheld import without_values
from portal.viewmodels.words import count, shortened
from portal.viewmodels.workloads import PodSummary, pod_summary, workload_view

QUIET = Badge("", Severity.QUIET)
READING = Badge("", Severity.QUIET, "Its state is being read.")

_STORED = ("ConfigMap", "Secret", "PersistentVolumeClaim", "ServiceAccount")


class ObjectNode(Struct, frozen=True):
    """One object: its kind and name, state, a few words, and the objects below it.

    ``opens`` is True if it can be read; ``more`` says what is left out below it.
    """

    kind: str
    name: str
    state: Badge = QUIET
    words: str = ""
    opens: bool = True
    children: tuple[ObjectNode, ...] = ()
    more: str = ""


class ObjectGroup(Struct, frozen=True):
    """Objects of one purpose, under a title."""

    title: str
    nodes: tuple[ObjectNode, ...]


class ObjectsView(Struct, frozen=True):
    """The tree of a release's objects: its headline, and its objects in groups.

    ``reads`` is True for viewers who may open objects. ``note`` says what is not in the tree.
    """

    key: Key
    state: Badge
    sentence: str
    groups: tuple[ObjectGroup, ...]
    reads: bool
    note: str = ""
    stale: tuple[str, ...] = ()


def objects_view(
    state: AppState,
    inventory: Inventory,
    seen: Mapping[Ref, ObjectState],
    sources: Mapping[str, WatchHealth],
    now: datetime,
    *,
    nodes: Sequence[Node] = (),
    scope: Scope,
    readable: Collection[str] = (),
    problem: str = "",
    decided: Mapping[Key, Decided] = {},
) -> ObjectsView:
    """The tree for viewers with ``scope``; ``seen`` are states of objects that are not watched.

    ``readable`` are the kinds that can be opened. ``problem`` says why the manifest is not known.
    ``decided`` are the last decisions of the autoscalers.
    """
    if scope.unanswered:
        return ObjectsView(
            state.key, Badge("Not known", Severity.WARN), scope.unanswered, (), reads=False
        )
    reads = scope.may(Permission.READ_MANIFEST)
    if not scope.may(Permission.READ_VALUES):
        state = without_values(state)
    if not reads:
        inventory, seen = Inventory(), {}
        problem = (
            "Only users who may change the app can open objects, and see those of its manifest "
            "that are not listed here."
        )
    known = pod_summary(state, sources, now, nodes)
    head = headline(state, known, now, loading=loading(sources, Kind.RELEASE))
    make = _Tree(state, inventory, seen, sources, now, known, readable if reads else (), decided)
    groups = (
        ObjectGroup("Workloads", tuple(make.workloads())),
        ObjectGroup("Network", tuple(make.network())),
        ObjectGroup("Configuration and storage", tuple(make.stored())),
        ObjectGroup("Other objects", tuple(make.others())),
    )
    if inventory.left_out:
        problem = f"{count(inventory.left_out, 'more object')} of the manifest are not shown."
    return ObjectsView(
        key=state.key,
        state=head.badge,
        sentence=head.sentence,
        groups=tuple(each for each in groups if each.nodes),
        reads=reads,
        note=problem,
        stale=stale_words(sources, now),
    )


def node_of(view: ObjectsView, kind: str, name: str) -> ObjectNode | None:
    """Return the node of an object, None if the tree has none."""
    waiting = [node for group in view.groups for node in group.nodes]
    while waiting:
        node = waiting.pop()
        if (node.kind, node.name) == (kind, name):
            return node
        waiting += node.children
    return None


class _Tree:
    """Makes the nodes of one release."""

    def __init__(
        self,
        state: AppState,
        inventory: Inventory,
        seen: Mapping[Ref, ObjectState],
        sources: Mapping[str, WatchHealth],
        now: datetime,
        known: PodSummary,
        readable: Collection[str],
        decided: Mapping[Key, Decided],
    ) -> None:
        self._state = state
        self._inventory = inventory
        self._seen = seen
        self._sources = sources
        self._now = now
        self._known = known
        self._readable = readable
        self._decided = decided
        self._watched = watched_names(state)

    def workloads(self) -> Iterator[ObjectNode]:
        """Yield workloads, Jobs and what makes them with their pods, then other autoscalers."""
        for rollout in self._known.rollouts:
            workload, view = rollout.workload, workload_view(rollout)
            kind, name = workload.kind.value, workload.key.name
            sets = replica_sets_of(self._state, workload)
            pods, more = self._pods(kind, name)
            yield self._node(
                kind,
                name,
                view.state,
                view.words.rstrip("."),
                children=(
                    *self._scalers(name),
                    *(self._autoscaler(each) for each in self._hpas(kind, name)),
                    *self._replica_sets(sets),
                    *pods,
                    *self._claims(kind, name),
                    *self._used(kind, name),
                ),
                more=" ".join(filter(None, (more, _idle(sets)))),
            )
        for summary in job_summaries(self._state, self._known.pods, self._now):
            kind, name = summary.kind.value, summary.name
            runs = [each for each in self._state.jobs if each.owner == name]
            pods, more = self._pods(kind, name)
            children = pods if summary.kind is Kind.JOB else map(self._job, runs)
            yield self._node(
                kind,
                name,
                summary.state,
                shortened(summary.words, 120),
                children=(*children, *self._used(kind, name)),
                more=more,
            )
        for hpa in self._state.hpas:
            if target_of(self._state, hpa) is None:
                yield self._autoscaler(hpa)
        for name in sorted(self._scaled - {each.key.name for each in self._state.workloads}):
            yield from self._scalers(name)
        for each in self._state.unreadable:
            state = Badge("Cannot be read", Severity.WARN, shortened(each.error, 200))
            yield self._node(each.kind.value, each.key.name, state)
        yield from self._missing(_WORKLOADS)
        yield from self._missing(_AUTOSCALERS)

    def network(self) -> Iterator[ObjectNode]:
        """Yield Services, Ingresses and HTTPRoutes."""
        for service in self._state.services:
            yield self._node("Service", service.key.name, *_service(service))
        for ingress in self._state.ingresses:
            yield self._node("Ingress", ingress.key.name, *_ingress(ingress))
        for route in self._state.routes:
            yield self._node("HTTPRoute", route.key.name, *_route(route))
        yield from self._missing(_NETWORK)

    def stored(self) -> Iterator[ObjectNode]:
        """Yield what the manifest holds of ConfigMaps, Secrets, claims and accounts."""
        for kind in _STORED:
            yield from (self._unwatched(ref) for ref in self._inventory.refs if ref.kind == kind)

    def others(self) -> Iterator[ObjectNode]:
        """Yield the remaining objects of the manifest."""
        for ref in self._inventory.refs:
            if ref.kind not in _STORED and ref.kind not in _WATCHED:
                yield self._unwatched(ref)

    def _node(
        self,
        kind: str,
        name: str,
        state: Badge = QUIET,
        words: str = "",
        *,
        children: Iterable[ObjectNode] = (),
        more: str = "",
    ) -> ObjectNode:
        opens = kind in self._readable
        return ObjectNode(kind, name, state, words, opens, tuple(children), more)

    def _unwatched(self, ref: Ref) -> ObjectNode:
        found = self._seen.get(ref, ObjectState(READING))
        if ref.kind not in self._readable or ref.namespace != self._state.key.namespace:
            return ObjectNode(ref.kind, ref.name, UNREAD, opens=False)
        return self._node(ref.kind, ref.name, found.state, found.words)

    def _missing(self, kinds: Collection[str]) -> Iterator[ObjectNode]:
        """Yield objects of watched kinds that are in the manifest and not in the cluster."""
        for ref in self._inventory.refs:
            source = source_of(self._sources, ref.kind)
            listed = source is not None and source.synced and source.available
            own = ref.namespace == self._state.key.namespace
            if ref.kind in kinds and own and listed and (ref.kind, ref.name) not in self._watched:
                yield ObjectNode(ref.kind, ref.name, MISSING, opens=False)

    def _pods(self, kind: str, owner: str) -> tuple[tuple[ObjectNode, ...], str]:
        """Return the pods of an owner, worst first if there are many, and words about the rest."""
        own: list[Diagnosed] = [
            (pod, found)
            for pod, found in self._known.pods
            if (pod.owner_kind, pod.owner) == (kind, owner)
        ]
        shown, more = foremost(own)
        views = [pod_view(pod, found, self._state.usage.get(pod.key)) for pod, found in shown]
        nodes = tuple(
            self._node(
                "Pod",
                each.name,
                each.status,
                f"{each.ready} ready"
                + (f", {count(each.restarts, 'restart')}" if each.restarts else "")
                + (f", on {each.node}" if each.node else ""),
            )
            for each in views
        )
        return nodes, f"And {more}." if more else ""

    def _replica_sets(self, sets: Sequence[ReplicaSet]) -> Iterator[ObjectNode]:
        """Yield the newest ReplicaSet and those with pods, newest first."""
        for each in _in_use(sets):
            pods, more = self._pods("ReplicaSet", each.key.name)
            good = each.ready == each.desired
            words = f"{each.ready} of {count(each.desired, 'pod')} ready"
            state = Badge(
                "Ready" if good else "Not ready", Severity.GOOD if good else Severity.BUSY
            )
            if not each.desired:
                state, words = Badge("No pods", Severity.QUIET), ""
            yield self._node("ReplicaSet", each.key.name, state, words, children=pods, more=more)

    def _job(self, job: Job) -> ObjectNode:
        summary = job_summary(job, self._state, self._known.pods)
        pods, more = self._pods("Job", job.key.name)
        words = shortened(summary.words, 120)
        return self._node("Job", job.key.name, summary.state, words, children=pods, more=more)

    def _hpas(self, kind: str, name: str) -> Iterator[Hpa]:
        for hpa in self._state.hpas:
            if (hpa.target_kind, hpa.target_name) == (kind, name):
                yield hpa

    @property
    def _scaled(self) -> set[str]:
        """The names of the workloads that KEDA scales, or that a VPA is for."""
        return {each.target_name for each in (*self._state.scaled_objects, *self._state.vpas)}

    def _scalers(self, workload: str) -> Iterator[ObjectNode]:
        """Yield the ScaledObjects and VerticalPodAutoscalers of a workload."""
        for scaler in scaler_views(self._state):
            if scaler.workload == workload:
                yield self._node(scaler.kind, scaler.name, scaler.state)
        for vertical in vertical_views(self._state):
            if vertical.workload == workload:
                worst = next((each for each in vertical.notices if each.severity.troubled), None)
                state = Badge(worst.title, worst.severity) if worst else vertical.mode
                yield self._node(Kind.VPA.value, vertical.name, state)

    def _autoscaler(self, hpa: Hpa) -> ObjectNode:
        pods = target_pods(self._state, hpa)
        view = autoscaler_view(
            hpa,
            pods,
            self._sources,
            self._now,
            self._state.events,
            self._decided.get(hpa.key, NOT_FOLLOWED),
        )
        worst = next(iter(view.notices), None)
        state = Badge("In order", Severity.GOOD)
        if worst is not None:
            state = Badge(worst.title, worst.severity, shortened(worst.body, 200))
        words = f"{view.min_replicas}–{view.max_replicas} replicas"
        return self._node("HorizontalPodAutoscaler", hpa.key.name, state, words)

    def _claims(self, kind: str, name: str) -> Iterator[ObjectNode]:
        """Yield the claims that a StatefulSet has created for its present pods."""
        for ref in claims_of(self._state, self._inventory, name) if kind == "StatefulSet" else ():
            yield self._unwatched(ref)

    def _used(self, kind: str, name: str) -> Iterator[ObjectNode]:
        """Yield what the pods of a workload use beside the objects of the manifest."""
        own = {(ref.kind, ref.name) for ref in self._inventory.refs}
        for ref, links in self._inventory.uses.items():
            if (ref.kind, ref.name) != (kind, name):
                continue
            for link in links:
                if (link.kind, link.name) not in own:
                    yield self._outside(link)

    def _outside(self, link: Link) -> ObjectNode:
        if link.kind == "Secret" and env_secret_of(self._state.key.name, link.name):
            ref = Ref("Secret", link.name, self._state.key.namespace)
            found = self._seen.get(ref, ObjectState(READING))
            return self._node("Secret", link.name, found.state, found.words or "variables")
        return ObjectNode(
            link.kind, link.name, QUIET, "used by its pods, not of this release", opens=False
        )


_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ScaledJob"})
_AUTOSCALERS = frozenset({"HorizontalPodAutoscaler", "ScaledObject", "VerticalPodAutoscaler"})
_NETWORK = frozenset({"Service", "Ingress", "HTTPRoute"})
_WATCHED = _WORKLOADS | _AUTOSCALERS | _NETWORK | {"ReplicaSet", "Pod"}


def _in_use(sets: Sequence[ReplicaSet]) -> list[ReplicaSet]:
    newest = max((each.revision for each in sets), default=0)
    found = [each for each in sets if each.current or each.desired or each.revision == newest]
    return sorted(found, key=lambda each: each.revision, reverse=True)


def _idle(sets: Sequence[ReplicaSet]) -> str:
    left = len(sets) - len(_in_use(sets))
    return f"And {count(left, 'earlier ReplicaSet')} without pods." if left else ""


def _service(service: Service) -> tuple[Badge, str]:
    ports = ", ".join(str(each.port) for each in service.ports)
    words = f"{service.type}, port {ports}" if ports else service.type
    if service.type == "LoadBalancer" and not service.addresses:
        return Badge("Waiting for an address", Severity.BUSY), words
    address = ", ".join(service.addresses)
    return QUIET, f"{words}, {address}" if address else words


def _ingress(ingress: Ingress) -> tuple[Badge, str]:
    words = ", ".join(ingress.hosts) or "any host"
    if not ingress.addresses:
        return Badge("No address yet", Severity.BUSY), words
    return Badge("Has an address", Severity.GOOD, ", ".join(ingress.addresses)), words


def _route(route: HttpRoute) -> tuple[Badge, str]:
    words = ", ".join(route.hosts) or "any host"
    if route.accepted is None:
        return Badge("Not seen by a Gateway yet", Severity.BUSY), words
    if not route.accepted:
        return Badge("Not accepted", Severity.BAD, shortened(route.message, 200)), words
    return Badge("Accepted", Severity.GOOD), words
