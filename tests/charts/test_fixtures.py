"""The charts that stand for what a catalogue may hold."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import yaml

from portal.domain.errors import ChartError
from portal.domain.replica_ownership import without_replicas
from portal.helm_service.review import PLUGIN, listening
from portal.helm_service.runner import helm_environment
from tests.charts.conftest import program
from tests.charts.helm import Helm

CHARTS = Path(__file__).parents[1] / "fixtures" / "charts"


@pytest.mark.parametrize("name", ["web-server", "task-cluster", "bare", "fixed-number"])
def test_a_chart_renders_with_its_defaults(helm: Helm, name: str) -> None:
    ran = helm.run("lint", "--strict", str(CHARTS / name))
    assert ran.returncode == 0, ran.stdout
    rendered = helm.template(CHARTS / name)
    assert rendered.manifests, rendered.error


def test_the_article_s_values_mean_what_they_did(helm: Helm) -> None:
    values = {
        "image": {"registry": "r.example", "repository": "team/app", "tag": "1.0"},
        "containerPort": 8050,
        "replicaCount": 3,
    }
    rendered = helm.template(CHARTS / "web-server", values)
    deployment = rendered.one("Deployment")["spec"]
    (container,) = deployment["template"]["spec"]["containers"]
    assert (deployment["replicas"], container["image"]) == (3, "r.example/team/app:1.0")
    assert container["ports"][0]["containerPort"] == 8050

    scaled = helm.template(CHARTS / "web-server", {"autoscaling": {"enabled": True}})
    assert "replicas" not in scaled.one("Deployment")["spec"]
    assert scaled.one("HorizontalPodAutoscaler")["spec"]["maxReplicas"] == 5

    refused = helm.template(CHARTS / "web-server", {"replicaCount": "many"})
    assert "replicaCount" in refused.error


def test_workers_find_their_scheduler(helm: Helm) -> None:
    rendered = helm.template(CHARTS / "task-cluster")
    service = rendered.one("Service")
    workers = [
        container
        for each in rendered.all("Deployment")
        for container in each["spec"]["template"]["spec"]["containers"]
        if container["name"] == "worker"
    ]
    address = f"tcp://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    assert {"name": "SCHEDULER_ADDRESS", "value": address} in workers[0]["env"]
    compile(rendered.one("ConfigMap")["data"]["tasks.py"], "tasks.py", "exec")


async def test_helm_has_our_plugin_review_what_it_renders(helm: Helm, tmp_path: Path) -> None:
    chart = CHARTS / "fixed-number"
    values = {"pods": 2, "image": "web:1"}
    plain = helm.template(chart, values)
    assert plain.one("Deployment")["spec"]["replicas"] == 2
    seen: list[str] = []

    async def review(manifest: str) -> str:
        seen.append(manifest)
        return without_replicas(manifest, {"Deployment/my-app"})

    async with listening(review) as (socket, outcome):
        process = await asyncio.create_subprocess_exec(
            *(program(), "template", "my-app", chart, "--namespace", "apps", "--values", "-"),
            *("--post-renderer", PLUGIN, f"--post-renderer-args={socket}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=helm_environment(os.environ, tmp_path),
            cwd=tmp_path,  # nowhere near the sources
        )
        printed, _ = await process.communicate(yaml.safe_dump(values).encode())
    assert outcome.error is None
    assert {each["kind"] for each in yaml.safe_load_all(seen[0])} == {"Service", "Deployment"}
    left = {each["kind"]: each for each in yaml.safe_load_all(printed)}
    assert left["Service"] == plain.one("Service")
    wanted = plain.one("Deployment")
    del wanted["spec"]["replicas"]
    assert left["Deployment"] == wanted


async def test_hooks_are_reviewed_and_a_refusal_renders_nothing(tmp_path: Path) -> None:
    async def review(manifest: str) -> str:
        assert "helm.sh/hook" in manifest
        raise ChartError("no")

    async with listening(review) as (socket, outcome):
        process = await asyncio.create_subprocess_exec(
            *(program(), "template", "my-app", CHARTS / "endings" / "hook-fails"),
            *("--set", "image=a", "--post-renderer", PLUGIN, f"--post-renderer-args={socket}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=helm_environment(os.environ, tmp_path),
        )
        printed, _ = await process.communicate()
    assert (process.returncode, printed, str(outcome.error)) == (1, b"", "no")
