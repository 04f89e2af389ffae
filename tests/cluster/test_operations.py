"""Operations survive their portal: killed at any moment, two at once, and somebody else's work."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from portal.catalog.chart import read_chart
from portal.cluster.storage.unpack import MAX_BODY, unpack
from portal.domain.charts import BUILT_IN
from portal.domain.operations import STOP_GRACE, STOP_PATIENCE, OperationPhase
from portal.helm_service.orphans import STARTED_BY, end_orphans
from portal.releases.forms import ScaleRequest
from tests.cluster.test_actions import ANN, portal, sample
from tests.cluster.test_dash_app_chart import eventually

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
TERMINAL = {"succeeded", "failed", "cancelled", "interrupted"}
WITHIN = 60.0
"""Seconds from the restart until every release has come to rest."""
ROUNDS, EACH = 5, 4
SEED = 20

MANY = """{{- range until 20 }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $.Release.Name }}-{{ . }}
{{- end }}
"""


# A hook that never ends, for which no image has to be there.
HOLD = """apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-hold
  annotations:
    helm.sh/hook: post-install
spec:
  suspend: true
  template:
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      securityContext:
        {runAsNonRoot: true, runAsUser: 1001, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: hold
          image: none
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""


def kubectl(*words: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["kubectl", *words], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"operations-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """The built-in chart, with so many objects more that Helm is pending for a while."""
    copy = tmp_path / "dash-app"
    shutil.copytree(ROOT / "charts" / "dash-app", copy)
    (copy / "templates" / "many.yaml").write_text(MANY)
    return copy


@dataclass
class Process:
    """A portal that may be killed. ``phases`` is the newest phase of each release it tells of.

    ``begun`` and ``winners`` are its operations and who began them, by release; ``refused`` is
    what people were told who did not."""

    process: asyncio.subprocess.Process
    phases: dict[str, str] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)
    winners: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    ready: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            told: dict[str, Any] = json.loads(line)
            async with self.changed:
                self.ready = self.ready or "ready" in told
                if "begun" in told:
                    self.begun[told["begun"]] = told["id"]
                    self.winners[told["begun"]] = told["actor"]
                if "refused" in told:
                    self.refused[told["actor"]] = told["why"]
                if "phase" in told:
                    self.phases[told["name"]] = told["phase"]
                self.changed.notify_all()

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        try:
            async with asyncio.timeout(seconds), self.changed:
                await self.changed.wait_for(condition)
        except TimeoutError:
            pytest.fail(f"not within {seconds:.0f} s: {what}; {self.phases} {self.refused}")

    def ask(self, name: str, word: str, actor: str = "ann") -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{name} {word} {actor}\n".encode())

    def kill(self, *, with_helm: bool) -> None:
        """SIGKILL; as a pod's death, which takes its Helm along, or as a worker's."""
        pid = self.process.pid
        self.process.kill()
        for helm in helms_of(pid) if with_helm else []:
            os.kill(helm, signal.SIGKILL)


def helms_of(portal: int) -> list[int]:
    mark = f"{STARTED_BY}={portal}\0".encode()
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@asynccontextmanager
async def portal_process(namespace: str, chart: Path, limit: int = 20) -> AsyncIterator[Process]:
    end_orphans()  # as the portal does when it starts
    command = [sys.executable, "-m", "tests.cluster.portal_process", namespace, str(chart)]
    command.append(str(limit))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    portal = Process(process)
    listening = asyncio.create_task(portal.listen())
    try:
        await portal.until(lambda: portal.ready, "the start of a portal")
        yield portal
    finally:
        if process.returncode is None and process.stdin:
            process.stdin.close()
            await asyncio.wait_for(process.wait(), 30)
        await process.wait()
        await listening


def releases(namespace: str) -> dict[str, dict[int, str]]:
    """State of each revision of each release, from Helm's labels."""
    told = json.loads(kubectl("get", "secrets", "-l", "owner=helm", "-n", namespace, "-o", "json"))
    found: dict[str, dict[int, str]] = {}
    for secret in told["items"]:
        labels = secret["metadata"]["labels"]
        found.setdefault(labels["name"], {})[int(labels["version"])] = labels["status"]
        if labels["name"] != "own":
            body = json.loads(unpack(secret["data"]["release"], MAX_BODY))
            # Helm that is ended while it writes down its success may write that into the label and
            # its failure into the body: it encodes one after the other.
            words = (body["info"]["status"], labels["status"])
            assert len(set(words)) == 1 or words == ("failed", "deployed"), "they disagree"
    return found


def claims(namespace: str) -> dict[str, dict[str, Any]]:
    """The record of each release's operation, and who holds it."""
    told = json.loads(kubectl("get", "leases", "-n", namespace, "-o", "json"))
    found: dict[str, dict[str, Any]] = {}
    for lease in told["items"]:
        record = json.loads(lease["metadata"]["annotations"]["dash-portal.io/operation"])
        holder = lease["spec"].get("holderIdentity") or ""
        found[record["key"][1]] = {**record, "holder": holder}
    return found


async def test_a_portal_killed_at_any_moment_loses_nothing(namespace: str, chart: Path) -> None:
    dice = random.Random(SEED)
    names = [f"r{number}" for number in range(ROUNDS * EACH)]
    upgraded = set(dice.sample(names, 8))
    async with portal_process(namespace, chart) as portal:
        began = time.monotonic()
        for name in upgraded:
            portal.ask(name, "first")
        portal.ask("own", "first")
        await portal.until(
            lambda: all(portal.phases.get(name) == "succeeded" for name in {*upgraded, "own"}),
            "the first launches",
        )
        # How long as many take as are killed at once: the random points lie in that.
        batch = (time.monotonic() - began) * EACH / (len(upgraded) + 1)
    # Somebody's own upgrade, under way in a terminal as long as this test lasts.
    secret = "secret/sh.helm.release.v1.own.v1"
    kubectl("label", "--overwrite", secret, "status=pending-upgrade", "-n", namespace)

    for number in range(ROUNDS):
        async with portal_process(namespace, chart) as portal:
            asked = names[number * EACH : (number + 1) * EACH]
            for name in asked:
                portal.ask(name, "second")
            await portal.until(lambda here=portal: len(here.begun) == EACH, "four launches")
            await asyncio.sleep(dice.uniform(0, 1.5) * batch)  # the random point
            portal.kill(with_helm=dice.random() < 0.7)

    async with portal_process(namespace, chart) as portal:
        begun = claims(namespace)
        assert set(names) <= set(begun)
        await portal.until(
            lambda: all(portal.phases.get(name) in TERMINAL for name in begun),
            "an end of every operation",
            WITHIN,
        )
        await asyncio.sleep(1)  # their last words
        ended = claims(namespace)
        assert {each["holder"] for each in ended.values()} == {""}
        found = releases(namespace)
        assert found.pop("own") == {1: "pending-upgrade"}
        outcomes: dict[str, list[str]] = {}
        for name, claim in ended.items():
            if name == "own":
                continue
            revisions = found.get(name, {})
            kind = f"{claim['phase']} {claim['error']} at {sorted(revisions.items())}"
            outcomes.setdefault(kind, []).append(name)
            assert not [each for each in revisions.values() if each.startswith("pending")], name
            if claim["phase"] == "succeeded":
                assert revisions[max(revisions)] == "deployed", name
            first = 1 if name in upgraded else 0
            assert first <= max(revisions, default=0) <= first + 1, (name, revisions)
        print(json.dumps(outcomes, indent=1))
        assert upgraded <= set(found), "a release that had been deployed was lost"
        deployments = kubectl("get", "deployments", "-n", namespace, "-o", "name")
        assert upgraded <= {line.rpartition("/")[2] for line in deployments.split()}
        assert len(outcomes) > 1, "the moments were all alike: this has shown little"

        # Whatever came of it, it can be launched again.
        again = [alike[0] for alike in outcomes.values()]
        for name in again:
            portal.ask(name, "third")
        await portal.until(lambda: len(portal.begun) == len(again), "launches over what is left")
        await portal.until(
            lambda: all(portal.phases[name] == "succeeded" for name in again), "the last launches"
        )


MOMENTS: dict[str, Callable[[list[str]], bool]] = {
    "begun": lambda phases: True,
    "at work": lambda phases: "running" in phases,
    "one done": lambda phases: "succeeded" in phases,
    "held up": lambda phases: phases.count("running") == EACH,
}
"""When a portal is told to stop, by the phases of what it does."""


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_portal_told_to_stop_leaves_nothing_pending(
    namespace: str, chart: Path, moment: str
) -> None:
    """Helm may finish, or is ended in time to say so: nobody has to clear up after it."""
    held = moment == "held up"
    if held:
        (chart / "templates" / "hold.yaml").write_text(HOLD)
    names = [f"s{number}" for number in range(2 * EACH)]  # half of them have to queue
    async with portal_process(namespace, chart, limit=EACH) as portal:
        for name in names:
            portal.ask(name, "word")
        await portal.until(lambda: len(portal.begun) == len(names), "the launches")
        await portal.until(lambda: MOMENTS[moment]([*portal.phases.values()]), moment)
        if held:
            await asyncio.to_thread(eventually, lambda: pending(namespace) == EACH, "hooks")
        portal.process.terminate()
        # A second more for what it does apart from Helm; a busy machine takes its time.
        async with asyncio.timeout(2 * (STOP_PATIENCE + STOP_GRACE + 1)):
            await portal.process.wait()
    assert not helms_of(portal.process.pid)
    assert pending(namespace) == 0
    ended, found = claims(namespace), releases(namespace)
    print(json.dumps({name: (ended[name]["phase"], found.get(name)) for name in names}, indent=1))
    assert set(ended) == set(names), "an operation was lost"
    for name, claim in ended.items():
        if claim["phase"] == OperationPhase.INTERRUPTED:
            assert claim["error"] == "The portal stopped while this was under way."
        else:
            # What only waits for its pods is for the next portal.
            assert claim["phase"] in {OperationPhase.WAITING, OperationPhase.SUCCEEDED}
            assert found[name] == {1: "deployed"}
    if held:
        assert list(found.values()) == [{1: "failed"}] * EACH
        assert {claim["phase"] for claim in ended.values()} == {OperationPhase.INTERRUPTED}

    async with portal_process(namespace, chart) as portal:
        await portal.until(
            lambda: all(portal.phases.get(name) in TERMINAL for name in names),
            "an end of every operation",
        )


def pending(namespace: str) -> int:
    """Return the number of pending releases."""
    states = [state for each in releases(namespace).values() for state in each.values()]
    return sum(state.startswith("pending") for state in states)


async def test_twenty_people_launch_at_once_through_two_portals(
    namespace: str, chart: Path
) -> None:
    """Five of them under the same name: nothing is lost, one wins, and the others hear who."""
    people = [f"person{number}" for number in range(20)]
    wishes = {who: "same" if number % 4 == 0 else f"of-{who}" for number, who in enumerate(people)}
    rivals = [who for who, name in wishes.items() if name == "same"]
    assert len(rivals) == 5
    async with (
        portal_process(namespace, chart) as one,
        portal_process(namespace, chart) as two,
    ):
        portals = (one, two)
        for number, (who, name) in enumerate(wishes.items()):
            # Some of the five in either portal.
            portals[number // 2 % 2].ask(name, f"word-of-{who}", who)
        for portal in portals:
            await portal.until(
                lambda here=portal: len(here.begun) + len(here.refused) == 10, "an answer to each"
            )
        winners = {**one.winners, **two.winners}
        refused = {**one.refused, **two.refused}
        assert len(one.winners) + len(two.winners) == len(winners) == 16
        assert set(winners) == set(wishes.values())
        assert all(wishes[who] == name for name, who in winners.items())
        winner = winners["same"]
        assert set(refused) == {*rivals} - {winner}
        for told in refused.values():
            assert told.startswith(f"{winner} has been launching same since "), told

        # Both show each operation to its end.
        for portal in portals:
            await portal.until(
                lambda here=portal: all(here.phases.get(name) == "succeeded" for name in winners),
                "the end of each launch in both portals",
                seconds=180,
            )
        assert releases(namespace) == {name: {1: "deployed"} for name in winners}
        assert {name: each["actor"] for name, each in claims(namespace).items()} == winners
        told = json.loads(kubectl("get", "deployments", "-n", namespace, "-o", "json"))
        words = {
            each["metadata"]["name"]: each["spec"]["template"]["spec"]["containers"][0]["env"]
            for each in told["items"]
        }
        assert set(words) == set(winners)
        for name, who in winners.items():
            assert {"name": "WORD", "value": f"word-of-{who}"} in words[name]


async def test_a_release_keeps_its_chart_when_the_portal_has_a_newer_one(
    namespace: str, chart: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(chart, newer)
    about = (newer / "Chart.yaml").read_text()
    (newer / "Chart.yaml").write_text(re.sub(r"(?m)^version: .*", "version: 99.0.0", about))
    async with portal(namespace, tmp_path, chart) as here:
        key = here.key("kept")
        await here.ended(await here.actions.launch(ANN, sample(key, replicas=0)))
    before = chart_of(namespace, "kept")
    async with portal(namespace, tmp_path, newer) as here:
        await here.ended(await here.actions.scale(ANN, key, ScaleRequest(replicas=0)))
        await here.ended(await here.actions.launch(ANN, sample(key, replicas=0, port=9000)))
        after = chart_of(namespace, "kept")
        assert after["metadata"] == before["metadata"]
        assert after["templates"] == before["templates"]
        assert after["schema"] == before["schema"]

        given = here.app(key).detail
        assert given
        again = read_chart(newer, BUILT_IN)
        await here.ended(
            await here.actions.change_version(ANN, key, again, expected_revision=given.revision)
        )
        assert chart_of(namespace, "kept")["metadata"]["version"] == "99.0.0"


def chart_of(namespace: str, release: str) -> dict[str, Any]:
    """The chart in the newest revision's record; its templates in order."""
    query = f"owner=helm,name={release},status=deployed"
    told = json.loads(kubectl("get", "secrets", "-l", query, "-n", namespace, "-o", "json"))
    (secret,) = told["items"]
    chart = json.loads(unpack(secret["data"]["release"], MAX_BODY))["chart"]
    templates = {each["name"]: each["data"] for each in chart["templates"]}
    return {**chart, "templates": templates}
