"""Secrets that images are pulled with."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

DOCKER_CONFIG_JSON = "kubernetes.io/dockerconfigjson"
DOCKER_CFG = "kubernetes.io/dockercfg"


class PullSecret(Struct, frozen=True):
    """A Secret that may hold user names and passwords of registries.

    ``config`` is the Docker configuration in it, None where it has none. It is never written down.
    """

    name: str
    type: str
    config: bytes | None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    def __repr__(self) -> str:
        return f"PullSecret({self.name!r}, {self.type!r})"
