"""The protocol of a Service's port, inferred from its number and name. Pure."""

from __future__ import annotations

from portal.domain.objects import ServicePort

_HTTPS = frozenset({443, 8443})

_BY_NUMBER = {
    3306: "mysql",
    5432: "postgresql",
    6379: "redis",
    8786: "tcp",  # Dask's scheduler
    10001: "ray",
    27017: "mongodb",
}
_BY_NAME = frozenset({"amqp", "grpc", "mqtt", "mysql", "nats", "redis", "tcp", "ws"})
"""Conventional prefixes of port names for protocols other than HTTP."""


def scheme(port: ServicePort) -> str:
    """Return the URL scheme of a port; ``http`` unless its number or name indicates another.

    >>> scheme(ServicePort(8786)), scheme(ServicePort(80, name="tcp-comm")), scheme(ServicePort(80))
    ('tcp', 'tcp', 'http')
    """
    if port.port in _HTTPS or port.name.startswith("https"):
        return "https"
    prefix = port.name.partition("-")[0]
    return _BY_NUMBER.get(port.port) or (prefix if prefix in _BY_NAME else "http")


def is_web(port: ServicePort) -> bool:
    """Return True if a browser can open the port."""
    return scheme(port) in {"http", "https"}
