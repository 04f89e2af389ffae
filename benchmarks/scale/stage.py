"""The stage that all of these measurements share, and its removal."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.scale import nodes, portal_process
from benchmarks.scale.api import MERGE_PATCH, Api
from benchmarks.scale.seed import REVISIONS, Name, Records, names, seed
from dev.demo import NAMESPACE, RELEASE

REPLICAS = 3


@dataclass(frozen=True)
class Stage:
    """A cluster full of releases and simulated pods."""

    api: Api
    records: Records
    releases: list[Name]
    account: Path
    """Kubeconfig of the portal's account."""
    soak_minutes: float
    console: Console

    def say(self, text: str) -> None:
        """Tell how it goes."""
        self.console.print(text)

    @property
    def size(self) -> str:
        """In words."""
        return f"{len(self.releases):,} releases × {REVISIONS} revisions"

    @property
    def pods(self) -> str:
        """In words."""
        return f"{len(self.releases) * REPLICAS:,} pods"


@asynccontextmanager
async def stage(
    kubeconfig: Path, console: Console, *, releases: int, soak_minutes: float, pause: bool
) -> AsyncGenerator[Stage]:
    """Set up; whatever was made is removed at the end, also of a run that was killed before.

    ``pause``: the demo's own portal, which would do the same work on the same cores, rests.
    """
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn())
    count, all_names = releases, names(releases)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with Api.connect(kubeconfig) as api:
            await _clear(api)
            try:
                async with paused(api, pause), nodes.kwok(api, kubeconfig):
                    account = await portal_process.account(api, Path(folder))
                    records = Records()
                    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
                        task = progress.add_task("release records", total=count * REVISIONS)
                        await seed(api, records, count, lambda: progress.advance(task))
                        task2 = progress.add_task("deployments", total=count)
                        await nodes.deploy(
                            api, all_names, REPLICAS, lambda: progress.advance(task2)
                        )
                        task3 = progress.add_task("pods ready", total=count * REPLICAS)
                        await nodes.all_ready(
                            api,
                            all_names,
                            REPLICAS,
                            lambda ready: progress.update(task3, completed=ready),
                        )
                    yield Stage(api, records, all_names, account, soak_minutes, console)
            finally:
                await _clear(api)
                console.print("removed what was made")


async def _clear(api: Api) -> None:
    await portal_process.remove_account(api)
    await nodes.remove(api)


@asynccontextmanager
async def paused(api: Api, pause: bool) -> AsyncGenerator[None]:
    """The demo's portal scaled to 0 inside the block, where there is one."""
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{RELEASE}/scale"
    scale = await api.call("GET", path, fine=[404])
    before = scale.get("spec", {}).get("replicas", 0) if pause else 0
    if before:
        await api.call("PATCH", path, {"spec": {"replicas": 0}}, kind=MERGE_PATCH)
    try:
        yield
    finally:
        if before:
            await api.call("PATCH", path, {"spec": {"replicas": before}}, kind=MERGE_PATCH)
