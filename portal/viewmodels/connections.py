"""The Services in an app's namespace that it can be connected to, each with the environment
variable for its address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus, Service, ServicePort
from portal.domain.ports import is_web, scheme
from portal.state.model import AppState

_VARIABLES = {6379: "REDIS_URL", 8786: "DASK_SCHEDULER_ADDRESS", 10001: "RAY_ADDRESS"}
"""The variables that client libraries read by default, by the port of the service."""


class Connection(Struct, frozen=True):
    """One port of a Service. ``id`` names it in links: ``tasks-scheduler:8786``."""

    id: str
    release: Key
    variable: str
    address: str

    @property
    def line(self) -> str:
        """The line of environment variables that connects an app."""
        return f"{self.variable}={self.address}"


def connections(apps: Mapping[Key, AppState], namespace: str) -> tuple[Connection, ...]:
    """The connections that a namespace offers, sorted by release."""
    found = [
        each
        for key, state in apps.items()
        if key.namespace == namespace and _stands(state)
        for service in usable(state.services)
        for each in _of_service(key, service)
    ]
    return tuple(sorted(found, key=lambda each: (each.release, each.id)))


def usable(services: Iterable[Service]) -> tuple[Service, ...]:
    """The Services for other apps to use: without headless ones, if there are others."""
    own = [each for each in services if each.ports]
    return tuple(each for each in own if each.cluster_ip != "None") or tuple(own)


def connection_id(service: Service, port: ServicePort) -> str:
    """The ``Connection.id`` of a port."""
    return f"{service.key.name}:{port.port}"


def address(service: Service, port: ServicePort) -> str:
    """The address of a Service's port inside the cluster."""
    host = f"{service.key.name}.{service.key.namespace}.svc"
    speaks = scheme(port)
    usual = (speaks, port.port) in {("http", 80), ("https", 443)}
    return f"{speaks}://{host}" + ("" if usual else f":{port.port}")


def _stands(state: AppState) -> bool:
    release = state.release
    gone = {ReleaseStatus.UNINSTALLED, ReleaseStatus.UNINSTALLING}
    return release is not None and release.status not in gone


def _of_service(release: Key, service: Service) -> Iterable[Connection]:
    for port in service.ports:
        found = _variable(service, port)
        yield Connection(connection_id(service, port), release, found, address(service, port))


def _variable(service: Service, port: ServicePort) -> str:
    if port.port in _VARIABLES:
        return _VARIABLES[port.port]
    if scheme(port) == "tcp" and service.key.name.endswith("scheduler"):
        return _VARIABLES[8786]
    name = re.sub(r"[^A-Z0-9]+", "_", service.key.name.upper())
    suffix = "URL" if is_web(port) else "ADDRESS"
    several = f"_{port.port}" if len(service.ports) > 1 else ""
    return f"{name}{several}_{suffix}"
