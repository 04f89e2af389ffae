"""The API's objects, as far as the portal reads them.

Straight from JSON: what is not named here is passed over without being made. What the API leaves
out has its default here; lists and parts may also be null.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct, field

from portal.domain.keys import Key

Json = Raw | bytes | str
Shape = TypeVar("Shape")
Found = TypeVar("Found")


def reading(shape: type[Shape]) -> Callable[[Callable[[Shape], Found]], Callable[[Json], Found]]:
    """Have a function of ``shape`` take an object as JSON.

    It then raises ``ValueError`` for what is not of that shape, saying where.
    """
    read = msgspec.json.Decoder(shape).decode

    def decorate(decode: Callable[[Shape], Found]) -> Callable[[Json], Found]:
        @wraps(decode)
        def of_json(raw: Json) -> Found:
            return decode(read(raw))

        return of_json

    return decorate


class Part(Struct, frozen=True, rename="camel", gc=False):
    """A part of an object of the API; its fields are named as there, in ``camelCase``."""


class Owner(Part, frozen=True):
    """``metadata.ownerReferences[]``."""

    name: str
    controller: bool | None = None


class Written(Part, frozen=True):
    """``metadata.managedFields[]``, without the fields."""

    time: datetime | None = None


class Name(Part, frozen=True):
    """As much of ``metadata`` as tells an object and its versions apart; and its annotations."""

    name: str
    namespace: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class Meta(Name, frozen=True, kw_only=True):
    """``metadata``."""

    creation_timestamp: datetime
    uid: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    owner_references: tuple[Owner, ...] | None = None
    finalizers: tuple[str, ...] | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None


class Condition(Part, frozen=True):
    """``status.conditions[]``."""

    type: str
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class _Conditions(Part, frozen=True):
    conditions: tuple[Condition, ...] | None = None


# Workloads.


class _Selector(Part, frozen=True):
    match_labels: dict[str, str] | None = None


class _Image(Part, frozen=True):
    image: str = ""


class _TemplateSpec(Part, frozen=True):
    containers: tuple[_Image, ...] | None = None


class _Template(Part, frozen=True):
    spec: _TemplateSpec | None = None


class _WorkloadSpec(Part, frozen=True):
    replicas: int | None = None
    selector: _Selector | None = None
    template: _Template | None = None


class _WorkloadStatus(_Conditions, frozen=True):
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    observed_generation: int = 0


class Workload(Part, frozen=True):
    """A Deployment or StatefulSet of apps/v1, or a ReplicaSet."""

    metadata: Meta
    spec: _WorkloadSpec
    status: _WorkloadStatus = _WorkloadStatus()


# Pods.


class Resources(Part, frozen=True):
    """``resources`` of a container, or of a pod as a whole."""

    requests: dict[str, str] | None = None


class ContainerSpec(Part, frozen=True):
    """``spec.containers[]``."""

    name: str
    image: str = ""
    resources: Resources | None = None
    restart_policy: str = ""


class ContainerMoment(Part, frozen=True):
    """What is said of a container that waits, runs or has ended."""

    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started_at: datetime | None = None


class ContainerState(Part, frozen=True):
    """``state`` of a container: one of the three."""

    waiting: ContainerMoment | None = None
    running: ContainerMoment | None = None
    terminated: ContainerMoment | None = None


class ContainerStatus(Part, frozen=True):
    """``status.containerStatuses[]``."""

    name: str
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodSpec(Part, frozen=True):
    """``spec`` of a Pod."""

    containers: tuple[ContainerSpec, ...] = ()
    init_containers: tuple[ContainerSpec, ...] | None = None
    node_name: str = ""
    resources: Resources | None = None


class PodStatus(_Conditions, frozen=True):
    """``status`` of a Pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    container_statuses: tuple[ContainerStatus, ...] | None = None
    init_container_statuses: tuple[ContainerStatus, ...] | None = None


class Pod(Part, frozen=True):
    """A Pod."""

    metadata: Meta
    spec: PodSpec
    status: PodStatus = PodStatus()


class ContainerUsage(Part, frozen=True):
    """``containers[]`` of PodMetrics."""

    usage: dict[str, str]


class PodMetrics(Part, frozen=True):
    """What a pod uses, of metrics.k8s.io/v1beta1."""

    metadata: Name
    timestamp: datetime
    containers: tuple[ContainerUsage, ...] = ()
    window: str = "0s"


# Autoscalers.


class _Named(Part, frozen=True):
    name: str = ""


class MetricValue(Part, frozen=True):
    """``target`` of a metric, or ``current``."""

    type: str = ""
    average_utilization: int | None = None
    average_value: str = ""
    value: str = ""


class MetricSource(Part, frozen=True):
    """The part of a metric that is named after its type."""

    name: str = ""
    container: str = ""
    metric: _Named = _Named()
    target: MetricValue = MetricValue()
    current: MetricValue = MetricValue()


class Metric(Part, frozen=True):
    """``spec.metrics[]`` or ``status.currentMetrics[]``."""

    type: str = ""
    resource: MetricSource | None = None
    container_resource: MetricSource | None = None
    pods: MetricSource | None = None
    object: MetricSource | None = None
    external: MetricSource | None = None


class _Target(Part, frozen=True):
    kind: str
    name: str


class _ScalingRules(Part, frozen=True):
    stabilization_window_seconds: int | None = None


class _Behavior(Part, frozen=True):
    scale_down: _ScalingRules | None = None


class _HpaSpec(Part, frozen=True):
    scale_target_ref: _Target
    max_replicas: int
    min_replicas: int | None = None
    metrics: tuple[Metric, ...] | None = None
    behavior: _Behavior | None = None


class _HpaStatus(_Conditions, frozen=True):
    current_replicas: int = 0
    desired_replicas: int = 0
    current_metrics: tuple[Metric, ...] | None = None
    last_scale_time: datetime | None = None


class Hpa(Part, frozen=True):
    """A HorizontalPodAutoscaler of autoscaling/v2."""

    metadata: Meta
    spec: _HpaSpec
    status: _HpaStatus = _HpaStatus()


# Nodes, quotas, events, releases, leases.


class _NodeSpec(Part, frozen=True):
    unschedulable: bool = False


class _NodeAddress(Part, frozen=True):
    type: str
    address: str


class _NodeStatus(_Conditions, frozen=True):
    allocatable: dict[str, str] | None = None
    addresses: tuple[_NodeAddress, ...] | None = None


class Node(Part, frozen=True):
    """A Node."""

    metadata: Meta
    spec: _NodeSpec = _NodeSpec()
    status: _NodeStatus = _NodeStatus()


class _QuotaStatus(Part, frozen=True):
    hard: dict[str, str] | None = None
    used: dict[str, str] | None = None


class Quota(Part, frozen=True):
    """A ResourceQuota."""

    metadata: Meta
    status: _QuotaStatus = _QuotaStatus()


class _About(Part, frozen=True):
    kind: str = ""
    name: str = ""
    uid: str = ""


class _Series(Part, frozen=True):
    count: int = 0
    last_observed_time: datetime | None = None


class Event(Part, frozen=True):
    """An Event of the core group, in its older or newer style."""

    metadata: Meta
    involved_object: _About
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 0
    series: _Series | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None


class RecordMeta(Meta, frozen=True):
    """``metadata`` of a release's Secret, with when it was written."""

    managed_fields: tuple[Written, ...] | None = None


class Record(Part, frozen=True):
    """The Secret that Helm keeps a revision in; its metadata alone."""

    metadata: RecordMeta


class _LeaseSpec(Part, frozen=True):
    holder_identity: str | None = None


class Lease(Part, frozen=True):
    """A Lease of coordination.k8s.io/v1."""

    metadata: Name
    spec: _LeaseSpec = _LeaseSpec()


# Ways in.


class _Published(Part, frozen=True):
    hostname: str = ""
    ip: str = ""


class _LoadBalancer(Part, frozen=True):
    ingress: tuple[_Published, ...] | None = None


class Balanced(Part, frozen=True):
    """``status`` of a Service or an Ingress."""

    load_balancer: _LoadBalancer = _LoadBalancer()


class _Port(Part, frozen=True):
    port: int
    name: str = ""
    node_port: int | None = None
    protocol: str = "TCP"


class _ServiceSpec(Part, frozen=True):
    type: str = "ClusterIP"
    cluster_ip: str = field(default="", name="clusterIP")
    ports: tuple[_Port, ...] | None = None


class Service(Part, frozen=True):
    """A Service."""

    metadata: Meta
    spec: _ServiceSpec
    status: Balanced = Balanced()


class _Rule(Part, frozen=True):
    host: str = ""


class _Tls(Part, frozen=True):
    hosts: tuple[str, ...] | None = None


class _IngressSpec(Part, frozen=True):
    ingress_class_name: str | None = None
    rules: tuple[_Rule, ...] | None = None
    tls: tuple[_Tls, ...] | None = None


class Ingress(Part, frozen=True):
    """An Ingress of networking.k8s.io/v1."""

    metadata: Meta
    spec: _IngressSpec = _IngressSpec()
    status: Balanced = Balanced()


class _ParentRef(Part, frozen=True):
    name: str
    namespace: str | None = None
    kind: str = "Gateway"


class _RouteSpec(Part, frozen=True):
    hostnames: tuple[str, ...] | None = None
    parent_refs: tuple[_ParentRef, ...] | None = None


class _RouteStatus(Part, frozen=True):
    parents: tuple[_Conditions, ...] | None = None


class HttpRoute(Part, frozen=True):
    """An HTTPRoute of the Gateway API."""

    metadata: Meta
    spec: _RouteSpec = _RouteSpec()
    status: _RouteStatus = _RouteStatus()


class _Listener(Part, frozen=True):
    protocol: str
    port: int


class _GatewaySpec(Part, frozen=True):
    listeners: tuple[_Listener, ...] | None = None


class _GatewayAddress(Part, frozen=True):
    value: str


class _GatewayStatus(Part, frozen=True):
    addresses: tuple[_GatewayAddress, ...] | None = None


class Gateway(Part, frozen=True):
    """A Gateway of the Gateway API."""

    metadata: Meta
    spec: _GatewaySpec = _GatewaySpec()
    status: _GatewayStatus = _GatewayStatus()


# Lists and watches.


class ListMeta(Part, frozen=True):
    """``metadata`` of a list; ``rest`` is what its next page is asked for with."""

    resource_version: str = ""
    rest: str = field(default="", name="continue")


class ObjectList(Part, frozen=True):
    """A page of a list, its items unread."""

    metadata: ListMeta | None = None
    items: tuple[Raw, ...] | None = None


class Change(Part, frozen=True):
    """One line of a watch, its object unread."""

    object: Raw
    type: str = ""


class _AnyMeta(Part, frozen=True):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class AnyObject(Part, frozen=True):
    """What every object has; and of a ``Status``, what went wrong."""

    metadata: _AnyMeta = _AnyMeta()
    code: int | None = None
    message: str = ""

    @property
    def key(self) -> Key:
        """Namespace and name, "" where it has none."""
        return Key(self.metadata.namespace, self.metadata.name)


def anything(raw: Json) -> AnyObject:
    """What an object has in common with all others, however odd it is."""
    try:
        return _any(raw)
    except ValueError:
        return AnyObject()


_any = msgspec.json.Decoder(AnyObject).decode
