"""The description of a watched kind: its API path, and the decoding of its objects."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from portal.cluster.api_types import Json
from portal.domain.keys import Key
from portal.domain.objects import Kind, Watched

CORE = "/api/v1"
APPS = "/apis/apps/v1"
BATCH = "/apis/batch/v1"
GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"

Decode = Callable[[Json], tuple[Key, Watched]]
"""Returns an object's key and its domain object; raises any exception for an invalid one."""


class Resource(Struct, frozen=True):
    """A watched kind: its API path, and the decoding of its objects.

    The domain type determines what objects belong to: see ``domain.relations``.
    """

    kind: Kind
    title: str
    """Name of these objects for people, in the plural."""
    group: str
    """Path of the API group and version, such as ``/apis/apps/v1``."""
    plural: str
    decode: Decode
    namespaced: bool = True
    optional: bool = False
    """True if a cluster need not serve this API: a 404 for its list is no failure."""
    selector: str = ""
    """Label selector. An object that stops matching is reported as deleted."""
    last: bool = False
    """True if all other kinds are listed before it."""
    verbs: tuple[str, ...] = ("list", "watch")
    """RBAC verbs that the portal's account needs."""
    list_accept: str = "application/json"
    watch_accept: str = "application/json"

    def path(self, namespace: str | None) -> str:
        """The path of the collection, in one namespace or (None) in all."""
        inside = f"/namespaces/{namespace}" if namespace is not None else ""
        return f"{self.group}{inside}/{self.plural}"
