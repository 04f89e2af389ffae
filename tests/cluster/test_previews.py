"""A preview is what then happens; a rollback goes back; nothing that is shown holds a secret."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from portal.catalog.chart import read_chart
from portal.catalog.values import get, overlay
from portal.domain.errors import NotFound
from portal.domain.keys import SHARED_LABEL, Key
from portal.domain.launch import AutoscalingSpec, EnvVar
from portal.domain.operations import OperationPhase
from portal.domain.proposals import Proposal
from portal.operations import executor
from portal.operations.waiting import until
from portal.releases.forms import ScaleRequest
from portal.releases.request import ReleaseRequest
from portal.viewmodels.history import history_view
from portal.viewmodels.manifest import manifest_yaml
from portal.viewmodels.preview import PreviewView, preview_view
from portal.viewmodels.removal import removal_words
from tests.cluster.test_actions import ANN, CHART, IMAGE, Portal, portal, sample

pytestmark = pytest.mark.cluster

FAILED, WAITING = OperationPhase.FAILED, OperationPhase.WAITING
TOKEN = "tok-4711-0815-secret"
SECRET_ENV = (EnvVar("API_TOKEN", TOKEN), EnvVar("GREETING", "hello"))

WORKLOADS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: 0
  selector: {matchLabels: {app: {{ .Values.label }}}}
  template:
    metadata: {labels: {app: {{ .Values.label }}}}
    spec:
      automountServiceAccountToken: false
      securityContext:
        {runAsNonRoot: true, runAsUser: 1001, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: app
          image: {{ .Values.image }}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      automountServiceAccountToken: false
      securityContext:
        {runAsNonRoot: true, runAsUser: 1001, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: app
          image: {{ .Values.image }}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-kept, annotations: {helm.sh/resource-policy: keep}}
"""


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


kubectl = partial(run, "kubectl")


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"previews-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def said(view: PreviewView) -> list[str]:
    return [each.title for each in view.words]


def shown(proposal: Proposal) -> PreviewView:
    view = preview_view(proposal)
    assert TOKEN not in str(view)
    return view


def pods(here: Portal, key: Key) -> set[str]:
    return {pod.uid for pod in here.app(key).pods if not pod.deleting}


async def test_a_preview_is_what_then_happens(namespace: str, tmp_path: Path) -> None:
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("seen")
        spec = sample(key, env=SECRET_ENV)
        await here.ended(await actions.launch(ANN, spec))
        before = pods(here, key)

        more = sample(key, env=SECRET_ENV, replicas=2)
        view = shown(await actions.previews.upgrade(ANN, more))
        assert said(view) == ["No pod is restarted.", "1 replica now; becomes 2."]
        assert view.values == (
            *(f"   repository: {IMAGE}", "   tag: '1.0'"),
            *("-replicaCount: 1", "+replicaCount: 2"),
            *(" resources:", "   limits:"),
        )
        assert [(each.title, each.change.text) for each in view.objects] == [
            ("PodDisruptionBudget seen", "added"),
            ("Deployment seen", "changed"),
        ]
        assert here.app(key).release.revision == 1, "a preview changes nothing"  # type: ignore[union-attr]
        await here.ended(await actions.launch(ANN, more))
        assert before < pods(here, key)
        assert here.app(key).workloads[0].desired == 2

        before = pods(here, key)
        other = sample(key, replicas=2, env=(EnvVar("API_TOKEN", TOKEN + "-new"),))
        view = shown(await actions.previews.upgrade(ANN, other))
        assert said(view) == [
            "Deployment seen: both pods are replaced in a rolling update.",
            "2 replicas now; stays 2.",
        ]
        assert any("(hidden, changed)" in line for line in view.values)
        await here.ended(await actions.launch(ANN, other))
        assert not before & pods(here, key)
        assert here.app(key).workloads[0].desired == 2

        again = shown(await actions.previews.upgrade(ANN, other))
        assert again.nothing
        assert said(again)[0] == "Nothing in the cluster changes."

        newest = await actions.previews.newest(ANN, key)
        manifest = manifest_yaml(newest.manifest, namespace, newest.values)
        assert "API_TOKEN" in manifest
        assert TOKEN not in manifest
        assert TOKEN not in str(history_view(await actions.previews.history(ANN, key)))


async def test_what_the_autoscaler_made_of_it_stays(namespace: str, tmp_path: Path) -> None:
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("scaled")
        # It remembers for ten minutes that it wanted three.
        auto = AutoscalingSpec(3, 5, target_cpu=90, target_memory=None, scale_down_window=600)
        await here.ended(await actions.launch(ANN, sample(key, autoscaling=auto)))
        await here.until(lambda: here.app(key).hpas[0].desired == 3, "the autoscaler's decision")
        auto = AutoscalingSpec(1, 5, target_cpu=90, target_memory=None, scale_down_window=600)
        await here.ended(await actions.scale(ANN, key, ScaleRequest(autoscaling=auto)))

        other = sample(key, autoscaling=auto, env=SECRET_ENV)
        view = shown(await actions.previews.upgrade(ANN, other))
        assert said(view) == [
            "Deployment scaled: all 3 pods are replaced in a rolling update.",
            "3 replicas now; stays 3.",
        ]
        await here.ended(await actions.launch(ANN, other))
        assert here.app(key).workloads[0].desired == 3

        fixed = sample(key, replicas=2, env=SECRET_ENV)
        view = shown(await actions.previews.upgrade(ANN, fixed))
        assert said(view) == [
            "No pod is restarted.",
            "3 replicas now; becomes 2.",
            "Deleted: HorizontalPodAutoscaler scaled.",
        ]
        await here.ended(await actions.launch(ANN, fixed))
        assert here.app(key).workloads[0].desired == 2
        assert not here.app(key).hpas


async def test_a_rollback_is_previewed_and_goes_back(namespace: str, tmp_path: Path) -> None:
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("back")
        await here.ended(await actions.launch(ANN, sample(key)))
        await here.ended(await actions.launch(ANN, sample(key, replicas=2, env=SECRET_ENV)))
        kubectl("scale", "deployment/back", "--replicas=3", "-n", namespace)
        await here.until(lambda: here.app(key).workloads[0].desired == 3, "three replicas")

        view = shown(await actions.previews.rollback(ANN, key, 1))
        assert said(view) == [
            "Deployment back: all 3 pods are replaced in a rolling update.",
            "3 replicas now; becomes 1.",
            "Deleted: PodDisruptionBudget back.",
        ]
        with pytest.raises(NotFound):
            await actions.previews.rollback(ANN, key, 9)
        await here.ended(await actions.rollback(ANN, key, 1))
        assert here.app(key).workloads[0].desired == 1

        now, *others = history_view(await actions.previews.history(ANN, key))
        assert (now.what, now.who) == ("Rolled back to revision 1", "ann@example.com")
        assert now.status.text == "deployed"
        assert [each.what for each in others[-2:]] == ["Changed", "Launched"]
        assert others[-2].changed == "replicaCount and extraEnvVars"
        newest, first = (await actions.previews.history(ANN, key))[:: len(others)]
        assert newest.values == first.values


async def test_what_is_immutable_and_what_is_left(namespace: str, tmp_path: Path) -> None:
    folder = tmp_path / "stateful"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: stateful\nversion: 1.0.0\n")
    (folder / "values.yaml").write_text(f"label: a\nimage: {IMAGE}:1.0\n")
    (folder / "templates" / "all.yaml").write_text(WORKLOADS)
    chart = read_chart(folder, "test")
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("fixed")
        launched = await actions.launch(ANN, ReleaseRequest(key, chart, {}))
        # Its volume is never provided here, so its pods are never there.
        await here.until(lambda: _phase(here, key, launched.id) is WAITING, "the end of Helm")

        view = shown(
            await actions.previews.upgrade(ANN, ReleaseRequest(key, chart, {"label": "b"}))
        )
        assert not view.possible
        assert said(view)[0] == "spec.selector of Deployment fixed cannot be changed."
        refused = await actions.launch(ANN, ReleaseRequest(key, chart, {"label": "b"}))
        await here.until(lambda: _phase(here, key, refused.id) is FAILED, "the refusal")

        # What failed was there in part at most: this compares with what was deployed.
        view = shown(await actions.previews.upgrade(ANN, ReleaseRequest(key, chart, {})))
        assert said(view)[0] == "Revision 2 failed and may be applied in part."
        failed = history_view(await actions.previews.history(ANN, key))[0]
        assert failed.status.text == "failed"
        assert "immutable" in failed.problem

        claim = "data-fixed-db-0"
        kubectl("wait", "--for=create", f"pvc/{claim}", "-n", namespace, "--timeout=60s")
        words = removal_words(await actions.previews.removal(ANN, key))
        assert [each.title for each in words] == [
            f"1 volume claim will be kept: {claim} (1Mi).",
            "Kept in the cluster (resource policy keep): ConfigMap fixed-kept.",
        ]
        await here.ended(await actions.uninstall(ANN, key))
        kubectl("get", f"pvc/{claim}", "configmap/fixed-kept", "-n", namespace)


async def test_a_release_from_a_terminal_is_edited_without_losing_anything(
    namespace: str, tmp_path: Path
) -> None:
    kubectl("create", "secret", "generic", "theirs", f"--from-literal=k={TOKEN}", "-n", namespace)
    kubectl("label", "secret", "theirs", f"{SHARED_LABEL}=true", "-n", namespace)
    values = tmp_path / "values.yaml"
    values.write_text(
        f"image: {{repository: {IMAGE}, tag: '1.0'}}\n"
        "service: {type: ClusterIP, annotations: {team: a}}\n"
        "podAnnotations: {example.com/kept: 'yes'}\n"
        "terminationGracePeriodSeconds: 33\n"
        "resources: {requests: {cpu: 0.05, memory: 0.125Gi}}\n"
        "extraEnvVars:\n"
        "  - {name: TOKEN, valueFrom: {secretKeyRef: {name: theirs, key: k}}}\n"
        "  - {name: USES, value: $(TOKEN)}\n"
    )
    run("helm", "install", "theirs", str(CHART), "-n", namespace, "--values", str(values))
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("theirs")
        filled = await actions.edit_form(ANN, key)
        checked = actions.forms.check({**filled.raw, "replicas": 2})
        assert checked.spec is not None, checked.errors

        view = shown(
            await actions.previews.upgrade(ANN, checked.spec, expected_revision=filled.revision)
        )
        assert said(view) == ["No pod is restarted.", "1 replica now; becomes 2."]
        await here.ended(await actions.launch(ANN, checked.spec, expected_revision=filled.revision))

        given = (await actions.previews.newest(ANN, key)).values
        assert get(given, "replicaCount") == 2
        # Put over what there is now, what there was changes nothing: it is all there, as it was.
        theirs = yaml.safe_load(values.read_text())
        assert overlay(given, theirs) == given
        assert [each["name"] for each in given["extraEnvVars"]] == ["TOKEN", "USES"]  # type: ignore[attr-defined]


async def test_a_finalizer_that_holds_a_removal_is_told(
    namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "until", partial(until, held_for=2))
    async with portal(namespace, tmp_path) as here:
        actions, key = here.actions, here.key("held")
        await here.ended(await actions.launch(ANN, sample(key)))
        (pod,) = here.app(key).pods
        name = f"pod/{pod.key.name}"
        hold = '{"metadata":{"finalizers":["example.com/backup"]}}'
        kubectl("patch", name, "-n", namespace, "--type=merge", "-p", hold)
        try:
            removal = await actions.uninstall(ANN, key)
            await here.until(lambda: _phase(here, key, removal.id) is FAILED, "the end of the wait")
            ended = here.app(key).operation
            assert ended is not None
            assert f"Pod {pod.key.name} is being deleted since" in ended.error
            assert "the finalizer example.com/backup holds it" in ended.error
        finally:
            let_go = '{"metadata":{"finalizers":null}}'
            kubectl("patch", name, "-n", namespace, "--type=merge", "-p", let_go)
        await here.until(lambda: not here.app(key).pods, "the end of the pod")


def _phase(here: Portal, key: Key, operation: str) -> OperationPhase | None:
    newest = here.app(key).operation
    return newest.phase if newest and newest.id == operation else None
