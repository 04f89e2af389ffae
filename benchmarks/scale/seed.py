"""Helm's records of many releases, byte for byte of the form that Helm writes.

A real record comes from ``helm create`` and a dry run. The records vary around it in size, as
they do in a cluster: some charts are small, a few carry files of dashboards or schemas.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import gzip
import json
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.scale.api import MERGE_PATCH, Api, each

NAMESPACES = 20
REVISIONS = 10
MARK = {"dash-portal.io/bench": "true"}
MIX = (("small", 0.35), ("usual", 0.45), ("large", 0.17), ("huge", 0.03))
"""Sizes of bodies, encoded: about 5, 10, 24 and 60 KB; 13 on average."""
EXTRA = {"large": 8_000, "huge": 33_000}
"""Bytes of an incompressible file in the chart of each."""
VALUES = {"usual": 5_000, "large": 12_000, "huge": 20_000}
"""Bytes of the values of each, about: settings as environment variables."""


@dataclass(frozen=True)
class Name:
    """Of a release."""

    namespace: str
    name: str

    @property
    def topic(self) -> str:
        """The topic of its page."""
        return f"app/{self.namespace}/{self.name}"


def names(count: int) -> list[Name]:
    """Of all releases, spread over the namespaces."""
    return [Name(f"bench-{n % NAMESPACES}", f"app-{n:04}") for n in range(count)]


def template() -> dict[str, Any]:
    """A record as the installed Helm makes it, of the chart that ``helm create`` makes."""
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder) / "web"
        subprocess.run(["helm", "create", str(chart)], check=True, capture_output=True)
        made = subprocess.run(
            [
                *("helm", "install", "xreleasex", str(chart), "--namespace", "xnamespacex"),
                *("--dry-run=client", "--output", "json"),
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        return json.loads(made.stdout)


class Records:
    """Makes the records of any release and revision; the same ones in every run."""

    def __init__(self) -> None:
        whole = template()
        self._texts: dict[str, str] = {}
        for size, _ in MIX:
            record = copy.deepcopy(whole)
            if size == "small":
                record["chart"]["templates"] = record["chart"]["templates"][1:4]
                record["chart"]["values"] = {"replicaCount": 1, "image": {"repository": "web"}}
                record["info"]["notes"] = "Open the address of its Service."
                record["hooks"] = []
            self._texts[size] = json.dumps(record)

    def encoded(self, release: Name, revision: int, status: str, at: datetime) -> str:
        """Return the Secret's content: base64 of gzip of JSON, without the API's own base64."""
        luck = random.Random(release.name)
        size = luck.choices([size for size, _ in MIX], [share for _, share in MIX])[0]
        text = self._texts[size].replace("xreleasex", release.name)
        record: dict[str, Any] = json.loads(text.replace("xnamespacex", release.namespace))
        record["version"] = revision
        record["config"] = {
            "replicaCount": 3,
            "image": {"tag": f"1.0.{revision}"},
            "extraEnvVars": _settings(luck, VALUES.get(size, 0)),
        }
        record["info"] |= {
            "first_deployed": at.isoformat(),
            "last_deployed": at.isoformat(),
            "status": status,
            "description": "Upgrade complete" if revision > 1 else "Install complete",
        }
        if size in EXTRA:
            data = base64.b64encode(luck.randbytes(EXTRA[size])).decode()
            record["chart"]["files"].append({"name": "files/dashboard.json", "data": data})
        packed = gzip.compress(json.dumps(record).encode(), 9)
        return base64.b64encode(packed).decode()

    def secret(self, release: Name, revision: int, status: str) -> dict[str, Any]:
        """The whole Secret."""
        at = datetime.now(UTC) - timedelta(hours=REVISIONS - revision)
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "helm.sh/release.v1",
            "metadata": {
                "name": secret_name(release, revision),
                "namespace": release.namespace,
                "labels": {
                    "modifiedAt": str(int(at.timestamp())),
                    "name": release.name,
                    "owner": "helm",
                    "status": status,
                    "version": str(revision),
                },
            },
            "data": {
                "release": base64.b64encode(
                    self.encoded(release, revision, status, at).encode()
                ).decode()
            },
        }


def _settings(luck: random.Random, size: int) -> list[dict[str, str]]:
    """Environment variables, about ``size`` bytes of them."""
    return [
        {"name": f"SERVICE_{number}_URL", "value": f"http://{luck.getrandbits(64):x}.internal:8050"}
        for number in range(size // 70)
    ]


def secret_name(release: Name, revision: int) -> str:
    """As Helm names it."""
    return f"sh.helm.release.v1.{release.name}.v{revision}"


def secrets_path(release: Name) -> str:
    """Return the API path of a release's Secrets."""
    return f"/api/v1/namespaces/{release.namespace}/secrets"


async def seed(api: Api, records: Records, count: int, done: Callable[[], object]) -> None:
    """Write ``count`` releases × ``REVISIONS``; ``done`` is called after each Secret."""
    for number in range(NAMESPACES):
        space = {"metadata": {"name": f"bench-{number}", "labels": MARK}}
        await api.call("POST", "/api/v1/namespaces", space, fine=[409])

    async def post(release: Name, revision: int) -> None:
        status = "deployed" if revision == REVISIONS else "superseded"
        secret = await asyncio.to_thread(records.secret, release, revision, status)
        await api.call("POST", secrets_path(release), secret, fine=[409])

    def work() -> Iterator[partial[Any]]:
        for release in names(count):
            for revision in range(1, REVISIONS + 1):
                yield partial(post, release, revision)

    await each(work(), done)


async def upgrade(api: Api, records: Records, release: Name, revision: int) -> None:
    """Write what Helm does for an upgrade: the new record, then the old one as superseded."""
    await api.call("POST", secrets_path(release), records.secret(release, revision, "deployed"))
    old = f"{secrets_path(release)}/{secret_name(release, revision - 1)}"
    labels = {"metadata": {"labels": {"status": "superseded"}}}
    await api.call("PATCH", old, labels, kind=MERGE_PATCH)
