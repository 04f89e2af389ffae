"""Gives each Service of type LoadBalancer an address of the pool.

The whole pool is routed to this machine, so the address in the Service's status is all that
kube-proxy needs to carry connections to the pods.
Runs as a process of the cluster: ``python -m dev.cluster.loadbalancer``.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Mapping
from typing import Any

from kubernetes import client, config, watch

from dev.cluster import settings

log = logging.getLogger("loadbalancer")

#: Seconds between full looks, which mend whatever a watch has missed.
RESYNC = 60

Key = tuple[str, str]


def wants_address(service: Any) -> bool:
    """Return True if this load balancer serves a Service (as the client returns it)."""
    spec, metadata = service.spec, service.metadata
    ours = spec.type == "LoadBalancer" and not spec.load_balancer_class
    return ours and metadata.deletion_timestamp is None


def current_address(service: Any) -> str | None:
    """The address in a Service's status."""
    status = service.status.load_balancer if service.status else None
    entries: list[Any] = (status.ingress if status else None) or []
    return entries[0].ip if entries else None


def assign(
    wanted: Mapping[Key, tuple[str | None, str | None]], pool: str = settings.LB_POOL
) -> dict[Key, str | None]:
    """Assign addresses to Services.

    ``wanted`` maps a Service to the address it has and the one its spec asks for. An address once
    given is kept; one asked for is given when it is free and in the pool; None when none is left.
    """
    network_ = ipaddress.ip_network(pool)
    hosts = [str(host) for host in network_.hosts()]
    valid = set(hosts)
    out: dict[Key, str | None] = {}
    taken: set[str] = set()
    for round_ in (0, 1):
        for key in sorted(wanted):
            address = wanted[key][round_]
            if key not in out and address in valid and address not in taken:
                out[key] = address
                taken.add(address)
    free = (host for host in hosts if host not in taken)
    for key in sorted(wanted):
        if key not in out:
            out[key] = next(free, None)
    return out


def reconcile(api: client.CoreV1Api) -> str:
    """Bring statuses in line with the Services there are; returns the version seen."""
    listed: Any = api.list_service_for_all_namespaces()
    ours: dict[Key, Any] = {
        (service.metadata.namespace, service.metadata.name): service
        for service in listed.items
        if wants_address(service)
    }
    given = assign({k: (current_address(s), s.spec.load_balancer_ip) for k, s in ours.items()})
    for (namespace, name), address in given.items():
        if address is None:
            log.warning("%s/%s: no address is left in %s", namespace, name, settings.LB_POOL)
        elif address != current_address(ours[namespace, name]):
            log.info("%s/%s gets %s", namespace, name, address)
            body = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
            api.patch_namespaced_service_status(name, namespace, body)
    return listed.metadata.resource_version


def main() -> None:
    """Reconcile at every change of a Service, and now and then anyway, for ever."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config.load_kube_config()
    api = client.CoreV1Api()
    while True:
        try:
            version = reconcile(api)
            watcher: Any = watch.Watch()
            for _event in watcher.stream(
                api.list_service_for_all_namespaces,
                resource_version=version,
                timeout_seconds=RESYNC,
                _request_timeout=RESYNC + 10,
            ):
                reconcile(api)
        except Exception as error:  # a controller outlives whatever the API server does
            log.warning("trying again: %s", str(error).splitlines()[0] if str(error) else error)
            time.sleep(1)


if __name__ == "__main__":
    main()
