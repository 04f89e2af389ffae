"""The container that somebody asks for: whether it is one of the release, and may be used."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from portal.domain.errors import Conflict, NotFound
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Pod
from portal.domain.permissions import Permission
from portal.releases.access import Access
from portal.state.store import Store

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_CONTAINER = re.compile(r"[a-z0-9-]{0,63}")


class Place(Struct, frozen=True):
    """A container of a pod of a release; ``container`` "" is the pod's first one."""

    release: Key
    pod: str
    container: str = ""

    @property
    def pod_key(self) -> Key:
        """The pod's namespace and name."""
        return Key(self.release.namespace, self.pod)


def place_of(asked: Mapping[str, str]) -> Place | None:
    """Return the container that a browser names; None if that is malformed."""
    namespace, name, pod = (asked.get(each, "") for each in ("namespace", "name", "pod"))
    container = asked.get("container", "")
    if not all(map(_NAME.fullmatch, (namespace, name, pod))) or not _CONTAINER.fullmatch(container):
        return None
    return Place(Key(namespace, name), pod, container)


def containers_of(pod: Pod) -> tuple[str, ...]:
    """Return the names of the containers of a pod that run, the app's own first."""
    running = [each for each in pod.containers if each.state == "running"]
    ordered = sorted(running, key=lambda each: each.sidecar or each.init)
    return tuple(each.name for each in ordered)


class Places:
    """Finds containers for those who may run commands in them."""

    def __init__(self, store: Store, access: Access) -> None:
        self._store = store
        self._access = access

    async def find(self, identity: Identity, place: Place) -> Place:
        """Return the place with its container named.

        Raises:
            Forbidden: ``identity`` may not run commands in the release's pods.
            NotFound: it is no pod of the release, or no container of the pod.
            Conflict: it does not run.
        """
        await self._access.check(identity, Permission.EXEC, place.release)
        pod = self.pod(place)
        if pod is None:
            raise NotFound(f"There is no pod {place.pod} in the release {place.release.name}.")
        running = containers_of(pod)
        if place.container and all(each.name != place.container for each in pod.containers):
            raise NotFound(f"There is no container {place.container} in the pod {place.pod}.")
        if not running or (place.container and place.container not in running):
            raise Conflict(
                f"{place.container or place.pod} does not run now.",
                "Why is on the app's page. Try again when it runs.",
            )
        return Place(place.release, place.pod, place.container or running[0])

    def pod(self, place: Place) -> Pod | None:
        """Return the pod, if it is one of the release."""
        pods = self._store.snapshot.app(place.release).pods
        return next((each for each in pods if each.key == place.pod_key), None)
