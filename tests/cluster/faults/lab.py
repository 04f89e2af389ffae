"""A portal's copy of a namespace of its own, through a proxy that can be made to fail."""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import json
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from portal.cluster.backoff import Backoff
from portal.cluster.client import ClusterClient
from portal.cluster.kinds import RESOURCES
from portal.cluster.reflector import WATCH_SECONDS
from portal.cluster.resource import GATEWAY_API
from portal.cluster_sync import ClusterSync, running
from portal.domain.keys import Key
from portal.domain.objects import Kind
from portal.settings import Settings
from portal.state.model import AppState, WatchHealth
from portal.state.store import Store
from portal.viewmodels.freshness import stale_words, unread_words
from tests.cluster.faults.proxy import Ask, FaultProxy
from tests.cluster.faults.server import ApiServer

MARKED_WITHIN = 15.0
CONVERGED_WITHIN = 30.0
SLACK = 2.0
"""Seconds that polling and a busy machine may add to the two promises above."""
SLOW = 90.0
"""Seconds for what has no promise."""
METRICS_INTERVAL = 5.0

KINDS = {each.plural: each for each in RESOURCES if not each.optional or each.group == GATEWAY_API}
"""The watched resources by the name that a request has for them, as far as the test cluster serves
them: of the optional APIs that is the Gateway API."""

APPS = ("alpha", "beta", "gamma")


async def until(
    met: Callable[[], bool] | Callable[[], Awaitable[bool]],
    what: str | Callable[[], str],
    *,
    within: float = SLOW,
    since: float | None = None,
    every: float = 0.1,
) -> float:
    """Wait for a condition; returns how many seconds after ``since`` (now) it was met."""
    began = time.monotonic() if since is None else since
    while True:
        found = met()
        if found if isinstance(found, bool) else await found:
            return time.monotonic() - began
        if time.monotonic() - began > within:
            pytest.fail(f"not within {within:.0f} s: {what if isinstance(what, str) else what()}")
        await asyncio.sleep(every)


def most_tries(seconds: float) -> int:
    """Return the most attempts that the backoff allows within ``seconds``."""
    backoff = Backoff(rand=lambda: 0.0)
    tries, spent = 1, 0.0
    while (spent := spent + backoff.next()) <= seconds:
        tries += 1
    return tries


class Lab:
    """Apps in a namespace, what the portal knows of them, and what lies in between."""

    def __init__(
        self, server: ApiServer, namespace: str, proxy: FaultProxy, token: Path, app: ClusterSync
    ) -> None:
        self.server = server
        self.namespace = namespace
        self.proxy = proxy
        self.token = token
        """The file with the portal's bearer token, which the proxy may check."""
        self.sync = app
        self.store = app.store
        self.began = time.monotonic()
        self.ended: list[asyncio.Task[None]] = []
        self.errors: list[logging.LogRecord] = []
        self.notes: list[str] = []
        """Measurements, for the test's output."""
        self._numbers = itertools.count(1)
        self._made: dict[tuple[Kind, str], str] = {}

    # What the portal says.

    def app(self, name: str) -> AppState:
        return self.store.snapshot.app(Key(self.namespace, name))

    def source(self, name: str) -> WatchHealth:
        return self.store.snapshot.sources[name]

    @property
    def words(self) -> tuple[str, ...]:
        """Return the freshness that the lists show now."""
        sources = self.store.snapshot.sources
        return *stale_words(sources, datetime.now(UTC)), *unread_words(sources, Kind.RELEASE)

    def marked(self, name: str) -> bool:
        """Return True if the page has a notice about ``name``."""
        return any(each.startswith(f"{name}:") for each in self.words)

    def shows(self, kind: Kind, app: str, number: int) -> bool:
        """Return True if the state that ``put`` made of an object is known."""
        return _number(kind, self.app(app)) == number

    # What really is.

    async def fresh(self) -> dict[Key, tuple[object, ...]]:
        """The namespace's apps, from a list of each kind just made."""
        store = Store()
        for resource in RESOURCES:
            if resource.namespaced:
                found = await self.server.call(
                    "GET",
                    resource.path(self.namespace),
                    params={"labelSelector": resource.selector},
                    accept=resource.list_accept,
                    optional=resource.optional,
                )
                for each in found["items"]:
                    store.apply(resource.kind, *resource.decode(json.dumps(each)))
        return {key: _watched(state) for key, state in store.snapshot.apps.items()}

    def known(self) -> dict[Key, tuple[object, ...]]:
        apps = self.store.snapshot.apps
        return {key: _watched(each) for key, each in apps.items() if key[0] == self.namespace}

    async def converged(self, since: float | None = None) -> None:
        """Wait until the portal knows what there is, all of it and nothing else, and says so."""

        def unread() -> list[str]:
            """Releases whose newest body is not known, though somebody looks at them."""
            self.sync.fetcher.prioritize(self.known())
            states = [self.app(key.name) for key in self.known()]
            return [
                each.key.name
                for each in states
                if (release := each.release) is not None
                and (
                    (body := each.detail) is None
                    or body.revision != release.revision
                    or body.damaged
                )
            ]

        there: dict[Key, tuple[object, ...]] = {}

        async def met() -> bool:
            nonlocal there
            there = await self.fresh()
            return not self.words and not unread() and self.known() == there

        def missed() -> str:
            known = self.known()
            different = {
                key.name for key in there.keys() & known.keys() if there[key] != known[key]
            }
            return (
                f"missing: {there.keys() - known.keys()}; extra: {known.keys() - there.keys()}; "
                f"different: {different}; bodies: {unread()}; words: {self.words}"
            )

        took = await until(met, missed, within=CONVERGED_WITHIN + SLACK, since=since, every=1)
        self.notes.append(f"converged in {took:.1f} s")

    # What changes.

    async def put(self, kind: Kind, app: str) -> int:
        """Create an object of an app, or change it visibly; returns the number it now shows."""
        number = next(self._numbers)
        resource = next(each for each in RESOURCES if each.kind is kind)
        name, manifest = _MANIFESTS[kind](app, number)
        manifest["metadata"] = {
            "name": name,
            "annotations": {
                "meta.helm.sh/release-name": app,
                "meta.helm.sh/release-namespace": self.namespace,
                "number": str(number),
            },
            **manifest.get("metadata", {}),
        }
        path = self._made[kind, app] = f"{resource.path(self.namespace)}/{name}"
        await self.server.apply(path, manifest)
        return number

    async def remove(self, kind: Kind, app: str) -> None:
        await self.server.call("DELETE", self._made.pop((kind, app)))

    async def churn(self, *kinds: Kind) -> None:
        """Change, remove and create objects of these kinds."""
        for kind in kinds:
            if kind is Kind.POD:  # its replica set makes another one
                path = KINDS["pods"].path(self.namespace)
                pods = (await self.server.call("GET", path))["items"]
                victim = pods[0]["metadata"]["name"]
                await self.server.call("DELETE", f"{path}/{victim}")
            else:
                await self.put(kind, "alpha")
                await self.remove(kind, "gamma")
                await self.put(kind, f"new-{next(self._numbers)}")

    async def lives(self, *kinds: Kind) -> None:
        """Change an object of each of these kinds, and see it arrive."""
        for kind in kinds:
            number = await self.put(kind, "beta")
            await until(
                partial(self.shows, kind, "beta", number),
                f"a change of a {kind}",
                within=MARKED_WITHIN,
            )

    # What was asked.

    def asked(self, source: str, since: float = 0.0) -> list[Ask]:
        return [each for each in self.proxy.asked if each.source == source and each.at >= since]

    def asks_sparingly(self, struck: Mapping[str, Sequence[Ask]]) -> None:
        """See that a source is asked once an interval, and in trouble as the backoff allows."""
        whole = time.monotonic() - self.began
        for plural in KINDS:
            # Further pages of a list belong to its first.
            lists = [each for each in self.asked(plural) if "continue" not in each.query]
            calm = len(lists) - len(struck.get(plural, ()))
            # A list and a watch to begin with, the same again after the trouble, and where a
            # watch is struck there may be a list for it.
            allowed = 4 + whole / (WATCH_SECONDS * 0.8 - 1) + len(struck.get(plural, ()))
            assert calm <= allowed, f"{plural}: {calm} requests in {whole:.0f} s"
        for plural, asks in struck.items():
            if asks:
                seconds = asks[-1].at - asks[0].at
                assert len(asks) <= most_tries(seconds), f"{plural}: {len(asks)} in {seconds:.0f} s"
        assert len(self.asked("metrics")) <= whole / METRICS_INTERVAL + 2

    def unharmed(self) -> None:
        """See that nothing escaped, and nothing ended or was begun again."""
        assert self.ended == []
        assert [each.getMessage() for each in self.errors] == []


def _watched(state: AppState) -> tuple[object, ...]:
    """The part of a state that comes from the watches of the namespace."""
    return (
        state.release,
        state.workloads,
        state.replica_sets,
        state.pods,
        state.hpas,
        state.services,
        state.ingresses,
        state.routes,
        state.events,
    )


# What the apps are made of: all of it cheap, since nothing ever runs.


def _deployment(app: str, number: int) -> tuple[str, dict[str, Any]]:
    labels = {"app": app}
    pod = {
        "schedulerName": "nobody",  # its pods wait, and cost nothing
        "containers": [{"name": "c", "image": "example.invalid/none:1"}],
    }
    return app, {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "replicas": 2 if app == "alpha" else 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _service(app: str, number: int) -> tuple[str, dict[str, Any]]:
    return app, {
        "apiVersion": "v1",
        "kind": "Service",
        "spec": {"ports": [{"port": 8000 + number}]},
    }


def _hpa(app: str, number: int) -> tuple[str, dict[str, Any]]:
    return app, {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "beta"},
            "maxReplicas": 1 + number,
        },
    }


def _release(app: str, number: int) -> tuple[str, dict[str, Any]]:
    name = f"sh.helm.release.v1.{app}.v{number}"
    body = json.dumps({"name": app, "version": number, "chart": {"metadata": {"name": "c"}}})
    packed = base64.b64encode(base64.b64encode(gzip.compress(body.encode()))).decode()
    labels = {"owner": "helm", "name": app, "status": "deployed", "version": str(number)}
    return name, {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {"labels": labels},
        "data": {"release": packed},
    }


_MANIFESTS: Mapping[Kind, Callable[[str, int], tuple[str, dict[str, Any]]]] = {
    Kind.DEPLOYMENT: _deployment,
    Kind.SERVICE: _service,
    Kind.HPA: _hpa,
    Kind.RELEASE: _release,
}


def _number(kind: Kind, state: AppState) -> int:
    """Return the state that ``Lab.put`` gave to an object of this kind."""
    match kind:
        case Kind.DEPLOYMENT:
            shown = [int(each.annotations["number"]) for each in state.workloads]
        case Kind.SERVICE:
            shown = [each.ports[0].port - 8000 for each in state.services]
        case Kind.HPA:
            shown = [each.max_replicas - 1 for each in state.hpas if each.release == state.key.name]
        case _:
            shown = [state.release.revision] if state.release else []
    return shown[0] if shown else 0


# Making one.

_current: ContextVar[Lab | None] = ContextVar("lab", default=None)
"""Whose task it is that runs: tasks inherit it from the one that starts them."""


class Recorder(logging.Handler):
    """Files errors under the lab in whose tasks they were logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.strays: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        lab = _current.get()
        (self.strays if lab is None else lab.errors).append(record)


@asynccontextmanager
async def lab(server: ApiServer, folder: Path, *, everywhere: bool = False) -> AsyncGenerator[Lab]:
    """A namespace with apps, observed; all of it is gone afterwards."""
    namespace = f"faults-{uuid.uuid4().hex[:8]}"
    token, kubeconfig = folder / f"{namespace}.token", folder / namespace
    token.write_text("old")
    async with AsyncExitStack() as stack:
        await server.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        stack.push_async_callback(server.call, "DELETE", f"/api/v1/namespaces/{namespace}")
        proxy = await stack.enter_async_context(FaultProxy(server).listen())
        kubeconfig.write_text(kubeconfig_of(proxy.url, token))
        client = await stack.enter_async_context(ClusterClient.connect(kubeconfig))
        settings = Settings(
            namespaces=() if everywhere else (namespace,), metrics_interval=METRICS_INTERVAL
        )
        found = Lab(server, namespace, proxy, token, ClusterSync(client, settings))
        for kind in _MANIFESTS:
            for app in APPS:
                await found.put(kind, app)
        _current.set(found)
        await stack.enter_async_context(running(found.sync.tasks(), found.ended.append))
        await until(lambda: not found.store.snapshot.loading, "the first lists")
        await until(lambda: len(found.app("alpha").pods) == 2, "pods")
        await found.converged()
        yield found
        found.unharmed()


def kubeconfig_of(url: str, token: Path) -> str:
    """A kubeconfig for a server at ``url`` that knows its callers by the token in a file."""
    user = {"name": "portal", "user": {"tokenFile": str(token)}}
    cluster = {"name": "faulty", "cluster": {"server": url}}
    context = {"name": "faulty", "context": {"cluster": "faulty", "user": "portal"}}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "faulty",
            "clusters": [cluster],
            "users": [user],
            "contexts": [context],
        }
    )
