"""The volume of the demo's portal: a folder of this machine, for history and the audit trail."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

CLAIM = "dash-portal-data"
USER = 10001
"""The user of the portal's image (see Dockerfile), to whom the folder belongs."""
SIZE = "2Gi"


def folder(state: Path) -> Path:
    """Have the folder, in the cluster's state: it goes with the cluster."""
    made = state / "portal-data"
    made.mkdir(mode=0o700, exist_ok=True)
    os.chown(made, USER, USER)
    return made


def objects(path: Path, namespace: str) -> str:
    """The volume and its claim, as JSON."""
    common: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    items: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": CLAIM},
            "spec": {
                **common,
                "capacity": {"storage": SIZE},
                "claimRef": {"namespace": namespace, "name": CLAIM},
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": str(path), "type": "Directory"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": CLAIM, "namespace": namespace},
            "spec": {
                **common,
                "volumeName": CLAIM,
                "resources": {"requests": {"storage": SIZE}},
            },
        },
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
