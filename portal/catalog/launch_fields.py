"""The fields of the built-in chart's form: what each is called, holds at first, and stands for."""

from __future__ import annotations

from enum import Enum, auto

from msgspec import Struct

from portal.domain.launch import Exposure

DEFAULT_PORT = 8050
DEFAULT_MOUNT_PATH = "/data"


class Link(Enum):
    """How a link to the form carries a field."""

    TEXT = auto()
    NUMBER = auto()
    TARGET = auto()
    """A number that can be switched off: a link then names it without one."""
    SWITCH = auto()


class LaunchField(Struct, frozen=True):
    """One field.

    ``paths`` are the values that it becomes: what Helm says of them, or of what is below them, is
    said beside it. ``link`` None: links do not carry it, or in another way. A ``preset`` may fill
    it in, and with ``switched`` a switch beside it turns it off.
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
        "Fewest and most pods",
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
        "Calm before scaling down",
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
        "How it is reached",
        str(Exposure.LOAD_BALANCER),
        ("service", "httpRoute.parentRefs"),
        Link.TEXT,
    ),
    LaunchField("hostname", "Host name", "", ("ingress", "httpRoute"), Link.TEXT),
    LaunchField(
        "session_affinity",
        "Same pod for each visitor",
        False,
        ("sessionAffinity",),
        Link.SWITCH,
        preset=True,
    ),
    LaunchField("claim", "Volume", "", ("persistence",), Link.TEXT),
    LaunchField(
        "mount_path",
        "Folder in the app",
        DEFAULT_MOUNT_PATH,
        ("persistence.mountPath",),
        Link.TEXT,
    ),
    LaunchField("read_only", "Only read from it", False, ("persistence.readOnly",), Link.SWITCH),
)

LABELS = {each.name: each.label for each in LAUNCH_FIELDS}

FIELDS = tuple(LABELS)
"""The field ids of the launch form."""

PRESET_FIELDS = tuple(each.name for each in LAUNCH_FIELDS if each.preset)
"""Those that a preset may fill in."""

SWITCHED = tuple(each.name for each in LAUNCH_FIELDS if each.switched)
"""Those with a switch beside them."""

_BY_PATH = {path: each.name for each in LAUNCH_FIELDS for path in each.paths}


def linked(*kinds: Link) -> tuple[str, ...]:
    """The fields that links carry in one of these ways."""
    return tuple(each.name for each in LAUNCH_FIELDS if each.link in kinds)


def field_of(path: str) -> str:
    """The field that a path of values belongs to, "" if none does."""
    while path:
        if path in _BY_PATH:
            return _BY_PATH[path]
        path = path.rpartition(".")[0]
    return ""
