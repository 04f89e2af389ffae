"""Actions with the real Helm and real watches: what a person presses, on a real cluster."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from dev import demo
from portal.auth.authorizer import KnownRights
from portal.auth.policy import Policy
from portal.catalog.launch_fields import SIMPLE_FIELDS
from portal.cluster.admission import Admission
from portal.cluster.client import ClusterClient
from portal.cluster.env_secrets import EnvSecrets
from portal.cluster.leases import LEASES, Leases
from portal.cluster.replicas import Replicas
from portal.cluster.served_apis import ServedApis
from portal.cluster.storage.fetcher import ReleaseFetcher
from portal.cluster.storage.storage import HelmStorage
from portal.cluster.watches import Watches
from portal.domain.errors import Conflict, ReleaseBusy
from portal.domain.identity import Identity
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.launch import AutoscalingSpec, Exposure, LaunchSpec
from portal.domain.limits import LIMITS
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Kind
from portal.domain.operations import STOP_GRACE, Operation, OperationPhase
from portal.guardrails.review import Guardrails
from portal.guardrails.rules import GuardrailException
from portal.helm_service.helm import Helm
from portal.helm_service.runner import Runner, helm_environment
from portal.operations.operations import Operations, OperationTiming
from portal.releases.actions import Actions, form_fields
from portal.releases.forms import ReleaseForms, ScaleRequest
from portal.releases.install import LAUNCH
from portal.releases.ports import ReleasePorts
from portal.releases.upgrade import UPGRADE
from portal.state.model import AppState
from portal.state.store import Store

pytestmark = pytest.mark.cluster

CHART = Path(__file__).resolve().parents[2] / "charts" / "dash-app"
IMAGE = os.environ.get("SAMPLE_IMAGE", "localhost:5000/dash-sample")
ANN = Identity("ann@example.com")
SLOW = 180.0
"""Seconds that a condition may take on a busy machine with two cores."""


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"actions-{uuid.uuid4().hex[:8]}"
    _run("kubectl", "create", "namespace", name)
    yield name
    _run("kubectl", "delete", "namespace", name, "--wait=false")


@dataclass
class Portal:
    """Actions, wired up as the portal has them."""

    actions: Actions
    store: Store
    helm: Helm
    namespace: str

    def key(self, name: str) -> Key:
        return Key(self.namespace, name)

    def app(self, key: Key) -> AppState:
        return self.store.snapshot.app(key)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        changed = asyncio.Event()
        stop = self.store.on_change(lambda keys: changed.set())
        try:
            async with asyncio.timeout(SLOW):
                while not condition():
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            pytest.fail(f"{what} did not come about within {SLOW:.0f} s")
        finally:
            stop()

    async def ended(self, operation: Operation) -> Operation:
        """Wait until the operation has ended, well."""

        def now() -> Operation | None:
            return self.app(operation.key).operation

        def over() -> bool:
            newest = now()
            return newest is None or newest.id != operation.id or newest.phase.terminal

        await self.until(over, f"the end of {operation.verb}")
        last = now()
        assert last is not None
        assert last.phase is OperationPhase.SUCCEEDED, (last.error, last.steps)
        return last


@asynccontextmanager
async def portal(
    namespace: str,
    home: Path,
    chart: Path = CHART,
    limit: int = 20,
    exceptions: tuple[GuardrailException, ...] = (),
    *,
    told_apart: bool = False,
) -> AsyncIterator[Portal]:
    kubeconfig = Path(os.environ["KUBECONFIG"])
    program = os.environ.get("HELM_BIN") or shutil.which("helm") or "helm"
    environment = helm_environment(os.environ, home, kubeconfig)
    helm = Helm(Runner(environment, executable=program, grace=STOP_GRACE - 1, limit=limit))
    store = Store()
    async with ClusterClient.connect(kubeconfig) as client:
        rules, storage = NamespaceRules((namespace,)), HelmStorage(client)
        guardrails = Guardrails(Admission(client, {"restricted": demo.RESTRICTED}), exceptions)
        operations = Operations(
            store,
            Leases(client),
            storage,
            rules,
            holder=uuid.uuid4().hex,
            fields=form_fields,
            timing=OperationTiming(limit=limit),
            limit_of_one=replace(LIMITS.operations, most=0),
        )
        actions = Actions(
            store,
            ReleasePorts(
                helm,
                storage,
                storage,
                Replicas(client),
                guardrails,
                ServedApis(client),
                env_secrets=EnvSecrets(client),
            ),
            operations,
            KnownRights(Policy(rules, open_mode=not told_apart)),
            ReleaseForms(rules, namespace, max_replicas=6),
            chart,
        )
        leases = Watches(client, store, (namespace,), (LEASES,), sink=actions.operations.registry)
        tasks = [
            asyncio.create_task(Watches(client, store, (namespace,)).run()),
            asyncio.create_task(leases.run()),
            asyncio.create_task(ReleaseFetcher(client, store).run()),
            asyncio.create_task(actions.operations.run()),
        ]
        try:
            here = Portal(actions, store, helm, namespace)
            await here.until(lambda: not store.snapshot.loading, "the first lists")
            yield here
        finally:
            await actions.operations.drain(20)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def sample(key: Key, **changes: object) -> LaunchSpec:
    fields = {each.name: changes.pop(each.name) for each in SIMPLE_FIELDS if each.name in changes}
    spec = LaunchSpec(
        key=key,
        repository=IMAGE,
        tag="1.0",
        replicas=1,
        autoscaling=None,
        cpu_request="50m",
        cpu_limit="",
        memory_request="128Mi",
        memory_limit="256Mi",
        exposure=Exposure.CLUSTER_IP,
        fields={"port": 8050, **fields},
    )
    return replace(spec, **changes)  # type: ignore[arg-type]


def deployment_ready(state: AppState) -> int:
    return sum(each.ready for each in state.workloads if each.kind is Kind.DEPLOYMENT)


async def test_launch_change_scale_autoscale_and_uninstall(namespace: str, tmp_path: Path) -> None:
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("sample")

        launched = await here.ended(await actions.launch(ANN, sample(key)))
        assert launched.verb == LAUNCH
        assert launched.revision == 1
        assert launched.helm_seconds is not None
        (workload,) = here.app(key).workloads
        assert (workload.desired, workload.ready) == (1, 1)
        assert workload.annotations[LAUNCHED_BY] == "ann@example.com"

        with pytest.raises(Conflict, match="exists already"):
            await actions.launch(ANN, sample(key), create_only=True)
        spec = sample(key, replicas=3, cpu_request="60m")
        bob = Identity("bob")
        changed = await here.ended(await actions.launch(bob, spec))
        assert (changed.verb, changed.revision) == (UPGRADE, 2)
        (workload,) = here.app(key).workloads
        assert (workload.desired, workload.ready) == (3, 3)
        assert workload.annotations[LAUNCHED_BY] == "ann@example.com"

        fewest = 99

        def note(keys: frozenset[Key]) -> None:
            nonlocal fewest
            if key in keys:
                fewest = min(fewest, deployment_ready(here.app(key)))

        stop = here.store.on_change(note)
        auto = AutoscalingSpec(3, 5, target_cpu=80, target_memory=None, scale_down_window=10)
        scaled = await here.ended(await actions.scale(ANN, key, ScaleRequest(autoscaling=auto)))
        assert "Hand the replicas to the autoscaler" in [step.title for step in scaled.steps]
        (hpa,) = here.app(key).hpas
        assert (hpa.min_replicas, hpa.max_replicas) == (3, 5)
        # The autoscaler's own first decisions must not find fewer pods either.
        await here.until(lambda: here.app(key).hpas[0].desired >= 3, "the autoscaler's decision")
        stop()
        assert fewest == 3

        fixed = await here.ended(await actions.scale(ANN, key, ScaleRequest(replicas=2)))
        assert fixed.revision == 4
        assert not here.app(key).hpas
        (workload,) = here.app(key).workloads
        assert (workload.desired, workload.ready) == (2, 2)

        # Back on: the bounds that the form does not touch are those of before.
        values = await actions.values(ANN, key)
        assert values is not None
        assert values["autoscaling"] == {
            "enabled": False,
            "minReplicas": 3,
            "maxReplicas": 5,
            "targetCPU": 80,
            "targetMemory": None,
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 10}},
        }

        history = await actions.previews.history(ANN, key)
        assert [each.revision for each in history] == [4, 3, 2, 1]
        assert history[0].description == "Scaled to 2 by ann@example.com"
        back = await here.ended(await actions.rollback(ANN, key, 1))
        assert back.revision == 5
        assert here.app(key).workloads[0].ready == 1

        await here.ended(await actions.uninstall(ANN, key))
        assert here.app(key).release is None
        left = _run("kubectl", "get", "all,hpa,secrets,ingress", "-n", namespace, "-o", "name")
        assert left.strip() == ""


async def test_an_image_that_does_not_exist_is_corrected_in_place(
    namespace: str, tmp_path: Path
) -> None:
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("wrong")
        first = await actions.launch(ANN, sample(key, tag="no-such-tag"))

        def waiting_for_an_image() -> bool:
            reasons = {c.reason for pod in here.app(key).pods for c in pod.containers}
            return bool(reasons & {"ErrImagePull", "ImagePullBackOff"})

        await here.until(waiting_for_an_image, "the pull error")
        operation = here.app(key).operation
        assert operation is not None
        assert operation.phase is OperationPhase.WAITING

        second = await here.ended(await actions.launch(ANN, sample(key)))
        assert second.id != first.id
        assert here.app(key).workloads[0].ready == 1


async def test_replicas_set_by_hand_are_taken_over(namespace: str, tmp_path: Path) -> None:
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("byhand")
        await here.ended(await actions.launch(ANN, sample(key)))
        _run("kubectl", "scale", "deployment/byhand", "--replicas=2", "-n", namespace)
        await here.until(lambda: here.app(key).workloads[0].desired == 2, "two replicas")

        done = await here.ended(await actions.scale(ANN, key, ScaleRequest(replicas=1)))

        assert "taking over the replicas" in [step.title for step in done.steps][-2]
        assert here.app(key).workloads[0].desired == 1


async def test_a_pending_release_is_left_alone(namespace: str, tmp_path: Path) -> None:
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("stuck")
        await here.ended(await actions.launch(ANN, sample(key)))
        secret = "sh.helm.release.v1.stuck.v1"
        label = ["kubectl", "label", "--overwrite", "secret", secret, "-n", namespace]
        _run(*label, "status=pending-upgrade")
        await here.until(lambda: here.app(key).release.status.pending, "the label")  # type: ignore[union-attr]

        with pytest.raises(ReleaseBusy, match="pending-upgrade"):
            await actions.scale(ANN, key, ScaleRequest(replicas=2))

        _run(*label, "status=deployed")
        await here.until(lambda: not here.app(key).release.status.pending, "the label")  # type: ignore[union-attr]
        await here.ended(await actions.uninstall(ANN, key))
