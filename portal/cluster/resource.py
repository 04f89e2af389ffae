"""The description of a watched kind: where the API has it, and how its objects are read."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from portal.cluster.api_types import Json
from portal.domain.keys import Key
from portal.domain.objects import Kind, Watched

CORE = "/api/v1"
APPS = "/apis/apps/v1"
GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"

Decode = Callable[[Json], tuple[Key, Watched]]
"""Makes an object's key and what the portal keeps of it; raises (anything) on an odd one."""


class Resource(Struct, frozen=True):
    """A kind of object that is watched: where the API has it, and how it is read.

    What it belongs to is told by its domain type: see ``domain.relations``.
    """

    kind: Kind
    title: str
    """What people call these objects, in the plural."""
    group: str
    """Path of the API group and version, such as ``/apis/apps/v1``."""
    plural: str
    decode: Decode
    namespaced: bool = True
    optional: bool = False
    """Whether a cluster may well not have this API: where its list is not found, there is none."""
    selector: str = ""
    """Label selector. An object that stops matching is reported as deleted."""
    last: bool = False
    """Whether all other kinds are listed before it."""
    verbs: tuple[str, ...] = ("list", "watch")
    """What the portal's account must be allowed to do with them."""
    list_accept: str = "application/json"
    watch_accept: str = "application/json"

    def path(self, namespace: str | None) -> str:
        """Path of the collection, in one namespace or (None) in all."""
        inside = f"/namespaces/{namespace}" if namespace is not None else ""
        return f"{self.group}{inside}/{self.plural}"
