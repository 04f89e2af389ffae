"""A checked request to launch an app with the built-in chart, ready to become values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from portal.domain.keys import Key
from portal.domain.sizes import Size


class Exposure(StrEnum):
    """The way in which an app is exposed."""

    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"
    CLUSTER_IP = "ClusterIP"
    INGRESS = "Ingress"
    HTTP_ROUTE = "HTTPRoute"

    @property
    def needs_hostname(self) -> bool:
        """True if this exposure requires a host name."""
        return self in {Exposure.INGRESS, Exposure.HTTP_ROUTE}


class EnvVar(Struct, frozen=True):
    """One environment variable of the app's container."""

    name: str
    value: str


class SecretVar(Struct, frozen=True):
    """A new secret variable. Its text does not hold the value, so that no log does."""

    name: str
    value: str

    def __repr__(self) -> str:
        return f"SecretVar({self.name!r})"

    __str__ = __repr__


class VolumeMount(Struct, frozen=True):
    """An existing PersistentVolumeClaim and the path at which it is mounted."""

    claim: str
    path: str
    read_only: bool = False


class AutoscalingSpec(Struct, frozen=True):
    """Bounds and targets of the HPA. Targets are percent of the request; None is off.

    ``scale_down_window`` is the scale-down stabilization window in seconds; None keeps
    Kubernetes' default of 300.
    """

    min_replicas: int
    max_replicas: int
    target_cpu: int | None
    target_memory: int | None
    scale_down_window: int | None = None


class LaunchSpec(Struct, frozen=True):
    """A checked request to launch or change an app of the built-in chart.

    Quantities are kept as entered ("250m", "256Mi"); "" means not set.
    ``autoscaling`` None means a fixed number of ``replicas``. With a ``size`` the quantities are
    its own. ``fields`` are the values of all
    other fields, by the field's name; one that is missing has the chart's default. ``env_keys``
    are entries of ``extraEnvVars``; ``secrets`` go into a Secret, never into values.
    """

    key: Key
    repository: str
    tag: str
    replicas: int
    autoscaling: AutoscalingSpec | None
    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str
    exposure: Exposure
    hostname: str = ""
    env: tuple[EnvVar, ...] = ()
    volume: VolumeMount | None = None
    env_keys: tuple[Mapping[str, object], ...] = ()
    secrets: tuple[SecretVar, ...] = ()
    size: Size | None = None
    fields: Mapping[str, object] = field(default_factory=dict[str, object])
