"""Kubernetes objects, cut down to the fields that the portal uses.

Times are timezone-aware UTC; CPU is in cores, memory in bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

from portal.autoscaling.spec import MetricSource, ScalingBehavior
from portal.domain.keys import Key
from portal.domain.load_tests import LoadTestPlan
from portal.domain.management import UNSAID, Management
from portal.domain.relations import (
    ABOUT,
    ADDRESS,
    CLAIM,
    GATEWAY,
    LOAD_TEST,
    OWNER,
    TARGET,
    Index,
    Scaling,
    Tag,
    Watched,
    own_release,
    release_tag,
)
from portal.domain.release import ReleaseStatus as ReleaseStatus

VOLUME_CLAIM = "PersistentVolumeClaim"
"""The kind of volume claims, which are not watched; their events are."""

UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of creation of an object whose own cannot be read."""


class Kind(StrEnum):
    """The kinds that the portal watches."""

    RELEASE = "Release"
    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    JOB = "Job"
    CRON_JOB = "CronJob"
    REPLICA_SET = "ReplicaSet"
    POD = "Pod"
    HPA = "HorizontalPodAutoscaler"
    SERVICE = "Service"
    INGRESS = "Ingress"
    HTTP_ROUTE = "HTTPRoute"
    GATEWAY = "Gateway"
    EVENT = "Event"
    NODE = "Node"
    QUOTA = "ResourceQuota"
    LEASE = "Lease"
    SCALED_OBJECT = "ScaledObject"
    SCALED_JOB = "ScaledJob"
    VPA = "VerticalPodAutoscaler"


class Unreadable(Watched, frozen=True):
    """An object that cannot be read, with what it belongs to, as far as that can be.

    ``target_kind`` and ``target_name`` are the scale target of an HPA. ``error`` says what cannot
    be read, for administrators.
    """

    kind: Kind
    key: Key
    release: str = ""
    uid: str = ""
    owner_kind: str = ""
    owner: str = ""
    target_kind: str = ""
    target_name: str = ""
    error: str = ""

    def tags(self) -> Iterator[Tag]:
        """Yield the tags of its release, its controller and its scale target."""
        yield from release_tag(self.key, self.release)
        if self.owner:
            yield (OWNER, self.key.namespace, self.owner_kind, self.owner)
        if self.target_name:
            yield (TARGET, self.key.namespace, self.target_kind, self.target_name)

    def releases(self, index: Index) -> set[Key]:
        """Return the releases that it belongs to, itself, by its controller or scale target."""
        others = ((self.owner_kind, self.owner), (self.target_kind, self.target_name))
        return own_release(self.key, self.release).union(
            *(
                index.releases_through(kind, Key(self.key.namespace, name))
                for kind, name in others
                if name
            )
        )


class Condition(Struct, frozen=True):
    """A status condition as Kubernetes writes it."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    changed_at: datetime | None = None


class ContainerProbe(Struct, frozen=True):
    """A probe of a container; ``kind`` is "startup", "readiness" or "liveness".

    ``port`` is a number or a name, ``path`` "" unless it asks by HTTP. ``limit`` is the time in
    seconds until Kubernetes acts on its failures, ``delay`` the time before it asks at all, and
    ``period`` the time between two questions.
    """

    kind: str
    port: str
    path: str
    limit: float
    delay: float = 0.0
    period: float = 10.0


class Container(Struct, frozen=True):
    """One container of a pod. ``state`` is waiting, running or terminated.

    ``last_*`` describe the previous run (``lastState.terminated``); ``last_message`` is its
    termination message, the end of its log where the chart asks for that. ``started_at`` is
    ``state.running.startedAt``, ``ended_at`` the end of its newest run that has ended. ``init``
    marks an init container: only unfinished ones are kept.
    ``sidecar`` marks a native sidecar, which the API lists among the init containers. Requests are
    those in force, in cores and bytes; None without one.
    """

    name: str
    image: str
    ready: bool
    restarts: int
    state: str
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    last_reason: str = ""
    last_exit_code: int | None = None
    last_message: str = ""
    started_at: datetime | None = None
    init: bool = False
    probes: tuple[ContainerProbe, ...] = ()
    sidecar: bool = False
    ended_at: datetime | None = None
    cpu_request: float | None = None
    memory_request: float | None = None


class Pod(Watched, frozen=True):
    """A pod. ``cpu_request`` and ``memory_request`` are sums over its containers, as in force.

    They are None if nothing is requested, or an amount cannot be read. ``cpu_limit`` and
    ``memory_limit`` are sums too, None unless every container has one. ``readiness_gates`` are the
    types of the conditions that have to be true, too, before it is ready. ``nominated_node`` is
    the node on which pods of a lower priority are being removed for it. ``finished_init`` are the
    names of the init containers that have finished, which are not among ``containers``.
    ``scheduler`` is the scheduler it asks for, "" for Kubernetes' own; ``scheduling_gates`` have to
    be removed before it is scheduled. ``claims`` are the volume claims (PVCs) that it mounts, and
    ``port_names`` the names of its containers' ports.

    ``finalizers`` block its deletion until they are removed; they are kept only of a pod that is
    being deleted. ``started_at`` is when its node began with it (``status.startTime``).
    """

    key: Key
    uid: str
    labels: Mapping[str, str]
    phase: str
    ready: bool
    conditions: tuple[Condition, ...]
    containers: tuple[Container, ...]
    created_at: datetime
    ready_at: datetime | None = None
    deleting: bool = False
    deleting_since: datetime | None = None
    finalizers: tuple[str, ...] = ()
    node: str = ""
    reason: str = ""
    message: str = ""
    owner: str = ""
    cpu_request: float | None = None
    memory_request: float | None = None
    owner_kind: str = "ReplicaSet"
    readiness_gates: tuple[str, ...] = ()
    nominated_node: str = ""
    finished_init: tuple[str, ...] = ()
    scheduler: str = ""
    scheduling_gates: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    port_names: tuple[str, ...] = ()
    cpu_limit: float | None = None
    memory_limit: float | None = None
    started_at: datetime | None = None

    def tags(self) -> Iterator[Tag]:
        """Yield the tags of its controller and its volume claims."""
        if self.owner:
            yield (OWNER, self.key.namespace, self.owner_kind, self.owner)
        for claim in self.claims:
            yield (CLAIM, self.key.namespace, claim)

    def releases(self, index: Index) -> set[Key]:
        """Return the releases of its controller."""
        return index.releases_through(self.owner_kind, Key(self.key.namespace, self.owner))


class Workload(Watched, frozen=True):
    """A Deployment, StatefulSet or DaemonSet, which owns an app's pods.

    ``updated`` are the pods of the newest pod template. ``strategy`` is the type of its update
    strategy; ``partition`` is how many pods its rolling update leaves as they are. A paused
    Deployment rolls nothing out. ``deleting_since`` and ``finalizers`` are as in ``Pod``.

    ``available`` are the pods that have been ready for ``min_ready_seconds``. ``in_order``: a
    StatefulSet that replaces a pod only while all others are ready; ``newest`` is then the hash of
    the newest pod template.
    """

    kind: Kind
    key: Key
    uid: str
    release: str
    annotations: Mapping[str, str]
    selector: Mapping[str, str]
    desired: int
    current: int
    ready: int
    updated: int
    conditions: tuple[Condition, ...]
    created_at: datetime
    images: tuple[str, ...] = ()
    generation: int = 0
    observed_generation: int = 0
    deleting_since: datetime | None = None
    finalizers: tuple[str, ...] = ()
    management: Management = UNSAID
    paused: bool = False
    strategy: str = ""
    partition: int = 0
    available: int = 0
    min_ready_seconds: int = 0
    in_order: bool = False
    newest: str = ""

    def tags(self) -> Iterator[Tag]:
        """Yield the tag of the release it is annotated with."""
        return release_tag(self.key, self.release)

    def releases(self, index: Index) -> set[Key]:
        """Return the release it is annotated with."""
        return own_release(self.key, self.release)


class ReplicaSet(Watched, frozen=True):
    """A ReplicaSet: the pods of one pod template of a Deployment.

    Its conditions say why it cannot create pods, such as a quota. ``revision`` is the number that
    the Deployment's controller has given it: the newest one has the highest.
    """

    key: Key
    owner: str
    desired: int
    current: int
    conditions: tuple[Condition, ...]
    uid: str = ""
    ready: int = 0
    revision: int = 0

    def tags(self) -> Iterator[Tag]:
        """Yield the tag of its controller."""
        if self.owner:
            yield (OWNER, self.key.namespace, Kind.DEPLOYMENT.value, self.owner)

    def releases(self, index: Index) -> set[Key]:
        """Return the releases of its Deployment."""
        return index.releases_through(Kind.DEPLOYMENT, Key(self.key.namespace, self.owner))


class Job(Watched, frozen=True):
    """A Job: pods that run to their end. ``completions`` is how many of them have to succeed.

    ``owner`` is the CronJob that created it, or the object of ``owner_kind``, "" if none.
    ``started_at`` and ``completed_at`` are None before that. ``load_test`` is set of a load test by
    the portal, which is no part of the release ``load_test_of``.
    """

    key: Key
    release: str
    completions: int
    active: int
    succeeded: int
    failed: int
    conditions: tuple[Condition, ...]
    created_at: datetime
    uid: str = ""
    owner: str = ""
    suspended: bool = False
    started_at: datetime | None = None
    completed_at: datetime | None = None
    management: Management = UNSAID
    load_test_of: str = ""
    load_test: LoadTestPlan | None = None
    owner_kind: str = Kind.CRON_JOB.value

    def tags(self) -> Iterator[Tag]:
        """Yield the tags of the release it is annotated with or tests, and of its owner."""
        yield from release_tag(self.key, self.release)
        if self.load_test_of:
            yield (LOAD_TEST, self.key.namespace, self.load_test_of)
        if self.owner:
            yield (OWNER, self.key.namespace, self.owner_kind, self.owner)

    def releases(self, index: Index) -> set[Key]:
        """Return the release it is annotated with or tests, and those of its owner."""
        owner = Key(self.key.namespace, self.owner)
        own = own_release(self.key, self.release or self.load_test_of)
        return own | index.releases_through(self.owner_kind, owner)


class CronJob(Watched, frozen=True):
    """A CronJob: creates a Job at each time of its ``schedule``, in ``time_zone`` ("" for UTC).

    ``last_scheduled_at`` and ``last_succeeded_at`` are None if that has not happened yet.
    ``one_at_a_time``: no run begins while another one is at work.
    """

    key: Key
    release: str
    schedule: str
    created_at: datetime
    uid: str = ""
    time_zone: str = ""
    suspended: bool = False
    last_scheduled_at: datetime | None = None
    last_succeeded_at: datetime | None = None
    one_at_a_time: bool = False
    management: Management = UNSAID

    def tags(self) -> Iterator[Tag]:
        """Yield the tag of the release it is annotated with."""
        return release_tag(self.key, self.release)

    def releases(self, index: Index) -> set[Key]:
        """Return the release it is annotated with."""
        return own_release(self.key, self.release)


class HpaMetric(Struct, frozen=True):
    """One metric of an HPA. For ``Utilization`` both numbers are percent of the request.

    ``name`` is ``container/metric`` for a container's metric. ``target`` is 0 if it cannot be
    read. ``current`` is None while there is no reading (``<unknown>``); ``reported`` is then True
    if the status has a value all the same, which is no number: an average over no pods.
    ``selector`` and ``object`` ("Service front") tell metrics of the same name apart. ``title`` is
    a name for people where a tool has made up ``name``.
    """

    name: str
    target_type: str
    target: float
    current: float | None
    source: MetricSource = MetricSource.RESOURCE
    selector: str = ""
    object: str = ""
    reported: bool = False
    title: str = ""

    @property
    def failing(self) -> bool:
        """True if the HPA controller could not read it at its last sync, or has not tried yet."""
        return self.current is None and not self.reported


class Hpa(Scaling, frozen=True):
    """A HorizontalPodAutoscaler (autoscaling/v2).

    ``current`` and ``desired`` are of the sync that read the metrics. ``target_api`` is the
    ``apiVersion`` of its scale target. ``behavior`` is None if the spec has none: then the
    controller follows older rules. ``scaled_object`` is the KEDA ScaledObject that owns it.
    """

    min_replicas: int
    max_replicas: int
    current: int
    desired: int
    metrics: tuple[HpaMetric, ...]
    conditions: tuple[Condition, ...]
    last_scale_at: datetime | None = None
    behavior: ScalingBehavior | None = None
    uid: str = ""
    target_api: str = ""
    created_at: datetime | None = None
    scaled_object: str = ""


class ServicePort(Struct, frozen=True):
    """A port of a Service; ``target`` is the name of the pods' port, "" for a number."""

    port: int
    node_port: int | None = None
    name: str = ""
    target: str = ""


class Service(Watched, frozen=True):
    """A Service; ``addresses`` are those of its load balancer (IPs or host names).

    ``selector`` are the labels of its pods; {} if it has none.
    ``session_affinity`` is True if each client stays on one pod.
    """

    key: Key
    release: str
    type: str
    cluster_ip: str
    ports: tuple[ServicePort, ...]
    addresses: tuple[str, ...] = ()
    management: Management = UNSAID
    selector: Mapping[str, str] = {}
    session_affinity: bool = False

    def tags(self) -> Iterator[Tag]:
        """Yield the tags of the release it is annotated with, and of its addresses."""
        yield from release_tag(self.key, self.release)
        for address in self.addresses:
            yield (ADDRESS, address)

    def releases(self, index: Index) -> set[Key]:
        """Return the release it is annotated with, and those of Gateways at its addresses."""
        gateways = (
            gateway
            for address in self.addresses
            for gateway in index.tagged(ADDRESS, address)
            if isinstance(gateway, Gateway)
        )
        own = own_release(self.key, self.release)
        return own.union(*(each.releases(index) for each in gateways))


class Ingress(Watched, frozen=True):
    """An Ingress; ``hosts`` are in the order of its rules, ``tls_hosts`` are those with TLS.

    ``path`` is the one below which it serves; "" for all of a host, or for several.
    """

    key: Key
    release: str
    class_name: str
    hosts: tuple[str, ...]
    tls_hosts: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    management: Management = UNSAID
    path: str = ""

    def tags(self) -> Iterator[Tag]:
        """Yield the tag of the release it is annotated with."""
        return release_tag(self.key, self.release)

    def releases(self, index: Index) -> set[Key]:
        """Return the release it is annotated with."""
        return own_release(self.key, self.release)


class HttpRoute(Watched, frozen=True):
    """A Gateway API HTTPRoute; ``accepted`` is None until a Gateway has reported.

    ``path`` is the one below which it serves; "" for all of a host, or for several.
    """

    key: Key
    release: str
    hosts: tuple[str, ...]
    gateways: tuple[Key, ...]
    accepted: bool | None
    message: str = ""
    management: Management = UNSAID
    path: str = ""

    def tags(self) -> Iterator[Tag]:
        """Yield the tags of the release it is annotated with, and of its Gateways."""
        yield from release_tag(self.key, self.release)
        for gateway in self.gateways:
            yield (GATEWAY, *gateway)

    def releases(self, index: Index) -> set[Key]:
        """Return the release it is annotated with."""
        return own_release(self.key, self.release)


class Gateway(Watched, frozen=True):
    """A Gateway API Gateway; ``protocols`` are the protocol and port of each listener."""

    key: Key
    addresses: tuple[str, ...]
    protocols: tuple[tuple[str, int], ...]

    def tags(self) -> Iterator[Tag]:
        """Yield the tags of its addresses."""
        for address in self.addresses:
            yield (ADDRESS, address)

    def releases(self, index: Index) -> set[Key]:
        """Return the releases of the HTTPRoutes that refer to it."""
        routes = index.tagged(GATEWAY, *self.key)
        return set[Key]().union(*(each.releases(index) for each in routes))


class Event(Watched, frozen=True):
    """A Kubernetes event about ``about_kind``/``about_name`` in the key's namespace.

    It has happened ``count`` times, first at ``first_at`` (None if that cannot be read).
    ``container`` is the container of a pod that it is about, "" for the whole pod.
    """

    key: Key
    about_kind: str
    about_name: str
    about_uid: str
    type: str
    reason: str
    message: str
    count: int
    last_at: datetime
    first_at: datetime | None = None
    container: str = ""

    @property
    def about(self) -> str:
        """The kind and name of the object it is about: "Pod web-1"."""
        return f"{self.about_kind} {self.about_name}".strip()

    def tags(self) -> Iterator[Tag]:
        """Yield the tag of the object it is about."""
        yield (ABOUT, self.key.namespace, self.about_kind, self.about_name)

    def releases(self, index: Index) -> set[Key]:
        """Return the releases of the object it is about; none for an event about an event."""
        if self.about_kind == Kind.EVENT:
            return set()
        if self.about_kind == VOLUME_CLAIM:
            pods = index.tagged(CLAIM, self.key.namespace, self.about_name)
            return set[Key]().union(*(each.releases(index) for each in pods))
        return index.releases_through(self.about_kind, Key(self.key.namespace, self.about_name))


class Node(Watched, frozen=True):
    """A node: readiness, schedulability, address for NodePorts, capacity (cores, bytes), platform.

    ``cpu`` and ``memory`` are None if they cannot be read. ``os`` and ``architecture`` are named as
    in images (``linux``, ``amd64``); "" if unknown.
    """

    name: str
    ready: bool
    unschedulable: bool
    internal_ip: str
    cpu: float | None
    memory: float | None
    os: str = ""
    architecture: str = ""


class Quota(Watched, frozen=True):
    """A ResourceQuota: resource name (``requests.cpu``, ``pods``) → Kubernetes quantity.

    ``hard`` and ``used`` are both taken from the status, so that they are consistent.
    """

    key: Key
    hard: Mapping[str, str]
    used: Mapping[str, str]


class PodUsage(Struct, frozen=True):
    """Usage of a pod at ``at``: cores and bytes, averaged over ``window`` seconds.

    ``containers`` are the names of its containers, each with its cores and bytes.
    """

    key: Key
    cpu: float
    memory: float
    at: datetime
    window: float
    containers: tuple[tuple[str, float, float], ...] = ()


class Probe(Struct, frozen=True):
    """The result of a request to an app's URL. ``status`` is the HTTP status, 0 for no answer.

    ``shared`` is True behind an ingress controller or Gateway, which serves other hosts too.
    """

    url: str
    status: int
    error: str
    checked_at: datetime
    shared: bool = False

    @property
    def answered(self) -> bool:
        """True if the answer comes from the app.

        A proxy without a ready pod answers 502, 503 or 504, and 404 until it knows the host name.
        """
        return 0 < self.status < 500 and not (self.shared and self.status == 404)
