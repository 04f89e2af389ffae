"""The environment of launch measurements: a namespace, an account, and a portal.

The portal runs as a process of this machine, not as the demo's pod, which rests meanwhile: so its
Helm and the shell's have the same machine, program and account, and neither is held to the share
of CPU that a pod of 100m gets on full cores.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from rich.console import Console

from benchmarks.launching.observations import Observations, observing
from benchmarks.scale import nodes, portal_process
from benchmarks.scale.api import Api, until
from benchmarks.scale.portal_process import PortalProcess
from benchmarks.scale.seed import MARK
from benchmarks.scale.stage import paused
from dev.demo import SAMPLE_IMAGE

NAMESPACE = "bench-launches"
CALM = 25
"""Percent of the CPU that a cluster at rest stays below."""
CHART = Path(__file__).resolve().parent.parent.parent / "charts" / "dash-app"
PRESET = {
    "name": "Sample",
    "repository": SAMPLE_IMAGE.rpartition(":")[0],
    "tag": SAMPLE_IMAGE.rpartition(":")[2],
    "port": 8050,
    "cpu_request": "10m",  # so that twenty fit on the node
    "memory_request": "64Mi",
    "memory_limit": "256Mi",
}


@dataclass(frozen=True)
class Ground:
    """The environment of a measurement."""

    api: Api
    portal: PortalProcess
    seen: Observations
    environment: dict[str, str]
    """Of the shell's helm: the account of the portal."""
    account: Path
    """Kubeconfig of that account."""
    presets: str
    """File with the presets of the portal."""
    console: Console

    def helm(self, *arguments: str) -> tuple[str, ...]:
        """A helm command in the namespace."""
        return ("helm", *arguments, "--namespace", NAMESPACE)

    async def clear(self, *releases: str) -> None:
        """Uninstall, and wait until their pods are gone, and what is left of them as well."""
        command = self.helm("uninstall", *releases, "--ignore-not-found")
        await run(*command, environment=self.environment)
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        await self.api.call("DELETE", f"{pods}?gracePeriodSeconds=0")

        async def gone() -> bool:
            return not (await self.api.call("GET", f"{pods}?limit=1"))["items"]

        await until(gone, "the pods are gone", patience=120, every=0.2)
        await calm()


async def calm() -> None:
    """Wait until the machine rests: containers still end when the API has forgotten their pods."""
    quiet = 0
    psutil.cpu_percent()

    async def rests() -> bool:
        nonlocal quiet
        await asyncio.sleep(0.5)
        quiet = quiet + 1 if psutil.cpu_percent() < CALM else 0
        return quiet == 2

    await until(rests, f"less than {CALM} % of the CPU are in use", patience=120, every=0)


async def run(*command: str, environment: dict[str, str], given: str = "") -> None:
    """Run a program to its end, with ``given`` on its standard input."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, said = await process.communicate(given.encode())
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {said.decode()[-500:]}")


@asynccontextmanager
async def ground(kubeconfig: Path, console: Console) -> AsyncGenerator[Ground]:
    """Set up; what was made is removed at the end, also of a run that was killed before."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with Api.connect(kubeconfig) as api:
            await _clear(api)
            try:
                account = await portal_process.account(api, Path(folder))
                space = {"metadata": {"name": NAMESPACE, "labels": MARK}}
                await api.call("POST", "/api/v1/namespaces", space)
                presets = Path(folder) / "presets.yaml"
                presets.write_text(yaml.safe_dump([PRESET]))
                async with (
                    paused(api, True),
                    observing(api, NAMESPACE) as seen,
                    portal_process.running(
                        account, presets_file=str(presets), default_namespace=NAMESPACE
                    ) as portal,
                ):
                    await portal.ready()
                    await portal.settled()
                    environment = {**os.environ, "KUBECONFIG": str(account)}
                    yield Ground(api, portal, seen, environment, account, str(presets), console)
            finally:
                await _clear(api)


async def _clear(api: Api) -> None:
    await portal_process.remove_account(api)
    await nodes.remove(api)
