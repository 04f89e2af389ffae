"""The fields of the built-in chart's form: name, label, default, and the values they set."""

from __future__ import annotations

from enum import Enum, auto

from msgspec import Struct

from portal.domain.launch import Exposure

DEFAULT_PORT = 8050
DEFAULT_MOUNT_PATH = "/data"


class Link(Enum):
    """The ways in which a link to the form carries a field."""

    TEXT = auto()
    NUMBER = auto()
    TARGET = auto()
    """A number that can be switched off; the link then has the name without a number."""
    SWITCH = auto()


class LaunchField(Struct, frozen=True):
    """One field.

    ``paths`` are the values that it sets: Helm's errors about them, or about values below them,
    are shown beside the field. With ``link`` None links do not carry it, or in a way of its own. A
    ``preset`` may fill it in; with ``switched`` a switch beside it turns it off.
    """

    name: str
    label: str
    default: object = ""
    paths: tuple[str, ...] = ()
    link: Link | None = None
    preset: bool = False
    switched: bool = False


LAUNCH_FIELDS = (
    LaunchField("name", "Name"),
    LaunchField("namespace", "Namespace"),
    LaunchField("repository", "Image", paths=("image.registry", "image.repository"), preset=True),
    LaunchField("tag", "Tag", paths=("image.tag", "image.digest"), preset=True),
    LaunchField(
        "port",
        "Port",
        DEFAULT_PORT,
        ("containerPort", "containerPorts.http"),
        Link.NUMBER,
        preset=True,
    ),
    # Not in links: those end up in logs.
    LaunchField("env", "Environment variables", paths=("extraEnvVars",)),
    LaunchField("replicas", "Replicas", 1, ("replicaCount",), Link.NUMBER),
    LaunchField("autoscaling", "Autoscaling", default=False),
    LaunchField(
        "bounds",
        "Minimum and maximum replicas",
        paths=("autoscaling.minReplicas", "autoscaling.maxReplicas"),
    ),
    LaunchField(
        "target_cpu",
        "CPU target",
        70,
        ("autoscaling", "autoscaling.targetCPU"),
        Link.TARGET,
        switched=True,
    ),
    LaunchField(
        "target_memory",
        "Memory target",
        None,
        ("autoscaling.targetMemory",),
        Link.TARGET,
        switched=True,
    ),
    LaunchField(
        "scale_down_window",
        "Scale-down stabilization window",
        None,
        ("autoscaling.behavior",),
        Link.TARGET,
    ),
    LaunchField(
        "cpu_request", "CPU request", "100m", ("resources.requests.cpu",), Link.TEXT, preset=True
    ),
    LaunchField("cpu_limit", "CPU limit", "", ("resources.limits.cpu",), Link.TEXT, preset=True),
    LaunchField(
        "memory_request",
        "Memory request",
        "256Mi",
        ("resources.requests.memory",),
        Link.TEXT,
        preset=True,
    ),
    LaunchField(
        "memory_limit",
        "Memory limit",
        "256Mi",
        ("resources.limits.memory",),
        Link.TEXT,
        preset=True,
    ),
    LaunchField(
        "exposure",
        "Exposure",
        str(Exposure.LOAD_BALANCER),
        ("service", "httpRoute.parentRefs"),
        Link.TEXT,
    ),
    LaunchField("hostname", "Host name", "", ("ingress", "httpRoute"), Link.TEXT),
    LaunchField(
        "session_affinity",
        "Session affinity",
        False,
        ("sessionAffinity",),
        Link.SWITCH,
        preset=True,
    ),
    LaunchField("claim", "Volume claim", "", ("persistence",), Link.TEXT),
    LaunchField(
        "mount_path",
        "Mount path",
        DEFAULT_MOUNT_PATH,
        ("persistence.mountPath",),
        Link.TEXT,
    ),
    LaunchField("read_only", "Mount read-only", False, ("persistence.readOnly",), Link.SWITCH),
)

LABELS = {each.name: each.label for each in LAUNCH_FIELDS}

FIELDS = tuple(LABELS)
"""The field ids of the launch form."""

PRESET_FIELDS = tuple(each.name for each in LAUNCH_FIELDS if each.preset)
"""The fields that a preset may fill in."""

SWITCHED = tuple(each.name for each in LAUNCH_FIELDS if each.switched)
"""The fields with a switch beside them."""

_BY_PATH = {path: each.name for each in LAUNCH_FIELDS for path in each.paths}


def fields_linked_as(*kinds: Link) -> tuple[str, ...]:
    """The fields that links carry in one of these ways."""
    return tuple(each.name for each in LAUNCH_FIELDS if each.link in kinds)


def field_of(path: str) -> str:
    """The name of the field that sets the values path, or a path above it; "" if none does."""
    while path:
        if path in _BY_PATH:
            return _BY_PATH[path]
        path = path.rpartition(".")[0]
    return ""
