"""The watches against a real API server: what Helm and Kubernetes do must arrive, soon."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from portal.cluster.access import Namespaces
from portal.cluster.client import ClusterClient
from portal.cluster.metrics import MetricsPoller
from portal.cluster.prober import UrlProber
from portal.cluster.replicas import Replicas
from portal.cluster.storage.fetcher import ReleaseFetcher
from portal.cluster.watches import Watches
from portal.domain.errors import ClusterUnavailable, Conflict, Forbidden
from portal.domain.keys import Key
from portal.domain.objects import ReleaseStatus
from portal.state.model import AppState
from portal.state.store import Store

pytestmark = pytest.mark.cluster

CHART = Path(__file__).resolve().parents[2] / "charts" / "dash-app"
IMAGE = os.environ.get("SAMPLE_IMAGE", "localhost:5000/dash-sample")
SLOW = 180.0
"""Seconds that a condition may take on a busy machine with two cores."""


async def run(*command: str, stdin: str | None = None) -> str:
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"watches-{uuid.uuid4().hex[:8]}"
    subprocess.run(["kubectl", "create", "namespace", name], check=True, capture_output=True)
    yield name
    subprocess.run(
        ["kubectl", "delete", "namespace", name, "--wait=false"], check=True, capture_output=True
    )


@pytest.fixture
def kubeconfig() -> Path:
    return Path(os.environ["KUBECONFIG"])


@asynccontextmanager
async def watching(client: ClusterClient, *namespaces: str) -> AsyncGenerator[Store]:
    store = Store()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(work)
            for work in (
                Watches(client, store, namespaces).run(),
                ReleaseFetcher(client, store).run(),
                MetricsPoller(client, store, interval=5).run(),
                UrlProber(store).run(),
            )
        ]
        await until(store, lambda: not store.snapshot.loading, "the first lists")
        yield store
        for task in tasks:
            task.cancel()


async def until(store: Store, met: Callable[[], bool], what: str) -> None:
    """Wait for a condition, looking at it after each change."""
    changed = asyncio.Event()
    undo = store.on_change(lambda _: changed.set())
    try:
        async with asyncio.timeout(SLOW):
            while not met():
                changed.clear()
                await changed.wait()
    except TimeoutError:
        pytest.fail(f"{what} did not come about within {SLOW:.0f} s")
    finally:
        undo()


async def test_a_release_from_install_to_uninstall(kubeconfig: Path, namespace: str) -> None:
    helm = os.environ.get("HELM_BIN") or shutil.which("helm") or "helm"
    key = Key(namespace, "watched")

    async def upgrade(*values: str) -> None:
        settings = [part for value in values for part in ("--set", value)]
        image = ("--set", f"image.repository={IMAGE},image.tag=1.0,service.type=LoadBalancer")
        await run(
            helm, "upgrade", "--install", "-n", namespace, key.name, str(CHART), *image, *settings
        )

    async with ClusterClient.connect(kubeconfig) as client, watching(client, namespace) as store:

        def app() -> AppState:
            return store.snapshot.app(key)

        def ready() -> int:
            return sum(each.ready for each in app().pods)

        assert key not in store.snapshot.apps
        await upgrade()
        await until(store, lambda: app().release is not None, "the release")
        await until(store, lambda: ready() == 1, "a ready pod")
        await until(store, lambda: app().detail is not None, "the release's body")
        detail = app().detail
        assert detail is not None
        assert (detail.chart, detail.damaged) == ("dash-app", "")
        assert detail.values["image"] == {"repository": IMAGE, "tag": "1.0"}
        assert app().workloads[0].release == key.name
        assert app().events, "Kubernetes tells of the pod's start"
        assert store.snapshot.nodes
        await until(
            store,
            lambda: getattr(app().probe, "status", None) == 200,
            "the URL",
        )  # type: ignore[union-attr]
        await until(store, lambda: bool(app().usage), "what the pod uses")

        await upgrade("replicaCount=2")
        await until(store, lambda: ready() == 2, "two ready pods")
        release = app().release
        assert release is not None
        assert (release.revision, release.status) == (2, ReleaseStatus.DEPLOYED)
        assert app().history[0].desired == 1
        assert app().history[-1].desired == 2

        victim = app().pods[0].key.name
        await run("kubectl", "-n", namespace, "delete", "pod", victim, "--wait=false")
        await until(
            store,
            lambda: ready() == 2 and victim not in {each.key.name for each in app().pods},
            "another pod in the place of a deleted one",
        )

        await run(helm, "uninstall", "-n", namespace, key.name)
        await until(store, lambda: key not in store.snapshot.apps, "nothing being left")


async def test_a_change_arrives_within_milliseconds(kubeconfig: Path, namespace: str) -> None:
    await run("kubectl", "-n", namespace, "create", "service", "clusterip", "x", "--tcp=80")
    path = f"/api/v1/namespaces/{namespace}/services/x"
    key = Key(namespace, "app")
    async with ClusterClient.connect(kubeconfig) as client, watching(client, namespace) as store:
        delays: list[float] = []
        for number in range(20):
            notes = {
                "meta.helm.sh/release-name": "app",
                "meta.helm.sh/release-namespace": namespace,
            }
            ports = [{"op": "replace", "path": "/spec/ports/0/port", "value": 8000 + number}]
            annotate = {"op": "add", "path": "/metadata/annotations", "value": notes}
            began = time.perf_counter()
            await client.patch(path, [annotate, *ports])

            def arrived(port: int = 8000 + number) -> bool:
                services = store.snapshot.app(key).services
                return bool(services) and services[0].ports[0].port == port

            await until(store, arrived, "the new port")
            delays.append(time.perf_counter() - began)
        print(f"patch to snapshot: median {statistics.median(delays) * 1000:.1f} ms")
        assert statistics.median(delays) < 0.5


async def test_what_may_not_be_read_is_unavailable_and_says_why(
    kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    await run("kubectl", "-n", namespace, "create", "serviceaccount", "weak")
    token = (await run("kubectl", "-n", namespace, "create", "token", "weak")).strip()
    weak = _as_user(kubeconfig, tmp_path / "weak", {"token": token})
    store = Store()
    async with ClusterClient.connect(weak) as client:
        assert client.whoami == f"system:serviceaccount:{namespace}:weak"
        with pytest.raises(Forbidden, match="pods is forbidden"):
            await client.get("/api/v1/pods")
        task = asyncio.create_task(Watches(client, store).run())
        await until(store, lambda: not store.snapshot.sources["Pod"].available, "the refusal")
        assert "forbidden" in store.snapshot.sources["Pod"].error
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    nobody = _as_user(kubeconfig, tmp_path / "nobody", {"token": "made-up"})
    with pytest.raises(Forbidden):
        async with ClusterClient.connect(nobody):
            pass


async def test_a_server_that_is_not_there_is_told(kubeconfig: Path, tmp_path: Path) -> None:
    config = _read(kubeconfig)
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "wrong").write_text(json.dumps(config))
    async with ClusterClient.connect(tmp_path / "wrong") as client:
        assert client.whoami == ""
        with pytest.raises(ClusterUnavailable, match="does not answer"):
            await client.get("/version")
    with pytest.raises(ClusterUnavailable, match="configured"):
        async with ClusterClient.connect(tmp_path / "missing"):
            pass


async def test_a_namespace_that_is_not_there(kubeconfig: Path, namespace: str) -> None:
    async with ClusterClient.connect(kubeconfig) as client:
        namespaces = Namespaces(client)
        assert not await namespaces.missing(namespace)
        assert await namespaces.missing("there-is-none-such")


async def test_replicas_survive_a_change_of_owner(kubeconfig: Path, namespace: str) -> None:
    """Helm lets go of ``replicas`` and takes them again; the number of pods never moves."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/owned"
    key = Key(namespace, "owned")

    def manifest(replicas: int | None) -> dict[str, object]:
        labels = {"app": "owned"}
        container = {"name": "c", "image": "localhost:5000/none:1"}
        spec: dict[str, object] = {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        }
        if replicas is not None:
            spec["replicas"] = replicas
        meta = {"name": "owned", "namespace": namespace}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}

    async with ClusterClient.connect(kubeconfig) as client:
        replicas = Replicas(client)

        async def live() -> int:
            return int((await client.get(path))["spec"]["replicas"])

        await client.apply(path, manifest(3), "helm")
        assert await replicas.hand_over(key) == 3
        await client.apply(path, manifest(None), "helm")
        assert await live() == 3, "without another owner it would be 1 now"
        with pytest.raises(Conflict):
            await client.apply(path, manifest(2), "helm")
        await run("kubectl", "-n", namespace, "scale", "deployment", "owned", "--replicas=4")
        dropped = await replicas.release(key)
        assert set(dropped) <= {"dash-portal", "kubectl"}
        assert dropped
        assert await live() == 4, "letting go changes nothing"
        await client.apply(path, manifest(2), "helm")
        assert await live() == 2
        assert await replicas.hand_over(Key(namespace, "none")) is None


class Wire:
    """A TCP relay that can fall silent without closing anything, as a lost network does."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[int]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        for pair in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pipe(*pair))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


async def test_a_silent_network_makes_sources_stale_and_they_recover(
    kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    config = _read(kubeconfig)
    server = urlsplit(config["clusters"][0]["cluster"]["server"])
    assert server.hostname is not None
    wire = Wire(server.hostname, server.port or 443)
    async with wire.listen() as port:
        config["clusters"][0]["cluster"] |= {
            "server": f"https://127.0.0.1:{port}",
            "tls-server-name": server.hostname,
        }
        (tmp_path / "wired").write_text(json.dumps(config))
        client = ClusterClient.connect(tmp_path / "wired")
        async with client as client, watching(client, namespace) as store:

            def stale() -> bool:
                return store.snapshot.sources["Service"].stale(datetime.now(UTC))

            assert not stale()
            wire.cut()
            began = time.monotonic()
            await until(
                store, lambda: bool(store.snapshot.sources["Service"].error), "the silence noticed"
            )
            assert time.monotonic() - began < 25
            await asyncio.to_thread(
                subprocess.run,
                ["kubectl", "-n", namespace, "create", "service", "clusterip", "late", "--tcp=80"],
                check=True,
                capture_output=True,
            )
            notes = f"meta.helm.sh/release-name=app,meta.helm.sh/release-namespace={namespace}"
            await run("kubectl", "-n", namespace, "annotate", "service", "late", *notes.split(","))
            wire.mend()
            await until(
                store,
                lambda: bool(store.snapshot.app(Key(namespace, "app")).services),
                "what happened meanwhile",
            )
            assert not stale()


def _read(kubeconfig: Path) -> dict[str, Any]:
    return yaml.safe_load(kubeconfig.read_text())


def _as_user(kubeconfig: Path, path: Path, user: dict[str, str]) -> Path:
    config = _read(kubeconfig)
    config["users"][0]["user"] = user
    path.write_text(json.dumps(config))
    return path
