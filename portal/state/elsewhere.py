"""Recognition of releases that are managed elsewhere: objects without a record. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from portal.domain.management import Management
from portal.state.model import AppState


class ManagedElsewhere(Struct, frozen=True):
    """A release whose record the portal does not find in a Secret of the release's namespace.

    ``objects`` are what it has in the cluster, such as "Deployment web". ``manager`` is the tool
    that their labels name, "" if none.
    """

    objects: tuple[str, ...]
    manager: str = ""


def managed_elsewhere(state: AppState) -> ManagedElsewhere | None:
    """The objects of a release without a record; None if it has one, or all of them are going.

    Its record may be in a ConfigMap or a database (``HELM_DRIVER``), or in another namespace that
    the portal does not watch (Flux' ``storageNamespace``). What an uninstall has kept by policy
    is no release.
    """
    if state.release is not None:
        return None
    living = [(name, each) for name, each in _remaining(state) if not each.kept]
    if not living:
        return None
    manager = next((each.manager for _, each in living if each.manager), "")
    return ManagedElsewhere(tuple(name for name, _ in living), manager)


def left_behind(state: AppState) -> tuple[str, ...]:
    """The objects that the policy ``keep`` has left of a release that is gone."""
    if state.release is not None:
        return ()
    return tuple(name for name, each in _remaining(state) if each.kept)


def manager_of(state: AppState) -> str:
    """The tool beside Helm that the labels of an app's objects name; "" if none."""
    return next((each.manager for _, each in _remaining(state) if each.manager), "")


def _remaining(state: AppState) -> Iterator[tuple[str, Management]]:
    """The objects that are not being deleted, by a name for people."""
    found = (
        *((each.kind, each) for each in state.workloads),
        *(("Job", each) for each in state.jobs if not each.owner),
        *(("CronJob", each) for each in state.cron_jobs),
        *(("Service", each) for each in state.services),
        *(("Ingress", each) for each in state.ingresses),
        *(("HTTPRoute", each) for each in state.routes),
    )
    for kind, each in found:
        if not each.management.deleting:
            yield f"{kind} {each.key.name}", each.management
