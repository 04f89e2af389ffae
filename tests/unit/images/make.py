"""An inspector over a fake registry, with fake Secrets."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager

from portal.domain.errors import Forbidden, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.objects import Node
from portal.domain.pull_secrets import DOCKER_CONFIG_JSON, PullSecret
from portal.images.inspector import ImageInspector
from portal.images.registries import ImageLookup, ImageRegistry, Registries
from portal.images.report import Image, ImageConfig, ImageReport, Platform
from portal.registry.fetch import HttpFetch

ANN = Identity("ann")
SHARED = {"dash-portal.io/shared": "true"}
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


def node(architecture: str = "amd64", *, ready: bool = True, unschedulable: bool = False) -> Node:
    return Node("n", ready, unschedulable, "", 1.0, 1.0, "linux", architecture)


def pull_secret(
    name: str, host: str, username: str, password: str, labels: dict[str, str] | None = None
) -> PullSecret:
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    config = json.dumps({"auths": {host: {"auth": auth}}}).encode()
    return PullSecret(name, DOCKER_CONFIG_JSON, config, labels or {})


class FakePullSecrets:
    """Secrets of the namespace ``apps``; ``default`` are those of the ServiceAccount."""

    def __init__(self, *secrets: PullSecret, default: tuple[str, ...] = ()) -> None:
        self.secrets = {each.name: each for each in secrets}
        self.default = default
        self.error: PortalError | None = None

    async def of_account(self, account: Key, *, identity: Identity | None) -> tuple[str, ...]:
        if self.error:
            raise self.error
        return self.default if account == Key("apps", "default") else ()

    async def secret(self, key: Key, *, identity: Identity | None) -> PullSecret | None:
        return self.secrets.get(key.name) if key.namespace == "apps" else None


def only_in_apps(identity: Identity, namespace: str) -> Forbidden | None:
    return None if namespace == "apps" else Forbidden("Not there.")


@asynccontextmanager
async def inspecting(
    host: str = "",
    *,
    registry: ImageRegistry | None = None,
    secrets: FakePullSecrets | None = None,
    nodes: Iterable[Node] = (node(),),
    lookup: ImageLookup = ImageLookup.PUBLIC,
    allowed: tuple[str, ...] = (),
    deadline: float = 20.0,
    concurrency: int = 8,
    clock: Callable[[], float] = lambda: 0.0,
) -> AsyncGenerator[ImageInspector]:
    """An inspector that knows the registry at ``host``, without TLS."""
    if host and registry is None:
        registry = ImageRegistry(host, f"http://{host}")
    fetch = HttpFetch(deadline)
    inspector = ImageInspector(
        fetch,
        Registries((registry,) if registry else (), lookup),
        secrets or FakePullSecrets(),
        only_in_apps,
        lambda: nodes,
        allowed=allowed,
        deadline=deadline,
        concurrency=concurrency,
        clock=clock,
    )
    try:
        yield inspector
    finally:
        await inspector.close()
        await fetch.close()


def report(
    config: ImageConfig | None = None,
    *,
    repository: str = "registry.example.com/team/app",
    tag: str = "1.0",
    platforms: tuple[Platform, ...] = (AMD64,),
    nodes: tuple[Platform, ...] = (AMD64,),
) -> ImageReport:
    image = Image("sha256:" + "a" * 64, platforms, platforms[0], 1000, config)
    return ImageReport(repository, tag, image=image, node_platforms=nodes)


async def uninspected(
    identity: Identity, reference: str, namespace: str, pull_secrets: Iterable[str] = ()
) -> ImageReport:
    """For pages that do not look at images: nothing is known of any."""
    return ImageReport(reference, "")
