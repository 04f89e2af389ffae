"""Logs of real pods: many at once, pods that go, a run that crashed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from portal.cluster.client import ClusterClient
from portal.cluster.env_secrets import EnvSecrets
from portal.cluster.pod_logs import PodLogs
from portal.cluster.storage.storage import HelmStorage
from portal.cluster.watches import Watches
from portal.cluster_sync import running
from portal.domain.keys import Key
from portal.logs.hub import LogHub
from portal.logs.secrets import AppSecrets, Version
from portal.logs.subscription import LogSubscription
from portal.logs.targets import Selection
from portal.state.store import Store
from tests.unit.logs.fakes import joined
from tests.waiting import until

pytestmark = pytest.mark.cluster

PRINTER = Path(__file__).resolve().parents[1] / "fixtures" / "charts" / "printer"
PODS, RATE = 20, 500
LINES = 20_000
NUMBER = re.compile(r"number (\d+)$")


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"logs-{uuid.uuid4().hex[:8]}"
    subprocess.run(["kubectl", "create", "namespace", name], check=True, timeout=60)
    yield name
    subprocess.run(["kubectl", "delete", "namespace", name, "--wait=false"], check=True, timeout=60)


def helm(namespace: str, *values: str, wait: bool = True) -> Key:
    given = [f"--set={each}" for each in values]
    command = ["helm", "upgrade", "--install", "web", str(PRINTER), "-n", namespace, *given]
    subprocess.run([*command, *(["--wait"] if wait else [])], check=True, timeout=300)
    return Key(namespace, "web")


def delete_pod(namespace: str, name: str) -> None:
    command = ["kubectl", "delete", "pod", name, "-n", namespace, "--wait=false"]
    subprocess.run(command, check=True, timeout=60)


class Here:
    """A hub of logs over the real cluster."""

    def __init__(self, client: ClusterClient, store: Store) -> None:
        self.client, self.store = client, store
        secrets = AppSecrets(
            self.version, HelmStorage(client).newest_and_deployed, EnvSecrets(client).values
        )
        self.hub = LogHub(
            PodLogs(client), lambda key: store.snapshot.app(key).pods, secrets.scrubber
        )
        store.on_change(self.hub.changed)

    def version(self, key: Key) -> Version:
        release = self.store.snapshot.app(key).release
        return (release.uid, release.revision) if release else ("", 0)


@asynccontextmanager
async def looking(namespace: str) -> AsyncIterator[Here]:
    async with ClusterClient.connect(Path(os.environ["KUBECONFIG"])) as client:
        store = Store()
        async with running({"watches": Watches(client, store, (namespace,)).run()}, print):
            here = Here(client, store)
            yield here
            here.hub.close()


class Viewer:
    """What a browser has got, by pod."""

    def __init__(self, subscription: LogSubscription) -> None:
        self.subscription = subscription
        self.sources: dict[int, dict[str, str]] = {}
        self.texts: dict[str, list[str]] = defaultdict(list)
        self.dropped = 0

    async def until(self, done: Callable[[], bool]) -> None:
        while not done():
            found = await self.subscription.next()
            message = json.loads(found.text) if found and found.text else {}
            for each in message.get("sources", ()):
                self.sources[each["id"]] = each
            for source, _, _, text, *_ in message.get("lines", ()):
                self.texts[self.sources[source]["pod"]].append(text)
            self.dropped += message.get("dropped", 0)

    def lines(self) -> int:
        return sum(map(len, self.texts.values()))

    def numbers(self) -> Iterator[list[int]]:
        for texts in self.texts.values():
            yield [int(found[1]) for text in texts if (found := NUMBER.search(text))]


async def test_many_pods_are_read_once_for_two_viewers_without_doubles(namespace: str) -> None:
    key = helm(namespace, f"replicas={PODS}", f"rate={RATE}", "dbPassword=correct-horse-battery")
    async with looking(namespace) as here:
        await until(lambda: len(here.store.snapshot.app(key).pods) == PODS, seconds=90)
        first = Viewer(await joined(here.hub, Selection(key), tail=5_000))
        second = Viewer(await joined(here.hub, Selection(key), tail=100))
        await first.until(lambda: first.lines() + first.dropped > LINES)
        await second.until(lambda: second.lines() + second.dropped > LINES // 2)
        assert here.client.calls.following == PODS
        assert len(first.texts) == PODS
        for numbers in (*first.numbers(), *second.numbers()):
            assert numbers == sorted(set(numbers)), "lines came twice, or in another order"
        if not first.dropped:
            for numbers in first.numbers():
                assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_secrets_are_hidden_and_a_pod_that_goes_is_followed_by_the_next(
    namespace: str,
) -> None:
    key = helm(namespace, "dbPassword=correct-horse-battery")
    async with looking(namespace) as here:
        await until(lambda: bool(here.store.snapshot.app(key).pods), seconds=90)
        viewer = Viewer(await joined(here.hub, Selection(key), tail=5_000))
        await viewer.until(lambda: viewer.lines() > 12)
        (old,) = viewer.texts
        said = "\n".join(viewer.texts[old])
        assert "the values say (hidden), the manifest (hidden)" in said
        assert "password=(hidden)" in said
        delete_pod(namespace, old)
        await viewer.until(lambda: any(pod != old and viewer.texts[pod] for pod in viewer.texts))
        await until(lambda: here.client.calls.following == 1, seconds=90)


async def test_the_previous_run_of_a_crash(namespace: str) -> None:
    key = helm(namespace, "crashAfter=40", "rate=100", wait=False)

    async with looking(namespace) as here:

        def restarted() -> bool:
            pods = here.store.snapshot.app(key).pods
            return any(one.restarts for pod in pods for one in pod.containers)

        await until(restarted, seconds=300)
        selection = Selection(key, previous=True)
        viewer = Viewer(await joined(here.hub, selection, tail=5_000))
        await viewer.until(lambda: viewer.lines() > 0)
        assert any("ValueError: the last words" in each for each in viewer.texts.popitem()[1])
