"""The requests that a pod's usage is compared with."""

from __future__ import annotations

from collections.abc import Mapping

from portal.autoscaling.state import Container, ContainerRole, Pod


def request_of(pod: Pod, resource: str, container: str, *, strict: bool) -> tuple[int, str]:
    """Return a pod's request of a resource in thousandths, and why there is none, or "".

    ``container`` names the one container that counts; "" for the whole pod. If ``strict``, a pod
    without that container is an error, else its request is 0.
    """
    if container:
        return _of_container(pod, resource, container, strict=strict)
    if pod.requests and any(map(_of_whole_pods, pod.requests)):
        return _of_whole_pod(pod, pod.requests, resource)
    total = 0
    for each in pod.containers:
        if each.role is ContainerRole.INIT:
            continue
        request = each.requests.get(resource)
        if request is None:
            return 0, f"container {each.name} of pod {pod.name} requests no {resource}"
        total += request
    return total, ""


def _of_container(pod: Pod, resource: str, name: str, *, strict: bool) -> tuple[int, str]:
    for each in pod.containers:
        if each.name == name and each.role is not ContainerRole.INIT:
            request = each.requests.get(resource)
            if request is None:
                return 0, f"container {name} of pod {pod.name} requests no {resource}"
            return request, ""
    return 0, f"pod {pod.name} has no container {name}" if strict else ""


def _of_whole_pods(resource: str) -> bool:
    """Return True for a resource that a pod as a whole can request."""
    return resource in {"cpu", "memory"} or resource.startswith("hugepages-")


def _of_whole_pod(pod: Pod, requests: Mapping[str, int], resource: str) -> tuple[int, str]:
    """Return the request of a pod that requests something as a whole, with its overhead."""
    request = requests.get(resource) if _of_whole_pods(resource) else None
    if request is None:
        request = _aggregated(pod.containers, resource)
    overhead = pod.overhead.get(resource)
    if request is None and overhead is None:
        return 0, f"pod {pod.name} requests no {resource}"
    return (request or 0) + (overhead or 0), ""


def _aggregated(containers: tuple[Container, ...], resource: str) -> int | None:
    """Return what the containers need at the same time; None if none of them requests any.

    An init container needs its request beside those of the sidecars that started before it.
    """
    named = False
    main = sidecars = init = 0
    for each in containers:
        request = each.requests.get(resource)
        if request is not None:
            named = True
        if each.role is ContainerRole.MAIN:
            main += request or 0
        elif each.role is ContainerRole.SIDECAR:
            sidecars += request or 0
            init = max(init, sidecars)
        else:
            init = max(init, sidecars + (request or 0))
    return max(main + sidecars, init) if named else None
