"""Kubernetes objects, cut down to the fields that the portal uses.

Times are timezone-aware UTC; CPU is in cores, memory in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct, field

from portal.domain.keys import Key
from portal.domain.operations import OperationLease
from portal.domain.owners import NOBODY, Owners
from portal.domain.packed import PackedText


class Kind(StrEnum):
    """The kinds that the portal watches."""

    RELEASE = "Release"
    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
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


class ReleaseStatus(StrEnum):
    """Helm's own release states (label ``status`` of its Secrets)."""

    UNKNOWN = "unknown"
    DEPLOYED = "deployed"
    UNINSTALLED = "uninstalled"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    UNINSTALLING = "uninstalling"
    PENDING_INSTALL = "pending-install"
    PENDING_UPGRADE = "pending-upgrade"
    PENDING_ROLLBACK = "pending-rollback"

    @property
    def pending(self) -> bool:
        """Whether Helm is, or was left, in the middle of something."""
        return self.value.startswith("pending-") or self is ReleaseStatus.UNINSTALLING


class Condition(Struct, frozen=True):
    """A status condition as Kubernetes writes it."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    changed_at: datetime | None = None


class Release(Struct, frozen=True):
    """The newest revision of a Helm release, from its Secret's metadata alone.

    ``uid`` is the Secret's: a release that is installed again has records of the same names.
    ``owners`` are those that its labels tell.
    """

    key: Key
    revision: int
    status: ReleaseStatus
    updated_at: datetime | None
    secret_name: str
    uid: str = ""
    owners: Owners = NOBODY


class Recorded(Struct, frozen=True):
    """What Helm has recorded last of a release.

    ``operation`` is the portal's operation that made this revision, "" for anybody else's;
    ``secret`` and ``version`` are where Helm keeps it, and ``owners`` those that its labels tell;
    ``source`` is where its chart came from, "" if that is not known.
    """

    revision: int
    status: ReleaseStatus
    operation: str
    description: str
    secret: str = ""
    version: str = ""
    chart: str = ""
    chart_version: str = ""
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    source: str = ""
    owners: Owners = NOBODY


class ReleaseDetail(Struct, frozen=True):
    """A decoded release body (one revision). ``damaged`` says why it could not be decoded;
    ``uid`` is that of the ``Release`` it is the body of. ``fingerprint`` and ``source`` tell
    where its chart came from: see ``charts.Made``. ``shown`` are the values as YAML for people."""

    key: Key
    revision: int
    chart: str = ""
    chart_version: str = ""
    app_version: str = ""
    description: str = ""
    notes: str = ""
    values: Mapping[str, object] = field(default_factory=dict[str, object])
    shown: PackedText = field(default_factory=PackedText)
    first_deployed: datetime | None = None
    last_deployed: datetime | None = None
    damaged: str = ""
    uid: str = ""
    fingerprint: str = ""
    source: str = ""


class Container(Struct, frozen=True):
    """One container of a pod. ``state`` is waiting, running or terminated.

    ``last_*`` tell of the run before (``lastState.terminated``); ``last_message`` is its
    termination message, the end of its log where the chart asks for that. ``started_at`` is
    ``state.running.startedAt``. ``init`` marks an init container: only unfinished ones are kept.
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


class Pod(Struct, frozen=True):
    """A pod. ``cpu_request`` and ``memory_request`` are sums over its containers.

    ``finalizers`` are those that somebody has to take away before it is deleted for good; only
    of a pod that is being deleted.
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


class Workload(Struct, frozen=True):
    """A Deployment or StatefulSet, the thing that owns an app's pods.

    ``deleting_since`` and ``finalizers`` as those of a pod.
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


class ReplicaSet(Struct, frozen=True):
    """A ReplicaSet, watched for the conditions that say why it cannot make pods (quota)."""

    key: Key
    owner: str
    desired: int
    current: int
    conditions: tuple[Condition, ...]
    uid: str = ""


class HpaMetric(Struct, frozen=True):
    """One metric of an HPA. For ``Utilization`` both numbers are percent of the request.

    ``current`` is None while the HPA has no reading (``<unknown>``).
    """

    name: str
    target_type: str
    target: float
    current: float | None
    current_average: str = ""


class Hpa(Struct, frozen=True):
    """A HorizontalPodAutoscaler (autoscaling/v2)."""

    key: Key
    release: str
    target_kind: str
    target_name: str
    min_replicas: int
    max_replicas: int
    current: int
    desired: int
    metrics: tuple[HpaMetric, ...]
    conditions: tuple[Condition, ...]
    last_scale_at: datetime | None = None
    scale_down_window: int = 300
    uid: str = ""


class ServicePort(Struct, frozen=True):
    """A port of a Service."""

    port: int
    node_port: int | None = None
    name: str = ""


class Service(Struct, frozen=True):
    """A Service; ``addresses`` are what its load balancer published (IPs or host names)."""

    key: Key
    release: str
    type: str
    cluster_ip: str
    ports: tuple[ServicePort, ...]
    addresses: tuple[str, ...] = ()


class Ingress(Struct, frozen=True):
    """An Ingress; ``hosts`` in rule order, ``tls_hosts`` those with TLS."""

    key: Key
    release: str
    class_name: str
    hosts: tuple[str, ...]
    tls_hosts: tuple[str, ...]
    addresses: tuple[str, ...] = ()


class HttpRoute(Struct, frozen=True):
    """A Gateway API HTTPRoute; ``accepted`` None until a gateway has answered."""

    key: Key
    release: str
    hosts: tuple[str, ...]
    gateways: tuple[Key, ...]
    accepted: bool | None
    message: str = ""


class Gateway(Struct, frozen=True):
    """A Gateway API Gateway with the addresses and listener protocols it offers."""

    key: Key
    addresses: tuple[str, ...]
    protocols: tuple[tuple[str, int], ...]


class Event(Struct, frozen=True):
    """A Kubernetes event, about ``about_kind``/``about_name`` in the key's namespace."""

    key: Key
    about_kind: str
    about_name: str
    about_uid: str
    type: str
    reason: str
    message: str
    count: int
    last_at: datetime


class Node(Struct, frozen=True):
    """A node: can it take pods, and how are NodePorts reached."""

    name: str
    ready: bool
    unschedulable: bool
    internal_ip: str
    cpu: float
    memory: float


class Quota(Struct, frozen=True):
    """A ResourceQuota: resource name (``requests.cpu``, ``pods``) → quantity, as Kubernetes has it.

    ``hard`` and ``used`` are both of the status, so that they belong together.
    """

    key: Key
    hard: Mapping[str, str]
    used: Mapping[str, str]


class PodUsage(Struct, frozen=True):
    """What a pod uses: cores and bytes, averaged over ``window`` seconds, at ``at``."""

    key: Key
    cpu: float
    memory: float
    at: datetime
    window: float


class Probe(Struct, frozen=True):
    """Whether the app's URL answered the portal. ``status`` is the HTTP status, 0 for none.

    ``shared``: an ingress controller or gateway, which serves other hosts too, stands in front.
    """

    url: str
    status: int
    error: str
    checked_at: datetime
    shared: bool = False

    @property
    def answered(self) -> bool:
        """Whether the status comes from the app.

        A proxy that has no pod for it says 502, 503 or 504, and 404 until it knows the host name.
        """
        return 0 < self.status < 500 and not (self.shared and self.status == 404)


Watched: TypeAlias = (
    Release
    | Workload
    | ReplicaSet
    | Pod
    | Hpa
    | Service
    | Ingress
    | HttpRoute
    | Gateway
    | Event
    | Node
    | Quota
    | OperationLease
)
"""Any object that a watch delivers."""
