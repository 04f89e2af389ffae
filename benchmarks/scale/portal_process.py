"""The portal as its image starts it, as a process of this machine on loopback.

It has an account of its own in the cluster, and a flow schema that matches nobody else, so that
the API server itself counts what the portal asks.
"""

from __future__ import annotations

import asyncio
import base64
import compileall
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import yaml

from benchmarks.scale.api import Api, until
from benchmarks.scale.seed import MARK
from dev import demo

ROOT = Path(__file__).resolve().parent.parent.parent
PORT = 8971
ACCOUNT = "bench-portal"
SPACE = "bench-account"


async def account(api: Api, folder: Path) -> Path:
    """Give the portal its account; a kubeconfig with its token."""
    await api.call(
        "POST", "/api/v1/namespaces", {"metadata": {"name": SPACE, "labels": MARK}}, fine=[409]
    )
    accounts = f"/api/v1/namespaces/{SPACE}/serviceaccounts"
    await api.call("POST", accounts, {"metadata": {"name": ACCOUNT}}, fine=[409])
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": SPACE}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    await api.call(
        "POST",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        {"metadata": {"name": ACCOUNT}, "subjects": [subject], "roleRef": role},
        fine=[409],
    )
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    rules = {
        "subjects": [
            {"kind": "ServiceAccount", "serviceAccount": {"name": ACCOUNT, "namespace": SPACE}}
        ],
        "resourceRules": [{**everything, "namespaces": ["*"], "clusterScope": True}],
    }
    await api.call(
        "POST",
        "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
        {
            "metadata": {"name": ACCOUNT},
            "spec": {
                # What any service account has, counted apart.
                "priorityLevelConfiguration": {"name": "workload-low"},
                "matchingPrecedence": 500,
                "distinguisherMethod": {"type": "ByUser"},
                "rules": [rules],
            },
        },
        fine=[409],
    )
    asked = await api.call(
        "POST", f"{accounts}/{ACCOUNT}/token", {"spec": {"expirationSeconds": 6 * 3600}}
    )
    ca = base64.b64encode(api.ca).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "clusters": [
            {"name": "it", "cluster": {"server": api.server, "certificate-authority-data": ca}}
        ],
        "users": [{"name": "it", "user": {"token": asked["status"]["token"]}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    path = folder / "portal.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    return path


async def remove_account(api: Api) -> None:
    """Remove what ``account`` made outside its namespace."""
    for path in (
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
    ):
        await api.call("DELETE", f"{path}/{ACCOUNT}", fine=[404])


@dataclass(frozen=True)
class Memory:
    """MiB of the master and the worker together; shared pages count twice in ``rss``."""

    rss: float
    pss: float
    worker: float
    """The worker alone, resident."""


class PortalProcess:
    """A running portal. Use ``running``."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        session: aiohttp.ClientSession,
        log: Path,
        url: str,
    ) -> None:
        self._process = process
        self._log = log
        self.session = session
        self.url = url
        self.started = time.monotonic()
        self._master = psutil.Process(process.pid)

    def check(self) -> None:
        """Raise, with the end of its log, if it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the portal ended: {self._log.read_text()[-2000:]}")

    def worker(self) -> psutil.Process:
        """gunicorn's one worker."""
        return self._master.children()[0]

    def memory(self) -> Memory:
        """Return its present memory."""
        worker = self.worker()
        both = [each.memory_full_info() for each in (self._master, worker)]
        return Memory(
            sum(each.rss for each in both) / 2**20,
            sum(each.pss for each in both) / 2**20,
            worker.memory_info().rss / 2**20,
        )

    def cpu(self) -> float:
        """Seconds of CPU that the worker has used."""
        times = self.worker().cpu_times()
        return times.user + times.system

    async def metric(self, name: str) -> float | None:
        """One number of ``/metrics``; None if there is no such."""
        async with self.session.get("/metrics") as answer:
            found = re.search(rf"^dash_portal_{name} (\S+)$", await answer.text(), re.M)
        return float(found[1]) if found else None

    async def calls(self) -> dict[str, float]:
        """Requests to the API server by what was asked, as the portal counts them."""
        async with self.session.get("/metrics") as answer:
            text = await answer.text()
        found = re.findall(r'^dash_portal_api_requests_total\{call="([^"]+)"\} (\S+)$', text, re.M)
        return {call: float(count) for call, count in found}

    async def ready(self) -> None:
        """Wait until every source has been listed."""

        async def answers() -> bool:
            self.check()
            try:
                async with self.session.get("/readyz") as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectionError:
                return False

        await until(answers, "the portal is ready", patience=120, every=0.05)

    async def settled(self, patience: float = 300) -> None:
        """Wait until it has read the bodies: no more CPU than an idle portal for a while."""
        quiet = 0

        async def idle() -> bool:
            nonlocal quiet
            before, decoded = self.cpu(), await self.metric("bodies_decoded")
            await asyncio.sleep(2)
            same = decoded == await self.metric("bodies_decoded")
            quiet = quiet + 1 if same and self.cpu() - before < 0.5 else 0
            return quiet >= 3

        await until(idle, "the portal is idle", patience=patience, every=0)


def _allocation() -> dict[str, str]:
    """Return the image's environment variables for glibc's allocator."""
    return dict(re.findall(r"\b(MALLOC_\w+)=(\S+)", (ROOT / "Dockerfile").read_text()))


@asynccontextmanager
async def running(
    kubeconfig: Path,
    *,
    app: str = "portal.app:create_app()",
    port: int = PORT,
    headers: Mapping[str, str] | None = None,
    **settings: str,
) -> AsyncGenerator[PortalProcess]:
    """A portal inside the block; ``settings`` are added to its environment by their names.

    ``app`` is what makes it, for one that is measured from inside. ``headers`` are sent with each
    request of its session.
    """
    url = f"http://127.0.0.1:{port}"
    compileall.compile_dir(ROOT / "portal", quiet=1)  # as in its image, also where none is written
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DASH_PORTAL_")} | {
        "DASH_PORTAL_KUBECONFIG": str(kubeconfig),
        "DASH_PORTAL_CHART_PATH": str(ROOT / "charts" / "dash-app"),
        "DASH_PORTAL_LOG_LEVEL": "WARNING",
        "DASH_PORTAL_POD_SECURITY_NAMESPACE": demo.RESTRICTED,
        **({} if "namespaces" in settings else {"DASH_PORTAL_CLUSTER_WIDE": "true"}),
        **_allocation(),
        "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port}",
        **{f"DASH_PORTAL_{name.upper()}": value for name, value in settings.items()},
    }
    argv = [
        "setpriv",
        "--pdeathsig",
        "TERM",
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "gunicorn.conf.py",
        app,
    ]
    with tempfile.NamedTemporaryFile("w+", prefix="portal-", suffix=".log") as log:
        process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            timeout = aiohttp.ClientTimeout(total=60)
            async with aiohttp.ClientSession(url, timeout=timeout, headers=headers) as session:
                portal = PortalProcess(process, session, Path(log.name), url)
                yield portal
                portal.check()
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
