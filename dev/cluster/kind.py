"""The kind way: a cluster in a Docker engine's containers. Not exercised by CI."""

from __future__ import annotations

import os
from pathlib import Path

from dev.cluster import binaries, settings
from dev.cluster.paths import HERE, Layout
from dev.cluster.progress import Steps
from dev.cluster.run import run

_NAME = settings.CLUSTER
_METRICS = "https://github.com/kubernetes-sigs/metrics-server/releases/download/{}/components.yaml"


def up(layout: Layout, steps: Steps) -> None:
    """Create the cluster unless it is there, and give it a metrics-server."""
    env = {**os.environ, "KUBECONFIG": str(layout.kubeconfig)}
    with steps.step("kind cluster") as note:
        if _NAME in run(["kind", "get", "clusters"], what="kind get clusters").split():
            run(["kind", "export", "kubeconfig", "--name", _NAME], what="kind", env=env)
            note("there already")
        else:
            log = layout.cache_logs / "kind.log"
            hint = "read the log; `docker info` tells how the engine is"
            argv = ["kind", "create", "cluster", "--name", _NAME, "--wait", "180s"]
            run(argv, what="kind create cluster", env=env, log=log, hint=hint)
    with steps.step("metrics-server"):
        version = binaries.module_version(
            (HERE / "go.mod").read_text(), "sigs.k8s.io/metrics-server"
        )
        argv = ["kubectl", "apply", "-f", _METRICS.format(version)]
        run(argv, what="installing metrics-server", env=env)
        # kind's kubelets have certificates of their own making.
        flag = '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"%s"}]'
        argv = ["kubectl", "-n", "kube-system", "patch", "deployment", "metrics-server"]
        argv += ["--type=json", "-p", flag % "--kubelet-insecure-tls"]
        run(argv, what="configuring metrics-server", env=env)


def down(layout: Layout, steps: Steps) -> None:
    """Delete the cluster."""
    with steps.step("deleting the kind cluster"):
        run(["kind", "delete", "cluster", "--name", _NAME], what="kind delete cluster")
    layout.kubeconfig.unlink(missing_ok=True)
    layout.how.unlink(missing_ok=True)


def load(image: str) -> None:
    """Give the cluster's node an image of the Docker engine, or an archive."""
    kind = "image-archive" if Path(image).is_file() else "docker-image"
    run(["kind", "load", kind, image, "--name", _NAME], what=f"kind load {image}")


def build(context: Path, dockerfile: Path, tag: str, build_args: dict[str, str]) -> None:
    """Build an image by the Docker engine and give it to the cluster's node."""
    argv = ["docker", "build", "-t", tag, "-f", str(dockerfile)]
    for name, value in build_args.items():
        argv += ["--build-arg", f"{name}={value}"]
    run([*argv, str(context)], what=f"docker build {tag}")
    load(tag)
