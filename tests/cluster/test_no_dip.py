"""The chart never fights the autoscaler: no pod and no request is lost when who decides changes.

A release is taken from a fixed number of pods to an autoscaler, changed while that has scaled it
up, and taken back, by the portal's own actions. All the while requests arrive steadily, and the
pods that are ready are counted every 100 ms.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from portal.catalog import dash_app
from portal.catalog.chart import read_chart
from portal.catalog.values import get
from portal.cluster.client import ClusterClient
from portal.domain.keys import Key
from portal.domain.launch import AutoscalingSpec, EnvVar, Exposure, LaunchSpec
from portal.domain.operations import Operation
from portal.releases.request import ReleaseRequest
from portal.viewmodels.preview import preview_view
from tests.cluster.test_actions import ANN, CHART, IMAGE, SLOW, Portal, portal, sample
from tests.cluster.test_dash_app_chart import Load

pytestmark = pytest.mark.cluster

FIXED_NUMBER = Path(__file__).resolve().parents[1] / "fixtures" / "charts" / "fixed-number"
EVERY = 0.1
"""Seconds between two looks at the pods."""
REMEMBERED = 600
"""Seconds for which the autoscaler keeps to what it wanted before: longer than a test."""
OUT_OF_REACH = 1000
"""Percent of the CPU request: nothing here makes the autoscaler want more pods than its least."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The desired app: a number of ``pods``, or an autoscaler with ``bounds``."""

    pods: int = 2
    bounds: tuple[int, int] | None = None
    word: str = "one"
    """Another one replaces the pods."""


class Subject(Protocol):
    """A chart that wishes can be put to."""

    path: Path

    def values(self, key: Key, wish: Wish) -> dict[str, object]:
        """Return the chart's values for it."""
        ...

    async def ask(self, here: Portal, key: Key, wish: Wish) -> Operation:
        """Ask the portal for it."""
        ...


class BuiltIn:
    """The chart of the launch form: it renders no number while an autoscaler has it."""

    path = CHART

    def values(self, key: Key, wish: Wish) -> dict[str, object]:
        return dash_app.to_values(self._spec(key, wish), "")

    async def ask(self, here: Portal, key: Key, wish: Wish) -> Operation:
        return await here.actions.launch(ANN, self._spec(key, wish))

    @staticmethod
    def _spec(key: Key, wish: Wish) -> LaunchSpec:
        auto = wish.bounds and AutoscalingSpec(
            *wish.bounds, OUT_OF_REACH, target_memory=None, scale_down_window=REMEMBERED
        )
        word = (EnvVar("WORD", wish.word),)
        return sample(
            key, replicas=wish.pods, autoscaling=auto, env=word, exposure=Exposure.NODE_PORT
        )


class FixedNumber:
    """A chart of the catalogue that renders a number always, under names of its own."""

    path = FIXED_NUMBER

    def values(self, key: Key, wish: Wish) -> dict[str, object]:
        low, high = wish.bounds or (1, 3)
        return {
            "image": f"{IMAGE}:1.0",
            "pods": wish.pods,
            "elastic": {"active": wish.bounds is not None, "from": low, "to": high},
            "word": wish.word,
        }

    async def ask(self, here: Portal, key: Key, wish: Wish) -> Operation:
        return await here.actions.launch(ANN, self.order(key, wish))

    def order(self, key: Key, wish: Wish) -> ReleaseRequest:
        return ReleaseRequest(key, read_chart(self.path, "test"), self.values(key, wish))


class Pods:
    """The pods of a release, as the API server has them now."""

    def __init__(self, client: ClusterClient, key: Key) -> None:
        self._client = client
        self._key = key

    async def all(self) -> list[dict[str, Any]]:
        path = f"/api/v1/namespaces/{self._key.namespace}/pods"
        instance = {"labelSelector": f"app.kubernetes.io/instance={self._key.name}"}
        return (await self._client.get(path, instance))["items"]

    async def ready(self) -> int:
        return sum(_ready(each) for each in await self.all())

    async def until(self, count: int) -> None:
        """Wait until there are so many, all ready, and none that is still leaving."""
        there: list[bool] = []
        try:
            async with asyncio.timeout(SLOW):
                while there != [True] * count:
                    await asyncio.sleep(EVERY)
                    there = [_ready(each) for each in await self.all()]
        except TimeoutError:
            pytest.fail(f"not {count} pods within {SLOW:.0f} s: {there}")

    @asynccontextmanager
    async def never_below(self, floor: int) -> AsyncIterator[None]:
        """Look every 100 ms, from before the block until after it, and fail if fewer were ready."""
        seen = [await self.ready()]

        async def look() -> None:
            while True:
                await asyncio.sleep(EVERY)
                seen.append(await self.ready())

        looking = asyncio.create_task(look())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])
        seen.append(await self.ready())
        assert looking.cancelled(), looking.exception()
        assert min(seen) >= floor, seen


def _ready(pod: dict[str, Any]) -> bool:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def run(*command: str, stdin: str = "") -> str:
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def install_with_helm_3(subject: Subject, key: Key, wish: Wish) -> None:
    """As somebody did years ago: by client-side apply, with no field manager of Helm's own."""
    helm = os.environ.get("HELM3_BIN")
    if not helm:
        pytest.skip("HELM3_BIN names no Helm 3; `make test` does")
    assert run(helm, "version", "--short").startswith("v3.")
    where = (key.name, str(subject.path), "--namespace", key.namespace)
    run(helm, "install", *where, "--values", "-", stdin=json.dumps(subject.values(key, wish)))


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"no-dip-{uuid.uuid4().hex[:8]}"
    run("kubectl", "create", "namespace", name)
    yield name
    run("kubectl", "delete", "namespace", name, "--wait=false")


@asynccontextmanager
async def steady_load(client: ClusterClient, key: Key) -> AsyncIterator[None]:
    """Some 50 requests a second, through the Service, none of which may fail."""
    service = await client.get(f"/api/v1/namespaces/{key.namespace}/services/{key.name}")
    (port,) = service["spec"]["ports"]
    with Load(f"http://127.0.0.1:{port['nodePort']}/work?ms=1", threads=5, pause=0.1) as load:
        yield
    assert set(load.answers) == {"200"}, load.answers
    assert load.answers["200"] > 100


@pytest.mark.parametrize("by", ["portal", "helm 3"])
@pytest.mark.parametrize("subject", [BuiltIn(), FixedNumber()], ids=["built-in", "fixed-number"])
async def test_who_decides_changes_and_nothing_is_lost(
    namespace: str, tmp_path: Path, subject: Subject, by: str
) -> None:
    kubeconfig = Path(os.environ["KUBECONFIG"])
    async with portal(namespace, tmp_path) as here, ClusterClient.connect(kubeconfig) as client:
        key = here.key("steady")
        pods = Pods(client, key)
        fixed = Wish(pods=2)
        if by == "portal":
            await here.ended(await subject.ask(here, key, fixed))
        else:
            install_with_helm_3(subject, key, fixed)
        await pods.until(2)

        async with steady_load(client, key):
            async with pods.never_below(2):
                autoscaled = replace(fixed, bounds=(3, 3))
                await here.ended(await subject.ask(here, key, autoscaled))
                await pods.until(3)  # the autoscaler's doing

            async with pods.never_below(3):
                # It remembers that it wanted three, and all three are replaced.
                other = replace(autoscaled, bounds=(1, 3), word="two")
                await here.ended(await subject.ask(here, key, other))
                await pods.until(3)

            async with pods.never_below(2):
                if by == "portal":
                    begun = await subject.ask(here, key, replace(other, bounds=None))
                else:
                    begun = await here.actions.rollback(ANN, key, 1)  # Helm 3's revision
                await here.ended(begun)
                await pods.until(2)
        assert not here.app(key).hpas


async def test_no_way_back_goes_through_fewer_pods(namespace: str, tmp_path: Path) -> None:
    """Back to a revision of somebody else's, whose manifest has a number in it."""
    kubeconfig = Path(os.environ["KUBECONFIG"])
    async with portal(namespace, tmp_path) as here, ClusterClient.connect(kubeconfig) as client:
        key, subject = here.key("back"), FixedNumber()
        pods = Pods(client, key)
        first = Wish(pods=1, bounds=(3, 3))
        install_with_helm_3(subject, key, first)
        await pods.until(3)

        async with steady_load(client, key), pods.never_below(3):
            order = subject.order(key, replace(first, word="two"))
            ahead = preview_view(await here.actions.previews.upgrade(ANN, order))
            assert ahead.words[-1].title == "3 replicas now; stays 3."
            await here.ended(await here.actions.launch(ANN, order))
            await pods.until(3)

            back = preview_view(await here.actions.previews.rollback(ANN, key, 1))
            assert back.words[-1].title == "3 replicas now; stays 3."
            await here.ended(await here.actions.rollback(ANN, key, 1))
            await pods.until(3)
        (now, *_) = await here.actions.previews.history(ANN, key)
        assert (now.revision, now.description) == (3, f"Rolled back to revision 1 by {ANN.user}")
        assert get(now.values, "word") == "one"
