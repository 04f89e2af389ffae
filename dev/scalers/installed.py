"""Objects and processes for as long as something is tried: what was there before stays."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from dev.cluster.errors import ClusterError
from dev.cluster.run import run

Manifest = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"


@contextmanager
def installed(manifests: Sequence[Manifest]) -> Generator[None]:
    """Have objects in the cluster of KUBECONFIG; those that were missing are deleted at the end."""
    made: list[Manifest] = []
    try:
        for each in manifests:
            if not _there(each):
                made.append(each)
                kubectl("create", "-f", "-", stdin=each)
        for each in made:
            if each["kind"] == "CustomResourceDefinition":
                name = f"crd/{each['metadata']['name']}"
                kubectl("wait", "--for=condition=Established", "--timeout=60s", name)
        yield
    finally:
        for each in reversed(made):
            kubectl("delete", "--ignore-not-found", *_name(each))


@contextmanager
def process(
    argv: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Generator[None]:
    """A process that runs, with its output in a log; it is ended at the end.

    Raises:
        ClusterError: it has ended before.
    """
    with log.open("w") as output:
        one = subprocess.Popen(
            list(map(str, argv)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield
            if one.poll() is not None:
                raise ClusterError(f"{Path(argv[0]).name} has ended with {one.returncode}", log=log)
        finally:
            one.terminate()
            try:
                one.wait(20)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()


def types(files: Sequence[Path]) -> list[Manifest]:
    """The CustomResourceDefinitions of some files."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = [each for file in files for each in yaml.load_all(file.read_text(), Loader=loader)]
    return [each for each in found if each and each["kind"] == "CustomResourceDefinition"]


def manifest(
    api: str,
    kind: str,
    name: str,
    namespace: str = "",
    labels: Mapping[str, str] | None = None,
    **rest: Any,
) -> Manifest:
    """An object; one of the cluster where no namespace is given."""
    metadata: Manifest = {"name": name, "labels": dict(labels or {})}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def free_ports(number: int) -> list[int]:
    """Different ports that nothing listens on."""
    with ExitStack() as stack:
        free = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in free:
            each.bind(("", 0))
        return [each.getsockname()[1] for each in free]


def _there(of: Manifest) -> bool:
    return bool(kubectl("get", "--ignore-not-found", "-o", "name", *_name(of)).strip())


def _name(of: Manifest) -> list[str]:
    group = of["apiVersion"].rpartition("/")[0]
    metadata = of["metadata"]
    namespace = ["-n", metadata["namespace"]] if "namespace" in metadata else []
    return [*namespace, f"{of['kind']}.{group}" if group else of["kind"], metadata["name"]]


def kubectl(*arguments: str, stdin: Manifest | None = None) -> str:
    """Run kubectl for the cluster of KUBECONFIG; returns its output.

    Raises:
        ClusterError: it fails.
    """
    return run(
        ["kubectl", *arguments],
        what=f"kubectl {' '.join(arguments)}",
        stdin=None if stdin is None else json.dumps(stdin),
    )
