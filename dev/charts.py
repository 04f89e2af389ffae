"""A repository of charts for the demo, served from inside the cluster: something to launch beside
the built-in chart, as a repository elsewhere would offer it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "charts"
OFFERED = (("web-server", "1.1.0"), ("web-server", ""), ("task-cluster", ""), ("bare", ""))
"""Charts, and the version that they are offered as; "" for their own."""
NAME = "charts"
PORT = 8080


def repository() -> dict[str, bytes]:
    """The files of a classic repository: ``index.yaml``, and an archive of each chart."""
    files: dict[str, bytes] = {}
    entries: dict[str, list[dict[str, Any]]] = {}
    for name, version in OFFERED:
        chart: dict[str, Any] = yaml.safe_load((CHARTS / name / "Chart.yaml").read_text())
        chart["version"] = version or chart["version"]
        packed = _archive(CHARTS / name, chart)
        file = f"{name}-{chart['version']}.tgz"
        files[file] = packed
        digest = hashlib.sha256(packed).hexdigest()
        entries.setdefault(name, []).append({**chart, "urls": [file], "digest": digest})
    files["index.yaml"] = yaml.safe_dump({"apiVersion": "v1", "entries": entries}).encode()
    return files


def objects(files: Mapping[str, bytes], image: str, namespace: str) -> str:
    """The Kubernetes objects, as JSON, that serve ``files`` with an image that holds Python."""
    labels = {"app.kubernetes.io/name": NAME}
    metadata = {"name": NAME, "namespace": namespace, "labels": labels}
    contents = {name: base64.b64encode(content).decode() for name, content in files.items()}
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "files",
                "image": image,
                "command": ["python3", "-m", "http.server", str(PORT), "--directory", "/charts"],
                "ports": [{"name": "http", "containerPort": PORT}],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
                "readinessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1},
                "resources": {"requests": {"cpu": "5m", "memory": "24Mi"}},
                "volumeMounts": [{"name": "charts", "mountPath": "/charts", "readOnly": True}],
            }
        ],
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "charts", "configMap": {"name": NAME}}],
    }
    # New contents replace the pod: a mounted ConfigMap follows a minute late.
    mark = {"checksum/charts": hashlib.sha256(json.dumps(contents).encode()).hexdigest()}
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": contents},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": labels,
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels, "annotations": mark}, "spec": pod},
            },
        },
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _archive(folder: Path, chart: Mapping[str, Any]) -> bytes:
    """A chart's archive, the same each time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            content = path.read_bytes()
            if path == folder / "Chart.yaml":
                content = yaml.safe_dump(dict(chart), sort_keys=False).encode()
            info = tarfile.TarInfo(f"{folder.name}/{path.relative_to(folder)}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
